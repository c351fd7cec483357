//! Somebody waits to hear that a seed has arrived: each job whose points it brought runs its `after` command, told what
//! for.

use std::collections::BTreeMap;

use crate::catalog::SeedRow;
use crate::command::backup::after_seed;
use crate::command::{Context, Failure};
use crate::model::{DestinationName, JobId};

/// A seed is over and its destination as good as any: said, and told to the jobs' commands.
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn tell_ready(context: &Context, seed: &SeedRow, destination: &DestinationName) -> Result<(), Failure> {
    let text = format!("{destination}: the seed {} has arrived and counts; it is used as any other now", seed.id);
    context.call.voice.say(&text);
    let catalog = &context.installation.catalog;
    let mut of_jobs: BTreeMap<JobId, Vec<String>> = BTreeMap::new();
    for point in &seed.points {
        if let Some(point) = catalog.point(*point)? {
            of_jobs.entry(point.job).or_default().push(point.id.to_string());
        }
    }
    for row in catalog.jobs()? {
        if let (Some(points), Some(job)) = (of_jobs.get(&row.id), context.installation.config.job(&row.name)) {
            after_seed(context, job, destination, &points.join(" "));
        }
    }
    Ok(())
}

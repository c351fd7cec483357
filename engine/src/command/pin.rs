//! `engine pin`, `engine unpin` and `engine alarm clear`: what a person says about points, and heads that carry it.

use super::backup::clock;
use super::publish::publish;
use super::read::resolve;
use super::{Call, Context, Exit, Failure};
use crate::catalog::{Catalog, JobRow, PointRow};
use crate::model::{JobId, JobName};
use crate::report::{AlarmReport, PinReport};

/// A pinned point is never removed.
///
/// # Errors
/// Exit 2 if the text names no point; exit 1 if the installation can't be opened.
pub fn pin(call: &Call, point: &str) -> Result<(PinReport, Exit), Failure> {
    set_pin(call, point, Pinned::Yes)
}

/// The rules decide again how long the point stays.
///
/// # Errors
/// As [`pin`].
pub fn unpin(call: &Call, point: &str) -> Result<(PinReport, Exit), Failure> {
    set_pin(call, point, Pinned::No)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pinned {
    Yes,
    No,
}

fn set_pin(call: &Call, text: &str, pinned: Pinned) -> Result<(PinReport, Exit), Failure> {
    let context = Context::open(call)?;
    let catalog = &context.installation.catalog;
    let point = resolve(catalog, text)?;
    let changed = point.pinned != (pinned == Pinned::Yes);
    if changed {
        match pinned {
            Pinned::Yes => catalog.pin(point.order)?,
            Pinned::No => catalog.unpin(point.order)?,
        }
        publish(&context)?;
    }
    let job = catalog.jobs()?.into_iter().find(|row| row.id == point.job).map(|row| row.name);
    let job = job.ok_or_else(|| Failure::new("the catalog is not whole", "a point's job is not known", ""))?;
    Ok((PinReport { point: point.id, job, pinned: pinned == Pinned::Yes, changed }, Exit::Done))
}

/// Eviction and retention of a job go on after an alarm, a jump of the clock, or a rebuild that nobody confirmed.
///
/// # Errors
/// Exit 2 for a job that there never was.
pub fn clear_alarm(call: &Call, job: &JobName) -> Result<(AlarmReport, Exit), Failure> {
    let context = Context::open(call)?;
    let catalog = &context.installation.catalog;
    let Some(row) = catalog.job_named(job)? else {
        context.jobs(std::slice::from_ref(job))?;
        return Ok((AlarmReport { job: job.clone(), cleared: None }, Exit::Done));
    };
    let rebuilt = catalog.meta()?.unconfirmed.then(|| "the catalog was rebuilt or set back, for all jobs".to_owned());
    start_anew(catalog, &row)?;
    let mut raised: Vec<String> = [row.alarm, row.clock_jump, rebuilt.clone()].into_iter().flatten().collect();
    raised.extend(super::status::hear(catalog, row.id)?);
    if raised.is_empty() {
        raised.extend(given_up(catalog, row.id)?);
    }
    if raised.is_empty() {
        return Ok((AlarmReport { job: job.clone(), cleared: None }, Exit::Done));
    }
    if rebuilt.is_some() {
        catalog.confirm()?;
    }
    publish(&context)?;
    Ok((AlarmReport { job: job.clone(), cleared: Some(raised.join("; ")) }, Exit::Done))
}

/// Points that heads tell of and that lie nowhere keep all from being deleted there. Whoever clears an alarm means the
/// alarm; only where nothing else is raised are these points given up.
fn given_up(catalog: &Catalog, job: JobId) -> Result<Option<String>, Failure> {
    let points: Vec<String> = catalog.give_up_unsure(job)?.iter().map(ToString::to_string).collect();
    let text =
        || format!("points that heads tell of and that lie nowhere are waited for no more: {}", points.join(", "));
    Ok((!points.is_empty()).then(text))
}

/// What is confirmed is what the next points are compared with: the newest point, and of those that were not removed
/// everywhere the time of the newest. So a person who removed the points that a wrong clock stamped is rid of that time.
/// Its canaries, as many as it is known to hold, are no files.
fn start_anew(catalog: &Catalog, row: &JobRow) -> Result<(), Failure> {
    let points: Vec<PointRow> = catalog.points()?.into_iter().filter(|point| point.job == row.id).collect();
    let content = |point: &PointRow| {
        let files = point.files.saturating_sub(catalog.canaries_in(row.id, point.order)?);
        Ok::<_, Failure>((files, point.bytes))
    };
    let (files, bytes) = points.last().map(content).transpose()?.unwrap_or_default();
    let mut created = None;
    for point in &points {
        let is_there = catalog.placements_of(point.order)?.iter().any(|(_, placed)| placed.state.is_there());
        created = created.max((point.removed.is_none() || is_there).then_some(point.created));
    }
    catalog.update_job(row.id, &|row| {
        (row.alarm, row.clock_jump, row.newest_created) = (None, None, created);
        (row.last_files, row.last_bytes) = (files, bytes);
    })?;
    Ok(clock::confirm(catalog)?)
}

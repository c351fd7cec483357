//! `engine points`.

use super::names::Names;
use super::placements::Placements;
use crate::catalog::PointRow;
use crate::command::{Call, Context, Exit, Failure};
use crate::model::JobName;
use crate::report::{PointReport, PointsReport};

/// The points that there are, newest first; only of one job if it is named.
///
/// # Errors
/// Exit 2 for a job that neither the configuration nor the catalog knows; exit 1 if the catalog can't be read.
pub fn points(call: &Call, job: Option<&JobName>) -> Result<(PointsReport, Exit), Failure> {
    let context = Context::open(call)?;
    let (catalog, config) = (&context.installation.catalog, &context.installation.config);
    let only = job.map(|name| catalog.job_named(name)).transpose()?.flatten();
    if let (Some(name), None) = (job, &only) {
        context.jobs(std::slice::from_ref(name))?;
        return Ok((PointsReport::default(), Exit::Done));
    }
    let (names, placements) = (Names::of(catalog)?, Placements::of(catalog, config)?);
    let wanted = names.points().rev().filter(|point| only.as_ref().is_none_or(|job| point.job == job.id));
    let existing = wanted.filter(|point| placements.exists(point));
    let points = existing.map(|point| point_report(point, &names, &placements)).collect::<Result<_, _>>()?;
    Ok((PointsReport { points }, Exit::Done))
}

pub(super) fn point_report(
    point: &PointRow,
    names: &Names,
    placements: &Placements<'_>,
) -> Result<PointReport, Failure> {
    let job = names.job(point.job)?;
    let placed = placements.placed(point, &job);
    Ok(PointReport {
        id: point.id,
        job,
        sequence: point.order.sequence,
        created: point.created,
        files: point.files,
        bytes: point.bytes,
        stored_bytes: point.stored_bytes,
        pinned: point.pinned,
        base: point.base.and_then(|base| names.id(base)),
        placements: placed.into_iter().map(|placed| placed.report).collect(),
    })
}

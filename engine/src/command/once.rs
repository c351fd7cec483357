//! `engine run --once`: all that is due, then exit.

use super::backup::backup_jobs;
use super::copy::{exit, report};
use super::round::{Wanted, round};
use super::{Call, Context, DryRun, Exit, Failure};
use crate::capture::Reading;
use crate::config::Job;
use crate::report::RunReport;

/// A new point of each job that is due, copies, retention.
///
/// # Errors
/// Exit 2 for the configuration; exit 1 if nothing could be done.
pub fn run_once(call: &Call) -> Result<(RunReport, Exit), Failure> {
    let context = Context::open(call)?;
    let mut due: Vec<Job> = Vec::new();
    for job in &context.installation.config.jobs {
        if is_due(&context, job)? {
            due.push(job.clone());
        }
    }
    let (backup, backed_up) = backup_jobs(&context, &due, Reading::Changed, DryRun::No)?;
    let wanted = Wanted::everything();
    let visited = round(&context, &wanted)?;
    let copied = report(&context, &visited)?;
    let exit = backed_up.and(exit(&context, &visited, &wanted)?);
    let report = RunReport {
        points: backup.points,
        failed: backup.failed,
        copies: copied.copies,
        evicted: copied.evicted,
        removed: copied.removed,
    };
    Ok((report, exit))
}

/// A job without a schedule is always due; one with a schedule if a time of it has passed since its last run began.
pub(super) fn is_due(context: &Context, job: &Job) -> Result<bool, Failure> {
    let Some(schedule) = &job.schedule else { return Ok(true) };
    let row = context.installation.catalog.job_named(&job.name)?;
    let last = row.and_then(|row| row.last_run).map(|run| run.started);
    Ok(schedule.due(last, context.call.clock.now(), &jiff::tz::TimeZone::system()))
}

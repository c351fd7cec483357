//! `engine run --once`: all that is due, then exit.

use super::backup::{backup_jobs, check_readable, nothing_made};
use super::copy::{busy, did_anything, exit, report};
use super::round::{Wanted, round};
use super::{Call, Context, DryRun, Exit, Failure};
use crate::capture::Reading;
use crate::catalog::locks::{LockName, is_held};
use crate::config::Job;
use crate::report::RunReport;
use crate::service::noticed;

/// A new point of each job that is due, copies, retention.
///
/// # Errors
/// Exit 2 for the configuration; exit 1 if nothing could be done.
pub fn run_once(call: &Call) -> Result<(RunReport, Exit), Failure> {
    let context = Context::open(call)?;
    context.tell_notes();
    let mut due: Vec<Job> = Vec::new();
    for job in &context.installation.config.jobs {
        if is_due(&context, job)? {
            due.push(job.clone());
        }
    }
    check_readable(&context.installation.config, &due)?;
    let (backup, backed_up) = backup_jobs(&context, &due, Reading::Changed, DryRun::No)?;
    let wanted = Wanted::everything();
    let visited = round(&context, &wanted)?;
    let copies = exit(&context, &visited, &wanted)?;
    if backup.points.is_empty() && !did_anything(&visited) && copies != Exit::Damage {
        // Nothing was done, and something was to be.
        let failure = (backed_up == Exit::Failed).then(|| nothing_made(&backup.failed));
        if let Some(failure) = failure.or_else(|| busy(&visited)) {
            return Err(failure);
        }
    }
    let copied = report(&context, &visited)?;
    // Copies that were made are something, even if no point was.
    let exit = if backed_up == Exit::Failed { Exit::Partial.and(copies) } else { backed_up.and(copies) };
    let report = RunReport {
        points: backup.points,
        failed: backup.failed,
        broken: backup.broken,
        copies: copied.copies,
        evicted: copied.evicted,
        removed: copied.removed,
    };
    Ok((report, exit))
}

/// A job without a schedule is always due; one with a schedule if a time of it has passed since its last run began, if
/// that run died, or if a wrong clock told when it was.
pub(super) fn is_due(context: &Context, job: &Job) -> Result<bool, Failure> {
    let Some(schedule) = &job.schedule else { return Ok(true) };
    let (now, zone) = (context.call.clock.now(), jiff::tz::TimeZone::system());
    let run = context.installation.catalog.job_named(&job.name)?.and_then(|row| row.last_run);
    let Some(run) = run else { return Ok(true) };
    let runs = || is_held(&context.locks(), &LockName::Job(job.name.clone()).to_string());
    let died = run.finished.is_none() && !runs();
    Ok(died || noticed(None, run.started, now).is_some() || schedule.due(Some(run.started), now, &zone))
}

//! `engine backup`: a recovery point of each job, now.

pub(super) mod clock;
mod dry_run;
mod set_back;
mod source;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use source::{is_paranoid, source_of, source_text};
use told::{capture_failure, home_failure, told};

pub(super) use source::check_readable;

use super::publish::{publish, read_in_home};
use super::{Call, Context, DryRun, Exit, Failure};
use crate::capture::{CaptureError, CaptureJob, Ports, Progress, Reading, Room, capture, estimate};
use crate::catalog::locks::{LockName, WorkLock};
use crate::catalog::{JobRow, NewJobIds, RunMark};
use crate::config::{Job, reserve_bytes};
use crate::copy::{Session, Told, Tools};
use crate::destination::{FileStore, ReadStore};
use crate::model::{GroupId, JobId, JobName, PointName, PointOrder, State, VaultId};
use crate::report::{BackupPoint, BackupReport, FailedJob};
use crate::source::Source;

/// What `backup` is asked for.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// Which jobs; all if none.
    pub jobs: Vec<JobName>,
    /// Which files are read.
    pub reading: Reading,
    /// Only look?
    pub dry_run: DryRun,
}

/// Makes the points.
///
/// # Errors
/// Exit 2 for an unknown job, exit 1 if no point could be made.
pub fn backup(call: &Call, options: &BackupOptions) -> Result<(BackupReport, Exit), Failure> {
    let context = Context::open(call)?;
    let jobs: Vec<Job> = context.jobs(&options.jobs)?.into_iter().cloned().collect();
    if jobs.is_empty() {
        return Err(Failure::usage("there is no job", "the configuration has no [job.NAME]", "add one"));
    }
    check_readable(&context.installation.config, &jobs)?;
    let (report, exit) = backup_jobs(&context, &jobs, options.reading, options.dry_run)?;
    if exit == Exit::Failed { Err(nothing_made(&report.failed)) } else { Ok((report, exit)) }
}

/// What a command comes to of which every job failed.
pub(super) fn nothing_made(failed: &[FailedJob]) -> Failure {
    if let [only] = failed {
        return Failure::new(only.what.clone(), only.why.clone(), only.advice.clone());
    }
    let why: Vec<_> = failed.iter().map(|job| format!("{}: {}: {}", job.job, job.what, job.why)).collect();
    let mut advice: Vec<&str> = failed.iter().map(|job| job.advice.as_str()).filter(|it| !it.is_empty()).collect();
    advice.dedup();
    Failure::new("no recovery point could be made", why.join("; "), advice.join("; "))
}

/// Makes a point of each of these jobs; one that fails does not stop the others.
///
/// # Errors
/// What concerns all of them: keys, home, catalog.
pub(super) fn backup_jobs(
    context: &Arc<Context>,
    jobs: &[Job],
    reading: Reading,
    dry_run: DryRun,
) -> Result<(BackupReport, Exit), Failure> {
    context.installation.keyring()?;
    context.installation.home()?;
    if dry_run == DryRun::No {
        set_back::meet(context)?;
    }
    let mut report = BackupReport::default();
    for job in jobs {
        if (context.call.stop)() {
            break;
        }
        let outcome = match dry_run {
            DryRun::Yes => dry_run::look(context, job, reading),
            DryRun::No => backup_job(context, job, reading),
        };
        match outcome {
            Ok(point) => report.points.push(point),
            Err(failure) => {
                context.call.voice.warn(&format!("{}: {failure}", job.name));
                report.failed.push(FailedJob {
                    job: job.name.clone(),
                    what: failure.what,
                    why: failure.why,
                    advice: failure.advice,
                });
            }
        }
    }
    let exit = match (report.points.is_empty(), report.failed.is_empty()) {
        (true, false) => Exit::Failed,
        (false, false) => Exit::Partial,
        _ if report.points.iter().any(|point| !point.problems.is_empty()) => Exit::Partial,
        _ => Exit::Done,
    };
    Ok((report, exit))
}

/// One job's point; then, if anything is on hold that was not before, a head that says so at every medium there is.
fn backup_job(context: &Arc<Context>, job: &Job, reading: Reading) -> Result<BackupPoint, Failure> {
    let before = holds(context)?;
    let outcome = backup_locked(context, job, reading);
    if holds(context)? != before {
        publish(context)?;
    }
    outcome
}

/// Why each job is on hold: an alarm, and a clock that jumped.
type Holds = BTreeMap<JobId, [Option<String>; 2]>;

fn holds(context: &Context) -> Result<Holds, Failure> {
    let jobs = context.installation.catalog.jobs()?.into_iter();
    let held = jobs.map(|job| (job.id, [job.alarm, job.clock_jump]));
    Ok(held.filter(|(_, whys)| whys.iter().any(Option::is_some)).collect())
}

fn backup_locked(context: &Arc<Context>, job: &Job, reading: Reading) -> Result<BackupPoint, Failure> {
    let _job_lock = context.lock(&LockName::Job(job.name.clone()), &format!("the job {}", job.name))?;
    let _home_lock = context.lock(&LockName::Home, "the home vault")?;
    let capture_lock = context.lock(&LockName::Capture(u64::from_be_bytes(context.random()?)), "a capture")?;
    let jump = clock::look(&context.installation.catalog, &*context.call.clock)?;
    let started = context.call.clock.now();
    let row = job_row(context, job)?;
    mark_run(context, &row, started, None, 0, "")?;
    let outcome = made(context, job, &row, reading, (&capture_lock, jump.as_deref()));
    if outcome.is_err() && (context.call.stop)() {
        // A run that was told to stop has not happened: it is due again.
        context.installation.catalog.update_job(row.id, &|now| now.last_run.clone_from(&row.last_run))?;
        return outcome;
    }
    let (code, text) = match &outcome {
        Ok(point) if point.problems.is_empty() => (0, String::new()),
        Ok(point) => (3, told::in_short(&point.problems)),
        Err(failure) => (failure.exit.code(), failure.to_string()),
    };
    mark_run(context, &row, started, Some(context.call.clock.now()), code, &text)?;
    outcome
}

fn mark_run(
    context: &Context,
    row: &JobRow,
    started: crate::model::Time,
    finished: Option<crate::model::Time>,
    outcome: u8,
    text: &str,
) -> Result<(), Failure> {
    let mark = RunMark { started, finished, outcome, text: text.to_owned() };
    context.installation.catalog.update_job(row.id, &|row| row.last_run = Some(mark.clone()))?;
    Ok(())
}

/// The job's row, made with fresh ids if it is new. One that is new to a catalog that was set back may lie at home: that
/// is read in first, or its points would be another job's. The caller holds home's lock.
pub(super) fn job_row(context: &Context, job: &Job) -> Result<JobRow, Failure> {
    if context.installation.catalog.job_named(&job.name)?.is_none() {
        read_in_home(context)?;
    }
    let ids = NewJobIds { job: JobId(context.random()?), group: GroupId(context.random()?) };
    let group = (job.dedup_group != job.name).then_some(&job.dedup_group);
    Ok(context.installation.catalog.ensure_job(&job.name, group, &ids)?)
}

fn made(
    context: &Arc<Context>,
    job: &Job,
    row: &JobRow,
    reading: Reading,
    (lock, jump): (&WorkLock, Option<&str>),
) -> Result<BackupPoint, Failure> {
    let installation = &context.installation;
    let home = installation.home()?;
    let home_id = installation.home_id()?;
    let mut source = source_of(context, job)?;
    let previous = previous(context, row, home_id)?;
    let room = room(context, &home, home_id)?;
    if previous.is_none() {
        refuse_what_cannot_fit(&mut *source, job, &room)?;
    }
    let voice = Arc::clone(&context.call.voice);
    let stop = Arc::clone(&context.call.stop);
    let stop_now = move || stop();
    let tell = move |told: &Told| {
        if let Told::Note(text) = told {
            voice.warn(text);
        }
    };
    let tools = Tools {
        catalog: &installation.catalog,
        keyring: installation.keyring()?,
        clock: &*context.call.clock,
        entropy: &*context.call.entropy,
        stop: &stop_now,
        tell: &tell,
    };
    let session = Session::open(tools, &*home, home_id).map_err(|error| home_failure(&error))?;
    let capture_job = CaptureJob {
        id: row.id,
        name: job.name.clone(),
        group: row.group,
        source: source_text(job),
        reading: if is_paranoid(job) { Reading::Everything } else { reading },
        previous,
        not_before: row.newest_created,
        owed: owed(context, job)?,
    };
    let what = format!("{}: reading", job.name);
    let progress = |p: &Progress| context.call.voice.progress(&what, p.bytes, 0);
    let lock = lock.name().to_string();
    let ports = Ports {
        home: &*home,
        home_id,
        keyring: tools.keyring,
        catalog: tools.catalog,
        clock: tools.clock,
        entropy: tools.entropy,
        lock: &lock,
        room,
        stop: &stop_now,
        progress: &progress,
    };
    let begun = tools.clock.monotonic();
    let captured = capture(&mut *source, &capture_job, &ports);
    context.call.voice.progress_done(&what);
    // What a capture that broke off has stored is of no use to anybody; after a failure of the vault or the catalog
    // it is not certain what refers to it, and the next session looks.
    if matches!(captured, Err(CaptureError::Full { .. } | CaptureError::Stopped | CaptureError::Source(_))) {
        drop(crate::copy::sweep_home(&session));
    }
    let closed = session.close();
    let captured = captured.map_err(|error| capture_failure(job, &error))?;
    closed.map_err(|error| home_failure(&error))?;
    let took = tools.clock.monotonic().saturating_sub(begun);
    Ok(told(context, job, jump, captured, took.as_secs_f64()))
}

/// The job's newest point that is whole at home.
fn previous(context: &Context, row: &JobRow, home: VaultId) -> Result<Option<(PointOrder, PointName)>, Failure> {
    let catalog = &context.installation.catalog;
    for (order, placement) in catalog.placements_at(home)?.into_iter().rev() {
        if matches!(placement.state, State::Complete | State::Present)
            && let Some(point) = catalog.point(order)?.filter(|point| point.job == row.id)
        {
            return Ok(Some((order, PointName { order, id: point.id })));
        }
    }
    Ok(None)
}

/// Media of the job's destinations that are in use.
fn owed(context: &Context, job: &Job) -> Result<Vec<VaultId>, Failure> {
    let media = context.installation.catalog.media()?;
    let wanted = media.iter().filter(|row| row.retired.is_none() && job.offsite.contains(&row.destination));
    Ok(wanted.map(|row| row.vault).collect())
}

/// What may be written at home: under its limit, and above its reserve.
fn room(context: &Context, home: &FileStore, home_id: VaultId) -> Result<Room, Failure> {
    let config = &context.installation.config.home;
    let used = context.installation.catalog.usage(home_id)?.bytes();
    let space = home
        .space()
        .map_err(|error| Failure::of("can't measure the home vault", &error, "check the disk and its permissions"))?;
    let by_limit = config.limit.map(|limit| limit.saturating_sub(used));
    let by_reserve = space.map(|space| space.free.saturating_sub(reserve_bytes(config.reserve, space.total)));
    Ok(Room { bytes: [by_limit, by_reserve].into_iter().flatten().min() })
}

/// A first point that can't fit is refused before it is begun, with figures.
fn refuse_what_cannot_fit(source: &mut dyn Source, job: &Job, room: &Room) -> Result<(), Failure> {
    let Some(bytes) = room.bytes else { return Ok(()) };
    let needed = estimate(source, bytes);
    if room.holds(needed) {
        return Ok(());
    }
    let why = format!("about {needed} bytes are needed, {bytes} are left under its limit and reserve");
    Err(Failure::new(
        format!("the home vault has no room for a point of {}", job.name),
        why,
        "raise home.limit, lower home.reserve, free the disk, or exclude something",
    ))
}

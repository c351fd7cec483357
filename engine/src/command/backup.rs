//! `engine backup`: a recovery point of each job, now.

mod adopt;
mod canary;
pub(super) mod clock;
mod dry_run;
mod hooks;
mod relearn;
mod room;
mod set_back;
mod source;
mod speed;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use adopt::Adopted;
use room::{MakesRoom, at_most, refuse_what_cannot_fit, room};
use source::{is_paranoid, source_of, source_text};
use told::{capture_failure, home_failure, told};

pub(super) use source::check_readable;
pub(super) use speed::sealing_speed;

use super::key::reuse_from;
use super::publish::{publish, read_in_home};
use super::{Call, Context, DryRun, Exit, Failure};
use crate::capture::{Adopts, CaptureError, CaptureJob, Ports, Progress, Reading, capture};
use crate::catalog::locks::{LockName, WorkLock};
use crate::catalog::{JobRow, NewJobIds, RunMark};
use crate::config::{self, Job};
use crate::copy::{Session, Told, Tools};
use crate::model::{DestinationName, GroupId, JobId, JobName, PointName, PointOrder, State, VaultId};
use crate::report::{BackupPoint, BackupReport, FailedJob, PathProblem};
use crate::source::Source;
use crate::vault::VaultReader;

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
            Ok(made) => {
                report.points.extend(made.points);
                report.broken.extend(made.broken);
                report.later.extend(made.later);
                report.failed.extend(made.failed);
            }
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
    let exit = match (report.points.is_empty() && report.broken.is_empty(), report.failed.is_empty()) {
        (true, false) => Exit::Failed,
        (false, false) => Exit::Partial,
        _ if !report.broken.is_empty() => Exit::Partial,
        _ if report.points.iter().any(|point| !point.problems.is_empty()) => Exit::Partial,
        _ => Exit::Done,
    };
    Ok((report, exit))
}

/// One job's point; then, if anything is on hold that was not before, a head that says so at every medium there is.
fn backup_job(context: &Arc<Context>, job: &Job, reading: Reading) -> Result<Adopted, Failure> {
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

fn backup_locked(context: &Arc<Context>, job: &Job, reading: Reading) -> Result<Adopted, Failure> {
    let _job_lock = context.lock(&LockName::Job(job.name.clone()), &format!("the job {}", job.name))?;
    let home_lock = || context.lock(&LockName::Home, "the home vault");
    let (row, started) = {
        let _home_lock = home_lock()?;
        (job_row(context, job)?, context.call.clock.now())
    };
    mark_run(context, &row, started, None, 0, "")?;
    // What the user's command makes is there before anything is looked at; nobody waits for it but this job.
    let outcome = hooks::before(context, job).and_then(|()| {
        let found = match &job.source {
            config::Source::RecoveryPoints(config) => Some((config, adopt::found(context, job, config)?)),
            _ => None,
        };
        let _home_lock = home_lock()?;
        let lock = &context.lock(&LockName::Capture(u64::from_be_bytes(context.random()?)), "a capture")?;
        let jump = clock::look(&context.installation.catalog, &*context.call.clock)?;
        let capturing = Capturing { context, job, reading, lock, jump: jump.as_deref() };
        match &found {
            Some((config, found)) => adopt::adopt(&capturing, config, found, &row),
            None => captured(&capturing, &row).map(|point| Adopted { points: vec![point], ..Adopted::default() }),
        }
    });
    let outcome = afterwards(context, job, outcome);
    if outcome.is_err() && (context.call.stop)() {
        // A run that was told to stop has not happened: it is due again.
        context.installation.catalog.update_job(row.id, &|now| now.last_run.clone_from(&row.last_run))?;
        return outcome;
    }
    let (code, text) = match &outcome {
        Ok(made) => told::run(made),
        Err(failure) => (failure.exit.code(), failure.to_string()),
    };
    mark_run(context, &row, started, Some(context.call.clock.now()), code, &text)?;
    outcome
}

/// The job's commands after a run; one that fails makes the run one that was done in part.
fn afterwards(context: &Context, job: &Job, outcome: Result<Adopted, Failure>) -> Result<Adopted, Failure> {
    match outcome {
        Ok(mut made) => {
            let ids = made.points.iter().filter_map(|point| point.id).map(|id| id.to_string());
            let told = [("OFFSITE_POINTS", ids.collect::<Vec<_>>().join(" "))];
            if let Err(why) = hooks::run(context, job, hooks::When::After, &told) {
                context.call.voice.warn(&format!("{}: {why}", job.name));
                let what = format!("the run of {} is not complete", job.name);
                let advice = "see to it; the recovery point was made".to_owned();
                made.failed.push(FailedJob { job: job.name.clone(), what, why, advice });
            }
            Ok(made)
        }
        Err(failure) => {
            let told = [("OFFSITE_ERROR", failure.to_string())];
            if let Err(why) = hooks::run(context, job, hooks::When::OnFailure, &told) {
                context.call.voice.warn(&format!("{}: {why}", job.name));
            }
            Err(failure)
        }
    }
}

/// A seed brought points of the job to a destination: its `after` command hears of it.
pub(super) fn after_seed(context: &Context, job: &Job, destination: &DestinationName, points: &str) {
    let told = [
        ("OFFSITE_EVENT", "seed-verified".to_owned()),
        ("OFFSITE_DESTINATION", destination.to_string()),
        ("OFFSITE_POINTS", points.to_owned()),
    ];
    if let Err(why) = hooks::run(context, job, hooks::When::After, &told) {
        context.call.voice.warn(&format!("{}: {why}", job.name));
    }
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

/// What the captures of one job's run have in common.
struct Capturing<'c> {
    context: &'c Arc<Context>,
    job: &'c Job,
    reading: Reading,
    /// Held as long as it captures.
    lock: &'c WorkLock,
    /// What was found of the clock.
    jump: Option<&'c str>,
}

/// The job's source as it is now.
fn captured(capturing: &Capturing<'_>, row: &JobRow) -> Result<BackupPoint, Failure> {
    let Capturing { context, job, .. } = *capturing;
    let mut source = source_of(context, job, Some(row.id))?;
    let previous = previous(context, row, context.installation.home_id()?)?;
    let tended = canary::tend(context, job, row.id, previous)?;
    let former = Former { previous, suspicions: tended.alarm.clone() };
    let (_, mut point) = made(capturing, &mut *source, former, None)?;
    context.installation.catalog.set_plots(row.id, tended.plots.as_ref())?;
    point.problems.extend(tended.problems.iter().map(PathProblem::from));
    point.warnings.extend(tended.warnings.iter().map(told::line));
    Ok(point)
}

/// What a point is compared with.
#[derive(Default)]
struct Former {
    /// The job's newest point that is whole at home.
    previous: Option<(PointOrder, PointName)>,
    /// What was found at the source already, and is an alarm.
    suspicions: Vec<String>,
}

/// One point of what a source holds. The caller holds the locks of a capture.
fn made(
    capturing: &Capturing<'_>,
    source: &mut dyn Source,
    former: Former,
    adopts: Option<Adopts>,
) -> Result<(PointName, BackupPoint), Failure> {
    let Capturing { context, job, reading, lock, jump } = *capturing;
    let installation = &context.installation;
    let home = installation.home()?;
    let home_id = installation.home_id()?;
    let row = job_row(context, job)?;
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
    let makes_room = MakesRoom::new(context, &session, row.id, &home);
    let make_room = |bytes| makes_room.holds(bytes);
    let room = room(context, &home, home_id)?;
    let capture_job = CaptureJob {
        id: row.id,
        name: job.name.clone(),
        group: row.group,
        source: source_text(job),
        reading: if is_paranoid(job) { Reading::Everything } else { reading },
        previous: former.previous,
        reuse_from: reuse_from(tools.catalog, tools.keyring.epoch())?,
        not_before: row.newest_created,
        owed: owed(context, job)?,
        adopts,
        suspicions: former.suspicions,
        canaries: canary::known(context)?,
    };
    let reader = VaultReader::new(&*home, tools.keyring);
    let holds_at_a_loss = |source: &mut dyn Source| {
        at_most(job, &capture_job, source, (tools.catalog, &reader))
            .is_some_and(|most| makes_room.holds_at_a_loss(most))
    };
    let makes = |source: &mut dyn Source, bytes| make_room(bytes) || holds_at_a_loss(source);
    if capture_job.refers_to(tools.catalog).is_none()
        && let Err(refused) = refuse_what_cannot_fit(source, job, &room, &makes)
    {
        let refused = makes_room.told_of_loss(refused);
        session.close().map_err(|error| home_failure(&error))?;
        return Err(refused);
    }
    tell_of_new_epoch(context, &capture_job)?;
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
        make_room: &make_room,
        stop: &stop_now,
        progress: &progress,
    };
    let begun = tools.clock.monotonic();
    let mut captured = capture(source, &capture_job, &ports);
    if matches!(captured, Err(CaptureError::Full { .. })) {
        // What it has stored goes, so that the whole of it is asked for at once.
        drop(crate::copy::sweep_home(&session));
        if holds_at_a_loss(source) {
            captured = capture(source, &capture_job, &ports);
        }
    }
    if let Err(lost @ CaptureError::PackVanished(_)) = &captured {
        // Home was set back, or someone deleted there: what it lacks is known now, and stored again.
        context.call.voice.warn(&format!("{}: {lost}: what it held is read and stored again", job.name));
        captured = capture(source, &capture_job, &ports);
    }
    context.call.voice.progress_done(&what);
    // What a capture that broke off has stored is of no use to anybody; after a failure of the vault or the catalog
    // it is not certain what refers to it, and the next session looks.
    if matches!(captured, Err(CaptureError::Full { .. } | CaptureError::Stopped | CaptureError::Source(_))) {
        drop(crate::copy::sweep_home(&session));
    }
    let lost = makes_room.problems();
    let captured = captured.map_err(|error| makes_room.told(capture_failure(job, &error)));
    let closed = session.close();
    let mut captured = captured?;
    captured.problems.extend(lost);
    closed.map_err(|error| home_failure(&error))?;
    let took = tools.clock.monotonic().saturating_sub(begun);
    Ok((captured.name, told(context, job, jump, captured, took.as_secs_f64())))
}

/// That nothing of the point before is referred to is said, so that nobody wonders at the first point of a key epoch.
fn tell_of_new_epoch(context: &Context, capture: &CaptureJob) -> Result<(), Failure> {
    let before = capture.previous.map(|(order, _)| context.installation.catalog.point(order)).transpose()?.flatten();
    if before.is_some_and(|before| before.key_epoch < capture.reuse_from) {
        let text = format!("{}: a new key epoch began: everything is read and stored anew this once", capture.name);
        context.call.voice.warn(&text);
    }
    Ok(())
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

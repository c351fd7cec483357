//! What a capture came to, as it is told.

use super::adopt::Adopted;
use crate::capture::{CaptureError, Captured};
use crate::command::{Context, Failure};
use crate::config::Job;
use crate::model::{Problem, chain};
use crate::report::{BackupPoint, PathProblem, PathText};
use crate::source::LeftOut;

/// What a problem begins with that is an alarm of the job.
const ALARM: &str = "alarm: ";

/// A point as it is told; `jump` is what was found of the clock.
pub(super) fn told(context: &Context, job: &Job, jump: Option<&str>, captured: Captured, seconds: f64) -> BackupPoint {
    let mut problems = captured.problems;
    let files = captured.stats.files;
    problems.extend(empty(job, captured.content_files));
    let held = |why: &str| {
        format!("{ALARM}{why}; nothing of it is evicted or removed until `engine alarm clear {}`", job.name)
    };
    problems.extend(captured.alarm.as_deref().into_iter().chain(jump).map(|why| Problem::new(b"", held(why))));
    for problem in problems.iter().chain(&captured.warnings) {
        context.call.voice.warn(&format!("{}: {}", job.name, line(problem)));
    }
    BackupPoint {
        id: Some(captured.name.id),
        job: job.name.clone(),
        created: captured.created,
        files,
        bytes: captured.stats.bytes,
        new_bytes: captured.new_bytes,
        rewritten_bytes: 0,
        stored_bytes: captured.stats.stored_bytes,
        seconds,
        problems: problems.iter().map(PathProblem::from).collect(),
        warnings: captured.warnings.iter().map(line).collect(),
        left_out: left_out_text(&captured.left_out),
        adopted: None,
    }
}

/// A run's exit code, and what is kept of it.
pub(super) fn run(made: &Adopted) -> (u8, String) {
    let is_fine = made.points.iter().all(|point| point.problems.is_empty());
    // What raised an alarm is told as long as the alarm is: the run's own words would outlast it.
    let besides = |point: &BackupPoint| {
        let is_alarm = |it: &&PathProblem| it.path.is_empty() && it.problem.starts_with(ALARM);
        point.problems.iter().filter(|it| !is_alarm(it)).cloned().collect::<Vec<_>>()
    };
    let points = made.points.iter().map(besides).filter(|it| !it.is_empty()).map(|it| in_short(&it));
    let broken = made.broken.iter().map(|broken| format!("{} is broken: {}", broken.point, broken.problem));
    let failed = made.failed.iter().map(|failed| format!("{}: {}", failed.what, failed.why));
    let told: Vec<String> = points.chain(broken).chain(failed).collect();
    (if told.is_empty() && is_fine { 0 } else { 3 }, told.join("; "))
}

/// A source with no file in it but canaries is a problem of its own.
pub(super) fn empty(job: &Job, files: u64) -> Option<Problem> {
    (files == 0).then(|| Problem::new(b"", format!("the source of {} is empty: nothing is protected", job.name)))
}

/// Problems in one line, for the record of the run: those of single files are counted, the others named.
pub(super) fn in_short(problems: &[PathProblem]) -> String {
    let (of_all, of_files): (Vec<_>, Vec<_>) = problems.iter().partition(|problem| problem.path.is_empty());
    let count = match of_files.len() {
        0 => None,
        1 => Some("1 path could not be read as it was".to_owned()),
        many => Some(format!("{many} paths could not be read as they were")),
    };
    let named = of_all.iter().map(|problem| problem.problem.clone());
    count.into_iter().chain(named).collect::<Vec<_>>().join("; ")
}

/// One line for a terminal, whatever the name is.
pub(super) fn line(problem: &Problem) -> String {
    if problem.path.is_empty() {
        return problem.problem.clone();
    }
    format!("{}: {}", PathText::new(&problem.path), problem.problem)
}

pub(super) fn left_out_text(left_out: &[(LeftOut, u64)]) -> Vec<String> {
    let word = |why: &LeftOut| match why {
        LeftOut::Excluded => "excluded",
        LeftOut::CacheTag => "cache folders (CACHEDIR.TAG)",
        LeftOut::NoBackup => "folders marked .nobackup",
        LeftOut::OtherFileSystem => "other file systems",
        LeftOut::OwnFolder => "the engine's own folders",
    };
    left_out.iter().map(|(why, count)| format!("{}: {count}", word(why))).collect()
}

pub(super) fn capture_failure(job: &Job, error: &CaptureError) -> Failure {
    let advice = match error {
        CaptureError::Full { .. } => {
            "raise home.limit, lower home.reserve, or free the disk; the last good point stays"
        }
        CaptureError::Source(failed) if !failed.advice.is_empty() => {
            &format!("{}; the last good point stays", failed.advice)
        }
        CaptureError::PackVanished(_) => {
            "see what deletes there, then `engine verify home --repair`; the last good point stays"
        }
        CaptureError::Stopped => "it runs again when it is due",
        _ => "the last good point stays",
    };
    Failure::of(format!("no recovery point of {}", job.name), error, advice)
}

pub(super) fn home_failure(error: &crate::copy::CopyError) -> Failure {
    Failure::new("the home vault can't be written to", chain(error), "check the disk and its permissions")
}

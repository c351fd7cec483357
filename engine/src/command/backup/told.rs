//! What a capture came to, as it is told.

use super::source::source_of;
use crate::capture::{CaptureError, Captured};
use crate::command::{Context, Failure};
use crate::config::Job;
use crate::model::{Problem, chain};
use crate::report::{BackupPoint, PathProblem, PathText};
use crate::source::LeftOut;

/// What a dry run tells: what a walk finds.
pub(super) fn look(context: &Context, job: &Job) -> Result<BackupPoint, Failure> {
    let mut source = source_of(context, job)?;
    let found = crate::capture::survey(&mut *source);
    Ok(BackupPoint {
        id: None,
        job: job.name.clone(),
        created: context.call.clock.now(),
        files: found.files,
        bytes: found.bytes,
        new_bytes: 0,
        rewritten_bytes: 0,
        stored_bytes: 0,
        seconds: 0.0,
        problems: found.problems.iter().map(PathProblem::from).collect(),
        warnings: found.warnings.iter().map(line).collect(),
        left_out: left_out_text(&found.left_out),
    })
}

/// A point as it is told; `jump` is what was found of the clock.
pub(super) fn told(context: &Context, job: &Job, jump: Option<&str>, captured: Captured, seconds: f64) -> BackupPoint {
    let mut problems = captured.problems;
    let files = captured.stats.files;
    if files == 0 {
        problems.push(Problem::new(b"", format!("the source of {} is empty: nothing is protected", job.name)));
    }
    let held = |why: &str| {
        format!("alarm: {why}; nothing of it is evicted or removed until `engine alarm clear {}`", job.name)
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
    }
}

/// One line for a terminal, whatever the name is.
fn line(problem: &Problem) -> String {
    if problem.path.is_empty() {
        return problem.problem.clone();
    }
    format!("{}: {}", PathText::new(&problem.path), problem.problem)
}

fn left_out_text(left_out: &[(LeftOut, u64)]) -> Vec<String> {
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
        CaptureError::Stopped => "it runs again when it is due",
        _ => "the last good point stays",
    };
    Failure::of(format!("no recovery point of {}", job.name), error, advice)
}

pub(super) fn home_failure(error: &crate::copy::CopyError) -> Failure {
    Failure::new("the home vault can't be written to", chain(error), "check the disk and its permissions")
}

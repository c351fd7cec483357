//! What a restore came to, as `restore` and `recover` tell it.

use std::path::Path;

use super::{DryRun, Exit, Failure};
use crate::model::{EntryPath, JobName, PointId, Time, chain};
use crate::report::{DamageMet, PathProblem, PathText, PlaceNotThere, RestoreReport};
use crate::restore::{Gap, Lost, RestoreError, Restored};

/// What is known of a restore beside its outcome.
pub(super) struct Told<'t> {
    pub point: PointId,
    pub job: JobName,
    pub created: Time,
    pub to: &'t Path,
    pub dry_run: DryRun,
    pub seconds: f64,
}

/// Paths as they are typed: slashes in front and behind do not matter; the root is everything.
///
/// # Errors
/// Exit 2.
pub(super) fn request_paths(typed: &[Vec<u8>]) -> Result<Vec<EntryPath>, Failure> {
    let mut paths = Vec::new();
    for bytes in typed {
        let from = bytes.iter().position(|&c| c != b'/').unwrap_or(bytes.len());
        let to = bytes.iter().rposition(|&c| c != b'/').map_or(from, |last| last + 1);
        if bytes.is_empty() {
            // A script's variable that was empty must not restore everything.
            return Err(Failure::usage("that path can't be used", "it is empty", "leave out --path for everything"));
        }
        if from == to {
            return Ok(Vec::new());
        }
        let path = EntryPath::parse(&bytes[from..to]).map_err(|error| {
            let advice = "give the source path, as `engine ls POINT` shows it";
            Failure::of("that path can't be used", &error, advice).with_exit(Exit::Usage)
        })?;
        paths.push(path);
    }
    Ok(paths)
}

/// The contract's number as a code.
pub(super) const fn exit_of(code: u8) -> Exit {
    match code {
        0 => Exit::Done,
        1 => Exit::Failed,
        3 => Exit::Partial,
        _ => Exit::Damage,
    }
}

/// The report.
pub(super) fn report_of(restored: Restored, told: &Told<'_>) -> RestoreReport {
    let gap = |gap: &Gap| PathProblem {
        path: PathText::new(gap.between.after.as_ref().map_or(&b""[..], EntryPath::as_bytes)),
        problem: format!("{} are lost: {}", gap.between, gap.why),
    };
    let lost = |lost: &Lost| PathProblem { path: PathText::new(lost.path.as_bytes()), problem: lost.why.clone() };
    let problems = restored.problems.iter().map(PathProblem::from);
    let mut from = restored.from.into_iter();
    RestoreReport {
        point: told.point,
        job: told.job.clone(),
        created: told.created,
        from: from.next(),
        also_from: from.collect(),
        to: told.to.display().to_string(),
        dry_run: told.dry_run == DryRun::Yes,
        files: restored.files,
        bytes: restored.bytes,
        seconds: told.seconds,
        problems: problems.chain(restored.lost.iter().map(lost)).chain(restored.gaps.iter().map(gap)).collect(),
        kept_by_restorer: restored.kept_by_restorer,
        lost: restored.more_lost + restored.lost.len() as u64,
        damaged: restored
            .damage
            .iter()
            .map(|damage| DamageMet {
                destination: damage.place.clone(),
                object: damage.object.to_string(),
                problem: damage.why.clone(),
            })
            .collect(),
        not_there: restored
            .absent
            .iter()
            .map(|absent| PlaceNotThere { destination: absent.place.clone(), reason: absent.why.clone() })
            .collect(),
    }
}

/// A restore that had to stop is told with what it did; one that did nothing is a failure.
///
/// # Errors
/// The failure.
pub(super) fn failure_of(error: RestoreError, told: &Told<'_>) -> Result<(RestoreReport, Exit), Failure> {
    let (exit, why) = (exit_of(error.exit()), chain(&error));
    let advice = match &error {
        RestoreError::NotEmpty(_) => "give an empty or a new folder; `engine restore` has --overwrite",
        RestoreError::NoSpace { .. } | RestoreError::Full { .. } => "free the disk, or restore elsewhere",
        RestoreError::NothingMatched(_) => "`engine ls POINT` shows what it holds",
        RestoreError::NoPlace { .. } => "`engine explain POINT` tells where it is",
        RestoreError::Target(_) => "check the folder and its permissions",
        RestoreError::Stopped { .. } => "restore again with --overwrite to go on",
    };
    match error {
        RestoreError::Full { done, .. } | RestoreError::Stopped { done } if done.entries > 0 => {
            let mut report = report_of(*done, told);
            report.problems.push(PathProblem { path: PathText::new(b""), problem: why });
            Ok((report, exit))
        }
        _ => Err(Failure::new(format!("{} can't be restored", told.point), why, advice).with_exit(exit)),
    }
}

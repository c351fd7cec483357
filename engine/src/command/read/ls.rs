//! `engine ls`.

use super::resolve::resolve;
use super::sources::{Sources, tell_findings};
use crate::browse::list;
use crate::command::{Call, Context, Exit, Failure};
use crate::model::{EntryPath, chain};
use crate::report::{EntryReport, LsReport, PathProblem, PathText};
use crate::restore::{Cause, Fallover, Lane};

/// What is in a point, or below a path in it.
///
/// # Errors
/// Exit 2 if `point` or `path` names nothing; exit 1 or 4 if the point can't be read at all.
pub fn ls(call: &Call, point: &str, path: Option<&[u8]>) -> Result<(LsReport, Exit), Failure> {
    let context = Context::open(call)?;
    let catalog = &context.installation.catalog;
    let point = resolve(catalog, point)?;
    let under = path.and_then(|path| entry_path(path).transpose()).transpose()?;
    let (keyring, sources) = (context.installation.keyring()?, Sources::look(&context)?);
    let fallover = Fallover::new(&sources.places(catalog, &point)?, keyring);
    let opened = sources.open(&fallover, &point)?;
    let (mut report, mut exit) = (LsReport::default(), Exit::Done);
    for entry in list(&fallover.lane(Lane::Tree), &opened.manifest, under.as_ref()) {
        match entry {
            Ok(entry) => report.entries.push(EntryReport::from(&entry)),
            Err(error) => {
                exit = exit.and(exit_of(Cause::of(&error.source)));
                let problem = chain(&error);
                report.problems.push(PathProblem { path: PathText::new(b""), problem });
            }
        }
    }
    tell_findings(&context, &fallover);
    match (&under, report.entries.is_empty() && report.problems.is_empty()) {
        (Some(path), true) => Err(not_in_point(path)),
        _ => Ok((report, exit)),
    }
}

/// A path as people type it: a slash in front or behind does not matter; none for the root.
///
/// # Errors
/// Exit 2.
pub(super) fn entry_path(bytes: &[u8]) -> Result<Option<EntryPath>, Failure> {
    let from = bytes.iter().position(|&c| c != b'/').unwrap_or(bytes.len());
    let to = bytes.iter().rposition(|&c| c != b'/').map_or(from, |last| last + 1);
    if bytes[from..to].is_empty() {
        return Ok(None);
    }
    let advice = "give the source path, as `engine ls POINT` shows it";
    EntryPath::parse(&bytes[from..to])
        .map(Some)
        .map_err(|error| Failure::of("that path can't be used", &error, advice).with_exit(Exit::Usage))
}

pub(super) fn not_in_point(path: &EntryPath) -> Failure {
    let path = PathText::new(path.as_bytes());
    Failure::new(
        format!("there is no {path}"),
        "the point holds nothing of that path",
        "`engine ls POINT` shows what it holds",
    )
}

pub(super) const fn exit_of(cause: Cause) -> Exit {
    match cause {
        Cause::Damage => Exit::Damage,
        Cause::Unreachable => Exit::Partial,
    }
}

//! `engine ls`.

use super::inside;
use super::resolve::resolve;
use super::rows::{Give, give};
use super::sources::Sources;
use crate::browse::{Target, find_inside, list};
use crate::command::{Call, Context, Exit, Failure};
use crate::format::Manifest;
use crate::model::{EntryPath, chain};
use crate::report::{EntryReport, LsReport, PathProblem, PathText};
use crate::restore::{Cause, Lane};
use crate::vault::ChunkSource;

/// What is in a point, or below a path in it: each entry is given as it is read, and is forgotten then.
///
/// # Errors
/// Exit 2 if `point` or `path` names nothing; exit 1 or 4 if the point can't be read at all; whatever `rows` fails with.
pub fn ls(
    call: &Call,
    point: &str,
    path: Option<&[u8]>,
    rows: Give<'_, EntryReport>,
) -> Result<(LsReport, Exit), Failure> {
    let context = Context::open(call)?;
    let point = resolve(&context.installation.catalog, point)?;
    let under = path.and_then(|path| entry_path(path).transpose()).transpose()?;
    let sources = Sources::look(&context)?;
    let looking = sources.begin(&[&point])?;
    let fallover = looking.source(&point)?;
    let opened = looking.open(&fallover, &point)?;
    let itself = path.is_some_and(|path| path.ends_with(b"/"));
    if let Some(target) = target_of(&fallover.lane(Lane::Tree), &opened.manifest, under.as_ref(), itself) {
        let listed = inside::ls(call, (&fallover.lane(Lane::Content), &opened.manifest), &target, rows);
        looking.end(&fallover, &point)?;
        return listed;
    }
    let (mut report, mut exit, mut found) = (LsReport::default(), Exit::Done, false);
    for entry in list(&fallover.lane(Lane::Tree), &opened.manifest, under.as_ref()) {
        found = true;
        match entry {
            Ok(entry) => give(call, rows, &EntryReport::from(&entry))?,
            Err(error) => {
                exit = exit.and(exit_of(Cause::of(&error.source)));
                let problem = chain(&error);
                report.problems.push(PathProblem { path: PathText::new(b""), problem });
            }
        }
    }
    looking.end(&fallover, &point)?;
    match &under {
        Some(path) if !found => Err(not_in_point(path)),
        _ => Ok((report, exit)),
    }
}

/// The image that a path leads into. Where the list can't be read it is none, and that is told by who reads it on.
pub(super) fn target_of(
    source: &dyn ChunkSource,
    manifest: &Manifest,
    path: Option<&EntryPath>,
    itself: bool,
) -> Option<Target> {
    find_inside(source, manifest, path?, itself).ok().flatten()
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

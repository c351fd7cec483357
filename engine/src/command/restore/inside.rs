//! `engine restore --path` into the image of a drive: file by file, without the rest of it.

use std::ops::ControlFlow;
use std::path::Path;

use super::super::read::inside_failure;
use super::super::{DryRun, Exit, Failure};
use super::Chosen;
use crate::browse::{Below, Inner, InnerVisitor, InsideError, Target, find_inside, look_inside};
use crate::format::Manifest;
use crate::model::{Entry, Kind, Problem};
use crate::report::{DamageMet, PathProblem, RestoreReport};
use crate::restore::{self, Cause, Chunks, Fallover, Lane, TreeError, TreeOptions, TreeWriter};

/// More problems are only counted.
const PROBLEMS_MAX: usize = 10_000;
const NOT_TOLD: &str = "extended attributes (ACLs too) and hard links inside an image can't be restored file by file: \
                        restore the image and mount it where they matter";

/// Where all paths lead into images: restores them, else none.
///
/// # Errors
/// If some lead into an image and some do not, or an image can't be looked into.
pub(super) fn restored_inside(chosen: &Chosen<'_>, to: &Path) -> Result<Option<(RestoreReport, Exit)>, Failure> {
    if chosen.paths.is_empty() {
        return Ok(None);
    }
    let fallover = Fallover::new(chosen.places, chosen.context.installation.keyring()?);
    // A point that can't be opened is told of by the restore itself.
    let Ok(opened) = fallover.manifest(chosen.point.job, chosen.point.name()) else { return Ok(None) };
    let tree = fallover.lane(Lane::Tree);
    let found = chosen.paths.iter().map(|path| find_inside(&tree, &opened.manifest, path, false));
    // So is a list that can't be read.
    let Ok(found) = found.collect::<Result<Vec<Option<Target>>, _>>() else { return Ok(None) };
    let targets: Vec<Target> = found.iter().flatten().cloned().collect();
    if targets.is_empty() {
        return Ok(None);
    }
    if targets.len() < found.len() {
        let why = "some of the paths lead into the image of a drive, some do not";
        return Err(Failure::usage("that can't be restored at once", why, "restore them one after the other"));
    }
    let restored = restored(chosen, to, &opened.manifest, &fallover, targets);
    chosen.record(&fallover.damage())?;
    restored.map(Some)
}

fn restored(
    chosen: &Chosen<'_>,
    to: &Path,
    manifest: &Manifest,
    fallover: &Fallover<'_>,
    mut targets: Vec<Target>,
) -> Result<(RestoreReport, Exit), Failure> {
    let (call, options) = (&chosen.context.call, chosen.options);
    let begun = call.clock.monotonic();
    targets.sort_by(|a, b| a.path.cmp(&b.path));
    targets.dedup_by(|inner, outer| inner.path.is_within(&outer.path));
    let is_filled = std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
    if is_filled && options.existing == restore::Existing::Keep {
        let why = format!("{} is not empty", to.display());
        return Err(Failure::new(
            format!("{} can't be restored", chosen.point.id),
            why,
            "give an empty or a new folder",
        ));
    }
    let tree = match options.dry_run {
        DryRun::Yes => None,
        DryRun::No => {
            let options = TreeOptions { existing: options.existing, owners: options.owners };
            let begun = TreeWriter::begin(to, options);
            Some(begun.map_err(|error| Failure::of("can't restore there", &error, "check the folder"))?)
        }
    };
    let stop = || (call.stop)();
    let mut taking = Taking { tree, stop: &stop, files: 0, bytes: 0, problems: Vec::new(), more: 0, ended: None };
    let source: Chunks<'_, '_> = fallover.lane(Lane::Content);
    let mut is_damaged = false;
    for target in &targets {
        let looked = look_inside(&source, manifest, target, |below| match below {
            Below::Partitions(_) => Err(InsideError::NotAFile(target.path.clone())),
            Below::Inner(inner, path) => inner.walk(path, &mut taking),
        });
        let ((), unread) = looked.map_err(|error| inside_failure(&error))?;
        is_damaged |= unread.is_some_and(|error| Cause::of(&error) == Cause::Damage);
        if let Some(failed) = taking.ended.take() {
            return Err(failed);
        }
    }
    let mut problems = taking.problems;
    problems.extend(taking.tree.map(TreeWriter::finish).unwrap_or_default());
    if taking.more > 0 {
        problems.push(Problem::new(b"", format!("and {} more problems", taking.more)));
    }
    call.voice.warn(NOT_TOLD);
    let exit = match (is_damaged, problems.is_empty()) {
        (true, _) => Exit::Damage,
        (false, true) => Exit::Done,
        (false, false) => Exit::Partial,
    };
    let report = RestoreReport {
        files: taking.files,
        bytes: taking.bytes,
        seconds: call.clock.monotonic().saturating_sub(begun).as_secs_f64(),
        problems: problems.iter().map(PathProblem::from).collect(),
        ..empty_report(chosen, to, fallover)
    };
    Ok((report, exit))
}

/// A report in which nothing was restored yet.
fn empty_report(chosen: &Chosen<'_>, to: &Path, fallover: &Fallover<'_>) -> RestoreReport {
    let damage = |damage: restore::Damage| DamageMet {
        destination: damage.place,
        object: damage.object.to_string(),
        problem: damage.why,
    };
    let mut from = fallover.served().into_iter();
    RestoreReport {
        point: chosen.point.id,
        job: chosen.job.clone(),
        created: chosen.point.created,
        from: from.next(),
        also_from: from.collect(),
        to: to.display().to_string(),
        dry_run: chosen.options.dry_run == DryRun::Yes,
        files: 0,
        bytes: 0,
        seconds: 0.0,
        kept_by_restorer: 0,
        problems: Vec::new(),
        lost: 0,
        damaged: fallover.damage().into_iter().map(damage).collect(),
        not_there: Vec::new(),
    }
}

/// Writes what is found; only counts it without a tree.
struct Taking<'t> {
    tree: Option<TreeWriter>,
    stop: &'t dyn Fn() -> bool,
    files: u64,
    bytes: u64,
    problems: Vec<Problem>,
    more: u64,
    ended: Option<Failure>,
}

/// Why an entry was not made.
enum Untaken {
    Tree(TreeError),
    Inside(InsideError),
    /// Which one is not told.
    Device,
}

impl From<InsideError> for Untaken {
    fn from(error: InsideError) -> Self {
        Self::Inside(error)
    }
}

impl Taking<'_> {
    fn take(&mut self, inner: &Inner, entry: &Entry<()>) -> Result<(), Untaken> {
        if let Kind::File(content) = &entry.kind {
            if let Some(tree) = &mut self.tree {
                let file = tree.file(entry).map_err(Untaken::Tree)?;
                inner.read(&entry.path, &mut |at, piece| file.write_at(at, piece).map_err(Untaken::Tree))?;
                file.finish().map_err(Untaken::Tree)?;
            }
            self.files += 1;
            self.bytes = self.bytes.saturating_add(content.bytes);
            return Ok(());
        }
        match (&mut self.tree, &entry.kind) {
            (None, _) => Ok(()),
            (Some(tree), Kind::Folder) => tree.folder(entry).map_err(Untaken::Tree),
            (Some(tree), _) => tree.other(entry).map_err(Untaken::Tree),
        }
    }
}

impl InnerVisitor for Taking<'_> {
    fn entry(&mut self, inner: &Inner, entry: &Entry<()>) -> ControlFlow<()> {
        if (self.stop)() {
            self.ended = Some(Failure::new("not all is restored", "it was stopped", "restore again with --overwrite"));
            return ControlFlow::Break(());
        }
        let is_device = matches!(entry.kind, Kind::Device { .. });
        let why = match if is_device { Err(Untaken::Device) } else { self.take(inner, entry) } {
            Ok(()) => return ControlFlow::Continue(()),
            Err(Untaken::Device) => "it is a device, and which one can't be told here: restore the image".to_owned(),
            Err(Untaken::Tree(error)) => crate::model::chain(&error),
            Err(Untaken::Inside(error)) => crate::model::chain(&error),
        };
        self.problem(Problem::new(entry.path.as_bytes(), why));
        ControlFlow::Continue(())
    }

    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }
}

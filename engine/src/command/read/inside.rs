//! Looking into the image of a drive, for `ls` and `dump`; and what a person is told where that can't be done.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::ls::exit_of;
use super::rows::{Give, give};
use crate::browse::{Below, Inner, InnerVisitor, InsideError, Target, look_inside};
use crate::command::{Call, Exit, Failure};
use crate::format::Manifest;
use crate::model::{Content, Entry, Kind, Problem};
use crate::report::{EntryReport, LsReport, PathProblem};
use crate::restore::Cause;
use crate::vault::ChunkSource;

/// Lists what is in an image.
///
/// # Errors
/// Exit 2 if the path names nothing, or what can't be looked into; exit 4 or 1 if it can't be read; what `rows` fails
/// with.
pub(super) fn ls(
    call: &Call,
    (source, manifest): (&(dyn ChunkSource + Sync), &Manifest),
    target: &Target,
    rows: Give<'_, EntryReport>,
) -> Result<(LsReport, Exit), Failure> {
    let mut listing = Listing { call, rows, report: LsReport::default(), failed: None };
    let looked = look_inside(source, manifest, target, |below| match below {
        Below::Partitions(found) => {
            let _ = found.iter().try_for_each(|entry| listing.row(entry));
            Ok(())
        }
        Below::Inner(inner, path) => inner.walk(path, &mut listing),
    });
    match (listing.failed, looked) {
        (Some(failed), _) => Err(failed),
        (None, Err(error)) => Err(failure(&error)),
        (None, Ok(((), Some(unread)))) => Ok((listing.report, exit_of(Cause::of(&unread)))),
        (None, Ok(((), None))) if listing.report.problems.is_empty() => Ok((listing.report, Exit::Done)),
        (None, Ok(((), None))) => Ok((listing.report, Exit::Partial)),
    }
}

struct Listing<'l> {
    call: &'l Call,
    rows: Give<'l, EntryReport>,
    report: LsReport,
    failed: Option<Failure>,
}

impl Listing<'_> {
    fn row(&mut self, entry: &Entry<()>) -> ControlFlow<()> {
        // Nobody has read its content, and nobody tells a device's numbers.
        let row = EntryReport { digest: None, major: None, minor: None, ..EntryReport::from(&without_spans(entry)) };
        match give(self.call, self.rows, &row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failed) => {
                self.failed = Some(failed);
                ControlFlow::Break(())
            }
        }
    }
}

impl InnerVisitor for Listing<'_> {
    fn entry(&mut self, _: &Inner, entry: &Entry<()>) -> ControlFlow<()> {
        self.row(entry)
    }

    fn problem(&mut self, problem: Problem) {
        self.report.problems.push(PathProblem::from(&problem));
    }
}

/// The entry as one whose chunks are not known.
fn without_spans(entry: &Entry<()>) -> Entry {
    let kind = match &entry.kind {
        Kind::File(content) => Kind::File(Content { spans: Vec::new(), ..unspanned(content) }),
        Kind::Folder => Kind::Folder,
        Kind::Symlink(target) => Kind::Symlink(target.clone()),
        Kind::Hardlink(first) => Kind::Hardlink(first.clone()),
        Kind::Fifo => Kind::Fifo,
        Kind::Socket => Kind::Socket,
        &Kind::Device { kind, major, minor } => Kind::Device { kind, major, minor },
    };
    Entry { path: entry.path.clone(), meta: entry.meta.clone(), seen: entry.seen, kind }
}

fn unspanned(content: &Content<()>) -> Content {
    Content { bytes: content.bytes, digest: content.digest, spans: Vec::new(), unstable: content.unstable }
}

/// Writes a file of an image to `out`. A reader that wants no more ends it well.
///
/// # Errors
/// As [`ls`].
pub(super) fn dump(
    (source, manifest): (&(dyn ChunkSource + Sync), &Manifest),
    target: &Target,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let mut written = Ok(());
    let looked = look_inside(source, manifest, target, |below| {
        let Below::Inner(inner, path) = below else { return Err(InsideError::NotAFile(target.path.clone())) };
        let dumped = dump_from(inner, path, out);
        match dumped {
            Err(Dumping::Inside(error)) => Err(error),
            Err(Dumping::Write(error)) => {
                written = Err(error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    });
    looked.map_err(|error| failure(&error))?;
    match written {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::of("the file could not be written out whole", &error, "")),
    }
}

enum Dumping {
    Inside(InsideError),
    Write(io::Error),
}

impl From<InsideError> for Dumping {
    fn from(error: InsideError) -> Self {
        Self::Inside(error)
    }
}

fn dump_from(inner: &Inner, path: &crate::model::EntryPath, out: &mut dyn Write) -> Result<(), Dumping> {
    let mut at = 0;
    let bytes = inner.read(path, &mut |from, piece| {
        zeros(out, from - at).and_then(|()| out.write_all(piece)).map_err(Dumping::Write)?;
        at = from + piece.len() as u64;
        Ok::<(), Dumping>(())
    })?;
    zeros(out, bytes - at).and_then(|()| out.flush()).map_err(Dumping::Write)
}

fn zeros(out: &mut dyn Write, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), bytes), out).map(drop)
}

/// What a person is told.
pub(in crate::command) fn failure(error: &InsideError) -> Failure {
    let (exit, advice) = match error {
        InsideError::Read { source, .. } if Cause::of(source) == Cause::Damage => {
            (Exit::Damage, "an older point may have it whole".to_owned())
        }
        InsideError::Read { .. } => (Exit::Failed, "see that a place that has the point is there".to_owned()),
        InsideError::NotFound(_) | InsideError::NoPartition { .. } => {
            (Exit::Usage, "`engine ls POINT IMAGE/` shows what it holds, with a slash behind its name".to_owned())
        }
        InsideError::NotAFile(_) => (Exit::Usage, "`engine ls` shows what it is".to_owned()),
        InsideError::Unknown { image, offset, .. } => {
            let name = String::from_utf8_lossy(image.file_name()).into_owned();
            let mount = format!("`mount -o loop,ro,offset={offset} {name} /mnt`");
            (Exit::Usage, format!("restore the image (`--path {image}`) and mount it: {mount}"))
        }
        InsideError::Damaged { .. } => (
            Exit::Failed,
            "restore the image, repair its file system and mount that; or take an older point".to_owned(),
        ),
    };
    Failure::of("the image can't be looked into", error, advice).with_exit(exit)
}

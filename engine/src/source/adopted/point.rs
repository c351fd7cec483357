//! One point of another program as a source: its files and the folders they lie in, as they stand below the job's folder.
//!
//! Invariant: a file that changes, vanishes or can't be read meanwhile fails the whole; so does one that was another when
//! the point was found.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io};

use super::group::Foreign;
use super::look::{SeenFile, above, as_path, below};
use crate::model::{EntryPath, Problem, Xattr};
use crate::source::{
    Content, Cut, FileKind, Folders, FoldersOptions, Item, LeftOut, Run, Source, SourceFailed, Stat, Stillness,
    Verdict, Visitor, Walked,
};

/// See the module.
pub struct AdoptedPoint {
    folder: PathBuf,
    roots: Vec<PathBuf>,
    files: Vec<SeenFile>,
}

impl AdoptedPoint {
    /// A source of `foreign`, found below `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, foreign: &Foreign) -> Self {
        let path = |path: &EntryPath| folder.join(as_path(path));
        let files: Vec<SeenFile> = foreign.all_files().cloned().collect();
        let roots = match &foreign.folder {
            Some(whole) => vec![path(whole)],
            None => files.iter().map(|file| path(&file.path)).collect(),
        };
        Self { folder, roots, files }
    }
}

const LATER: &str = "it is tried again with the next point";

impl Source for AdoptedPoint {
    fn walk(&mut self, visitor: &mut dyn Visitor) -> Result<(), SourceFailed> {
        let options = FoldersOptions { roots: self.roots.clone(), ..FoldersOptions::default() };
        let mut folders = Folders::new(&options).map_err(|error| SourceFailed::of(&error, ""))?;
        let above = above(&self.folder)?;
        let mut shown =
            Shown { visitor, above, files: &self.files, kept: 0, stopped: false, failed: Failed::default() };
        folders.walk(&mut shown)?;
        if shown.stopped {
            return Ok(());
        }
        if let Some(why) = shown.failed.take() {
            return Err(SourceFailed::new(why, LATER));
        }
        if shown.kept != self.files.len() {
            let why = format!("{} of its {} files are there", shown.kept, self.files.len());
            return Err(SourceFailed::new(why, LATER));
        }
        Ok(())
    }
}

/// What went wrong first, told by whoever met it.
#[derive(Clone, Default)]
struct Failed(Arc<Mutex<Option<String>>>);

impl Failed {
    fn tell(&self, path: &EntryPath, why: impl fmt::Display) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| format!("{path} {why}"));
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Passes on what lies below the folder, under its name there.
struct Shown<'s> {
    visitor: &'s mut dyn Visitor,
    above: EntryPath,
    files: &'s [SeenFile],
    kept: usize,
    stopped: bool,
    failed: Failed,
}

impl Shown<'_> {
    /// Is it as it was found?
    fn judge(&self, path: &EntryPath, stat: &Stat) {
        match self.files.iter().find(|file| file.path == *path) {
            Some(file) if (file.bytes, file.modified) == (stat.bytes, stat.modified) => {}
            Some(_) => self.failed.tell(path, "changed after it was found"),
            None => self.failed.tell(path, "came in after the point was found"),
        }
    }
}

impl Visitor for Shown<'_> {
    fn entry(&mut self, walked: &Walked, item: &mut dyn Item) -> Verdict {
        let Some(path) = below(&walked.path, &self.above) else { return Verdict::Kept };
        let is_file = walked.stat.kind == FileKind::File;
        if is_file {
            self.judge(&path, &walked.stat);
        }
        let first_name = walked.first_name.as_ref().and_then(|first| below(first, &self.above));
        let here = Walked { path: path.clone(), stat: walked.stat, first_name };
        let mut whole = Whole { inner: item, path: &path, failed: &self.failed };
        let verdict = self.visitor.entry(&here, &mut whole);
        match verdict {
            Verdict::Dropped => self.failed.tell(&path, "could not be read"),
            Verdict::Kept => self.kept += usize::from(is_file),
            Verdict::Stop => self.stopped = true,
        }
        verdict
    }

    fn problem(&mut self, problem: Problem) {
        if let Ok(path) = EntryPath::parse(&problem.path) {
            self.failed.tell(&path, &problem.problem);
        }
        self.visitor.problem(problem);
    }

    fn left_out(&mut self, path: &EntryPath, why: LeftOut) {
        self.visitor.left_out(path, why);
    }

    fn warning(&mut self, warning: Problem) {
        self.visitor.warning(warning);
    }
}

/// An item that tells what went wrong with it.
struct Whole<'i> {
    inner: &'i mut dyn Item,
    path: &'i EntryPath,
    failed: &'i Failed,
}

impl Item for Whole<'_> {
    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        self.inner.xattrs()
    }

    fn link_target(&mut self) -> io::Result<Box<[u8]>> {
        self.inner.link_target()
    }

    fn open(&mut self) -> io::Result<Box<dyn Content>> {
        let refused = |error: &io::Error| self.failed.tell(self.path, format_args!("can't be opened: {error}"));
        let inner = self.inner.open().inspect_err(refused)?;
        Ok(Box::new(Watched { inner, path: self.path.clone(), failed: self.failed.clone() }))
    }
}

struct Watched {
    inner: Box<dyn Content>,
    path: EntryPath,
    failed: Failed,
}

impl Content for Watched {
    fn stat(&self) -> Stat {
        self.inner.stat()
    }

    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        self.inner.xattrs()
    }

    fn cut(&self) -> Cut {
        self.inner.cut()
    }

    fn next_run(&mut self, block: &mut Vec<u8>) -> io::Result<Option<Run>> {
        let run = self.inner.next_run(block);
        run.inspect_err(|error| self.failed.tell(&self.path, format_args!("can't be read: {error}")))
    }

    fn finish(self: Box<Self>) -> io::Result<Stillness> {
        let still = self.inner.finish();
        if !matches!(still, Ok(Stillness::Still)) {
            self.failed.tell(&self.path, "changed while it was read");
        }
        still
    }
}

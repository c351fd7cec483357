//! SQLite databases in use → each as one file, as of its last whole transaction.
//!
//! In: a path or a glob. Out: what `folders` would show of them, with the databases' content read under the locks of a
//! reader: nothing is copied aside, no client with a write-ahead log waits. Pages are taken as they are, encrypted ones
//! too; what the log has of them comes from the log, so that one file comes back.
//! Where a database has no log, its clients can't finish a transaction while it is read: it is read without its lock
//! first, and under it only if it did not hold still.
//! Deliberately absent: SQLite's library; journals that broke off (its own program puts them right).

mod locks;
mod wal;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::folders::{Folders, FoldersOptions};
use super::program::Stop;
use super::{
    BLOCK_BYTES, Content, Cut, FileKind, Item, Run, Source, SourceFailed, Stat, Stillness, Verdict, Visitor, Walked,
};
use crate::model::{EntryPath, Problem, Time, Xattr};
use crate::platform;
use locks::{Held, beside, hold, open};

/// Bytes of a database in which each transaction leaves a mark.
const MARKED: usize = 100;
/// What lies beside a database and is none.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// See the module.
pub struct Databases {
    pattern: PathBuf,
    own: Vec<PathBuf>,
    stop: Stop,
    now: Time,
}

impl Databases {
    /// A source of the databases that `pattern` names, as of `now`; `own` are the engine's own folders.
    pub fn new(pattern: PathBuf, own: Vec<PathBuf>, stop: Stop, now: Time) -> Self {
        Self { pattern, own, stop, now }
    }
}

impl Source for Databases {
    fn walk(&mut self, visitor: &mut dyn Visitor) -> Result<(), SourceFailed> {
        let roots = find(&self.pattern).map_err(|why| SourceFailed::new(why, "check the path or the glob"))?;
        let databases = roots.iter().filter_map(|root| entry_path(root)).collect();
        let options = FoldersOptions { roots, own: self.own.clone(), ..FoldersOptions::default() };
        let mut folders = Folders::new(&options).map_err(|error| SourceFailed::of(&error, ""))?;
        let mut shown = Shown { visitor, databases, stop: &self.stop, now: self.now, kept: 0, failed: None };
        folders.walk(&mut shown)?;
        if shown.kept > 0 {
            return Ok(());
        }
        // A point without any database would stand before the last good one.
        let why = shown.failed.unwrap_or_else(|| format!("nothing of {} could be read", self.pattern.display()));
        Err(SourceFailed::new(why, "see what holds the database"))
    }
}

fn entry_path(path: &Path) -> Option<EntryPath> {
    EntryPath::parse(path.as_os_str().as_encoded_bytes().strip_prefix(b"/")?).ok()
}

/// The files that a pattern names, sorted; a path without wild cards names itself.
fn find(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let text = pattern.to_str().ok_or("the glob is not UTF-8")?;
    if pattern.is_file() || !text.contains(['*', '?', '[', '{']) {
        return if pattern.is_file() { Ok(vec![pattern.to_owned()]) } else { Err(format!("{text} is not there")) };
    }
    let glob = GlobBuilder::new(text).literal_separator(true).build().map_err(|error| error.to_string())?;
    let is_wild = |part: &Path| part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let above = pattern.ancestors().find(|above| !is_wild(above)).unwrap_or(Path::new("/"));
    let mut found = BTreeSet::new();
    search(above, &glob.compile_matcher(), &mut found)
        .map_err(|error| format!("can't search {}: {error}", above.display()))?;
    if found.is_empty() { Err(format!("no database fits {text}")) } else { Ok(found.into_iter().collect()) }
}

/// Links are not followed; folders below that can't be searched are passed over.
fn search(folder: &Path, glob: &GlobMatcher, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            let _ = search(&path, glob, found);
        } else if kind.is_file() && glob.is_match(&path) && !is_companion(&path) {
            found.insert(path);
        }
    }
    Ok(())
}

fn is_companion(path: &Path) -> bool {
    let name = path.as_os_str().to_string_lossy();
    let of = |ending: &&str| name.strip_suffix(*ending).is_some_and(|database| Path::new(database).is_file());
    COMPANIONS.iter().any(of)
}

/// Passes on what `folders` shows, databases with a content of their own.
struct Shown<'s> {
    visitor: &'s mut dyn Visitor,
    databases: BTreeSet<EntryPath>,
    stop: &'s Stop,
    now: Time,
    kept: u64,
    failed: Option<String>,
}

impl Visitor for Shown<'_> {
    fn entry(&mut self, walked: &Walked, item: &mut dyn Item) -> Verdict {
        if walked.stat.kind != FileKind::File || !self.databases.contains(&walked.path) {
            return self.visitor.entry(walked, item);
        }
        // What is newer may lie in the log alone: it never counts as unchanged.
        let walked = Walked { stat: Stat { changed: self.now, ..walked.stat }, ..walked.clone() };
        let path = Path::new("/").join(os_path(walked.path.as_bytes()));
        let mut database = Database { path, inner: item, stop: self.stop, opened: 0, failed: None };
        let verdict = self.visitor.entry(&walked, &mut database);
        self.failed = self.failed.take().or(database.failed);
        self.kept += u64::from(verdict == Verdict::Kept);
        verdict
    }

    fn problem(&mut self, problem: Problem) {
        self.visitor.problem(problem);
    }

    fn left_out(&mut self, path: &EntryPath, why: super::LeftOut) {
        self.visitor.left_out(path, why);
    }

    fn warning(&mut self, warning: Problem) {
        self.visitor.warning(warning);
    }
}

fn os_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    std::ffi::OsStr::from_bytes(bytes).into()
}

struct Database<'d> {
    path: PathBuf,
    inner: &'d mut dyn Item,
    stop: &'d Stop,
    opened: u32,
    failed: Option<String>,
}

impl Database<'_> {
    fn content(&mut self) -> io::Result<Box<dyn Content>> {
        let stop = || (self.stop)();
        let (file, stat) = open(&self.path)?;
        self.opened += 1;
        if self.opened == 1 && !beside(&self.path, "-wal").exists() {
            let before = mark(&self.path, &file, &stop)?;
            let again = std::sync::Arc::clone(self.stop);
            return Ok(Box::new(Loose { path: self.path.clone(), file, stat, before, at: 0, stop: again }));
        }
        Ok(Box::new(Pages::of(hold(&self.path, file, &stop)?, stat)?))
    }
}

impl Item for Database<'_> {
    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        self.inner.xattrs()
    }

    fn link_target(&mut self) -> io::Result<Box<[u8]>> {
        self.inner.link_target()
    }

    fn open(&mut self) -> io::Result<Box<dyn Content>> {
        let content = self.content();
        if let Err(error) = &content {
            self.failed = Some(format!("{} can't be read: {error}", self.path.display()));
        }
        content
    }
}

/// What tells one transaction's state of a database without a log from the next: looked at while nobody writes.
#[derive(PartialEq, Eq)]
struct Mark {
    begin: Vec<u8>,
    stat: (u64, Time, Time),
}

fn mark(path: &Path, file: &File, stop: &dyn Fn() -> bool) -> io::Result<Mark> {
    let held = hold(path, file.try_clone()?, stop)?;
    let mut begin = Vec::new();
    platform::read_at(&held.database, 0, MARKED, &mut begin)?;
    let stat = platform::stat_file(&held.database)?;
    held.release()?;
    Ok(Mark { begin, stat: (stat.bytes, stat.modified, stat.changed) })
}

/// A database without a log, read without its lock: in nobody's way, and worth nothing if somebody wrote meanwhile.
struct Loose {
    path: PathBuf,
    file: File,
    stat: Stat,
    before: Mark,
    at: u64,
    stop: Stop,
}

impl Content for Loose {
    fn stat(&self) -> Stat {
        self.stat
    }

    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        platform::xattrs_of_file(&self.file)
    }

    fn cut(&self) -> Cut {
        Cut::ByContent
    }

    fn next_run(&mut self, block: &mut Vec<u8>) -> io::Result<Option<Run>> {
        block.clear();
        let left = self.before.stat.0.saturating_sub(self.at);
        let wanted = usize::try_from(left).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
        let read = if wanted == 0 { 0 } else { platform::read_at(&self.file, self.at, wanted, block)? };
        self.at += read as u64;
        Ok((read > 0).then_some(Run::Data))
    }

    fn finish(self: Box<Self>) -> io::Result<Stillness> {
        let stop = || (self.stop)();
        let is_logged = beside(&self.path, "-wal").exists();
        let still = !is_logged && mark(&self.path, &self.file, &stop)? == self.before;
        Ok(if still { Stillness::Still } else { Stillness::Changed })
    }
}

/// A database that is held: its pages, those of the log in the place of older ones.
struct Pages {
    held: Held,
    stat: Stat,
    at: u64,
    end: u64,
}

impl Pages {
    fn of(held: Held, stat: Stat) -> io::Result<Self> {
        let end = match &held.log {
            Some((_, logged)) => u64::from(logged.pages) * u64::from(logged.page_bytes),
            None => platform::stat_file(&held.database)?.bytes,
        };
        Ok(Self { held, stat, at: 0, end })
    }

    /// Adds the page that begins at `self.at`.
    fn page(&self, (log, logged): &(File, wal::Logged), block: &mut Vec<u8>) -> io::Result<()> {
        let bytes = logged.page_bytes as usize;
        let number = u32::try_from(self.at / u64::from(logged.page_bytes)).unwrap_or(u32::MAX).saturating_add(1);
        let mut page = Vec::with_capacity(bytes);
        let read = match logged.at.get(&number) {
            Some(offset) => platform::read_at(log, *offset, bytes, &mut page)?,
            None => platform::read_at(&self.held.database, self.at, bytes, &mut page)?,
        };
        if read != bytes {
            return Err(io::Error::other(format!("it ends before its page {number}")));
        }
        block.extend_from_slice(&page);
        Ok(())
    }
}

impl Content for Pages {
    fn stat(&self) -> Stat {
        self.stat
    }

    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        platform::xattrs_of_file(&self.held.database)
    }

    fn cut(&self) -> Cut {
        Cut::ByContent
    }

    fn next_run(&mut self, block: &mut Vec<u8>) -> io::Result<Option<Run>> {
        block.clear();
        match &self.held.log {
            Some(log) => {
                while self.at < self.end && block.len() + log.1.page_bytes as usize <= BLOCK_BYTES {
                    self.page(log, block)?;
                    self.at += u64::from(log.1.page_bytes);
                }
            }
            None => {
                let wanted = usize::try_from(self.end - self.at).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
                if wanted > 0 {
                    self.at += platform::read_at(&self.held.database, self.at, wanted, block)? as u64;
                }
            }
        }
        Ok((!block.is_empty()).then_some(Run::Data))
    }

    fn finish(self: Box<Self>) -> io::Result<Stillness> {
        if self.at == self.end {
            return Ok(Stillness::Still);
        }
        Err(io::Error::other("it became shorter while it was held"))
    }
}

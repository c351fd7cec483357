//! Programs that print what is to be protected → a folder with one file for each of them.
//!
//! In: a list of programs, asked for when the walk begins. Out: a folder named after the job, and in it each program's
//! whole output under its name. Invariant: a program that does not end well ends the walk with [`SourceFailed`], so that
//! no point is made of a part. Nothing is kept on disk in between.
//! Deliberately absent: what the programs are, and what they print.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::program::{Program, Running, Stop};
use super::{Content, Cut, FileKind, Item, Run, Source, SourceFailed, Stat, Stillness, Verdict, Visitor, Walked};
use crate::model::{EntryPath, Time, Xattr, chain};
use crate::platform;

/// Longest end of an output that can be asked for, in bytes.
const TAIL: usize = 4096;

/// A file that a program prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name in the job's folder: bytes of one part of a path.
    pub name: Vec<u8>,
    /// Who prints it.
    pub program: Program,
    /// What stands near the end of each whole output, where the program says so; empty if it does not.
    pub last: &'static [u8],
    /// What a person can do when it fails.
    pub advice: String,
}

/// Which files there are: asked once for each walk. What a person should know about the list goes to the visitor.
pub type List = Box<dyn FnMut(&mut dyn Visitor) -> Result<Vec<Output>, SourceFailed> + Send>;

/// See the module.
pub struct Outputs {
    folder: EntryPath,
    list: List,
    stop: Stop,
    now: Time,
}

impl Outputs {
    /// A source of what `list` tells, as of `now`; in `folder`, the job's own or one below it.
    pub fn new(folder: EntryPath, list: List, stop: Stop, now: Time) -> Self {
        Self { folder, list, stop, now }
    }

    /// The folder, after those above it.
    fn folders(&self) -> Result<Vec<EntryPath>, SourceFailed> {
        let whole = self.folder.as_bytes();
        let ends = (0..whole.len()).filter(|&at| whole[at] == b'/').chain([whole.len()]);
        ends.map(|end| EntryPath::parse(&whole[..end]).map_err(|error| SourceFailed::of(&error, ""))).collect()
    }

    fn within(&self, output: &Output) -> Result<EntryPath, SourceFailed> {
        let path = [self.folder.as_bytes(), b"/", &output.name].concat();
        EntryPath::parse(&path).map_err(|error| SourceFailed::of(&error, ""))
    }

    /// A file or folder that is made while it is read: its times are those of this run, so that it is never unchanged.
    fn stat(&self, kind: FileKind) -> Stat {
        let (uid, gid) = platform::user_and_group();
        let mode = if kind == FileKind::Folder { 0o700 } else { 0o600 };
        let now = self.now;
        Stat { kind, mode, uid, gid, bytes: 0, blocks: 0, modified: now, changed: now, device: 0, inode: 0, links: 1 }
    }
}

impl Source for Outputs {
    fn walk(&mut self, visitor: &mut dyn Visitor) -> Result<(), SourceFailed> {
        let mut outputs = (self.list)(visitor)?;
        outputs.sort_by(|a, b| a.name.cmp(&b.name));
        for path in self.folders()? {
            let folder = Walked { path, stat: self.stat(FileKind::Folder), first_name: None };
            if visitor.entry(&folder, &mut Nothing) == Verdict::Stop {
                return Ok(());
            }
        }
        for output in outputs {
            let path = self.within(&output)?;
            let walked = Walked { path, stat: self.stat(FileKind::File), first_name: None };
            let failed = Failed::default();
            let mut item = Printed { output: &output, stat: walked.stat, stop: &self.stop, failed: &failed };
            let verdict = visitor.entry(&walked, &mut item);
            if let Some(why) = failed.take() {
                return Err(SourceFailed::new(why, output.advice));
            }
            if verdict == Verdict::Stop {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Why an output is not whole, told by whoever reads it.
#[derive(Clone, Default)]
pub(super) struct Failed(Arc<Mutex<Option<String>>>);

impl Failed {
    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn tell(&self, error: &(dyn std::error::Error + 'static)) -> io::Error {
        let why = chain(error);
        let told = io::Error::other(why.clone());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        told
    }
}

/// A folder has nothing to be read.
struct Nothing;

impl Item for Nothing {
    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        Ok(Vec::new())
    }

    fn link_target(&mut self) -> io::Result<Box<[u8]>> {
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn open(&mut self) -> io::Result<Box<dyn Content>> {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

struct Printed<'o> {
    output: &'o Output,
    stat: Stat,
    stop: &'o Stop,
    failed: &'o Failed,
}

impl Item for Printed<'_> {
    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        Ok(Vec::new())
    }

    fn link_target(&mut self) -> io::Result<Box<[u8]>> {
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn open(&mut self) -> io::Result<Box<dyn Content>> {
        let started = self.output.program.start(Arc::clone(self.stop));
        let running = started.map_err(|error| self.failed.tell(&error))?;
        let (name, last) = (self.output.program.shown(), self.output.last);
        Ok(Box::new(Printing { running, stat: self.stat, name, last, tail: Vec::new(), failed: self.failed.clone() }))
    }
}

struct Printing {
    running: Running,
    stat: Stat,
    name: String,
    last: &'static [u8],
    /// The end of what was printed so far.
    tail: Vec<u8>,
    failed: Failed,
}

/// A program that said that all went well, and did not print what it ends with.
#[derive(Debug, thiserror::Error)]
#[error("the output of `{0}` ends too early")]
struct Early(String);

impl Printing {
    fn remember(&mut self, block: &[u8]) {
        if self.last.is_empty() {
            return;
        }
        self.tail.extend_from_slice(&block[block.len().saturating_sub(TAIL)..]);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
    }

    fn is_whole(&self) -> bool {
        self.last.is_empty() || self.tail.windows(self.last.len()).any(|piece| piece == self.last)
    }
}

impl Content for Printing {
    fn stat(&self) -> Stat {
        self.stat
    }

    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        Ok(Vec::new())
    }

    fn cut(&self) -> Cut {
        Cut::ByContent
    }

    fn next_run(&mut self, block: &mut Vec<u8>) -> io::Result<Option<Run>> {
        match self.running.next() {
            Ok(Some(printed)) => {
                self.remember(&printed);
                *block = printed;
                Ok(Some(Run::Data))
            }
            Ok(None) if self.is_whole() => Ok(None),
            Ok(None) => Err(self.failed.tell(&Early(self.name.clone()))),
            Err(error) => Err(self.failed.tell(&error)),
        }
    }

    fn finish(self: Box<Self>) -> io::Result<Stillness> {
        Ok(Stillness::Still)
    }
}

//! The writing half: messages to files, each compared with its digest before it gets its name.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;

use crossbeam_channel::Receiver;

use super::feed::{Batch, Message};
use super::outcome::{Cause, Gap, Lost, in_words};
use super::request::Progress;
use super::tree::{TreeError, TreeWriter};
use crate::model::{Content, Entry, EntryPath, Kind, Problem};

/// Lost paths and problems that are kept one by one; more are only counted.
const LISTED_MAX: usize = 10_000;
/// Zeros of a hole between two looks at whether to stop.
const HOLE_STOP_EVERY: u64 = 256 << 20;
/// Zeros, to hash a hole.
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];

/// What was done by one pass, and what not.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub files: u64,
    pub bytes: u64,
    pub entries: u64,
    pub problems: Vec<Problem>,
    pub more_problems: u64,
    pub lost: Vec<Lost>,
    pub more_lost: u64,
    /// Where entries can't be read, in order.
    pub gaps: Vec<Gap>,
    /// Further names that the target could not link: to be restored by their content.
    pub unlinked: Vec<EntryPath>,
    /// Files whose parts were good and whose whole is not what its digest says.
    pub unequal: Vec<EntryPath>,
}

/// Why it ended before the messages did.
#[derive(Debug)]
pub(super) enum Early {
    /// The target is full.
    Full(EntryPath, io::Error),
    /// It was asked to stop.
    Stopped,
}

/// Reports to the outside.
pub(super) struct Reports<'r> {
    pub stop: &'r dyn Fn() -> bool,
    pub progress: &'r dyn Fn(&Progress),
    pub at: Progress,
}

/// Takes messages out of batches, and looks around between two batches.
struct Inbox<'r, 'a> {
    receiver: Receiver<Batch>,
    batch: std::vec::IntoIter<Message>,
    reports: &'a mut Reports<'r>,
}

/// Writes below one target.
pub(super) struct Writing<'a> {
    tree: &'a mut TreeWriter,
    tally: Tally,
    /// Paths that were not restored, by their hash, and whether they are lost: a link to one of them must not find
    /// what lay there before. Two paths of one hash cost a link, once in some 10^13 restores.
    failed: HashMap<u64, Option<Cause>>,
    hashing: RandomState,
}

/// How a file ended.
enum Ending {
    Whole,
    Unequal,
    Lost(Cause, String),
    Failed(TreeError),
    Stopped,
}

/// Writes what is received.
pub(super) fn write(
    tree: &mut TreeWriter,
    receiver: Receiver<Batch>,
    reports: &mut Reports<'_>,
) -> (Tally, Result<(), Early>) {
    let mut writing = Writing { tree, tally: Tally::default(), failed: HashMap::new(), hashing: RandomState::new() };
    let mut inbox = Inbox { receiver, batch: Vec::new().into_iter(), reports };
    let ended = writing.run(&mut inbox);
    (writing.tally, ended)
}

impl Writing<'_> {
    fn run(&mut self, inbox: &mut Inbox<'_, '_>) -> Result<(), Early> {
        while let Some(message) = inbox.next()? {
            match message {
                Message::File(entry) => self.file(&entry, inbox)?,
                Message::Entry(entry) => self.entry(&entry)?,
                Message::Nameless(path, first) => {
                    self.problem(&path, format!("its first name {first} is not in the point"), None);
                }
                Message::Widowed(path, cause, why) => self.lost(&path, cause, why),
                Message::Gap(gap) => self.tally.gaps.push(gap),
                Message::Data(..) | Message::Hole(_) | Message::End | Message::Lost(..) => {
                    unreachable!("content follows its file")
                }
            }
            inbox.reports.at.entries += 1;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry<()>) -> Result<(), Early> {
        let done = match &entry.kind {
            Kind::Folder => self.tree.folder(entry),
            Kind::Hardlink(first) => return self.link(entry, first),
            _ => self.tree.other(entry),
        };
        match done {
            Ok(()) => self.tally.entries += 1,
            Err(error) => self.failed(&entry.path, error)?,
        }
        Ok(())
    }

    fn link(&mut self, entry: &Entry<()>, first: &EntryPath) -> Result<(), Early> {
        let path = &entry.path;
        match self.failed.get(&self.hash(first)) {
            Some(&Some(cause)) => {
                self.lost(path, cause, format!("it is one more name of {first}, which is lost"));
                return Ok(());
            }
            Some(None) => {
                self.problem(path, format!("it is one more name of {first}, which could not be restored"), None);
                return Ok(());
            }
            None => {}
        }
        match self.tree.other(entry) {
            Ok(()) => {
                self.tally.entries += 1;
                self.tally.files += 1;
            }
            Err(TreeError::Link { source, .. }) if !is_full(&source) => self.tally.unlinked.push(path.clone()),
            Err(error) => self.failed(path, error)?,
        }
        Ok(())
    }

    fn file(&mut self, entry: &Entry<()>, inbox: &mut Inbox<'_, '_>) -> Result<(), Early> {
        let Kind::File(content) = &entry.kind else { unreachable!("the feed begins files with files") };
        match write_file(self.tree, entry, content, inbox) {
            Ending::Whole => {
                self.tally.entries += 1;
                self.tally.files += 1;
                self.tally.bytes = self.tally.bytes.saturating_add(content.bytes);
            }
            Ending::Lost(cause, why) => self.lost(&entry.path, cause, why),
            Ending::Unequal => {
                let why = "all its parts are good, but the whole is not what was captured".to_owned();
                self.lost(&entry.path, Cause::Damage, why);
                if self.tally.unequal.len() < LISTED_MAX {
                    self.tally.unequal.push(entry.path.clone());
                }
            }
            Ending::Failed(error) => self.failed(&entry.path, error)?,
            Ending::Stopped => return Err(Early::Stopped),
        }
        Ok(())
    }

    fn failed(&mut self, path: &EntryPath, error: TreeError) -> Result<(), Early> {
        match error {
            TreeError::Make { source, .. } | TreeError::Link { source, .. } if is_full(&source) => {
                Err(Early::Full(path.clone(), source))
            }
            TreeError::Make { source, .. } => {
                self.problem(path, format!("can't be restored: {source}"), None);
                Ok(())
            }
            error => {
                self.problem(path, in_words(&error), None);
                Ok(())
            }
        }
    }

    fn problem(&mut self, path: &EntryPath, problem: String, cause: Option<Cause>) {
        self.failed.insert(self.hash(path), cause);
        if self.tally.problems.len() < LISTED_MAX {
            self.tally.problems.push(Problem::new(path.as_bytes(), problem));
        } else {
            self.tally.more_problems += 1;
        }
    }

    fn lost(&mut self, path: &EntryPath, cause: Cause, why: String) {
        self.failed.insert(self.hash(path), Some(cause));
        self.tally.lose(Lost { path: path.clone(), cause, why });
    }

    fn hash(&self, path: &EntryPath) -> u64 {
        self.hashing.hash_one(path)
    }
}

impl Tally {
    /// Keeps it, or counts it. The exit code is read off the list: what damage took is never crowded out of it.
    pub(super) fn lose(&mut self, lost: Lost) {
        if self.lost.len() < LISTED_MAX {
            self.lost.push(lost);
            return;
        }
        self.more_lost += 1;
        if let (Cause::Damage, Some(last @ Lost { cause: Cause::Unreachable, .. })) = (lost.cause, self.lost.last_mut())
        {
            *last = lost;
        }
    }
}

/// Writes one file. It has its name only if all its bytes were had and are those that were captured.
fn write_file(tree: &mut TreeWriter, entry: &Entry<()>, content: &Content<()>, inbox: &mut Inbox<'_, '_>) -> Ending {
    let mut hasher = blake3::Hasher::new();
    let (mut writer, mut failed) = match tree.file(entry) {
        Ok(writer) => (Some(writer), None),
        Err(error) => (None, Some(error)),
    };
    loop {
        match inbox.next() {
            Ok(Some(Message::Data(offset, data))) => {
                let Some(file) = &writer else { continue };
                hasher.update(&data);
                if let Err(error) = file.write_at(offset, &data) {
                    (writer, failed) = (None, Some(error));
                }
            }
            Ok(Some(Message::Hole(bytes))) => {
                if writer.is_some() && !hash_zeros(&mut hasher, bytes, inbox.reports.stop) {
                    return Ending::Stopped;
                }
            }
            Ok(Some(Message::Lost(cause, why))) => return Ending::Lost(cause, why),
            Ok(Some(Message::End)) => break,
            Ok(Some(_)) => unreachable!("a file ends before the next entry"),
            Ok(None) | Err(_) => return Ending::Stopped,
        }
    }
    let equal = *hasher.finalize().as_bytes() == content.digest.0;
    match (writer, failed) {
        (Some(file), _) if equal => file.finish().map_or_else(Ending::Failed, |()| Ending::Whole),
        (Some(_), _) => Ending::Unequal,
        (None, Some(error)) => Ending::Failed(error),
        (None, None) => unreachable!("it was begun, or it failed"),
    }
}

/// Hashes so many zeros, unless it is asked to stop; gives whether it was not.
fn hash_zeros(hasher: &mut blake3::Hasher, bytes: u64, stop: &dyn Fn() -> bool) -> bool {
    let mut done = 0;
    while done < bytes {
        let now = usize::try_from(bytes - done).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
        hasher.update_rayon(&ZEROS[..now]);
        done += now as u64;
        if done.is_multiple_of(HOLE_STOP_EVERY) && stop() {
            return false;
        }
    }
    true
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Inbox<'_, '_> {
    /// The next message; none at the end.
    fn next(&mut self) -> Result<Option<Message>, Early> {
        loop {
            if let Some(message) = self.batch.next() {
                self.reports.see(&message);
                return Ok(Some(message));
            }
            (self.reports.progress)(&self.reports.at);
            if (self.reports.stop)() {
                return Err(Early::Stopped);
            }
            match self.receiver.recv() {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(_) => return Ok(None),
            }
        }
    }
}

impl Reports<'_> {
    fn see(&mut self, message: &Message) {
        let bytes = match message {
            Message::Data(_, data) => data.len() as u64,
            Message::Hole(bytes) => *bytes,
            _ => 0,
        };
        self.at.bytes = self.at.bytes.saturating_add(bytes);
    }
}

//! The world → sorted entries and their bytes.
//!
//! In: a configured source. Out: [`Walked`] entries in exactly the order of [`EntryPath`], each once, handed to a
//! [`Visitor`] while its folder is still open, with an [`Item`] to read the rest on demand: a visitor that finds an
//! entry unchanged reads nothing. What can't be read is a [`Problem`] and the walk goes on; where a source is one whole,
//! as a database's dump is, it is a [`SourceFailed`] and there is no point.
//!
//! Deliberately absent: comparing with an earlier point, chunking, any store, any clock (a moment is handed in).

pub mod adopted;
mod canary;
mod content;
#[cfg(target_os = "linux")]
mod drive;
mod exclude;
mod failed;
mod firebird;
mod folders;
mod item;
mod links;
mod mariadb;
mod marker;
mod names;
mod outputs;
mod own;
mod postgres;
mod program;
mod roots;
mod server;
mod snapshots;
#[cfg(unix)]
mod sqlite;
mod view;
mod walk;
#[cfg(test)]
mod walk_tests;

use std::io;

pub use canary::{CanaryFound, CanarySpot, Plot};
#[cfg(target_os = "linux")]
pub use drive::{Drive, Live};
pub use exclude::ExcludeError;
pub use failed::SourceFailed;
pub use firebird::backup as firebird;
pub use folders::{FileSystems, Folders, FoldersError, FoldersOptions};
pub use mariadb::dumps as mariadb;
pub use outputs::{List, Output, Outputs};
pub use postgres::{BASE_FOLDER, base_backup as postgres_base, dumps as postgres};
pub use program::{Program, ProgramError, Stop};
pub use server::DatabaseServer;
pub use snapshots::{SnapshotsOf, Wanted};
#[cfg(unix)]
pub use sqlite::Databases;

use crate::model::{EntryPath, Problem, Time, Xattr};
pub use crate::platform::{FileKind, Stat};

/// Bytes of content given at once, at most.
pub const BLOCK_BYTES: usize = 1 << 20;

/// A place that entries come from. Simulated sources are the same to the capture.
pub trait Source {
    /// Hands every entry to `visitor`, in order, until it says [`Verdict::Stop`].
    ///
    /// # Errors
    /// [`SourceFailed`] if what was handed over is not all of it, and no point may be made of it.
    fn walk(&mut self, visitor: &mut dyn Visitor) -> Result<(), SourceFailed>;
}

/// Who is shown the entries.
pub trait Visitor {
    /// The next entry in order. `item` reads the rest of it, now or never.
    fn entry(&mut self, walked: &Walked, item: &mut dyn Item) -> Verdict;
    /// Something could not be looked at; whatever is below it is not in the walk.
    fn problem(&mut self, problem: Problem);
    /// Something was left out on purpose; told once for the topmost name.
    fn left_out(&mut self, path: &EntryPath, why: LeftOut);
    /// Something that a person should know and that takes nothing out of the walk.
    fn warning(&mut self, warning: Problem);
}

/// What the visitor did with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the point.
    Kept,
    /// It is not (it could not be read): a further name of it is then offered as the first. What lies below a folder
    /// is offered all the same.
    Dropped,
    /// End the walk.
    Stop,
}

/// Why something is not in the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// A pattern of the configuration.
    Excluded,
    /// The folder's contents: it holds a valid `CACHEDIR.TAG`.
    CacheTag,
    /// The folder's contents: it holds `.nobackup`.
    NoBackup,
    /// The folder's contents: another file system, and the job stays on one.
    OtherFileSystem,
    /// The engine's own vault, state or destination.
    OwnFolder,
}

/// One entry, as far as one look tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// Where it stands.
    pub path: EntryPath,
    /// What the look said.
    pub stat: Stat,
    /// For a further name of an inode that was kept before: the first name. Nothing needs to be read then.
    pub first_name: Option<EntryPath>,
}

/// Reads the rest of an entry.
pub trait Item {
    /// The extended attributes, sorted by name; empty where the file system has none.
    ///
    /// # Errors
    /// Of the system. `NotFound`: it is gone, which is no problem.
    fn xattrs(&mut self) -> io::Result<Vec<Xattr>>;

    /// The bytes a symbolic link points to.
    ///
    /// # Errors
    /// Of the system. `NotFound` or `InvalidInput`: it is gone or no link any more.
    fn link_target(&mut self) -> io::Result<Box<[u8]>>;

    /// Opens a regular file. May be called again for a second read.
    ///
    /// # Errors
    /// Of the system. `NotFound`: it is gone, which is no problem; `InvalidInput`: it is no regular file any more.
    fn open(&mut self) -> io::Result<Box<dyn Content>>;

    /// The moment that all of it is of, or one before, if that is not the moment at hand: it is read from a snapshot.
    fn as_of(&self) -> Option<Time> {
        None
    }
}

/// An open regular file; may be read on another thread while the walk goes on. Its runs, added up, are the size to
/// record, whatever the file did meanwhile: it is read up to the size it had when it was opened, and no further; one
/// that shrinks ends where it ended.
pub trait Content: Send {
    /// The file at the moment it was opened. Record *this* beside the content, not the walk's look: the name may have
    /// been given to another file in between.
    fn stat(&self) -> Stat;

    /// The extended attributes of the open file.
    ///
    /// # Errors
    /// Of the system.
    fn xattrs(&mut self) -> io::Result<Vec<Xattr>>;

    /// How it wants to be cut into chunks.
    fn cut(&self) -> Cut;

    /// The next run in order; none at the end. Data replaces what is in `block`, [`BLOCK_BYTES`] at most.
    ///
    /// # Errors
    /// Of the system: what was read so far is not the file.
    fn next_run(&mut self, block: &mut Vec<u8>) -> io::Result<Option<Run>>;

    /// Did it hold still since it was opened? Asked after the last run.
    ///
    /// # Errors
    /// Of the system.
    fn finish(self: Box<Self>) -> io::Result<Stillness>;
}

/// How content is cut into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Where its bytes say so: what is inserted or moved within it shifts nothing else.
    ByContent,
    /// At multiples of one size, as befits a drive of so many bytes, where nothing is ever inserted.
    Drive(u64),
}

/// A run of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// What is now in the block.
    Data,
    /// So many zeros that were never stored, 1 at least.
    Hole(u64),
}

/// What a file did while it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stillness {
    /// Size, times and inode are as they were.
    Still,
    /// It changed: read it again once, then keep it as unstable.
    Changed,
}

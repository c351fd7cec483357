//! Names and bytes to and from the places that hold a vault.
//!
//! In: paths inside a vault and bytes. Out: effects at one place and what it answered.
//! Deliberately absent: what the bytes mean, keys, the catalog, retries of whole operations.
//!
//! What every store promises, each rule with its test in `conformance`:
//!
//! - S-1 An object that was finished is listed, has the length written, and reads back as written.
//! - S-2 What is not finished has no object's name: `stat`, `read` and `list` show it by its temporary name only,
//!   `.tmp-` and then the object's own, or not at all.
//! - S-3 A finished object is never replaced: `create` of a taken name is `Exists`.
//! - S-4 Of two writers of one name the first to finish wins; the other one's `finish` is `Exists` and changes nothing.
//! - S-5 A dropped writer leaves what it flushed, as far as the place can; `flush` tells how much can be gone on from.
//! - S-6 A resumed writer tells how much it keeps, never more than was asked for, and goes on behind it, whatever else
//!   was left.
//! - S-7 A writer that is begun anew keeps nothing of an earlier one.
//! - S-8 Resuming at what is not left is no error: the writer keeps less, or nothing.
//! - S-9 What is not there: `stat` is `None`, `read` and `read_medium` are `NotFound`.
//! - S-10 `read` gives fewer bytes than wanted only where the object ends, and none beyond its end; `read_on` gives all
//!   from the offset to that end, in order, then 0 for ever.
//! - S-11 `list` gives what lies directly in the folder, folders too, sorted by path; a missing folder is empty.
//! - S-12 `delete` takes away just the object named, and may be repeated; a temporary name is deleted by its own path.
//! - S-13 A deleted name can be written again.
//! - S-14 An empty object is an object.
//! - S-15 Nothing is made by looking: no reading operation creates or changes anything.
//! - S-16 `read_medium` gives the whole object in order, then 0 for ever.
//! - S-17 Objects larger than one buffer, written in uneven pieces, are one object.
//! - S-18 A store whose place is there says so; `still_there` has no effect.
//! - S-19 Writers of different names do not disturb each other.

mod claims;
pub mod conformance;
mod error;
mod file;
mod ftp;
pub mod late;
#[cfg(all(test, target_os = "linux"))]
pub(crate) mod loop_drive;
pub mod memory;
mod mirror;
pub(crate) mod onward;
mod operation;
pub mod record;
pub mod retry;
mod runtime;
mod s3;
mod sftp;
mod shared;
#[cfg(test)]
mod still;
pub mod throttle;
pub mod watch;
mod webdav;
mod window;

pub use error::{ErrorKind, StoreError};
pub use file::{Case, FileStore, Locks, Manners, MediumReader, MediumWay, NamesKept, Privacy, Renaming};
pub use ftp::{Answer, FtpStore};
pub use mirror::{FOLDER as MIRROR_FOLDER, Index, MirrorStore, unfit_name};
pub use operation::Operation;
pub use s3::S3Store;
pub use sftp::SftpStore;
pub use webdav::WebDavStore;

use crate::model::{Distance, VaultPath};

/// What the name of an object that is not finished begins with.
pub const TEMPORARY_PREFIX: &str = ".tmp-";

/// What a flush left that another writer of the same object can go on from: a hint, as the whole is read back anyway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// Bytes of the object, from its beginning.
    pub bytes: u64,
    /// What the place calls the unfinished object, where its own name does not say it: an upload's id.
    pub token: String,
}

impl Resume {
    /// So many bytes under the temporary name.
    #[must_use]
    pub const fn at(bytes: u64) -> Self {
        Self { bytes, token: String::new() }
    }
}

/// What is known of an object that was just finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It has its name.
    Named,
    /// And the place's own checksum of the whole object is that of the bytes that were written.
    Confirmed,
}

/// One thing that lies directly in a folder of a vault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its whole path.
    pub path: VaultPath,
    /// Bytes of a file; `None` for a folder.
    pub bytes: Option<u64>,
}

/// Room at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that can still be written.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// A sequential read of one object, from a fresh open.
pub trait ObjectRead: Send {
    /// The next bytes; 0 at the end only.
    ///
    /// # Errors
    /// As the place answers.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError>;
}

/// Reading from a place that holds a vault. Paths are relative to the vault.
pub trait ReadStore: Send + Sync {
    /// Bytes of the object at `path`; `None` if none is there (a folder is no object). Never trusts a cache of ours.
    ///
    /// # Errors
    /// As the place answers; that nothing is there is no error.
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError>;

    /// The `bytes` bytes from `offset`; fewer only where the object ends.
    ///
    /// # Errors
    /// `NotFound` if none is there, else as the place answers.
    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError>;

    /// The object from `offset` to its end, for a reader that goes on: one request, where a place is far. What was on its
    /// way already may be given after the object has changed; it never is evidence.
    ///
    /// # Errors
    /// As of `read`, here or with the first bytes.
    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(onward::Onward::boxed(self, path, offset))
    }

    /// All that lies directly in `folder`, temporary names too, sorted; empty if there is no such folder.
    ///
    /// # Errors
    /// If any part of the answer is missing: a list is whole or an error.
    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError>;

    /// The whole object, from the medium and not from this computer's memory, as far as the system can promise it.
    ///
    /// # Errors
    /// `NotFound` if none is there, else as the place answers.
    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError>;

    /// The object as a file of this computer that nobody changes any more, to be hashed through a map; none where the
    /// place is not the engine's own, or no such object is there.
    ///
    /// # Errors
    /// As the place answers.
    fn finished_file(&self, path: &VaultPath) -> Result<Option<std::fs::File>, StoreError>;

    /// Room left, where the place tells.
    ///
    /// # Errors
    /// As the place answers.
    fn space(&self) -> Result<Option<Space>, StoreError>;

    /// Where the place is.
    fn distance(&self) -> Distance {
        Distance::Local
    }

    /// Is the place still the one that was opened? Called before anything is believed to be done.
    ///
    /// # Errors
    /// `Gone` if another place, or none, answers at the address now.
    fn still_there(&self) -> Result<(), StoreError>;

    /// Which packs are files there; none where the layout is `vault`.
    fn mirror(&self) -> Option<&Index> {
        None
    }
}

/// Writing to a place that holds a vault.
pub trait WriteStore: ReadStore {
    /// Begins the object at `path` under a temporary name made from its own; what an earlier writer left there goes.
    /// Makes the folders that are missing.
    ///
    /// # Errors
    /// `Exists` if an object is at `path` already.
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError>;

    /// The same, keeping what is left of an earlier writer's bytes, `left` at most: [`ObjectWrite::kept`] tells how many.
    ///
    /// # Errors
    /// `Exists` if an object is at `path` already.
    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError>;

    /// How many objects are best under way at once: one, where each goes as fast as the place alone. May have to ask the
    /// place, and take as long as a login; not needed for the first object.
    fn lanes(&self) -> usize {
        1
    }

    /// The same without asking: `lanes` is not more.
    fn lanes_max(&self) -> usize {
        self.lanes()
    }

    /// Deletes the object at `path`, which may be a temporary name, and flushes its folder. Deleting what is not there
    /// is done. What a writer left unfinished goes by its own, temporary path only.
    ///
    /// # Errors
    /// `Denied` where the place only allows to add.
    fn delete(&self, path: &VaultPath) -> Result<(), StoreError>;
}

/// Where an unfinished object at `path` lies: the same folder, the same name behind [`TEMPORARY_PREFIX`].
///
/// # Errors
/// `Permanent` if the name gets too long for a part of a path.
pub fn temporary(path: &VaultPath) -> Result<VaultPath, StoreError> {
    let name = format!("{TEMPORARY_PREFIX}{}", path.file_name());
    path.folder()
        .foreign_child(&name)
        .map_err(|error| StoreError::new(ErrorKind::Permanent, "create", path.as_str(), error.to_string()))
}

/// An object on its way in. Dropped without `finish`, what was flushed can be resumed.
pub trait ObjectWrite {
    /// Bytes of an earlier writer that it keeps; what is written goes behind them.
    fn kept(&self) -> u64;

    /// Appends.
    ///
    /// # Errors
    /// As the place answers. After an error the writer must be dropped.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// Makes what was written, and the temporary name, durable, as far as the place can in the middle of an object, and
    /// tells what can be gone on from.
    ///
    /// # Errors
    /// As the place answers. The object is condemned then (D-7), as it is after a `finish` whose flush failed: what was
    /// flushed before counts no more either, and the next writer begins at 0. `Transient` alone leaves what was flushed
    /// before: the request or its answer was lost on the way; a place that lost more finds less to resume (S-8).
    fn flush(&mut self) -> Result<Resume, StoreError>;

    /// Flushes, gives the object its name, and flushes the folder.
    ///
    /// # Errors
    /// `Exists` if another object took the name meanwhile; it is not replaced.
    fn finish(self: Box<Self>) -> Result<Finish, StoreError>;
}

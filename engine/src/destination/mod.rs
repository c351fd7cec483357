//! Names and bytes to and from the places that hold a vault.
//!
//! In: paths inside a vault and bytes. Out: effects at one place and what it answered.
//! Deliberately absent: what the bytes mean, keys, the catalog, retries of whole operations.

mod error;

pub use error::{ErrorKind, StoreError};

use crate::model::VaultPath;

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
    /// Bytes of the object at `path`; `None` if none is there. Never trusts a cache of ours.
    ///
    /// # Errors
    /// As the place answers; that nothing is there is no error.
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError>;

    /// The `bytes` bytes from `offset`; fewer only where the object ends.
    ///
    /// # Errors
    /// `NotFound` if none is there, else as the place answers.
    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError>;

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

    /// Room left, where the place tells.
    ///
    /// # Errors
    /// As the place answers.
    fn space(&self) -> Result<Option<Space>, StoreError>;

    /// Is the place still the one that was opened? Called before anything is believed to be done.
    ///
    /// # Errors
    /// `Gone` if another place, or none, answers at the address now.
    fn still_there(&self) -> Result<(), StoreError>;
}

/// Writing to a place that holds a vault.
pub trait WriteStore: ReadStore {
    /// Begins the object at `path` under a temporary name made from its own, keeping the first `resume_at` bytes that
    /// an earlier writer of the same path left flushed. Makes the folders that are missing.
    ///
    /// # Errors
    /// `Exists` if an object is at `path` already; `NotFound` if fewer than `resume_at` bytes are left.
    fn create(&self, path: &VaultPath, resume_at: u64) -> Result<Box<dyn ObjectWrite + '_>, StoreError>;

    /// Bytes that a writer of `path` that did not finish left behind; 0 if none.
    ///
    /// # Errors
    /// As the place answers.
    fn unfinished(&self, path: &VaultPath) -> Result<u64, StoreError>;

    /// Deletes the object at `path`, a temporary one too, and flushes its folder. Deleting what is not there is done.
    ///
    /// # Errors
    /// `Denied` where the place only allows to add.
    fn delete(&self, path: &VaultPath) -> Result<(), StoreError>;
}

/// An object on its way in. Dropped without `finish`, what was flushed can be resumed.
pub trait ObjectWrite {
    /// Appends.
    ///
    /// # Errors
    /// As the place answers. After an error the writer must be dropped.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// Makes all that was written durable; after an error the object is condemned (D-7).
    ///
    /// # Errors
    /// As the place answers.
    fn flush(&mut self) -> Result<(), StoreError>;

    /// Flushes, gives the object its name, and flushes the folder.
    ///
    /// # Errors
    /// `Exists` if another object took the name meanwhile; it is not replaced.
    fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

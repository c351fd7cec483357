//! A vault in a folder of this computer: home, a drive, a mounted share.
//!
//! In: the address of a folder that is there. Out: effects in that folder and nowhere else.
//!
//! The folder is opened once and everything is done relative to its descriptor, no link followed: after `umount -l`
//! or a swap of drives nothing is written into the empty mount point below. [`ReadStore::still_there`] resolves the
//! address anew and says `Gone` unless the same folder of the same mount answers. [`ReadStore::read_medium`] does
//! too, so that what it gives is evidence about the drive that is there now.
//!
//! Order of a write: temporary file, data flushed every 8 MiB, fsync, exclusive rename, fsync of the folder; folders
//! on the way were made durable before the file was begun. A flush that fails deletes the file (D-7).
//!
//! Some shares and FUSE file systems can't flush folders. Whether a place can is asked when it is opened and nothing is
//! dirty; where it can't, it is not asked again ([`FileStore::names_kept`]). Then a file's *bytes* are durable when a
//! write has ended and its *name* is not: if the server stops in the seconds after, an object that was called complete
//! can be gone, or have its temporary name again. The next look at its length there finds that, and `verify` or a drill.
//! An `EIO` from a place that could is the failed flush that it says it is.
//!
//! Deliberately absent: what the bytes mean; locks (one writer for each vault); making parent folders.

#[cfg(all(test, target_os = "linux"))]
mod drive_tests;
#[cfg(unix)]
mod folder;
mod manners;
mod medium;
#[cfg(unix)]
mod pages;
#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod root;
#[cfg(all(test, unix))]
mod tests;
mod writer;

#[cfg(not(unix))]
use portable::{folder, pages, root};

pub use manners::{Case, Locks, Manners};
pub use medium::{MediumReader, MediumWay};

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use self::folder::Folder;
use self::root::Identity;
use self::writer::FileWriter;
use super::{ErrorKind, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, WriteStore, temporary};
use crate::model::VaultPath;

/// Who may read what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// The owner only: folders 0700, files 0600.
    Private,
    /// As the process's umask says.
    Umask,
}

/// When the names in a folder are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamesKept {
    /// When the folder was flushed.
    WhenFlushed,
    /// When the server or the daemon behind the place sees to it: it can't be asked for.
    Later,
}

/// How a file is given a free name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renaming {
    /// In one step that is refused if the name is taken.
    Exclusive,
    /// By a hard link, which is refused if the name is taken.
    ByLink,
    /// After a look whether it is free: a file that takes the name in between is replaced.
    AfterLook,
}

/// What lies under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A regular file of that many bytes, with so many names.
    File { bytes: u64, links: u64 },
    /// A folder.
    Folder,
    /// A link, device or pipe: nothing that the engine writes.
    Other,
}

/// A vault in a folder.
#[derive(Debug)]
pub struct FileStore {
    address: PathBuf,
    root: Folder,
    identity: Identity,
    /// Whether the system listed its block device when it was opened.
    device: Option<bool>,
    privacy: Privacy,
    /// Folders whose names this store has made durable, by their paths.
    settled: Mutex<BTreeSet<VaultPath>>,
}

impl FileStore {
    /// Opens the folder at `address`. Creates nothing.
    ///
    /// # Errors
    /// `NotFound` if no folder is there, else as the system answers.
    pub fn open(address: &Path, privacy: Privacy) -> Result<Self, StoreError> {
        Self::of(address, Folder::at(address), privacy, "open")
    }

    /// Makes the folder at `address`, no parent of it, and opens it.
    ///
    /// # Errors
    /// `Exists` if something is there; `NotFound` if its parent is not; else as the system answers.
    pub fn create_root(address: &Path, privacy: Privacy) -> Result<Self, StoreError> {
        Self::of(address, Folder::make_at(address, privacy), privacy, "make")
    }

    fn of(
        address: &Path,
        root: io::Result<Folder>,
        privacy: Privacy,
        operation: &'static str,
    ) -> Result<Self, StoreError> {
        let opened = root.and_then(|root| Ok((Identity::of(&root)?, root.knowing())));
        let (identity, root) = opened.map_err(|error| {
            let missing = error.kind() == io::ErrorKind::NotADirectory;
            let error = StoreError::from_io(operation, address.display().to_string(), error);
            StoreError { kind: if missing { ErrorKind::NotFound } else { error.kind }, ..error }
        })?;
        let device = identity.device_listed();
        Ok(Self { address: address.to_owned(), root, identity, device, privacy, settled: Mutex::default() })
    }

    /// Where it was opened.
    #[must_use]
    pub fn address(&self) -> &Path {
        &self.address
    }

    /// When the names of what is written there are durable; see the module.
    #[must_use]
    pub fn names_kept(&self) -> NamesKept {
        self.root.names_kept()
    }

    /// As [`ReadStore::read_medium`], and tells how near to the medium the bytes come from.
    ///
    /// # Errors
    /// As `read_medium`; `Gone` if the address leads elsewhere now.
    pub fn open_medium(&self, path: &VaultPath) -> Result<MediumReader<'_>, StoreError> {
        let root = self.root_now("read back")?;
        let folder = walk(root, &path.folder()).map_err(|error| self.fail("read back", path, error))?;
        MediumReader::open(self, &folder, path)
    }

    /// The root, resolved from the address once more.
    fn root_now(&self, operation: &'static str) -> Result<Folder, StoreError> {
        let gone = |why: &str| StoreError::new(ErrorKind::Gone, operation, self.address.display().to_string(), why);
        let root = Folder::at(&self.address).map_err(|error| {
            let error = StoreError::from_io(operation, self.address.display().to_string(), error);
            let kind = if error.kind == ErrorKind::Transient { error.kind } else { ErrorKind::Gone };
            StoreError { kind, ..error }
        })?;
        match Identity::of(&root) {
            Ok(identity) if identity == self.identity => {}
            Ok(_) => return Err(gone("another folder answers there now")),
            Err(error) => return Err(gone(&error.to_string())),
        }
        if (self.device, self.identity.device_listed()) == (Some(true), Some(false)) {
            return Err(gone("its drive is no longer connected"));
        }
        Ok(root)
    }

    /// The error of an operation; where it looks as if the drive failed, whether the place itself is gone.
    fn fail(&self, operation: &'static str, path: &VaultPath, source: io::Error) -> StoreError {
        let at = if path.as_str().is_empty() { self.address.clone() } else { self.address.join(path.as_str()) };
        let error = StoreError::from_io(operation, at.display().to_string(), source);
        let gone = pages::device_failed(&error.source)
            && self.root_now(operation).is_err_and(|now| now.kind == ErrorKind::Gone);
        StoreError { kind: if gone { ErrorKind::Gone } else { error.kind }, ..error }
    }

    /// The folder at `path`, which is there.
    fn folder(&self, path: &VaultPath) -> io::Result<Folder> {
        walk(self.root.again()?, path)
    }

    /// The folder at `path`, made where it is missing, every name on the way durable.
    fn folder_or_make(&self, path: &VaultPath) -> io::Result<Folder> {
        let mut folder = self.root.again()?;
        let mut at = VaultPath::root();
        for part in path.parts() {
            let below = folder.folder_or_make(part, self.privacy)?;
            at = at.foreign_child(part).map_err(io::Error::other)?;
            self.settle(&folder, &at)?;
            folder = below;
        }
        Ok(folder)
    }

    /// Flushes the name of the folder at `path` in the folder `above`, once for each store: it may have been made by
    /// a process that died before it flushed.
    fn settle(&self, above: &Folder, path: &VaultPath) -> io::Result<()> {
        let settled = || self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if !settled().contains(path) {
            above.flush()?;
            settled().insert(path.clone());
        }
        Ok(())
    }

    /// The file at `path`, or nothing if no regular file is there.
    fn look(&self, path: &VaultPath) -> io::Result<Option<u64>> {
        let folder = match self.folder(&path.folder()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            folder => folder?,
        };
        Ok(match folder.look(path.file_name())? {
            Some(Found::File { bytes, .. }) => Some(bytes),
            _ => None,
        })
    }

    fn listed(&self, at: &VaultPath) -> io::Result<Vec<Listed>> {
        let folder = match self.folder(at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folder => folder?,
        };
        let mut all = Vec::new();
        for name in folder.names()? {
            let Some((name, path)) = parsed(at, &name) else { continue };
            match folder.look(&name)? {
                Some(Found::File { bytes, .. }) => all.push(Listed { path, bytes: Some(bytes) }),
                Some(Found::Folder) => all.push(Listed { path, bytes: None }),
                Some(Found::Other) | None => {}
            }
        }
        all.sort();
        Ok(all)
    }

    fn read_at(&self, path: &VaultPath, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let file = self.folder(&path.folder())?.read(path.file_name())?;
        let left = file.metadata()?.len().saturating_sub(offset);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(bytes);
        let mut buffer = vec![0; wanted];
        let mut done = 0;
        while done < wanted {
            let at = offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
            match pages::read_at(&file, &mut buffer[done..], at) {
                Ok(0) => break,
                Ok(more) => done += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        buffer.truncate(done);
        Ok(buffer)
    }

    fn remove(&self, path: &VaultPath) -> io::Result<()> {
        let folder = match self.folder(&path.folder()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            folder => folder?,
        };
        folder.remove(path.file_name())?;
        folder.flush()
    }
}

fn walk(root: Folder, path: &VaultPath) -> io::Result<Folder> {
    path.parts().try_fold(root, |folder, part| folder.folder(part))
}

/// A name as found, if it can be part of a vault's path.
fn parsed(folder: &VaultPath, name: &[u8]) -> Option<(String, VaultPath)> {
    let name = std::str::from_utf8(name).ok()?;
    Some((name.to_owned(), folder.child(name).ok()?))
}

impl ReadStore for FileStore {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.look(path).map_err(|error| self.fail("look at", path, error))
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        self.read_at(path, offset, bytes).map_err(|error| self.fail("read", path, error))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        self.listed(folder).map_err(|error| self.fail("list", folder, error))
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(Box::new(self.open_medium(path)?))
    }

    fn finished_file(&self, path: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        if self.privacy != Privacy::Private {
            return Ok(None);
        }
        match self.folder(&path.folder()).and_then(|folder| folder.read(path.file_name())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => file.map(Some).map_err(|error| self.fail("read", path, error)),
        }
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.root.space().map_err(|error| self.fail("measure", &VaultPath::root(), error))
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.root_now("look at").map(drop)
    }
}

impl WriteStore for FileStore {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.resume(path, &Resume::default())
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        let temporary = temporary(path)?;
        let folder = self.folder_or_make(&path.folder()).map_err(|error| self.fail("create", path, error))?;
        let writer = FileWriter::begin(self, folder, path, &temporary, left.bytes);
        Ok(Box::new(writer.map_err(|error| self.fail("create", path, error))?))
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        self.remove(path).map_err(|error| self.fail("delete", path, error))
    }
}

//! An object on its way into a folder: temporary file, bounded dirty bytes, fsync, close, exclusive rename, fsync. It is
//! closed before it is renamed because SMB refuses to rename, or delete, what is open.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use super::folder::Folder;
use super::{FileStore, Found, pages};
use crate::destination::{ErrorKind, Finish, ObjectWrite, Resume, StoreError};
use crate::model::VaultPath;

/// Bytes that may be written and not yet on the medium (DESIGN 5.10).
const DIRTY_BYTES_MAX: u64 = 8 << 20;

/// See the module.
pub(super) struct FileWriter<'s> {
    spot: Spot<'s>,
    file: File,
    kept: u64,
    /// Bytes of the file, and how many of them the medium has.
    written: u64,
    durable: u64,
    /// Has the temporary name itself been flushed?
    named: Named,
}

/// Where it lies, and will.
struct Spot<'s> {
    store: &'s FileStore,
    folder: Folder,
    path: VaultPath,
    temporary: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Durably,
    NotYet,
}

impl<'s> FileWriter<'s> {
    pub fn begin(
        store: &'s FileStore,
        folder: Folder,
        path: &VaultPath,
        temporary: &VaultPath,
        left: u64,
    ) -> io::Result<Self> {
        if folder.look(path.file_name())?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let temporary = temporary.file_name().to_owned();
        let resumed = if left > 0 { resumed(&folder, &temporary, left)? } else { None };
        let kept = if resumed.is_some() { left } else { 0 };
        let file = resumed.map_or_else(|| fresh(store, &folder, &temporary), Ok)?;
        let spot = Spot { store, folder, path: path.clone(), temporary };
        Ok(Self { spot, file, kept, written: kept, durable: 0, named: Named::NotYet })
    }

    /// Writes what the dirty bound leaves room for.
    fn write_some(&mut self, bytes: &[u8]) -> Result<usize, StoreError> {
        if self.written - self.durable >= DIRTY_BYTES_MAX {
            self.write_back()?;
        }
        let room = usize::try_from(DIRTY_BYTES_MAX - (self.written - self.durable)).unwrap_or(usize::MAX);
        match self.file.write(&bytes[..bytes.len().min(room)]) {
            Ok(0) => Err(self.spot.fail("write", io::ErrorKind::WriteZero.into())),
            Ok(done) => {
                self.written = self.written.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
                Ok(done)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(self.spot.fail("write", error)),
        }
    }

    /// Puts the bytes on the medium and leaves none in memory.
    fn write_back(&mut self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|error| self.spot.condemn(error))?;
        self.let_go();
        Ok(())
    }

    fn let_go(&mut self) {
        pages::let_go(&self.file, self.durable, self.written - self.durable);
        self.durable = self.written;
    }

    fn as_long_as_written(&self) -> io::Result<()> {
        let bytes = self.file.metadata()?.len();
        let wrong = || io::Error::other(format!("it has {bytes} bytes, not the {} that were written", self.written));
        if bytes == self.written { Ok(()) } else { Err(wrong()) }
    }
}

impl Spot<'_> {
    fn fail(&self, operation: &'static str, error: io::Error) -> StoreError {
        self.store.fail(operation, &self.path, error)
    }

    /// Ends a flush that failed (D-7): what the file holds can't be known any more, and must not be resumed.
    fn condemn(&self, error: io::Error) -> StoreError {
        let error = self.fail("flush", error);
        // On a place that fails this fails too; the caller drops its checkpoint on any error here, and begins at 0.
        let _ = self.folder.remove(&self.temporary).and_then(|()| self.folder.flush());
        error
    }

    /// Another writer that began the same object took the temporary name from this one; what lies there is not ours to
    /// rename. (The vault's one writer does not race itself; this is for a mistake, and looks just before.)
    fn still_has(&self, file: &File) -> io::Result<()> {
        let now = match self.folder.append(&self.temporary) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(io::ErrorKind::AlreadyExists.into()),
            now => now?,
        };
        if pages::same(&now, file)? { Ok(()) } else { Err(io::ErrorKind::AlreadyExists.into()) }
    }

    fn rename(&self) -> Result<(), StoreError> {
        let renamed = self.folder.rename(&self.temporary, self.path.file_name());
        renamed.map(drop).map_err(|error| self.fail("rename", error))
    }

    /// After a rename whose folder would not flush: the name is ours and young, so it goes.
    fn withdraw(&self, error: io::Error) -> StoreError {
        let error = self.fail("flush", error);
        let removed = self.folder.remove(self.path.file_name()).and_then(|()| self.folder.flush());
        StoreError { kind: if removed.is_ok() { error.kind } else { ErrorKind::Ambiguous }, ..error }
    }
}

/// A new file. An old one loses its name but is not written to: it may have another name that counts (a rename by link
/// that was cut short).
fn fresh(store: &FileStore, folder: &Folder, name: &str) -> io::Result<File> {
    folder.remove(name)?;
    let file = folder.make_file(name, store.privacy)?;
    pages::reserve_block(&file);
    Ok(file)
}

/// The file cut to the bytes that an earlier writer flushed; none if it has fewer.
fn resumed(folder: &Folder, name: &str, left: u64) -> io::Result<Option<File>> {
    match folder.look(name)? {
        Some(Found::File { bytes, links: 1 }) if bytes >= left => {}
        _ => return Ok(None),
    }
    let mut file = folder.append(name)?;
    // Some file systems (fusefat) refuse to cut a file, or say that they did, and didn't: it is begun anew then.
    if file.set_len(left).is_err() || file.metadata()?.len() != left {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(left))?;
    Ok(Some(file))
}

impl ObjectWrite for FileWriter<'_> {
    fn kept(&self) -> u64 {
        self.kept
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            let done = self.write_some(bytes)?;
            bytes = &bytes[done..];
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<Resume, StoreError> {
        self.file.sync_all().map_err(|error| self.spot.condemn(error))?;
        self.let_go();
        if self.named == Named::NotYet {
            self.spot.folder.flush().map_err(|error| self.spot.condemn(error))?;
            self.named = Named::Durably;
        }
        Ok(Resume::at(self.written))
    }

    fn finish(mut self: Box<Self>) -> Result<Finish, StoreError> {
        // Gives back what was reserved behind the end. Where that fails, the room is lost and nothing else.
        let _ = self.file.set_len(self.written);
        self.file.sync_all().and_then(|()| self.as_long_as_written()).map_err(|error| self.spot.condemn(error))?;
        self.let_go();
        let Self { spot, file, .. } = *self;
        spot.still_has(&file).map_err(|error| spot.fail("rename", error))?;
        drop(file);
        spot.rename()?;
        spot.folder.flush().map_err(|error| spot.withdraw(error))?;
        Ok(Finish::Named)
    }
}

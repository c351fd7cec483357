//! Where the catalog lies, as a port: a file beside its lock file, or a simulated disk (`simdisk.rs`).
//!
//! In: which of two files, the current one or the next. Out: redb backends, a lock that all share or one has alone, and
//! the step that puts the next file in the current one's place. Deliberately absent: transactions.

use std::any::Any;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// The file beside the catalog that takes room on its disk, to be given up when that is full.
pub const BALLAST: &str = "ballast";
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The catalog.
    Current,
    /// The one that a rebuild or a migration fills.
    Next,
}

/// Tells one file from another one at the same path; a file that is open keeps its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMark {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// How the lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// With all others that do the same: during one transaction.
    Shared,
    /// Alone: while the file is replaced.
    Alone,
}

/// What a next file starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFrom {
    /// No bytes.
    Nothing,
    /// A copy of the current file.
    Current,
}

/// Held until dropped.
pub type LockGuard = Box<dyn Any + Send>;

/// A disk that can hold a catalog.
pub trait CatalogDisk: Debug + Send + Sync {
    /// Where it is, for people.
    fn path(&self) -> PathBuf;

    /// The current file's mark; none if there is no such file.
    ///
    /// # Errors
    /// If the disk does not tell.
    fn current(&self) -> io::Result<Option<FileMark>>;

    /// A handle of its own on a file that exists: range locks of two handles conflict.
    ///
    /// # Errors
    /// If it can't be opened.
    fn open(&self, which: Which) -> io::Result<(Box<dyn StorageBackend>, FileMark)>;

    /// Takes the catalog's lock if that needs no waiting.
    ///
    /// # Errors
    /// If the lock file can't be used; that another one holds it is `None`.
    fn try_lock(&self, share: Share) -> io::Result<Option<LockGuard>>;

    /// Makes the next file, in place of any that an ended process left.
    ///
    /// # Errors
    /// If it can't be written.
    fn begin_next(&self, from: StartFrom) -> io::Result<()>;

    /// Flushes the next file, makes it the current one, flushes the folder.
    ///
    /// # Errors
    /// If any of these fails; the current file is then the old one or the new one, whole.
    fn publish(&self) -> io::Result<()>;

    /// Gives up what is kept on the disk for when it is full; false if there was nothing.
    ///
    /// # Errors
    /// If it stays.
    fn give_up_ballast(&self) -> io::Result<bool>;

    /// Removes the next file, if any.
    ///
    /// # Errors
    /// If it stays.
    fn discard_next(&self) -> io::Result<()>;
}

/// A file, its lock file, and the next file beside it.
#[derive(Debug)]
pub struct FileDisk {
    current: PathBuf,
    next: PathBuf,
    lock: PathBuf,
}

impl FileDisk {
    /// `catalog.redb` and `locks/catalog` in this folder.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self {
            current: state.join("catalog.redb"),
            next: state.join(".tmp-catalog.redb"),
            lock: state.join("locks").join("catalog"),
        }
    }

    fn at(&self, which: Which) -> &Path {
        match which {
            Which::Current => &self.current,
            Which::Next => &self.next,
        }
    }

    fn flush_folder(&self) -> io::Result<()> {
        match self.current.parent() {
            Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    }
}

impl CatalogDisk for FileDisk {
    fn path(&self) -> PathBuf {
        self.current.clone()
    }

    fn current(&self) -> io::Result<Option<FileMark>> {
        match fs::metadata(&self.current) {
            Ok(found) => Ok(Some(mark(&found))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open(&self, which: Which) -> io::Result<(Box<dyn StorageBackend>, FileMark)> {
        let file = OpenOptions::new().read(true).write(true).open(self.at(which))?;
        let mark = mark(&file.metadata()?);
        let backend = FileBackend::new(file).map_err(io::Error::other)?;
        Ok((Box::new(backend), mark))
    }

    fn try_lock(&self, share: Share) -> io::Result<Option<LockGuard>> {
        let file = open_lock_file(&self.lock)?;
        let taken = match share {
            Share::Shared => FileExt::try_lock_shared(&file),
            Share::Alone => FileExt::try_lock(&file),
        };
        match taken {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn begin_next(&self, from: StartFrom) -> io::Result<()> {
        self.discard_next()?;
        let mut next = private().write(true).create_new(true).open(&self.next)?;
        if from == StartFrom::Current {
            io::copy(&mut File::open(&self.current)?, &mut next)?;
        }
        Ok(())
    }

    fn publish(&self) -> io::Result<()> {
        OpenOptions::new().write(true).open(&self.next)?.sync_all()?;
        fs::rename(&self.next, &self.current)?;
        self.flush_folder()
    }

    fn give_up_ballast(&self) -> io::Result<bool> {
        match fs::remove_file(self.current.with_file_name(BALLAST)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => removed.map(|()| true),
        }
    }

    fn discard_next(&self) -> io::Result<()> {
        match fs::remove_file(&self.next) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Opens a lock file, making it and its folder for this user only.
pub(super) fn open_lock_file(path: &Path) -> io::Result<File> {
    let open = || private().read(true).write(true).create(true).truncate(false).open(path);
    match (open(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            make_private_folder(folder)?;
            open()
        }
        (opened, _) => opened,
    }
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn mark(found: &fs::Metadata) -> FileMark {
    use std::os::unix::fs::MetadataExt;
    FileMark { device: found.dev(), inode: found.ino() }
}

/// Without inode numbers: when the file was made, which a replaced one never shares.
#[cfg(not(unix))]
fn mark(found: &fs::Metadata) -> FileMark {
    let made = found.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let made = made.map_or(0, |span| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    FileMark { device: 0, inode: made }
}

/// redb waits for a range lock without end, while another process writes say; this waits until the deadline.
#[derive(Debug)]
pub(super) struct Patient {
    pub backend: Box<dyn StorageBackend>,
    pub deadline: Duration,
}

/// The error inside the I/O error of a range lock that was not had in time.
#[derive(Debug, thiserror::Error)]
#[error("another process holds a lock on the catalog for {seconds} s")]
pub(super) struct WaitedTooLong {
    pub seconds: u64,
}

impl Patient {
    fn wait(&self, attempt: impl Fn() -> Result<bool, BackendError>) -> Result<(), BackendError> {
        let start = Instant::now();
        while !attempt()? {
            if start.elapsed() >= self.deadline {
                let waited = WaitedTooLong { seconds: self.deadline.as_secs() };
                return Err(io::Error::new(io::ErrorKind::TimedOut, waited).into());
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
impl StorageBackend for Patient {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.backend.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.backend.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.backend.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.backend.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.wait(|| self.backend.try_lock_range(start, end))
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.wait(|| self.backend.try_lock_shared_range(start, end))
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.query_lock_range(start, end)
    }
}

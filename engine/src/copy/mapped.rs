//! Hashing files that the engine owns, through guarded memory maps.
//!
//! In: an open file that nobody changes any more (a home pack, a settled adopted file). Out: its BLAKE3, one XXH3-128
//! for each block of 4 MiB, and, if wanted, each block handed on while it is in memory: one pass for all.
//!
//! A mapped file that is cut short, or lies on a dying drive, answers a read with SIGBUS. Here each window is filled
//! first (`MADV_POPULATE_READ`: a failure is a plain error), and what faults later all the same meets a handler that
//! puts a page of zeros there and marks the window failed (`guard`): its result is dropped and an error returned.
//! With [`Reading::Plain`], and on systems other than unix, windows are read into a buffer.
//!
//! What stays unsafe: a process that writes into the file while a window is open changes bytes under a shared slice.
//! The engine's own files are never written again once they have their names; anything else is read plainly.
//!
//! Deliberately absent: where the bytes go; live sources and destinations, which are never mapped.

#[cfg(unix)]
mod guard;
mod pass;
#[cfg(all(test, unix))]
mod tests;

pub use pass::{BLOCK_BYTES, Hashes, PassError, hash_and_send, hash_file};

use std::fs::File;
use std::io;

/// How a file's bytes come into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// By guarded maps, where the system has them.
    Mapped,
    /// By reads into a buffer.
    Plain,
}

impl Reading {
    /// `Mapped`, unless `OFFSITE_NO_MMAP` is set to anything but `0` or nothing.
    #[must_use]
    pub fn from_environment() -> Self {
        match std::env::var_os("OFFSITE_NO_MMAP") {
            Some(set) if !set.is_empty() && set != "0" => Self::Plain,
            _ => Self::Mapped,
        }
    }
}

/// A finished file, read window by window.
#[derive(Debug)]
pub struct MappedFile {
    file: File,
    bytes: u64,
    reading: Reading,
}

impl MappedFile {
    /// Takes the file, as long as it is now.
    ///
    /// # Errors
    /// If its length can't be told.
    pub fn open(file: File, reading: Reading) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes, reading })
    }

    /// Opens the file at `path` to read, as [`Reading::from_environment`] says.
    ///
    /// # Errors
    /// As the system answers.
    pub fn open_path(path: &std::path::Path) -> io::Result<Self> {
        Self::open(File::open(path)?, Reading::from_environment())
    }

    /// Its length in bytes when it was opened.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Runs `with` on the `bytes` bytes from `offset`. Its result counts only if every byte could be read.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file is or has become shorter, else as the system answers; what `with` saw was wrong then,
    /// or it was not run.
    pub fn window<T>(&self, offset: u64, bytes: usize, with: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let end = u64::try_from(bytes).ok().and_then(|bytes| offset.checked_add(bytes));
        if end.is_none_or(|end| end > self.bytes) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match bytes {
            0 => Ok(with(&[])),
            _ => self.open_window(offset, bytes, with),
        }
    }

    #[cfg(unix)]
    fn open_window<T>(&self, offset: u64, bytes: usize, with: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        if self.reading == Reading::Plain {
            return self.plain_window(offset, bytes, with);
        }
        match guard::Window::open(&self.file, offset, bytes)? {
            Some(window) => window.run(with),
            // More windows are open at once than the guard has places for.
            None => self.plain_window(offset, bytes, with),
        }
    }

    #[cfg(not(unix))]
    fn open_window<T>(&self, offset: u64, bytes: usize, with: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        self.plain_window(offset, bytes, with)
    }

    #[cfg(unix)]
    fn plain_window<T>(&self, offset: u64, bytes: usize, with: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let mut buffer = vec![0; bytes];
        std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut buffer, offset)?;
        Ok(with(&buffer))
    }

    #[cfg(not(unix))]
    fn plain_window<T>(&self, offset: u64, bytes: usize, with: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        use std::io::{Read, Seek, SeekFrom};
        let mut buffer = vec![0; bytes];
        // One position is shared by all who hold the file; a pass reads from front to back in one thread.
        (&self.file).seek(SeekFrom::Start(offset))?;
        (&self.file).read_exact(&mut buffer)?;
        Ok(with(&buffer))
    }

    /// Leaves none of the window in the page cache (DESIGN 5.10); only advice.
    #[cfg(unix)]
    fn let_go(&self, offset: u64, bytes: usize) {
        let bytes = u64::try_from(bytes).ok().and_then(std::num::NonZeroU64::new);
        let _ = rustix::fs::fadvise(&self.file, offset, bytes, rustix::fs::Advice::DontNeed);
    }

    #[cfg(not(unix))]
    fn let_go(&self, _: u64, _: usize) {}
}

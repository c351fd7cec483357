//! One object read from its medium and not from this computer's page cache.
//!
//! First the file's pages are written back and dropped, then it is read with `O_DIRECT`. Where that is not offered it
//! is read through the emptied cache, and a sample of its pages shows whether the cache really was empty.
//!
//! Where a FUSE daemon stands between (exFAT and NTFS drives, often) the cache of its block device is dropped too.
//!
//! What no way reaches: the drive's own cache, what a FUSE daemon keeps, the caches of a server behind a network mount, and content that a
//! file system keeps in its metadata (our writer sees to it that it does not).

use std::fs::File;
use std::io;

use super::FileStore;
use super::folder::Folder;
use super::pages;
use crate::destination::{ObjectRead, StoreError};
use crate::model::VaultPath;

/// Address, offset and length of a direct read are multiples of this; no drive's block is larger.
const ALIGNMENT: usize = 4096;
const BUFFER_BYTES: usize = 1 << 20;

/// How near to the medium bytes were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MediumWay {
    /// From memory, as far as can be told: the system would not drop its pages, or a FUSE daemon stands between
    /// whose drive we may not open.
    Cached,
    /// Through the cache, after it was seen to hold none of the sampled pages; or by a FUSE daemon, after the cache of
    /// its drive was dropped.
    Dropped,
    /// Past the cache.
    Direct,
}

/// Reads one object; see the module.
#[derive(Debug)]
pub struct MediumReader<'s> {
    store: &'s FileStore,
    path: VaultPath,
    /// Opened without `O_DIRECT`.
    plain: File,
    direct: Option<File>,
    way: MediumWay,
    /// Where the next read from the file begins.
    offset: u64,
    buffer: Vec<u8>,
    /// What of `buffer` is read and not yet given out.
    ready: std::ops::Range<usize>,
}

impl<'s> MediumReader<'s> {
    pub(super) fn open(store: &'s FileStore, folder: &Folder, path: &VaultPath) -> Result<Self, StoreError> {
        let fail = |error| store.fail("read back", path, error);
        let plain = folder.read(path.file_name()).map_err(fail)?;
        let way = pages::drop_all(&plain).map_err(fail)?;
        let direct = folder.read_direct(path.file_name());
        let way = if direct.is_some() { MediumWay::Direct } else { way }.min(pages::below(&plain));
        let buffer = vec![0; BUFFER_BYTES + ALIGNMENT];
        Ok(Self { store, path: path.clone(), plain, direct, way, offset: 0, buffer, ready: 0..0 })
    }

    /// How near to the medium the bytes come from; may fall, never rises, while it is read.
    #[must_use]
    pub fn way(&self) -> MediumWay {
        self.way
    }

    /// Reads through the emptied cache from here on.
    #[cfg(test)]
    pub(super) fn avoid_direct(&mut self) -> Result<(), StoreError> {
        let dropped = pages::drop_all(&self.plain).map_err(|error| self.store.fail("read back", &self.path, error))?;
        self.way = self.way.min(dropped);
        self.direct = None;
        Ok(())
    }

    /// Reads the next bytes into the buffer; nothing is ready afterwards at the end only.
    fn fill(&mut self) -> io::Result<()> {
        let start = self.buffer.as_ptr().align_offset(ALIGNMENT);
        let aligned = &mut self.buffer[start..start + BUFFER_BYTES];
        let done = loop {
            let file = self.direct.as_ref().unwrap_or(&self.plain);
            match pages::read_at(file, aligned, self.offset) {
                Ok(done) => break done,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Direct reads are not offered after all, or a short one left an odd offset.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput && self.direct.is_some() => {
                    self.way = self.way.min(pages::drop_all(&self.plain)?);
                    self.direct = None;
                }
                Err(error) => return Err(error),
            }
        };
        self.ready = start..start + done;
        self.offset = self.offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Reads on if nothing is ready. At the end, which for a direct read is no multiple of a block, nothing is asked.
    fn prepare(&mut self) -> io::Result<()> {
        if self.ready.is_empty() && self.offset < self.plain.metadata()?.len() {
            self.fill()?;
        }
        Ok(())
    }
}

impl ObjectRead for MediumReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        self.prepare().map_err(|error| self.store.fail("read back", &self.path, error))?;
        let given = self.ready.len().min(buffer.len());
        buffer[..given].copy_from_slice(&self.buffer[self.ready.start..][..given]);
        self.ready.start += given;
        Ok(given)
    }
}

impl Drop for MediumReader<'_> {
    fn drop(&mut self) {
        pages::let_go(&self.plain, 0, u64::MAX);
    }
}

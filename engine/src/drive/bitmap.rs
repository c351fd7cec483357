//! What partclone prints before the data of a file system (its image format 2): a header, then a bit for each block that
//! says whether it is in use, each with a checksum.
//!
//! Read as it comes, and kept as the runs of blocks that are not in use.

use std::ops::Range;

use super::file_system::{FileSystem, FileSystemKind};
use super::{u16_at, u32_at, u64_at};

/// Runs shorter than this are not worth leaving out, in bytes.
const RUN_MIN: u64 = 4096;
/// More runs take too much memory: then nothing is left out.
const RUNS_MAX: usize = 8 << 20;

/// Why a bitmap is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BitmapError {
    /// Not that format, or not that version of it.
    #[error("this version of partclone prints what is not known here: {0}")]
    Unknown(&'static str),
    /// A checksum is wrong, or it ends early.
    #[error("what partclone printed is damaged: {0}")]
    Damaged(&'static str),
    /// It says other things than the file system itself.
    #[error("partclone and the file system differ about {0}")]
    Differs(&'static str),
}

/// What stands before the bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Blocks of the file system.
    pub blocks: u64,
    /// Of these in use.
    pub used: u64,
    /// Bytes of a block.
    pub block_bytes: u32,
}

impl Header {
    /// Its length.
    pub const BYTES: usize = 110;

    /// Reads it.
    ///
    /// # Errors
    /// [`BitmapError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BitmapError> {
        Self::fields(bytes).ok_or(BitmapError::Damaged("it ends in its header"))?
    }

    fn fields(bytes: &[u8]) -> Option<Result<Self, BitmapError>> {
        let unknown = |what| Some(Err(BitmapError::Unknown(what)));
        if bytes.get(..16)? != b"partclone-image\0" || bytes.get(30..34)? != b"0002" || u16_at(bytes, 34)? != 0xc0de {
            return unknown("it is no image of version 2");
        }
        if u32_at(bytes, 88)? != 18 || u16_at(bytes, 92)? != 2 || *bytes.get(105)? != 1 {
            return unknown("its bitmap has another form");
        }
        if sum(bytes.get(..106)?) != u32_at(bytes, 106)? {
            return Some(Err(BitmapError::Damaged("its header")));
        }
        let (blocks, used, block_bytes) = (u64_at(bytes, 60)?, u64_at(bytes, 76)?, u32_at(bytes, 84)?);
        Some(Ok(Self { blocks, used, block_bytes }))
    }

    /// Compares it with what the file system itself says, which lies in a place of `bytes` bytes.
    ///
    /// # Errors
    /// [`BitmapError::Differs`].
    pub fn check(&self, file_system: &FileSystem, bytes: u64) -> Result<(), BitmapError> {
        let size = self.blocks.checked_mul(u64::from(self.block_bytes));
        let used = self.used.checked_mul(u64::from(self.block_bytes));
        let (Some(size), Some(used)) = (size, used) else { return Err(BitmapError::Differs("its size")) };
        if !self.block_bytes.is_power_of_two() || self.block_bytes < 512 || size > bytes || self.used > self.blocks {
            return Err(BitmapError::Differs("its size"));
        }
        let exact = matches!(file_system.kind, FileSystemKind::Ext | FileSystemKind::Xfs);
        if exact && (self.blocks, self.block_bytes) != (file_system.blocks, file_system.block_bytes) {
            return Err(BitmapError::Differs("its size"));
        }
        let counts = file_system.used_blocks.is_none_or(|blocks| blocks == self.used);
        if counts && used >= file_system.used_bytes_min && self.used > 0 {
            Ok(())
        } else {
            Err(BitmapError::Differs("how much is in use"))
        }
    }
}

/// Takes the bits as they come.
#[derive(Debug)]
pub struct Bitmap {
    header: Header,
    sum: crc32fast::Hasher,
    /// Bytes of bits that are still to come.
    left: u64,
    tail: Vec<u8>,
    block: u64,
    used: u64,
    /// Where a run that is not in use began.
    began: Option<u64>,
    runs: Vec<Range<u64>>,
}

impl Bitmap {
    /// A bitmap of which nothing has come yet.
    #[must_use]
    pub fn new(header: Header) -> Self {
        let (left, sum) = (header.blocks.div_ceil(8), crc32fast::Hasher::new());
        Self { header, sum, left, tail: Vec::new(), block: 0, used: 0, began: None, runs: Vec::new() }
    }

    /// Takes what came next; is it all now?
    ///
    /// # Errors
    /// [`BitmapError::Damaged`] if there are too many runs.
    pub fn push(&mut self, bytes: &[u8]) -> Result<bool, BitmapError> {
        let now = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (bits, rest) = bytes.split_at(now);
        self.left -= now as u64;
        self.sum.update(bits);
        bits.iter().for_each(|&byte| self.byte(byte));
        self.tail.extend_from_slice(&rest[..rest.len().min(4 - self.tail.len().min(4))]);
        if self.runs.len() > RUNS_MAX {
            return Err(BitmapError::Damaged("it is in too many pieces"));
        }
        Ok(self.left == 0 && self.tail.len() == 4)
    }

    fn byte(&mut self, byte: u8) {
        for bit in 0..8 {
            if self.block == self.header.blocks {
                return;
            }
            if byte >> bit & 1 == 1 {
                self.used += 1;
                self.end_run();
            } else {
                self.began.get_or_insert(self.block);
            }
            self.block += 1;
        }
    }

    fn end_run(&mut self) {
        let Some(began) = self.began.take() else { return };
        // The header was checked: all of it fits 64 bits.
        let bytes = |block: u64| block.saturating_mul(u64::from(self.header.block_bytes));
        let run = bytes(began)..bytes(self.block);
        if run.end - run.start >= RUN_MIN {
            self.runs.push(run);
        }
    }

    /// The runs of bytes that are not in use, in order, from the file system's first byte on.
    ///
    /// # Errors
    /// [`BitmapError`] if it is not whole, or not what its checksum and its header say.
    pub fn finish(mut self) -> Result<Vec<Range<u64>>, BitmapError> {
        self.end_run();
        let told = u32_at(&self.tail, 0).filter(|_| self.left == 0);
        if told.ok_or(BitmapError::Damaged("it ends in its bitmap"))? != !self.sum.finalize() {
            return Err(BitmapError::Damaged("its bitmap"));
        }
        if self.used == self.header.used { Ok(self.runs) } else { Err(BitmapError::Differs("how much is in use")) }
    }
}

/// Partclone's checksum: CRC-32 without its last step.
fn sum(bytes: &[u8]) -> u32 {
    !crc32fast::hash(bytes)
}

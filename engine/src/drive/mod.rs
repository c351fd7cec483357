//! The bytes of a drive → its partitions, its file systems, and what of them is in use. Pure.
//!
//! In: a way to read ranges, and what partclone prints. Out: where things lie, in bytes. Invariants: whatever the bytes
//! are, no panic and no range beyond the drive; what is not certain is nothing, so that whoever leaves unused blocks out
//! leaves out none of it.
//! Deliberately absent: devices, programs, any file system's own tree.

mod bitmap;
mod file_system;
mod gpt;
mod layout;
mod mbr;
mod ntfs;
#[cfg(test)]
mod tests;

pub use bitmap::{Bitmap, BitmapError, Header};
pub use file_system::{Doubt, FileSystem, FileSystemKind, PROBE_BYTES, probe};
pub use layout::{Layout, Partition, layout};

use std::io;

/// Fills the buffer with the bytes from that offset on.
pub type ReadAt<'r> = &'r mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>;

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}

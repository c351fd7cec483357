//! What stands on a drive: one file system, partitions, or something that is not known here.

use std::io;

use super::file_system::{FileSystem, FileSystemKind, PROBE_BYTES, probe};
use super::{ReadAt, gpt, mbr, ntfs};

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// As the kernel numbers it: from 1 on, logical ones of an MBR from 5 on.
    pub number: u32,
    /// First byte on the drive.
    pub start: u64,
    /// Length in bytes, 1 at least.
    pub bytes: u64,
}

impl Partition {
    /// The byte behind it; none if that is beyond all numbers.
    fn end(&self) -> Option<u64> {
        self.start.checked_add(self.bytes)
    }
}

/// What stands on a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One file system from the first byte on.
    Bare(FileSystem),
    /// Partitions, sorted by where they begin; none reaches beyond the drive or into another one.
    Parted(Vec<Partition>),
    /// Nothing that is known, or more than one answer.
    Unknown,
}

/// Looks at a drive of so many bytes.
///
/// # Errors
/// Of reading.
pub fn layout(read: ReadAt<'_>, bytes: u64) -> io::Result<Layout> {
    let whole = file_system_at(read, 0, bytes)?;
    let found = match gpt::partitions(read, bytes)? {
        Some(found) => found,
        None => mbr::partitions(read, bytes)?,
    };
    let is_parted = !found.is_empty();
    let sound = is_parted.then(|| sound(found, bytes)).flatten();
    Ok(match (whole, sound) {
        (Some(file_system), None) if !is_parted => Layout::Bare(file_system),
        (None, Some(partitions)) => Layout::Parted(partitions),
        // A table and a file system that both claim the whole: one is a left-over, and it is not certain which.
        _ => Layout::Unknown,
    })
}

/// The file system that begins there, in a place of so many bytes.
///
/// # Errors
/// Of reading.
pub(super) fn file_system_at(read: ReadAt<'_>, start: u64, bytes: u64) -> io::Result<Option<FileSystem>> {
    let mut begin = vec![0; usize::try_from(bytes).map_or(PROBE_BYTES, |bytes| bytes.min(PROBE_BYTES))];
    read(start, &mut begin)?;
    let mut found = probe(&begin, bytes);
    if let Some(volume) = found.as_mut().filter(|found| found.kind == FileSystemKind::Ntfs) {
        volume.doubt = ntfs::doubt(read, &begin, (start, bytes), volume)?;
    }
    Ok(found)
}

impl Partition {
    /// The file system in it, if it is a known one.
    ///
    /// # Errors
    /// Of reading.
    pub fn file_system(&self, read: ReadAt<'_>) -> io::Result<Option<FileSystem>> {
        file_system_at(read, self.start, self.bytes)
    }
}

/// Sorted; none if one reaches beyond the drive or into another.
fn sound(mut found: Vec<Partition>, bytes: u64) -> Option<Vec<Partition>> {
    found.sort_unstable_by_key(|partition| (partition.start, partition.number));
    let mut from = 0;
    for partition in &found {
        let end = partition.end().filter(|end| *end <= bytes)?;
        if partition.start < from || partition.bytes == 0 {
            return None;
        }
        from = end;
    }
    Some(found)
}

//! The first bytes of a place → the file system there: its size, and what speaks against believing its own account of
//! which blocks are in use.

use super::{u16_at, u32_at, u64_at};

/// So much of the beginning is looked at.
pub const PROBE_BYTES: usize = 0x1_1000;

/// File systems that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileSystemKind {
    /// Ext2, ext3, ext4.
    Ext,
    /// XFS.
    Xfs,
    /// Btrfs.
    Btrfs,
    /// NTFS.
    Ntfs,
    /// FAT12, FAT16, FAT32.
    Fat,
    /// exFAT.
    ExFat,
}

impl FileSystemKind {
    /// As people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ext => "ext2/3/4",
            Self::Xfs => "XFS",
            Self::Btrfs => "Btrfs",
            Self::Ntfs => "NTFS",
            Self::Fat => "FAT",
            Self::ExFat => "exFAT",
        }
    }
}

/// A file system, as its first block tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// Which.
    pub kind: FileSystemKind,
    /// Bytes of what it calls a block, sector or cluster; a power of two.
    pub block_bytes: u32,
    /// So many of them; they fit the place.
    pub blocks: u64,
    /// Of these in use, where it says so exactly.
    pub used_blocks: Option<u64>,
    /// So many bytes are in use at least.
    pub used_bytes_min: u64,
    /// Why its own account of its blocks may be wrong.
    pub doubt: Option<Doubt>,
}

/// Why a file system's account of its blocks may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It was not unmounted; where it is mounted, that is as it should be.
    NotUnmounted,
    /// It says so itself, or it is of a kind that is not known well enough.
    Other(&'static str),
}

/// The file system that begins with `begin` in a place of `bytes` bytes; none that does not fit it.
#[must_use]
pub fn probe(begin: &[u8], bytes: u64) -> Option<FileSystem> {
    let found: Vec<FileSystem> =
        [ext(begin), xfs(begin), btrfs(begin), ntfs(begin), fat(begin), exfat(begin)].into_iter().flatten().collect();
    let fits = |found: &FileSystem| {
        let size = found.blocks.checked_mul(u64::from(found.block_bytes));
        found.block_bytes.is_power_of_two() && found.blocks > 0 && size.is_some_and(|size| size <= bytes)
    };
    match found[..] {
        // Where two have left their marks, one of them is not there any more.
        [only] if fits(&only) && marks(begin) == 1 => Some(only),
        _ => None,
    }
}

/// How many kinds of file system have left their mark, whatever else they say.
fn marks(begin: &[u8]) -> usize {
    const MARKS: [(usize, &[u8]); 8] = [
        (0x438, b"\x53\xef"),
        (0, b"XFSB"),
        (0x1_0040, b"_BHRfS_M"),
        (3, b"NTFS    "),
        (3, b"EXFAT   "),
        (54, b"FAT12   "),
        (54, b"FAT16   "),
        (82, b"FAT32   "),
    ];
    MARKS.iter().filter(|(at, mark)| begin.get(*at..).is_some_and(|rest| rest.starts_with(mark))).count()
}

/// Where ext's features stand, and those that matter here (Linux, fs/ext4/ext4.h).
fn ext(begin: &[u8]) -> Option<FileSystem> {
    const NEEDS_RECOVERY: u32 = 0x4;
    const JOURNAL_DEVICE: u32 = 0x8;
    const WIDE: u32 = 0x80;
    const CLUSTERS: u32 = 0x200;
    let block = begin.get(0x400..0x800)?;
    if u16_at(block, 0x38)? != 0xef53 {
        return None;
    }
    let (state, incompatible, read_only) = (u16_at(block, 0x3a)?, u32_at(block, 0x60)?, u32_at(block, 0x64)?);
    let wide = |low: usize, high: usize| {
        let high = if incompatible & WIDE == 0 { 0 } else { u32_at(block, high)? };
        Some(u64::from(u32_at(block, low)?) | u64::from(high) << 32)
    };
    let (blocks, free) = (wide(0x4, 0x150)?, wide(0xc, 0x158)?);
    let doubt = if state & 2 != 0 {
        Some(Doubt::Other("it has noted errors"))
    } else if incompatible & JOURNAL_DEVICE != 0 {
        Some(Doubt::Other("it is another file system's journal"))
    } else if read_only & CLUSTERS != 0 {
        Some(Doubt::Other("it counts in clusters"))
    } else {
        (incompatible & NEEDS_RECOVERY != 0 || state & 1 == 0).then_some(Doubt::NotUnmounted)
    };
    let block_bytes = 1024_u32.checked_shl(u32_at(block, 0x18)?).filter(|bytes| *bytes >= 1024)?;
    let used_blocks = Some(blocks.checked_sub(free)?);
    Some(FileSystem { kind: FileSystemKind::Ext, block_bytes, blocks, used_blocks, used_bytes_min: 0, doubt })
}

/// XFS's first sector is big-endian. Whether its log is empty stands in the log alone.
fn xfs(begin: &[u8]) -> Option<FileSystem> {
    if !begin.starts_with(b"XFSB") {
        return None;
    }
    let (blocks, free) = (u64_at(begin, 8)?.swap_bytes(), u64_at(begin, 144)?.swap_bytes());
    let (block_bytes, log_start) = (u32_at(begin, 4)?.swap_bytes(), u64_at(begin, 48)?);
    let in_progress = *begin.get(126)? != 0;
    let doubt = if in_progress {
        Some(Doubt::Other("it was not made to the end"))
    } else {
        (log_start == 0).then_some(Doubt::Other("its log is on another drive"))
    };
    let used_blocks = Some(blocks.checked_sub(free)?);
    Some(FileSystem { kind: FileSystemKind::Xfs, block_bytes, blocks, used_blocks, used_bytes_min: 0, doubt })
}

/// Btrfs's first superblock, at 64 KiB.
fn btrfs(begin: &[u8]) -> Option<FileSystem> {
    let block = begin.get(0x1_0000..)?;
    if block.get(0x40..0x48)? != b"_BHRfS_M" {
        return None;
    }
    let (log, used, drives) = (u64_at(block, 0x60)?, u64_at(block, 0x78)?, u64_at(block, 0x88)?);
    let (block_bytes, bytes) = (u32_at(block, 0x90)?, u64_at(block, 0x70)?);
    let doubt = if drives != 1 {
        Some(Doubt::Other("it lies on several drives"))
    } else {
        (log != 0).then_some(Doubt::NotUnmounted)
    };
    let blocks = bytes.checked_div(u64::from(block_bytes))?;
    let kind = FileSystemKind::Btrfs;
    Some(FileSystem { kind, block_bytes, blocks, used_blocks: None, used_bytes_min: used, doubt })
}

fn ntfs(begin: &[u8]) -> Option<FileSystem> {
    if begin.get(3..11)? != b"NTFS    " {
        return None;
    }
    let (sector, per_cluster) = (u32::from(u16_at(begin, 11)?), *begin.get(13)?);
    // Beyond 128 sectors a cluster's size is told as a negative power of two.
    let sectors =
        if per_cluster <= 128 { u32::from(per_cluster) } else { 1_u32.checked_shl(256 - u32::from(per_cluster))? };
    let block_bytes = sector.checked_mul(sectors)?;
    let blocks = u64_at(begin, 0x28)?.checked_mul(u64::from(sector))?.checked_div(u64::from(block_bytes))?;
    let kind = FileSystemKind::Ntfs;
    Some(FileSystem { kind, block_bytes, blocks, used_blocks: None, used_bytes_min: 0, doubt: None })
}

fn fat(begin: &[u8]) -> Option<FileSystem> {
    let (old, new) = (begin.get(54..62)?, begin.get(82..90)?);
    let dirty = match (old, new) {
        (b"FAT12   " | b"FAT16   ", _) => *begin.get(37)? & 1 != 0,
        (_, b"FAT32   ") => *begin.get(65)? & 1 != 0,
        _ => return None,
    };
    let (few, many) = (u64::from(u16_at(begin, 19)?), u64::from(u32_at(begin, 32)?));
    let (block_bytes, blocks) = (u32::from(u16_at(begin, 11)?), if few == 0 { many } else { few });
    let doubt = dirty.then_some(Doubt::NotUnmounted);
    Some(FileSystem { kind: FileSystemKind::Fat, block_bytes, blocks, used_blocks: None, used_bytes_min: 0, doubt })
}

fn exfat(begin: &[u8]) -> Option<FileSystem> {
    if begin.get(3..11)? != b"EXFAT   " {
        return None;
    }
    let (blocks, flags) = (u64_at(begin, 72)?, u16_at(begin, 106)?);
    let block_bytes = 1_u32.checked_shl(u32::from(*begin.get(108)?))?;
    let doubt = (flags & 2 != 0).then_some(Doubt::NotUnmounted);
    Some(FileSystem { kind: FileSystemKind::ExFat, block_bytes, blocks, used_blocks: None, used_bytes_min: 0, doubt })
}

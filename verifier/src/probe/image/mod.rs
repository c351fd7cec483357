//! Images of drives and of file systems: the partition table is read, and each file system checked by its own tool,
//! which may not write.
//!
//! In: a restored file. Out: what stands on it and what each tool said. As root a tool sees a read-only loop device,
//! which the kernel lets go of with the last one that holds it; else, and for Btrfs in any case (the kernel takes
//! two of one identity for one), a sparse copy in scratch. Invariants: the image is never written to; a partition whose
//! content is not known makes the probe `skipped`, never passed.

mod check;
mod place;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use engine::drive::{FileSystem, Layout, Partition, layout};

use super::budget::Budget;
use super::sandbox::Sandbox;
use super::{Answer, Finding, unable};
use place::Span;

/// Smaller ones are no images of anything.
const IMAGE_MIN: u64 = 64 << 10;
/// Where an optical disc says that it is one: it has no file system that is known here.
const DISC: (u64, &[u8]) = (0x8001, b"CD001");
/// Where a table of partitions begins (UEFI 5.3.2), with sectors of 512 bytes.
const TABLE: (u64, &[u8]) = (512, b"EFI PART");
/// Where Linux says that it swaps there (`mkswap`, pages of 4 KiB).
const SWAP: (u64, &[u8]) = (4086, b"SWAPSPACE2");
/// A boot loader's partition is no larger.
const LOADER_MAX: u64 = 2 << 20;

/// Does the file hold partitions or a file system?
pub(super) fn is_image(file: &File) -> io::Result<bool> {
    let bytes = file.metadata()?.len();
    if bytes < IMAGE_MIN || says(file, DISC) {
        return Ok(false);
    }
    Ok(!matches!(layout_of(file, bytes)?, Layout::Unknown) || says(file, TABLE))
}

fn layout_of(file: &File, bytes: u64) -> io::Result<Layout> {
    layout(&mut |offset, buffer| file.read_exact_at(buffer, offset), bytes)
}

fn says(file: &File, (at, words): (u64, &[u8])) -> bool {
    let mut there = vec![0; words.len()];
    file.read_exact_at(&mut there, at).is_ok_and(|()| there == words)
}

pub(super) fn probe(path: &Path, work: &Path, budget: &Budget) -> Answer {
    let unread = |error: io::Error| unable(format!("it can't be read: {error}"));
    let file = super::open(path).map_err(unread)?;
    let bytes = file.metadata().map_err(unread)?.len();
    match layout_of(&file, bytes).map_err(unread)? {
        Layout::Bare(system) => {
            let sandbox = Sandbox::open(work, budget)?;
            check::check(&sandbox, path, &system, Span { start: 0, bytes }, budget)
        }
        Layout::Parted(partitions) => parted(path, &file, &partitions, &Sandbox::open(work, budget)?, budget),
        Layout::Unknown if ends_early(&file, bytes) => {
            Err(Finding::Broken("it ends before the drive whose table of partitions it begins with".to_owned()))
        }
        Layout::Unknown => Err(unable("what stands on it can't be told for sure: is its table of partitions whole?")),
    }
}

/// Does the table say that its second copy, at the drive's end, lies beyond? (UEFI 5.3.2, `AlternateLBA`.)
fn ends_early(file: &File, bytes: u64) -> bool {
    let mut last = [0; 8];
    let is_read = file.read_exact_at(&mut last, TABLE.0 + 32).is_ok();
    is_read && u64::from_le_bytes(last).checked_mul(512).is_none_or(|last| last >= bytes)
}

/// Every partition, also behind one that is broken.
fn parted(path: &Path, file: &File, partitions: &[Partition], sandbox: &Sandbox<'_>, budget: &Budget) -> Answer {
    let (mut told, mut broken, mut unable) = (Vec::new(), false, false);
    for partition in partitions {
        let answer = one(path, file, partition, sandbox, budget);
        broken |= matches!(answer, Err(Finding::Broken(_)));
        unable |= matches!(answer, Err(Finding::Unable(_)));
        let text = answer.unwrap_or_else(Finding::text);
        told.push(format!("partition {}: {text}", partition.number));
    }
    let told = format!("{} partitions; {}", partitions.len(), told.join("; "));
    match (broken, unable) {
        (true, _) => Err(Finding::Broken(told)),
        (false, true) => Err(Finding::Unable(told)),
        (false, false) => Ok(told),
    }
}

fn one(path: &Path, file: &File, partition: &Partition, sandbox: &Sandbox<'_>, budget: &Budget) -> Answer {
    let unread = |error: io::Error| unable(format!("it can't be read: {error}"));
    let span = Span { start: partition.start, bytes: partition.bytes };
    let found: Option<FileSystem> =
        partition.file_system(&mut |offset, buffer| file.read_exact_at(buffer, offset)).map_err(unread)?;
    match found {
        Some(system) => check::check(sandbox, path, &system, span, budget),
        None if says(file, (span.start.saturating_add(SWAP.0), SWAP.1)) => Ok("swap".to_owned()),
        None if span.bytes <= LOADER_MAX => Ok("no file system, as a boot loader's has none".to_owned()),
        None if is_blank(file, span).map_err(unread)? => Ok("blank".to_owned()),
        None => Err(unable("its content is not known here")),
    }
}

/// Nothing at the beginning, where every file system has something.
fn is_blank(file: &File, span: Span) -> io::Result<bool> {
    let mut begin = vec![0; usize::try_from(span.bytes.min(1 << 20)).unwrap_or(0)];
    file.read_exact_at(&mut begin, span.start)?;
    Ok(begin.iter().all(|byte| *byte == 0))
}

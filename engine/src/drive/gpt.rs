//! The GUID partition table (UEFI specification 2.10, 5.3): a header in the drive's second block, its copy in the last.

use std::io;

use super::layout::Partition;
use super::{ReadAt, u32_at, u64_at};

/// Sizes that a block may have: the header tells where the second one is.
const BLOCKS: [u64; 2] = [512, 4096];
const HEADER: usize = 92;
/// Tables are of 128 entries of 128 bytes; more than this is no table.
const TABLE_MAX: usize = 1 << 20;

/// The partitions; none if there is no whole table, an empty list if there is one without any.
///
/// # Errors
/// Of reading.
pub(super) fn partitions(read: ReadAt<'_>, bytes: u64) -> io::Result<Option<Vec<Partition>>> {
    for block in BLOCKS {
        let Some(last) = (bytes / block).checked_sub(1) else { continue };
        for at in [1, last] {
            if let Some(found) = table_at(read, bytes, block, at)? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

fn table_at(read: ReadAt<'_>, bytes: u64, block: u64, at: u64) -> io::Result<Option<Vec<Partition>>> {
    let Some(offset) = at.checked_mul(block).filter(|offset| bytes - block.min(bytes) >= *offset) else {
        return Ok(None);
    };
    let mut header = vec![0; usize::try_from(block).unwrap_or(HEADER)];
    read(offset, &mut header)?;
    let Some(place) = place_of(&header, at) else { return Ok(None) };
    let length = place.entry * place.count;
    let Some(start) = place.block.checked_mul(block).filter(|start| {
        let end = start.checked_add(length as u64);
        end.is_some_and(|end| end <= bytes)
    }) else {
        return Ok(None);
    };
    let mut table = vec![0; length];
    read(start, &mut table)?;
    if crc32fast::hash(&table) != place.sum {
        return Ok(None);
    }
    let entries = (1..).zip(table.chunks_exact(place.entry));
    Ok(entries.map(|(number, entry)| partition(number, entry, block)).collect::<Option<Vec<_>>>().map(flat))
}

fn flat(found: Vec<Option<Partition>>) -> Vec<Partition> {
    found.into_iter().flatten().collect()
}

/// Where the entries lie.
struct Place {
    block: u64,
    entry: usize,
    count: usize,
    sum: u32,
}

/// What a header says, if it is one and stands where it says.
fn place_of(header: &[u8], at: u64) -> Option<Place> {
    let length = usize::try_from(u32_at(header, 12)?).ok()?;
    if !header.starts_with(b"EFI PART") || !(HEADER..=header.len()).contains(&length) || u64_at(header, 24)? != at {
        return None;
    }
    let mut plain = header[..length].to_vec();
    plain[16..20].fill(0);
    let (count, entry) = (usize::try_from(u32_at(header, 80)?).ok()?, usize::try_from(u32_at(header, 84)?).ok()?);
    let fits = entry >= 128 && entry.is_multiple_of(8) && entry.checked_mul(count)? <= TABLE_MAX;
    let good = fits && crc32fast::hash(&plain) == u32_at(header, 16)?;
    good.then_some(Place { block: u64_at(header, 72)?, entry, count, sum: u32_at(header, 88)? })
}

/// None if its numbers are none; `Some(None)` for an entry that is not in use.
fn partition(number: u32, entry: &[u8], block: u64) -> Option<Option<Partition>> {
    if entry.get(..16)?.iter().all(|&byte| byte == 0) {
        return Some(None);
    }
    let (first, last) = (u64_at(entry, 32)?, u64_at(entry, 40)?);
    let blocks = last.checked_sub(first)?.checked_add(1)?;
    Some(Some(Partition { number, start: first.checked_mul(block)?, bytes: blocks.checked_mul(block)? }))
}

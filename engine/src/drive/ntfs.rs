//! Was an NTFS volume unmounted in order? Its own flag, and its log, which is marked clean, or wiped by ntfs-3g.

use std::io;

use super::file_system::{Doubt, FileSystem};
use super::{ReadAt, u16_at, u32_at, u64_at};

const LOG: u64 = 2;
const VOLUME: u64 = 3;
const VOLUME_INFORMATION: u32 = 0x70;
const DATA: u32 = 0x80;
/// Records are mostly of 1 KiB; a larger one is read so far.
const RECORD: u64 = 1024;
const PAGE: usize = 4096;

/// What speaks against believing its account of its blocks; `begin` is its first sector, it lies in so many bytes.
///
/// # Errors
/// Of reading.
pub(super) fn doubt(
    read: ReadAt<'_>,
    begin: &[u8],
    (start, bytes): (u64, u64),
    file_system: &FileSystem,
) -> io::Result<Option<Doubt>> {
    let unknown = Ok(Some(Doubt::Other("its own records can't be read")));
    let volume = Volume { start, bytes, cluster: u64::from(file_system.block_bytes) };
    let Some(table) = table_at(begin, &volume) else { return unknown };
    let Some(record) = table.record(read, &volume, VOLUME)? else { return unknown };
    let Some(flags) =
        attribute(&record, VOLUME_INFORMATION).and_then(|found| resident(found)).and_then(|it| u16_at(it, 10))
    else {
        return unknown;
    };
    let Some(record) = table.record(read, &volume, LOG)? else { return unknown };
    let Some(first) = attribute(&record, DATA).and_then(first_cluster) else { return unknown };
    let Some(page) = volume.read(read, first.checked_mul(volume.cluster), PAGE)? else { return unknown };
    let is_clean = flags & 1 == 0 && is_clean_log(&page);
    Ok((!is_clean).then_some(Doubt::NotUnmounted))
}

/// Where a volume lies.
struct Volume {
    start: u64,
    bytes: u64,
    cluster: u64,
}

impl Volume {
    /// Some bytes of it; none if it is not so long.
    fn read(&self, read: ReadAt<'_>, at: Option<u64>, bytes: usize) -> io::Result<Option<Vec<u8>>> {
        let fits = |at: &u64| at.checked_add(bytes as u64).is_some_and(|end| end <= self.bytes);
        let Some(at) = at.filter(fits) else { return Ok(None) };
        let mut found = vec![0; bytes];
        read(self.start + at, &mut found)?;
        Ok(Some(found))
    }
}

/// The table of records.
struct Table {
    at: u64,
    record: u64,
}

fn table_at(begin: &[u8], volume: &Volume) -> Option<Table> {
    let size = *begin.get(0x40)?;
    // Less than a cluster is told as a negative power of two.
    let record = if size < 128 {
        u64::from(size).checked_mul(volume.cluster)?
    } else {
        1_u64.checked_shl(256 - u32::from(size))?
    };
    (record >= RECORD).then_some(Table { at: u64_at(begin, 0x30)?.checked_mul(volume.cluster)?, record })
}

impl Table {
    fn record(&self, read: ReadAt<'_>, volume: &Volume, number: u64) -> io::Result<Option<Vec<u8>>> {
        let at = self.record.checked_mul(number).and_then(|at| at.checked_add(self.at));
        let record = volume.read(read, at, usize::try_from(RECORD).unwrap_or(PAGE))?;
        Ok(record.filter(|record| record.starts_with(b"FILE")))
    }
}

/// The first attribute of that kind.
fn attribute(record: &[u8], kind: u32) -> Option<&[u8]> {
    let mut at = usize::from(u16_at(record, 0x14)?);
    loop {
        let (found, length) = (u32_at(record, at)?, usize::try_from(u32_at(record, at.checked_add(4)?)?).ok()?);
        if found == kind {
            return record.get(at..at.checked_add(length)?);
        }
        if found == u32::MAX || length == 0 {
            return None;
        }
        at = at.checked_add(length)?;
    }
}

fn resident(attribute: &[u8]) -> Option<&[u8]> {
    if *attribute.get(8)? == 0 { attribute.get(usize::from(u16_at(attribute, 0x14)?)..) } else { None }
}

/// Where an attribute's content begins that lies outside of its record.
fn first_cluster(attribute: &[u8]) -> Option<u64> {
    if *attribute.get(8)? == 0 {
        return None;
    }
    let run = attribute.get(usize::from(u16_at(attribute, 0x20)?)..)?;
    let (lengths, offsets) = (usize::from(run.first()? & 15), usize::from(run.first()? >> 4));
    let offset = run.get(1 + lengths..)?.get(..offsets).filter(|bytes| (1..=8).contains(&bytes.len()))?;
    // Signed, but the first one is from the beginning.
    let mut number = [0; 8];
    number[..offset.len()].copy_from_slice(offset);
    (offset.last()? & 0x80 == 0).then_some(u64::from_le_bytes(number))
}

/// Its first restart page says so, or it was wiped.
fn is_clean_log(page: &[u8]) -> bool {
    const NOBODY: u16 = 0xffff;
    const CLEAN: u16 = 2;
    let restart = || {
        let at = usize::from(u16_at(page, 0x18)?);
        Some((u16_at(page, at.checked_add(12)?)?, u16_at(page, at.checked_add(14)?)?))
    };
    if page.iter().all(|&byte| byte == 0xff) {
        return true;
    }
    page.starts_with(b"RSTR") && restart().is_some_and(|(users, flags)| users == NOBODY || flags & CLEAN != 0)
}

//! The partition table of the PC's first sector, with its chain of logical partitions. Sectors have 512 bytes: on drives
//! with larger ones nothing is found where they are said to be, and nothing is left out.

use std::io;

use super::layout::Partition;
use super::{ReadAt, u32_at};

const SECTOR: u64 = 512;
const TABLE_AT: usize = 446;
/// So many logical partitions are followed.
const LOGICAL_MAX: u32 = 128;
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
/// It stands before a GPT, which was not whole.
const PROTECTIVE: u8 = 0xee;

#[derive(Clone, Copy)]
struct Row {
    kind: u8,
    start: u64,
    sectors: u64,
}

/// The partitions; empty if there is no table.
///
/// # Errors
/// Of reading.
pub(super) fn partitions(read: ReadAt<'_>, bytes: u64) -> io::Result<Vec<Partition>> {
    let Some(rows) = rows_at(read, bytes, 0)? else { return Ok(Vec::new()) };
    if rows.iter().any(|row| row.kind == PROTECTIVE) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (number, row) in (1..).zip(rows) {
        match row.kind {
            0 => {}
            kind if EXTENDED.contains(&kind) => {
                let Some(logical) = logical(read, bytes, row.start)? else { return Ok(Vec::new()) };
                found.extend(logical);
            }
            _ => found.push(partition(number, 0, row)),
        }
    }
    Ok(found)
}

fn partition(number: u32, base: u64, row: Row) -> Partition {
    // Sectors have 32 bits, and bases are sums of two of them.
    Partition { number, start: (base + row.start) * SECTOR, bytes: row.sectors * SECTOR }
}

/// The chain of logical partitions; none if it is broken.
fn logical(read: ReadAt<'_>, bytes: u64, extended: u64) -> io::Result<Option<Vec<Partition>>> {
    let (mut found, mut at) = (Vec::new(), extended);
    for number in 5..5 + LOGICAL_MAX {
        let Some([data, next, ..]) = rows_at(read, bytes, at)? else { return Ok(None) };
        if data.kind != 0 {
            found.push(partition(number, at, data));
        }
        if next.kind == 0 {
            return Ok(Some(found));
        }
        at = extended + next.start;
    }
    Ok(None)
}

/// The four rows of the table in that sector, if there is one.
fn rows_at(read: ReadAt<'_>, bytes: u64, sector: u64) -> io::Result<Option<[Row; 4]>> {
    let fits = |at: &u64| at.checked_add(SECTOR).is_some_and(|end| end <= bytes);
    let Some(offset) = sector.checked_mul(SECTOR).filter(fits) else { return Ok(None) };
    let mut block = [0; 512];
    read(offset, &mut block)?;
    let row = |index: usize| {
        let row = block.get(TABLE_AT + 16 * index..)?.first_chunk::<16>()?;
        let (start, sectors) = (u64::from(u32_at(row, 8)?), u64::from(u32_at(row, 12)?));
        // Boot code that stands where a table would is told by what a table's first byte can be.
        let good = matches!(row[0], 0 | 0x80) && (row[4] == 0 || (start > 0 && sectors > 0));
        good.then_some(Row { kind: row[4], start, sectors })
    };
    let rows = || Some([row(0)?, row(1)?, row(2)?, row(3)?]);
    Ok(if block.ends_with(b"\x55\xaa") { rows() } else { None })
}

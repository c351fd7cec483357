//! A write-ahead log of SQLite → where each page lies as of its last whole transaction.
//!
//! In: the file's bytes, of which nothing is taken for granted. Out: a map of pages, or that there is nothing in it. The
//! format is that of SQLite's documentation ("WAL file format"): frames count as far as salts and running checksums agree,
//! and only up to the last one that ends a transaction. Pages may be encrypted; headers of frames are not.

use std::collections::BTreeMap;
use std::io::{self, Read};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const MAGIC: u32 = 0x377f_0682;
const PAGE_MAX: u32 = 65_536;

/// What the log says of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logged {
    /// Bytes of a page.
    pub page_bytes: u32,
    /// The database's length in pages.
    pub pages: u32,
    /// Where in the log the newest content of a page lies, by page number from 1 on.
    pub at: BTreeMap<u32, u64>,
}

/// The running checksum: words in the order that the log's magic number tells.
#[derive(Clone, Copy)]
struct Sum {
    s0: u32,
    s1: u32,
    big_endian: bool,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            self.s0 = self.s0.wrapping_add(self.word(&pair[..4])).wrapping_add(self.s1);
            self.s1 = self.s1.wrapping_add(self.word(&pair[4..])).wrapping_add(self.s0);
        }
    }

    fn word(&self, bytes: &[u8]) -> u32 {
        let word: [u8; 4] = bytes.try_into().expect("four bytes");
        if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }

    const fn is(&self, told: (u32, u32)) -> bool {
        self.s0 == told.0 && self.s1 == told.1
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Reads a log to the end of its last whole transaction; none if it holds none.
///
/// # Errors
/// Of reading; what is not a log, or not a whole one, is no error.
pub(super) fn read(mut log: impl Read) -> io::Result<Option<Logged>> {
    let mut header = [0; HEADER];
    if !is_filled(&mut log, &mut header)? {
        return Ok(None);
    }
    let (magic, page_bytes) = (number(&header, 0), number(&header, 8));
    let is_page = page_bytes.is_power_of_two() && (512..=PAGE_MAX).contains(&page_bytes);
    let mut sum = Sum { s0: 0, s1: 0, big_endian: magic == MAGIC | 1 };
    sum.add(&header[..24]);
    if magic & !1 != MAGIC || !is_page || !sum.is((number(&header, 24), number(&header, 28))) {
        return Ok(None);
    }
    let salts = (number(&header, 16), number(&header, 20));
    frames(log, page_bytes, salts, sum)
}

fn frames(mut log: impl Read, page_bytes: u32, salts: (u32, u32), mut sum: Sum) -> io::Result<Option<Logged>> {
    let mut frame = vec![0; FRAME_HEADER + page_bytes as usize];
    let (mut whole, mut open) = (None::<Logged>, Vec::new());
    let mut offset = HEADER as u64;
    while is_filled(&mut log, &mut frame)? {
        sum.add(&frame[..8]);
        sum.add(&frame[FRAME_HEADER..]);
        let (page, pages) = (number(&frame, 0), number(&frame, 4));
        let is_next =
            (number(&frame, 8), number(&frame, 12)) == salts && sum.is((number(&frame, 16), number(&frame, 20)));
        if !is_next || page == 0 {
            break;
        }
        open.push((page, offset + FRAME_HEADER as u64));
        if pages != 0 {
            let logged = whole.get_or_insert_with(|| Logged { page_bytes, pages, at: BTreeMap::new() });
            logged.pages = pages;
            logged.at.extend(open.drain(..));
        }
        offset += frame.len() as u64;
    }
    Ok(whole)
}

/// Fills the buffer; not if the log ends before.
fn is_filled(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log as SQLite writes it: frames of (page, pages after a commit or 0, what the page is filled with).
    fn log(page_bytes: u32, frames: &[(u32, u32, u8)]) -> Vec<u8> {
        let mut log: Vec<u8> = [MAGIC, 3_007_000, page_bytes, 0, 7, 9].into_iter().flat_map(u32::to_be_bytes).collect();
        let mut sum = Sum { s0: 0, s1: 0, big_endian: false };
        sum.add(&log);
        log.extend([sum.s0, sum.s1].into_iter().flat_map(u32::to_be_bytes));
        for (page, pages, fill) in frames {
            let head: Vec<u8> = [*page, *pages].into_iter().flat_map(u32::to_be_bytes).collect();
            let content = vec![*fill; page_bytes as usize];
            sum.add(&head);
            sum.add(&content);
            log.extend(head);
            log.extend([7, 9, sum.s0, sum.s1].into_iter().flat_map(u32::to_be_bytes));
            log.extend(content);
        }
        log
    }

    fn at(frame: u64) -> u64 {
        32 + frame * (24 + 512) + 24
    }

    #[test]
    fn the_newest_page_of_whole_transactions_counts() {
        let told = log(512, &[(1, 0, 1), (2, 2, 2), (1, 3, 3), (3, 0, 4)]);
        let expected = Logged { page_bytes: 512, pages: 3, at: [(1, at(2)), (2, at(1))].into() };
        assert_eq!(read(&told[..]).expect("read"), Some(expected.clone()));
        // A transaction that is still being written, cut anywhere, is not in it.
        for cut in 0..536 {
            assert_eq!(read(&told[..told.len() - cut]).expect("read"), Some(expected.clone()), "{cut}");
        }
    }

    #[test]
    fn what_no_longer_follows_is_not_in_it() {
        let whole = log(512, &[(1, 1, 1), (1, 1, 2), (1, 1, 3)]);
        for byte in 0..whole.len() {
            let mut told = whole.clone();
            told[byte] ^= 1;
            let frame = byte.checked_sub(32).map(|byte| byte as u64 / 536);
            let last = read(&told[..]).expect("read").map(|logged| logged.at[&1]);
            assert_eq!(last, frame.and_then(|frame| frame.checked_sub(1)).map(at), "{byte}");
        }
        assert_eq!(read(&b"not a log at all, whatever its length is"[..]).expect("read"), None);
        assert_eq!(read(&log(512, &[])[..]).expect("read"), None);
    }
}

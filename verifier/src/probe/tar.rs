//! tar: every header's checksum, every byte of data, and the mark at its end.

use std::io::{self, Read};

use super::budget::Budget;
use super::kind::{HEAD_BYTES, is_tar};
use super::{Answer, Finding, broken};

const BLOCK: u64 = 512;

pub(super) fn probe(file: impl Read, budget: &Budget) -> Answer {
    read_all(budget.meter(io::BufReader::with_capacity(1 << 20, file)))
}

/// What a decompressed stream holds: a tar archive, or anything else, read to its end in any case.
pub(super) fn inside(mut stream: impl Read) -> Answer {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    stream.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(broken)?;
    let is_tar = is_tar(&head);
    let mut whole = io::Cursor::new(head).chain(stream);
    if is_tar {
        return read_all(whole).map(|detail| format!("tar inside: {detail}"));
    }
    let bytes = io::copy(&mut whole, &mut io::sink()).map_err(broken)?;
    Ok(format!("{bytes} bytes"))
}

fn read_all(stream: impl Read) -> Answer {
    let mut counted = Counted { inner: stream, bytes: 0 };
    let (entries, end) = read_entries(&mut counted)?;
    // The entries end at a block of zeros or where the stream does: only the first is an end on purpose.
    if counted.bytes < end.saturating_add(BLOCK) {
        return Err(Finding::Broken(format!("it ends after {entries} entries, without the mark at its end")));
    }
    io::copy(&mut counted, &mut io::sink()).map_err(broken)?;
    Ok(format!("{entries} entries read to the end"))
}

/// Counts the entries and tells where the last one's data end.
fn read_entries(stream: &mut impl Read) -> Result<(u64, u64), Finding> {
    let mut archive = tar::Archive::new(stream);
    let (mut entries, mut end) = (0_u64, 0_u64);
    // The crate's words quote what stands in a header.
    let unread = |entries: u64| Finding::Broken(format!("the header of entry {entries} can't be read"));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(|_| unread(entries))?;
        let stored = entry.header().entry_size().map_err(|_| unread(entries))?;
        let wanted = entry.size();
        let read = io::copy(&mut entry, &mut io::sink()).map_err(broken)?;
        if read != wanted {
            return Err(Finding::Broken(format!("entry {entries}: {read} of {wanted} bytes are there")));
        }
        end = entry.raw_file_position().saturating_add(stored.next_multiple_of(BLOCK).min(read.max(stored)));
        entries += 1;
    }
    Ok((entries, end))
}

struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

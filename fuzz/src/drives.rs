//! Harnesses of what stands on drives: partition tables, first blocks of file systems, what partclone prints.

use std::io;

use engine::drive::{Bitmap, Header, Layout, layout};

/// The seeds leave most of a drive out: it goes on with zeros.
const DRIVE: u64 = 64 << 20;

/// A drive that begins with these bytes, and partclone's account that is these bytes.
pub fn drives(data: &[u8]) {
    let mut read = |at: u64, into: &mut [u8]| {
        let end = at.checked_add(into.len() as u64);
        assert!(end.is_some_and(|end| end <= DRIVE), "nothing beyond the drive is asked for");
        let known = usize::try_from(at).ok().and_then(|at| data.get(at..)).unwrap_or_default();
        let known = &known[..known.len().min(into.len())];
        into.fill(0);
        into[..known.len()].copy_from_slice(known);
        Ok::<(), io::Error>(())
    };
    if let Layout::Parted(partitions) = layout(&mut read, DRIVE).expect("reading never fails") {
        let mut from = 0;
        for partition in partitions {
            assert!(partition.start >= from && partition.bytes > 0, "in order, none in another");
            from = partition.start + partition.bytes;
            assert!(from <= DRIVE, "none beyond the drive");
            let found = partition.file_system(&mut read).expect("reading never fails");
            if let Some(found) = found {
                assert!(found.blocks * u64::from(found.block_bytes) <= partition.bytes, "it fits its place");
            }
        }
    }
    bitmap(data);
}

fn bitmap(data: &[u8]) {
    // What its checksum lets through is tried; so that mutations get that far, the checksum is set right.
    let mut mended = data.to_vec();
    if let Some((header, sum)) = mended.split_at_mut_checked(106).filter(|(_, sum)| sum.len() >= 4) {
        sum[..4].copy_from_slice(&(!crc32fast::hash(header)).to_le_bytes());
    }
    let Ok(header) = Header::parse(&mended) else { return };
    let mut bitmap = Bitmap::new(header);
    for piece in mended[Header::BYTES..].chunks(64) {
        match bitmap.push(piece) {
            Ok(false) => {}
            Ok(true) => break,
            Err(_) => return,
        }
    }
    if let Ok(runs) = bitmap.finish() {
        assert!(runs.is_sorted_by(|a, b| a.end <= b.start) && runs.iter().all(|run| run.start < run.end), "{runs:?}");
    }
}

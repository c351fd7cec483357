//! Bytes of the file that change by themselves: an error or the right answer, never a panic, never a wrong answer. One
//! thing may be forgotten: where a chunk lies. It is stored again then.

use super::*;

type All = (Snapshot, Vec<EventRow>, Vec<Option<ChunkAt>>);

fn all(catalog: &Catalog) -> Result<All> {
    let ids: Vec<_> = (1..=3).flat_map(|pack| [chunk_id(pack, 0), chunk_id(pack, 1)]).collect();
    Ok((catalog.snapshot()?, catalog.events()?, catalog.find_chunks(GROUP, &ids)?))
}

fn quick() -> OpenOptions {
    OpenOptions { deadline: Duration::ZERO, cache_bytes: 1 << 20 }
}

fn is_true(found: &All, truth: &All) -> bool {
    let chunks = found.2.iter().zip(&truth.2).all(|(found, truth)| found.is_none() || found == truth);
    found.0 == truth.0 && found.1 == truth.1 && chunks
}

/// A block of the file is worth flipping in if it holds anything.
fn used_offsets(bytes: &[u8]) -> Vec<usize> {
    let blocks = bytes.chunks(64).enumerate().filter(|(_, block)| block.iter().any(|&byte| byte != 0));
    blocks.map(|(number, _)| number * 64).collect()
}

#[test]
fn a_flipped_byte_anywhere_is_an_error_or_changes_nothing() {
    let sound = super::golden::bytes(SCHEMA);
    let truth = all(&Catalog::open_on(Arc::new(SimDisk::with_bytes(&sound)), quick()).expect("opened")).expect("read");
    let offsets = used_offsets(&sound);
    assert!(offsets.len() > 200, "{} blocks", offsets.len());
    let mut noticed = 0;
    for (round, &block) in offsets.iter().enumerate() {
        let byte = block + (round * 7 + 13) % 64;
        let disk = SimDisk::with_bytes(&sound);
        disk.flip(byte, 1 << (round % 8));
        match Catalog::open_on(Arc::new(disk), quick()).and_then(|catalog| all(&catalog)) {
            Ok(found) => assert!(is_true(&found, &truth), "a wrong answer: byte {byte}"),
            Err(_) => noticed += 1,
        }
    }
    // Most blocks are of pages that are not in use any more.
    assert!(noticed > 50, "{noticed} noticed");
}

#[test]
fn writing_to_a_damaged_file_never_panics() {
    let sound = super::golden::bytes(SCHEMA);
    for (round, &block) in used_offsets(&sound).iter().enumerate().step_by(3) {
        let disk = SimDisk::with_bytes(&sound);
        disk.flip(block + round % 64, 0x10);
        let Ok(catalog) = Catalog::open_on(Arc::new(disk), quick()) else { continue };
        let _ = catalog.take_order();
        let _ = catalog.pin(PointOrder { epoch: 1, sequence: 1 });
        let _ = catalog.mark_deleting(&removal(HOME, &[PointOrder { epoch: 1, sequence: 1 }]));
        let _ = catalog.check();
    }
}

#[test]
fn rot_never_lets_a_pack_go_that_a_point_needs() {
    let sound = super::golden::bytes(SCHEMA);
    let first = PointOrder { epoch: 1, sequence: 1 };
    let mut marked_right = 0;
    for (round, &block) in used_offsets(&sound).iter().enumerate().step_by(2) {
        let disk = SimDisk::with_bytes(&sound);
        disk.flip(block + (round * 11) % 64, 1 << (round % 8));
        let Ok(catalog) = Catalog::open_on(Arc::new(disk), quick()) else { continue };
        let packs = catalog.mark_unreferenced(HOME).map(|marked| marked.packs).unwrap_or_default();
        assert_eq!(packs, [], "block {block}");
        let Ok(Marking::Marked(marked)) = catalog.mark_deleting(&removal(OFFICE, &[first])) else { continue };
        panic!("the first point is evicted there already: {marked:?}, block {block}");
    }
    for (round, &block) in used_offsets(&sound).iter().enumerate().step_by(2) {
        let disk = SimDisk::with_bytes(&sound);
        disk.flip(block + (round * 11) % 64, 1 << (round % 8));
        let Ok(catalog) = Catalog::open_on(Arc::new(disk), quick()) else { continue };
        let order = PointOrder { epoch: 1, sequence: 2 };
        let unpinned = catalog.unpin(order).and_then(|()| catalog.mark_deleting(&removal(HOME, &[order])));
        if let Ok(Marking::Marked(marked)) = unpinned {
            assert_eq!(marked.packs, [PackNo(3)], "block {block}");
            marked_right += 1;
        }
    }
    assert!(marked_right > 50, "{marked_right}");
}

#[test]
fn a_file_that_is_no_catalog_is_damaged_not_replaced() {
    for bytes in [&b""[..], &[0; 4096], b"not a database at all", &[0xff; 100_000]] {
        let disk = SimDisk::with_bytes(bytes);
        let opened = Catalog::open_on(Arc::new(disk.clone()), quick());
        assert!(opened.is_err(), "{} bytes", bytes.len());
        assert_eq!(disk.bytes(), bytes, "nothing was written");
    }
}

#[test]
fn a_truncated_file_is_an_error_not_a_panic() {
    let sound = super::golden::bytes(SCHEMA);
    for length in (0..sound.len()).step_by(sound.len() / 40) {
        let disk = SimDisk::with_bytes(&sound[..length]);
        let read = Catalog::open_on(Arc::new(disk), quick()).and_then(|catalog| all(&catalog));
        assert!(read.is_err(), "{length} bytes");
    }
}

//! Orders of magnitude, with room for a busy machine: what must not become slow by accident.

use std::time::Instant;

use super::*;

fn big_pack(n: u64, chunks: u32) -> NewPack {
    let chunk = |which: u32| ChunkRow { id: chunk_id(n, which), offset: which, stored: 1, plain: 1 };
    NewPack { id: pack_id(n), bytes: 64 << 20, group: GROUP, chunks: (0..chunks).map(chunk).collect() }
}

#[test]
fn a_pack_of_20000_chunks_is_recorded_and_100000_chunks_are_found_in_a_moment() {
    let (_folder, catalog) = on_disk();
    let capture = catalog.begin_capture("capture-1").expect("begun");
    let packs: Vec<_> = (0..5).map(|n| big_pack(n, 20_000)).collect();
    let ids: Vec<_> = packs.iter().flat_map(|pack| pack.chunks.iter().map(|chunk| chunk.id)).collect();
    let start = Instant::now();
    for pack in &packs {
        catalog.add_pack(capture, pack, at(5)).expect("recorded");
    }
    let adding = start.elapsed() / 5;
    let start = Instant::now();
    let found = catalog.find_chunks(GROUP, &ids).expect("read");
    let finding = start.elapsed();
    assert!(found.iter().all(Option::is_some));
    let start = Instant::now();
    for id in &ids[..1000] {
        assert!(catalog.find_chunk(GROUP, id).expect("read").is_some());
    }
    let single = start.elapsed() / 1000;
    eprintln!("add_pack {adding:?}, find_chunks of 100000 {finding:?}, find_chunk {single:?}");
    assert!(adding < Duration::from_secs(2), "{adding:?} for a pack");
    assert!(finding < Duration::from_secs(2), "{finding:?} for 100000 chunks");
}

//! Real file systems on drives that are pulled, swapped, filled, cut off and damaged.

use super::tests::{kind, path, put, read_back};
use super::*;
use crate::destination::conformance;
use crate::destination::loop_drive::{DAEMONS, FILE_SYSTEMS, LoopDrive, SmallMemory};

fn some(names: impl IntoIterator<Item = &'static str>) -> impl Iterator<Item = (&'static str, LoopDrive)> {
    names.into_iter().filter_map(|name| Some((name, LoopDrive::new(name)?)))
}

fn drives() -> impl Iterator<Item = (&'static str, LoopDrive)> {
    some(FILE_SYSTEMS)
}

fn store_on(drive: &LoopDrive) -> FileStore {
    FileStore::create_root(&drive.mount_point().join("vault"), Privacy::Umask).expect("made")
}

/// Bytes that stand nowhere else, and look alike to no file system.
fn content(seed: u64, bytes: usize) -> Vec<u8> {
    let mut output = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut output);
    output
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("list").count()
}

#[test]
fn every_file_system_keeps_every_rule() {
    for (_, drive) in some(FILE_SYSTEMS.into_iter().chain(DAEMONS)) {
        let mut places = 0..;
        conformance::run(|| {
            let name = format!("place{}", places.next().expect("endless"));
            FileStore::create_root(&drive.mount_point().join(name), Privacy::Umask).expect("made")
        });
    }
}

/// The page cache holds what was written, the drive something else: only the drive counts as evidence. The small
/// object would lie in Btrfs's metadata if the writer did not see to it.
#[test]
fn damage_behind_the_page_cache_is_seen() {
    for (name, drive) in drives() {
        let store = store_on(&drive);
        for (at, bytes) in [("large", 3_000_000), ("small", 300)] {
            let good = content(1, bytes);
            put(&store, at, &good).expect("put");
            assert!(read_back(&store, at).expect("sound") == (good.clone(), MediumWay::Direct), "{name} {at}");
            for through in [MediumWay::Direct, MediumWay::Dropped] {
                assert!(store.read(&path(at), 0, bytes).expect("now cached") == good, "{name} {at}");
                assert!(drive.corrupt(&good[100..164]) > 0, "{name}: {at} is on the drive");
                assert!(store.read(&path(at), 0, bytes).expect("cached") == good, "{name} {at}: the cache hides it");
                assert_damaged(&store, at, &good, through, name);
                assert!(drive.corrupt(&good[100..164].iter().map(|byte| !byte).collect::<Vec<_>>()) > 0);
                assert!(read_back(&store, at).expect("sound again").0 == good, "{name} {at}");
            }
        }
    }
}

/// XFS reserves room behind what is written and gives it back when the file is cut, but not of its own accord: for a
/// file that reserved some itself it stays for good, and full drives would evict too early.
#[test]
fn an_object_takes_no_room_beyond_its_bytes() {
    use std::os::unix::fs::MetadataExt;
    for (name, drive) in drives() {
        let store = store_on(&drive);
        put(&store, "large", &content(1, 20_000_000)).expect("put");
        let there = std::fs::metadata(drive.mount_point().join("vault/large")).expect("there");
        assert!(there.blocks() * 512 < 20_000_000 + (64 << 10), "{name}: {} blocks", there.blocks());
    }
}

/// A daemon reads its drive through the cache of the block device.
#[test]
fn damage_behind_a_daemons_cache_is_seen() {
    for (name, drive) in some(DAEMONS) {
        let store = store_on(&drive);
        let good = content(1, 3_000_000);
        put(&store, "large", &good).expect("put");
        assert!(read_back(&store, "large").expect("sound") == (good.clone(), MediumWay::Dropped), "{name}");
        assert!(store.read(&path("large"), 0, 3_000_000).expect("now cached") == good, "{name}");
        assert!(drive.corrupt(&good[100..164]) > 0, "{name}: it is on the drive");
        assert_damaged(&store, "large", &good, MediumWay::Dropped, name);
    }
}

/// Btrfs has checksums of its own, and gives an error in place of wrong bytes.
fn assert_damaged(store: &FileStore, at: &str, good: &[u8], through: MediumWay, file_system: &str) {
    match read_all_through(store, at, through) {
        Ok((seen, way)) => {
            assert!(seen != good, "{file_system} {at} {through:?}: the damage was not seen");
            assert_eq!(way, through, "{file_system} {at}");
        }
        Err(error) => assert_eq!((error.kind, file_system), (ErrorKind::Permanent, "btrfs")),
    }
}

fn read_all_through(store: &FileStore, at: &str, way: MediumWay) -> Result<(Vec<u8>, MediumWay), StoreError> {
    let mut reader = store.open_medium(&path(at))?;
    if way < reader.way() {
        reader.avoid_direct()?;
    }
    super::tests::drain(reader)
}

#[test]
fn a_pulled_drive_is_gone_and_its_mount_point_stays_empty() {
    for (name, drive) in drives() {
        let store = store_on(&drive);
        put(&store, "a", b"x").expect("put");
        let mut writer = store.create(&path("packs/ab/b")).expect("create");
        drive.unmount_lazily();
        assert_eq!(kind(store.still_there()), Some(ErrorKind::Gone), "{name}");
        assert_eq!(kind(store.read_medium(&path("a"))), Some(ErrorKind::Gone), "{name}");
        let _ = writer.write(b"late").and_then(|()| writer.finish());
        let _ = put(&store, "packs/cd/c", b"late");
        assert_eq!(entries(&drive.mount_point()), 0, "{name}");
    }
}

#[test]
fn two_drives_swapped_in_one_slot_are_told_apart() {
    for (name, drive) in drives() {
        let Some(other) = LoopDrive::new(name) else { continue };
        let store = store_on(&drive);
        drop(store_on(&other));
        other.unmount();
        drive.unmount_lazily();
        other.mount_at(&drive.mount_point());
        assert_eq!(kind(store.still_there()), Some(ErrorKind::Gone), "{name}");
        let _ = put(&store, "a", b"x");
        assert_eq!(entries(&drive.mount_point().join("vault")), 0, "{name}");
    }
}

#[test]
fn the_same_drive_mounted_anew_wants_a_new_handle() {
    let Some(drive) = LoopDrive::new("ext4") else { return };
    let store = store_on(&drive);
    put(&store, "a", b"x").expect("put");
    drive.unmount_lazily();
    drive.mount();
    assert_eq!(kind(store.still_there()), Some(ErrorKind::Gone));
    let store = FileStore::open(&drive.mount_point().join("vault"), Privacy::Umask).expect("there");
    assert_eq!(store.stat(&path("a")).expect("stat"), Some(1));
}

#[test]
fn a_full_drive_says_full_and_keeps_what_it_had() {
    for (name, drive) in drives() {
        let store = store_on(&drive);
        put(&store, "kept", b"kept").expect("put");
        let total = store.space().expect("space").expect("told").total;
        let mut writer = store.create(&path("big")).expect("create");
        let piece = vec![7; 1 << 20];
        let outcome = (0..=total >> 20).try_for_each(|_| writer.write(&piece)).and_then(|()| writer.finish());
        assert_eq!(kind(outcome), Some(ErrorKind::Full), "{name}");
        assert_eq!(store.stat(&path("big")).expect("stat"), None, "{name}");
        store.delete(&path(".tmp-big")).expect("delete");
        assert_eq!(read_back(&store, "kept").expect("there").0, b"kept", "{name}");
        put(&store, "next", b"fits").expect("room again");
    }
}

#[test]
fn a_drive_that_can_not_be_written_denies_and_still_reads_back() {
    for (name, drive) in drives() {
        let store = store_on(&drive);
        put(&store, "a", b"x").expect("put");
        drive.remount("ro");
        assert_eq!(kind(put(&store, "b", b"x")), Some(ErrorKind::Denied), "{name}");
        assert_eq!(kind(store.delete(&path("a"))), Some(ErrorKind::Denied), "{name}");
        assert_eq!(read_back(&store, "a").expect("there").0, b"x", "{name}");
    }
}

/// What was finished is there when the power comes back, and what was flushed can be resumed.
#[test]
fn a_power_cut_takes_nothing_that_was_acknowledged() {
    for name in ["ext4", "xfs"] {
        let Some(drive) = LoopDrive::new(name) else { continue };
        let store = store_on(&drive);
        let good = content(2, 100_000);
        put(&store, "packs/ab/one", &good).expect("put");
        let mut writer = store.create(&path("packs/cd/two")).expect("create");
        writer.write(&good[..50_000]).expect("write");
        writer.flush().expect("flush");
        writer.write(&good[50_000..]).expect("write");
        if !drive.cut_power() {
            eprintln!("SKIPPED: no power cut without xfs_io");
            return;
        }
        assert!(writer.finish().is_err(), "{name}");
        drop(store);
        drive.unmount();
        drive.mount();
        let store = FileStore::open(&drive.mount_point().join("vault"), Privacy::Umask).expect("there");
        assert!(read_back(&store, "packs/ab/one").expect("there").0 == good, "{name}");
        let mut writer = store.resume(&path("packs/cd/two"), &Resume::at(50_000)).expect("resume");
        assert_eq!(writer.kept(), 50_000, "{name}");
        writer.write(&good[50_000..]).expect("write");
        writer.finish().expect("finish");
        assert!(read_back(&store, "packs/cd/two").expect("there").0 == good, "{name}");
    }
}

#[test]
fn a_drive_whose_end_is_missing_fails_to_read_back() {
    let Some(drive) = LoopDrive::new("ext4") else { return };
    let store = store_on(&drive);
    put(&store, "a", &content(3, 1_000_000)).expect("put");
    let image = std::fs::File::options().write(true).open(drive.image()).expect("image");
    image.set_len(8192).expect("cut");
    let outcome = read_back(&store, "a");
    assert_eq!(kind(outcome), Some(ErrorKind::Permanent), "the place is there, its drive fails");
}

/// D-7. The drive takes no new block, so the write-back fails although every write had succeeded.
#[test]
fn a_failed_flush_deletes_what_was_written() {
    for step in [0, 1, 2] {
        let Some(memory) = SmallMemory::new() else { return };
        let Some(drive) = LoopDrive::new_in(memory.path(), "ext4") else { return };
        let store = store_on(&drive);
        put(&store, "packs/ab/sound", b"sound").expect("put");
        let mut writer = store.create(&path("packs/ab/one")).expect("create");
        memory.close();
        let outcome = match step {
            0 => writer.write(&content(4, 5_000_000)).and_then(|()| writer.flush()).map(drop),
            1 => writer.write(&content(4, 5_000_000)).and_then(|()| writer.finish()).map(drop),
            _ => writer.write(&content(4, 9_000_000)),
        };
        let kind = kind(outcome).expect("the flush failed");
        assert!(matches!(kind, ErrorKind::Permanent | ErrorKind::Full), "{kind:?}");
        assert_eq!(store.stat(&path("packs/ab/one")).expect("stat"), None);
        assert_eq!(store.stat(&path("packs/ab/.tmp-one")).expect("look"), None, "nothing is left to resume");
    }
}

/// No flush was asked for: all that a power cut may take is what the bound lets be dirty.
#[test]
fn no_more_than_the_bound_is_ever_dirty() {
    for name in ["ext4", "xfs"] {
        let Some(drive) = LoopDrive::new(name) else { continue };
        let store = store_on(&drive);
        let good = content(5, 17_000_000);
        let mut writer = store.create(&path("a")).expect("create");
        writer.write(&good).expect("write");
        if !drive.cut_power() {
            eprintln!("SKIPPED: no power cut without xfs_io");
            return;
        }
        drop(writer);
        drop(store);
        drive.unmount();
        drive.mount();
        let store = FileStore::open(&drive.mount_point().join("vault"), Privacy::Umask).expect("there");
        let kept = 17_000_000 - (8 << 20);
        assert!(store.read(&path(".tmp-a"), 0, kept).expect("read") == good[..kept], "{name}");
    }
}

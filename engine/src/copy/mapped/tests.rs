use std::io::Write;

use super::*;
use crate::model::Digest;

const BOTH: [Reading; 2] = [Reading::Mapped, Reading::Plain];

fn file_with(folder: &std::path::Path, bytes: &[u8]) -> File {
    let path = folder.join("file");
    File::create(&path).and_then(|mut file| file.write_all(bytes)).expect("write");
    File::options().read(true).write(true).open(&path).expect("open")
}

fn content(bytes: usize) -> Vec<u8> {
    let mut output = vec![0; bytes];
    blake3::Hasher::new().update(b"content").finalize_xof().fill(&mut output);
    output
}

#[test]
fn hashes_are_those_of_the_bytes_however_they_are_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for bytes in [0, 1, 4095, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 12_345] {
        let bytes = content(bytes);
        let expected = Hashes {
            whole: Digest(*blake3::hash(&bytes).as_bytes()),
            blocks: bytes.chunks(BLOCK_BYTES).map(xxhash_rust::xxh3::xxh3_128).collect(),
            bytes: u64::try_from(bytes.len()).expect("small"),
        };
        for reading in BOTH {
            let file = MappedFile::open(file_with(folder.path(), &bytes), reading).expect("open");
            let mut sent = Vec::new();
            let hashes = hash_and_send(&file, |offset, block| {
                assert_eq!(offset, u64::try_from(sent.len()).expect("small"));
                sent.extend_from_slice(block);
                Ok::<(), io::Error>(())
            });
            assert_eq!(hashes.expect("hashed"), expected);
            assert!(sent == bytes);
            assert_eq!(hash_file(&file).expect("hashed"), expected);
        }
    }
}

#[test]
fn windows_begin_anywhere_and_end_within_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = content(100_000);
    for reading in BOTH {
        let file = MappedFile::open(file_with(folder.path(), &bytes), reading).expect("open");
        let read = |offset, bytes| file.window(offset, bytes, <[u8]>::to_vec);
        assert!(read(4097, 20_001).expect("within") == bytes[4097..24_098]);
        assert!(read(99_999, 1).expect("within") == bytes[99_999..]);
        assert_eq!(read(100_000, 0).expect("empty"), b"");
        for (offset, bytes) in [(99_999, 2), (100_001, 0), (u64::MAX, 1)] {
            let error = read(offset, bytes).expect_err("beyond the end");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}

#[test]
fn a_refused_block_stops_the_pass() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = MappedFile::open(file_with(folder.path(), &content(3 * BLOCK_BYTES)), Reading::Mapped).expect("open");
    let mut calls = 0;
    let outcome = hash_and_send(&file, |offset, _| {
        calls += 1;
        if offset == 0 { Ok(()) } else { Err(io::Error::other("full")) }
    });
    let second = u64::try_from(BLOCK_BYTES).expect("small");
    assert!(matches!(outcome, Err(PassError::Send { offset, .. }) if offset == second));
    assert_eq!(calls, 2);
}

#[test]
fn a_file_cut_before_its_window_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for reading in BOTH {
        let file = MappedFile::open(file_with(folder.path(), &content(1 << 20)), reading).expect("open");
        file.file.set_len(10_000).expect("cut");
        hash_file(&file).expect_err("cut");
    }
}

/// The handler's own case: the pages were there when the window was filled.
#[test]
fn a_file_cut_under_an_open_window_is_an_error_and_the_process_lives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = content(1 << 20);
    let file = MappedFile::open(file_with(folder.path(), &bytes), Reading::Mapped).expect("open");
    let mut after = Vec::new();
    let outcome = file.window(0, 1 << 20, |window| {
        assert!(window == bytes);
        file.file.set_len(8192).expect("cut");
        after = window.to_vec();
    });
    assert_eq!(outcome.expect_err("lost").raw_os_error(), Some(libc::EIO));
    assert!(after[..8192] == bytes[..8192], "what was not cut is still there");
    assert!(after[8192..].iter().all(|byte| *byte == 0), "what was cut reads as zeros");
    assert!(file.window(0, 8192, |window| window == &bytes[..8192]).expect("its place in the table is new"));
}

#[test]
fn many_threads_survive_the_loss_of_one_file_and_others_are_untouched() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let bytes = content(1 << 20);
    let lost = MappedFile::open(file_with(folder.path(), &bytes), Reading::Mapped).expect("open");
    let sound = MappedFile::open(file_with(other.path(), &bytes), Reading::Mapped).expect("open");
    let outcome = lost.window(0, 1 << 20, |window| {
        lost.file.set_len(0).expect("cut");
        std::thread::scope(|scope| {
            let readers = [0, 1, 2, 3].map(|_| scope.spawn(|| window.iter().map(|byte| u64::from(*byte)).sum::<u64>()));
            assert!(sound.window(0, 1 << 20, |window| window == bytes).expect("sound"));
            readers.map(|reader| reader.join().expect("no panic"))
        })
    });
    assert!(outcome.is_err());
}

#[test]
fn windows_opened_and_lost_in_many_threads_are_never_mixed_up() {
    let bytes = &content(64 << 10);
    let lose_every_other_time = |round: u64| {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("write");
        let file = MappedFile::open(file, Reading::Mapped).expect("open");
        let outcome = file.window(0, bytes.len(), |window| {
            file.file.set_len(if round.is_multiple_of(2) { 65_536 } else { 4096 }).expect("cut");
            window == bytes
        });
        assert_eq!(outcome.ok(), round.is_multiple_of(2).then_some(true));
    };
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || (thread..thread + 200).for_each(lose_every_other_time));
        }
    });
}

#[test]
fn more_windows_than_places_are_read_plainly() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = content(10_000);
    let file = MappedFile::open(file_with(folder.path(), &bytes), Reading::Mapped).expect("open");
    fn nested(file: &MappedFile, depth: usize, bytes: &[u8]) -> bool {
        let inner = |window: &[u8]| window == bytes && (depth == 0 || nested(file, depth - 1, bytes));
        file.window(0, bytes.len(), inner).expect("read")
    }
    assert!(nested(&file, 80, &bytes));
}

/// A drive whose image is cut while a file on it is mapped: the page cache is dropped, so reads reach the drive.
#[test]
#[cfg(target_os = "linux")]
fn a_drive_that_dies_under_a_map_is_an_error_and_the_process_lives() {
    use crate::destination::loop_drive::LoopDrive;
    for name in ["ext4", "xfs"] {
        let Some(drive) = LoopDrive::new(name) else { continue };
        let file = file_with(&drive.mount_point(), &content(2 * BLOCK_BYTES));
        file.sync_all().expect("flush");
        let file = MappedFile::open(file, Reading::Mapped).expect("open");
        let outcome = hash_and_send(&file, |_, _| {
            let image = File::options().write(true).open(drive.image()).expect("image");
            image.set_len(8192).expect("cut");
            file.let_go(0, 2 * BLOCK_BYTES);
            Ok::<(), io::Error>(())
        });
        let second = u64::try_from(BLOCK_BYTES).expect("small");
        assert!(matches!(outcome, Err(PassError::Read { offset, .. }) if offset == second), "{name}: {outcome:?}");
        let plain = MappedFile::open(file.file.try_clone().expect("clone"), Reading::Plain).expect("open");
        assert!(hash_file(&plain).is_err(), "{name}: the plain way says the same");
    }
}

/// As on a system that can't fill a window beforehand: each page is read when it is touched, and the drive is dead.
#[test]
#[cfg(target_os = "linux")]
fn a_page_that_the_drive_does_not_deliver_fails_its_window() {
    use crate::destination::loop_drive::LoopDrive;
    let Some(drive) = LoopDrive::new("ext4") else { return };
    let file = file_with(&drive.mount_point(), &content(BLOCK_BYTES));
    file.sync_all().expect("flush");
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("dropped");
    let window = guard::Window::map(&file, 0, BLOCK_BYTES).expect("mapped").expect("a free place");
    let image = File::options().write(true).open(drive.image()).expect("image");
    image.set_len(8192).expect("cut");
    let outcome = window.run(hash_of);
    assert_eq!(outcome.expect_err("lost").raw_os_error(), Some(libc::EIO));
}

fn hash_of(window: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update_rayon(window);
    hasher.finalize()
}

/// A fault that is not ours must still kill: a child process maps a file by itself, cuts it, and reads.
#[test]
fn a_foreign_fault_still_ends_the_process() {
    const CHILD: &str = "OFFSITE_TEST_FOREIGN_FAULT";
    if std::env::var_os(CHILD).is_some() {
        return guard::foreign_fault();
    }
    let this = std::env::current_exe().expect("this test");
    let name = "copy::mapped::tests::a_foreign_fault_still_ends_the_process";
    let done = std::process::Command::new(this).args([name, "--exact"]).env(CHILD, "1").output().expect("run");
    let signal = std::os::unix::process::ExitStatusExt::signal(&done.status);
    assert_eq!(signal, Some(libc::SIGBUS), "{done:?}");
}

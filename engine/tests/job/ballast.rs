//! `state/ballast`: laid, missed, laid again; on a disk that is full to the last byte.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use fixtures::Bench;
use fixtures::data::{noise, noisy_files};
use fixtures::drive::run;

use crate::harness::bench;

/// A small disk that holds the engine's state; it goes when it is dropped.
struct Small(PathBuf);

impl Small {
    fn new(bench: &Bench) -> Option<Self> {
        let path = bench.folder("small");
        let mounted = run("mount", &["-t", "tmpfs", "-o", "size=40m", "tmpfs", &fixtures::bench::text(&path)]);
        mounted.ok().map(|_| Self(path))
    }

    /// Not a byte more fits then.
    fn fill(&self, name: &str) {
        let mut file = File::create_new(self.0.join(name)).expect("an inode is left");
        let block = noise(1, 4096);
        while file.write_all(&block).is_ok() {}
        assert_eq!(available(&self.0), 0);
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("state/ballast")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", &fixtures::bench::text(&self.0)]);
    }
}

fn available(path: &std::path::Path) -> u64 {
    let found = rustix::fs::statvfs(path).expect("mounted");
    found.f_bavail * found.f_frsize
}

/// A bench whose state lies on a small disk, with points to forget.
fn with_points() -> Option<(Bench, Small)> {
    let bench = bench();
    let small = Small::new(&bench)?;
    noisy_files(&bench.path("data"), 1, 3, 50_000).expect("writable");
    bench.configure_simply("[state]\npath = \"small/state\"", &[("usb", &bench.path("usb"), "")]);
    bench.done(&["init"]);
    for round in 0..4 {
        fs::write(bench.path("data/round"), noise(round, 100_000)).expect("writable");
        bench.done(&["run", "--once"]);
    }
    Some((bench, small))
}

fn forget_all_but_the_newest(bench: &Bench) -> Vec<fixtures::bench::Ran> {
    let ids = ["data~3", "data~2", "data~1"];
    ids.iter().map(|point| bench.engine(&["forget", "--point", point])).collect()
}

#[test]
fn it_is_laid_at_init_and_again_once_there_is_room_and_forgetting_works_on_a_full_disk() {
    let Some((bench, small)) = with_points() else { return };
    let laid = fs::metadata(small.ballast()).expect("init lays it");
    assert!(laid.len() == 16 << 20 && laid.blocks() * 512 >= laid.len() && laid.mode() & 0o777 == 0o600, "{laid:?}");
    small.fill("filler");
    let ran = forget_all_but_the_newest(&bench);
    assert!(ran.iter().all(|ran| ran.code == 0), "{ran:#?}");
    assert_eq!(bench.points().len(), 1);
    // As a transaction gives it up that needs more than the file has (`catalog/tests/full.rs`).
    let _ = fs::remove_file(small.ballast());
    small.fill("more");
    let status = bench.engine(&["status"]).exits(0);
    assert!(status.out.contains("has been given up"), "{status}");
    for name in ["filler", "more"] {
        fs::remove_file(small.0.join(name)).expect("ours");
    }
    let status = bench.engine(&["status"]).exits(0);
    assert!(!status.out.contains("has been given up"), "{status}");
    assert_eq!(fs::metadata(small.ballast()).expect("laid again").len(), 16 << 20);
}

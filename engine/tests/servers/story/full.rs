//! Places that tell no room and are full, or whose quota is reached: their oldest points make room, once.

use std::fs;
use std::path::{Path, PathBuf};

use fixtures::data::noisy_files;
use fixtures::{Bench, Mounted, Server};
use serde_json::Value;

use super::{DAVS, FTPS, Kind, S3, bench, configure, office_at, restores, right, start};

/// WebDAV without TLS by another server.
const RCLONE: Kind = ("rclone-dav", &[]);

/// A server with a small disk below its root, and a job for it.
pub struct Small {
    _server: Server,
    pub disk: PathBuf,
    pub bench: Bench,
    pub mounted: Mounted,
    _folder: tempfile::TempDir,
}

impl Small {
    fn new(kind: Kind) -> Option<Self> {
        Self::with(kind, "")
    }

    /// The same, with these further lines for the destination.
    pub fn with(kind: Kind, lines: &str) -> Option<Self> {
        Self::on(Mounted::small, kind, lines)
    }

    /// The same, on this disk.
    fn on(disk_at: fn(&Path, &Path) -> Mounted, kind: Kind, lines: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let server = start(kind, folder.path())?;
        let disk = server.data().join("disk");
        let mounted = disk_at(folder.path(), &disk);
        let bench = Bench::new(env!("CARGO_BIN_EXE_engine"));
        let _ = bench.folder("data");
        let url = format!("{}/disk/vault", server.url().trim_end_matches("/vault"));
        configure(&bench, "\"office\"", &format!("{}{lines}", office_at(&url, &server, &right(&server))));
        bench.done(&["init"]);
        Some(Self { _server: server, disk, bench, mounted, _folder: folder })
    }

    /// One more point, of 4 MB that no other point has.
    pub fn point(&self, number: u64) {
        self.point_of(number, 20);
    }

    /// The same, of so many files of 200 kB.
    pub fn point_of(&self, number: u64, files: u64) {
        fs::remove_dir_all(self.bench.path("data")).unwrap();
        noisy_files(&self.bench.path("data"), number * 1_000, files, 200_000).unwrap();
        self.bench.done(&["backup"]);
    }

    fn points_there(&self) -> usize {
        self.bench.complete_at("office").len()
    }
}

#[test]
fn a_full_ftps_server_takes_each_newest_point_in_place_of_the_oldest() {
    the_newest_comes_in_place_of_the_oldest(FTPS);
}

#[test]
fn a_full_webdav_server_takes_each_newest_point_in_place_of_the_oldest() {
    the_newest_comes_in_place_of_the_oldest(DAVS);
}

fn the_newest_comes_in_place_of_the_oldest(kind: Kind) {
    let Some(small) = Small::new(kind) else { return };
    let mut evicted = 0;
    for number in 1..=8 {
        small.point(number);
        let copied = small.bench.done(&["copy"]);
        evicted += copied["evicted"].as_array().unwrap().len();
        restores(&small.bench);
    }
    let there = small.points_there();
    assert!((3..=5).contains(&there), "{there} of 4 MB on 24 MB");
    assert_eq!(there + evicted, 8, "each was there once");
    let newest: Vec<String> =
        small.bench.points().iter().take(there).map(|it| it["id"].as_str().unwrap().into()).collect();
    assert_eq!(small.bench.complete_at("office"), newest);
    let verified = small.bench.done(&["verify", "office"]);
    assert_eq!(verified["places"][0]["damaged"], Value::Array(vec![]), "{verified}");
}

#[test]
fn points_that_come_all_at_once_fill_the_place_one_by_one_and_evict_none() {
    for kind in [FTPS, DAVS] {
        let Some(small) = Small::new(kind) else { return };
        (1..=8).for_each(|number| small.point(number));
        let _ = small.bench.engine(&["copy", "--json"]);
        let there = small.bench.complete_at("office");
        assert!((4..=5).contains(&there.len()), "{} of 4 MB on 24 MB", there.len());
        let newest = small.bench.points().into_iter().take(there.len());
        assert_eq!(there, newest.map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        restores(&small.bench);
    }
}

#[test]
fn where_nothing_is_evicted_a_point_that_is_small_enough_comes_all_the_same() {
    let Some(small) = Small::with(FTPS, "evict = \"never\"\n") else { return };
    small.point_of(1, 2);
    small.point_of(2, 150);
    let _ = small.bench.engine(&["copy"]).exits(3);
    let oldest = small.bench.points()[1]["id"].as_str().unwrap().to_owned();
    assert_eq!(small.bench.complete_at("office"), [oldest]);
}

#[test]
fn a_place_that_keeps_what_was_deleted_loses_no_point_after_point() {
    let Some(small) = Small::new(FTPS) else { return };
    for number in 1..=3 {
        small.point(number);
        small.bench.done(&["copy"]);
    }
    let bin = small.disk.join("bin");
    kept(&small.disk.join("vault"), &bin);
    let _ = small.mounted.fill();

    small.point(4);
    let _ = small.bench.engine(&["copy"]).exits(3).says("what of that may go makes room");
    assert_eq!(small.points_there(), 2, "one has made room for the fourth");
    for _ in 0..3 {
        let _ = small.bench.engine(&["copy"]).exits(3).says("nothing more is evicted there").says("a bin");
        let _ = small.bench.engine(&["status"]).exits(0).says("nothing more is evicted there");
    }
    assert_eq!(small.points_there(), 2);

    fs::remove_dir_all(&bin).unwrap();
    small.bench.done(&["copy"]);
    restores(&small.bench);
}

/// The only point there stays until another one is complete (`keep-at-least`), and there is no room for that.
#[test]
fn where_no_point_may_go_that_is_told_and_not_that_the_oldest_make_room() {
    for kind in [FTPS, DAVS] {
        let Some(small) = Small::new(kind) else { return };
        small.point(1);
        small.bench.done(&["copy"]);
        let other = small.mounted.fill();
        small.point(2);
        let copied = small.bench.engine(&["copy"]).exits(3).says("and none of that may go");
        assert!(!copied.err.contains("the oldest"), "{kind:?}: {copied}");
        let status = small.bench.engine(&["status"]).exits(0);
        let words = ["it had no room left at", "none of that may go for what waits", "in the way: keep-at-least"];
        words.iter().for_each(|words| assert!(status.out.contains(words), "{kind:?}: `{words}` is not in {status}"));
        fs::remove_file(other).unwrap();
        small.mounted.settle();
        small.bench.done(&["copy"]);
        assert_eq!(small.points_there(), 2, "{kind:?}");
    }
}

/// A quota's own error (`EDQUOT`), not the full disk's. Apache has 507 for it; rclone answers 405 to whatever can't be
/// written, which is told as what it may be.
#[test]
fn a_quota_behind_a_webdav_server_is_told_of_and_what_is_owed_comes_when_it_is_lifted() {
    for (kind, why) in [(DAVS, "507 (no room, or a quota is reached)"), (RCLONE, "its disk may be full")] {
        let Some(small) = Small::on(Mounted::with_quota, kind, "evict = \"never\"\n") else { return };
        small.point(1);
        small.bench.done(&["copy"]);
        small.point_of(2, 150);
        let _ = small.bench.engine(&["copy"]).exits(3).says(why);
        let _ = small.bench.engine(&["status"]).exits(0).says(why).says("pending");
        let first = small.bench.points()[1]["id"].as_str().unwrap().to_owned();
        assert_eq!(small.bench.complete_at("office"), [first], "{kind:?}");
        small.mounted.lift_quota();
        small.bench.done(&["copy"]);
        assert_eq!(small.points_there(), 2, "{kind:?}");
        restores(&small.bench);
    }
}

/// SeaweedFS answers a full disk as it does any error of its own, one that passes: so nothing is evicted for it, and the
/// copy is owed.
#[test]
fn a_bucket_whose_disk_is_full_is_told_of_and_what_is_owed_comes_when_there_is_room() {
    let (folder, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk = Mounted::small(aside.path(), &folder.path().join("data"));
    let Some(server) = start(S3, folder.path()) else { return };
    let bench = bench(&server, 20, "");
    let usb = format!("[destination.usb]\nurl = \"file://{}\"\n", bench.text("usb"));
    let both = format!("{}\n{usb}", office_at(&server.url(), &server, &right(&server)));
    configure(&bench, "\"office\", \"usb\"", &both);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    let other = disk.fill();

    noisy_files(&bench.path("data/more"), 1_000, 20, 200_000).unwrap();
    bench.done(&["backup"]);
    for _ in 0..2 {
        let _ = bench.engine(&["copy"]).exits(3).says("no volume is free");
    }
    assert_eq!((bench.complete_at("office").len(), bench.complete_at("usb").len()), (1, 2), "the next one is served");
    let status = bench.done(&["status"]);
    let office = &status["destinations"][0];
    assert_eq!((&office["points"], &office["pending-points"]), (&1.into(), &1.into()), "{status}");
    let _ = bench.engine(&["status"]).exits(0).says("no volume is free");
    let oldest = bench.complete_at("office").remove(0);
    let _ = bench.restored(&oldest, "office", &bench.path("data"));

    fs::remove_file(other).unwrap();
    disk.settle();
    bench.done(&["copy"]);
    assert_eq!(bench.complete_at("office").len(), 2);
    restores(&bench);
    let verified = bench.done(&["verify", "office"]);
    assert_eq!(verified["places"][0]["damaged"], Value::Array(vec![]), "{verified}");
}

/// As a server that keeps what is deleted has it: in another folder too.
fn kept(vault: &Path, bin: &Path) {
    let linked = std::process::Command::new("cp").arg("-al").arg(vault).arg(bin).status().unwrap();
    assert!(linked.success());
}

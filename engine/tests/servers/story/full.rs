//! Places that tell no room and are full: their oldest points make room, once.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use fixtures::data::noisy_files;
use fixtures::{Bench, Server};
use serde_json::Value;

use super::{DAVS, FTPS, Kind, configure, office_at, restores, right, start};
use crate::common::Mounted;

/// A server with a small disk below its root, and a job for it.
pub struct Small {
    _server: Server,
    pub disk: PathBuf,
    pub bench: Bench,
    _mounted: Mounted,
    _folder: tempfile::TempDir,
}

impl Small {
    fn new(kind: Kind) -> Option<Self> {
        Self::with(kind, "")
    }

    /// The same, with these further lines for the destination.
    pub fn with(kind: Kind, lines: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let server = start(kind, folder.path())?;
        let disk = server.data().join("disk");
        let mounted = Mounted::small(folder.path(), &disk);
        let bench = Bench::new(env!("CARGO_BIN_EXE_engine"));
        let _ = bench.folder("data");
        let url = format!("{}/disk/vault", server.url().trim_end_matches("/vault"));
        configure(&bench, "\"office\"", &format!("{}{lines}", office_at(&url, &server, &right(&server))));
        bench.done(&["init"]);
        Some(Self { _server: server, disk, bench, _mounted: mounted, _folder: folder })
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
    fill(&small.disk.join("other"));

    small.point(4);
    let _ = small.bench.engine(&["copy"]).exits(3).says("its oldest points make room");
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

/// Somebody else's file takes all that is left but 2 MB.
pub fn fill(other: &Path) {
    let mut file = fs::File::create(other).unwrap();
    let mut bytes = 0;
    while let Ok(written) = file.write(&[1; 100_000]) {
        bytes += u64::try_from(written).unwrap();
    }
    file.set_len(bytes - 2_000_000).unwrap();
    file.sync_all().unwrap();
}

/// As a server that keeps what is deleted has it: in another folder too.
fn kept(vault: &Path, bin: &Path) {
    let linked = std::process::Command::new("cp").arg("-al").arg(vault).arg(bin).status().unwrap();
    assert!(linked.success());
}

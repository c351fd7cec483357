//! A mirror on each kind of server: files under names that a vault's objects never have, resumed, read back, restored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fixtures::Bench;
use fixtures::bench::{as_text, text};
use fixtures::data::{inventory, noise};
use serde_json::Value;

use super::{DAVS, FTPS, Kind, S3, SFTP, office_at, right, start};

#[test]
fn another_programs_files_lie_on_an_sftp_server_as_they_are() {
    lies_as_it_is(SFTP);
}

#[test]
fn another_programs_files_lie_on_an_ftps_server_as_they_are() {
    lies_as_it_is(FTPS);
}

#[test]
fn another_programs_files_lie_on_a_webdav_server_as_they_are() {
    lies_as_it_is(DAVS);
}

#[test]
fn another_programs_files_lie_in_a_bucket_as_they_are() {
    lies_as_it_is(S3);
}

fn lies_as_it_is(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(kind, folder.path()) else { return };
    let bench = Bench::new(env!("CARGO_BIN_EXE_engine"));
    let foreign = bench.folder("foreign");
    bench.configure(&format!(
        "[job.images]\nsource = {{ recovery-points = \"foreign\", grouping = \"ghost\", settle = \"1s\" }}\n\
         offsite = [\"office\"]\n\n{}layout = \"mirror\"\nencrypt = false\n",
        office_at(&server.url(), &server, &right(&server))
    ));
    bench.done(&["init"]);
    // What URLs, lists and commands may trip over.
    let names = ["Büro & Co/C Drive #1 100%F001.v2i", "Büro & Co/C Drive #1 100%F001_i001.iv2i", "Büro & Co/PC+1.sv2i"];
    for (seed, name) in (1..).zip(names) {
        let path = foreign.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, noise(seed, 9_000_000)).unwrap();
    }
    bench.done(&["run", "--once"]);
    assert_eq!(bench.complete_at("office").len(), 2);
    let oldest = files_below(&foreign);
    std::fs::write(foreign.join(names[2]), noise(7, 9_000_000)).unwrap();
    std::fs::write(foreign.join("Büro & Co/C Drive #1 100%F001_i002.iv2i"), noise(8, 1_000_000)).unwrap();
    bench.done(&["run", "--once"]);
    let verified = bench.done(&["verify", "office"]);
    assert_eq!(verified["places"][0]["damaged"], Value::Array(vec![]), "{verified}");
    std::fs::remove_dir_all(bench.path("vault")).unwrap();
    assert!(restored(&bench, "images") == files_below(&foreign));
    assert!(restored(&bench, "images~1") == oldest);
    let points = bench.points();
    // Home is gone, and so its part of the answer.
    let _ = bench.engine(&["forget", "--point", &as_text(&points[0]["id"])]).exits(3);
    let verified = bench.done(&["verify", "office"]);
    assert_eq!(verified["places"][0]["damaged"], Value::Array(vec![]), "{verified}");
}

fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    inventory(folder).unwrap().into_iter().filter_map(|(path, bytes)| Some((path, bytes?))).collect()
}

fn restored(bench: &Bench, point: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let to = tempfile::tempdir().unwrap();
    bench.done(&["restore", point, "--from", "office", "--to", &text(to.path()), "--overwrite"]);
    files_below(to.path())
}

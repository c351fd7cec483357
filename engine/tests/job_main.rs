//! The main job from its beginning to its end, on real files and on every odd thing that a tree holds: ten lines of
//! configuration, `init`, `run --once`, and from then on points, copies, and restores that are the same as the source.

mod harness;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use fixtures::bench::{as_text, keys, leftovers, state_at};
use fixtures::data::{noise, real_folders};
use fixtures::{Bench, same};
use harness::{bench, prepared};
use serde_json::Value;

fn story() -> Bench {
    let bench = bench();
    for skipped in fixtures::odd(&bench.path("odd")).expect("the odd tree") {
        eprintln!("SKIPPED: {skipped}");
    }
    bench.configure(&format!(
        r#"
[job.real]
source = {{ folders = {:?} }}
offsite = ["usb", "office"]

[job.odd]
source = {{ folders = ["odd"] }}
offsite = ["office", "usb"]

[destination.usb]
url = "file://{}"

[destination.office]
url = "file://{}"
"#,
        real_folders(),
        bench.text("usb"),
        bench.text("office"),
    ));
    bench
}

#[test]
fn a_person_with_a_folder_and_two_places_has_points_copies_and_restores() {
    let bench = story();
    let _ = bench.engine(&["init"]).exits(0);
    let first = bench.done(&["run", "--once"]);
    assert_eq!(first["points"].as_array().map(Vec::len), Some(2));
    assert!(first["points"][0]["bytes"].as_u64().expect("bytes") > 50_000_000, "real data: {}", first["points"][0]);
    for point in bench.points() {
        for place in ["home", "usb", "office"] {
            assert_eq!(state_at(&point, place).as_deref(), Some("complete"), "{point}");
        }
    }
    for place in ["home", "usb", "office"] {
        let odd = bench.restored("odd", place, &bench.path("odd"));
        assert_eq!(same(&bench.path("odd"), &odd.path), Vec::<String>::new(), "odd from {place}");
        let real = bench.restored("real", place, Path::new("/"));
        for folder in real_folders() {
            let restored = real.path.join(folder.strip_prefix("/").expect("absolute"));
            assert_eq!(same(&folder, &restored), Vec::<String>::new(), "real from {place}");
        }
    }
    for place in ["vault", "usb", "office"] {
        assert_eq!(leftovers(&bench.path(place)), Vec::<std::path::PathBuf>::new(), "{place}");
    }
    let verified = bench.done(&["verify"]);
    assert!(places(&verified).iter().all(|place| place["damaged"].as_array().is_some_and(Vec::is_empty)));
}

fn places(verified: &Value) -> &Vec<Value> {
    verified["places"].as_array().expect("places")
}

#[test]
fn a_run_with_nothing_changed_reads_nothing_and_adds_almost_nothing() {
    let bench = story();
    bench.done(&["init"]);
    // The odd tree is new: the second run reads it again, because its times are too fresh to be trusted.
    bench.done(&["run", "--once"]);
    bench.done(&["run", "--once"]);
    let (third, read) = counted(&bench, &["--json", "backup"]);
    for point in third["points"].as_array().expect("points") {
        assert_eq!(point["new-bytes"], 0, "{point}");
        let (stored, bytes) = (point["stored-bytes"].as_u64().expect("a number"), point["bytes"].as_u64());
        assert!(stored < 200_000 && bytes > Some(100 * stored), "{point}");
    }
    let source: u64 = third["points"].as_array().expect("points").iter().filter_map(|p| p["bytes"].as_u64()).sum();
    assert!(read < source / 10, "{read} bytes were read for a source of {source} in which nothing had changed");
    assert_eq!(bench.engine(&["diff", "real~1", "real", "--json"]).exits(0).json()["entries"], serde_json::json!([]));
}

#[test]
fn what_is_too_young_to_be_trusted_is_read_again_and_adds_almost_nothing() {
    const FILES: u64 = 4_000;
    let bench = bench();
    fs::create_dir_all(bench.path("data")).expect("new");
    for number in 0..FILES {
        fs::write(bench.path("data").join(format!("{number:04}")), noise(number, 300)).expect("writable");
    }
    bench.configure_simply("", &[("usb", &bench.path("usb"), "")]);
    bench.done(&["init"]);
    bench.done(&["backup"]);
    for words in [&["--json", "backup"][..], &["--json", "backup", "--paranoid"]] {
        let (again, read) = counted(&bench, words);
        let point = &again["points"][0];
        assert!(read > FILES * 300, "{read}");
        assert_eq!(point["new-bytes"], 0, "{point}");
        // About 100 bytes are stored for each entry. One chunk of 256 KiB may change with the folder that all tests
        // work in.
        assert!(point["stored-bytes"].as_u64() < Some(FILES * 100 / 2), "{point}");
    }
}

/// Runs a command and counts what it asks the kernel to read.
fn counted(bench: &Bench, words: &[&str]) -> (Value, u64) {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let out = bench.path("counted.json");
    let mut command = bench.command(words);
    command.stdout(fs::File::create(&out).expect("writable")).stderr(Stdio::inherit());
    let mut child = command.spawn().expect("the engine");
    let waits = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(&child)), waits).expect("our child");
    let io = fs::read_to_string(format!("/proc/{}/io", child.id())).expect("a process that was not waited for tells");
    assert!(child.wait().expect("our child").success());
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")).and_then(|count| count.parse().ok());
    let document = serde_json::from_str(&fs::read_to_string(out).expect("readable")).expect("one JSON document");
    (document, read.expect("rchar is there"))
}

#[test]
fn what_is_changed_deleted_and_added_shows_in_the_next_point_and_the_first_stays_as_it_was() {
    let bench = bench();
    let data = bench.path("data");
    copy(real_folders().last().expect("one at least"), &data);
    for name in ["first", "changed", "deleted"] {
        fs::write(data.join(name), noise(name.len() as u64, 40_000)).expect("writable");
    }
    bench.configure_simply("", &[("usb", &bench.path("usb"), "")]);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    let before = bench.path("before");
    copy(&data, &before);

    fs::write(data.join("added"), noise(9, 100_000)).expect("writable");
    fs::rename(data.join("first"), data.join("renamed")).expect("there");
    fs::write(data.join("changed"), b"now shorter").expect("writable");
    fs::remove_file(data.join("deleted")).expect("there");
    let second = bench.done(&["run", "--once"]);
    let new = second["points"][0]["new-bytes"].as_u64().expect("a number");
    assert!((100_000..200_000).contains(&new), "only what is new was stored: {new}");

    let diff = bench.done(&["diff", "data~1", "data"]);
    let mut told: Vec<(String, String)> = diff["entries"].as_array().expect("entries").iter().map(change).collect();
    told.sort();
    let expected = [("added", "added"), ("changed", "changed"), ("first", "removed"), ("renamed", "added")];
    for (path, what) in expected.into_iter().chain([("deleted", "removed")]) {
        assert!(told.contains(&(path.to_owned(), what.to_owned())), "{path} {what} is not in {told:?}");
    }
    for place in ["home", "usb"] {
        let newest = bench.restored("data", place, &data);
        assert_eq!(same(&data, &newest.path), Vec::<String>::new(), "newest from {place}");
        let first = bench.restored("data~1", place, &data);
        assert_eq!(same(&before, &first.path), Vec::<String>::new(), "first from {place}");
    }
    let found = bench.done(&["find", "deleted"]);
    assert_eq!(found["found"].as_array().map(Vec::len), Some(1), "in the first point only: {found}");
    let path = format!("{}/added", bench.text("data").trim_start_matches('/'));
    let dumped = bench.command(&["dump", "data", &path]).output().expect("the engine");
    assert!(dumped.status.success() && dumped.stdout == noise(9, 100_000), "dump gives the file's bytes");
}

/// The last part of a path and what became of it.
fn change(entry: &Value) -> (String, String) {
    let path = as_text(&entry["path"]);
    (path.rsplit('/').next().unwrap_or_default().to_owned(), as_text(&entry["change"]))
}

/// Copies a tree with all that belongs to it.
fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(done.success());
}

#[test]
fn points_ls_backup_and_status_have_the_contracts_keys() {
    let bench = prepared(3, 5000, "", &["usb"]);
    let backup = bench.done(&["backup"]);
    let point = &backup["points"][0];
    holds(
        point,
        &["id", "job", "files", "bytes", "new-bytes", "rewritten-bytes", "stored-bytes", "seconds", "problems"],
    );
    let copied = bench.done(&["copy"]);
    holds(&copied, &["copies", "evicted"]);
    holds(&copied["copies"][0], &["point", "job", "destination", "medium", "state", "bytes", "seconds", "reason"]);
    let points = bench.done(&["points"]);
    assert_eq!(keys(&points), ["points"]);
    let point = &points["points"][0];
    let expected =
        ["base", "bytes", "created", "files", "id", "job", "pinned", "placements", "sequence", "stored-bytes"];
    assert_eq!(sorted(keys(point)), expected);
    assert_eq!((&point["files"], &point["bytes"], &point["base"]), (&3.into(), &15_000.into(), &Value::Null));
    let id = as_text(&point["id"]);
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(point["placements"][0]["destination"], "home", "home is the first placement");
    let expected = ["destination", "done-bytes", "medium", "proof", "state", "total-bytes", "verified"];
    for placement in point["placements"].as_array().expect("a list") {
        assert_eq!(sorted(keys(placement)), expected);
        assert_eq!(placement["done-bytes"], placement["total-bytes"], "{placement}");
    }
    assert_eq!(point["placements"][1]["proof"], "bytes-read", "{point}");
    let listed = bench.done(&["ls", "data"]);
    let file = listed["entries"].as_array().expect("entries").iter().find(|entry| entry["kind"] == "file");
    let file = file.expect("a file");
    holds(file, &["path", "kind", "bytes", "mode", "modified", "digest"]);
    assert_eq!(file["mode"].as_str().map(str::len), Some(4), "{file}");
    assert!(!as_text(&file["path"]).starts_with('/'), "{file}");
    let status = bench.done(&["status"]);
    holds(&status["jobs"][0], &["job", "newest", "next", "offsite", "problems"]);
    holds(
        &status["destinations"][0],
        &[
            "destination",
            "available",
            "reason",
            "used-bytes",
            "free-bytes",
            "points",
            "pending-points",
            "same-disk",
            "problems",
        ],
    );
    let verified = bench.done(&["verify"]);
    holds(&verified["places"][0], &["destination", "medium", "objects", "bytes", "damaged"]);
    let to = bench.text("to");
    let restored = bench.done(&["restore", "data", "--to", &to]);
    holds(&restored, &["point", "from", "files", "bytes", "seconds", "problems"]);
    holds(&bench.done(&["forget"]), &["removed", "kept"]);
}

fn sorted(mut keys: Vec<&str>) -> Vec<&str> {
    keys.sort_unstable();
    keys
}

#[track_caller]
fn holds(object: &Value, expected: &[&str]) {
    let found = keys(object);
    let missing: Vec<_> = expected.iter().filter(|key| !found.contains(*key)).collect();
    assert!(missing.is_empty(), "{missing:?} missing in {object}");
}

#[test]
fn the_digest_that_ls_tells_is_b3sums() {
    let bench = prepared(1, 300_000, "", &["usb"]);
    bench.done(&["backup"]);
    let listed = bench.done(&["ls", "data"]);
    let file = listed["entries"].as_array().expect("entries").iter().find(|entry| entry["kind"] == "file");
    let expected = blake3::hash(&noise(1, 300_000)).to_hex().to_string();
    assert_eq!(file.map(|file| as_text(&file["digest"])), Some(expected));
}

#[test]
fn a_restore_goes_on_from_another_place_when_one_is_damaged_and_refuses_a_filled_folder() {
    let bench = prepared(4, 200_000, "", &["usb", "office"]);
    bench.done(&["run", "--once"]);
    let (pack, _) = fixtures::bench::objects(&bench.path("vault")).swap_remove(0);
    fs::write(&pack, b"not a pack").expect("ours");
    let to = bench.path("to");
    let restored = bench.done(&["restore", "data", "--to", &bench.text("to")]);
    assert_eq!(restored["files"], 4, "{restored}");
    let data = bench.path("data");
    let back = to.join(data.strip_prefix("/").expect("absolute"));
    assert_eq!(same(&data, &back), Vec::<String>::new());
    let _ = bench.engine(&["restore", "data", "--to", &bench.text("to")]).exits(1).says("--overwrite");
    let alone = bench.engine(&["restore", "data", "--from", "home", "--to", &bench.text("other")]);
    let _ = alone.exits(4).says("home");
}

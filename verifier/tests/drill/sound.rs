//! A drill of what is sound passes, with all probes; one that can't be made is incomplete or refused, never a pass.

use std::fs;
use std::path::Path;

use crate::harness::{drill, protected};
use fixtures::bench::{as_text, keys};
use fixtures::data::inventory;
use fixtures::drive::run;

#[test]
fn a_sound_vault_passes_strictly_from_every_destination_and_scratch_is_left_empty() {
    let bench = protected(&["usb", "office"]);
    let ran = drill(&bench, &["--strict", "--all"]).exits(0);
    let document = ran.json();
    assert_eq!(document["verdict"], "pass", "{ran}");
    let drills = document["drills"].as_array().expect("drills");
    assert_eq!(drills.len(), 4, "two points from two destinations: {ran}");
    for found in drills {
        assert_eq!((&found["verdict"], &found["negative-control"]), (&"pass".into(), &"pass".into()), "{found}");
        assert_eq!((&found["files"], &found["mismatches"]), (&8.into(), &serde_json::json!([])), "{found}");
        let probes = found["probes"].as_array().expect("probes");
        for kind in ["sqlite", "gzip", "zstd", "zip", "tar"] {
            let probe =
                probes.iter().find(|probe| probe["probe"] == kind).unwrap_or_else(|| panic!("no {kind}: {found}"));
            assert_eq!(probe["verdict"], "pass", "{probe}");
        }
    }
    assert!(inventory(&bench.path("scratch")).expect("readable").is_empty());
}

#[test]
fn a_database_copied_while_it_was_written_comes_back_with_its_log_and_without_it_that_is_said() {
    let bench = crate::databases::prepared();
    let live = bench.path("live.db");
    let connection = rusqlite::Connection::open(&live).expect("a database");
    let text = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE entry (amount INTEGER);
        PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO entry VALUES (7);";
    connection.execute_batch(text).expect("SQL");
    for (from, to) in [("live.db", "data/hot.db"), ("live.db-wal", "data/hot.db-wal"), ("live.db", "data/lone.db")] {
        fs::copy(bench.path(from), bench.path(to)).expect("there");
    }
    let torn = fs::read(&live).expect("there");
    fs::write(bench.path("data/torn.db"), &torn[..torn.len() - 1000]).expect("writable");
    let probes = crate::databases::drilled(&bench, &[], 4);
    let says = |end: &str, parts: &[&str]| crate::databases::says(&probes, end, parts);
    says("hot.db", &["pass sqlite: with its -wal: integrity_check: ok"]);
    says("lone.db", &["pass sqlite", "in WAL mode and without its log: as of its last checkpoint"]);
    says("torn.db", &["fail sqlite"]);
}

#[test]
fn a_drill_needs_no_home_and_no_catalog() {
    let bench = protected(&["usb"]);
    for gone in ["vault", "state", "data"] {
        fs::remove_dir_all(bench.path(gone)).expect("ours");
    }
    let ran = drill(&bench, &["--destination", "usb"]).exits(0);
    assert_eq!(ran.json()["drills"][0]["files"], 8, "{ran}");
}

#[test]
fn the_document_and_the_report_have_the_contracts_keys() {
    let bench = protected(&["usb"]);
    let document = drill(&bench, &[]).exits(0).json();
    let ours = ["ledger-before", "left", "not-backed-up", "not-backed-up-reason"];
    assert_eq!(keys(&document), [&["drills"], &ours[..], &["verdict"]].concat());
    let found = &document["drills"][0];
    let expected = [
        "point",
        "job",
        "destination",
        "verdict",
        "files",
        "bytes",
        "mismatches",
        "probes",
        "negative-control",
        "point-age-seconds",
        "restore-seconds",
        "report",
    ];
    let missing: Vec<_> = expected.iter().filter(|key| !keys(found).contains(*key)).collect();
    assert!(missing.is_empty(), "{missing:?} missing in {found}");
    for key in ["detail", "path", "probe", "verdict"] {
        assert!(found["probes"][0][key].is_string(), "{key} of {}", found["probes"][0]);
    }
    let report = as_text(&found["report"]);
    assert!(report.starts_with("state/reports/") && report.ends_with(".json"), "{report}");
    let written = fs::read_to_string(bench.path(&report)).expect("the report lies below the configuration's folder");
    let written: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    assert!(written.is_object());
    assert!(!written.to_string().contains(fixtures::bench::PASSPHRASE), "no secret is written");
}

#[test]
fn a_destination_that_is_away_makes_the_drill_incomplete() {
    let bench = protected(&["usb", "office"]);
    fs::rename(bench.path("usb"), bench.path("usb.away")).expect("ours");
    let ran = drill(&bench, &[]).exits(3);
    assert_eq!(ran.json()["verdict"], "incomplete", "{ran}");
    let verdicts: Vec<_> =
        ran.json()["drills"].as_array().expect("drills").iter().map(|it| as_text(&it["verdict"])).collect();
    assert!(verdicts.contains(&"pass".to_owned()) && verdicts.contains(&"incomplete".to_owned()), "{ran}");
}

#[test]
fn a_scratch_that_is_too_small_is_refused_before_anything_is_restored() {
    let bench = protected(&["usb"]);
    let scratch = bench.path("scratch");
    let words = ["-t", "tmpfs", "-o", "size=512k", "none", &bench.text("scratch")];
    if let Err(why) = run("mount", &words) {
        eprintln!("SKIPPED: no small file system here (root is needed): {why}");
        return;
    }
    let _mounted = Mounted(&scratch);
    let ran = drill(&bench, &[]);
    assert!([1, 3].contains(&ran.code), "{ran}");
    assert!(ran.out.contains("scratch") || ran.err.contains("scratch"), "it says why: {ran}");
    assert!(inventory(&scratch).expect("readable").is_empty(), "nothing was begun there");
}

struct Mounted<'m>(&'m Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", &fixtures::bench::text(self.0)]);
    }
}

#[test]
fn what_does_not_exist_or_is_wrong_is_refused_with_the_contracts_codes() {
    let bench = protected(&["usb"]);
    for words in [&["--destination", "nonsense"][..], &["--job", "nonsense"], &["--nonsense"]] {
        assert_eq!(drill(&bench, words).code, 2, "{words:?}");
    }
    fs::write(bench.path("passphrase"), "not that one").expect("ours");
    let ran = drill(&bench, &[]);
    assert!([1, 3, 4].contains(&ran.code) && ran.code != 0, "{ran}");
    assert!(ran.err.contains("passphrase") || ran.out.contains("passphrase"), "{ran}");
    bench.configure("[home]\nlimt = 1");
    let _ = drill(&bench, &[]).exits(2).says("offsite.toml:5:1");
}

#[test]
fn a_database_that_was_broken_before_it_was_protected_fails_its_probe() {
    let bench = protected(&["usb"]);
    let database = bench.path("data/ledger.db");
    let mut bytes = fs::read(&database).expect("readable");
    let end = bytes.len();
    bytes[end - 4096..].fill(0xEE);
    fs::write(&database, bytes).expect("writable");
    bench.done(&["run", "--once"]);
    let ran = drill(&bench, &["--destination", "usb"]).exits(4);
    let document = ran.json();
    let probes = document["drills"][0]["probes"].as_array().expect("probes");
    let sqlite = probes.iter().find(|probe| probe["probe"] == "sqlite").expect("probed");
    assert_eq!(sqlite["verdict"], "fail", "{ran}");
    assert_eq!(document["drills"][0]["mismatches"], serde_json::json!([]), "it came back as it was: {ran}");
}

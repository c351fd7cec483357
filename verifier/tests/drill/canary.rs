//! Canaries: what was rewritten before it was backed up shows, though it comes back exactly.

use std::fs;

use fixtures::{Bench, Ran};
use serde_json::Value;

use crate::harness::{bare, drill};

/// A job of one folder; these lines are its own.
fn job(lines: &str) -> Bench {
    let bench = bare();
    fs::write(bench.folder("data").join("a"), b"content").expect("writable");
    let usb = bench.path("usb");
    bench.configure_simply(lines, &[("usb", usb.as_path(), "")]);
    bench.done(&["init"]);
    bench
}

fn probe(ran: &Ran) -> Value {
    let probes = ran.json()["drills"][0]["probes"].as_array().expect("probes").clone();
    probes.into_iter().find(|probe| probe["probe"] == "canary").unwrap_or_else(|| panic!("no canary: {ran}"))
}

#[test]
fn a_canary_that_something_rewrote_is_told_by_the_backup_and_by_the_drill() {
    let bench = job("canary = true");
    bench.done(&["run", "--once"]);
    let canary = bench.path("data/.offsite-canary");
    let planted = fs::read(&canary).expect("it was planted");
    let ran = drill(&bench, &["--strict"]).exits(0);
    assert_eq!(probe(&ran)["verdict"], "pass", "{ran}");

    let encrypted: Vec<u8> = planted.iter().map(|byte| byte ^ 0x5a).collect();
    fs::write(&canary, &encrypted).expect("ours");
    let _ = bench.engine(&["run", "--once"]).exits(3).says("not as it was planted");
    assert_eq!(fs::read(&canary).expect("there"), encrypted, "it is left as it is");
    let ran = drill(&bench, &[]).exits(4);
    let found = probe(&ran);
    assert_eq!(found["verdict"], "fail", "{ran}");
    assert!(found["detail"].as_str().expect("text").contains("came back exactly"), "{ran}");

    fs::remove_file(&canary).expect("ours");
    bench.done(&["run", "--once"]);
    assert_eq!(fs::read(&canary).expect("planted anew"), planted);
    let _ = drill(&bench, &["--strict"]).exits(0);
}

#[test]
fn a_point_that_has_none_is_not_tested_for_it_and_dry_runs_plant_nothing() {
    let bench = job("");
    bench.done(&["run", "--once"]);
    let config = fs::read_to_string(bench.path("offsite.toml")).expect("readable");
    let config = config.replace("[job.data]\n", "[job.data]\ncanary = true\n");
    fs::write(bench.path("offsite.toml"), config).expect("ours");
    bench.done(&["backup", "--dry-run"]);
    assert!(!bench.path("data/.offsite-canary").exists());
    let ran = drill(&bench, &["--strict"]).exits(3);
    assert_eq!(probe(&ran)["verdict"], "skipped", "{ran}");
}

//! Canaries: what was rewritten before it was backed up shows, though it comes back exactly.

use std::fs;
use std::os::unix::fs::symlink;

use fixtures::{Bench, Ran};
use serde_json::Value;
use verifier::probe::{ProbeKind, samples};

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

/// Probes of canaries in the drill of this place.
fn probes(ran: &Ran, destination: &str) -> Vec<Value> {
    let drills = ran.json()["drills"].as_array().expect("drills").clone();
    let drill = drills.into_iter().find(|drill| drill["destination"] == destination).expect("drilled");
    let probes = drill["probes"].as_array().expect("probes").clone();
    probes.into_iter().filter(|probe| probe["probe"] == "canary").collect()
}

fn probe(ran: &Ran) -> Value {
    let probes = probes(ran, "usb");
    assert_eq!(probes.len(), 1, "{ran}");
    probes[0].clone()
}

fn proof(bench: &Bench) -> String {
    let placements = bench.points()[0]["placements"].as_array().expect("placements").clone();
    let at_usb = placements.into_iter().find(|placed| placed["destination"] == "usb").expect("placed");
    at_usb["proof"].as_str().expect("text").to_owned()
}

#[test]
fn a_canary_that_something_rewrote_fails_the_drill_until_a_point_has_a_new_one() {
    let bench = job("canary = true");
    bench.done(&["run", "--once"]);
    let canary = bench.path("data/.offsite-canary");
    let planted = fs::read(&canary).expect("it was planted");
    let ran = drill(&bench, &["--strict"]).exits(0);
    assert_eq!(probe(&ran)["verdict"], "pass", "{ran}");

    let encrypted: Vec<u8> = planted.iter().map(|byte| byte ^ 0x5a).collect();
    let late = [&planted[..planted.len() - 1], b"?"].concat();
    for rewritten in [encrypted.as_slice(), late.as_slice(), b""] {
        fs::write(&canary, rewritten).expect("ours");
        let _ = bench.engine(&["run", "--once"]).exits(3).says("not as it was planted");
        let ran = drill(&bench, &[]).exits(4);
        let found = probe(&ran);
        assert_eq!(found["verdict"], "fail", "{ran}");
        assert!(found["detail"].as_str().expect("text").contains("came back exactly"), "{ran}");
    }

    fs::remove_file(&canary).expect("ours");
    bench.done(&["alarm", "clear", "data"]);
    bench.done(&["run", "--once"]);
    assert_eq!(fs::read(&canary).expect("planted anew"), planted);
    let _ = drill(&bench, &["--strict"]).exits(0);
}

#[test]
fn what_is_no_file_in_a_canarys_place_fails_the_drill() {
    let bench = job("canary = true");
    bench.done(&["run", "--once"]);
    let canary = bench.path("data/.offsite-canary");
    fs::remove_file(&canary).expect("ours");
    symlink("a", &canary).expect("a link");
    let _ = bench.engine(&["run", "--once"]).exits(3).says("not as it was planted");
    let ran = drill(&bench, &[]).exits(4);
    assert_eq!(probe(&ran)["verdict"], "fail", "{ran}");
}

#[test]
fn a_users_own_file_of_that_name_is_no_canary() {
    let bench = job("");
    fs::write(bench.path("data/.offsite-canary"), b"mine").expect("ours");
    fs::write(bench.folder("data/below").join(".offsite-canary"), b"mine").expect("ours");
    bench.done(&["run", "--once"]);
    let ran = drill(&bench, &["--strict"]).exits(0);
    assert!(probes(&ran, "usb").is_empty() && !ran.to_string().contains("no file at all"), "{ran}");
    fs::remove_file(bench.path("data/.offsite-canary")).expect("ours");
    let config = fs::read_to_string(bench.path("offsite.toml")).expect("readable");
    fs::write(bench.path("offsite.toml"), config.replace("[job.data]\n", "[job.data]\ncanary = true\n")).expect("ours");
    bench.done(&["run", "--once"]);
    let ran = drill(&bench, &["--strict"]).exits(0);
    assert_eq!(probe(&ran)["verdict"], "pass", "{ran}");
}

#[test]
fn a_canary_alone_does_not_show_that_anything_opens() {
    let bench = job("canary = true");
    bench.done(&["run", "--once"]);
    let ran = drill(&bench, &["--strict"]).exits(0);
    assert_eq!((probe(&ran)["verdict"].as_str(), proof(&bench).as_str()), (Some("pass"), "restored"), "{ran}");

    samples::write(ProbeKind::Zip, &bench.path("data/a.zip")).expect("writable");
    bench.done(&["run", "--once"]);
    let ran = drill(&bench, &["--strict"]).exits(0);
    assert_eq!(proof(&bench), "opened", "{ran}");
}

#[test]
fn a_folder_whose_point_has_none_is_told_and_a_file_needs_none() {
    let bench = job("");
    fs::write(bench.folder("more").join("a"), b"content").expect("writable");
    bench.done(&["run", "--once"]);
    let config = fs::read_to_string(bench.path("offsite.toml")).expect("readable");
    let config = config.replace("[job.data]\n", "[job.data]\ncanary = true\n");
    fs::write(bench.path("offsite.toml"), &config).expect("ours");
    bench.done(&["backup", "--dry-run"]);
    assert!(!bench.path("data/.offsite-canary").exists());
    let ran = drill(&bench, &["--strict"]).exits(3);
    assert_eq!(probe(&ran)["verdict"], "skipped", "{ran}");

    let config = config.replace("[\"data\"]", "[\"data\", \"more\", \"data/a\"]");
    fs::write(bench.path("offsite.toml"), &config).expect("ours");
    bench.done(&["run", "--once"]);
    let ran = drill(&bench, &["--strict"]).exits(0);
    assert_eq!(probes(&ran, "usb").len(), 2, "{ran}");

    let excluded =
        config.replace("[\"data\", \"more\", \"data/a\"]", "[\"data\", \"more\"], exclude = [\"**/more/.*\"]");
    fs::write(bench.path("offsite.toml"), excluded).expect("ours");
    let _ = bench.engine(&["run", "--once"]).exits(3).says("the patterns of the job leave it out");
    let ran = drill(&bench, &["--strict"]).exits(3);
    let verdicts: Vec<_> = probes(&ran, "usb").iter().map(|probe| probe["verdict"].to_string()).collect();
    assert_eq!(verdicts, ["\"pass\"", "\"skipped\""], "{ran}");
}

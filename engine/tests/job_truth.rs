//! What `status` says holds: nothing is called protected that is not, and why nothing comes to a place is told.

mod harness;

use std::fs;
use std::path::Path;
use std::process::Command;

use fixtures::Bench;
use fixtures::bench::text;
use fixtures::data::{noise, noisy_files};
use harness::{bench, prepared};
use serde_json::Value;

/// A folder on another device than the bench; none where there is none.
fn elsewhere(bench: &Bench) -> Option<tempfile::TempDir> {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
    let folder = tempfile::tempdir_in("/dev/shm").ok()?;
    let own = [device(&bench.path("passphrase")), device(Path::new("/"))];
    let other = device(folder.path());
    (!own.contains(&other)).then_some(folder)
}

/// One job with a point at `usb`, a vault on another device.
fn offsite() -> Option<(Bench, tempfile::TempDir)> {
    let bench = bench();
    let other = elsewhere(&bench)?;
    noisy_files(&bench.path("data"), 1, 2, 10_000).expect("writable");
    bench.configure_simply("", &[("usb", &other.path().join("usb"), "reserve = 0")]);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    Some((bench, other))
}

fn usb(bench: &Bench) -> Value {
    bench.done(&["status"])["destinations"][0].clone()
}

fn has_problem(of: &Value, words: &str) -> bool {
    of["problems"].as_array().expect("a list").iter().any(|it| it["problem"].to_string().contains(words))
}

/// Does the first thing that a person reads say that all is well?
fn all_is_protected(bench: &Bench) -> bool {
    bench.engine(&["status"]).exits(0).out.contains("All is protected")
}

#[test]
fn a_rebuild_that_did_not_look_at_a_destination_does_not_make_it_offsite() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    for words in [&["status"][..], &["copy"]] {
        fs::remove_file(bench.path("state/catalog.redb")).expect("there");
        bench.done(&["catalog", "rebuild", "--from", "home"]);
        bench.done(words);
        assert_eq!(usb(&bench)["same-disk"], true, "after {words:?}");
        assert!(!all_is_protected(&bench), "after {words:?}");
    }
    fs::remove_file(bench.path("state/catalog.redb")).expect("there");
    fs::rename(bench.path("usb"), bench.path("unplugged")).expect("ours");
    bench.done(&["catalog", "rebuild"]);
    let away = usb(&bench);
    assert!(away["same-disk"] == true && has_problem(&away, "was not seen"), "{away:#}");
}

#[test]
fn a_destination_on_another_disk_is_offsite_again_at_the_first_look_after_a_rebuild() {
    let Some((bench, _other)) = offsite() else { return };
    assert!(all_is_protected(&bench), "{}", bench.engine(&["status"]));
    fs::remove_file(bench.path("state/catalog.redb")).expect("there");
    bench.done(&["catalog", "rebuild", "--from", "home"]);
    assert_eq!(usb(&bench)["same-disk"], false);
}

#[test]
fn a_drive_that_was_set_back_protects_nothing_until_it_was_looked_at_anew() {
    let Some((bench, other)) = offsite() else { return };
    let (vault, image) = (other.path().join("usb"), other.path().join("image"));
    let copy = |from: &Path, to: &Path| {
        assert!(Command::new("cp").args(["-a", &text(from), &text(to)]).status().expect("cp").success());
    };
    copy(&vault, &image);
    fs::write(bench.path("data/0"), noise(9, 20_000)).expect("writable");
    bench.done(&["run", "--once"]);
    assert!(all_is_protected(&bench));
    fs::remove_dir_all(&vault).expect("ours");
    copy(&image, &vault);
    let found = usb(&bench);
    assert!(found["available"] == true && has_problem(&found, "older than what was last written here"), "{found:#}");
    assert_ne!(bench.done(&["status"])["jobs"][0]["offsite"], "complete");
    assert!(!all_is_protected(&bench));
    let _ = bench.engine(&["copy"]).says("looked at anew");
    bench.done(&["copy"]);
    assert!(all_is_protected(&bench), "{}", bench.engine(&["status"]));
}

#[test]
fn nothing_is_called_protected_while_the_home_vault_is_gone() {
    let Some((bench, _other)) = offsite() else { return };
    fs::rename(bench.path("vault"), bench.path("gone")).expect("ours");
    assert!(!all_is_protected(&bench));
    let _ = bench.engine(&["status"]).exits(0).says("No further recovery point can be made");
}

#[test]
fn why_nothing_comes_to_a_destination_is_told_until_something_does() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let (packs, aside) = (bench.path("usb/packs"), bench.path("usb-packs"));
    fs::rename(&packs, &aside).expect("ours");
    fs::write(&packs, b"no folder").expect("ours");
    fs::write(bench.path("data/0"), noise(7, 20_000)).expect("writable");
    assert_ne!(bench.engine(&["run", "--once"]).code, 0);
    let told = usb(&bench);
    assert!(has_problem(&told, "the last session there failed"), "{told:#}");
    assert!(has_problem(&told, "it can't be written to now"), "{told:#}");
    for name in ["usb", "data"] {
        let _ = bench.engine(&["explain", name]).exits(0).says("the last session there failed");
    }
    fs::remove_file(&packs).expect("ours");
    fs::rename(&aside, &packs).expect("ours");
    // What the broken session took for missing heals with the next ones.
    let _ = (bench.engine(&["copy"]), bench.engine(&["verify", "--repair"]), bench.engine(&["copy"]));
    let told = usb(&bench);
    assert!(!has_problem(&told, "session there failed") && !has_problem(&told, "can't be written"), "{told:#}");
    let explained = bench.engine(&["explain", "usb"]).exits(0);
    assert!(explained.out.contains("a session there succeeded again"), "{explained}");
}

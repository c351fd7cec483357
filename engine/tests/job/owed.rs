//! What is owed is done, or told and counted: places that refuse, limits, destinations that were never there, groups.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{bench, prepared};
use fixtures::Bench;
use fixtures::bench::{objects, state_at, text};
use fixtures::data::{noise, noisy_files};
use fixtures::drive::Drive;

fn write(bench: &Bench, name: &str, seed: u64, bytes: usize) {
    fs::write(bench.path("data").join(name), noise(seed, bytes)).expect("writable");
}

fn attribute(change: &str, path: &Path) {
    assert!(Command::new("chattr").arg(change).arg(path).status().expect("chattr").success());
}

/// Manifests that can't be deleted, and a rule that wants them gone.
#[test]
fn a_place_that_refuses_to_delete_gets_every_new_point() {
    let Some(drive) = Drive::new("ext4") else { return };
    let bench = bench();
    noisy_files(&bench.path("data"), 1, 2, 10_000).expect("writable");
    bench.configure_simply("keep = { last = 1 }", &[("usb", &drive.path().join("usb"), "")]);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    for round in 0..3 {
        let manifests = objects(&drive.path().join("usb")).into_iter().map(|(path, _)| path);
        manifests.filter(|path| text(path).contains("/points/")).for_each(|path| attribute("+i", &path));
        write(&bench, "changed", round, 20_000);
        let ran = bench.engine(&["run", "--once"]).exits(3);
        assert!(ran.err.contains("can't delete"), "the refusal is told: {}", ran.err);
        assert_eq!(state_at(&bench.points()[0], "usb").as_deref(), Some("complete"), "round {round}: {}", ran.err);
    }
    let there: Vec<_> = bench.points().iter().filter_map(|point| state_at(point, "usb")).collect();
    assert_eq!(there, ["complete"; 4], "what could not be removed stays what it is");
    let locked = objects(&drive.path().join("usb")).into_iter().filter(|(path, _)| text(path).contains("/points/"));
    locked.for_each(|(path, _)| attribute("-i", &path));
    bench.done(&["run", "--once"]);
    assert_eq!(bench.complete_at("usb").len(), 1, "and goes once it may");
}

#[test]
fn copy_alone_keeps_the_limit_too() {
    let bench = bench();
    fs::create_dir(bench.path("data")).expect("new");
    let limit: u64 = 1050 << 10;
    bench.configure_simply("keep = { last = 2 }", &[("usb", &bench.path("usb"), "limit = \"1050 KiB\"")]);
    bench.done(&["init"]);
    for round in 0..6 {
        write(&bench, "all", round, 300 << 10);
        bench.done(&["backup"]);
        bench.done(&["copy"]);
        let used: u64 = objects(&bench.path("usb")).iter().map(|(_, bytes)| bytes).sum();
        assert!(used <= limit, "round {round}: {used} of {limit}");
        assert_eq!(state_at(&bench.points()[0], "usb").as_deref(), Some("complete"), "round {round}");
    }
}

#[test]
fn a_destination_that_was_never_there_is_owed_and_told() {
    let bench = bench();
    noisy_files(&bench.path("data"), 1, 2, 10_000).expect("writable");
    let places = [("usb", bench.path("away/usb")), ("office", bench.path("office"))];
    let places: Vec<_> = places.iter().map(|(name, path)| (*name, path.as_path(), "")).collect();
    bench.configure_simply("", &places);
    bench.done(&["init"]);
    for words in [&["run", "--once"][..], &["copy"]] {
        let ran = bench.engine(&[words, &["--json"]].concat()).exits(3);
        let copies = ran.json()["copies"].clone();
        let usb = copies.as_array().expect("a list").iter().find(|copy| copy["destination"] == "usb");
        let usb = usb.unwrap_or_else(|| panic!("{words:?}: {copies}"));
        assert_eq!(usb["state"], "pending");
        assert!(usb["reason"].to_string().contains("no vault at"), "{usb}");
    }
    let _ = bench.folder("away");
    bench.done(&["init"]);
    bench.done(&["copy"]);
    assert_eq!(bench.complete_at("usb").len(), 1);
}

#[test]
fn a_destination_that_cant_be_used_does_not_keep_the_others_from_being_made() {
    let bench = bench();
    noisy_files(&bench.path("data"), 1, 2, 10_000).expect("writable");
    fs::write(bench.path("usb"), "a file").expect("writable");
    let places = [("usb", bench.path("usb")), ("office", bench.path("office"))];
    let places: Vec<_> = places.iter().map(|(name, path)| (*name, path.as_path(), "")).collect();
    bench.configure_simply("", &places);
    let made = bench.engine(&["init"]);
    assert!(made.out.contains("usb") && made.out.contains("not made"), "{}", made.out);
    assert!(bench.path("office/VAULT").exists());
    let _ = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!(bench.complete_at("office").len(), 1);
}

#[test]
fn a_retired_medium_is_not_taken_back_in_silence() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    bench.done(&["retire", "usb"]);
    let refused = bench.engine(&["enrol", "usb"]).exits(1);
    assert!(refused.err.contains("was retired"), "{}", refused.err);
}

#[test]
fn a_new_dedup_group_begins_anew() {
    let bench = prepared(3, 50_000, "", &["usb"]);
    bench.done(&["backup"]);
    // Older than two minutes, as any settled file is.
    let paranoid_free = bench.path("data");
    assert!(
        Command::new("touch")
            .args(["-d", "2020-01-01"])
            .arg(paranoid_free.join("0"))
            .status()
            .expect("touch")
            .success()
    );
    bench.done(&["backup"]);
    bench.configure_simply("dedup-group = \"papers\"", &[("usb", &bench.path("usb"), "")]);
    for _ in 0..2 {
        bench.done(&["run", "--once"]);
    }
    crate::harness::restores_as_it_is(&bench, "usb");
    crate::harness::restores_as_it_is(&bench, "home");
}

#[test]
fn what_keep_no_longer_wants_is_not_waited_for_when_it_is_lost() {
    let bench = prepared(2, 10_000, "keep = { last = 2 }", &["usb", "nas"]);
    fs::rename(bench.path("nas"), bench.path("unplugged")).expect("ours");
    for round in 0..5 {
        write(&bench, "changed", round, 20_000);
        let _ = bench.engine(&["run", "--once"]).exits(3);
    }
    fs::rename(bench.path("unplugged"), bench.path("nas")).expect("ours");
    bench.done(&["run", "--once"]);
    bench.done(&["copy"]);
    let waits = bench.points().iter().filter(|point| state_at(point, "nas").as_deref() == Some("pending")).count();
    assert_eq!(waits, 0, "{:?}", bench.points());
}

#[test]
fn what_is_left_of_a_point_without_its_manifest_makes_up_for_damage_elsewhere() {
    let bench = prepared(2, 300_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let (manifests, _): (Vec<_>, Vec<_>) = objects(&bench.path("vault"))
        .into_iter()
        .map(|(path, _)| path)
        .partition(|path| text(path).contains("/points/"));
    manifests.iter().for_each(|path| fs::remove_file(path).expect("there"));
    let (largest, bytes) = objects(&bench.path("usb")).into_iter().max_by_key(|(_, bytes)| *bytes).expect("packs");
    fs::write(&largest, vec![0; usize::try_from(bytes).expect("small")]).expect("writable");
    let _ = bench.engine(&["verify"]).exits(4);
    let _ = bench.engine(&["restore", "data", "--to", &bench.text("out")]).exits(0);
}

#[test]
fn a_point_that_relies_on_packs_of_unknown_health_is_only_present() {
    let bench = prepared(2, 300_000, "", &["usb"]);
    bench.done(&["backup"]);
    fs::remove_file(bench.path("state/catalog.redb")).expect("there");
    bench.done(&["catalog", "rebuild"]);
    bench.done(&["backup"]);
    assert_eq!(state_at(&bench.points()[0], "home").as_deref(), Some("present"));
    bench.done(&["run", "--once"]);
    assert_eq!(state_at(&bench.points()[0], "home").as_deref(), Some("complete"), "its bytes were read since");
}

#[test]
fn an_empty_path_restores_nothing_rather_than_everything() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["backup"]);
    let refused = bench.engine(&["restore", "data", "--to", &bench.text("out"), "--path", ""]).exits(2);
    assert!(refused.err.contains("it is empty"), "{}", refused.err);
    assert!(!bench.path("out").exists());
}

#[test]
fn what_a_retired_medium_holds_is_restored_from_it_when_nothing_else_has_it() {
    let bench = prepared(3, 100_000, "", &["usb", "nas"]);
    bench.done(&["run", "--once"]);
    let retired = bench.done(&["retire", "usb"]);
    assert!(retired["warnings"].as_array().is_some_and(Vec::is_empty), "nas has it too: {retired:#}");
    fs::remove_dir_all(bench.path("nas/packs")).expect("ours");
    fs::remove_dir_all(bench.path("vault/packs")).expect("ours");
    for words in [&["restore", "data"][..], &["restore", "data", "--from", "usb"]] {
        let to = bench.path(&words.join("-"));
        bench.done(&[words, &["--to", &to.display().to_string()]].concat());
        let restored = to.join(bench.path("data").strip_prefix("/").expect("absolute"));
        assert_eq!(fixtures::same(&bench.path("data"), &restored), Vec::<String>::new());
    }
    let last = bench.done(&["retire", "nas"]);
    assert!(last["warnings"].to_string().contains("goes offsite any more"), "{last:#}");
}

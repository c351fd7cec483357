//! What should lie at a destination and does not is damage, whoever still knows of it: the catalog, or after a fire the
//! heads alone. What was removed on purpose, and a place that is not there, are not.

use std::fs;
use std::path::Path;

use crate::harness::{bare, burn, copy, drill, manifests, protected, protected_by};
use fixtures::bench::{PASSPHRASE, as_text, text};
use fixtures::data::noise;
use fixtures::{Bench, Ran};
use serde_json::Value;

/// The drill of that destination, in the document.
fn drilled<'d>(document: &'d Value, destination: &str) -> &'d Value {
    let drills = document["drills"].as_array().expect("drills");
    drills.iter().find(|drill| drill["destination"] == destination).expect("drilled there")
}

fn id_of(manifest: &Path) -> String {
    manifest.to_string_lossy().rsplit('-').next().expect("a name").to_owned()
}

fn recover(bench: &Bench, words: &[&str]) -> Ran {
    let from = format!("file://{}", bench.text("usb"));
    let passphrase = bench.text("passphrase");
    bench.engine(&[&["--json", "recover", "--from", &from, "--passphrase-file", &passphrase], words].concat())
}

#[test]
fn after_a_fire_the_newest_point_is_missed_by_the_heads_alone() {
    let bench = protected(&["usb"]);
    burn(&bench);
    let all = manifests(&bench, "usb");
    let (older, newest) = (id_of(&all[0]), id_of(&all[1]));
    fs::remove_file(&all[1]).expect("ours");
    let ran = drill(&bench, &[]).exits(4);
    let document = ran.json();
    let found = drilled(&document, "usb");
    assert_eq!((found["point"].as_str(), found["verdict"].as_str()), (Some(&*newest), Some("fail")), "{ran}");
    assert_eq!(found["job"], "data", "{ran}");
    let listed = recover(&bench, &[]).exits(4).says(&newest);
    assert_eq!(listed.json()["points"].as_array().map(Vec::len), Some(1), "{listed}");
    let to = bench.text("to");
    let _ = recover(&bench, &["--point", "data", "--to", &to]).exits(4).says(&format!("the one before it is {older}"));
    let _ = recover(&bench, &["--point", "data~1", "--to", &to]).exits(0);
}

#[test]
fn after_a_fire_a_job_that_lost_its_whole_folder_is_missed() {
    let bench = protected(&["usb"]);
    burn(&bench);
    let all = manifests(&bench, "usb");
    fs::remove_dir_all(all[0].parent().expect("the job's folder")).expect("ours");
    let ran = drill(&bench, &[]).exits(4);
    assert_eq!(drilled(&ran.json(), "usb")["point"], id_of(&all[1]), "{ran}");
}

#[test]
fn after_a_fire_a_destination_that_was_set_back_is_missed_by_the_heads_of_another() {
    let bench = protected(&["usb", "office"]);
    copy(&bench.path("usb"), &bench.path("stale"));
    fs::write(bench.path("data/noise 1"), b"newer").expect("writable");
    bench.done(&["run", "--once"]);
    // Both copies run at once, so the head of the first to end may not know of the other. The next heads do.
    bench.done(&["pin", "data"]);
    burn(&bench);
    fs::remove_dir_all(bench.path("usb")).expect("ours");
    fs::rename(bench.path("stale"), bench.path("usb")).expect("ours");
    let ran = drill(&bench, &[]).exits(4);
    let document = ran.json();
    assert_eq!(drilled(&document, "office")["verdict"], "pass", "{ran}");
    let (usb, office) = (drilled(&document, "usb"), drilled(&document, "office"));
    assert_eq!((&usb["verdict"], &usb["point"]), (&"fail".into(), &office["point"]), "{ran}");
    let alone = drill(&bench, &["--destination", "usb"]).exits(0);
    assert_eq!(alone.json()["verdict"], "pass", "who has this one place only can't know: {alone}");
}

#[test]
fn home_knows_what_the_lost_catalog_knew() {
    let bench = protected(&["usb"]);
    copy(&bench.path("usb"), &bench.path("stale"));
    fs::write(bench.path("data/noise 1"), b"newer").expect("writable");
    bench.done(&["run", "--once"]);
    // A pin is published at home too: its head knows of the copy then.
    bench.done(&["pin", "data"]);
    fs::remove_dir_all(bench.path("state")).expect("ours");
    fs::remove_dir_all(bench.path("usb")).expect("ours");
    fs::rename(bench.path("stale"), bench.path("usb")).expect("ours");
    let _ = drill(&bench, &[]).exits(4);
}

#[test]
fn what_was_removed_on_purpose_is_not_missed() {
    let bench = protected(&["usb"]);
    let newest = as_text(&bench.points()[0]["id"]);
    bench.done(&["forget", "--point", &newest]);
    assert_eq!(manifests(&bench, "usb").len(), 1);
    let _ = drill(&bench, &[]).exits(0);
    burn(&bench);
    let ran = drill(&bench, &[]).exits(0);
    assert_ne!(drilled(&ran.json(), "usb")["point"], newest, "{ran}");
    let _ = recover(&bench, &[]).exits(0);
}

#[test]
fn what_was_removed_while_the_place_was_away_and_is_gone_there_is_not_missed() {
    let bench = protected(&["usb", "office"]);
    let newest = as_text(&bench.points()[0]["id"]);
    fs::rename(bench.path("usb"), bench.path("away")).expect("unplugged");
    let _ = bench.engine(&["forget", "--point", &newest]);
    fs::rename(bench.path("away"), bench.path("usb")).expect("plugged in");
    let there = manifests(&bench, "usb");
    fs::remove_file(there.iter().find(|path| id_of(path) == newest).expect("it could not be removed")).expect("ours");
    let ran = drill(&bench, &["--destination", "usb"]).exits(0);
    assert_ne!(drilled(&ran.json(), "usb")["point"], newest, "{ran}");
}

const IDENTITY: [&str; 2] = ["VAULT", "VAULT.copy"];

/// These files and folders at `usb` become those of another family's vault.
fn become_foreign(bench: &Bench, foreign: &Bench, names: &[&str]) {
    for name in names {
        let (ours, theirs) = (bench.path("usb").join(name), foreign.path("usb").join(name));
        let gone = if ours.is_dir() { fs::remove_dir_all(&ours) } else { fs::remove_file(&ours) };
        gone.expect("ours");
        copy(&theirs, &ours);
    }
}

#[test]
fn identity_files_of_another_family_over_our_points_are_damage_even_after_a_fire() {
    let (bench, foreign) = (protected(&["usb"]), protected_by("another passphrase", &["usb"]));
    become_foreign(&bench, &foreign, &IDENTITY);
    burn(&bench);
    let ran = drill(&bench, &[]).exits(4);
    assert_eq!(drilled(&ran.json(), "usb")["verdict"], "fail", "our passphrase opens the keys there: {ran}");
}

#[test]
fn our_points_under_foreign_files_and_keys_are_damage_to_who_knows_them_and_refused_to_others() {
    for passphrase in ["another passphrase", PASSPHRASE] {
        let (bench, foreign) = (protected(&["usb"]), protected_by(passphrase, &["usb"]));
        become_foreign(&bench, &foreign, &["VAULT", "VAULT.copy", "keys", "heads"]);
        let ran = drill(&bench, &[]).exits(4);
        assert_eq!(drilled(&ran.json(), "usb")["verdict"], "fail", "the catalog has our points there: {ran}");
        burn(&bench);
        let code = drill(&bench, &[]).code;
        assert_eq!(code, if passphrase == PASSPHRASE { 4 } else { 1 }, "nobody knows whose it was");
    }
}

#[test]
fn a_wholly_foreign_vault_in_its_place_never_passes_and_is_no_damage() {
    for passphrase in ["another passphrase", PASSPHRASE] {
        let (bench, foreign) = (protected(&["usb"]), protected_by(passphrase, &["usb"]));
        fs::rename(bench.path("usb"), bench.path("away")).expect("unplugged");
        copy(&foreign.path("usb"), &bench.path("usb"));
        let ran = drill(&bench, &[]).exits(1);
        assert_eq!(ran.json()["verdict"], "incomplete", "our drive is not there: {ran}");
    }
}

#[test]
fn the_vault_of_another_destination_in_its_place_never_passes() {
    let bench = protected(&["usb", "office"]);
    fs::rename(bench.path("usb"), bench.path("away")).expect("unplugged");
    copy(&bench.path("office"), &bench.path("usb"));
    let ran = drill(&bench, &[]).exits(3).says("known as one of `office`");
    let document = ran.json();
    assert_eq!(
        (&drilled(&document, "usb")["verdict"], &drilled(&document, "office")["verdict"]),
        (&"incomplete".into(), &"pass".into())
    );
}

#[test]
fn an_emptied_place_is_away_and_one_that_lost_its_identity_is_damaged() {
    let bench = protected(&["usb"]);
    copy(&bench.path("usb"), &bench.path("good"));
    for name in IDENTITY {
        fs::remove_file(bench.path("usb").join(name)).expect("ours");
    }
    let _ = drill(&bench, &[]).exits(4);
    fs::remove_dir_all(bench.path("usb")).expect("ours");
    fs::create_dir(bench.path("usb")).expect("an empty mount point");
    let ran = drill(&bench, &[]).exits(3);
    assert_eq!(ran.json()["verdict"], "incomplete", "{ran}");
}

/// What a restore gets around is damage all the same: nobody would miss it until the twin is gone too.
#[test]
fn damage_to_the_vaults_own_files_is_found_and_healed() {
    let bench = protected(&["usb"]);
    let heads = || fs::read_dir(bench.path("usb/heads")).expect("readable").flatten();
    let oldest = heads().map(|head| head.path()).min().expect("a head");
    let oldest = text(oldest.strip_prefix(bench.path("usb")).expect("below"));
    for name in ["VAULT", "VAULT.copy", oldest.as_str()] {
        fs::write(bench.path("usb").join(name), "not it").expect("ours");
        let ran = drill(&bench, &[]).exits(4);
        let drilled = drilled(&ran.json(), "usb").clone();
        assert!(drilled["mismatches"].to_string().contains(name), "{name}: {ran}");
        let _ = bench.engine(&["verify", "usb", "--repair"]);
        let _ = drill(&bench, &[]).exits(0);
    }
}

/// The number of the newest head at `usb`.
fn newest_session(bench: &Bench) -> u64 {
    let names = fs::read_dir(bench.path("usb/heads")).expect("readable").flatten();
    let sessions = names.filter_map(|entry| entry.file_name().to_string_lossy().split('-').nth(1)?.parse().ok());
    sessions.max().expect("a head")
}

#[test]
fn a_jobs_last_point_that_is_evicted_is_untold_before_it_goes_and_not_missed() {
    let bench = bare();
    for (job, bytes) in [("a", 700_000), ("b", 600_000)] {
        fs::write(bench.folder(job).join("noise"), noise(1, bytes)).expect("writable");
    }
    let jobs =
        ["a", "b"].map(|job| format!("[job.{job}]\nsource = {{ folders = [\"{job}\"] }}\noffsite = [\"usb\"]\n"));
    let place =
        format!("[destination.usb]\nurl = \"file://{}\"\nlimit = \"1 MB\"\nkeep-at-least = 0\n", bench.text("usb"));
    bench.configure(&format!("{}{place}", jobs.concat()));
    bench.done(&["init"]);
    bench.done(&["backup", "b"]);
    bench.done(&["copy"]);
    let before = newest_session(&bench);
    bench.done(&["backup", "a"]);
    bench.done(&["copy"]);
    let states: Vec<_> = bench.points().iter().filter_map(|point| fixtures::bench::state_at(point, "usb")).collect();
    assert_eq!(states, ["complete", "evicted"]);
    assert_eq!(newest_session(&bench) - before, 3, "at the beginning, before the eviction, and with what was copied");
    fs::remove_dir_all(bench.path("state")).expect("ours");
    fs::remove_dir_all(bench.path("vault")).expect("ours");
    let ran = drill(&bench, &[]).exits(3);
    assert_eq!(ran.json()["drills"].as_array().map(Vec::len), Some(2), "{ran}");
    assert_eq!(ran.json()["verdict"], "incomplete", "`b` has no point there, on purpose: {ran}");
}

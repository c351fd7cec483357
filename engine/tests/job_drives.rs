//! Drives that are real to the kernel (loop-mounted ext4, XFS, Btrfs): plugged, pulled, filled, cut from power,
//! corrupted, swapped, read-only. What a drive does costs nothing but the copies to it.
//!
//! Needs root, loop devices and the file systems' tools; says SKIPPED without.

mod harness;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use fixtures::bench::{Running, as_text, leftovers, objects, state_at, wait_until};
use fixtures::data::{inventory, noise};
use fixtures::drive::FILE_SYSTEMS;
use fixtures::{Bench, Drive};
use harness::{bench, restores_as_it_is};

/// A bench whose only destination `usb` is a folder on this drive, with these lines.
fn on(drive: &Drive, lines: &str) -> Bench {
    let bench = bench();
    fs::create_dir(bench.path("data")).expect("new");
    point_at(&bench, &drive.path().join("offsite"), lines);
    bench
}

fn point_at(bench: &Bench, place: &Path, lines: &str) {
    bench.configure_simply("", &[("usb", place, &format!("reserve = \"1 MiB\"\n{lines}"))]);
}

/// New content, so many MiB, in place of what was there.
fn fill(bench: &Bench, seed: u64, mebibytes: usize) {
    fs::write(bench.path("data/noise"), noise(seed, mebibytes << 20)).expect("writable");
}

fn newest_state(bench: &Bench, place: &str) -> Option<String> {
    state_at(&bench.points()[0], place)
}

fn sent(vault: &Path) -> u64 {
    objects(vault).iter().map(|(_, bytes)| bytes).sum()
}

/// Begins a copy and waits until so many bytes have come to the drive.
fn begun_copy(bench: &Bench, drive: &Drive, bytes: u64) -> Running {
    let copy = bench.begin(&["--json", "copy"]);
    let vault = drive.path().join("offsite");
    wait_until("the middle of the copy", || sent(&vault) > bytes);
    copy
}

#[test]
fn nothing_is_written_into_an_empty_mount_point_and_a_drive_that_comes_is_caught_up() {
    for file_system in FILE_SYSTEMS {
        let Some(drive) = Drive::new(file_system) else { continue };
        let bench = on(&drive, "");
        fill(&bench, 1, 1);
        bench.done(&["init"]);
        drive.unplug();
        for round in 2..4 {
            let ran = bench.engine(&["run", "--once"]).exits(3);
            let _ = ran.says("no vault at").says("the drive is not there");
            fill(&bench, round, 1);
        }
        let _ = bench.engine(&["init"]).exits(0);
        let _ = bench.engine(&["run", "--once"]).exits(3);
        assert_eq!(inventory(&drive.path()).expect("readable"), Vec::new(), "{file_system}");
        assert_eq!(newest_state(&bench, "usb").as_deref(), Some("pending"), "{file_system}");
        drive.plug();
        let copied = bench.done(&["copy"]);
        assert_eq!(copied["copies"].as_array().map(Vec::len), Some(3), "{file_system}: {copied}");
        assert_eq!(bench.complete_at("usb").len(), 3, "{file_system}");
        restores_as_it_is(&bench, "usb");
    }
}

#[test]
fn an_empty_mount_point_that_is_the_place_itself_stays_empty() {
    let Some(drive) = Drive::new("ext4") else { return };
    let bench = bench();
    fs::create_dir(bench.path("data")).expect("new");
    fill(&bench, 1, 1);
    point_at(&bench, &drive.path(), "");
    bench.done(&["init"]);
    drive.unplug();
    let _ = bench.engine(&["init"]).exits(0);
    let _ = bench.engine(&["run", "--once"]).exits(3).says("no vault at");
    assert_eq!(inventory(&drive.path()).expect("readable"), Vec::new());
    drive.plug();
    bench.done(&["copy"]);
    restores_as_it_is(&bench, "usb");
}

#[test]
fn a_drive_unmounted_in_mid_copy_gets_the_rest_when_it_is_back() {
    for file_system in FILE_SYSTEMS {
        let Some(drive) = Drive::new(file_system) else { continue };
        let bench = on(&drive, "rate = \"6 MiB/s\"");
        fill(&bench, 1, 12);
        bench.done(&["init"]);
        bench.done(&["backup"]);
        let copy = begun_copy(&bench, &drive, 2 << 20);
        drive.pull();
        let ended = copy.end();
        assert!([0, 3].contains(&ended.code), "{file_system}: {ended}");
        assert_eq!(inventory(&drive.path()).expect("readable"), Vec::new(), "{file_system}: below the mount point");
        drive.plug();
        bench.done(&["copy"]);
        assert_eq!(newest_state(&bench, "usb").as_deref(), Some("complete"), "{file_system}");
        assert_eq!(leftovers(&drive.path().join("offsite")), Vec::<std::path::PathBuf>::new(), "{file_system}");
        restores_as_it_is(&bench, "usb");
    }
}

/// XFS's shutdown is both: a plug pulled (all that asks gets an error at once) and a power cut (what was not flushed is
/// gone).
#[test]
fn a_power_cut_in_mid_copy_loses_nothing_that_was_called_complete_and_the_copy_resumes_in_mid_object() {
    for file_system in ["xfs", "ext4"] {
        let Some(drive) = Drive::new(file_system) else { continue };
        let bench = on(&drive, "rate = \"6 MiB/s\"");
        fill(&bench, 1, 4);
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
        fill(&bench, 2, 20);
        bench.done(&["backup"]);
        let copy = begun_copy(&bench, &drive, 16 << 20);
        if !drive.cut() {
            eprintln!("SKIPPED: no power cut on {file_system}: xfs_io is missing");
            continue;
        }
        let ended = copy.end().exits(3);
        assert!(!ended.err.contains("panicked"), "{file_system}: {ended}");
        drive.pull();
        assert_eq!(inventory(&drive.path()).expect("readable"), Vec::new(), "{file_system}: below the mount point");
        drive.plug();
        for point in bench.complete_at("usb") {
            let _ = bench.restored(&point, "usb", &bench.path("data"));
        }
        let resumed = bench.done(&["copy"]);
        let newest = bench.points()[0]["id"].clone();
        let copies = resumed["copies"].as_array().expect("copies");
        let copy = copies.iter().find(|copy| copy["point"] == newest).expect("the newest was copied");
        let bytes = copy["bytes"].as_u64().expect("a number");
        assert!(bytes < 18 << 20, "{file_system}: {bytes} bytes were sent: it did not resume in mid-object");
        assert_eq!(bench.complete_at("usb").len(), 2, "{file_system}");
        let _ = bench.engine(&["verify", "usb"]).exits(0);
        restores_as_it_is(&bench, "usb");
    }
}

#[test]
fn a_full_drive_keeps_the_newest_and_lets_the_oldest_go() {
    let Some(drive) = Drive::of_size("ext4", 48 << 20) else { return };
    let bench = on(&drive, "");
    bench.done_after_fill(1);
    for seed in 2..7 {
        fill(&bench, seed, 9);
        bench.done(&["run", "--once"]);
    }
    let points = bench.points();
    let states: Vec<_> = points.iter().filter_map(|point| state_at(point, "usb")).collect();
    assert_eq!(states[0], "complete", "the newest is there: {states:?}");
    let gone = states.iter().filter(|state| *state == "evicted").count();
    assert!(gone >= 2, "the oldest made room: {states:?}");
    let first_gone = states.iter().position(|state| state == "evicted").expect("one was evicted");
    assert!(states[first_gone..].iter().all(|state| state == "evicted"), "only the oldest went: {states:?}");
    for point in bench.complete_at("usb") {
        let _ = bench.restored(&point, "usb", &bench.path("data"));
    }
    let _ = bench.engine(&["verify", "usb"]).exits(0);
    let again = bench.done(&["copy"]);
    assert_eq!(again["copies"], serde_json::json!([]), "nothing evicted comes back");
    restores_as_it_is(&bench, "usb");
}

/// `init` after the first content is there.
trait Prepared {
    fn done_after_fill(&self, seed: u64);
}

impl Prepared for Bench {
    fn done_after_fill(&self, seed: u64) {
        fill(self, seed, 9);
        self.done(&["init"]);
        self.done(&["run", "--once"]);
    }
}

#[test]
fn a_full_drive_that_may_not_evict_is_a_problem_and_nothing_half_lies_there() {
    let Some(drive) = Drive::of_size("ext4", 32 << 20) else { return };
    let bench = on(&drive, "evict = \"never\"");
    bench.done_after_fill(1);
    fill(&bench, 2, 9);
    bench.done(&["run", "--once"]);
    let vault = drive.path().join("offsite");
    let before = objects(&vault);
    fill(&bench, 3, 9);
    let _ = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!(objects(&vault), before, "nothing of the third point lies there, and nothing went");
    assert_eq!(newest_state(&bench, "usb").as_deref(), Some("pending"));
    assert_eq!(bench.complete_at("usb").len(), 2);
    let status = bench.done(&["status"]);
    let problems = [&status["jobs"][0]["problems"], &status["destinations"][0]["problems"]];
    assert!(problems.iter().any(|found| found.as_array().is_some_and(|it| !it.is_empty())), "{status}");
    let _ = bench.engine(&["explain", "data"]).exits(0);
}

#[test]
fn a_drive_that_another_program_fills_in_mid_copy_is_told_and_the_copy_goes_on_when_there_is_room() {
    for file_system in ["ext4", "xfs"] {
        let Some(drive) = Drive::new(file_system) else { continue };
        let bench = on(&drive, "rate = \"6 MiB/s\"\nevict = \"never\"");
        fill(&bench, 1, 2);
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
        fill(&bench, 2, 16);
        bench.done(&["backup"]);
        let copy = begun_copy(&bench, &drive, 5 << 20);
        let filler = drive.path().join("filler");
        fill_up(&filler);
        let ended = copy.end().exits(3);
        assert!(!ended.err.contains("panicked"), "{file_system}: {ended}");
        assert_eq!(bench.complete_at("usb").len(), 1, "{file_system}");
        assert!(filler.exists(), "{file_system}: what is not ours is never touched");
        let _ = bench.engine(&["copy"]).exits(3);
        fs::remove_file(&filler).expect("ours");
        bench.done(&["copy"]);
        assert_eq!(bench.complete_at("usb").len(), 2, "{file_system}");
        assert_eq!(leftovers(&drive.path().join("offsite")), Vec::<std::path::PathBuf>::new(), "{file_system}");
        restores_as_it_is(&bench, "usb");
    }
}

/// Writes until nothing more fits.
fn fill_up(path: &Path) {
    let file = File::create(path).expect("makable");
    let mut at = 0;
    for piece in [1_usize << 20, 4096] {
        let block = vec![7; piece];
        while let Ok(written @ 1..) = file.write_at(&block, at) {
            at += written as u64;
        }
    }
    let _ = file.sync_all();
}

#[test]
fn what_rots_on_the_drive_behind_the_page_cache_is_found_and_healed() {
    for file_system in FILE_SYSTEMS {
        let Some(drive) = Drive::new(file_system) else { continue };
        let bench = on(&drive, "");
        fill(&bench, 1, 3);
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
        let _ = bench.engine(&["verify"]).exits(0);
        let vault = drive.path().join("offsite");
        let (pack, bytes) = objects(&vault).into_iter().max_by_key(|(_, bytes)| *bytes).expect("packs");
        let held = fs::read(&pack).expect("readable");
        let middle = usize::try_from(bytes / 2).expect("small");
        assert!(drive.corrupt(&held[middle..middle + 64]) > 0, "{file_system}: the pack is on the drive");
        let found = bench.engine(&["--json", "verify", "usb"]).exits(4).json();
        let damaged = found["places"][0]["damaged"].as_array().expect("damaged");
        assert_eq!(damaged.len(), 1, "{file_system}: {found}");
        let name = pack.file_name().expect("a file").to_string_lossy().into_owned();
        assert!(as_text(&damaged[0]["object"]).contains(&name), "{file_system}: {found}");
        assert_eq!(newest_state(&bench, "usb").as_deref(), Some("damaged"), "{file_system}");
        let _ = bench.engine(&["verify", "usb", "--repair"]).exits(0);
        let _ = bench.engine(&["verify"]).exits(0);
        restores_as_it_is(&bench, "usb");
    }
}

#[test]
fn two_drives_swapped_in_their_slots_are_told_apart_and_neither_is_written() {
    let (Some(first), Some(second)) = (Drive::new("ext4"), Drive::new("ext4")) else { return };
    let bench = bench();
    fs::create_dir(bench.path("data")).expect("new");
    fill(&bench, 1, 1);
    let (at_first, at_second) = (first.path().join("offsite"), second.path().join("offsite"));
    bench.configure_simply("", &[("monday", &at_first, ""), ("tuesday", &at_second, "")]);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    first.unplug();
    second.unplug();
    first.plug_at(&second.path());
    second.plug_at(&first.path());
    let before = (inventory(&at_first).expect("readable"), inventory(&at_second).expect("readable"));
    fill(&bench, 2, 1);
    let _ = bench.engine(&["run", "--once"]).exits(3).says("belongs to `tuesday`").says("belongs to `monday`");
    let after = (inventory(&at_first).expect("readable"), inventory(&at_second).expect("readable"));
    assert!(before == after, "neither drive was written");
    first.pull();
    second.pull();
    first.plug();
    second.plug();
    bench.done(&["copy"]);
    assert_eq!((bench.complete_at("monday").len(), bench.complete_at("tuesday").len()), (2, 2));
}

#[test]
fn a_foreign_drive_in_the_slot_is_not_written() {
    let (Some(ours), Some(foreign)) = (Drive::new("ext4"), Drive::new("ext4")) else { return };
    let (bench, other) = (on(&ours, ""), on(&foreign, ""));
    for bench in [&bench, &other] {
        fill(bench, 1, 1);
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
    }
    ours.unplug();
    foreign.unplug();
    foreign.plug_at(&ours.path());
    let before = inventory(&ours.path().join("offsite")).expect("readable");
    fill(&bench, 2, 1);
    let _ = bench.engine(&["run", "--once"]).exits(3).says("is not known here");
    let _ = bench.engine(&["enrol", "usb"]).exits(1);
    assert!(before == inventory(&ours.path().join("offsite")).expect("readable"), "it was not written");
}

#[test]
fn a_drive_that_is_read_only_is_told_and_costs_the_other_destination_nothing() {
    for file_system in FILE_SYSTEMS {
        let Some(drive) = Drive::new(file_system) else { continue };
        let bench = bench();
        fs::create_dir(bench.path("data")).expect("new");
        fill(&bench, 1, 1);
        bench
            .configure_simply("", &[("usb", &drive.path().join("offsite"), ""), ("office", &bench.path("office"), "")]);
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
        drive.remount("ro");
        fill(&bench, 2, 1);
        let _ = bench.engine(&["run", "--once"]).exits(3).says("ead-only file system");
        assert_eq!(newest_state(&bench, "office").as_deref(), Some("complete"), "{file_system}");
        assert_eq!(bench.complete_at("usb").len(), 1, "{file_system}");
        let _ =
            bench.engine(&["status"]).exits(0).says("it can't be written to now").says("the last session there failed");
        let _ = bench.engine(&["explain", "usb"]).exits(0).says("the last session there failed");
        drive.remount("rw");
        bench.done(&["copy"]);
        let status = bench.engine(&["status"]).exits(0);
        assert!(!status.out.contains("can't be written") && !status.out.contains("session there failed"), "{status}");
        assert_eq!(bench.complete_at("usb").len(), 2, "{file_system}");
    }
}

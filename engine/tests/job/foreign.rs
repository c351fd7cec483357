//! Drives with a file system of another system, as FUSE daemons serve them: exFAT (exfat-fuse), NTFS (lowntfs-3g, with
//! Windows' names and without case), FAT (fusefat). The kernel's own FAT is not here; what differs from it is said below.
//!
//! Their limits and ours: objects are packs of at most 64 MiB and manifests of less than 256 MiB, so FAT's 4 GiB bounds
//! nothing; names are lower-case hex digits, `-`, `.` and three words in capitals, none of which another one equals but
//! for case, or that Windows forbids; times are not relied on.
//!
//! fusefat: a file stops at 2 GiB; no free space is told, so a limit makes room there; it refuses to cut a file,
//! or says that it did and didn't, so nothing is resumed in mid-object; folders are not removed (we remove none).
//!
//! Needs root, FUSE, loop devices and the file systems' tools; says SKIPPED without.

use std::fs;

use engine::destination::{FileStore, Privacy, conformance};
use fixtures::bench::{leftovers, state_at};
use fixtures::data::noise;
use fixtures::foreign::FOREIGN;
use fixtures::{Bench, ForeignDrive};
use serde_json::Value;

use crate::harness::{bench, restores_as_it_is};

const MIB: u64 = 1 << 20;

/// A bench whose only destination `usb` is a folder on this drive. Two points and a half fit on it.
fn on(file_system: &str, drive: &ForeignDrive) -> Bench {
    let bench = bench();
    fs::create_dir(bench.path("data")).expect("new");
    let limit = if file_system == "fat" { "limit = \"30 MiB\"" } else { "" };
    let lines = format!("reserve = \"1 MiB\"\n{limit}");
    bench.configure_simply("", &[("usb", &drive.path().join("offsite"), &lines)]);
    bench
}

fn fill(bench: &Bench, seed: u64, mebibytes: usize) {
    fs::write(bench.path("data/noise"), noise(seed, mebibytes << 20)).expect("writable");
}

#[test]
fn fat_by_fuse_keeps_every_rule() {
    let Some(drive) = ForeignDrive::new("fat", 160 * MIB) else { return };
    let mut places = 0..;
    conformance::run(|| {
        let place = drive.path().join(format!("place{}", places.next().expect("endless")));
        FileStore::create_root(&place, Privacy::Umask).expect("made")
    });
}

#[test]
fn a_drive_of_another_system_takes_copies_makes_room_and_restores() {
    for file_system in FOREIGN {
        let Some(drive) = ForeignDrive::new(file_system, 48 * MIB) else { continue };
        let bench = on(file_system, &drive);
        fill(&bench, 1, 10);
        bench.done(&["init"]);
        for seed in 2..7 {
            fill(&bench, seed, 10);
            bench.done(&["run", "--once"]);
        }
        let states: Vec<_> = bench.points().iter().filter_map(|point| state_at(point, "usb")).collect();
        assert_eq!(states[0], "complete", "{file_system}: {states:?}");
        assert_eq!(states.last().map(String::as_str), Some("evicted"), "{file_system}: {states:?}");
        drive.unplug();
        let _ = bench.engine(&["run", "--once"]).exits(3).says("the drive is not there");
        drive.plug();
        bench.done(&["copy"]);
        let _ = bench.engine(&["verify", "usb"]).exits(0);
        assert_eq!(leftovers(&drive.path().join("offsite")), Vec::<std::path::PathBuf>::new(), "{file_system}");
        restores_as_it_is(&bench, "usb");
    }
}

#[test]
fn enrolment_finds_out_what_a_drive_of_another_system_can_do() {
    for (file_system, largest, space) in
        [("fat", Some("2147483647"), "not told"), ("exfat", None, "told"), ("ntfs", None, "told")]
    {
        let Some(drive) = ForeignDrive::new(file_system, 48 * MIB) else { continue };
        let bench = on(file_system, &drive);
        let made = bench.done(&["init"]);
        let probe = &made["vaults"][1]["probe"];
        assert_eq!(probe["case"], "ignored", "{file_system}: {made}");
        assert_eq!(probe["largest-file"].as_str(), largest, "{file_system}: {made}");
        assert_eq!(
            (probe["free-space"].as_str(), probe["deletions"].as_str()),
            (Some(space), Some("allowed")),
            "{made}"
        );
        let warned = made["warnings"].to_string().contains("does not tell its free space");
        assert_eq!(warned, space == "not told", "{file_system}: {made}");
        assert_eq!(leftovers(&drive.path()), Vec::<std::path::PathBuf>::new(), "{file_system}");
        let enrolled = bench.done(&["enrol", "usb"]);
        let lasting = |answers: &Value| {
            let mut answers = answers.clone();
            // Times on a FAT drive come in steps of two seconds.
            answers.as_object_mut().expect("answers").remove("clock-ahead-seconds").expect("told");
            answers
        };
        assert_eq!(lasting(&enrolled["probe"]), lasting(probe), "{file_system}: asked again, the answers are the same");
    }
}

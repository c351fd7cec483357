//! Drives that take turns in one slot, drives that are copies of others, and hours in which nothing is copied.
//!
//! The drives are real to the kernel, as in `drives`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::data::noise;
use fixtures::{Bench, Drive};
use serde_json::Value;

use crate::harness::{bench, prepared, restores_as_it_is};

/// Drives that take turns at one mount point, all of them out.
struct Slot(Vec<Drive>);

impl Slot {
    fn of(drives: usize) -> Option<Self> {
        let made: Vec<Drive> = (0..drives).filter_map(|_| Drive::new("ext4")).collect();
        made.iter().for_each(Drive::unplug);
        (made.len() == drives).then_some(Self(made))
    }

    fn path(&self) -> PathBuf {
        self.0[0].path()
    }

    fn put(&self, drive: usize) {
        self.0[drive].plug_at(&self.path());
    }

    fn take_out(&self) {
        self.0[0].unplug();
    }

    fn swap(&self, drive: usize) {
        self.take_out();
        self.put(drive);
    }

    /// A bench whose destination `usb` is the folder `offsite` of whatever drive is in.
    fn bench(&self, lines: &str) -> Bench {
        let bench = bench();
        fs::create_dir(bench.path("data")).expect("new");
        let lines = format!("reserve = \"1 MiB\"\n{lines}");
        bench.configure_simply("", &[("usb", &self.path().join("offsite"), &lines)]);
        bench
    }
}

fn change(bench: &Bench, seed: u64) {
    fs::write(bench.path("data/noise"), noise(seed, 300_000)).expect("writable");
}

fn media(bench: &Bench) -> Vec<Value> {
    let status = bench.done(&["status"]);
    status["destinations"][0]["media"].as_array().expect("a list").clone()
}

/// States of the newest point at the media of `usb`.
fn newest_at(bench: &Bench) -> Vec<String> {
    let point = &bench.points()[0];
    let placements = point["placements"].as_array().expect("a list").iter();
    let at_usb = placements.filter(|it| it["destination"] == "usb");
    let mut states: Vec<String> = at_usb.map(|it| it["state"].as_str().expect("a state").to_owned()).collect();
    states.sort();
    states
}

#[test]
fn drives_take_turns_and_each_gets_what_it_lacks() {
    let (monday, friday) = (0, 1);
    let Some(slot) = Slot::of(2) else { return };
    let bench = slot.bench("rotation = true");
    change(&bench, 1);
    slot.put(monday);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);

    slot.swap(friday);
    change(&bench, 2);
    let unknown = bench.engine(&["run", "--once"]).exits(3);
    let _ = unknown.says("engine enrol usb");
    bench.done(&["enrol", "usb"]);
    let _ = bench.engine(&["run", "--once"]).exits(0);
    assert_eq!(newest_at(&bench), ["complete", "pending"], "one for each of its media");
    restores_as_it_is(&bench, "usb");
    let both = media(&bench);
    assert_eq!((both.len(), &both[1]["available"], &both[1]["points"]), (2, &true.into(), &3.into()), "{both:?}");
    assert_eq!((&both[0]["available"], &both[0]["points"]), (&false.into(), &1.into()), "{both:?}");

    slot.swap(monday);
    let _ = bench.engine(&["copy"]).exits(0);
    assert_eq!(newest_at(&bench), ["complete", "complete"], "it caught up");
    let status = bench.done(&["status"]);
    assert_eq!(status["destinations"][0]["problems"], Value::Array(Vec::new()), "{status}");

    // With none of them in the slot the newest point waits.
    slot.take_out();
    change(&bench, 3);
    let _ = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!(bench.done(&["status"])["destinations"][0]["pending-points"], 1);

    // One that is gone for good is waited for no more.
    let gone = media(&bench)[1]["medium"].as_str().expect("an id").to_owned();
    bench.done(&["retire", "usb", "--medium", &gone]);
    assert_eq!(media(&bench).len(), 1);
    slot.put(monday);
    let _ = bench.engine(&["copy"]).exits(0);
    restores_as_it_is(&bench, "usb");
}

#[test]
fn a_second_drive_without_turns_is_told_of_until_one_is_retired() {
    let (old, new) = (0, 1);
    let Some(slot) = Slot::of(2) else { return };
    let bench = slot.bench("");
    change(&bench, 1);
    slot.put(old);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    slot.swap(new);
    let enrolled = bench.done(&["enrol", "usb"]);
    let warning = enrolled["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("rotation = true") && warning.contains("engine retire usb --medium"), "{warning}");
    let _ = bench.engine(&["run", "--once"]).exits(3);
    let problems = bench.done(&["status"])["destinations"][0]["problems"].to_string();
    assert!(problems.contains("waits for each of them"), "{problems}");
    let first = media(&bench)[0]["medium"].as_str().expect("an id").to_owned();
    bench.done(&["retire", "usb", "--medium", &first]);
    let _ = bench.engine(&["run", "--once"]).exits(0);
}

#[test]
fn an_empty_mount_point_is_not_enrolled() {
    let Some(slot) = Slot::of(1) else { return };
    let bench = slot.bench("rotation = true");
    change(&bench, 1);
    slot.put(0);
    bench.done(&["init"]);
    slot.take_out();
    let _ = bench.engine(&["enrol", "usb"]).exits(1).says("mount the drive first");
    assert!(fs::read_dir(slot.path()).expect("there").next().is_none(), "nothing was made");
}

#[test]
fn a_copy_of_a_drive_is_asked_about_and_nothing_is_written_to_it_before() {
    let (drive, copy) = (0, 1);
    let Some(slot) = Slot::of(2) else { return };
    let bench = slot.bench("");
    change(&bench, 1);
    slot.put(drive);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    let vault = slot.path().join("offsite");
    let kept = bench.folder("kept");
    let cp = |from: &Path, to: &Path| Command::new("cp").arg("-a").args([from, to]).status().expect("cp").success();
    assert!(cp(&vault, &kept));
    slot.swap(copy);
    assert!(cp(&kept.join("offsite"), &slot.path()));
    change(&bench, 2);
    let before = fixtures::bench::objects(&vault);
    let ran = bench.engine(&["run", "--once"]).exits(3);
    let _ = ran.says("on another file system").says("engine enrol usb --moved");
    assert_eq!(fixtures::bench::objects(&vault), before);
    let _ = bench.engine(&["enrol", "usb"]).exits(1).says("--moved");
    assert_eq!(bench.done(&["enrol", "usb", "--moved"])["enrolled"], "moved");
    let _ = bench.engine(&["run", "--once"]).exits(0);
    restores_as_it_is(&bench, "usb");
    // Now the first one is the copy: and an older one at that.
    slot.swap(drive);
    change(&bench, 3);
    let _ = bench.engine(&["run", "--once"]).exits(3).says("on another file system");
    bench.done(&["enrol", "usb", "--moved"]);
    let ran = bench.engine(&["run", "--once"]).exits(0);
    let _ = ran.says("looked at anew");
    restores_as_it_is(&bench, "usb");
}

/// A window that is open in so many minutes, for an hour, in UTC.
fn window_in(minutes: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later").as_secs() / 60;
    let text = |minute: u64| format!("{:02}:{:02}", minute % 1440 / 60, minute % 60);
    format!("window = \"{}-{}\"", text(now + minutes), text(now + minutes + 60))
}

#[test]
fn outside_its_hours_a_destination_is_copied_to_by_hand_only() {
    let bench = prepared(3, 50_000, "", &["usb"]);
    let usb = bench.path("usb");
    bench.configure_simply("", &[("usb", &usb, &window_in(120))]);
    let ran = bench.engine(&["--json", "run", "--once"]).exits(0);
    let copies = ran.json()["copies"].clone();
    assert_eq!(copies[0]["state"], "pending", "{copies}");
    assert!(copies[0]["reason"].as_str().expect("a reason").contains("in its hours only"), "{copies}");
    assert!(bench.complete_at("usb").is_empty());
    let _ = bench.engine(&["copy"]).exits(0);
    assert_eq!(bench.complete_at("usb").len(), 1, "somebody asked for it");
    bench.configure_simply("", &[("usb", &usb, &window_in(1440 - 30))]);
    let _ = bench.engine(&["run", "--once"]).exits(0);
    assert_eq!(bench.complete_at("usb").len(), 2, "they have begun");
}

//! `canary = true`: what is planted, where it is not, and what becomes of one that something touched.
//!
//! Mounts need root; says SKIPPED without.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;

use fixtures::Bench;
use fixtures::bench::as_text;

use crate::harness::bench;

const NAME: &str = ".offsite-canary";

/// Three files in `data`, a job for it with these lines, and a destination; prepared.
pub(super) fn prepared(lines: &str) -> Bench {
    let bench = bench();
    let data = bench.folder("data");
    (0..3).for_each(|at| fs::write(data.join(at.to_string()), b"content").expect("writable"));
    configured(&bench, lines);
    bench
}

pub(super) fn configured(bench: &Bench, lines: &str) {
    bench.configure_simply(lines, &[("usb", bench.path("usb").as_path(), "")]);
    bench.done(&["init"]);
}

pub(super) fn canary(bench: &Bench) -> std::path::PathBuf {
    bench.path("data").join(NAME)
}

/// The names in `data`, sorted.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

fn done(words: &[&str]) -> bool {
    Command::new(words[0]).args(&words[1..]).status().is_ok_and(|status| status.success())
}

/// Mounts an empty file system of its own on `data`; false, with a word, where that can't be.
pub(super) fn mounted(bench: &Bench) -> bool {
    let mounted = done(&["mount", "-t", "tmpfs", "none", &bench.text("data")]);
    if !mounted {
        eprintln!("SKIPPED: no mount here");
    }
    mounted
}

/// Takes away what was mounted on `data`.
pub(super) fn unmounted(bench: &Bench) {
    assert!(done(&["umount", &bench.text("data")]));
}

#[test]
fn a_canary_is_planted_once_whole_and_plain_and_is_in_the_point() {
    let bench = prepared("canary = true");
    let made = bench.done(&["backup"]);
    assert_eq!(made["points"][0]["files"], 4, "`files` counts files: {made}");
    assert_eq!(names(&bench.path("data")), [NAME, "0", "1", "2"]);
    let planted = fs::metadata(canary(&bench)).expect("there");
    let folder = fs::metadata(bench.path("data")).expect("there");
    assert_eq!((planted.mode() & 0o7777, planted.uid(), planted.nlink()), (0o644, folder.uid(), 1));
    let content = fs::read_to_string(canary(&bench)).expect("text");
    assert!(content.starts_with("offsite canary 1\njob data\n"), "{content}");
    bench.done(&["backup"]);
    let again = fs::metadata(canary(&bench)).expect("there");
    assert_eq!((again.ino(), again.mtime()), (planted.ino(), planted.mtime()), "it is left alone");
}

#[test]
fn what_a_killed_planting_left_goes_and_dry_runs_plant_nothing() {
    let bench = prepared("canary = true");
    let half = bench.path("data").join(format!("{NAME}.tmp-data"));
    fs::write(&half, b"offsite can").expect("writable");
    bench.done(&["backup", "--dry-run"]);
    assert!(half.exists() && !canary(&bench).exists());
    bench.done(&["backup"]);
    assert_eq!(names(&bench.path("data")), [NAME, "0", "1", "2"]);
}

#[test]
fn the_patterns_a_read_only_folder_and_a_link_are_told_and_the_point_is_made() {
    let bench = prepared("canary = true");
    let config = |source: &str| {
        let destination = format!("[destination.usb]\nurl = \"file://{}\"\n", bench.text("usb"));
        let job = format!("[job.data]\nsource = {{ {source} }}\noffsite = [\"usb\"]\ncanary = true\n");
        bench.configure(&format!("{job}{destination}"));
    };
    config("folders = [\"data\"], exclude = [\".off*\"]");
    let made = bench.engine(&["--json", "backup"]).exits(3).says("the patterns of the job leave it out");
    assert_eq!((made.json()["points"][0]["files"].as_u64(), canary(&bench).exists()), (Some(3), false), "{made}");

    symlink("data", bench.path("link")).expect("a link");
    config("folders = [\"link\"]");
    let made = bench.engine(&["--json", "backup"]).exits(3).says("`link` is a link");
    assert_eq!((made.json()["points"][0]["files"].as_u64(), canary(&bench).exists()), (Some(3), false), "{made}");

    config("folders = [\"data\", \"data/0\", \"./data\"]");
    let data = bench.text("data");
    if !(done(&["mount", "--bind", &data, &data]) && done(&["mount", "-o", "remount,ro,bind", &data])) {
        eprintln!("SKIPPED: no mount here");
        return;
    }
    let made = bench.engine(&["--json", "backup"]);
    assert!(done(&["umount", &data]));
    let made = made.exits(3).says("no canary can be planted");
    assert_eq!(made.json()["points"][0]["files"], 3, "{made}");
    bench.done(&["backup"]);
    assert!(canary(&bench).exists());
}

#[test]
fn the_engines_own_folders_get_none() {
    let bench = bench();
    fs::write(bench.folder("data").join("a"), b"a").expect("writable");
    fs::write(bench.folder("state/mine").join("a"), b"a").expect("writable");
    bench.configure("[job.data]\nsource = { folders = [\"data\", \"state/mine\", \"vault\"] }\ncanary = true\n");
    bench.done(&["init"]);
    let _ = bench.engine(&["backup"]).exits(3).says("engine's own folder");
    assert!(canary(&bench).exists());
    assert_eq!(names(&bench.path("state/mine")), ["a"]);
    assert!(!bench.path("vault").join(NAME).exists());
}

#[test]
fn two_jobs_over_one_folder_share_a_canary() {
    let bench = prepared("");
    let config = fs::read_to_string(bench.path("offsite.toml")).expect("readable");
    let two = "[job.data]\ncanary = true\n";
    let other = "[job.other]\nsource = { folders = [\"data\"] }\noffsite = [\"usb\"]\ncanary = true\n";
    fs::write(bench.path("offsite.toml"), format!("{}{other}", config.replace("[job.data]\n", two))).expect("ours");
    bench.done(&["backup"]);
    assert_eq!(names(&bench.path("data")), [NAME, "0", "1", "2"]);
    fs::write(canary(&bench), b"rewritten").expect("ours");
    let ran = bench.engine(&["--json", "backup"]).exits(3);
    let told = ran.json()["points"].to_string();
    assert_eq!(told.matches("alarm: the canary").count(), 2, "{ran}");
}

#[test]
fn a_source_with_nothing_but_canaries_is_empty_and_no_file_of_it_is_one() {
    let bench = prepared("canary = true\nkeep = { last = 1 }");
    bench.done(&["run", "--once"]);
    let whole = as_text(&bench.points()[0]["id"]);
    (0..3).for_each(|at| fs::remove_file(bench.path("data").join(at.to_string())).expect("ours"));
    for _ in 0..2 {
        let ran = bench.engine(&["run", "--once"]).exits(3);
        let _ = ran.says("all 3 files are gone").says("the source of data is empty: nothing is protected");
    }
    assert!(bench.complete_at("usb").contains(&whole), "{:?}", bench.points());
    let _ = bench.engine(&["backup", "--dry-run"]).exits(3).says("the source of data is empty");

    bench.done(&["alarm", "clear", "data"]);
    fs::remove_file(canary(&bench)).expect("ours");
    let ran = bench.engine(&["backup"]).exits(3).says("is gone").says("nothing else in that folder");
    assert!(!canary(&bench).exists() && !ran.to_string().contains("files are gone"), "{ran}");
}

/// With a canary and without: whatever an empty mount point does, no good point goes.
#[test]
fn a_drive_that_is_not_mounted_raises_the_alarm_and_keep_removes_nothing() {
    for lines in ["", "canary = true\n"] {
        let bench = bench();
        let data = bench.folder("data");
        if !mounted(&bench) {
            return;
        }
        (0..3).for_each(|at| fs::write(data.join(at.to_string()), b"content").expect("writable"));
        configured(&bench, &format!("{lines}keep = {{ last = 1 }}"));
        bench.done(&["run", "--once"]);
        bench.done(&["run", "--once"]);
        let whole = as_text(&bench.points()[0]["id"]);
        assert!(done(&["umount", &bench.text("data")]));
        for _ in 0..3 {
            let _ = bench.engine(&["run", "--once"]).exits(3).says("all 3 files are gone").says("is empty");
        }
        assert_eq!(names(&data), Vec::<String>::new(), "{lines}");
        assert!(bench.complete_at("usb").contains(&whole), "{lines}: {:?}", bench.points());
        assert!(bench.complete_at("home").contains(&whole), "{lines}: {:?}", bench.points());
        let _ = bench.engine(&["status"]).exits(0).says("all 3 files are gone");
    }
}

#[test]
fn a_mount_point_that_holds_something_gets_none_while_its_drive_is_away() {
    let bench = bench();
    let data = bench.folder("data");
    fs::write(data.join("mount me"), b"a").expect("writable");
    fs::write(bench.folder("rest").join("a"), b"a").expect("writable");
    if !mounted(&bench) {
        return;
    }
    fs::write(data.join("picture"), b"content").expect("writable");
    let job = "[job.data]\nsource = { folders = [\"data\", \"rest\"] }\noffsite = [\"usb\"]\n";
    let destination = format!("[destination.usb]\nurl = \"file://{}\"\n", bench.text("usb"));
    bench.configure(&format!("{job}{destination}"));
    bench.done(&["init"]);
    bench.done(&["backup"]);
    assert!(done(&["umount", &bench.text("data")]));
    bench.configure(&format!("{job}canary = true\n{destination}"));
    let ran = bench.engine(&["backup"]).exits(0).says("lies on another file system than in the point before");
    assert_eq!(names(&data), ["mount me"], "{ran}");
    assert_eq!(names(&bench.path("rest")), [NAME, "a"], "{ran}");
}

#[test]
fn a_canary_that_is_gone_is_an_alarm_and_planted_again_once_that_is_cleared() {
    let bench = prepared("canary = true");
    bench.done(&["backup"]);
    let planted = fs::read(canary(&bench)).expect("there");
    fs::remove_file(canary(&bench)).expect("ours");
    let made = bench.engine(&["--json", "backup"]).exits(3);
    let problems = made.json()["points"][0]["problems"].to_string();
    assert!(problems.contains("alarm: the canary") && problems.contains("is gone"), "{made}");
    bench.done(&["backup"]);
    assert!(!canary(&bench).exists(), "the alarm stands");
    bench.done(&["alarm", "clear", "data"]);
    bench.done(&["backup"]);
    assert_eq!(fs::read(canary(&bench)).expect("planted again"), planted);
}

#[test]
fn a_rewritten_canary_is_an_alarm_that_holds_retention_until_it_is_removed_and_the_alarm_cleared() {
    let bench = prepared("canary = true\nkeep = { last = 1 }");
    bench.done(&["run", "--once"]);
    let planted = fs::read(canary(&bench)).expect("there");
    let whole = as_text(&bench.points()[0]["id"]);
    let encrypted: Vec<u8> = planted.iter().map(|byte| byte ^ 0x5a).collect();
    fs::write(canary(&bench), &encrypted).expect("ours");
    for _ in 0..2 {
        let ran = bench.engine(&["run", "--once"]).exits(3).says("alarm: the canary").says("engine alarm clear data");
        assert_eq!(fs::read(canary(&bench)).expect("there"), encrypted, "it is left: {ran}");
    }
    assert_eq!(bench.complete_at("usb").len(), 3, "{:?}", bench.points());
    assert!(bench.complete_at("usb").contains(&whole));
    let _ = bench.engine(&["status"]).exits(0).says("is not as it was planted");

    bench.done(&["alarm", "clear", "data"]);
    let _ = bench.engine(&["run", "--once"]).exits(3).says("remove it, and a new one is planted");
    fs::remove_file(canary(&bench)).expect("ours");
    let ran = bench.engine(&["run", "--once"]).exits(0);
    assert!(!canary(&bench).exists(), "nothing is planted while the alarm stands: {ran}");
    bench.done(&["alarm", "clear", "data"]);
    bench.done(&["run", "--once"]);
    assert_eq!(fs::read(canary(&bench)).expect("planted anew"), planted);
    assert_eq!(bench.complete_at("usb").len(), 1, "keep counts again: {:?}", bench.points());
}

#[test]
fn the_alarm_of_a_canary_is_told_with_what_the_walk_finds() {
    let bench = prepared("canary = true");
    bench.done(&["backup"]);
    (0..3).for_each(|at| fs::remove_file(bench.path("data").join(at.to_string())).expect("ours"));
    fs::write(canary(&bench), b"").expect("ours");
    let _ = bench.engine(&["backup"]).exits(3).says("is not as it was planted").says("all 3 files are gone");
    let _ = bench.engine(&["status"]).exits(0).says("is not as it was planted").says("all 3 files are gone");
}

#[test]
fn what_stands_in_a_canarys_place_is_not_followed() {
    let bench = prepared("canary = true");
    fs::write(bench.path("other"), b"other").expect("writable");
    symlink(bench.path("other"), canary(&bench)).expect("a link");
    let _ = bench.engine(&["backup"]).exits(3).says("alarm: the canary");
    fs::remove_file(canary(&bench)).expect("ours");
    symlink(bench.path("new"), canary(&bench)).expect("a link");
    let _ = bench.engine(&["backup"]).exits(3).says("alarm: the canary");
    assert_eq!(fs::read(bench.path("other")).expect("there"), b"other");
    assert!(!bench.path("new").exists());
}

#[test]
fn a_job_whose_points_leave_home_has_canaries_too() {
    let bench = prepared("canary = true\nhome = false");
    for _ in 0..2 {
        let _ = bench.engine(&["run", "--once"]);
    }
    assert_eq!(names(&bench.path("data")), [NAME, "0", "1", "2"]);
    fs::write(canary(&bench), b"rewritten").expect("ours");
    let _ = bench.engine(&["run", "--once"]).exits(3).says("alarm: the canary");
}

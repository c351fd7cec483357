//! `canary = true` takes nothing away: what rings without canaries rings with them, and what stays without them stays.

use std::fs;
use std::path::{Path, PathBuf};

use fixtures::Bench;

use crate::canary::{canary, configured, mounted, names, prepared, unmounted};
use crate::harness::bench;

/// Whatever the job's problems in `status` are.
fn status(bench: &Bench) -> String {
    bench.done(&["status"])["jobs"][0]["problems"].to_string()
}

/// Makes the points at home unreadable, so that only what the catalog remembers can be compared with.
fn forget_home(bench: &Bench) {
    fs::remove_dir_all(bench.path("vault/points")).expect("ours");
    fs::create_dir(bench.path("vault/points")).expect("ours");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    names(folder).iter().filter(|name| !name.starts_with(".offsite-canary")).map(|name| folder.join(name)).collect()
}

fn remove_files(folder: &Path) {
    files(folder).iter().for_each(|file| fs::remove_file(file).expect("ours"));
}

#[test]
fn clearing_an_alarm_takes_only_canaries_off_that_the_point_has() {
    let bench = bench();
    for name in ["a", "b", "c", "d"] {
        fs::write(bench.folder(name).join("file"), b"content").expect("writable");
    }
    let source =
        "{ folders = [\"a\", \"b\", \"c\", \"d\"], exclude = [\"**/b/.off*\", \"**/c/.off*\", \"**/d/.off*\"] }";
    bench.configure(&format!("[job.data]\nsource = {source}\ncanary = true\nkeep = {{ last = 1 }}\n"));
    bench.done(&["init"]);
    let _ = bench.engine(&["backup"]).exits(3).says("the patterns of the job leave it out");
    assert_eq!(bench.points()[0]["files"], 5);
    let _ = bench.engine(&["alarm", "clear", "data"]).exits(0);
    forget_home(&bench);
    for name in ["a", "b", "c", "d"] {
        remove_files(&bench.path(name));
    }
    let _ = bench.engine(&["backup"]).exits(3).says("all 4 files are gone");
}

#[test]
fn after_a_rebuild_a_canary_is_no_file_of_the_point_before() {
    let bench = prepared("canary = true");
    let keep = |at: u64| fs::write(bench.path("data").join(format!("more {at}")), b"content").expect("ours");
    (0..97).for_each(keep);
    bench.done(&["run", "--once"]);
    bench.done(&["catalog", "rebuild"]);
    bench.done(&["run", "--once"]);
    let _ = bench.engine(&["alarm", "clear", "data"]);
    forget_home(&bench);
    files(&bench.path("data")).iter().skip(50).for_each(|file| fs::remove_file(file).expect("ours"));
    let ran = bench.engine(&["backup"]);
    assert!(!ran.to_string().contains("files became"), "half of 100 is no alarm: {ran}");
}

#[test]
fn a_later_loss_is_added_to_the_alarm_that_stands() {
    let bench = prepared("canary = true");
    bench.done(&["backup"]);
    fs::write(canary(&bench), b"rewritten").expect("ours");
    let _ = bench.engine(&["backup"]).exits(3).says("is not as it was planted");
    assert!(!status(&bench).contains("files are gone"));
    remove_files(&bench.path("data"));
    for _ in 0..3 {
        let _ = bench.engine(&["backup"]).exits(3).says("files are gone");
    }
    let told = status(&bench);
    // What took the canary's place may be anybody's, and is counted where it is missed.
    for why in ["is not as it was planted", "; all 4 files are gone"] {
        assert_eq!(told.matches(why).count(), 1, "{why}: {told}");
        let _ = bench.engine(&["status"]).exits(0).says(why);
    }
    let _ = bench.engine(&["alarm", "clear", "data"]).exits(0).says("all 4 files are gone");
}

#[test]
fn files_that_were_renamed_with_their_canary_are_an_alarm_and_nothing_is_planted_until_it_is_cleared() {
    for lines in ["canary = true\nkeep = { last = 1 }", "canary = true\nkeep = { last = 1 }\nhome = false"] {
        let bench = prepared(lines);
        for _ in 0..2 {
            let _ = bench.engine(&["run", "--once"]);
        }
        for name in names(&bench.path("data")) {
            let data = bench.path("data");
            fs::rename(data.join(&name), data.join(format!("{name}.locked"))).expect("ours");
        }
        let there = names(&bench.path("data"));
        for _ in 0..2 {
            let _ = bench.engine(&["run", "--once"]).code;
            assert!(status(&bench).contains("is gone and other files are there still"), "{lines}");
            assert_eq!(names(&bench.path("data")), there, "{lines}");
        }
        assert_eq!(status(&bench).matches("is gone and").count(), 1, "{}", status(&bench));
        bench.done(&["alarm", "clear", "data"]);
        let _ = bench.engine(&["run", "--once"]).exits(0);
        assert!(canary(&bench).exists(), "{lines}");
        assert!(!status(&bench).contains("alarm"), "{lines}");
    }
}

#[test]
fn a_folder_that_was_emptied_with_its_canary_is_told_and_gets_none() {
    let bench = bench();
    for name in ["a", "b"] {
        fs::write(bench.folder(name).join("file"), b"content").expect("writable");
    }
    bench.configure("[job.data]\nsource = { folders = [\"a\", \"b\"] }\ncanary = true\n");
    bench.done(&["init"]);
    bench.done(&["backup"]);
    names(&bench.path("a")).iter().for_each(|name| fs::remove_file(bench.path("a").join(name)).expect("ours"));
    let ran = bench.engine(&["backup"]).exits(3).says("is gone, with all that lay beside it");
    assert!(!ran.to_string().contains("alarm"), "{ran}");
    assert_eq!(names(&bench.path("a")), Vec::<String>::new());
    fs::write(bench.path("a/file"), b"content").expect("ours");
    bench.done(&["backup"]);
    assert_eq!(names(&bench.path("a")), [".offsite-canary", "file"]);
}

#[test]
fn a_users_file_in_the_place_of_an_unfinished_canary_stays_and_is_backed_up() {
    let bench = prepared("canary = true");
    let mine = bench.path("data").join(".offsite-canary.tmp-data");
    fs::write(&mine, b"offsite canary 1\nmine").expect("writable");
    let made = bench.engine(&["backup"]).exits(3).says("no canary can be planted");
    let _ = made.says("`.offsite-canary.tmp-data` is there, is no canary");
    assert_eq!(fs::read(&mine).expect("there"), b"offsite canary 1\nmine");
    assert!(!canary(&bench).exists());
    let restored = bench.restored("data", "home", &bench.path("data"));
    assert_eq!(fs::read(restored.path.join(".offsite-canary.tmp-data")).expect("there"), b"offsite canary 1\nmine");
    remove_files(&bench.path("data"));
    let ran = bench.engine(&["backup"]).exits(0);
    assert!(!ran.to_string().contains("is empty"), "the user's file is content: {ran}");
}

#[test]
fn what_was_planted_before_is_no_content_once_none_is_planted() {
    let bench = prepared("canary = true");
    bench.done(&["backup"]);
    configured_again(&bench, "");
    remove_files(&bench.path("data"));
    assert!(canary(&bench).exists());
    let _ = bench.engine(&["backup", "--dry-run"]).exits(3).says("the source of data is empty");
    let _ = bench.engine(&["backup"]).exits(3).says("all 3 files are gone").says("the source of data is empty");
    bench.done(&["alarm", "clear", "data"]);
    fs::remove_file(canary(&bench)).expect("ours");
    let ran = bench.engine(&["backup"]).exits(3);
    assert!(!ran.to_string().contains("alarm"), "{ran}");
}

#[test]
fn what_was_planted_before_and_is_rewritten_is_an_alarm_and_no_content() {
    let bench = prepared("canary = true");
    bench.done(&["backup"]);
    configured_again(&bench, "");
    remove_files(&bench.path("data"));
    fs::write(canary(&bench), b"rewritten").expect("ours");
    let _ = bench.engine(&["backup"]).exits(3).says("is not as it was planted").says("all 3 files are gone");
}

#[test]
fn a_users_own_file_of_that_name_is_content() {
    let bench = prepared("");
    fs::write(canary(&bench), b"mine").expect("ours");
    remove_files(&bench.path("data"));
    let ran = bench.engine(&["backup"]).exits(0);
    assert!(!ran.to_string().contains("is empty"), "{ran}");
    let ran = bench.engine(&["backup", "--dry-run"]).exits(0);
    assert!(!ran.to_string().contains("is empty"), "{ran}");
    fs::remove_file(canary(&bench)).expect("ours");
    let _ = bench.engine(&["backup"]).exits(3).says("all 1 files are gone");
}

/// Cleared though the drive is away: the folder is taken for what it is, as without canaries, and holds nothing of
/// ours.
#[test]
fn a_mount_point_gets_none_right_after_the_alarm_was_cleared() {
    for below in ["", "mount me"] {
        let bench = bench();
        let data = bench.folder("data");
        if !below.is_empty() {
            fs::write(data.join(below), b"content").expect("writable");
        }
        if !mounted(&bench) {
            return;
        }
        (0..3).for_each(|at| fs::write(data.join(at.to_string()), b"content").expect("writable"));
        configured(&bench, "canary = true\nkeep = { last = 1 }");
        bench.done(&["run", "--once"]);
        unmounted(&bench);
        let _ = bench.engine(&["run", "--once"]).exits(3).says("alarm");
        bench.done(&["alarm", "clear", "data"]);
        let ran = bench.engine(&["run", "--once"]).says("no canary is planted");
        let expected: Vec<String> = Some(below.to_owned()).into_iter().filter(|name| !name.is_empty()).collect();
        assert_eq!(names(&data), expected, "{ran}");
    }
}

fn configured_again(bench: &Bench, lines: &str) {
    bench.configure_simply(lines, &[("usb", bench.path("usb").as_path(), "")]);
}

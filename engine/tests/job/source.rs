//! Sources as people really have them: what must not be lost without a word.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::harness::bench;
use fixtures::Bench;
use fixtures::bench::{Ran, as_text};
use serde_json::Value;

/// A job `data` over these folders, nothing offsite; initialised.
fn protecting(bench: &Bench, source: &str) {
    bench.configure(&format!(
        "[job.data]\nsource = {{ {source} }}\noffsite = [\"usb\"]\n[destination.usb]\nurl = \"file://{}\"\n",
        bench.text("usb")
    ));
    bench.done(&["init"]);
}

/// The paths of the newest point that lie in the bench, as they are below it.
fn listed(bench: &Bench) -> Vec<String> {
    let base = format!("{}/", bench.text("").trim_matches('/'));
    let all = bench.done(&["ls", "data"]);
    let paths = all["entries"].as_array().expect("entries").iter().map(|entry| as_text(&entry["path"]));
    paths.filter_map(|path| path.strip_prefix(&base).map(str::to_owned)).collect()
}

fn problems(report: &Value) -> String {
    report["points"][0]["problems"].to_string()
}

#[test]
fn a_marker_or_a_pattern_on_a_configured_folder_is_overruled_and_told_without_failing_the_run() {
    let bench = bench();
    fs::write(bench.folder("docs").join("x"), b"x").expect("writable");
    fs::write(bench.path("docs/.nobackup"), b"").expect("writable");
    protecting(&bench, "folders = [\"docs\"], exclude = [\"docs/\"]");
    let made = bench.engine(&["--json", "backup"]).exits(0).says("not heeded here").says("fits this folder itself");
    assert_eq!(made.json()["points"][0]["warnings"].as_array().map(Vec::len), Some(2), "{made}");
    assert_eq!(listed(&bench), ["docs", "docs/.nobackup", "docs/x"]);
}

#[test]
fn home_state_and_destinations_inside_a_source_are_left_out_and_told() {
    let bench = bench();
    fs::write(bench.folder("docs").join("x"), b"x").expect("writable");
    protecting(&bench, "folders = [\".\", \"docs\", \"./docs\"]");
    bench.done(&["backup"]);
    let second = bench.engine(&["backup"]).exits(0).says("the engine's own folders: 3");
    let listed = listed(&bench);
    assert!(["vault", "state", "usb"].iter().all(|own| !listed.iter().any(|path| path.starts_with(own))), "{second}");
    assert_eq!(listed.iter().filter(|path| path.ends_with("docs/x")).count(), 1, "each comes once: {listed:?}");
}

#[test]
fn a_source_inside_the_engines_own_folders_is_a_problem_not_an_empty_point() {
    let bench = bench();
    fs::write(bench.folder("docs").join("x"), b"x").expect("writable");
    fs::write(bench.folder("state/mine").join("x"), b"x").expect("writable");
    protecting(&bench, "folders = [\"docs\", \"state/mine\"]");
    let _ = bench.engine(&["backup"]).exits(3).says("engine's own folder");
}

#[test]
fn without_proc_links_and_folders_are_kept_and_what_they_lack_is_told_each_time() {
    let bench = bench();
    symlink("nowhere", bench.folder("docs").join("link")).expect("a link");
    fs::write(bench.folder("docs/in").join("x"), b"x").expect("writable");
    protecting(&bench, "folders = [\"docs\"]");
    let mut bare = Command::new("unshare");
    bare.args(["-m", "sh", "-c", "mount -t tmpfs none /proc && exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_engine"));
    bare.arg("--config").arg(bench.path("offsite.toml")).args(["--json", "backup"]);
    for _ in 0..2 {
        let made = Ran::of(&mut bare);
        if made.to_string().contains("unshare: ") || made.to_string().contains("mount: ") {
            eprintln!("SKIPPED: no mount namespaces here: {made}");
            return;
        }
        let made = made.exits(3);
        let told = problems(&made.json());
        assert!(told.contains("docs/link") && told.contains("extended attributes can't be kept"), "{made}");
        assert_eq!(listed(&bench), ["docs", "docs/in", "docs/in/x", "docs/link"]);
    }
    assert_eq!(problems(&bench.done(&["backup"])), "[]", "it was looked at again, and is whole");
}

#[test]
fn a_drive_in_the_source_that_is_not_mounted_any_more_raises_the_alarm() {
    let bench = bench();
    let mount = bench.folder("docs/drive");
    (0..9).for_each(|at| fs::write(bench.path(&format!("docs/{at}")), b"x").expect("writable"));
    let done = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    if !done(Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&mount)) {
        eprintln!("SKIPPED: no mount here");
        return;
    }
    fs::write(mount.join("picture"), b"x").expect("writable");
    protecting(&bench, "folders = [\"docs\"]");
    bench.done(&["backup"]);
    assert!(done(Command::new("umount").arg(&mount)));
    let _ = bench.engine(&["backup"]).exits(3).says("docs/drive held 1 files on another file system and is empty now");
    let _ = bench.engine(&["status"]).exits(0).says("is a drive not mounted there?");
    bench.done(&["alarm", "clear", "data"]);
    bench.done(&["backup"]);
}

#[test]
fn names_that_drive_terminals_are_kept_as_they_are_and_shown_escaped() {
    let bench = bench();
    let name = "a\nwarning: all is lost\u{1b}[2J";
    fs::write(bench.folder("docs").join(name), b"x").expect("writable");
    fs::write(bench.folder(&format!("docs/{name} too")).join(".nobackup"), b"").expect("writable");
    protecting(&bench, "folders = [\"docs\"]");
    fs::write(
        bench.path("offsite.toml"),
        fs::read_to_string(bench.path("offsite.toml"))
            .expect("there")
            .replace("\"docs\"", "\"docs\", \"docs/a\\nwarning: all is lost\\u001B[2J too\""),
    )
    .expect("writable");
    let made = bench.engine(&["backup"]).exits(0).says("not heeded here");
    assert!(!made.to_string().contains('\u{1b}') && !made.to_string().contains("\nwarning: all is lost"), "{made}");
    assert!(listed(&bench).contains(&format!("docs/{name}")));
}

/// On a new computer before the restore, or where a drive is not plugged in: the point without it does not count like others.
#[test]
fn a_configured_folder_that_is_not_there_is_an_alarm_and_the_points_that_have_it_stay() {
    let bench = crate::harness::bench();
    for name in ["data", "photos"] {
        fs::create_dir(bench.path(name)).expect("new");
        fs::write(bench.path(&format!("{name}/a")), name).expect("writable");
    }
    let job = "[job.data]\nsource = { folders = [\"data\", \"photos\"] }\noffsite = [\"usb\"]\nkeep = { last = 1 }\n";
    bench.configure(&format!("{job}[destination.usb]\nurl = \"file://{}\"\n", bench.text("usb")));
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    let whole = fixtures::bench::as_text(&bench.points()[0]["id"]);
    fs::rename(bench.path("photos"), bench.path("away")).expect("one file system");
    let _ = bench.engine(&["run", "--once"]).exits(3).says("held 1 files and is not there now");
    let _ = bench.engine(&["run", "--once"]).exits(3);
    assert!(bench.complete_at("usb").contains(&whole), "{:?}", bench.points());
    assert!(bench.done(&["status"])["jobs"][0]["problems"].to_string().contains("is not there now"));
    fs::rename(bench.path("away"), bench.path("photos")).expect("one file system");
    bench.done(&["alarm", "clear", "data"]);
    bench.done(&["run", "--once"]);
    assert_eq!(bench.complete_at("usb").len(), 1, "keep counts again");
}

//! Jobs that adopt the recovery points of another program.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use fixtures::Bench;
use fixtures::bench::{as_text, state_at, text, wait_until};
use fixtures::data::noise;
use serde_json::Value;

use crate::harness::bench;

/// A bench with a job of what lies in `foreign`, of these further keys, and one destination; prepared.
fn adopting(keys: &str) -> Bench {
    with_job(keys, "")
}

/// The same with further lines for the job.
fn with_job(keys: &str, lines: &str) -> Bench {
    let bench = bench();
    let _ = bench.folder("foreign");
    configure(&bench, keys, lines);
    bench.done(&["init"]);
    bench
}

fn configure(bench: &Bench, keys: &str, lines: &str) {
    bench.configure(&format!(
        "[job.images]\nsource = {{ recovery-points = \"{0}/foreign\", settle = \"1s\"{keys} }}\noffsite = [\"usb\"]\n{lines}\n\
         [destination.usb]\nurl = \"file://{0}/usb\"\n",
        bench.path("").display()
    ));
}

/// A file of the other program's, of so many bytes of noise.
fn write(bench: &Bench, name: &str, seed: u64, bytes: usize) {
    let path = bench.path("foreign").join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, noise(seed, bytes)).expect("written");
}

/// What was adopted by this run, oldest first.
fn adopted(report: &Value) -> Vec<String> {
    report["points"].as_array().expect("points").iter().map(|point| as_text(&point["adopted"])).collect()
}

fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let found = fixtures::data::inventory(folder).expect("readable");
    found.into_iter().filter_map(|(path, bytes)| Some((path, bytes?))).collect()
}

fn restored(bench: &Bench, point: &str, from: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let to = tempfile::tempdir().expect("a folder");
    bench.done(&["restore", point, "--from", from, "--to", &text(to.path()), "--overwrite"]);
    files_below(to.path())
}

#[test]
fn a_chain_is_adopted_base_first_and_comes_back_whole_with_its_newest_point() {
    let bench = adopting(", grouping = \"ghost\"");
    for (seed, name) in (1..).zip(["CF001.v2i", "CF001_S01.v2i", "CF001_i001.iv2i", "CF001_i002.iv2i", "PC.sv2i"]) {
        write(&bench, name, seed, 300_000);
    }
    let report = bench.done(&["backup"]);
    assert_eq!(adopted(&report), ["CF001", "CF001_i001", "CF001_i002"], "{report:#}");
    let points = bench.points();
    let base = |at: usize| points[at]["base"].clone();
    assert_eq!([base(0), base(1), base(2)], [points[1]["id"].clone(), points[2]["id"].clone(), Value::Null]);
    bench.done(&["copy"]);
    assert_eq!(bench.complete_at("usb").len(), 3);
    let all = files_below(&bench.path("foreign"));
    assert!(restored(&bench, "images", "usb") == all, "the chain with its last member");
    assert_eq!(restored(&bench, "images~2", "usb").len(), 3, "the base is two files, and the index");

    assert_eq!(adopted(&bench.done(&["backup"])), Vec::<String>::new(), "once");
    write(&bench, "CF001_i003.iv2i", 9, 100_000);
    assert_eq!(adopted(&bench.done(&["run", "--once"])), ["CF001_i003"]);
    assert_eq!(bench.points()[0]["base"], points[0]["id"]);
    assert_eq!(bench.complete_at("usb").len(), 4);
    assert!(restored(&bench, "images", "usb") == files_below(&bench.path("foreign")));
}

#[test]
fn on_a_computer_that_has_nothing_a_chain_comes_back_whole() {
    let bench = adopting(", grouping = \"ghost\"");
    write(&bench, "CF001.v2i", 1, 300_000);
    write(&bench, "CF001_i001.iv2i", 2, 300_000);
    bench.done(&["run", "--once"]);
    let to = bench.path("to");
    let from = format!("file://{}", bench.path("usb").display());
    let (passphrase, target) = (bench.text("passphrase"), text(&to));
    bench.done(&["recover", "--from", &from, "--passphrase-file", &passphrase, "--to", &target]);
    assert!(files_below(&to) == files_below(&bench.path("foreign")));
}

#[test]
fn a_missing_member_is_told_of_and_no_part_is_taken_for_the_whole_until_it_comes() {
    let bench = adopting(", grouping = \"ghost\"");
    write(&bench, "CF001.v2i", 1, 100_000);
    write(&bench, "CF001_i002.iv2i", 3, 100_000);
    write(&bench, "CF001_i003.iv2i", 4, 100_000);
    write(&bench, "DF001.v2i", 5, 100_000);
    write(&bench, "DF001_S02.v2i", 6, 100_000);
    let ran = bench.engine(&["backup", "--json"]).exits(3).says("CF001_i001");
    let report = ran.json();
    assert_eq!(adopted(&report), ["CF001"]);
    let broken: Vec<_> = report["broken"].as_array().expect("a list").iter().map(|it| as_text(&it["point"])).collect();
    assert_eq!(broken, ["CF001_i002", "CF001_i003", "DF001"], "{report:#}");
    assert!(report["broken"][2]["problem"].to_string().contains("DF001_S01.v2i is missing"), "{report:#}");
    let status = bench.done(&["status"]);
    assert!(status["jobs"][0]["problems"].to_string().contains("DF001 is broken"), "{status:#}");

    write(&bench, "DF001_S01.v2i", 7, 100_000);
    write(&bench, "CF001_i001.iv2i", 2, 100_000);
    let report = bench.done(&["backup"]);
    assert_eq!(adopted(&report).len(), 4, "{report:#}");
    bench.done(&["copy"]);
    assert!(bench.complete_at("usb").len() == 5);
    let status = bench.done(&["status"]);
    assert!(!status["jobs"][0]["problems"].to_string().contains("broken"), "{status:#}");
}

#[test]
fn a_file_that_is_written_is_left_alone_until_it_is_finished() {
    let bench = adopting(", grouping = \"ghost\"");
    write(&bench, "CF001.v2i", 1, 100_000);
    let late = bench.path("foreign/CF001_i001.iv2i");
    let mut writer = fs::File::create(&late).expect("made");
    writer.write_all(&noise(2, 50_000)).expect("written");
    let ran = bench.engine(&["backup", "--json"]).exits(0).says("CF001_i001.iv2i is open for writing");
    assert_eq!(adopted(&ran.json()), ["CF001"]);
    writer.write_all(&noise(3, 50_000)).expect("nobody disturbed it");
    drop(writer);
    write(&bench, "CF001_i002.iv2i", 4, 0);
    let ran = bench.engine(&["backup", "--json"]).exits(0).says("CF001_i002.iv2i is empty");
    assert_eq!(adopted(&ran.json()), ["CF001_i001"]);
    assert_eq!(restored(&bench, "images", "home").len(), 2);
}

#[test]
fn what_changes_or_vanishes_afterwards_is_told_of_and_what_was_copied_stays() {
    let bench = adopting(", grouping = \"ghost\"");
    write(&bench, "CF001.v2i", 1, 100_000);
    write(&bench, "CF002.v2i", 2, 100_000);
    bench.done(&["run", "--once"]);
    let before = [restored(&bench, "images", "usb"), restored(&bench, "images~1", "usb")];
    let ids: Vec<String> = bench.points().iter().map(|point| as_text(&point["id"])).collect();

    fs::remove_file(bench.path("foreign/CF001.v2i")).expect("removed");
    write(&bench, "CF002.v2i", 3, 100_000);
    let ran = bench.engine(&["backup", "--json"]).exits(3).says("CF001 is not in").says("its copies stay");
    let problems = ran.json()["points"][0]["problems"].to_string();
    assert!(problems.contains("has changed") && problems.contains("CF002.v2i"), "{problems}");
    let ran = bench.engine(&["backup"]).exits(0);
    assert!(!ran.err.contains("CF001"), "told once: {ran}");
    bench.done(&["copy"]);
    assert!(restored(&bench, &ids[0], "usb") == before[0] && restored(&bench, &ids[1], "usb") == before[1]);
    assert_eq!(bench.complete_at("usb").len(), 3);
    let _ = bench.engine(&["explain", &ids[1]]).exits(0).says("is not in");
}

#[test]
fn dumps_that_change_little_cost_what_changed() {
    let bench = adopting(", grouping = \"file\"");
    let mut dump = noise(1, 12_000_000);
    // What a night costs is chance, as the cuts are: all of them together are not.
    let mut nights = 0;
    for night in 0..5 {
        dump[night * 2_100_000..][..20_000].copy_from_slice(&noise(100 + night as u64, 20_000));
        fs::write(bench.path(&format!("foreign/dump-{night}.bak")), &dump).expect("written");
        let report = bench.done(&["backup"]);
        let stored = report["points"][0]["stored-bytes"].as_u64().expect("a number");
        nights += if night == 0 { 0 } else { stored };
    }
    assert!(nights < 16_000_000, "{nights} of 48 MB");
    // One that is written over under its name is a new point.
    fs::write(bench.path("foreign/dump-4.bak"), noise(9, 1_000)).expect("written");
    assert_eq!(adopted(&bench.done(&["backup"])), ["dump-4.bak"]);
    assert_eq!(bench.points().len(), 6);
}

#[test]
fn folders_are_points_once_their_marker_is_there() {
    let bench = adopting(", grouping = \"folder\", marker = \"DONE\"");
    for (seed, name) in (1..).zip(["mon/a", "mon/deep/b", "mon/DONE", "tue/a", "stray"]) {
        write(&bench, name, seed, 10_000);
    }
    let ran = bench.engine(&["backup", "--json"]).exits(0).says("its marker `DONE` is not there").says("stray");
    assert_eq!(adopted(&ran.json()), ["mon"]);
    let names: Vec<String> = restored(&bench, "images", "home").into_keys().map(|path| text(&path)).collect();
    assert_eq!(names, ["mon/DONE", "mon/a", "mon/deep/b"]);
    write(&bench, "tue/DONE", 9, 1);
    assert_eq!(adopted(&bench.done(&["backup"])), ["tue"]);
}

#[test]
fn a_pattern_names_sets_points_and_bases() {
    let pattern = r#", grouping = { pattern = '^(?<set>\w+)-(?<point>\d+)(-on-(?<base>\d+))?\.img$' }"#;
    let bench = adopting(pattern);
    for (seed, name) in (1..).zip(["disk-1.img", "disk-2-on-1.img", "disk-4-on-3.img"]) {
        write(&bench, name, seed, 10_000);
    }
    let report = bench.engine(&["backup", "--json"]).exits(3).json();
    assert_eq!(adopted(&report), ["disk/1", "disk/2"]);
    assert!(report["broken"][0]["problem"].to_string().contains("disk/3"), "{report:#}");
    configure(&bench, r#", grouping = { pattern = "(?<set>a)(?<point>b)(?<base>c" }"#, "");
    let _ = bench.engine(&["backup"]).exits(2).says("pattern");
}

#[test]
fn retention_takes_whole_chains_and_never_a_base_that_is_needed() {
    let bench = with_job(", grouping = \"ghost\"", "keep = { last = 1 }");
    for (seed, name) in (1..).zip(["CF001.v2i", "CF001_i001.iv2i", "CF001_i002.iv2i"]) {
        write(&bench, name, seed, 100_000);
    }
    bench.done(&["run", "--once"]);
    assert_eq!(bench.complete_at("usb").len(), 3, "the last point needs all of them");
    bench.done(&["forget"]);
    assert_eq!((bench.complete_at("usb").len(), bench.complete_at("home").len()), (3, 3));
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    write(&bench, "CF002.v2i", 9, 100_000);
    for _ in 0..3 {
        bench.done(&["run", "--once"]);
        bench.done(&["forget"]);
    }
    let newest = as_text(&bench.points()[0]["id"]);
    for place in ["usb", "home"] {
        assert_eq!(bench.complete_at(place), std::slice::from_ref(&newest), "the old chain goes whole");
    }
}

#[test]
fn after_a_rebuild_what_lies_at_home_is_not_adopted_again() {
    let bench = adopting(", grouping = \"ghost\"");
    write(&bench, "CF001.v2i", 1, 100_000);
    write(&bench, "CF001_i001.iv2i", 2, 100_000);
    bench.done(&["run", "--once"]);
    fs::remove_dir_all(bench.path("state")).expect("removed");
    bench.done(&["catalog", "rebuild"]);
    write(&bench, "CF001_i002.iv2i", 3, 100_000);
    assert_eq!(adopted(&bench.done(&["backup"])), ["CF001_i002"]);
    let points = bench.points();
    assert_eq!((points.len(), &points[0]["base"]), (3, &points[1]["id"]));
}

#[test]
fn a_dry_run_says_what_would_be_adopted_and_what_lacks_something() {
    let bench = adopting(", grouping = \"ghost\"");
    write(&bench, "CF001.v2i", 1, 100_000);
    write(&bench, "CF001_i002.iv2i", 2, 100_000);
    let report = bench.engine(&["backup", "--dry-run", "--json"]).exits(3).json();
    assert_eq!((adopted(&report), &report["points"][0]["id"]), (vec!["CF001".to_owned()], &Value::Null));
    assert!(report["broken"][0]["problem"].to_string().contains("CF001_i001 is missing"), "{report:#}");
    assert!(bench.points().is_empty());
}

#[test]
fn a_folder_that_is_not_there_makes_no_point_and_says_so() {
    let bench = adopting("");
    fs::remove_dir(bench.path("foreign")).expect("removed");
    let _ = bench.engine(&["backup"]).exits(1).says("foreign").says("is a drive not mounted?");
}

#[test]
fn where_a_base_is_damaged_nothing_that_is_built_on_it_is_called_complete() {
    let bench = adopting(", grouping = \"ghost\"");
    write(&bench, "CF001.v2i", 1, 400_000);
    bench.done(&["backup"]);
    let packs = |bench: &Bench| -> Vec<PathBuf> {
        let all = fixtures::bench::objects(&bench.path("usb")).into_iter().map(|(path, _)| path);
        all.filter(|path| text(path).contains("/packs/")).collect()
    };
    bench.done(&["copy"]);
    let of_base = packs(&bench);
    write(&bench, "CF001_i001.iv2i", 2, 400_000);
    bench.done(&["run", "--once"]);
    assert_eq!(bench.complete_at("usb").len(), 2);
    for pack in of_base {
        fs::write(pack, b"no pack").expect("written");
    }
    let _ = bench.engine(&["verify", "usb"]).exits(4);
    assert_eq!(bench.complete_at("usb"), Vec::<String>::new());
    let states: Vec<_> = bench.points().iter().map(|point| state_at(point, "usb")).collect();
    assert_eq!(states, [Some("damaged".to_owned()), Some("damaged".to_owned())]);
    let _ = bench.engine(&["restore", "images", "--from", "usb", "--to", &bench.text("to")]).exits(4);
    assert_eq!(restored(&bench, "images", "home").len(), 2, "home has it whole");
    bench.done(&["verify", "usb", "--repair"]);
    assert_eq!(bench.complete_at("usb").len(), 2);
}

#[test]
fn the_service_notices_what_comes_at_once_and_copies_it() {
    let bench = adopting(", grouping = \"ghost\", watch = true");
    write(&bench, "CF001.v2i", 1, 50_000);
    let service = bench.begin(&["run"]);
    wait_until("what lay there is adopted", || bench.complete_at("usb").len() == 1);
    for (count, name) in [(2, "CF001_i001.iv2i"), (3, "deep/er/DF001.v2i"), (4, "deep/er/DF001_i001.iv2i")] {
        write(&bench, name, count, 50_000);
        wait_until(name, || bench.complete_at("usb").len() as u64 == count);
    }
    service.signal(rustix::process::Signal::TERM);
    let _ = service.end().exits(0);
    assert_eq!(bench.points().len(), 4);
}

/// A file with a moment of its own, so many days after the first.
fn dated(bench: &Bench, name: &str, seed: u64, day: u64) {
    write(bench, name, seed, 60_000);
    let file = fs::File::options().write(true).open(bench.path("foreign").join(name)).expect("there");
    let moment = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000 + day * 86_400);
    file.set_modified(moment).expect("dated");
}

fn runs(bench: &Bench) {
    bench.done(&["run", "--once"]);
}

#[test]
fn each_drives_images_are_kept_by_themselves() {
    let bench = with_job(", grouping = \"ghost\"", "keep = { last = 1 }");
    dated(&bench, "CF001.v2i", 1, 1);
    dated(&bench, "DF001.v2i", 2, 2);
    runs(&bench);
    dated(&bench, "CF001_i001.iv2i", 3, 3);
    dated(&bench, "DF001_i001.iv2i", 4, 4);
    runs(&bench);
    runs(&bench);
    assert_eq!(bench.complete_at("usb").len(), 4, "{:#?}", bench.points());
    assert_eq!(restored(&bench, "images~1", "usb").len(), 2, "C: with its base");
}

#[test]
fn after_a_rebuild_nothing_older_comes_back_as_if_it_were_new() {
    let bench = with_job("", "keep = { last = 3 }");
    for day in 1..=7 {
        dated(&bench, &format!("d{day}.bak"), day, day);
    }
    runs(&bench);
    let kept = bench.complete_at("usb");
    assert_eq!(kept.len(), 3);
    fs::remove_dir_all(bench.path("state")).expect("removed");
    bench.done(&["catalog", "rebuild"]);
    for _ in 0..2 {
        let report = bench.done(&["run", "--once"]);
        assert_eq!(adopted(&report), Vec::<String>::new(), "{report:#}");
    }
    assert_eq!(bench.complete_at("usb"), kept);
    dated(&bench, "d8.bak", 8, 8);
    assert_eq!(adopted(&bench.done(&["backup"])), ["d8.bak"]);
}

#[test]
fn an_old_file_that_comes_late_does_not_displace_what_keep_holds() {
    let bench = with_job("", "keep = { last = 1 }");
    dated(&bench, "new.bak", 1, 9);
    runs(&bench);
    dated(&bench, "old.bak", 2, 1);
    let ran = bench.engine(&["run", "--once", "--json"]).exits(3).says("old.bak is broken").json();
    assert_eq!(adopted(&ran), Vec::<String>::new());
    assert_eq!(restored(&bench, "images", "usb").into_keys().collect::<Vec<_>>(), [PathBuf::from("new.bak")]);
}

#[test]
fn a_folder_that_is_being_deleted_is_no_new_point() {
    let bench = with_job(", grouping = \"folder\"", "keep = { last = 2 }");
    for (seed, name) in (1..).zip(["mon/1", "mon/2", "mon/3", "mon/none", "tue/1", "tue/2"]) {
        write(&bench, name, seed, if name == "mon/none" { 0 } else { 10_000 });
    }
    runs(&bench);
    for name in ["mon/1", "mon/2"] {
        fs::remove_file(bench.path("foreign").join(name)).expect("removed");
        let ran = bench.engine(&["run", "--once", "--json"]).exits(0);
        assert_eq!(adopted(&ran.json()), Vec::<String>::new());
    }
    assert_eq!(bench.complete_at("usb").len(), 2);
    let all = [restored(&bench, "images", "usb").len(), restored(&bench, "images~1", "usb").len()];
    assert_eq!(all.iter().sum::<usize>(), 6, "an empty file among them");
}

#[test]
fn a_base_that_was_removed_comes_again_with_what_is_built_on_it() {
    let bench = adopting(", grouping = \"ghost\"");
    dated(&bench, "CF001.v2i", 1, 1);
    runs(&bench);
    let base = as_text(&bench.points()[0]["id"]);
    bench.done(&["forget", "--point", &base]);
    assert_eq!(adopted(&bench.done(&["backup"])), Vec::<String>::new(), "what was removed stays removed");
    dated(&bench, "CF001_i001.iv2i", 2, 2);
    assert_eq!(adopted(&bench.done(&["run", "--once"])), ["CF001", "CF001_i001"]);
    assert!(restored(&bench, "images", "usb") == files_below(&bench.path("foreign")));
}

#[test]
fn a_late_member_in_the_middle_and_a_new_chain_under_old_names_never_mix_with_what_was() {
    let bench = adopting(", grouping = \"veeam\"");
    dated(&bench, "JobD2026-11-01T220000.vbk", 1, 1);
    dated(&bench, "JobD2026-11-03T220000.vib", 3, 3);
    runs(&bench);
    dated(&bench, "JobD2026-11-02T220000.vib", 2, 2);
    dated(&bench, "JobD2026-11-04T220000.vib", 4, 4);
    let report = bench.done(&["run", "--once"]);
    let again = ["JobD2026-11-02T220000.vib", "JobD2026-11-03T220000.vib", "JobD2026-11-04T220000.vib"];
    assert_eq!(adopted(&report), again, "what is built on the late one is adopted on it");
    assert_eq!(restored(&bench, "images", "usb").len(), 4);

    let bench = adopting(", grouping = \"ghost\"");
    for (seed, name) in (1..).zip(["CF001.v2i", "CF001_i001.iv2i", "CF001_i002.iv2i"]) {
        dated(&bench, name, seed, seed);
    }
    runs(&bench);
    fs::remove_file(bench.path("foreign/CF001_i002.iv2i")).expect("removed");
    dated(&bench, "CF001.v2i", 11, 11);
    dated(&bench, "CF001_i001.iv2i", 12, 12);
    dated(&bench, "CF001_i003.iv2i", 14, 14);
    let ran = bench.engine(&["run", "--once", "--json"]).exits(3);
    assert_eq!(adopted(&ran.json()), ["CF001", "CF001_i001"]);
    assert!(ran.json()["broken"].to_string().contains("CF001_i003"), "not on the former chain's i002");
    fs::remove_file(bench.path("foreign/CF001_i003.iv2i")).expect("removed");
    assert!(restored(&bench, "images", "usb") == files_below(&bench.path("foreign")));
}

#[test]
fn two_files_for_one_part_are_no_point() {
    let bench = adopting(", grouping = \"ghost\"");
    for (seed, name) in (1..).zip(["CF001.v2i", "CF001_S01.v2i", "CF001_s01.v2i"]) {
        write(&bench, name, seed, 10_000);
    }
    let ran = bench.engine(&["backup", "--json"]).exits(3).says("one file where there are two");
    assert_eq!(adopted(&ran.json()), Vec::<String>::new());
}

#[test]
fn what_the_jobs_command_makes_is_adopted_in_the_same_run() {
    let bench = adopting("");
    let dir = bench.path("").display().to_string();
    let lines = format!("before = \"head -c 50000 /dev/zero >{dir}/foreign/dump.bak\"");
    configure(&bench, "", &lines);
    assert_eq!(adopted(&bench.done(&["backup"])), ["dump.bak"]);
}

//! Mirrors: another program's recovery points, as the files that they are, on a drive that it opens them from.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use fixtures::bench::{as_text, leftovers, state_at, text, wait_until};
use fixtures::data::noise;
use fixtures::foreign::FOREIGN;
use fixtures::{Bench, ForeignDrive};
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::bench;

/// A bench with a job that adopts Ghost's images in `foreign`, and a mirror `usb` of these further keys; prepared.
fn mirroring(job: &str, keys: &str) -> Bench {
    let bench = bench();
    let _ = bench.folder("foreign");
    configure(&bench, job, keys);
    bench.done(&["init"]);
    bench
}

fn configure(bench: &Bench, job: &str, keys: &str) {
    bench.configure(&format!(
        "[job.images]\nsource = {{ recovery-points = \"{0}/foreign\", grouping = \"ghost\", settle = \"1s\" }}\n\
         offsite = [\"usb\"]\n{job}\n\
         [destination.usb]\nurl = \"file://{0}/usb\"\nlayout = \"mirror\"\nencrypt = false\n{keys}\n",
        bench.path("").display()
    ));
}

fn write(bench: &Bench, name: &str, seed: u64, bytes: usize) {
    let path = bench.path("foreign").join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, noise(seed, bytes)).expect("written");
}

fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let found = fixtures::data::inventory(folder).expect("readable");
    found.into_iter().filter_map(|(path, bytes)| Some((path, bytes?))).collect()
}

/// What another program sees on the mirror.
fn seen(bench: &Bench) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = files_below(&bench.path("usb"));
    all.retain(|path, _| !path.starts_with(".offsite"));
    all
}

fn restored(bench: &Bench, point: &str, from: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let to = tempfile::tempdir().expect("a folder");
    bench.done(&["restore", point, "--from", from, "--to", &text(to.path()), "--overwrite"]);
    files_below(to.path())
}

#[test]
fn the_files_lie_there_as_the_other_program_made_them_and_come_back_from_there_alone() {
    let bench = mirroring("", "");
    for (seed, name) in (1..).zip(["Büro C/Drive F001.v2i", "Büro C/Drive F001_S01.v2i", "Büro C/Drive F001_i001.iv2i"])
    {
        write(&bench, name, seed, 3_000_000);
    }
    bench.done(&["run", "--once"]);
    assert!(seen(&bench) == files_below(&bench.path("foreign")), "{:?}", seen(&bench).keys());
    assert_eq!(bench.complete_at("usb").len(), 2);
    assert_eq!(bench.points()[0]["placements"][1]["proof"], "bytes-read");
    let verified = bench.done(&["verify", "usb"]);
    assert!(verified["places"][0]["bytes"].as_u64().expect("a number") > 9_000_000, "{verified:#}");

    fs::remove_dir_all(bench.path("vault")).expect("home is gone");
    assert!(restored(&bench, "images", "usb") == files_below(&bench.path("foreign")), "chain and all");
    let to = bench.path("to");
    let from = format!("file://{}", bench.path("usb").display());
    bench.done(&["recover", "--from", &from, "--passphrase-file", &bench.text("passphrase"), "--to", &text(&to)]);
    assert!(files_below(&to) == files_below(&bench.path("foreign")));
}

#[test]
fn nothing_of_the_content_lies_there_twice() {
    let bench = mirroring("", "");
    write(&bench, "CF001.v2i", 1, 5_000_000);
    bench.done(&["run", "--once"]);
    let bytes: usize = files_below(&bench.path("usb")).values().map(Vec::len).sum();
    assert!(bytes < 5_100_000, "{bytes}");
    let used = bench.done(&["status"])["destinations"][0]["used-bytes"].as_u64().expect("a number");
    assert!((5_000_000..5_100_000).contains(&used), "{used}");
}

#[test]
fn an_index_that_is_written_anew_is_the_newest_on_the_drive_and_each_points_own_when_restored() {
    let bench = mirroring("", "");
    write(&bench, "CF001.v2i", 1, 100_000);
    write(&bench, "PC.sv2i", 2, 5_000);
    bench.done(&["run", "--once"]);
    let first = files_below(&bench.path("foreign"));
    write(&bench, "DF001.v2i", 3, 100_000);
    write(&bench, "PC.sv2i", 4, 5_000);
    bench.done(&["run", "--once"]);
    assert!(seen(&bench) == files_below(&bench.path("foreign")), "{:?}", seen(&bench).keys());
    assert!(restored(&bench, "images~1", "usb") == first, "the first point with its own index");
    bench.done(&["verify"]);
    bench.done(&["forget", "--point", &as_text(&bench.points()[1]["id"])]);
    bench.done(&["run", "--once"]);
    assert_eq!(seen(&bench).len(), 2, "{:?}", seen(&bench).keys());
    bench.done(&["verify"]);
}

#[test]
fn the_oldest_chain_makes_room_and_its_files_go() {
    let bench = mirroring("", "limit = 700_000");
    for (seed, name) in (1..).zip(["CF001.v2i", "CF001_i001.iv2i", "CF002.v2i", "CF002_i001.iv2i"]) {
        write(&bench, name, seed, 150_000);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    bench.done(&["run", "--once"]);
    write(&bench, "CF003.v2i", 9, 150_000);
    let ran = bench.done(&["run", "--once"]);
    assert_eq!(ran["evicted"].as_array().expect("a list").len(), 2, "{ran:#}");
    let names: Vec<_> = seen(&bench).into_keys().map(|path| text(&path)).collect();
    assert_eq!(names, ["CF002.v2i", "CF002_i001.iv2i", "CF003.v2i"]);
    assert!(bench.path("foreign/CF001.v2i").exists(), "the other program's own files are its own");
    bench.done(&["verify"]);
}

#[test]
fn a_file_that_is_not_ours_is_never_touched_and_the_others_are_copied() {
    let bench = mirroring("", "");
    write(&bench, "CF001.v2i", 1, 100_000);
    write(&bench, "DF001.v2i", 2, 100_000);
    fs::write(bench.path("usb/DF001.v2i"), "holiday").expect("written");
    fs::write(bench.path("usb/photo.jpg"), "photo").expect("written");
    let _ =
        bench.engine(&["run", "--once"]).exits(3).says("DF001.v2i does not fit this mirror: another file of that name");
    assert_eq!(bench.complete_at("usb").len(), 1);
    let seen = seen(&bench);
    assert_eq!(seen[Path::new("DF001.v2i")], b"holiday");
    assert_eq!(seen[Path::new("photo.jpg")], b"photo");
    assert!(seen.contains_key(Path::new("CF001.v2i")));
    fs::rename(bench.path("usb/DF001.v2i"), bench.path("usb/mine")).expect("moved aside");
    bench.done(&["run", "--once"]);
    assert_eq!(bench.complete_at("usb").len(), 2);
}

#[test]
fn what_vanishes_or_changes_afterwards_is_told_and_the_copy_stays() {
    let bench = mirroring("", "");
    write(&bench, "CF001.v2i", 1, 100_000);
    write(&bench, "DF001.v2i", 2, 100_000);
    bench.done(&["run", "--once"]);
    let before = seen(&bench);
    fs::remove_file(bench.path("foreign/CF001.v2i")).expect("removed");
    write(&bench, "DF001.v2i", 3, 100_000);
    let _ = bench.engine(&["run", "--once"]).says("CF001");
    let after = seen(&bench);
    assert_eq!(after[Path::new("CF001.v2i")], before[Path::new("CF001.v2i")]);
    let images: Vec<_> = bench.points().iter().map(|point| as_text(&point["id"])).collect();
    let oldest = images.last().expect("some");
    assert_eq!(restored(&bench, oldest, "usb").len(), 1, "{images:?}");
    bench.done(&["verify", "usb"]);
}

#[test]
fn damage_on_the_drive_is_found_named_and_repaired() {
    let bench = mirroring("", "");
    write(&bench, "CF001.v2i", 1, 3_000_000);
    bench.done(&["run", "--once"]);
    let file = bench.path("usb/CF001.v2i");
    fs::File::options().write(true).open(&file).expect("opened").write_at(b"rot", 1_500_000).expect("written");
    let report = bench.engine(&["verify", "usb", "--json"]).exits(4).json();
    assert_eq!(report["places"][0]["damaged"][0]["object"], "CF001.v2i", "{report:#}");
    assert_eq!(state_at(&bench.points()[0], "usb").as_deref(), Some("damaged"));
    let _ = bench.engine(&["restore", "images", "--from", "usb", "--to", &bench.text("to")]).exits(4).says("CF001.v2i");
    bench.done(&["verify", "usb", "--repair"]);
    assert!(fs::read(&file).expect("there") == fs::read(bench.path("foreign/CF001.v2i")).expect("there"));
    assert_eq!(bench.complete_at("usb").len(), 1);

    fs::remove_file(&file).expect("removed");
    let _ = bench.engine(&["verify", "usb"]).exits(4).says("CF001.v2i");
    bench.done(&["run", "--once"]);
    assert!(file.exists());
    bench.done(&["verify"]);
}

#[test]
fn a_copy_that_is_killed_goes_on_in_mid_file() {
    let bench = mirroring("", "rate = \"4 MiB/s\"");
    write(&bench, "CF001.v2i", 1, 24 << 20);
    bench.done(&["backup"]);
    let mut copy = bench.begin(&["copy"]);
    let coming = bench.path("usb/.tmp-CF001.v2i");
    let length = || fs::metadata(&coming).map_or(0, |it| it.len());
    wait_until("a part is there", || length() > 14 << 20 || copy.has_ended());
    copy.signal(Signal::KILL);
    let _ = copy.end();
    assert!(length() > 14 << 20 && !bench.path("usb/CF001.v2i").exists());
    let report = bench.done(&["copy"]);
    let sent = report["copies"][0]["bytes"].as_u64().expect("a number");
    // A checkpoint is taken each second, after what was sent in it.
    assert!(sent < 21 << 20, "what was there was sent anew: {sent}");
    assert!(seen(&bench) == files_below(&bench.path("foreign")));
    assert_eq!(leftovers(&bench.path("usb")), Vec::<PathBuf>::new());
}

#[test]
fn a_catalog_that_is_lost_is_rebuilt_from_a_mirror() {
    let bench = mirroring("", "");
    write(&bench, "CF001.v2i", 1, 200_000);
    write(&bench, "CF001_i001.iv2i", 2, 200_000);
    bench.done(&["run", "--once"]);
    fs::remove_dir_all(bench.path("state")).expect("lost");
    fs::remove_dir_all(bench.path("vault")).expect("lost");
    let _ = bench.engine(&["catalog", "rebuild", "--from", "usb"]);
    assert_eq!(bench.points().len(), 2);
    assert!(restored(&bench, "images", "usb") == files_below(&bench.path("foreign")));
    let _ = bench.engine(&["run", "--once"]);
    write(&bench, "CF001_i002.iv2i", 3, 200_000);
    let _ = bench.engine(&["run", "--once"]);
    assert!(seen(&bench) == files_below(&bench.path("foreign")), "{:?}", seen(&bench).keys());
    assert_eq!(bench.complete_at("usb").len(), 3, "{:#?}", bench.points());
}

#[test]
fn a_vault_beside_a_mirror_is_served_from_home_and_not_from_files() {
    let bench = bench();
    let _ = bench.folder("foreign");
    let sections = |keep: &str| {
        format!(
            "[job.images]\nsource = {{ recovery-points = \"{0}/foreign\", grouping = \"file\", settle = \"1s\" }}\n\
             offsite = [\"usb\", \"office\"]\n{keep}\n\
             [destination.usb]\nurl = \"file://{0}/usb\"\nlayout = \"mirror\"\nencrypt = false\n\
             [destination.office]\nurl = \"file://{0}/office\"\n",
            bench.path("").display()
        )
    };
    bench.configure(&sections(""));
    bench.done(&["init"]);
    fs::rename(bench.path("office"), bench.path("away")).expect("moved");
    write(&bench, "one", 1, 200_000);
    let _ = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!(bench.complete_at("usb").len(), 1);
    fs::rename(bench.path("away"), bench.path("office")).expect("moved");
    bench.done(&["copy"]);
    assert_eq!(bench.complete_at("office").len(), 1);
    assert!(restored(&bench, "images", "office") == files_below(&bench.path("foreign")));

    let packs = bench.path("vault/packs");
    fs::rename(&packs, bench.path("lost")).expect("moved");
    assert!(restored(&bench, "images", "usb") == files_below(&bench.path("foreign")));
    let _ = bench.engine(&["verify", "home"]).exits(4);
    bench.done(&["verify", "home", "--repair"]);
    assert!(restored(&bench, "images", "home") == files_below(&bench.path("foreign")));
}

#[test]
fn what_a_drive_of_another_system_can_not_hold_is_told_and_the_rest_is_copied() {
    for file_system in FOREIGN {
        let Some(drive) = ForeignDrive::new(file_system, 48 << 20) else { continue };
        let bench = bench();
        let _ = bench.folder("foreign");
        bench.configure(&format!(
            "[job.images]\nsource = {{ recovery-points = \"foreign\", settle = \"1s\" }}\noffsite = [\"usb\"]\n\
             [destination.usb]\nurl = \"file://{}/mirror\"\nlayout = \"mirror\"\nencrypt = false\nreserve = 0\n",
            drive.path().display()
        ));
        bench.done(&["init"]);
        write(&bench, "good one.img", 1, 100_000);
        write(&bench, "drive C: 12.img", 2, 100_000);
        for name in ["Case.img", "CASE.IMG"] {
            write(&bench, name, 3, 100_000);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        if file_system == "fat" {
            fs::File::create(bench.path("foreign/long.img"))
                .and_then(|file| file.set_len((2 << 30) + 1))
                .expect("made");
        }
        let ran = bench.engine(&["run", "--once"]).exits(3).says("drive C: 12.img does not fit this mirror");
        if file_system == "fat" {
            let _ = ran.says("long.img does not fit this mirror: a file there has 2147483647 bytes at most");
        }
        let there = files_below(&drive.path().join("mirror"));
        assert_eq!(there[Path::new("good one.img")], noise(1, 100_000), "{file_system}");
        assert_eq!(bench.complete_at("usb").len(), 3, "{file_system}: {:#?}", bench.points());
        bench.done(&["verify", "usb"]);
        let told = bench.done(&["status"]).to_string();
        assert!(told.contains("does not fit this mirror"), "{file_system}: {told}");
        assert_eq!(leftovers(&drive.path().join("mirror")), Vec::<PathBuf>::new(), "{file_system}");
        // Two names that are one there: what is forgotten of the one does not take the other.
        let named = |name: &str| {
            let points = bench.points();
            let of = |point: &&Value| restored(&bench, &as_text(&point["id"]), "home").contains_key(Path::new(name));
            as_text(&points.iter().find(of).expect("a point of it")["id"])
        };
        let (older, newer) = (named("Case.img"), named("CASE.IMG"));
        bench.done(&["forget", "--point", &older]);
        assert_eq!(restored(&bench, &newer, "usb").len(), 1, "{file_system}");
        bench.done(&["verify", "usb"]);
    }
}

#[test]
fn an_index_that_rots_costs_its_own_point_and_no_other() {
    let bench = mirroring("", "limit = 1_000_000");
    for round in 1..5 {
        write(&bench, &format!("C{round}F001.v2i"), round, 100_000);
        write(&bench, "PC.sv2i", 100 + round, 5_000);
        bench.done(&["run", "--once"]);
    }
    let index = bench.path("usb/PC.sv2i");
    fs::File::options().write(true).open(&index).expect("opened").write_at(b"rot", 100).expect("written");
    for round in 5..8 {
        write(&bench, &format!("C{round}F001.v2i"), round, 100_000);
        write(&bench, "PC.sv2i", 100 + round, 5_000);
        let _ = bench.engine(&["run", "--once"]);
        assert_eq!(state_at(&bench.points()[0], "usb").as_deref(), Some("complete"), "round {round}");
    }
    assert!(fs::read(&index).expect("there") == noise(107, 5_000), "the newest has the name");
    let _ = bench.engine(&["verify", "usb", "--repair"]).exits(0);
    assert_eq!(bench.complete_at("usb").len(), 7);
    bench.done(&["verify"]);
}

#[test]
fn rot_is_healed_by_the_next_run_as_in_a_vault() {
    let bench = mirroring("", "");
    write(&bench, "CF001.v2i", 1, 200_000);
    bench.done(&["run", "--once"]);
    let file = bench.path("usb/CF001.v2i");
    fs::File::options().write(true).open(&file).expect("opened").write_at(b"rot", 100).expect("written");
    let _ = bench.engine(&["verify", "usb"]).exits(4);
    let _ = bench.engine(&["run", "--once"]);
    assert!(fs::read(&file).expect("there") == noise(1, 200_000));
    bench.done(&["verify"]);
}

#[test]
fn what_can_never_lie_there_takes_no_room_from_what_does_and_goes_to_the_next_destination() {
    let bench = mirroring("", "limit = 450_000");
    for round in 1..5 {
        write(&bench, &format!("C{round}F001.v2i"), round, 100_000);
    }
    bench.done(&["run", "--once"]);
    write(&bench, ".tmp-F001.v2i", 9, 100_000);
    fs::write(bench.path("usb/TheirsF001.v2i"), "theirs").expect("written");
    write(&bench, "TheirsF001.v2i", 10, 100_000);
    for _ in 0..3 {
        let _ = bench.engine(&["run", "--once"]).exits(3).says("does not fit this mirror");
    }
    let there = bench.complete_at("usb").len();
    assert!(there >= 3, "{there}");

    let other = bench.path("office");
    bench.configure(&format!(
        "[job.images]\nsource = {{ recovery-points = \"{0}/foreign\", grouping = \"ghost\", settle = \"1s\" }}\n\
         offsite = [\"usb\", \"office\"]\ncopies = \"first\"\n\
         [destination.usb]\nurl = \"file://{0}/usb\"\nlayout = \"mirror\"\nencrypt = false\n\
         [destination.office]\nurl = \"file://{1}\"\n",
        bench.path("").display(),
        other.display()
    ));
    bench.done(&["init"]);
    let _ = bench.engine(&["run", "--once"]);
    let _ = bench.engine(&["run", "--once"]);
    let unfit = |point: &&Value| state_at(point, "usb").as_deref() == Some("pending");
    let there = |point: &Value| state_at(point, "office").as_deref() == Some("complete");
    let points = bench.points();
    assert_eq!(points.iter().filter(unfit).filter(|point| there(point)).count(), 2, "{points:#?}");
}

#[test]
fn what_repeats_is_read_from_the_file_that_is_whole() {
    let bench = bench();
    let _ = bench.folder("foreign");
    bench.configure(&format!(
        "[job.images]\nsource = {{ recovery-points = \"{0}/foreign\", grouping = \"folder\", settle = \"1s\" }}\n\
         offsite = [\"usb\"]\n[destination.usb]\nurl = \"file://{0}/usb\"\nlayout = \"mirror\"\nencrypt = false\n",
        bench.path("").display()
    ));
    bench.done(&["init"]);
    write(&bench, "p1/a.jpg", 1, 300_000);
    write(&bench, "p1/b.jpg", 1, 300_000);
    write(&bench, "p1/VAULT", 2, 1_000);
    bench.done(&["run", "--once"]);
    fs::remove_file(bench.path("usb/p1/b.jpg")).expect("removed");
    fs::remove_dir_all(bench.path("vault")).expect("home is gone");
    assert!(restored(&bench, "images", "usb") == files_below(&bench.path("foreign")));
}

#[test]
fn a_vault_and_a_mirror_are_not_made_in_one_folder() {
    let bench = mirroring("", "");
    write(&bench, "VAULT", 1, 1_000);
    write(&bench, "CF001.v2i", 2, 100_000);
    bench.done(&["run", "--once"]);
    let mirror = fs::read_to_string(bench.path("offsite.toml")).expect("there");
    fs::write(bench.path("offsite.toml"), mirror.replace("layout = \"mirror\"\nencrypt = false", "")).expect("written");
    let _ = bench.engine(&["enrol", "usb"]).exits(1).says("layout = \"mirror\"");
    assert!(!bench.path("usb/VAULT.copy").exists());
}

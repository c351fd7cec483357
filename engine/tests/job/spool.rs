//! `home = false`: points only pass through home.
//!
//! The drives are real to the kernel: a folder beside home is on the same disk, and nothing leaves home for that.

use std::fs;
use std::path::PathBuf;

use fixtures::bench::{as_text, objects, state_at, text};
use fixtures::data::{Dice, noise, noisy_files};
use fixtures::{Bench, Drive};

use crate::harness::{Killer, bench, change, restores_as_it_is, restores_its_round};

pub(crate) const FILES: u64 = 12;

/// A job with these lines, and the drives `usb` and `office`.
fn two_drives(job: &str) -> Option<(Bench, Drive, Drive)> {
    two_drives_with(job, "")
}

/// The same, and lines of each drive's.
pub(crate) fn two_drives_with(job: &str, more: &str) -> Option<(Bench, Drive, Drive)> {
    let (usb, office) = (Drive::new("ext4")?, Drive::new("ext4")?);
    let bench = bench();
    noisy_files(&bench.path("data"), 1, FILES, 100_000).expect("writable");
    let place = |drive: &Drive| drive.path().join("offsite");
    let lines = format!("reserve = \"1 MiB\"\n{more}");
    bench.configure_simply(job, &[("usb", &place(&usb), &lines), ("office", &place(&office), &lines)]);
    bench.done(&["init"]);
    Some((bench, usb, office))
}

/// Packs and manifests at home.
fn at_home(bench: &Bench) -> Vec<PathBuf> {
    objects(&bench.path("vault")).into_iter().map(|(path, _)| path).collect()
}

fn states(bench: &Bench, place: &str) -> Vec<String> {
    bench.points().iter().map(|point| state_at(point, place).unwrap_or_default()).collect()
}

fn restores_without_a_place(bench: &Bench) {
    let target = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let to = target.path().join("to");
    let ran = bench.engine(&["restore", "data", "--to", &text(&to)]).exits(0);
    let restored = to.join(bench.path("data").strip_prefix("/").expect("absolute"));
    assert_eq!(fixtures::same(&bench.path("data"), &restored), Vec::<String>::new(), "{ran}");
    assert!(!ran.err.contains("damaged"), "{ran}");
}

#[test]
fn what_is_offsite_leaves_home_and_a_drive_that_was_away_gets_it_from_the_other() {
    let Some((bench, usb, office)) = two_drives("home = false") else { return };
    let mut dice = Dice::new(7);
    change(&bench, &mut dice, 0, FILES);
    bench.done(&["run", "--once"]);
    assert_eq!(at_home(&bench), Vec::<PathBuf>::new(), "nothing stays");
    assert_eq!(states(&bench, "home"), ["not-wanted"]);
    restores_without_a_place(&bench);
    office.unplug();
    for round in 1..=3 {
        change(&bench, &mut dice, round, FILES);
        let _ = bench.engine(&["run", "--once"]).exits(3);
        assert_eq!(state_at(&bench.points()[0], "usb").as_deref(), Some("complete"), "round {round}");
        assert_eq!(state_at(&bench.points()[0], "office").as_deref(), Some("pending"), "round {round}");
        assert_eq!(at_home(&bench), Vec::<PathBuf>::new(), "round {round}");
        restores_as_it_is(&bench, "usb");
        restores_without_a_place(&bench);
    }
    let told = bench.engine(&["explain", "data"]).exits(0);
    assert!(told.out.contains("spool: it is offsite"), "{told}");
    office.plug();
    bench.done(&["run", "--once"]);
    assert_eq!(states(&bench, "office"), ["complete"; 5]);
    for point in bench.complete_at("office") {
        restores_its_round(&bench, &point, "office");
    }
    bench.done(&["verify"]);
    assert_eq!(bench.done(&["status"])["jobs"][0]["problems"], serde_json::json!([]));
    drop(usb);
}

#[test]
fn a_copy_alone_lets_go_of_home_too_and_what_is_on_the_same_disk_keeps_it() {
    let Some((bench, _usb, _office)) = two_drives("home = false") else { return };
    bench.done(&["backup"]);
    assert_eq!(states(&bench, "home"), ["complete"]);
    bench.done(&["copy"]);
    assert_eq!(states(&bench, "home"), ["not-wanted"]);
    assert_eq!(at_home(&bench), Vec::<PathBuf>::new());
    let beside = crate::harness::prepared(2, 10_000, "home = false", &["usb"]);
    beside.done(&["run", "--once"]);
    assert_eq!(states(&beside, "usb"), ["complete"]);
    assert_eq!(states(&beside, "home"), ["complete"], "a copy on the same disk is none");
}

/// An incremental of another program whose base has left home: it is worth something there, and no damage.
#[test]
fn a_chain_passes_through_home_link_by_link() {
    let Some((bench, usb, office)) = two_drives("") else { return };
    let _ = bench.folder("ghost");
    let place =
        |drive: &Drive| format!("url = \"file://{}\"\nreserve = \"1 MiB\"\n", text(&drive.path().join("offsite")));
    bench.configure(&format!(
        "[job.data]\nsource = {{ recovery-points = \"ghost\", grouping = \"ghost\", settle = \"0s\" }}\nhome = false\n\
         offsite = [\"usb\", \"office\"]\n[destination.usb]\n{}[destination.office]\n{}",
        place(&usb),
        place(&office)
    ));
    let image = |name: &str, seed| fs::write(bench.path("ghost").join(name), noise(seed, 200_000)).expect("writable");
    image("diskF001.v2i", 1);
    bench.done(&["run", "--once"]);
    assert_eq!(states(&bench, "home"), ["not-wanted"]);
    usb.unplug();
    office.unplug();
    image("diskF001_i001.iv2i", 2);
    let _ = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!(states(&bench, "home"), ["present", "not-wanted"]);
    let problems = bench.done(&["status"])["jobs"][0]["problems"].to_string();
    assert!(!problems.contains("missing at") && !problems.contains("damaged at"), "{problems}");
    office.plug();
    let _ = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!(states(&bench, "office"), ["complete"; 2]);
    assert_eq!(states(&bench, "home"), ["not-wanted"; 2]);
    usb.plug();
    bench.done(&["run", "--once"]);
    assert_eq!(states(&bench, "usb"), ["complete"; 2]);
    bench.done(&["verify"]);
}

/// What is nowhere whole is lost: after each kill every point that was made restores from some place.
#[test]
fn a_spool_killed_at_any_moment_loses_no_point() {
    let Some((bench, _usb, _office)) = two_drives("home = false") else { return };
    let mut dice = Dice::new(20_261_122);
    let mut known = Vec::new();
    change(&bench, &mut dice, 0, FILES);
    let mut killer = Killer::after_a_whole_run(&bench);
    for round in 1..17 {
        change(&bench, &mut dice, round, FILES);
        killer.strike(&bench, &mut dice);
        let points: Vec<String> = bench.points().iter().map(|point| as_text(&point["id"])).collect();
        let lost = known.iter().filter(|point| !points.contains(point)).count();
        assert_eq!(lost, 0, "round {round}");
        known = points;
        if let Some(newest) = known.first() {
            let _ = bench.engine(&["dump", newest, &text(&bench.path("data/round"))]).exits(0);
        }
    }
    assert!(killer.killed > 4, "only {} were killed", killer.killed);
    bench.done(&["run", "--once"]);
    for place in ["usb", "office"] {
        assert_eq!(states(&bench, place), vec!["complete"; bench.points().len()], "{place}");
    }
    assert_eq!(at_home(&bench), Vec::<PathBuf>::new());
    for point in bench.complete_at("usb") {
        restores_its_round(&bench, &point, "usb");
    }
    bench.done(&["verify"]);
}

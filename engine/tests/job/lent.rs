//! `home = false`: points share with older ones what has left home since, where that lies offsite.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fixtures::bench::{as_text, objects, state_at, text};
use fixtures::data::{Dice, noise};
use fixtures::{Bench, Drive};

use crate::harness::{Killer, bench, restores_as_it_is};
use crate::spool::{at_home, states};

const BYTES: usize = 12 << 20;
/// A night of which this much is stored has shared most of it.
const LITTLE: u64 = (BYTES as u64) / 2;

/// A folder with one large file, which is changed a little each night.
fn nights(destinations: &[(&str, &Drive)], more: &str) -> Bench {
    let bench = bench();
    let _ = bench.folder("data");
    fs::write(bench.path("data/dump"), noise(1, BYTES)).expect("writable");
    let places: Vec<(&str, PathBuf)> =
        destinations.iter().map(|(name, drive)| (*name, drive.path().join("offsite"))).collect();
    let lines = format!("reserve = \"1 MiB\"\n{more}");
    let places: Vec<_> = places.iter().map(|(name, path)| (*name, path.as_path(), lines.as_str())).collect();
    bench.configure_simply("home = false", &places);
    bench.done(&["init"]);
    bench
}

/// The dump of another night; what each was stays beside it.
fn change(bench: &Bench, night: u64) {
    let path = bench.path("data/dump");
    let mut dump = fs::read(&path).expect("there");
    let at = usize::try_from(night * 977_000).expect("small") % (BYTES - 10_000);
    dump[at..at + 10_000].copy_from_slice(&noise(night + 100, 10_000));
    fs::write(&path, &dump).expect("writable");
    let _ = bench.folder("kept");
    fs::write(bench.path("kept").join(night.to_string()), &dump).expect("writable");
    fs::write(bench.path("data/night"), night.to_string()).expect("writable");
}

fn at_usb(drive: &Drive) -> u64 {
    objects(&drive.path().join("offsite")).iter().map(|(_, bytes)| bytes).sum()
}

fn packs(vault: &Path) -> BTreeSet<PathBuf> {
    let all = objects(vault).into_iter().map(|(path, _)| path);
    all.filter(|path| path.to_string_lossy().contains("/packs/")).collect()
}

fn stored(bench: &Bench) -> u64 {
    bench.points()[0]["stored-bytes"].as_u64().expect("a number")
}

fn restores_its_night(bench: &Bench, point: &str, place: &str) {
    let restored = bench.restored(point, place, &bench.path("data"));
    let night = fs::read_to_string(restored.path.join("night")).expect("each point knows its night");
    let kept = fs::read(bench.path("kept").join(night)).expect("kept");
    assert!(fs::read(restored.path.join("dump")).expect("restored") == kept, "{point} from {place}");
}

/// From whatever place has it, without a word of damage.
fn restores_from_anywhere(bench: &Bench) {
    let target = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let to = target.path().join("to");
    let ran = bench.engine(&["restore", "data", "--to", &text(&to)]).exits(0);
    assert!(!ran.err.contains("damaged") && !ran.err.contains("missing"), "{ran}");
    let restored = to.join(bench.path("data").strip_prefix("/").expect("absolute"));
    assert_eq!(fixtures::same(&bench.path("data"), &restored), Vec::<String>::new());
}

#[test]
fn nights_of_a_dump_that_changes_little_cost_little() {
    let Some(usb) = Drive::new("ext4") else { return };
    let bench = nights(&[("usb", &usb)], "");
    change(&bench, 0);
    bench.done(&["run", "--once"]);
    assert!(stored(&bench) > BYTES as u64);
    for night in 1..=3 {
        let before = at_usb(&usb);
        change(&bench, night);
        bench.done(&["run", "--once"]);
        assert_eq!(states(&bench, "usb"), vec!["complete"; bench.points().len()], "night {night}");
        assert_eq!(at_home(&bench), Vec::<PathBuf>::new(), "nothing stays, night {night}");
        assert!(stored(&bench) < LITTLE, "night {night}: {} bytes were stored", stored(&bench));
        assert!(at_usb(&usb) - before < LITTLE, "night {night}: {} bytes more", at_usb(&usb) - before);
    }
    bench.done(&["verify"]);
    let points = bench.complete_at("usb");
    points.iter().for_each(|point| restores_its_night(&bench, point, "usb"));
    bench.done(&["catalog", "rebuild"]);
    points.iter().for_each(|point| restores_its_night(&bench, point, "usb"));
    // What is there is evidence again once it was read back.
    bench.done(&["verify"]);
    change(&bench, 4);
    bench.done(&["run", "--once"]);
    assert!(stored(&bench) < LITTLE, "after a rebuild: {} bytes were stored", stored(&bench));
    restores_its_night(&bench, &bench.complete_at("usb")[0], "usb");
}

/// Made and not copied yet: part of it is at home, the rest at the drive.
#[test]
fn a_point_that_waits_for_its_copy_is_restored_from_home_and_the_drive_and_survives_a_rebuild() {
    let Some(usb) = Drive::new("ext4") else { return };
    let bench = nights(&[("usb", &usb)], "");
    change(&bench, 0);
    bench.done(&["run", "--once"]);
    change(&bench, 1);
    bench.done(&["backup"]);
    assert!(stored(&bench) < LITTLE, "{} bytes were stored", stored(&bench));
    assert_eq!(states(&bench, "home"), ["present", "not-wanted"]);
    let told = bench.engine(&["explain", "data"]).exits(0);
    assert!(told.out.contains("lies offsite only"), "{told}");
    let problems = bench.done(&["status"])["jobs"][0]["problems"].to_string();
    assert!(!problems.contains("missing") && !problems.contains("damaged"), "{problems}");
    restores_from_anywhere(&bench);
    bench.done(&["ls", "data"]);
    bench.done(&["verify"]);
    assert_eq!(states(&bench, "home"), ["present", "not-wanted"], "what is lent is not missing");
    bench.done(&["catalog", "rebuild"]);
    assert_eq!(states(&bench, "home")[0], "present");
    restores_from_anywhere(&bench);
    bench.done(&["verify"]);
    bench.done(&["copy"]);
    assert_eq!(states(&bench, "usb"), ["complete"; 2]);
    assert_eq!(at_home(&bench), Vec::<PathBuf>::new());
    bench.complete_at("usb").iter().for_each(|point| restores_its_night(&bench, point, "usb"));
}

/// What is removed at the drive between capture and copy leaves what the point at home relies on.
#[test]
fn nothing_that_a_point_at_home_relies_on_is_removed_at_the_drive() {
    let Some(usb) = Drive::new("ext4") else { return };
    let bench = nights(&[("usb", &usb)], "keep-at-least = 0\n");
    change(&bench, 0);
    bench.done(&["run", "--once"]);
    let first = as_text(&bench.points()[0]["id"]);
    let before = packs(&usb.path().join("offsite"));
    change(&bench, 1);
    bench.done(&["backup"]);
    let _ = bench.engine(&["forget", "--point", &first]).exits(0);
    assert!(!bench.complete_at("usb").contains(&first), "it is gone there");
    let left = packs(&usb.path().join("offsite"));
    assert!(left.len() < before.len() || left == before, "some may go");
    assert!(!left.is_empty(), "what the new point shares with it stays");
    restores_from_anywhere(&bench);
    bench.done(&["run", "--once"]);
    bench.complete_at("usb").iter().for_each(|point| restores_its_night(&bench, point, "usb"));
    bench.done(&["verify"]);
}

#[test]
fn while_the_drive_is_away_all_is_stored_once_and_later_nights_share_it() {
    let Some(usb) = Drive::new("ext4") else { return };
    let bench = nights(&[("usb", &usb)], "");
    change(&bench, 0);
    bench.done(&["run", "--once"]);
    usb.unplug();
    change(&bench, 1);
    let _ = bench.engine(&["run", "--once"]).exits(3);
    assert!(stored(&bench) > BYTES as u64, "what may be lost is not relied on");
    assert_eq!(states(&bench, "home")[0], "complete");
    change(&bench, 2);
    let _ = bench.engine(&["run", "--once"]).exits(3);
    assert!(stored(&bench) < LITTLE, "it is shared at home: {}", stored(&bench));
    restores_as_it_is(&bench, "home");
    usb.plug();
    bench.done(&["run", "--once"]);
    assert_eq!(states(&bench, "usb"), vec!["complete"; bench.points().len()]);
    assert_eq!(at_home(&bench), Vec::<PathBuf>::new());
    bench.complete_at("usb").iter().for_each(|point| restores_its_night(&bench, point, "usb"));
}

#[test]
fn what_is_found_damaged_at_the_drive_is_stored_again_and_a_point_that_needs_it_says_so() {
    let Some(usb) = Drive::new("ext4") else { return };
    let bench = nights(&[("usb", &usb)], "");
    change(&bench, 0);
    bench.done(&["run", "--once"]);
    change(&bench, 1);
    bench.done(&["backup"]);
    assert_eq!(states(&bench, "home")[0], "present");
    let largest = objects(&usb.path().join("offsite")).into_iter().max_by_key(|(_, bytes)| *bytes).expect("packs").0;
    let mut bytes = fs::read(&largest).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, &bytes).expect("writable");
    let _ = bench.engine(&["verify", "usb"]).exits(4);
    let second = as_text(&bench.points()[0]["id"]);
    assert_eq!(states(&bench, "home")[0], "damaged", "what it shares is gone");
    change(&bench, 2);
    bench.done(&["backup"]);
    assert!(stored(&bench) > LITTLE, "what is damaged is stored again: {}", stored(&bench));
    let _ = bench.engine(&["run", "--once"]);
    let newest = bench.points()[0].clone();
    assert_eq!(state_at(&newest, "usb").as_deref(), Some("complete"));
    assert!(!bench.complete_at("usb").contains(&second), "the damaged one is not called good");
    restores_its_night(&bench, &as_text(&newest["id"]), "usb");
}

/// `office` was away: it has from `usb` what has left home, then both lend.
#[test]
fn a_second_drive_catches_up_from_the_first() {
    let (Some(usb), Some(office)) = (Drive::new("ext4"), Drive::new("ext4")) else { return };
    let bench = nights(&[("usb", &usb), ("office", &office)], "");
    change(&bench, 0);
    bench.done(&["run", "--once"]);
    office.unplug();
    for night in 1..=2 {
        change(&bench, night);
        let _ = bench.engine(&["run", "--once"]).exits(3);
        assert!(stored(&bench) < LITTLE, "night {night}: {}", stored(&bench));
        assert_eq!(at_home(&bench), Vec::<PathBuf>::new(), "night {night}");
    }
    office.plug();
    change(&bench, 3);
    // What only `usb` lends comes to `office` once it is there.
    let _ = bench.engine(&["run", "--once"]);
    bench.done(&["copy"]);
    for place in ["usb", "office"] {
        assert_eq!(states(&bench, place), vec!["complete"; bench.points().len()], "{place}");
        bench.complete_at(place).iter().for_each(|point| restores_its_night(&bench, point, place));
    }
    assert_eq!(at_home(&bench), Vec::<PathBuf>::new());
    change(&bench, 4);
    bench.done(&["run", "--once"]);
    assert!(stored(&bench) < LITTLE, "{}", stored(&bench));
    bench.done(&["verify"]);
}

/// What a point at home relies on survives each kill, wherever it struck.
#[test]
fn nights_killed_at_any_moment_lose_no_point() {
    let Some(usb) = Drive::new("ext4") else { return };
    let bench = nights(&[("usb", &usb)], "");
    let mut dice = Dice::new(20_261_123);
    change(&bench, 0);
    let mut killer = Killer::after_a_whole_run(&bench);
    let mut known = Vec::new();
    for night in 1..13 {
        change(&bench, night);
        killer.strike(&bench, &mut dice);
        let points: Vec<String> = bench.points().iter().map(|point| as_text(&point["id"])).collect();
        assert_eq!(known.iter().filter(|point| !points.contains(point)).count(), 0, "night {night}");
        known = points;
        let newest = known.first().expect("the first run made one");
        let _ = bench.engine(&["dump", newest, &text(&bench.path("data/dump"))]).exits(0);
    }
    bench.done(&["run", "--once"]);
    assert_eq!(states(&bench, "usb"), vec!["complete"; bench.points().len()]);
    assert_eq!(at_home(&bench), Vec::<PathBuf>::new());
    bench.complete_at("usb").iter().for_each(|point| restores_its_night(&bench, point, "usb"));
    bench.done(&["verify"]);
    assert!(killer.killed > 2, "only {} were killed", killer.killed);
}

/// A retired drive lends no more: who relies on it says so, and the next point is whole by itself.
#[test]
fn a_drive_that_is_given_up_lends_nothing_more() {
    let (Some(usb), Some(office)) = (Drive::new("ext4"), Drive::new("ext4")) else { return };
    let bench = nights(&[("usb", &usb), ("office", &office)], "");
    office.unplug();
    change(&bench, 0);
    let _ = bench.engine(&["run", "--once"]).exits(3);
    change(&bench, 1);
    bench.done(&["backup"]);
    assert_eq!(states(&bench, "home")[0], "present");
    let _ = bench.engine(&["retire", "usb"]).exits(0);
    assert_eq!(states(&bench, "home")[0], "damaged");
    office.plug();
    change(&bench, 2);
    let _ = bench.engine(&["run", "--once"]);
    assert!(stored(&bench) > LITTLE);
    let newest = bench.points()[0].clone();
    assert_eq!(state_at(&newest, "office").as_deref(), Some("complete"));
    restores_its_night(&bench, &as_text(&newest["id"]), "office");
}

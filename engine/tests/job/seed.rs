//! Seeds: the first copy on drives by post. Drives are real to the kernel, filled and pulled in the middle of every
//! step.
//!
//! Needs root, loop devices and the file systems' tools; says SKIPPED without.

use std::fs;
use std::path::{Path, PathBuf};

use fixtures::bench::{as_text, objects, state_at, text, wait_until};
use fixtures::data::{Dice, inventory, noise};
use fixtures::{Bench, Drive, Ran};
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{bench, restores_as_it_is};

/// A bench with so many points of new bytes, whose only destination `office` is prepared and has none of them.
pub(super) fn posted(points: u64, bytes: usize) -> Bench {
    posted_with(points, bytes, "")
}

pub(super) fn posted_with(points: u64, bytes: usize, job: &str) -> Bench {
    let bench = bench();
    let _ = bench.folder("data");
    bench.configure_simply(job, &[("office", &bench.path("office"), "reserve = \"1 MiB\"")]);
    bench.done(&["init"]);
    for point in 0..points {
        add(&bench, point, bytes);
        bench.done(&["backup"]);
    }
    bench
}

/// One more file of new bytes.
pub(super) fn add(bench: &Bench, seed: u64, bytes: usize) {
    fs::write(bench.path("data").join(seed.to_string()), noise(seed + 1, bytes)).expect("writable");
}

pub(super) fn states(bench: &Bench) -> Vec<String> {
    bench.points().iter().map(|point| state_at(point, "office").unwrap_or_default()).collect()
}

pub(super) fn office(bench: &Bench) -> String {
    format!("file://{}", bench.text("office"))
}

pub(super) fn export(bench: &Bench, to: &Path, more: &[&str]) -> Ran {
    bench.engine(&[&["--json", "seed", "export", "--destination", "office", "--to", &text(to)], more].concat())
}

/// As a stranger does: no configuration is near.
pub(super) fn absorb(bench: &Bench, from: &Path) -> Ran {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_engine"));
    command.current_dir("/").env_remove("OFFSITE_CONFIG").env("HOME", "/nonexistent");
    Ran::of(command.args(["--json", "seed", "absorb", "--from", &text(from), "--into", &office(bench)]))
}

pub(super) fn seed(bench: &Bench) -> Value {
    bench.done(&["seed", "status"])["seeds"][0].clone()
}

pub(super) fn state(bench: &Bench) -> String {
    as_text(&seed(bench)["state"])
}

pub(super) fn packs(vault: &Path) -> Vec<PathBuf> {
    objects(vault).into_iter().map(|(path, _)| path).filter(|path| text(path).contains("/packs/")).collect()
}

pub(super) fn names(vault: &Path) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).expect("a name");
    packs(vault).iter().map(name).collect()
}

/// Once all was read back, every point is whole there and restores, and nothing was stored twice or left over.
pub(super) fn is_as_any_other(bench: &Bench, points: usize) {
    bench.done(&["copy"]);
    if let Value::Object(seed) = seed(bench) {
        assert_eq!(seed["open"], false, "{seed:?}");
    }
    assert_eq!(states(bench), vec!["complete"; points]);
    restores_as_it_is(bench, "office");
    let _ = bench.engine(&["verify", "office"]).exits(0);
    bench.done(&["copy"]);
    assert_eq!(packs(&bench.path("office")).len(), packs(&bench.path("vault")).len());
}

#[test]
fn a_seed_goes_by_post_and_counts_once_it_was_looked_into() {
    let Some(drive) = Drive::new("ext4") else { return };
    let bench = posted_with(3, 200_000, "after = \"env | grep ^OFFSITE_ > told\"");
    let exported = export(&bench, &drive.path(), &[]).exits(0).json();
    assert_eq!((&exported["drive"], &exported["left-packs"]), (&1.into(), &0.into()), "{exported}");
    assert_eq!(packs(&drive.path()).len(), packs(&bench.path("vault")).len());
    assert!(!drive.path().join("VAULT").exists() && !drive.path().join("points").exists());
    assert_eq!(state(&bench), "exported");
    let told = bench.engine(&["copy"]).exits(3).says("on a seed drive");
    assert_eq!(packs(&bench.path("office")), Vec::<PathBuf>::new(), "nobody sends it too: {told}");
    assert_eq!(states(&bench), ["pending"; 3]);
    let newest = as_text(&bench.points()[0]["id"]);
    let _ = bench.engine(&["explain", &newest]).exits(0).says("packs of it are on a seed drive");
    let problems = bench.done(&["status"])["destinations"][0]["problems"].to_string();
    assert!(problems.contains("on a seed drive") && problems.contains("written"), "{problems}");
    drive.unplug();
    assert_eq!(state(&bench), "shipped");
    drive.plug();
    let absorbed = absorb(&bench, &drive.path()).exits(0).json();
    assert_eq!((&absorbed["packs"], &absorbed["lay-there"]), (&exported["packs"], &0.into()), "{absorbed}");
    assert_eq!(states(&bench), ["pending"; 3], "nobody has looked yet");
    drive.unplug();
    let told = seed(&bench);
    assert_eq!((&told["state"], &told["open"]), (&"verified".into(), &true.into()), "{told}");
    let (packs, read) = (told["drives"][0]["packs"].as_u64(), told["drives"][0]["read-packs"].as_u64());
    assert!(Some(0) < read && read < packs, "a sample: {told}");
    // All is there, and restores without this computer; but not everything was read back, so nothing relies on it.
    assert_eq!(states(&bench), ["present"; 3]);
    let told = fs::read_to_string(bench.path("told")).expect("each backup leaves it");
    assert!(!told.contains("seed-verified"), "nobody is told before all of it is known to be good");
    let to = bench.path("elsewhere");
    let (from, secret) = (office(&bench), bench.text("passphrase"));
    let _ = bench.engine(&["recover", "--from", &from, "--passphrase-file", &secret, "--to", &text(&to)]).exits(0);
    let told = bench.engine(&["explain", &newest]).exits(0);
    assert!(told.out.contains("not all of its packs"), "{told}");
    is_as_any_other(&bench, 3);
    let told = fs::read_to_string(bench.path("told")).expect("the hook ran");
    assert!(told.contains("OFFSITE_EVENT=seed-verified") && told.contains("OFFSITE_DESTINATION=office"), "{told}");
    assert!(!bench.done(&["status"])["destinations"][0]["problems"].to_string().contains("seed"));
}

#[test]
fn a_drive_pulled_in_mid_export_is_gone_on_with_by_the_same_command() {
    let Some(drive) = Drive::new("ext4") else { return };
    let bench = posted(12, 400_000);
    let wanted = packs(&bench.path("vault")).len();
    for least in [2, 8] {
        let words = ["seed", "export", "--destination", "office", "--to", &text(&drive.path())];
        let export = bench.begin(&words);
        wait_until("the middle of the export", || packs(&drive.path()).len() >= least);
        drive.pull();
        let ended = export.end();
        assert!([0, 1].contains(&ended.code), "{ended}");
        assert!(!ended.err.contains("panicked"), "{ended}");
        let _ = bench.engine(&words).exits(1);
        assert_eq!(inventory(&drive.path()).expect("readable"), Vec::new(), "below the mount point");
        drive.plug();
        if ended.code == 1 && least == 2 {
            assert_eq!(state(&bench), "exporting");
            let refused = absorb(&bench, &drive.path()).exits(1);
            assert!(refused.err.contains("not finished"), "{refused}");
        }
    }
    let whole = export(&bench, &drive.path(), &[]).exits(0).json();
    assert_eq!(whole["packs"], wanted, "{whole}");
    assert_eq!(packs(&drive.path()).len(), wanted);
    let _ = export(&bench, &drive.path(), &[]).exits(0);
    let _ = absorb(&bench, &drive.path()).exits(0);
    assert_eq!(state(&bench), "verified");
    is_as_any_other(&bench, 12);
}

#[test]
fn a_drive_pulled_in_mid_absorption_and_an_absorber_that_is_killed_go_on_where_they_were() {
    let Some(drive) = Drive::new("ext4") else { return };
    let bench = posted(12, 400_000);
    let _ = export(&bench, &drive.path(), &[]).exits(0);
    let there = || packs(&bench.path("office")).len();
    let words = ["seed", "absorb", "--from", &text(&drive.path()), "--into", &office(&bench)];
    let absorbing = bench.begin(&words);
    wait_until("the middle of it", || there() >= 2);
    absorbing.signal(Signal::KILL);
    let _ = absorbing.end();
    let before = there();
    // The engine's own sessions leave alone what came, and what is half there.
    let _ = bench.engine(&["copy"]).exits(3);
    assert!(there() >= before, "D-1");
    assert_ne!(state(&bench), "verified");
    let absorbing = bench.begin(&words);
    wait_until("further on", || there() > before);
    drive.pull();
    let ended = absorbing.end();
    assert!(!ended.err.contains("panicked"), "{ended}");
    drive.plug();
    assert_eq!(states(&bench), ["pending"; 12]);
    let absorbed = absorb(&bench, &drive.path()).exits(0).json();
    assert!(absorbed["lay-there"].as_u64() > Some(0), "{absorbed}");
    assert_eq!(state(&bench), "verified");
    is_as_any_other(&bench, 12);
}

#[test]
fn what_one_drive_can_not_take_goes_onto_the_next_newest_first() {
    let (Some(first), Some(second)) = (Drive::of_size("ext4", 24 << 20), Drive::new("ext4")) else { return };
    // Each point has bytes of its own only.
    let bench = posted(0, 0);
    for point in 0..10 {
        fs::write(bench.path("data/only"), noise(point + 1, 3_000_000)).expect("writable");
        bench.done(&["backup"]);
    }
    let filled = export(&bench, &first.path(), &[]).exits(3).json();
    assert!(filled["left-packs"].as_u64() > Some(0) && filled["packs"].as_u64() > Some(0), "{filled}");
    let refused = export(&bench, &second.path(), &[]).exits(1);
    assert!(refused.err.contains("--continue"), "{refused}");
    let rest = export(&bench, &second.path(), &["--continue"]).exits(0).json();
    assert_eq!(rest["drive"], 2);
    let all = filled["packs"].as_u64().zip(rest["packs"].as_u64()).map(|(one, two)| one + two);
    assert_eq!(all, Some(packs(&bench.path("vault")).len() as u64), "each pack is on one drive");
    // They arrive as the post brings them.
    let _ = absorb(&bench, &first.path()).exits(0);
    let told = seed(&bench);
    assert_eq!((&told["drives"][0]["state"], &told["open"]), (&"verified".into(), &true.into()), "{told}");
    let counts = states(&bench);
    assert_eq!((counts[0].as_str(), counts[9].as_str()), ("present", "pending"), "the newest came first: {counts:?}");
    let _ = absorb(&bench, &second.path()).exits(0);
    assert_eq!(state(&bench), "verified");
    is_as_any_other(&bench, 10);
}

#[test]
fn a_damaged_drive_is_refused_with_the_names_of_what_is_wrong_and_leaves_no_receipt() {
    let Some(drive) = Drive::new("ext4") else { return };
    let bench = posted(3, 200_000);
    let _ = export(&bench, &drive.path(), &[]).exits(0);
    let (all, on_drive) = (packs(&drive.path()), names(&drive.path()));
    let whole = fs::read(&all[0]).expect("ours");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    fs::write(&all[0], &flipped).expect("ours");
    let refused = absorb(&bench, &drive.path()).exits(4);
    let told = refused.json();
    assert_eq!(told["problems"].as_array().map(Vec::len), Some(1), "{refused}");
    assert_eq!(as_text(&told["problems"][0]["object"]), format!("packs/{}", on_drive[0]));
    assert!(!names(&bench.path("office")).contains(&on_drive[0]), "it has no name there");
    // What is not there, or cut, shows before anything is read.
    fs::write(&all[0], &whole[..100]).expect("ours");
    fs::remove_file(&all[1]).expect("ours");
    let refused = absorb(&bench, &drive.path()).exits(4).json();
    assert_eq!(refused["problems"].as_array().map(Vec::len), Some(2), "{refused}");
    assert_ne!(state(&bench), "verified");
    assert_eq!(states(&bench), ["pending"; 3]);
    // Its owner gives it up: what came of it is not sent again.
    bench.done(&["seed", "forget", "office"]);
    bench.done(&["copy"]);
    is_as_any_other(&bench, 3);
}

#[test]
fn a_list_that_anybody_changed_and_a_drive_for_another_vault_are_refused() {
    let (ours, theirs) = (posted(1, 50_000), posted(1, 50_000));
    let (post, other) = (ours.folder("post"), theirs.folder("post"));
    let _ = export(&ours, &post, &[]).exits(0);
    let _ = export(&theirs, &other, &[]).exits(0);
    let foreign = absorb(&ours, &other).exits(4);
    assert!(foreign.err.contains("another vault"), "{foreign}");
    assert_eq!(packs(&ours.path("office")), Vec::<PathBuf>::new());
    let nothing = absorb(&ours, &ours.folder("empty")).exits(4);
    assert!(nothing.err.contains("no seed drive"), "{nothing}");
    let _ = absorb(&ours, &ours.path("nowhere")).exits(1);
    let lists = || -> Vec<PathBuf> {
        let folder = fs::read_dir(post.join("seeds")).expect("there").next().expect("one").expect("readable").path();
        fs::read_dir(folder).expect("there").map(|entry| entry.expect("readable").path()).collect()
    };
    for list in lists() {
        let mut bytes = fs::read(&list).expect("ours");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&list, bytes).expect("ours");
    }
    let damaged = absorb(&ours, &post).exits(4);
    assert!(damaged.err.contains("its list is damaged"), "{damaged}");
}

#[test]
fn a_drive_absorbed_twice_changes_nothing() {
    let bench = posted(2, 100_000);
    let post = bench.folder("post");
    let exported = export(&bench, &post, &[]).exits(0).json();
    let _ = absorb(&bench, &post).exits(0);
    let again = absorb(&bench, &post).exits(0).json();
    assert_eq!(again["lay-there"], exported["packs"], "{again}");
    assert_eq!(state(&bench), "verified");
    let _ = absorb(&bench, &post).exits(0);
    assert_eq!(state(&bench), "verified");
    is_as_any_other(&bench, 2);
}

#[test]
fn a_point_made_meanwhile_is_copied_at_once_but_for_what_is_in_the_post() {
    let bench = posted(3, 500_000);
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let on_drive = names(&post);
    add(&bench, 50, 300_000);
    bench.done(&["backup"]);
    let copied = bench.engine(&["--json", "copy"]).exits(3).json();
    let sent = packs(&bench.path("office"));
    assert!(!sent.is_empty(), "its own packs: {copied}");
    assert!(names(&bench.path("office")).iter().all(|pack| !on_drive.contains(pack)), "never twice");
    assert_eq!(states(&bench), ["copying", "pending", "pending", "pending"]);
    let again = bench.engine(&["--json", "copy"]).exits(3).json();
    assert_eq!(packs(&bench.path("office")), sent, "nothing is sent again: {again}");
    let _ = absorb(&bench, &post).exits(0);
    let arrived = bench.engine(&["--json", "copy"]).exits(0).json();
    let copies = arrived["copies"].as_array().expect("a list");
    let bytes: u64 = copies.iter().filter_map(|copy| copy["bytes"].as_u64()).sum();
    assert!(bytes < 100_000, "manifests alone: {arrived}");
    assert_eq!(state(&bench), "verified");
    is_as_any_other(&bench, 4);
}

#[test]
fn a_point_that_travels_is_not_forgotten_and_nothing_of_it_goes() {
    let bench = posted(2, 100_000);
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let points = bench.points();
    let id = points[0]["id"].as_str().expect("an id");
    let kept = bench.engine(&["--json", "forget", "--point", id]).exits(1).json();
    assert!(kept["kept"][0]["reason"].to_string().contains("seed forget office"), "{kept}");
    assert_eq!(kept["removed"], Value::Array(vec![]), "{kept}");
    assert_eq!(bench.points(), points, "nothing has changed");
    bench.done(&["seed", "forget", "office"]);
    let _ = bench.engine(&["forget", "--point", id]).exits(0);
}

#[test]
fn a_seed_that_never_arrives_is_given_up_and_all_goes_over_the_wire() {
    let bench = posted(3, 100_000);
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let _ = bench.engine(&["copy"]).exits(3);
    let forgotten = bench.done(&["seed", "forget", "office"]);
    assert!(forgotten["packs"].as_u64() > Some(0), "{forgotten}");
    let _ = bench.engine(&["seed", "forget", "office"]).exits(1).says("none is under way");
    assert_eq!(bench.done(&["seed", "status"])["seeds"], Value::Array(vec![]));
    bench.done(&["copy"]);
    is_as_any_other(&bench, 3);
    // It arrives after all, and nobody needs it.
    let _ = absorb(&bench, &post).exits(0);
    is_as_any_other(&bench, 3);
}

#[test]
fn what_a_receipt_promises_and_is_not_there_is_sent() {
    let bench = posted(3, 100_000);
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let _ = absorb(&bench, &post).exits(0);
    let there = packs(&bench.path("office"));
    fs::remove_file(&there[0]).expect("ours");
    let cut = fs::read(&there[1]).expect("ours");
    fs::write(&there[1], &cut[..cut.len() - 1]).expect("ours");
    let told = bench.engine(&["seed", "status"]).exits(0);
    assert!(told.err.contains("2 packs of the seed's drive 1 are not there as its receipt says"), "{told}");
    let _ = bench.engine(&["copy"]).exits(0);
    assert_eq!(state(&bench), "verified");
    is_as_any_other(&bench, 3);
}

#[test]
fn a_look_into_a_receipt_that_is_killed_at_any_moment_is_done_again() {
    let bench = posted(6, 100_000);
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let _ = absorb(&bench, &post).exits(0);
    let mut dice = Dice::new(20_261_123);
    for _ in 0..8 {
        let mut looking = bench.begin(&["seed", "status"]);
        std::thread::sleep(std::time::Duration::from_millis(dice.below(300)));
        if !looking.has_ended() {
            looking.signal(Signal::KILL);
        }
        let ended = looking.end();
        assert!([0, 128 + 9].contains(&ended.code), "{ended}");
        for point in bench.complete_at("office") {
            let _ = bench.restored(&point, "office", &bench.path("data"));
        }
    }
    assert_eq!(state(&bench), "verified");
    is_as_any_other(&bench, 6);
}

#[test]
fn bytes_that_are_wrong_there_show_in_the_sample_and_end_it() {
    let bench = posted(3, 100_000);
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let _ = absorb(&bench, &post).exits(0);
    let there = packs(&bench.path("office"));
    for pack in &there {
        let mut bytes = fs::read(pack).expect("ours");
        bytes[200] ^= 1;
        fs::write(pack, bytes).expect("ours");
    }
    let told = bench.engine(&["seed", "status"]).exits(0);
    assert!(told.err.contains(&format!("{} packs of the seed's drive 1 are not there", there.len())), "{told}");
    assert_eq!(states(&bench), ["pending"; 3]);
    let _ = bench.engine(&["copy"]).exits(0);
    assert_eq!(state(&bench), "verified");
    is_as_any_other(&bench, 3);
}

#[test]
fn what_is_only_in_the_post_stays_at_home_and_a_rebuilt_catalog_knows_of_the_seed() {
    let bench = posted_with(4, 100_000, "keep = { last = 1 }");
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    add(&bench, 60, 50_000);
    bench.done(&["backup"]);
    let _ = bench.engine(&["run", "--once"]);
    let (at_home, travels) = (names(&bench.path("vault")), names(&post));
    assert!(!travels.is_empty() && travels.iter().all(|pack| at_home.contains(pack)), "nothing of it has left home");
    fs::remove_file(bench.path("state/catalog.redb")).expect("ours");
    let _ = bench.engine(&["catalog", "rebuild"]).exits(0);
    let told = seed(&bench);
    assert_eq!((&told["open"], &told["drives"]), (&true.into(), &Value::Array(vec![])), "{told}");
    let _ = absorb(&bench, &post).exits(0);
    let told = seed(&bench);
    assert_eq!((&told["state"], &told["open"]), (&"verified".into(), &false.into()), "{told}");
    let _ = bench.engine(&["copy"]);
    assert_eq!(states(&bench)[0], "complete");
    restores_as_it_is(&bench, "office");
}

#[test]
fn what_can_not_be_a_seed_is_said() {
    let bench = posted(1, 10_000);
    let _ = export(&bench, &bench.path("nowhere"), &[]).exits(1).says("connected and mounted");
    let _ = export(&bench, &bench.path("office"), &[]).exits(1).says("a vault lies there");
    let _ = export(&bench, &bench.folder("post"), &["--continue"]).exits(1).says("no seed to it is under way");
    let _ = bench.engine(&["seed", "export", "--destination", "else", "--to", &bench.text("post")]).exits(2);
    let _ = bench.engine(&["seed", "export", "--destination", "office"]).exits(2);
    bench.done(&["copy"]);
    let nothing = export(&bench, &bench.path("post"), &[]).exits(0).json();
    assert_eq!((&nothing["seed"], &nothing["packs"]), (&Value::Null, &0.into()), "{nothing}");
    let told = bench.engine(&["seed", "status"]).exits(0);
    assert!(told.out.contains("No seed was ever begun."), "{told}");
}

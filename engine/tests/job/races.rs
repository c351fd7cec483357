//! Deletion racing capture and copy, in two processes and more: DESIGN's rules D-1 to D-9, by name, as far as they show
//! through the program. What can only be shown from inside stands in a unit:
//!
//! | rule | here | inside |
//! | --- | --- | --- |
//! | D-1 | `d1_…`, `all_at_once_…` | `catalog::tests::d_rules::d1_…` (six) |
//! | D-2 | `d2_…` | `d_rules::d2_…` (four) |
//! | D-3 | `d3_…` (two) | `copy::read_in` |
//! | D-4 | `d4_…` | `d_rules::d4_what_was_known_of_a_deleted_pack_goes_with_it` |
//! | D-5 | `d5_…` | `d_rules::d5_…`, `plan::tests` |
//! | D-6 | `wrong::a_missing_catalog_beside_a_home_vault_is_not_an_empty_one` | `d_rules::d6_…` |
//! | D-7 | only inside: a program can't make one flush fail | `destination::file::drive_tests::a_failed_flush_deletes_what_was_written` |
//! | D-8 | `d8_…` | `d_rules::d8_…` (two) |
//! | D-9 | `d9_…`, `job_kill` | `d_rules::d9_…` |

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::catalog::{Catalog, OpenOptions};

use crate::harness::{change, prepared, restores_as_it_is, restores_its_round};
use fixtures::Bench;
use fixtures::bench::{Running, leftovers, objects, state_at, text, wait_until};
use fixtures::data::{Dice, inventory, noise};
use rustix::process::Signal;

fn packs(vault: &Path) -> Vec<PathBuf> {
    objects(vault).into_iter().map(|(path, _)| path).filter(|path| text(path).contains("/packs/")).collect()
}

/// Halts it in its middle, at a moment in which it does not hold the catalog, which it does for each transaction.
fn halt(running: &Running, bench: &Bench) {
    let free = OpenOptions { deadline: Duration::from_millis(200), ..OpenOptions::default() };
    wait_until("it holds no catalog", || {
        running.signal(Signal::STOP);
        let written = Catalog::open(&bench.path("state"), free).and_then(|catalog| catalog.set_memo("a test's", ""));
        let holds_none = written.is_ok();
        if !holds_none {
            running.signal(Signal::CONT);
        }
        holds_none
    });
}

fn newest(bench: &Bench) -> String {
    bench.points()[0]["id"].as_str().expect("an id").to_owned()
}

fn copy_tree(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().expect("cp").success());
}

#[test]
fn d1_a_pack_that_another_point_names_stays_and_one_that_none_names_goes() {
    let bench = prepared(4, 100_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let first = newest(&bench);
    let of_first = packs(&bench.path("usb"));
    fs::write(bench.path("data/only in the second"), noise(8, 100_000)).expect("writable");
    bench.done(&["run", "--once"]);
    let second = newest(&bench);
    fs::remove_file(bench.path("data/only in the second")).expect("there");
    bench.done(&["run", "--once"]);
    let of_all = packs(&bench.path("usb")).len();
    let _ = bench.engine(&["forget", "--point", &second]).exits(0);
    assert!(packs(&bench.path("usb")).len() < of_all, "what only the second named went");
    let _ = bench.engine(&["forget", "--point", &first]).exits(0);
    let left = packs(&bench.path("usb"));
    assert!(of_first.iter().any(|pack| left.contains(pack)), "the third still needs the first one's data");
    for place in ["home", "usb"] {
        restores_as_it_is(&bench, place);
    }
    bench.done(&["verify"]);
}

#[test]
fn d2_a_capture_that_is_halted_keeps_what_it_refers_to_while_another_process_deletes() {
    let bench = prepared(6, 100_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let first = newest(&bench);
    let before = packs(&bench.path("vault"));
    fs::write(bench.path("data/large"), noise(5, 24 << 20)).expect("writable");
    let capture = bench.begin(&["--json", "backup"]);
    wait_until("a capture in its middle", || objects(&bench.path("vault")).len() > before.len() + 1);
    halt(&capture, &bench);
    let forget = bench.engine(&["forget", "--point", &first, "--no-wait"]);
    assert!([1, 3].contains(&forget.code), "home is at work: {forget}");
    assert!(before.iter().all(|pack| pack.exists()), "the halted capture may refer to them");
    capture.signal(Signal::CONT);
    let _ = capture.end().exits(0);
    let _ = bench.engine(&["forget", "--point", &first]);
    bench.done(&["copy"]);
    for place in ["home", "usb"] {
        restores_as_it_is(&bench, place);
    }
    bench.done(&["verify"]);
}

#[test]
fn d2_a_copy_that_is_halted_between_its_packs_and_its_manifest_shuts_every_other_session_out_there() {
    let bench = crate::harness::bench();
    fs::create_dir(bench.path("data")).expect("new");
    fs::write(bench.path("data/large"), noise(7, 104 << 20)).expect("writable");
    bench.configure_simply("", &[("usb", &bench.path("usb"), "rate = \"24 MiB/s\"")]);
    bench.done(&["init"]);
    bench.done(&["backup"]);
    assert!(packs(&bench.path("vault")).len() > 1, "several packs");
    let copy = bench.begin(&["--json", "copy"]);
    wait_until("the first pack", || !packs(&bench.path("usb")).is_empty());
    halt(&copy, &bench);
    let there = objects(&bench.path("usb"));
    assert_eq!(there.len(), packs(&bench.path("usb")).len(), "no manifest yet");
    let point = newest(&bench);
    assert_eq!(state_at(&bench.points()[0], "usb").as_deref(), Some("copying"));
    let _ = bench.engine(&["copy", "--no-wait"]).exits(1).says("in use");
    let _ = bench.engine(&["verify", "usb", "--repair", "--no-wait"]).exits(1).says("in use");
    let _ = bench.engine(&["forget", "--point", &point, "--no-wait"]).exits(1).says("in use");
    let _ = bench.engine(&["retire", "usb", "--no-wait"]).exits(1).says("in use");
    let second = bench.engine(&["backup"]);
    assert_eq!(second.code, 0, "home is free: {second}");
    assert_eq!(objects(&bench.path("usb")), there, "nothing went, and nothing came");
    copy.signal(Signal::CONT);
    let _ = copy.end();
    bench.done(&["copy"]);
    assert_eq!(bench.complete_at("usb").len(), 2);
    restores_as_it_is(&bench, "usb");
    bench.done(&["verify"]);
}

#[test]
fn d3_nothing_is_deleted_where_a_manifest_that_the_catalog_does_not_know_cannot_be_read() {
    let bench = prepared(4, 100_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let mut manifest = objects(&bench.path("usb")).into_iter().map(|(path, _)| path);
    let manifest = manifest.rfind(|path| text(path).contains("/points/")).expect("a manifest");
    let name = manifest.file_name().expect("a file").to_string_lossy().into_owned();
    let unknown = format!("{}{}", &name[..name.len() - 4], if name.ends_with("beef") { "cafe" } else { "beef" });
    let unknown = manifest.with_file_name(unknown);
    fs::write(&unknown, noise(1, 5000)).expect("writable");
    fs::write(bench.path("data/0"), noise(50, 100_000)).expect("writable");
    let first = newest(&bench);
    let _ = bench.engine(&["run", "--once"]);
    let before = packs(&bench.path("usb"));
    let forget = bench.engine(&["forget", "--point", &first]);
    assert_eq!(forget.code, 3, "{forget}");
    assert!(before.iter().all(|pack| pack.exists()) && manifest.exists(), "nothing was deleted there: {forget}");
    assert!(unknown.exists(), "what the engine did not write it never touches");
}

#[test]
fn d3_a_rolled_back_catalog_reads_in_what_it_does_not_know_before_it_deletes() {
    let bench = prepared(4, 100_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let first = newest(&bench);
    copy_tree(&bench.path("state"), &bench.path("state.old"));
    fs::write(bench.path("data/new"), noise(50, 100_000)).expect("writable");
    bench.done(&["run", "--once"]);
    let second = newest(&bench);
    fs::remove_dir_all(bench.path("state")).expect("ours");
    fs::rename(bench.path("state.old"), bench.path("state")).expect("ours");
    let forget = bench.engine(&["forget", "--point", &first]);
    assert!([0, 3].contains(&forget.code), "{forget}");
    let known: Vec<String> = bench.points().iter().filter_map(|it| it["id"].as_str().map(str::to_owned)).collect();
    assert!(known.contains(&second), "the second was read in: {known:?}");
    let restored = bench.restored(&second, "usb", &bench.path("data"));
    assert_eq!(fixtures::same(&bench.path("data"), &restored.path), Vec::<String>::new());
    let after = bench.engine(&["run", "--once"]);
    assert!([0, 3].contains(&after.code), "{after}");
    let _ = bench.engine(&["verify"]).exits(0);
}

#[test]
fn d3_a_job_that_a_rolled_back_catalog_does_not_know_is_read_in_before_it_is_made_anew() {
    let bench = prepared(4, 100_000, "", &["usb"]);
    copy_tree(&bench.path("state"), &bench.path("state.old"));
    bench.done(&["run", "--once"]);
    let first = newest(&bench);
    fs::remove_dir_all(bench.path("state")).expect("ours");
    fs::rename(bench.path("state.old"), bench.path("state")).expect("ours");
    bench.done(&["backup"]);
    let known: Vec<String> = bench.points().iter().filter_map(|it| it["id"].as_str().map(str::to_owned)).collect();
    assert_eq!((known.len(), &known[1]), (2, &first), "both are points of one job");
    bench.done(&["run", "--once"]);
    let _ = bench.engine(&["forget", "--point", &first]).exits(0);
    for place in ["home", "usb"] {
        restores_as_it_is(&bench, place);
    }
    bench.done(&["verify"]);
}

#[test]
fn d4_a_checkpoint_of_what_is_gone_is_not_believed() {
    let bench = crate::harness::bench();
    fs::create_dir(bench.path("data")).expect("new");
    fs::write(bench.path("data/large"), noise(7, 16 << 20)).expect("writable");
    bench.configure_simply("", &[("usb", &bench.path("usb"), "rate = \"4 MiB/s\"")]);
    bench.done(&["init"]);
    bench.done(&["backup"]);
    let copy = bench.begin(&["copy"]);
    wait_until("a copy in its middle", || {
        objects(&bench.path("usb")).iter().map(|(_, bytes)| bytes).sum::<u64>() > 9 << 20
    });
    copy.signal(Signal::KILL);
    assert_eq!(copy.end().code, 128 + 9);
    for left in leftovers(&bench.path("usb")) {
        // Another file in its place: the checkpoint's length is there, its bytes are not.
        let path = bench.path("usb").join(left);
        let length = usize::try_from(fs::metadata(&path).expect("there").len()).expect("small");
        fs::write(&path, noise(99, length)).expect("ours");
    }
    bench.done(&["copy"]);
    let _ = bench.engine(&["verify"]).exits(0);
    restores_as_it_is(&bench, "usb");
}

#[test]
fn d5_the_limit_holds_and_what_the_incoming_point_shares_is_not_counted_as_freed() {
    let bench = crate::harness::bench();
    fs::create_dir(bench.path("data")).expect("new");
    fs::write(bench.path("data/shared"), noise(1, 4 << 20)).expect("writable");
    bench.configure_simply("", &[("usb", &bench.path("usb"), "limit = \"8 MiB\"")]);
    fs::write(bench.path("data/own"), noise(2, 1 << 20)).expect("writable");
    bench.done(&["init"]);
    for round in 3..10 {
        bench.done(&["run", "--once"]);
        let held: u64 = objects(&bench.path("usb")).iter().map(|(_, bytes)| bytes).sum();
        assert!(held <= 8 << 20, "{held} bytes of objects are more than the limit");
        assert_eq!(state_at(&bench.points()[0], "usb").as_deref(), Some("complete"));
        restores_as_it_is(&bench, "usb");
        fs::write(bench.path("data/own"), noise(round, 1 << 20)).expect("writable");
    }
    assert!(bench.complete_at("usb").len() >= 2, "no more than needed went");
}

#[test]
fn d8_a_forget_that_is_killed_is_finished_or_withdrawn_by_the_next_session() {
    let bench = prepared(6, 100_000, "", &["usb"]);
    let mut dice = Dice::new(8);
    for round in 0..8 {
        change(&bench, &mut dice, round, 6);
        bench.done(&["run", "--once"]);
    }
    let mut ids = bench.complete_at("usb");
    let keep = ids.remove(0);
    for id in ids {
        let forget = bench.begin(&["forget", "--point", &id]);
        std::thread::sleep(Duration::from_millis(dice.below(1500)));
        forget.signal(Signal::KILL);
        let _ = forget.end();
        for place in ["home", "usb"] {
            restores_its_round(&bench, &keep, place);
        }
    }
    change(&bench, &mut dice, 9, 6);
    bench.done(&["run", "--once"]);
    let _ = bench.engine(&["verify"]).exits(0);
    for place in ["home", "usb"] {
        for id in bench.complete_at(place) {
            restores_its_round(&bench, &id, place);
        }
    }
    for vault in ["vault", "usb"] {
        let manifests = objects(&bench.path(vault)).len() - packs(&bench.path(vault)).len();
        let place = if vault == "vault" { "home" } else { vault };
        assert_eq!(manifests, bench.complete_at(place).len(), "{vault}");
    }
}

/// Two points at home, the first one complete at `usb`; the copy of the second was killed in its middle.
fn killed_in_mid_copy() -> Bench {
    let bench = crate::harness::bench();
    fs::create_dir(bench.path("data")).expect("new");
    fs::write(bench.path("data/small"), noise(6, 100_000)).expect("writable");
    bench.configure_simply("", &[("usb", &bench.path("usb"), "rate = \"4 MiB/s\"")]);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    copy_tree(&bench.path("data"), &bench.path("first"));
    fs::write(bench.path("data/large"), noise(7, 8 << 20)).expect("writable");
    bench.done(&["backup"]);
    let copy = bench.begin(&["copy"]);
    let is_under_way = || state_at(&bench.points()[0], "usb").as_deref() == Some("copying");
    wait_until("a copy in its middle", || is_under_way() && !leftovers(&bench.path("usb/packs")).is_empty());
    copy.signal(Signal::KILL);
    assert_eq!(copy.end().code, 128 + 9);
    assert_eq!(state_at(&bench.points()[0], "usb").as_deref(), Some("copying"));
    bench
}

/// Only the first point is left, whole, and nothing else.
fn only_the_first_is_left(bench: &Bench) {
    let [point] = &bench.points()[..] else { panic!("one point: {:#?}", bench.points()) };
    for (vault, place) in [("vault", "home"), ("usb", "usb")] {
        assert_eq!(state_at(point, place).as_deref(), Some("complete"), "{place}");
        let restored = bench.restored("data", place, &bench.path("data"));
        assert_eq!(fixtures::same(&bench.path("first"), &restored.path), Vec::<String>::new(), "from {place}");
        assert_eq!(leftovers(&bench.path(vault)), Vec::<PathBuf>::new(), "{vault}");
        let manifests = objects(&bench.path(vault)).len() - packs(&bench.path(vault)).len();
        assert_eq!(manifests, 1, "{vault}");
    }
    let bytes = |vault: &str| objects(&bench.path(vault)).iter().map(|(_, bytes)| bytes).sum::<u64>();
    assert!(bytes("vault") < 1 << 20 && bytes("usb") < 1 << 20, "nothing of the large file is left");
    let _ = bench.engine(&["verify"]).exits(0);
}

#[test]
fn d9_a_killed_copy_is_taken_up_again_and_nothing_stays_of_it() {
    let bench = killed_in_mid_copy();
    bench.done(&["copy"]);
    restores_as_it_is(&bench, "usb");
    assert_eq!(leftovers(&bench.path("usb")), Vec::<PathBuf>::new());
    let _ = bench.engine(&["forget", "--point", &newest(&bench)]).exits(0);
    only_the_first_is_left(&bench);
}

#[test]
fn d9_a_killed_copy_does_not_keep_its_point_from_being_forgotten_and_its_remains_go_with_the_next_session() {
    let bench = killed_in_mid_copy();
    // An enrolment that was killed, and a file that only looks like one.
    fs::write(bench.path("usb/.tmp-.tmp-probe-00ff"), "ours").expect("writable");
    fs::write(bench.path("usb/.tmp-probe-photos"), "not ours").expect("writable");
    fs::rename(bench.path("usb"), bench.path("unplugged")).expect("ours");
    let _ = bench.engine(&["forget", "--point", &newest(&bench)]).exits(0);
    fs::rename(bench.path("unplugged"), bench.path("usb")).expect("ours");
    bench.done(&["copy"]);
    assert!(!bench.path("usb/.tmp-.tmp-probe-00ff").exists());
    fs::remove_file(bench.path("usb/.tmp-probe-photos")).expect("what is not ours stays");
    only_the_first_is_left(&bench);
}

#[test]
fn d9_a_manifest_that_a_killed_copy_left_of_a_forgotten_point_goes_too() {
    let bench = killed_in_mid_copy();
    copy_tree(&bench.path("state"), &bench.path("state.old"));
    copy_tree(&bench.path("usb/heads"), &bench.path("heads.old"));
    bench.done(&["copy"]);
    // As if it had been killed after its very last write.
    for (old, now) in [("state.old", "state"), ("heads.old", "usb/heads")] {
        fs::remove_dir_all(bench.path(now)).expect("ours");
        fs::rename(bench.path(old), bench.path(now)).expect("ours");
    }
    fs::rename(bench.path("usb"), bench.path("unplugged")).expect("ours");
    let _ = bench.engine(&["forget", "--point", &newest(&bench)]).exits(0);
    fs::rename(bench.path("unplugged"), bench.path("usb")).expect("ours");
    bench.done(&["copy"]);
    only_the_first_is_left(&bench);
}

#[test]
fn d9_a_retired_medium_gives_up_the_copy_that_was_killed_there() {
    let bench = killed_in_mid_copy();
    let point = newest(&bench);
    let retired = bench.done(&["retire", "usb"]);
    assert_eq!(retired["retired"][0]["no-longer-owed"], 1, "{retired:#}");
    let forget = bench.engine(&["forget", "--point", &point]);
    assert!(!forget.err.contains("reserved") && !forget.out.contains("reserved"), "{forget}");
    assert_eq!(state_at(&bench.points()[0], "home").as_deref(), Some("complete"), "the first one stays");
    assert_eq!(bench.points().len(), 1);
}

#[test]
fn what_was_forgotten_while_a_drive_was_away_goes_when_it_is_back() {
    let bench = prepared(4, 100_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let first = newest(&bench);
    fs::write(bench.path("data/0"), noise(50, 100_000)).expect("writable");
    bench.done(&["run", "--once"]);
    fs::rename(bench.path("usb"), bench.path("unplugged")).expect("ours");
    let _ = bench.engine(&["forget", "--point", &first]).exits(3);
    fs::rename(bench.path("unplugged"), bench.path("usb")).expect("ours");
    assert_eq!(bench.complete_at("usb").len(), 2);
    bench.done(&["copy"]);
    assert_eq!(bench.complete_at("usb"), [newest(&bench)]);
    restores_as_it_is(&bench, "usb");
    bench.done(&["verify"]);
}

#[test]
fn all_at_once_capture_copy_retention_and_eviction_lose_nothing() {
    let bench = prepared(8, 100_000, "keep = { last = 3 }", &["usb", "office"]);
    let configured = fs::read_to_string(bench.path("offsite.toml")).expect("ours");
    let limited = configured.replacen("/usb\"\n", "/usb\"\nlimit = \"1500000\"\n", 1);
    assert_ne!(limited, configured);
    fs::write(bench.path("offsite.toml"), limited).expect("ours");
    let is_over = AtomicBool::new(false);
    let mut dice = Dice::new(3);
    let until_over = |words: &[&str]| {
        while !is_over.load(Ordering::Relaxed) {
            let ran = bench.engine(words);
            assert!([0, 3].contains(&ran.code), "{words:?}: {ran}");
        }
    };
    std::thread::scope(|scope| {
        let copies = scope.spawn(|| until_over(&["copy"]));
        let forgets = scope.spawn(|| until_over(&["forget"]));
        let over = Over(&is_over);
        for round in 0..10 {
            change(&bench, &mut dice, round, 8);
            let ran = bench.engine(&["backup"]);
            assert_eq!(ran.code, 0, "{ran}");
        }
        drop(over);
        copies.join().expect("copies ran");
        forgets.join().expect("forgets ran");
    });
    change(&bench, &mut dice, 10, 8);
    let last = bench.engine(&["run", "--once"]);
    assert!([0, 3].contains(&last.code), "{last}");
    let _ = bench.engine(&["verify"]).exits(0);
    for place in ["home", "usb", "office"] {
        let complete = bench.complete_at(place);
        assert!(!complete.is_empty(), "{place}");
        for point in complete {
            restores_its_round(&bench, &point, place);
        }
    }
    for vault in ["vault", "usb", "office"] {
        assert_eq!(leftovers(&bench.path(vault)), Vec::<PathBuf>::new(), "{vault}");
        assert!(!inventory(&bench.path(vault)).expect("readable").is_empty());
    }
}

/// However the test goes, the other threads end.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

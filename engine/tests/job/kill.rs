//! `kill -9` of `engine run --once` at random moments, while the data changes from run to run. After each: the next run
//! works, and what is called complete restores, byte for byte, from where it is called so.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::harness::{Killer, change, prepared, restores_as_it_is, restores_its_round};
use fixtures::Bench;
use fixtures::bench::{leftovers, objects, state_at, text};
use fixtures::data::{Dice, noise};
use rustix::process::Signal;

const ROUNDS: u64 = 24;
const FILES: u64 = 24;

#[test]
fn a_run_killed_at_any_moment_loses_nothing_and_the_next_one_works() {
    let bench = prepared(FILES, 100_000, "keep = { last = 6 }", &["usb", "office"]);
    let mut dice = Dice::new(20_261_121);
    change(&bench, &mut dice, 0, FILES);
    let mut killer = Killer::after_a_whole_run(&bench);
    for round in 1..=ROUNDS {
        change(&bench, &mut dice, round, FILES);
        killer.strike(&bench, &mut dice);
        let points = bench.points();
        let place = ["home", "usb", "office"][usize::try_from(round % 3).expect("small")];
        // A session that was killed as it began leaves only `present` what is there, until it is read back.
        let there: Vec<_> = points
            .iter()
            .filter(|point| matches!(state_at(point, place).as_deref(), Some("complete" | "present")))
            .filter_map(|point| point["id"].as_str())
            .collect();
        assert!(!there.is_empty(), "round {round}: nothing is at {place} any more: {points:#?}");
        restores_its_round(&bench, there[usize::try_from(dice.next() % 7).expect("small") % there.len()], place);
    }
    assert!(killer.killed > ROUNDS / 2, "only {} of {ROUNDS} runs were killed", killer.killed);
    change(&bench, &mut dice, ROUNDS + 1, FILES);
    bench.done(&["run", "--once"]);
    bench.done(&["verify"]);
    for (place, folder) in [("home", "vault"), ("usb", "usb"), ("office", "office")] {
        assert_eq!(leftovers(&bench.path(folder)), Vec::<PathBuf>::new(), "{place}");
        let complete = bench.complete_at(place);
        assert!(complete.len() >= 2, "{place}: {complete:?}");
        for point in &complete {
            restores_its_round(&bench, point, place);
        }
        assert_eq!(manifests(&bench, folder), complete.len(), "{place}: one manifest for each point that is there");
    }
    nothing_lies_there_that_no_point_needs(&bench);
}

fn manifests(bench: &Bench, vault: &str) -> usize {
    objects(&bench.path(vault)).iter().filter(|(path, _)| text(path).contains("/points/")).count()
}

/// All points removed, all packs are gone: none was orphaned by the kills.
fn nothing_lies_there_that_no_point_needs(bench: &Bench) {
    let ids: BTreeSet<String> =
        bench.points().iter().filter_map(|point| point["id"].as_str().map(str::to_owned)).collect();
    for id in ids {
        let _ = bench.engine(&["forget", "--point", &id]).exits(0);
    }
    for vault in ["vault", "usb", "office"] {
        assert_eq!(objects(&bench.path(vault)), Vec::new(), "{vault}");
    }
}

#[test]
fn a_run_stopped_by_sigterm_ends_within_five_seconds_and_resumes() {
    let bench = crate::harness::bench();
    fs::create_dir(bench.path("data")).expect("new");
    fs::write(bench.path("data/large"), noise(7, 24 << 20)).expect("writable");
    bench.configure_simply("", &[("usb", &bench.path("usb"), "rate = \"3 MiB/s\"")]);
    bench.done(&["init"]);
    bench.done(&["backup"]);
    let copy = bench.begin(&["--json", "copy"]);
    fixtures::bench::wait_until("some of the copy", || sent(&bench) > 6 << 20);
    let asked = Instant::now();
    copy.signal(Signal::TERM);
    let ended = copy.end();
    assert!(asked.elapsed() < Duration::from_secs(5), "took {:?}", asked.elapsed());
    assert!([0, 3].contains(&ended.code), "{ended}");
    let point = bench.points().swap_remove(0);
    assert_ne!(state_at(&point, "usb").as_deref(), Some("complete"), "{point}");
    let resumed = bench.done(&["copy"]);
    let bytes = resumed["copies"][0]["bytes"].as_u64().expect("a number");
    assert!(bytes < 20 << 20, "{bytes} bytes were sent anew: it did not resume in mid-object");
    assert_eq!(resumed["copies"][0]["state"], "complete");
    restores_as_it_is(&bench, "usb");
}

/// Killed, it says nothing of its end: that nobody copies is told all the same.
#[test]
fn a_copy_under_way_is_told_of_as_long_as_somebody_copies() {
    let bench = crate::harness::bench();
    fs::create_dir(bench.path("data")).expect("new");
    fs::write(bench.path("data/large"), noise(7, 24 << 20)).expect("writable");
    bench.configure_simply("", &[("usb", &bench.path("usb"), "rate = \"1 MiB/s\"")]);
    bench.done(&["init"]);
    bench.done(&["backup"]);
    let copy = bench.begin(&["copy"]);
    fixtures::bench::wait_until("some of the copy", || sent(&bench) > 1 << 20);
    let _ = bench.engine(&["status"]).exits(0).says("not yet: it is being copied");
    copy.signal(Signal::KILL);
    assert_eq!(copy.end().code, 128 + 9, "it had seconds to go");
    let _ = bench.engine(&["status"]).exits(0).says("not yet: its copy broke off, and the next one goes on with it");
    assert_eq!(bench.done(&["status"])["jobs"][0]["offsite"], "copying");
}

fn sent(bench: &Bench) -> u64 {
    objects(&bench.path("usb")).iter().map(|(_, bytes)| bytes).sum()
}

//! Drills that don't come to their end: told to stop, broken off, or with no report; and lists of entries with a hole.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use engine::command::{Exit, Voice};
use serde_json::Value;

use crate::choose::Wish;
use crate::probe::{ProbeKind, samples};
use crate::run::{Asked, Outcome, StopAsked};
use crate::test_vault::{Installation, newest};
use crate::verdict::Verdict;

/// Does something once a step begins with these words.
struct At<'a> {
    step: &'a str,
    then: &'a (dyn Fn() + Sync),
}

impl Voice for At<'_> {
    fn warn(&self, _: &str) {}

    fn say(&self, text: &str) {
        self.progress(text, 0, 0);
    }

    fn progress(&self, what: &str, _: u64, _: u64) {
        if what.contains(self.step) {
            (self.then)();
        }
    }

    fn progress_done(&self, _: &str) {}
}

fn protected() -> Installation {
    let made = Installation::new();
    for name in ["a", "b"] {
        fs::write(made.path("source").join(name), name.repeat(1000)).expect("writable");
    }
    samples::write(ProbeKind::Gzip, &made.path("source/sample")).expect("a sample");
    made.point();
    made
}

fn never() -> StopAsked {
    Arc::new(|| false)
}

fn drills(outcome: &Outcome) -> Vec<Value> {
    let document = serde_json::to_value(&outcome.summary).expect("serializes");
    document["drills"].as_array().expect("drills").clone()
}

fn reports(made: &Installation) -> usize {
    let names = fs::read_dir(made.path("state/reports")).into_iter().flatten().flatten();
    names.filter(|entry| entry.path().extension().is_some_and(|end| end == "json")).count()
}

#[test]
fn a_stop_at_any_step_leaves_nothing_in_scratch_and_a_report_of_every_point() {
    let made = protected();
    fs::write(made.path("source/c"), "newer").expect("writable");
    made.point();
    let all = Asked { wish: Wish::All, ..newest() };
    for step in ["drilling", "reading every object", "restoring", "comparing", "probing", "negative control"] {
        let before = reports(&made);
        let asked = Arc::new(AtomicBool::new(false));
        let stop: StopAsked = Arc::new({
            let asked = Arc::clone(&asked);
            move || asked.load(Ordering::SeqCst)
        });
        let at = At { step, then: &|| asked.store(true, Ordering::SeqCst) };
        let outcome = made.run_told(&all, &at, &stop).expect("told");
        assert_eq!((outcome.summary.verdict, outcome.exit), (Verdict::Incomplete, Exit::Partial), "{step}");
        for drill in drills(&outcome) {
            assert_eq!(drill["verdict"], "incomplete", "{step}: {drill:#}");
            assert_eq!(drill["mismatches"].as_array().map(Vec::len), Some(1), "{step}: {drill:#}");
            let coverage = &drill["coverage"];
            let is_whole = coverage["bytes-compared"] == coverage["bytes-expected"] && coverage["bytes-expected"] != 0;
            let behind = ["probing", "negative control"].contains(&step);
            assert!(!is_whole || behind, "{step}: {drill:#}");
        }
        assert_eq!((made.left(), reports(&made) - before), (0, 2), "{step}");
    }
}

#[test]
fn damage_that_was_found_before_a_stop_stays_found() {
    let made = protected();
    for pack in made.objects("packs") {
        let mut bytes = fs::read(&pack).expect("there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&pack, bytes).expect("writable");
    }
    let asked = Arc::new(AtomicBool::new(false));
    let stop: StopAsked = Arc::new({
        let asked = Arc::clone(&asked);
        move || asked.load(Ordering::SeqCst)
    });
    let at = At { step: "restoring", then: &|| asked.store(true, Ordering::SeqCst) };
    let outcome = made.run_told(&newest(), &at, &stop).expect("told");
    assert_eq!((outcome.summary.verdict, outcome.exit), (Verdict::Fail, Exit::Damage));
}

#[test]
fn a_drill_that_breaks_off_is_incomplete_and_told_of() {
    let made = protected();
    let at = At { step: "comparing", then: &|| panic!("as the test wanted") };
    let outcome = made.run_told(&newest(), &at, &never()).expect("told");
    assert_eq!((outcome.summary.verdict, outcome.exit), (Verdict::Incomplete, Exit::Partial));
    assert!(drills(&outcome)[0]["mismatches"].to_string().contains("broke off"), "{:#?}", drills(&outcome));
    assert_eq!((made.left(), reports(&made)), (0, 1));
}

#[test]
fn a_drill_whose_report_can_not_be_written_is_not_all_that_was_asked() {
    let made = protected();
    let reports = made.path("state/reports");
    let at = At { step: "negative control", then: &|| fs::remove_dir_all(&reports).unwrap_or_default() };
    let outcome = made.run_told(&newest(), &at, &never()).expect("told");
    assert_eq!((outcome.summary.verdict, outcome.exit), (Verdict::Pass, Exit::Partial));
    assert_eq!(drills(&outcome)[0]["report"], Value::Null);
}

#[test]
fn files_behind_a_hole_in_the_list_of_entries_are_compared_and_probed() {
    let made = Installation::new();
    let source = made.path("source");
    for number in 0..4000 {
        fs::write(source.join(format!("a file with a somewhat longer name, number {number:06}")), "")
            .expect("writable");
    }
    let (first, last) = (source.join("0 sample"), source.join("zz sample"));
    samples::write(ProbeKind::Gzip, &first).expect("a sample");
    samples::write(ProbeKind::Gzip, &last).expect("a sample");
    let point = made.point();
    let chunks = made.entry_chunks(&point);
    assert!(chunks.len() > 2, "{} chunks", chunks.len());
    let (pack, offset) = &chunks[chunks.len() / 2];
    let mut bytes = fs::read(pack).expect("there");
    // Behind what stands before the sealed bytes.
    bytes[usize::try_from(*offset).expect("a pack is short") + 100] ^= 1;
    fs::write(pack, bytes).expect("writable");
    let outcome = made.run(&newest()).expect("drilled");
    assert_eq!(outcome.exit, Exit::Damage);
    let drill = &drills(&outcome)[0];
    let probed: Vec<_> = drill["probes"].as_array().expect("probes").iter().map(|it| it["path"].to_string()).collect();
    assert!(probed.iter().any(|path| path.contains("0 sample")), "{probed:?}");
    assert!(probed.iter().any(|path| path.contains("zz sample")), "{probed:?}");
    let files = drill["files"].as_u64().expect("a number");
    assert!((1000..4002).contains(&files), "what is on both sides of the hole is compared: {files}");
    assert!(!drill["mismatches"].to_string().contains("does not have"), "what is unknown is not too much");
}

//! A home with a limit, and every destination away: it makes room by what is offsite, then gives up the oldest points that are
//! owed, and says so; never the newest, and nothing for a point that does not fit in the end.

use std::fs;

use fixtures::bench::{as_text, objects, state_at, wait_until};
use fixtures::data::noise;
use fixtures::{Bench, Drive};
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::restores_as_it_is;
use crate::spool::{FILES, two_drives_with};

const LIMIT: u64 = 3 << 20;

/// What stands of points that were given up, apart from what the last run said.
const STANDS: &str = "whole copy, the newest of";

/// What a person reads of the job.
fn problems(bench: &Bench) -> String {
    bench.done(&["status"])["jobs"][0]["problems"].to_string()
}

/// A small job with a home of 3 MiB, one point offsite, and both drives, with these lines, out.
fn without_drives(lines: &str) -> Option<(Bench, Drive, Drive)> {
    let (bench, usb, office) = two_drives_with("[home]\nlimit = \"3 MiB\"", lines)?;
    for file in 2..FILES {
        fs::remove_file(bench.path(&format!("data/{file}"))).expect("ours");
    }
    bench.done(&["run", "--once"]);
    restores_as_it_is(&bench, "usb");
    usb.unplug();
    office.unplug();
    Some((bench, usb, office))
}

/// A copy that broke off relies on its point at home, and goes on with it when the drive is back.
#[test]
fn a_point_that_a_broken_copy_relies_on_stays_and_others_go_for_it() {
    let Some((bench, usb, office)) = without_drives("rate = \"100 KiB/s\"") else { return };
    next(&bench, 0);
    let begun = as_text(&bench.points()[0]["id"]);
    usb.plug();
    let copying = bench.begin(&["copy"]);
    let state = || state_at(&bench.points()[0], "usb");
    wait_until("a copy is under way", || state().as_deref() == Some("copying"));
    copying.signal(Signal::KILL);
    let _ = copying.end();
    usb.unplug();
    let (mut told, mut given_up) = (String::new(), 0);
    for round in 1..9 {
        let (code, report) = next(&bench, round);
        given_up += u32::from(code == 3);
        told += &report["points"][0]["problems"].to_string();
    }
    assert!(given_up >= 3 && !told.contains(&begun), "{begun}: {told}");
    assert!(bench.complete_at("home").contains(&begun));
    usb.plug();
    office.plug();
    let _ = bench.engine(&["run", "--once"]);
    bench.done(&["run", "--once"]);
    assert!(bench.complete_at("usb").contains(&begun), "it is gone on with");
}

/// One more point of 600 kB; the report, and how the run ended.
fn next(bench: &Bench, round: u64) -> (i32, Value) {
    fs::write(bench.path("data/0"), noise(round + 100, 600_000)).expect("writable");
    let made = bench.engine(&["--json", "backup"]);
    assert!([0, 3].contains(&made.code), "round {round}: {made}");
    let newest = state_at(&bench.points()[0], "home");
    assert_eq!(newest.as_deref(), Some("complete"), "round {round}: {made}");
    let used: u64 = objects(&bench.path("vault")).iter().map(|(_, bytes)| bytes).sum();
    assert!(used <= LIMIT, "round {round}: {used}");
    restores_as_it_is(bench, "home");
    (made.code, serde_json::from_str(&made.out).unwrap_or_default())
}

#[test]
fn the_oldest_owed_points_are_given_up_with_an_alarm_and_the_newest_never() {
    let Some((bench, usb, office)) = without_drives("") else { return };
    let first = as_text(&bench.points()[0]["id"]);
    let mut lost = String::new();
    let mut given_up = 0;
    for round in 0..9 {
        let (code, report) = next(&bench, round);
        let told = report["points"][0]["problems"].to_string();
        given_up += u32::from(told.contains("given up before any place had a whole copy"));
        assert_eq!(code, if told == "[]" { 0 } else { 3 }, "round {round}: {report:#}");
        if given_up == 1 && lost.is_empty() {
            lost = told;
        }
    }
    assert!(given_up >= 3, "{given_up}");
    let ids: Vec<String> = bench.points().iter().map(|point| as_text(&point["id"])).collect();
    assert!(ids.contains(&first), "what is offsite is no loss: {ids:?}");
    let told = problems(&bench);
    assert!(told.contains(STANDS), "{told}");
    let explained = bench.engine(&["explain", "data"]).exits(0);
    assert!(explained.out.contains("given up for the next point of data"), "{explained}");
    let cleared = bench.engine(&["alarm", "clear", "data"]).exits(0);
    assert!(cleared.out.contains("given up") || cleared.out.contains("gave up"), "{cleared}");
    assert!(!problems(&bench).contains(STANDS), "a person has heard of it");
    next(&bench, 20);
    assert!(problems(&bench).contains(STANDS), "and not of the next one");
    usb.plug();
    office.plug();
    let _ = bench.engine(&["run", "--once"]);
    bench.done(&["run", "--once"]);
    assert_eq!(problems(&bench), "[]", "what is newer is offsite");
    let (at_home, at_usb) = (bench.complete_at("home"), bench.complete_at("usb"));
    assert!(at_home.len() >= 2 && at_home.iter().all(|point| at_usb.contains(point)), "{at_home:?} {at_usb:?}");
    restores_as_it_is(&bench, "usb");
    restores_as_it_is(&bench, "office");
    bench.done(&["verify"]);
}

#[test]
fn nothing_is_given_up_for_a_point_that_does_not_fit_in_the_end() {
    let Some((bench, _usb, _office)) = without_drives("") else { return };
    for round in 0..2 {
        next(&bench, round);
    }
    let before = bench.points();
    // A pack at a time it would begin to fit.
    fs::write(bench.path("data/large"), noise(7, 5_000_000)).expect("writable");
    let refused = bench.engine(&["backup"]).exits(1);
    assert!(refused.err.contains("it may take up to") && refused.err.contains("nothing that is owed"), "{refused}");
    let is_there = |point: &Value| ["home", "usb"].iter().any(|at| state_at(point, at).as_deref() == Some("complete"));
    let after = bench.points();
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(is_there), "{after:#?}");
    assert!(!problems(&bench).contains(STANDS), "{}", problems(&bench));
    fs::remove_file(bench.path("data/large")).expect("ours");
    next(&bench, 9);
}

//! The same history of a source, with `canary = true` and without: each point that stays without stays with, and each
//! alarm that rings without rings with. The comparison itself is tried at random in `capture/alarm_twice.rs`.
//!
//! Mounts need root; says SKIPPED without.

use std::collections::BTreeSet;
use std::fs;

use fixtures::Bench;
use fixtures::bench::{as_text, state_at};
use serde_json::Value;

use crate::canary::{canary, configured, mounted, names, unmounted};
use crate::harness::bench;

/// What happens at the source, or is said of the job.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many files of the user's are there.
    Files(u64),
    /// All that is there gets another name.
    Rename,
    /// All that is there is rewritten.
    Rewrite,
    CanaryGone,
    CanaryRewritten,
    Unmount,
    Run,
    Clear,
    /// The points at home can't be read.
    HomeGone,
    Rebuild,
}

/// After a run.
#[derive(Debug)]
struct Seen {
    /// What the job's alarm says.
    alarm: String,
    /// Which of its points are somewhere, counted in the order of the runs.
    there: BTreeSet<usize>,
}

fn step(bench: &Bench, step: Step) {
    let data = bench.path("data");
    let is_ours = |name: &str| name == ".offsite-canary";
    match step {
        Step::Files(wanted) => {
            let users = names(&data).into_iter().filter(|name| !is_ours(name));
            users.for_each(|name| fs::remove_file(data.join(name)).expect("ours"));
            let text = "what compresses well ".repeat(50);
            (0..wanted).for_each(|at| fs::write(data.join(format!("{at:03}")), format!("{at} {text}")).expect("ours"));
        }
        Step::Rename => names(&data).iter().for_each(|name| {
            fs::rename(data.join(name), data.join(format!("{name}.locked"))).expect("ours");
        }),
        Step::Rewrite => names(&data).iter().enumerate().for_each(|(at, name)| {
            let noise = fixtures::data::noise(at as u64, 1000);
            fs::write(data.join(name), noise).expect("ours");
        }),
        Step::CanaryGone => drop(fs::remove_file(canary(bench))),
        Step::CanaryRewritten if canary(bench).exists() => fs::write(canary(bench), b"rewritten").expect("ours"),
        Step::CanaryRewritten => {}
        Step::Unmount => unmounted(bench),
        Step::Run => drop(bench.engine(&["run", "--once"])),
        Step::Clear => drop(bench.engine(&["alarm", "clear", "data"]).exits(0)),
        Step::HomeGone => {
            let points = bench.path("vault/points");
            fs::remove_dir_all(&points).and_then(|()| fs::create_dir(&points)).expect("ours");
        }
        Step::Rebuild => drop(bench.done(&["catalog", "rebuild"])),
    }
}

fn alarm(bench: &Bench) -> String {
    let status = bench.done(&["status"]);
    let problems = status["jobs"][0]["problems"].as_array().expect("a list").clone();
    let texts = problems.iter().map(|problem| as_text(&problem["problem"]));
    texts.filter(|text| text.starts_with("alarm: ")).collect()
}

/// The history as it goes with these lines of the job's.
fn told(lines: &str, is_mount: bool, history: &[Step]) -> Option<Vec<Seen>> {
    let bench = bench();
    let _data = bench.folder("data");
    if is_mount && !mounted(&bench) {
        return None;
    }
    configured(&bench, lines);
    let (mut ids, mut seen) = (Vec::new(), Vec::new());
    for &one in history {
        step(&bench, one);
        if matches!(one, Step::Run) {
            let points = bench.points();
            let newest = as_text(&points[0]["id"]);
            if !ids.contains(&newest) {
                ids.push(newest);
            }
            let is_whole = |state: Option<String>| matches!(state.as_deref(), Some("complete" | "present"));
            let lies = |point: &&Value| ["home", "usb"].iter().any(|place| is_whole(state_at(point, place)));
            let lying: BTreeSet<String> = points.iter().filter(lies).map(|it| as_text(&it["id"])).collect();
            let there = (0..ids.len()).filter(|at| lying.contains(&ids[*at])).collect();
            seen.push(Seen { alarm: alarm(&bench), there });
        }
    }
    Some(seen)
}

/// The words of a loss without its figures.
fn losses(alarm: &str) -> BTreeSet<&'static str> {
    ["files are gone", "files became", "is not there now", "is empty now", "no longer compress"]
        .into_iter()
        .filter(|words| alarm.contains(words))
        .collect()
}

/// These words of a loss are told without canaries.
fn compare(lost: &str, lines: &str, is_mount: bool, history: &[Step]) {
    let Some(without) = told(lines, is_mount, history) else { return };
    assert!(without.iter().any(|seen| seen.alarm.contains(lost)), "{lines} {history:?}: {without:?}");
    let with = told(&format!("{lines}\ncanary = true"), is_mount, history).expect("the same");
    assert_eq!(without.len(), with.len());
    for (without, with) in without.iter().zip(&with) {
        assert!(without.there.is_subset(&with.there), "{lines} {history:?}: {without:?}, with canaries {with:?}");
        assert!(without.alarm.is_empty() || !with.alarm.is_empty(), "{history:?}: {without:?}, {with:?}");
        let (silent, rings) = (losses(&without.alarm), losses(&with.alarm));
        assert!(silent.is_subset(&rings), "{lines} {history:?}: {without:?}, with canaries {with:?}");
    }
}

const KEEP: &str = "keep = { last = 1 }";

use Step::{CanaryGone, CanaryRewritten, Clear, Files, HomeGone, Rebuild, Rename, Rewrite, Run, Unmount};

#[test]
fn all_files_are_gone() {
    let history = [Files(3), Run, Files(0), Run, Run, Clear, Run];
    compare("all 3 files are gone", KEEP, false, &history);
    compare("all 3 files are gone", &format!("{KEEP}\nhome = false"), false, &history);
}

#[test]
fn the_drive_is_not_mounted() {
    compare("all 3 files are gone", KEEP, true, &[Files(3), Run, Unmount, Run, Run, Clear, Run]);
}

#[test]
fn files_became_few_and_the_point_before_can_not_be_read() {
    compare("100 files became 49", KEEP, false, &[Files(100), Run, Clear, HomeGone, Files(49), Run, Run]);
    compare("all 3 files are gone", KEEP, false, &[Files(3), Run, Rebuild, HomeGone, Files(0), Run, Run]);
}

#[test]
fn all_is_rewritten_or_renamed() {
    compare("101 of 101 files no longer compress", KEEP, false, &[Files(101), Run, Rewrite, Run, Run]);
    compare("101 of 101 files are gone", KEEP, false, &[Files(101), Run, Rename, Run, Files(0), Run]);
}

#[test]
fn a_loss_comes_after_a_canary_went() {
    let lost = "all 3 files are gone";
    compare(lost, KEEP, false, &[Files(3), Run, CanaryGone, Run, Files(0), Run, Run]);
    compare(lost, KEEP, false, &[Files(3), Run, CanaryRewritten, Run, Clear, CanaryGone, Files(0), Run, Run]);
}

#[test]
fn a_loss_comes_while_an_alarm_of_a_canary_stands() {
    let history = [Files(3), Run, CanaryRewritten, Run, Files(100), Run, HomeGone, Files(49), Run];
    compare("100 files became 49", KEEP, false, &history);
}

//! Drills on schedule: the service starts this very program, its report appears, and `status` tells of it.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Stdio};

use crate::harness::{flip, packs, protected};
use engine::catalog::{Catalog, OpenOptions};
use engine::service::DrillMark;
use fixtures::Bench;
use serde_json::Value;

/// A service that runs, and what it tells.
struct Service {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Service {
    fn start(bench: &Bench) -> Self {
        let mut child = bench.command(&["run"]).stderr(Stdio::piped()).spawn().expect("it can be begun");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        Self { child, lines }
    }

    /// Waits for a line with one of these words; gives the line.
    fn hear(&mut self, words: &[&str]) -> String {
        let mut heard = Vec::new();
        loop {
            match self.lines.next() {
                Some(Ok(line)) if words.iter().any(|word| line.contains(word)) => return line,
                Some(line) => heard.push(line.expect("text")),
                None => panic!("it ended and never said any of {words:?}: {heard:#?}"),
            }
        }
    }

    fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        let code = self.child.wait().expect("our child").code();
        self.lines.by_ref().for_each(drop);
        code
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Ended already where the test got so far.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reports(bench: &Bench) -> Vec<Value> {
    let names = fs::read_dir(bench.path("state/reports")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut names: Vec<_> = names.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    names.sort();
    names.iter().map(|path| serde_json::from_slice(&fs::read(path).expect("readable")).expect("JSON")).collect()
}

fn problems(bench: &Bench) -> String {
    bench.done(&["status"])["problems"].to_string()
}

/// As if the last drill had been made long ago: the next one is due now.
fn let_it_be_due(bench: &Bench) {
    let catalog = Catalog::open(&bench.path("state"), OpenOptions::default()).expect("a catalog");
    let long_ago = DrillMark { began: engine::model::Time::from_seconds(1_000_000_000), ended: None };
    catalog.set_memo(DrillMark::MEMO, &long_ago.to_string()).expect("recorded");
}

#[test]
fn the_service_drills_on_schedule_and_status_tells_how_it_came_out() {
    let bench = protected(&["usb"]);
    let config = fs::read_to_string(bench.path("offsite.toml")).expect("readable");
    let drill =
        format!("{config}\n[drill]\nschedule = \"weekly sun 03:00\"\nscratch = \"{}\"\n", bench.text("scratch"));
    fs::write(bench.path("offsite.toml"), drill).expect("writable");
    let_it_be_due(&bench);
    assert!(problems(&bench).contains("did not happen"), "{}", problems(&bench));
    let mut service = Service::start(&bench);
    let said = service.hear(&["the restore drill passed", "did not pass"]);
    assert!(said.contains("the restore drill passed"), "{said}");
    assert!(!problems(&bench).contains("drill"), "{}", problems(&bench));
    assert_eq!(service.stop(), Some(0));
    let written = reports(&bench);
    assert_eq!(written.len(), 1, "{written:#?}");
    assert_eq!((&written[0]["verdict"], &written[0]["destination"]), (&"pass".into(), &"usb".into()));

    flip(&packs(&bench, "usb")[0]);
    let_it_be_due(&bench);
    let mut service = Service::start(&bench);
    let said = service.hear(&["the restore drill passed", "did not pass"]);
    assert!(said.contains("did not pass: exit 4"), "{said}");
    assert!(problems(&bench).contains("found that something does not restore"), "{}", problems(&bench));
    assert_eq!(service.stop(), Some(0));
    assert_eq!(reports(&bench).last().expect("a report")["verdict"], "fail");
}

#[test]
fn a_service_that_stops_stops_its_drill_too_and_it_is_due_again() {
    let bench = protected(&["usb"]);
    fs::write(bench.path("data/large"), fixtures::data::noise(5, 40 << 20)).expect("writable");
    bench.done(&["run", "--once"]);
    let config = fs::read_to_string(bench.path("offsite.toml")).expect("readable");
    let drill =
        format!("{config}\n[drill]\nschedule = \"weekly sun 03:00\"\nscratch = \"{}\"\n", bench.text("scratch"));
    fs::write(bench.path("offsite.toml"), drill).expect("writable");
    let_it_be_due(&bench);
    let mut service = Service::start(&bench);
    let _ = service.hear(&["a restore drill is due"]);
    assert_eq!(service.stop(), Some(0));
    assert_eq!(fixtures::data::inventory(&bench.path("scratch")).expect("readable"), [], "nothing is left in scratch");
    assert!(problems(&bench).contains("did not happen"), "it is due again: {}", problems(&bench));
}

#[test]
fn the_service_keeps_to_the_budget_and_begins_with_what_was_never_proved() {
    let bench = protected(&["usb"]);
    let config = fs::read_to_string(bench.path("offsite.toml")).expect("readable");
    let (scratch, budget) = (bench.text("scratch"), "budget = { bytes = \"1 KiB\" }");
    let drill = format!("{config}\n[drill]\nschedule = \"weekly sun 03:00\"\nscratch = \"{scratch}\"\n{budget}\n");
    fs::write(bench.path("offsite.toml"), drill).expect("writable");
    for round in 1..=2 {
        let_it_be_due(&bench);
        let mut service = Service::start(&bench);
        let said = service.hear(&["the restore drill passed", "did not pass"]);
        assert!(said.contains("the restore drill passed"), "{said}");
        assert_eq!((service.stop(), reports(&bench).len()), (Some(0), round));
    }
    let written = reports(&bench);
    assert_ne!(written[0]["point"], written[1]["point"], "one of two points each time");
}

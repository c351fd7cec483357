//! A drill that is told to stop cleans up, says so, and is incomplete; one that would have to wait says so too.

mod harness;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use fixtures::Bench;
use fixtures::data::{inventory, noise};
use harness::{drill, drill_command, protected};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A drill that runs, until it says these words on standard error.
fn begun(bench: &Bench, words: &[&str], said: &str) -> Child {
    let mut command = drill_command(bench, words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be begun");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut heard = Vec::new();
    while !heard.last().is_some_and(|line: &String| line.contains(said)) {
        match lines.next() {
            Some(line) => heard.push(line.expect("text")),
            None => panic!("it never said {said:?}: {heard:?}"),
        }
    }
    // Whoever writes to a pipe that nobody reads would be killed.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// Its exit code and its document.
fn end(mut child: Child) -> (Option<i32>, Value) {
    let mut text = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    let status = child.wait().expect("our child");
    (status.code(), serde_json::from_str(&text).expect("one document"))
}

fn reports(bench: &Bench) -> usize {
    let names = fs::read_dir(bench.path("state/reports")).into_iter().flatten().flatten();
    names.filter(|entry| entry.file_name().to_string_lossy().ends_with(".json")).count()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it runs");
}

#[test]
fn a_signal_in_the_middle_leaves_scratch_clean_and_a_report_of_every_drill() {
    for sent in [Signal::TERM, Signal::INT] {
        let bench = protected(&["usb", "office"]);
        fs::write(bench.path("data/large"), noise(5, 40 << 20)).expect("writable");
        bench.done(&["run", "--once"]);
        let child = begun(&bench, &["--verbose"], "drilling data");
        signal(&child, sent);
        let (code, document) = end(child);
        assert_eq!((code, &document["verdict"]), (Some(3), &"incomplete".into()), "{document:#}");
        let drills = document["drills"].as_array().expect("drills");
        assert_eq!(drills.len(), 2, "the one that was not begun is told too: {document:#}");
        assert!(drills.iter().all(|drill| drill["mismatches"].to_string().contains("told to stop")), "{document:#}");
        assert_eq!(reports(&bench), 2);
        assert!(inventory(&bench.path("scratch")).expect("readable").is_empty(), "scratch is cleaned up");
        let _ = drill(&bench, &["--destination", "usb"]).exits(0);
    }
}

/// The lock of drills that restore to the bench's file system, held by this test.
fn turn_taken(bench: &Bench) -> File {
    let _ = drill(bench, &["--destination", "usb"]).exits(0);
    let locks = fs::read_dir(bench.path("state/locks")).expect("readable").flatten();
    let turns: Vec<PathBuf> =
        locks.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains("drills-on-")).collect();
    assert_eq!(turns.len(), 1, "{turns:?}");
    let file = File::options().write(true).open(&turns[0]).expect("ours");
    file.lock().expect("nobody has it");
    file
}

#[test]
fn no_wait_is_exit_1_while_another_drill_has_the_room_and_else_it_is_waited_for() {
    let bench = protected(&["usb"]);
    let held = turn_taken(&bench);
    let refused = drill(&bench, &["--no-wait"]).exits(1).says("another drill");
    assert!(refused.json()["error"]["do"].as_str().is_some_and(|text| text.contains("--no-wait")), "{refused}");
    let child = begun(&bench, &[], "waiting: another drill");
    drop(held);
    let (code, document) = end(child);
    assert_eq!((code, &document["verdict"]), (Some(0), &"pass".into()), "{document:#}");
    let _ = drill(&bench, &["--no-wait"]).exits(0);
}

#[test]
fn a_signal_while_it_waits_is_heard() {
    let bench = protected(&["usb"]);
    let _held = turn_taken(&bench);
    let child = begun(&bench, &[], "waiting: another drill");
    signal(&child, Signal::TERM);
    let (code, document) = end(child);
    assert_eq!((code, &document["verdict"]), (Some(3), &"incomplete".into()), "{document:#}");
}

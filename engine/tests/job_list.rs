//! `ls`, `find`, `diff` and `dump` as people and scripts use them: rows come as they are found, what fails in the middle
//! leaves one valid document, points stay while they are looked into, and damage that is met is known from then on.

mod harness;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use fixtures::Bench;
use fixtures::bench::state_at;
use harness::prepared;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// More entries than a pipe and every buffer before it hold.
const MANY: u64 = 4000;

/// A point of many files at home.
fn many() -> Bench {
    let bench = prepared(0, 0, "keep = { last = 1 }", &["usb"]);
    for at in 0..MANY {
        fs::write(bench.path(&format!("data/a name as long as names of pictures are, number {at}")), b"")
            .expect("writable");
    }
    bench.done(&["backup"]);
    bench
}

/// A command whose first lines were read, and that can't go on before somebody reads more.
struct Halted {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    first: String,
}

fn halted(bench: &Bench, words: &[&str]) -> Halted {
    let mut child =
        bench.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be begun");
    let mut out = BufReader::with_capacity(512, child.stdout.take().expect("piped"));
    let mut first = String::new();
    for _ in 0..3 {
        let _ = out.read_line(&mut first).expect("text");
    }
    Halted { child, out, first }
}

impl Halted {
    /// The rest of what it writes, what it says, and its exit code.
    fn end(mut self) -> (String, String, Option<i32>) {
        let mut said = String::new();
        self.out.read_to_string(&mut self.first).expect("text");
        self.child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        (self.first, said, self.child.wait().expect("our child").code())
    }
}

#[test]
fn a_list_that_is_stopped_after_its_first_row_is_one_valid_document_that_says_so() {
    let bench = many();
    let halted = halted(&bench, &["--json", "ls", "data"]);
    kill_process(Pid::from_child(&halted.child), Signal::TERM).expect("it waits for its reader");
    let (document, said, code) = halted.end();
    let document: Value = serde_json::from_str(&document).expect("one valid document");
    let rows = document["entries"].as_array().expect("entries").len() as u64;
    assert!(rows > 0 && rows < MANY, "{rows}");
    assert_eq!(document["error"]["why"], "it was stopped", "{document:.300}");
    assert!(said.contains("it was stopped") && code == Some(3), "{said}");
}

#[test]
fn a_reader_that_wants_no_more_ends_a_list_well() {
    let bench = many();
    for words in [&["ls", "data"][..], &["--json", "ls", "data"], &["find", "*"], &["--json", "find", "*"]] {
        let Halted { mut child, out, .. } = halted(&bench, words);
        drop(out);
        let mut said = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        assert_eq!((child.wait().expect("our child").code(), said.as_str()), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn a_point_stays_while_it_is_listed() {
    let bench = many();
    let halted = halted(&bench, &["ls", "data"]);
    let _ = bench.engine(&["forget", "--point", "data"]).exits(1).says("it is reserved");
    let (list, _, code) = halted.end();
    assert_eq!((list.lines().filter(|line| line.contains("number")).count() as u64, code), (MANY, Some(0)));
    bench.done(&["forget", "--point", "data"]);
}

/// Flips a byte in every pack at home.
fn damage(bench: &Bench) {
    for folder in fs::read_dir(bench.path("vault/packs")).expect("packs") {
        for pack in fs::read_dir(folder.expect("listed").path()).expect("packs") {
            let path = pack.expect("listed").path();
            let mut bytes = fs::read(&path).expect("readable");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).expect("writable");
        }
    }
}

#[test]
fn damage_that_a_list_routes_around_is_known_from_then_on() {
    for words in [&["ls", "data"][..], &["find", "*"], &["diff", "data", "data"]] {
        let bench = prepared(3, 5000, "", &["usb"]);
        bench.done(&["run", "--once"]);
        damage(&bench);
        let listed = bench.engine(words).exits(0).says("`engine verify home --repair` heals what can be healed");
        assert_eq!(state_at(&bench.points()[0], "home").as_deref(), Some("damaged"), "{listed}");
    }
}

#[test]
fn damage_that_hides_entries_is_told_behind_those_that_can_be_read() {
    let bench = prepared(3, 5000, "", &["usb"]);
    bench.done(&["backup"]);
    damage(&bench);
    let listed = bench.engine(&["--json", "ls", "data"]).exits(4).json();
    assert!(listed["problems"].as_array().is_some_and(|problems| !problems.is_empty()), "{listed}");
    assert!(listed["entries"].is_array() && listed.get("error").is_none(), "{listed}");
}

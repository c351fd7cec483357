//! Jobs of what a command prints.

use std::fs;
use std::time::Duration;

use fixtures::Bench;
use fixtures::bench::{objects, wait_until};

use crate::harness::bench;

/// A bench with a job `dump` of a command in the shell, and one destination; prepared.
fn printing(script: &str) -> Bench {
    let bench = bench();
    fs::write(bench.path("script"), script).expect("writable");
    bench.configure(&format!(
        "[job.dump]\nsource = {{ command = [\"sh\", \"{0}/script\"], name = \"all.txt\" }}\noffsite = [\"usb\"]\n\
         [destination.usb]\nurl = \"file://{0}/usb\"\n",
        bench.path("").display()
    ));
    bench.done(&["init"]);
    bench
}

#[test]
fn what_a_command_prints_comes_back_byte_for_byte_and_is_stored_once() {
    let bench = printing("seq 1 1000000");
    let first = bench.done(&["backup"]);
    let expected: String = (1..=1_000_000).map(|number| format!("{number}\n")).collect();
    assert_eq!(first["points"][0]["bytes"], expected.len());
    fs::write(bench.path("script"), "seq 1 1000000; echo one more").expect("writable");
    let second = bench.done(&["backup"]);
    let new = second["points"][0]["new-bytes"].as_u64().expect("a number");
    assert!(new < expected.len() as u64 / 3, "{new} of {}", expected.len());
    bench.done(&["copy"]);
    for (point, more) in [("dump~1", ""), ("dump", "one more\n")] {
        let to = bench.path(point);
        bench.done(&["restore", point, "--from", "usb", "--to", &to.display().to_string()]);
        let restored = fs::read_to_string(to.join("dump/all.txt")).expect("there");
        assert!(restored == format!("{expected}{more}"), "{point}");
    }
}

#[test]
fn a_command_that_fails_makes_no_point_and_leaves_nothing() {
    let bench = printing("seq 1 100000");
    bench.done(&["backup"]);
    let before = objects(&bench.path("vault"));
    for (script, why) in [
        ("seq 1 900000; echo no such table >&2; exit 3", "exit status 3: no such table"),
        ("seq 1 900000; kill -9 $$", "signal: 9"),
        ("exit 1", "exit status 1"),
    ] {
        fs::write(bench.path("script"), script).expect("writable");
        let _ = bench.engine(&["backup"]).exits(1).says(why).says("the last good point stays");
        assert_eq!(bench.points().len(), 1, "{script}");
        let now = objects(&bench.path("vault"));
        let packs = |all: &[(std::path::PathBuf, u64)]| {
            all.iter().filter(|(path, _)| path.display().to_string().contains("packs")).cloned().collect::<Vec<_>>()
        };
        assert_eq!(packs(&now), packs(&before), "{script}");
    }
    let status = bench.done(&["status"]);
    assert!(status["jobs"][0]["problems"].to_string().contains("made no point"), "{status:#}");
}

#[test]
fn a_silent_command_is_ended_when_the_engine_is_told_to_stop() {
    let bench = printing("echo begun; echo $$ >pid.tmp; mv pid.tmp pid; sleep 1000");
    let running = bench.begin(&["backup"]);
    wait_until("the command runs", || bench.path("pid").exists());
    let pid = bench.text("pid");
    running.signal(rustix::process::Signal::TERM);
    let begun = std::time::Instant::now();
    let _ = running.end().exits(1);
    assert!(begun.elapsed() < Duration::from_secs(5));
    wait_until("the command is gone", || !std::path::Path::new(&format!("/proc/{}", pid.trim())).exists());
    assert!(bench.points().is_empty());
}

#[test]
fn a_program_that_is_not_there_is_told_and_nothing_is_made() {
    let bench = bench();
    bench.configure(&format!(
        "[job.dump]\nsource = {{ command = [\"no-such-program\"] }}\noffsite = [\"usb\"]\n[destination.usb]\nurl = \"file://{}\"\n",
        bench.path("usb").display()
    ));
    bench.done(&["init"]);
    let _ = bench.engine(&["backup"]).exits(1).says("`no-such-program` can't be started");
    assert!(bench.points().is_empty());
}

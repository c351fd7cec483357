//! A job's own command: what it is given, what it is not, and what it says of the data.

use std::fs;

use fixtures::Bench;
use fixtures::data::inventory;
use serde_json::Value;

use crate::databases::drilled;
use crate::harness::{bare, drill, reports};

/// A bench whose job has this probe.
fn probing(probe: &str) -> Bench {
    let bench = bare();
    let data = bench.folder("data");
    fs::write(data.join("a file"), "its content\n").expect("writable");
    bench.configure_simply(&format!("probe = {probe}"), &[("usb", &bench.path("usb"), "")]);
    bench.done(&["init"]);
    bench
}

#[track_caller]
fn said(probes: &[Value]) -> String {
    assert_eq!(
        (probes.len(), &probes[0]["path"], &probes[0]["probe"]),
        (1, &"".into(), &"command".into()),
        "{probes:?}"
    );
    format!("{}: {}", probes[0]["verdict"].as_str().expect("text"), probes[0]["detail"].as_str().expect("text"))
}

fn of(probe: &str, code: u8) -> String {
    said(&drilled(&probing(probe), &["--strict"], code))
}

#[test]
fn a_command_judges_what_was_restored_where_it_was_restored() {
    let good = of("{ command = \"grep -q 'its content' */*/*/data/a?file && test $OFFSITE_JOB = data\" }", 0);
    assert!(good.starts_with("pass: ") && good.ends_with("ended with exit status 0"), "{good}");
    let bad = of("{ command = [\"grep\", \"-r\", \"no such words\", \".\"], expect = \"exit 0\" }", 4);
    assert!(
        bad.starts_with("fail: `grep -r no such words .` ended with exit status 1") && bad.contains("expected: exit 0"),
        "{bad}"
    );
    let other = of("{ command = [\"grep\", \"-r\", \"no such words\", \".\"], expect = \"exit 1\" }", 0);
    assert!(other.starts_with("pass: "), "{other}");
}

#[test]
fn what_a_command_prints_goes_to_the_terminal_and_into_no_report() {
    for (code, ends) in [(0, 0), (4, 7)] {
        let bench = probing(&format!("{{ command = \"cat */*/*/data/a?file; exit {ends}\" }}"));
        bench.done(&["run", "--once"]);
        let ran = drill(&bench, &["--verbose"]).exits(code);
        assert!(ran.err.contains("its content"), "{ran}");
        assert!(!ran.out.contains("its content") && !reports(&bench).contains("its content"), "{ran}");
    }
}

#[test]
fn a_command_that_is_not_there_or_does_not_end_is_skipped_and_leaves_nothing() {
    let missing = of("{ command = [\"no-such-program\"] }", 3);
    assert!(missing.starts_with("skipped: ") && missing.contains("can't be run"), "{missing}");
    let endless = of("{ command = \"sleep 98765 & sleep 98765\", time-limit = \"1s\" }", 3);
    assert!(endless.starts_with("skipped: ") && endless.contains("took longer than 1 s"), "{endless}");
    fixtures::bench::wait_until("what it started is gone", || {
        let processes = fs::read_dir("/proc").expect("Linux").flatten();
        !processes
            .map(|it| fs::read_to_string(it.path().join("cmdline")).unwrap_or_default())
            .any(|it| it.contains("98765"))
    });
}

#[test]
fn a_command_has_no_secret_and_as_root_no_network() {
    let no_secret = "test -z \\\"$SOME_TOKEN\\\"";
    // The loop device alone, which is down.
    let no_network = "! grep -v -e lo: -e '|' /proc/net/dev";
    let is_root = rustix::process::geteuid().is_root();
    let command = if is_root { format!("{no_secret} && {no_network}") } else { no_secret.to_owned() };
    let bench = probing(&format!("{{ command = \"{command}\" }}"));
    bench.done(&["run", "--once"]);
    let mut command = crate::harness::drill_command(&bench, &[]);
    let ran = fixtures::Ran::of(command.env("SOME_TOKEN", "not to be seen")).exits(0);
    let probes = ran.json()["drills"][0]["probes"].as_array().expect("probes").clone();
    let said = said(&probes);
    assert!(!is_root || !said.contains("with network"), "{said}");
    assert!(inventory(&bench.path("scratch")).expect("readable").is_empty());
    bench.configure_simply("probe = { command = \"true\", expect = \"well\" }", &[("usb", &bench.path("usb"), "")]);
    let _ = drill(&bench, &[]).exits(2).says("\"exit 0\", or another status");
}

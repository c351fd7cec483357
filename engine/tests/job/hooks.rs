//! Commands around a job's runs.

use std::fs;
use std::time::Duration;

use fixtures::Bench;
use fixtures::bench::{as_text, wait_until};

use crate::harness::bench;

/// A bench with a job of the folder `data`, of these further lines; prepared.
fn hooked(lines: &str) -> Bench {
    let bench = bench();
    fs::write(bench.folder("data").join("file"), "content").expect("written");
    bench.configure(&format!(
        "[job.data]\nsource = {{ folders = [\"data\"] }}\n{}\n",
        lines.replace("DIR", &bench.path("").display().to_string())
    ));
    bench.done(&["init"]);
    bench
}

fn read(bench: &Bench, name: &str) -> String {
    fs::read_to_string(bench.path(name)).unwrap_or_default()
}

#[test]
fn commands_run_around_a_point_and_what_they_print_is_kept() {
    let bench = hooked(
        "before = \"echo $OFFSITE_JOB >>DIR/log; echo made >DIR/data/new; echo told; echo loud >&2\"\n\
         after = [\"sh\", \"-c\", \"echo after $OFFSITE_POINTS >>DIR/log\"]\non-failure = \"echo failed >>DIR/log\"",
    );
    let report = bench.done(&["backup"]);
    assert_eq!(report["points"][0]["files"], 2, "what `before` made is in it");
    assert_eq!(read(&bench, "log"), format!("data\nafter {}\n", as_text(&report["points"][0]["id"])));
    assert_eq!(read(&bench, "state/hooks/data-before.log"), "told\nloud\n");
}

#[test]
fn a_before_that_fails_stops_the_job_and_tells_what_it_said() {
    let bench = hooked(
        "before = \"echo no such volume; exit 5\"\nafter = \"echo after >>DIR/log\"\n\
         on-failure = \"echo $OFFSITE_ERROR >>DIR/log\"",
    );
    let _ = bench.engine(&["backup"]).exits(1).says("`before` command ended with exit status 5: no such volume");
    assert!(bench.points().is_empty());
    let log = read(&bench, "log");
    assert!(log.contains("no such volume") && !log.contains("after"), "{log}");
    let status = bench.done(&["status"]);
    assert!(status["jobs"][0]["problems"].to_string().contains("no such volume"), "{status:#}");
}

#[test]
fn a_command_that_takes_too_long_is_ended_with_all_that_it_started() {
    let bench = hooked("before = \"sleep 1000 & echo $! >DIR/pid; wait\"\nhook-time-limit = \"1s\"");
    let _ = bench.engine(&["backup"]).exits(1).says("took longer than 1 s");
    let pid = read(&bench, "pid").trim().to_owned();
    wait_until("what it started is gone", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn an_after_that_fails_leaves_the_point_and_is_told() {
    let bench = hooked("after = \"echo can not unmount; exit 1\"");
    let ran = bench.engine(&["backup", "--json"]).exits(3).says("can not unmount");
    let report = ran.json();
    assert_eq!(
        (report["points"].as_array().map(Vec::len), report["failed"].as_array().map(Vec::len)),
        (Some(1), Some(1))
    );
    assert_eq!(bench.points().len(), 1);
}

#[test]
fn a_program_that_is_not_there_and_a_limit_of_nothing_are_told() {
    let bench = hooked("before = [\"no-such-program\"]");
    let _ = bench.engine(&["backup"]).exits(1).says("no-such-program");
    bench.configure("[job.data]\nsource = { folders = [\"data\"] }\nbefore = []\nhook-time-limit = \"0s\"\n");
    let _ = bench.engine(&["backup"]).exits(2).says("a list of words").says("no command can end in no time");
}

#[test]
fn who_stops_the_engine_stops_a_before_that_hangs() {
    let bench = hooked("before = \"echo $$ >DIR/pid.tmp; mv DIR/pid.tmp DIR/pid; sleep 1000\"");
    let running = bench.begin(&["backup"]);
    wait_until("the command runs", || bench.path("pid").exists());
    running.signal(rustix::process::Signal::TERM);
    let begun = std::time::Instant::now();
    let _ = running.end();
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert!(bench.points().is_empty());
}

#[test]
fn of_output_without_end_only_the_end_is_kept() {
    let bench = hooked("before = \"yes | head -c 20000000; echo the end\"");
    bench.done(&["backup"]);
    let kept = read(&bench, "state/hooks/data-before.log");
    assert_eq!(kept.len(), 1 << 20);
    assert!(kept.ends_with("y\nthe end\n"));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(bench.path("state/hooks/data-before.log")).expect("kept").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_a_command_leaves_behind_with_its_output_holds_no_run_up() {
    let bench = hooked("before = \"echo began; sleep 100 & echo $! >DIR/pid\"");
    let begun = std::time::Instant::now();
    bench.done(&["backup"]);
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(read(&bench, "state/hooks/data-before.log"), "began\n");
    let pid: i32 = read(&bench, "pid").trim().parse().expect("its number");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

#[test]
fn output_that_can_not_be_kept_is_told_and_stops_nothing() {
    let bench = hooked("before = \"echo told\"");
    fs::write(bench.path("state/hooks"), "in the way").expect("ours");
    let _ = bench.engine(&["backup"]).exits(0).says("can't be kept");
    assert_eq!(bench.points().len(), 1);
}

#[test]
fn commands_get_no_variable_that_holds_a_secret() {
    let bench = hooked("before = \"env >DIR/log\"");
    bench.configure(
        "[job.data]\nsource = { folders = [\"data\"] }\nbefore = \"env >'DIR/log'\"\n\
         [job.shop]\nsource = { postgres = \"postgres://shop@127.0.0.1:1/shop\", password-env = \"SHOP_SECRET\" }\n\
         [destination.office]\nurl = \"sftp://me@127.0.0.1:1/vault\"\npassword-env = \"OFFICE_SECRET\"\n"
            .replace("DIR", &bench.path("").display().to_string())
            .as_str(),
    );
    let mut command = bench.command(&["backup", "data"]);
    for name in ["SHOP_SECRET", "OFFICE_SECRET", "NO_SECRET"] {
        command.env(name, "hunter2");
    }
    let _ = fixtures::Ran::of(&mut command).exits(0);
    let log = read(&bench, "log");
    assert!(log.contains("NO_SECRET=hunter2") && log.contains("OFFSITE_JOB=data"), "{log}");
    assert!(!log.contains("SHOP_SECRET") && !log.contains("OFFICE_SECRET"), "{log}");
}

//! Whole drives: images of real file systems on loop devices, backed up, restored, judged by their own fsck and compared
//! file by file.
//!
//! Needs root, loop devices and the file systems' tools; says SKIPPED without.

mod damaged;
mod disk;
mod in_use;
mod inside;
mod parted;
mod to_device;
mod whole;

use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::Bench;
use fixtures::bench::text;
use serde_json::Value;

use crate::harness::bench;

/// A bench with the job `disk` of this drive; prepared.
fn protecting(drive: &Path, more: &str) -> Bench {
    let bench = bench();
    configure(&bench, drive, more);
    bench.done(&["init"]);
    bench
}

fn configure(bench: &Bench, drive: &Path, more: &str) {
    bench.configure(&format!(
        "[job.disk]\nsource = {{ drive = \"{}\"{more} }}\noffsite = [\"usb\"]\n[destination.usb]\nurl = \"file://{}\"\n",
        text(drive),
        bench.text("usb")
    ));
}

/// A point; what was told of it.
fn backed_up(bench: &Bench) -> Value {
    let report = bench.done(&["backup"]);
    report["points"][0].clone()
}

/// What a person should know of a point.
fn warnings(point: &Value) -> String {
    point["warnings"].to_string()
}

fn new_bytes(point: &Value) -> u64 {
    point["new-bytes"].as_u64().expect("a number")
}

/// The newest point's only file, restored below a new folder.
fn restored(bench: &Bench, to: &str) -> PathBuf {
    let target = bench.path(to);
    bench.done(&["restore", "disk", "--to", &text(&target)]);
    let listed = bench.done(&["ls", "disk"]);
    let entries = listed["entries"].as_array().expect("a list");
    assert_eq!(entries.len(), 1, "one image, and no folder: {listed}");
    target.join(entries[0]["path"].as_str().expect("a path"))
}

/// Runs the engine with only these programs to be found.
fn engine_with(bench: &Bench, programs: &Path, words: &[&str]) -> fixtures::Ran {
    let mut command: Command = bench.command(words);
    command.env("PATH", programs);
    fixtures::Ran::of(&mut command)
}

//! The binary as a user types it: how command lines end, and the commands that only read.
#![allow(clippy::unwrap_used, missing_docs)]

mod reading;
mod usage;

use std::path::Path;
use std::process::{Command, Output};

/// The engine in a folder, with a configuration of its own there, or none.
fn engine(folder: &Path, line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
    command.current_dir(folder).args(line).env_remove("OFFSITE_CONFIG").env("XDG_CONFIG_HOME", folder).env("TZ", "UTC");
    command
}

fn run(folder: &Path, line: &[&str]) -> Output {
    engine(folder, line).output().expect("it runs")
}

/// Standard output as JSON, and the exit code.
fn json(folder: &Path, line: &[&str]) -> (serde_json::Value, i32) {
    let output = run(folder, line);
    let text = String::from_utf8_lossy(&output.stdout);
    let value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line:?}: {error}: {text}{}", said(&output)));
    (value, code(&output))
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("not killed")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

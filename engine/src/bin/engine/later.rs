//! Commands whose bodies are not in the library yet: each says so and does nothing.

use engine::command::{Call, Exit, Failure};
use engine::report::StatusReport;

fn absent<T>(what: &str) -> Result<T, Failure> {
    Err(Failure::new(format!("can't {what}"), "this build has no such command yet", ""))
}

pub fn status(_: &Call) -> Result<(StatusReport, Exit), Failure> {
    absent("tell the status")
}

pub fn run(_: &Call) -> Result<Exit, Failure> {
    absent("run")
}

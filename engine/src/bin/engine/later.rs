//! Commands whose bodies are not in the library yet: each says so and does nothing.

use engine::command::{Call, Exit, Failure};

pub fn run(_: &Call) -> Result<Exit, Failure> {
    Err(Failure::new("can't run", "this build has no such command yet", ""))
}

//! What each command does: opens what it needs, lets the stages work, and gives a report to print.
//!
//! In: a parsed call. Out: a report and an exit code, or a [`Failure`] that says what failed, why, and what to do.
//! Deliberately absent: parsing of the command line, printing (both are the binary's), and every decision that the
//! planner takes.

mod exit;
mod failure;
mod voice;

pub use exit::Exit;
pub use failure::Failure;
pub use voice::{Silent, Voice};

use std::path::PathBuf;

use crate::port::{Clock, Entropy};

/// Whether a command waits for work that another process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It says so and waits.
    Yes,
    /// It fails at once: `--no-wait`.
    No,
}

/// What every command is given.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    /// `--config`, if given.
    pub config: Option<&'c PathBuf>,
    /// `--no-wait`?
    pub wait: Wait,
    /// Whom to tell while it works.
    pub voice: &'c dyn Voice,
    /// Asked often: stop?
    pub stop: &'c (dyn Fn() -> bool + Sync),
    /// The time.
    pub clock: &'c dyn Clock,
    /// Randomness.
    pub entropy: &'c dyn Entropy,
}

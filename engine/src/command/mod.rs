//! What each command does: opens what it needs, lets the stages work, and gives a report to print.
//!
//! In: a parsed call. Out: a report and an exit code, or a [`Failure`] that says what failed, why, and what to do.
//! Deliberately absent: parsing of the command line, printing (both are the binary's), and every decision that the
//! planner takes.

mod backup;
mod chained;
mod context;
mod copy;
mod exit;
mod failure;
mod forget;
mod full;
mod give_up;
mod hours;
mod init;
mod key;
mod last_failure;
mod login;
mod mirrors;
mod once;
mod overflow;
mod places;
pub mod read;
mod reading;
mod rebuild;
mod recover;
mod restore;
mod restored;

mod owed;
mod pin;
mod progress;
mod publish;
mod retire;
mod round;
mod run;
mod seed;
mod status;
mod verify;
mod visit;
mod voice;

pub use crate::installation::Moved;
pub use backup::{BackupOptions, backup};
pub use context::Context;
pub use copy::{CopyOptions, copy};
pub use exit::Exit;
pub use failure::Failure;
pub use forget::{ForgetOptions, forget};
pub use init::{enrol, init};
pub use key::{KeyChange, Opener, Rotation, key_change, key_list};
pub use login::Login;
pub use once::run_once;
pub use pin::{clear_alarm, pin, unpin};
pub use rebuild::rebuild;
pub use recover::{RecoverOptions, TakeOver, VaultSecret, recover, vault_secret};
pub use restore::{RestoreOptions, RestoreTo, ToDevice, restore};
pub use retire::retire;
pub use run::run;
pub use seed::{AbsorbOptions, ExportOptions, GoOn, seed_absorb, seed_export, seed_forget, seed_status};
pub use status::status;
pub use verify::{Repair, VerifyOptions, verify};
pub use voice::{Silent, Voice};

use std::path::PathBuf;
use std::sync::Arc;

use crate::port::{Clock, Entropy};

/// Whether a command waits for work that another process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It says so and waits.
    Yes,
    /// It fails at once: `--no-wait`.
    No,
}

/// Whether effects are only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// Nothing is done: `--dry-run`.
    Yes,
    /// It is done.
    No,
}

/// Whether the work of a command may be felt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// A person waits for it.
    Foreground,
    /// Idle processor and disk only: the service.
    Background,
}

/// Asked often: stop?
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// What every command is given. Shared with threads that a blocking drive may hold for ever.
#[derive(Clone)]
pub struct Call {
    /// `--config`, if given.
    pub config: Option<PathBuf>,
    /// `--no-wait`?
    pub wait: Wait,
    /// Whom to tell while it works.
    pub voice: Arc<dyn Voice>,
    /// Stop?
    pub stop: Stop,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

//! What is asked of a restore.

use std::path::Path;

use super::tree::TreeOptions;
use crate::destination::ReadStore;
use crate::model::{DestinationName, EntryPath, JobId, PointName};
use crate::seal::Keyring;

/// A place that should have the point.
#[derive(Clone)]
pub struct Place<'p> {
    /// As people name it.
    pub name: DestinationName,
    /// Its vault.
    pub store: &'p dyn ReadStore,
}

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Doing {
    /// It is restored.
    #[default]
    Write,
    /// Only the entries are read, and what would be restored is counted: `--dry-run`.
    Count,
}

/// One restore.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// The family's keys.
    pub keyring: &'r Keyring,
    /// Whose point.
    pub job: JobId,
    /// Which point.
    pub point: PointName,
    /// Where it should be, in order of preference. A place of which it is known that it has not got the point does
    /// not belong here: its absence there would be taken for damage.
    pub places: &'r [Place<'r>],
    /// Below which folder; made, with what is missing above it.
    pub target: &'r Path,
    /// What of it, each with all below it; empty: everything.
    pub paths: &'r [EntryPath],
    /// What becomes of things in the way, and whose the entries become.
    pub options: TreeOptions,
    /// Whether anything is written.
    pub doing: Doing,
    /// Asked now and then: stop?
    pub stop: &'r dyn Fn() -> bool,
    /// Told of progress.
    pub progress: &'r dyn Fn(&Progress),
}

/// How far a restore came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Entries done, lost ones too.
    pub entries: u64,
    /// Bytes of content done, holes included.
    pub bytes: u64,
    /// Entries in all.
    pub entries_total: u64,
    /// Bytes in all.
    pub bytes_total: u64,
}

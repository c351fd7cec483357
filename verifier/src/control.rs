//! The negative control: the very same checks, on something that is wrong, must say so.
//!
//! In: some small files that came back right, the vault's keys, probes that passed. Out: what the checks missed; if
//! there is anything, the drill proves nothing. Every wrong thing is made here, on copies, in a folder of its own.
//! Deliberately absent: a check of its own. [`Checks::ours`] are the drill's, and only tests have others, that lie.

mod files;
mod keys;
mod pick;
mod probes;
mod questions;

use std::io;
use std::path::Path;
use std::sync::Arc;

use engine::config::JobProbe;
use engine::destination::ReadStore;
use engine::format::SlotKind;
use engine::model::{Entry, JobId, PackId, PointName, Time};
use engine::port::{Clock, Entropy};
use engine::vault::FoundKeys;

pub use self::pick::{Candidate, Picked, pick};
pub use self::probes::can_be_broken;

use crate::compare::Abilities;
use crate::objects::{ObjectProblem, check_one};
use crate::probe::question::{Looked, Questions};
use crate::probe::{self, Budget, ProbeKind, ask, probe};
use crate::tree::{DiskTree, Tree};
use crate::verdict::ControlVerdict;

/// Bytes that are copied at most, of files for the comparison and files for the probes together.
pub const BYTES_MAX: u64 = 64 << 20;
/// Of which files for the comparison take so many at most.
pub const COMPARED_BYTES_MAX: u64 = BYTES_MAX / 2;
/// Files that are copied at most.
pub const FILES_MAX: usize = 16;

/// The checks that must notice.
#[derive(Clone, Copy)]
pub struct Checks<'c> {
    /// The tree that is compared with entries.
    pub tree: &'c dyn Fn(&Path) -> io::Result<Box<dyn Tree>>,
    /// Does a file open, as what it is?
    pub probe: &'c dyn Fn(ProbeKind, &Path, &Path, &Budget) -> probe::Outcome,
    /// What comes of questions to a database?
    pub ask: &'c dyn Fn(&Questions<'_>, ProbeKind, &Path, &Path, &Budget) -> Looked,
    /// Is an object what its name says?
    pub object: &'c dyn Fn(&dyn ReadStore, &PackId) -> Result<(), ObjectProblem>,
}

impl Checks<'_> {
    /// Those of every drill.
    #[must_use]
    pub fn ours() -> Checks<'static> {
        Checks {
            tree: &|folder| Ok(Box::new(DiskTree::open(folder, &|| false)?)),
            probe: &probe,
            ask: &ask,
            object: &|store, pack| check_one(store, pack, &|| false).1,
        }
    }
}

/// What the control works on.
pub struct Control<'c> {
    /// What must notice.
    pub checks: Checks<'c>,
    /// The restored tree.
    pub tree: &'c Path,
    /// Regular files of it, not empty, that came back right; small ones, at most [`FILES_MAX`].
    pub files: &'c [Entry],
    /// The smallest file of each kind whose probe passed, as they were picked: the path below the tree.
    pub probed: &'c [(ProbeKind, Vec<u8>)],
    /// What the job asks.
    pub probes: &'c [JobProbe],
    /// As of when the point is.
    pub created: Time,
    /// An empty folder.
    pub folder: &'c Path,
    /// For copies that probes make.
    pub work: &'c Path,
    /// Of the scratch folder.
    pub abilities: &'c dyn Abilities,
    /// The vault.
    pub store: &'c dyn ReadStore,
    /// Its slots.
    pub keys: &'c FoundKeys,
    /// Which of them opened it.
    pub opened_by: SlotKind,
    /// Whose point.
    pub job: JobId,
    /// A point whose manifest opens with the right key.
    pub point: PointName,
    /// Where wrong keys come from.
    pub entropy: &'c dyn Entropy,
    /// For the probes' budgets.
    pub clock: &'c Arc<dyn Clock>,
}

/// How it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Did the checks notice everything?
    pub verdict: ControlVerdict,
    /// What they missed, or why the control could not be made.
    pub missed: Vec<String>,
}

/// Makes the control. One that can't be made is one that failed: nothing shows then that the checks can fail.
#[must_use]
pub fn run(control: &Control<'_>) -> Outcome {
    let mut missed = Vec::new();
    let parts: [(&str, Result<Vec<String>, String>); 4] = [
        ("files", files::run(control).map_err(|error| error.to_string())),
        ("keys and objects", keys::run(control)),
        ("probes", probes::run(control).map_err(|error| error.to_string())),
        ("questions", questions::run(control)),
    ];
    for (part, outcome) in parts {
        match outcome {
            Ok(found) => missed.extend(found.into_iter().map(|what| format!("{part}: {what}"))),
            Err(why) => missed.push(format!("{part}: the control could not be made: {why}")),
        }
    }
    let verdict = if missed.is_empty() { ControlVerdict::Pass } else { ControlVerdict::Fail };
    Outcome { verdict, missed }
}

#[cfg(test)]
mod tests;

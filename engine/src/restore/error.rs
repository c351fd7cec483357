//! Why a restore could not begin, or had to stop.

use std::io;
use std::path::PathBuf;

use super::outcome::{Absent, Damage, Restored};
use super::tree::TreeError;
use crate::model::{EntryPath, PointName};

/// A restore that did not happen, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// No place has a manifest that opens.
    #[error("no place can give the point {}: {}", point.id, reasons(tried))]
    NoPlace {
        /// The point.
        point: PointName,
        /// Each place, and why not.
        tried: Vec<Absent>,
        /// Of these, what is damage.
        damage: Vec<Damage>,
    },
    /// Something lies in the target already, and nothing may be replaced.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// What is wanted does not fit; nothing was written.
    #[error("{needed} bytes are needed at the target, {free} are free")]
    NoSpace {
        /// Bytes of data to be written.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// Not one of the paths asked for is in the point.
    #[error("not in the point: {}", names(.0))]
    NothingMatched(Vec<EntryPath>),
    /// The target can't be made, opened or looked at.
    #[error(transparent)]
    Target(#[from] TreeError),
    /// The target ran full; what was restored until then stays.
    #[error("the target is full at {path}")]
    Full {
        /// The entry that did not fit.
        path: EntryPath,
        /// The system's answer.
        #[source]
        source: io::Error,
        /// What was done until then.
        done: Box<Restored>,
    },
    /// It was asked to stop; what was restored until then stays.
    #[error("stopped on request")]
    Stopped {
        /// What was done until then.
        done: Box<Restored>,
    },
}

impl RestoreError {
    /// The exit code: 4 where damage is to blame, 3 where something was restored before it stopped, else 1.
    #[must_use]
    pub fn exit(&self) -> u8 {
        match self {
            Self::NoPlace { damage, .. } if !damage.is_empty() => 4,
            Self::Full { done, .. } | Self::Stopped { done } => match done.exit() {
                4 => 4,
                _ if done.entries > 0 => 3,
                _ => 1,
            },
            _ => 1,
        }
    }
}

fn reasons(tried: &[Absent]) -> String {
    let each = |absent: &Absent| format!("{}: {}", absent.place, absent.why);
    if tried.is_empty() { "none is known".into() } else { tried.iter().map(each).collect::<Vec<_>>().join("; ") }
}

fn names(paths: &[EntryPath]) -> String {
    paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

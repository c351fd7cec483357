//! Manifest + packs → files, safely.
//!
//! In: places that should have a point, and the keys. Out: files below a target, and as values: what is lost, what was
//! damaged where. Each object comes from the first place that has it whole; every file is compared with its digest
//! before it gets its name, and one that is not whole everywhere gets none.
//! Deliberately absent: the catalog, so that a restore works on a computer that has nothing; its callers tell the
//! catalog of the damage found.

#[cfg(test)]
mod damage_tests;
#[cfg(target_os = "linux")]
mod device;
mod error;
mod fallover;
mod feed;
mod file;
#[cfg(test)]
mod gap_tests;
mod outcome;
mod request;
mod room;
mod run;
#[cfg(test)]
mod run_tests;
mod selection;
mod survey;
#[cfg(test)]
pub(crate) mod testpoint;
mod tree;
#[cfg(test)]
mod tree_tests;
mod writing;

#[cfg(target_os = "linux")]
pub use device::{Device, DeviceError, LostPart, Writing};
pub use error::RestoreError;
pub use fallover::{Chunks, Fallover, Lane, Opened};
pub use file::FileWriter;
pub use outcome::{Absent, Cause, Damage, DamageKind, Gap, Lost, Restored};
pub use request::{Doing, Place, Progress, Request};
pub use run::restore;
pub use tree::{Existing, Owners, TreeError, TreeOptions, TreeWriter};

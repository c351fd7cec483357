//! Commands that change nothing: which points there are, why they are where they are, what is in them.
//!
//! In: the catalog; for what is in a point also keys and places. Out: reports; entries, finds and differences one by one,
//! as they are found, so that a point of a million files takes no more memory than one of ten. `points` and `explain` ask
//! for no passphrase and look into no vault.
//!
//! A point that is looked into is reserved meanwhile (D-2), and damage that is met on the way is recorded, as a restore
//! does both. Deliberately absent: any other change.

mod diff;
mod dump;
mod explain;
mod explain_name;
mod explain_point;
mod find;
mod inside;
mod ls;
mod names;
mod outlook;
mod placements;
mod points;
mod resolve;
mod rows;
mod sources;

pub use diff::diff;
pub use dump::dump;
pub use explain::explain;
pub use find::find;
pub(super) use inside::failure as inside_failure;
pub use ls::ls;
pub use points::points;
pub use resolve::{one_before, resolve};
pub use rows::Give;

use crate::format::Manifest;

/// Is it a point of a drive?
pub(super) fn is_drive(manifest: &Manifest) -> bool {
    manifest.source.starts_with("drive ")
}

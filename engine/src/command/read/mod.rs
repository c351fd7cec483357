//! Commands that change nothing: which points there are, why they are where they are, what is in them.
//!
//! In: the catalog; for what is in a point also keys and places. Out: reports. `points` and `explain` ask for no
//! passphrase and look into no vault.
//! Deliberately absent: writing anywhere. Damage that a look into a point meets is told, and `engine verify` records it.

mod diff;
mod dump;
mod explain;
mod explain_name;
mod explain_point;
mod find;
mod ls;
mod names;
mod outlook;
mod placements;
mod points;
mod resolve;
mod sources;

pub use diff::diff;
pub use dump::dump;
pub use explain::explain;
pub use find::find;
pub use ls::ls;
pub use points::points;
pub use resolve::{one_before, resolve};
pub use sources::Sources;

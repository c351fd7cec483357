//! Looking into points: lists, searches, differences, one file's content.
//!
//! In: manifests and a source of their chunks. Out: entries, in the order of their paths, as they are wanted; each is
//! one pass over a sorted stream, and none holds a point in memory.
//! Deliberately absent: which place to read from ([`crate::restore::Fallover`] is a source over several), writing
//! below a target, any state.

mod diff;
mod dump;
mod find;
mod inside;
mod list;
#[cfg(test)]
mod tests;

pub use diff::{Aspects, Change, Diff, diff};
pub use dump::{DumpError, dump};
pub use find::{Pattern, PatternError, find};
pub use inside::{Below, Inner, InnerVisitor, InsideError, Target, find_inside, look_inside};
pub use list::{Listing, list};

//! Recovery points that another program makes → which there are, what belongs together, and each as a source.
//!
//! In: a folder, how its files are named, how long they must hold still. Out: [`Foreign`] points with what they are built
//! on and what they lack, and an [`AdoptedPoint`] for each that reads exactly its files.
//! Invariants: nothing of the other program is changed or locked; a point is read whole or there is none.
//! Deliberately absent: what was adopted before, in which order points are made, any clock.

mod finished;
mod ghost;
mod group;
mod look;
mod pattern;
mod point;
mod veeam;

pub use finished::{Settling, Unfinished, unfinished};
pub use group::{Foreign, Grouped, Rewritten, group};
pub use look::{SeenFile, Sight, look};
pub use point::AdoptedPoint;

//! A simulator: a whole installation on one thread, under a seed, with everything going wrong that may.
//!
//! In: a seed. Out: the log of what happened and what did not hold. Production's own capture, plan, check and copy run
//! over a simulated clock, catalog disk, home, drives and source; the oracle judges the media's bytes after every step;
//! then the trouble ends and all has to converge. The same seed gives the same log. A canary, a mistake made on
//! purpose, shows that the oracle looks.
//! Deliberately absent: threads, real places, the service, and any rule that production code could share.

mod chance;
pub(crate) mod clock;
mod entropy;
mod heal;
mod oracle;
mod power;
mod run;
mod source;
mod step;
mod telling;
mod tree;
mod truth;
mod verify;
mod visit;
mod world;

pub use run::{Run, run, run_over_lanes};
pub use world::Canary;

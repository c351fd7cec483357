//! The loop of `engine run`, its pure part: from what is known now to what is to be done next, and when to look again.
//!
//! In: two clocks' readings, schedules, when jobs ran last, what looks and visits came to. Out: an [`Agenda`].
//! Invariants: a run that was missed is caught up once; a place has one look or one visit at a time; what failed waits,
//! longer each time, and what comes back does not. Deliberately absent: clocks, threads, places, the catalog; who carries
//! an agenda out is `command/run`.

mod agenda;
mod drill;
mod due;
mod pause;
mod place;
#[cfg(test)]
mod tests;

pub use agenda::{Action, Agenda, DrillDue, JobDue, View, agenda};
pub use drill::DrillMark;
pub use due::{LastRun, Noticed, due_at, is_missed, noticed};
pub use pause::Pause;
pub use place::{Doing, Ended, Missing, Place};

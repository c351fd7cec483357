//! One value in, a plan with reasons out; pure. No clock, no I/O, no randomness, nothing of ours but `model`.

mod based;
mod bench;
mod check;
mod explain;
mod forget;
mod guard;
mod judge;
pub mod keep;
mod outlook;
mod overflow;
mod owed;
mod propose;
mod render;
mod retain;
mod retention;
mod room;
mod select;
mod serve;
mod shelf;
mod spool;
mod state;
mod steps;
mod survey;
mod undone;

mod verdict_choice;
mod verdict_copy;
mod verdict_decline;
mod verdict_home;
mod verdict_remove;
mod world;

pub use check::{Broken, CheckedPlan, Violation, admit, check};
pub use explain::{Explanation, explain};
pub use forget::{Refusal, forget, forget_point};
pub use propose::propose;
pub use render::{
    ON_SEED, blocker as blocker_text, problem as problem_text, reason as reason_text, removal_of, render,
    unwanted as unwanted_text,
};
pub use select::select;
pub use state::{
    AtHome, Coming, Copies, Deletions, Evict, Hold, Job, Layout, Medium, Orphans, Pack, PackNumber, PackThere,
    Placement, Point, Reach, State, Unwanted,
};
pub use steps::{Await, Blocker, CopyReason, Loss, Plan, Problem, RemoveReason, Step, WaitReason, Waiting};

#[cfg(test)]
mod tests;

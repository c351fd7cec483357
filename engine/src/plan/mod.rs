//! One value in, a plan with reasons out; pure. No clock, no I/O, no randomness, nothing of ours but `model`.

mod bench;
mod guard;
pub mod keep;
mod owed;
mod propose;
mod retain;
mod retention;
mod room;
mod serve;
mod shelf;
mod state;
mod steps;
mod survey;
mod undone;

pub use propose::propose;
pub use state::{
    Copies, Deletions, Evict, Hold, Job, Medium, Orphans, Pack, PackNumber, PackThere, Placement, Point, Reach, State,
    Unwanted,
};
pub use steps::{Await, Blocker, CopyReason, Plan, Problem, RemoveReason, Step, WaitReason, Waiting};

//! One value in, a plan with reasons out; pure. No clock, no I/O, no randomness, nothing of ours but `model`.

pub mod keep;
mod state;
mod steps;

pub use state::{
    Copies, Deletions, Evict, Hold, Job, Medium, Orphans, Pack, PackNumber, PackThere, Placement, Point, Reach, State,
    Unwanted,
};
pub use steps::{Await, Blocker, CopyReason, Plan, Problem, RemoveReason, Step, WaitReason, Waiting};

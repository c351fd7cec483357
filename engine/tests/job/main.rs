//! The whole job through the binary, as users drive it. One program: each further one costs a link and a wait.

mod clock;
mod databases;
mod drives;
mod foreign;
mod harness;
mod kill;
mod list;
mod owed;
mod printed;
mod races;
mod repair;
mod rotation;
mod service;
mod set_back;
mod shares;
mod source;
mod sqlite;
mod story;
mod told;
mod truth;
mod wrong;

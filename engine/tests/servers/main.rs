//! Destinations behind a network against real servers, which `scripts/servers` starts: the stores on good days and bad
//! ones, and the whole job through the binary. One program: each further one costs a link and a wait.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod common;
mod ftp;
mod proxy;
mod sftp;
mod story;

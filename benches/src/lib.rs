//! Benchmarks: each prints a small table. What is measured are the binaries, as users run them; what is claimed are
//! ratios within one run, so that another machine tells the same.
#![allow(clippy::print_stdout, reason = "a benchmark's product is what it prints")]

mod bench;
mod files;
mod numbers;

pub use bench::{Bench, Ran};
pub use files::make_files;
pub use numbers::{Argument, Random, median, mib};

//! Manifest + packs → files, safely.

mod file;
mod tree;
#[cfg(test)]
mod tree_tests;

pub use file::FileWriter;
pub use tree::{Existing, Owners, TreeError, TreeOptions, TreeWriter};

//! To be written.

pub mod mapped;

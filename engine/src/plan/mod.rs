//! To be written.

pub mod keep;

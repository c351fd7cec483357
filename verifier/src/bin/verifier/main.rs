//! verifier
fn main() {}

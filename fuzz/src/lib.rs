//! The harnesses: each takes bytes as they might come from outside, and panics where a parser breaks its promise.
//!
//! Promised: no panic, no endless loop, no memory out of proportion; and what decodes has one form, so that encoding it
//! again gives the same bytes. Files that end with a digest are also tried with the digest set right, or no mutation
//! would ever get past it. `engine/tests/fuzz_seeds.rs` runs the same functions on stable.

mod drives;
mod formats;
mod servers;
mod texts;

pub use drives::drives;
pub use formats::{entries, heads, identity, manifest, pack, seeds, slots};
pub use servers::ftp;
pub use texts::{configuration, paths, schedule, sheet};

/// A harness and its name, which its folder of seeds has too.
pub type Target = (&'static str, fn(&[u8]));

/// All harnesses.
pub const TARGETS: [Target; 13] = [
    ("identity", identity),
    ("slots", slots),
    ("heads", heads),
    ("seeds", seeds),
    ("manifest", manifest),
    ("entries", entries),
    ("pack", pack),
    ("configuration", configuration),
    ("schedule", schedule),
    ("sheet", sheet),
    ("paths", paths),
    ("ftp", ftp),
    ("drives", drives),
];

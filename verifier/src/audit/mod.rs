//! `verifier report`: what lies in the ledger, and whether it is what was written.
//!
//! entries (bytes that anybody may have changed) and heads at destinations → `judge` (pure) → findings. Nothing here
//! asks for a passphrase: reports and heads are signed, not sealed. Deliberately absent: any repair, any write.

mod call;
pub mod heads;
mod judge;
mod told;

pub use call::{Answer, Asked, Told, answer, answer_alone};
pub use judge::{Finding, Own, SeenHead, SeenHeads, alone, chained, compared};
pub use told::{CheckReport, HeadsReport, ListReport, ListedReport, ShownReport};

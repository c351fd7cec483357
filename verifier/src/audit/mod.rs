//! `verifier report`: what lies in the ledger, and whether it is what was written.
//!
//! entries (bytes that anybody may have changed) and heads at destinations → `judge` (pure) → findings. Nothing here
//! asks for a passphrase: reports and heads are signed, not sealed. Deliberately absent: any repair, any write.

mod before;
mod call;
pub mod heads;
mod judge;
mod told;
mod views;

pub use before::{AtPlace, before};
pub use call::{Answer, Asked, Told, answer, answer_alone};
pub use judge::{Own, SeenHead, SeenHeads, alone, chained, compared};
pub use told::{CheckReport, HeadsReport, ListReport, ListedReport, ShownReport};
pub use views::ViewsReport;

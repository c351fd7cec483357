//! What drills came to, as values that print: the contract's JSON, a line for people, and one file for each drill.
//!
//! Deliberately absent: finding anything out. File contents and secrets are never in a report.

mod ledger;
mod live;
mod record;
mod summary;

pub use ledger::{Ledger, LedgerError};
pub use live::{LiveReport, OutsideReport};
pub use record::{DrillReport, Identity, ReportFile};
pub use summary::Summary;

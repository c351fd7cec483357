//! What drills came to, as values that print: the contract's JSON, a line for people, and a ledger of one signed file
//! for each drill, with its views.
//!
//! Deliberately absent: finding anything out. File contents and secrets are never in a report.

pub mod entry;
mod facts;
mod file;
mod key;
mod ledger;
mod live;
mod record;
pub mod signed;
mod summary;
mod view;

pub use facts::{Check, Coverage, Measured, Objective, Setting};
pub use key::{Key, PublicKey};
pub use ledger::{Ledger, LedgerError, Written, id_in, reports_folder};
pub use live::{LiveReport, OutsideReport};
pub use record::{Before, DrillReport, Identity, KeyKind, ReportFile};
pub use summary::Summary;
pub(crate) use view::shown;

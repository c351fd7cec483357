//! What drills came to, as values that print: the contract's JSON, a line for people, and a ledger of one signed file
//! for each drill, with its views.
//!
//! Deliberately absent: finding anything out. File contents and secrets are never in a report.

mod cold;
pub mod entry;
mod facts;
mod file;
mod finding;
mod key;
mod ledger;
mod live;
mod past;
mod record;
pub mod signed;
mod summary;
mod trend;
mod view;

pub use cold::{Cold, OwnReport};
pub(crate) use facts::healing;
pub use facts::{Check, Coverage, Measured, Objective, Setting};
pub use finding::{Finding, LedgerBefore};
pub use key::{Key, PublicKey};
pub use ledger::{Ledger, LedgerError, Written, id_in, reports_folder};
pub use live::{LiveReport, NotBackedUp, OutsideReport};
pub(crate) use past::ranges;
pub use record::{Before, DrillReport, Identity, KeyKind, ReportFile};
pub use summary::Summary;
pub(crate) use summary::{moment, number, span};
pub use trend::{Forecast, Pace};
pub(crate) use view::{View, is_signed_by, shown};

//! What a command found or did, as values that print: for scripts as the contract's JSON, for people as text.
//!
//! In: facts, from the commands. Out: one JSON document (`serde::Serialize`, kebab-case keys, RFC 3339 times in UTC), or
//! text on a [`Page`] with sizes in KiB to TiB and local times. Keys that the contract shows are always there, `null`
//! where nothing is known; keys beyond it may be added, never taken away.
//! Deliberately absent: finding anything out, exit codes, terminals.

mod backup;
mod copy;
mod diff;
mod error;
mod explain;
mod find;
mod forget;
mod init;
#[cfg(test)]
mod json_tests;
mod key;
mod ls;
mod media;
mod page;
mod path;
#[cfg(test)]
mod people_tests;
mod pin;
mod points;
mod rebuild;
mod recover;
mod restore;
mod run;
#[cfg(test)]
mod samples;
mod seed;
mod status;
mod stream;
mod table;
mod text;
mod time;
mod verify;

pub use crate::model::size;
pub use backup::{BackupPoint, BackupReport, BrokenPoint, FailedJob, PathProblem};
pub use copy::{CopiedPoint, CopyReport, EvictedPoint};
pub use diff::{Change, DiffEntry, DiffReport};
pub use error::ErrorReport;
pub use explain::{
    ExplainReport, ExplainedEvent, ExplainedMedium, ExplainedName, ExplainedPlacement, ExplainedPlan, ExplainedPoint,
    LostPoint, NameKind, SessionFailure,
};
pub use find::{FindReport, FoundEntry, NotSearched};
pub use forget::{ForgetReport, KeptPoint, RemovedPoint};
pub use init::{Answers, InitReport, Made, VaultMade};
pub use key::{KeyMedium, KeyReport, KeySlot, RotationCopy, RotationJob, RotationReport, SheetWritten};
pub use ls::{EntryReport, LsReport};
pub use media::{EnrolReport, Enrolled, RetireReport, RetiredMedium};
pub use page::{Colour, Page, Tone};
pub use path::PathText;
pub use pin::{AlarmReport, PinReport};
pub use points::{PlacementReport, PointReport, PointsReport};
pub use rebuild::{ReadMedium, RebuildReport};
pub use recover::{RecoverReport, RecoverablePoint, TakenOver};
pub use restore::{DamageMet, RestoreReport};
pub use run::RunReport;
pub use seed::{
    SeedAbsorbReport, SeedDriveStatus, SeedExportReport, SeedForgetReport, SeedProblem, SeedStatus, SeedStatusReport,
};
pub use status::{
    Begun, DestinationStatus, HomeStatus, JobStatus, MediumStatus, NewestProof, Offsite, StatusProblem, StatusReport,
};
pub use stream::{Lines, Streamed};
pub use table::{Align, Cell, Table};
pub use time::{local, utc};
pub use verify::{
    CoverageShows, DamagedObject, PlaceNotThere, SampleShows, UnreadObject, VerifiedPlace, VerifiedShows, VerifyReport,
};

use serde::Serialize;

/// What a command has to tell.
pub trait Report: Serialize {
    /// Writes it for people.
    fn people(&self, page: &mut Page);

    /// What of it a person has to know who wants to hear of nothing else, where no warning told it while it was done.
    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }
}

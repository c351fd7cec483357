//! `engine run --once`: all that was due.

use serde::Serialize;

use super::backup::{write_broken, write_failed, write_points};
use super::copy::{not_copied, write_copies, write_evicted};
use super::forget::write_removed;
use super::{Page, Report};

use super::backup::{BackupPoint, BrokenPoint, FailedJob};
use super::copy::{CopiedPoint, EvictedPoint};
use super::forget::RemovedPoint;

/// Points, copies, retention.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RunReport {
    /// The points that were made.
    pub points: Vec<BackupPoint>,
    /// Jobs of which no point could be made.
    pub failed: Vec<FailedJob>,
    /// Recovery points of other programs that lack something.
    pub broken: Vec<BrokenPoint>,
    /// Copies that were made, and those that were owed and were not.
    pub copies: Vec<CopiedPoint>,
    /// Removed to make room.
    pub evicted: Vec<EvictedPoint>,
    /// Removed because no rule keeps them.
    pub removed: Vec<RemovedPoint>,
}

impl Report for RunReport {
    fn people(&self, page: &mut Page) {
        write_points(page, &self.points);
        write_failed(page, &self.failed);
        write_broken(page, &self.broken);
        write_copies(page, &self.copies);
        write_evicted(page, &self.evicted);
        write_removed(page, &self.removed);
        if *self == Self::default() {
            page.line("Nothing was due.");
        }
    }

    fn troubles(&self) -> Vec<String> {
        not_copied(&self.copies)
    }
}

//! `engine run --once`: all that was due.

use serde::Serialize;

use super::backup::{BackupPoint, FailedJob};
use super::copy::{CopiedPoint, EvictedPoint};
use super::forget::RemovedPoint;

/// Points, copies, retention.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RunReport {
    /// The points that were made.
    pub points: Vec<BackupPoint>,
    /// Jobs of which no point could be made.
    pub failed: Vec<FailedJob>,
    /// Copies that were made, and those that were owed and were not.
    pub copies: Vec<CopiedPoint>,
    /// Removed to make room.
    pub evicted: Vec<EvictedPoint>,
    /// Removed because no rule keeps them.
    pub removed: Vec<RemovedPoint>,
}

//! `engine copy`: what went offsite, and what made room for it.

use serde::Serialize;

use super::forget::RemovedPoint;
use super::text::{as_text, as_text_or_null};

use crate::model::{DestinationName, JobName, PointId, State, VaultId};

/// All copies that were owed, and what was removed.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CopyReport {
    /// Those that were made, and those that were owed and were not, with the reason.
    pub copies: Vec<CopiedPoint>,
    /// Removed to make room.
    pub evicted: Vec<EvictedPoint>,
    /// Removed because no rule keeps them.
    pub removed: Vec<RemovedPoint>,
    /// On a dry run: the plan, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<String>,
}

/// A point that was owed to a medium.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CopiedPoint {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// Whose data.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// Where to.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Which medium; none for a destination that was never there.
    #[serde(serialize_with = "as_text_or_null")]
    pub medium: Option<VaultId>,
    /// Its state there now.
    #[serde(serialize_with = "as_text")]
    pub state: State,
    /// Bytes sent.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Why it was copied, or why it was not.
    pub reason: String,
}

/// A point that made room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvictedPoint {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// Where from.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Which medium.
    #[serde(serialize_with = "as_text_or_null")]
    pub medium: Option<VaultId>,
    /// Bytes freed.
    pub bytes: u64,
    /// Why.
    pub reason: String,
}

//! `engine forget`: what the `keep` rules removed, and what they kept.

use serde::Serialize;

use super::text::as_text;

use crate::model::{DestinationName, PointId};

/// Each point that a rule judged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ForgetReport {
    /// Removed, place by place.
    pub removed: Vec<RemovedPoint>,
    /// Kept, with what keeps it.
    pub kept: Vec<KeptPoint>,
    /// On a dry run: the plan, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<String>,
}

/// A point that was removed from a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedPoint {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// Where from.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Bytes freed.
    pub bytes: u64,
    /// Why.
    pub reason: String,
}

/// A point that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptPoint {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// What keeps it.
    pub reason: String,
}

//! `engine diff`: what is different between two points.

use serde::Serialize;

use super::PathText;
use super::text::as_text;
use crate::model::PointId;

/// What is different, in the order of paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffReport {
    /// The first point.
    #[serde(serialize_with = "as_text")]
    pub from: PointId,
    /// The second one.
    #[serde(serialize_with = "as_text")]
    pub to: PointId,
    /// Each path that is not the same in both.
    pub entries: Vec<DiffEntry>,
}

/// How an entry is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Only the second point has it.
    Added,
    /// Only the first point has it.
    Removed,
    /// Both have it, and it is not the same.
    Changed,
}

/// One path that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiffEntry {
    /// Where.
    #[serde(flatten)]
    pub path: PathText,
    /// In which way.
    pub change: Change,
    /// What it is; what it became, if that changed.
    pub kind: &'static str,
    /// What of it changed: `kind`, `content`, `mode`, `owner`, `modified`, `xattrs`, `target`.
    pub what: Vec<&'static str>,
    /// Apparent size in the first point; none if it is not a file there.
    pub bytes_before: Option<u64>,
    /// Apparent size in the second point; none if it is not a file there.
    pub bytes_after: Option<u64>,
}

//! `engine ls`: what is in a point.

use serde::Serialize;

use super::PathText;
use super::backup::PathProblem;
use super::text::as_text_or_null;
use super::time::as_utc;
use crate::model::{Digest, Time};

/// Entries in the point's order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LsReport {
    /// A folder is followed by all below it.
    pub entries: Vec<EntryReport>,
    /// Why the list ends early, if it does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<PathProblem>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryReport {
    /// The source path without the leading slash.
    #[serde(flatten)]
    pub path: PathText,
    /// `file`, `folder`, `symlink`, `hardlink`, `fifo`, `socket` or `device`.
    pub kind: &'static str,
    /// Apparent size of a file, and of the file that a hard link is; else 0.
    pub bytes: u64,
    /// As in `0644`.
    pub mode: String,
    /// Last change of the content.
    #[serde(serialize_with = "as_utc")]
    pub modified: Time,
    /// BLAKE3 of the content; files only.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text_or_null")]
    pub digest: Option<Digest>,
    /// What a symbolic or hard link leads to, lossy; links only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

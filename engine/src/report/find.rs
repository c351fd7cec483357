//! `engine find`: which points hold something of that name.

use serde::Serialize;

use super::ls::EntryReport;
use super::text::as_text;
use super::time::as_utc;
use super::verify::PlaceNotThere;

use crate::model::{JobName, PointId, Time};

/// All that was found, newest point first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FindReport {
    /// In each point's order.
    pub found: Vec<FoundEntry>,
    /// Points that could not be searched to the end.
    pub not_searched: Vec<NotSearched>,
    /// Places that could not be asked.
    pub not_there: Vec<PlaceNotThere>,
}

/// An entry and the point that it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundEntry {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// Whose data.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// As of when.
    #[serde(serialize_with = "as_utc")]
    pub created: Time,
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryReport,
}

/// A point that could not be searched to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotSearched {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// Why.
    pub reason: String,
}

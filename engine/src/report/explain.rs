//! `engine explain`: why something is, or is not, where it is.

use serde::Serialize;

use super::points::{PlacementReport, PointReport};
use super::text::{as_text, as_text_or_null, as_texts};
use super::time::{as_utc, as_utc_or_null};

use crate::model::{DestinationName, JobName, Name, PointId, Time, VaultId};

/// What was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExplainReport {
    /// A point.
    Point(Box<ExplainedPoint>),
    /// A job or a destination.
    Name(Box<ExplainedName>),
    /// Nothing: what would be done now.
    Plan(ExplainedPlan),
}

/// Why a point is, or is not, where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExplainedPoint {
    /// The point, without its placements' reasons.
    #[serde(flatten)]
    pub point: PointReport,
    /// Why retention or a person removed it everywhere, if so.
    pub removed: Option<String>,
    /// Each medium, home first.
    pub media: Vec<ExplainedPlacement>,
    /// Points that can't be restored without it.
    #[serde(serialize_with = "as_texts")]
    pub dependents: Vec<PointId>,
    /// What happened to it, oldest first.
    pub events: Vec<ExplainedEvent>,
}

/// Why a point is in its state at a medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExplainedPlacement {
    /// State, evidence and proof.
    #[serde(flatten)]
    pub placement: PlacementReport,
    /// Since when it is in that state.
    #[serde(serialize_with = "as_utc_or_null")]
    pub since: Option<Time>,
    /// Why; empty if nothing was noted.
    pub reason: String,
    /// How its evidence was taken, in words; none if there is none.
    pub evidence: Option<String>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExplainedEvent {
    /// When.
    #[serde(serialize_with = "as_utc")]
    pub time: Time,
    /// What: `made`, `copied`, `evicted`, `removed`, `declined`, `damaged`, `healed` or `noted`.
    pub event: &'static str,
    /// The point, if it is about one.
    #[serde(serialize_with = "as_text_or_null")]
    pub point: Option<PointId>,
    /// The destination, if it is about one.
    #[serde(serialize_with = "as_text_or_null")]
    pub destination: Option<DestinationName>,
    /// Its medium.
    #[serde(serialize_with = "as_text_or_null")]
    pub medium: Option<VaultId>,
    /// Bytes freed, sent or found damaged; 0 where that has no meaning.
    pub bytes: u64,
    /// Why.
    pub reason: String,
}

/// What a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameKind {
    /// A job.
    Job,
    /// A destination, or home.
    Destination,
}

/// What was evicted and declined of a job or at a destination, and what only it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExplainedName {
    /// The name.
    #[serde(serialize_with = "as_text")]
    pub name: Name,
    /// What it is.
    pub kind: NameKind,
    /// A destination's media; of a job: those that its points were ever owed to.
    pub media: Vec<ExplainedMedium>,
    /// What was evicted, removed, declined, damaged or healed, oldest first.
    pub events: Vec<ExplainedEvent>,
    /// What would be lost with the destination, or, of a job, what is complete in one place only.
    pub would_be_lost: Vec<LostPoint>,
    /// The alarm that stops eviction and retention, of a job.
    pub alarm: Option<String>,
}

/// One medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExplainedMedium {
    /// The destination.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Its id.
    #[serde(serialize_with = "as_text")]
    pub medium: VaultId,
    /// Where it was last.
    pub place: String,
    /// When it was last there.
    #[serde(serialize_with = "as_utc_or_null")]
    pub last_seen: Option<Time>,
    /// When it was retired.
    #[serde(serialize_with = "as_utc_or_null")]
    pub retired: Option<Time>,
    /// Points complete there.
    pub complete: u64,
    /// Points owed there.
    pub pending: u64,
    /// Points evicted there.
    pub evicted: u64,
    /// Points that the rules do not want there.
    pub not_wanted: u64,
    /// Points damaged or missing there.
    pub damaged: u64,
}

/// A point that is complete in one place only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostPoint {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// Whose data.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// As of when.
    #[serde(serialize_with = "as_utc")]
    pub created: Time,
    /// The only destination that has it.
    #[serde(serialize_with = "as_text")]
    pub only: DestinationName,
    /// What else holds some of it, in words; empty if nothing does.
    pub elsewhere: String,
}

/// What would be done now, with reasons.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ExplainedPlan {
    /// The plan, line by line.
    pub lines: Vec<String>,
}

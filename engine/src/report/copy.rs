//! `engine copy`: what went offsite, and what made room for it.

use serde::Serialize;

use super::backup::seconds;
use super::forget::write_removed;
use super::media::Drives;
use super::{Page, Report, Tone, size};

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

impl Report for CopyReport {
    fn people(&self, page: &mut Page) {
        write_plan(page, &self.plan);
        write_copies(page, &self.copies);
        write_evicted(page, &self.evicted);
        write_removed(page, &self.removed);
        if self.copies.is_empty() && self.plan.is_empty() {
            page.line("Nothing is owed: every copy that the rules want is there.");
        }
    }

    fn troubles(&self) -> Vec<String> {
        not_copied(&self.copies)
    }
}

/// Copies that should be there and are not.
pub(super) fn not_copied(copies: &[CopiedPoint]) -> Vec<String> {
    let waits = copies.iter().filter(|copy| !matches!(copy.state, State::Complete | State::NotWanted | State::Evicted));
    let drives = drives(copies);
    waits.map(|copy| copy.line_of(&drives, &copy.outcome().0)).collect()
}

/// What would be done, on a dry run.
pub(super) fn write_plan(page: &mut Page, plan: &[String]) {
    plan.iter().for_each(|line| page.line(line));
}

/// Copies, one line each.
pub(super) fn write_copies(page: &mut Page, copies: &[CopiedPoint]) {
    let drives = drives(copies);
    for copy in copies {
        let (what, tone) = copy.outcome();
        let what = page.toned(&what, tone);
        page.line(copy.line_of(&drives, &what));
    }
}

fn drives(copies: &[CopiedPoint]) -> Drives<'_> {
    Drives::of(copies.iter().map(|copy| (&copy.destination, copy.medium)))
}

/// What made room, one line each.
pub(super) fn write_evicted(page: &mut Page, evicted: &[EvictedPoint]) {
    let drives = Drives::of(evicted.iter().map(|point| (&point.destination, point.medium)));
    for point in evicted {
        page.line(format_args!(
            "{} was evicted from {}, {} freed: {}",
            point.point,
            drives.name(&point.destination, point.medium),
            size(point.bytes),
            point.reason
        ));
    }
}

impl CopiedPoint {
    /// Why it was copied is of interest until it is.
    fn line_of(&self, drives: &Drives<'_>, what: &str) -> String {
        let is_done = self.state == State::Complete || self.reason.is_empty();
        let reason = if is_done { String::new() } else { format!(": {}", self.reason) };
        let place = drives.name(&self.destination, self.medium);
        format!("{} {} -> {place}: {what}{reason}", self.job, self.point)
    }

    fn outcome(&self) -> (String, Tone) {
        match self.state {
            State::Complete => (format!("complete, {} in {}", size(self.bytes), seconds(self.seconds)), Tone::Good),
            State::Pending | State::Copying | State::Present => (self.state.to_string(), Tone::Waiting),
            State::Missing | State::Damaged => (self.state.to_string(), Tone::Bad),
            State::NotWanted | State::Evicted => (self.state.to_string(), Tone::Plain),
        }
    }
}

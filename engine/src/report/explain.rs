//! `engine explain`: why something is, or is not, where it is.

use serde::Serialize;

use super::{Align, Page, Report, Table, Tone, size};

use super::media::Drives;
use super::points::{PlacementReport, PointReport};
use super::text::{as_text, as_text_or_null, as_texts};
use super::time::{as_utc, as_utc_or_null};

use crate::model::{DestinationName, JobName, Name, PointId, State, Time, VaultId};

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
    /// Why a person removed it for good, if so; where it still lies it goes with the next session there.
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
    /// What the planner would do with it there now, in words; empty if it could not be asked.
    pub outlook: Vec<String>,
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
    /// A job's newest point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<Box<ExplainedPoint>>,
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
    /// Why the last session there failed, and when; none if one has succeeded since.
    pub last_failure: Option<SessionFailure>,
}

/// A session that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionFailure {
    /// When it ended.
    #[serde(serialize_with = "as_utc")]
    pub time: Time,
    /// Why.
    pub reason: String,
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

impl Report for ExplainReport {
    fn people(&self, page: &mut Page) {
        match self {
            Self::Point(point) => point.write(page),
            Self::Name(name) => name.write(page),
            Self::Plan(plan) if plan.lines.is_empty() => page.line("Nothing is to be done."),
            Self::Plan(plan) => plan.lines.iter().for_each(|line| page.line(line)),
        }
    }
}

impl ExplainedPoint {
    fn write(&self, page: &mut Page) {
        let (point, created) = (&self.point, page.time(self.point.created));
        page.line(format_args!("{} {} of {created}, {}", point.job, point.id, size(point.bytes)));
        if point.pinned {
            page.line("  pinned: it is never removed");
        }
        if let Some(base) = &point.base {
            page.line(format_args!("  can't be restored without {base}"));
        }
        if let Some(reason) = &self.removed {
            let left: Vec<_> = self.left_at().map(|place| place.as_str()).collect();
            match left.is_empty() {
                true => page.line(format_args!("  removed everywhere: {reason}")),
                false => page.line(format_args!("  removed: {reason}; it still lies at {}", left.join(", "))),
            }
        }
        let drives = Drives::of(self.media.iter().map(|it| (&it.placement.destination, it.placement.medium)));
        for medium in &self.media {
            medium.write(page, &drives.name(&medium.placement.destination, medium.placement.medium));
        }
        let dependents: Vec<_> = self.dependents.iter().map(ToString::to_string).collect();
        if !dependents.is_empty() {
            page.line(format_args!("  these can't be restored without it: {}", dependents.join(", ")));
        }
        write_events(page, "What happened to it", &self.events);
    }
}

impl ExplainedPoint {
    /// Where it lies.
    fn left_at(&self) -> impl Iterator<Item = &DestinationName> {
        let there = self.media.iter().filter(|medium| medium.placement.state.is_there());
        there.map(|medium| &medium.placement.destination)
    }
}

impl ExplainedPlacement {
    fn write(&self, page: &mut Page, place: &str) {
        let placement = &self.placement;
        let tone = match placement.state {
            State::Complete => Tone::Good,
            State::Damaged | State::Missing => Tone::Bad,
            State::Pending | State::Copying | State::Present => Tone::Waiting,
            State::NotWanted | State::Evicted => Tone::Plain,
        };
        let state = page.toned(placement.state.as_str(), tone);
        let since = self.since.map(|since| format!(" since {}", page.time(since))).unwrap_or_default();
        let reason = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        page.line(format_args!("  {place}: {state}{since}{reason}"));
        if let Some(evidence) = &self.evidence {
            let verified = page.time_or(placement.verified, "never");
            page.line(format_args!("    evidence: {evidence}, {verified}; proof: {}", placement.proof));
        }
        self.outlook.iter().for_each(|words| page.line(format_args!("    {words}")));
    }
}

impl ExplainedName {
    fn write(&self, page: &mut Page) {
        let kind = match self.kind {
            NameKind::Job => "job",
            NameKind::Destination => "destination",
        };
        page.line(format_args!("{kind} {}", self.name));
        if let Some(alarm) = &self.alarm {
            let alarm = page.toned(&format!("  alarm: {alarm}"), Tone::Bad);
            page.line(alarm);
            page.line(format_args!("  -> `engine alarm clear {}` lets eviction and retention go on", self.name));
        }
        let drives = Drives::of(self.media.iter().map(|it| (&it.destination, Some(it.medium))));
        for medium in &self.media {
            medium.write(page, &drives.name(&medium.destination, Some(medium.medium)));
        }
        if let Some(newest) = &self.newest {
            page.heading("Its newest point");
            newest.write(page);
        }
        self.write_lost(page);
        write_events(page, "What happened", &self.events);
    }

    fn write_lost(&self, page: &mut Page) {
        let nothing = match self.kind {
            NameKind::Job => "Every point is complete in two places at least.",
            NameKind::Destination => "If it were lost, no recovery point would be lost.",
        };
        if self.would_be_lost.is_empty() {
            page.gap();
            page.line(nothing);
            return;
        }
        page.heading(match self.kind {
            NameKind::Job => "Complete in one place only",
            NameKind::Destination => "If it were lost, these would be lost with it",
        });
        let mut table = Table::new([
            ("POINT", Align::Left),
            ("JOB", Align::Left),
            ("CREATED", Align::Left),
            ("ONLY AT", Align::Left),
            ("ELSEWHERE", Align::Left),
        ]);
        for point in &self.would_be_lost {
            table.row([
                point.point.to_string().into(),
                point.job.as_str().into(),
                page.time(point.created).into(),
                point.only.as_str().into(),
                point.elsewhere.as_str().into(),
            ]);
        }
        table.write(page, 2);
    }
}

impl ExplainedMedium {
    /// Is there nothing to tell of it?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.complete + self.pending + self.evicted + self.not_wanted + self.damaged == 0 && self.last_failure.is_none()
    }

    fn write(&self, page: &mut Page, name: &str) {
        let seen = page.time_or(self.last_seen, "never");
        page.line(format_args!("  {name} at {}, last seen {seen}", self.place));
        if let Some(retired) = self.retired {
            page.line(format_args!("    retired {}: nothing is owed to it", page.time(retired)));
        }
        page.line(format_args!(
            "    {} complete, {} owed, {} evicted, {} not wanted, {} damaged or missing",
            self.complete, self.pending, self.evicted, self.not_wanted, self.damaged
        ));
        if let Some(failure) = &self.last_failure {
            let text = format!("    the last session there failed at {}: {}", page.time(failure.time), failure.reason);
            let text = page.toned(&text, Tone::Bad);
            page.line(text);
        }
    }
}

fn write_events(page: &mut Page, heading: &str, events: &[ExplainedEvent]) {
    if events.is_empty() {
        return;
    }
    page.heading(heading);
    let drives = Drives::of(events.iter().filter_map(|event| Some((event.destination.as_ref()?, event.medium))));
    for event in events {
        let point = event.point.map(|point| format!(" {point}")).unwrap_or_default();
        let at = |place| format!(" at {}", drives.name(place, event.medium));
        let place = event.destination.as_ref().map(at).unwrap_or_default();
        let bytes = if event.bytes == 0 { String::new() } else { format!(", {}", size(event.bytes)) };
        let reason = if event.reason.is_empty() { String::new() } else { format!(": {}", event.reason) };
        page.line(format_args!("  {}  {}{point}{place}{bytes}{reason}", page.time(event.time), event.event));
    }
}

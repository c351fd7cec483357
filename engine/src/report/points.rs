//! `engine points`: the recovery points and where each one is.

use serde::Serialize;

use super::media::Drives;
use super::{Align, Cell, Page, Report, Table, Tone, size};

use super::text::{as_text, as_text_or_null};
use super::time::{as_utc, as_utc_or_null};

use crate::model::{DestinationName, JobName, PointId, Proof, State, Time, VaultId};

/// All points that are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PointsReport {
    /// Newest first.
    pub points: Vec<PointReport>,
}

/// One point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PointReport {
    /// Its id.
    #[serde(serialize_with = "as_text")]
    pub id: PointId,
    /// Whose data.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// Its number in the writer's epoch.
    pub sequence: u64,
    /// As of when.
    #[serde(serialize_with = "as_utc")]
    pub created: Time,
    /// Entries that are regular files, hard links each.
    pub files: u64,
    /// Their apparent size, hard links once.
    pub bytes: u64,
    /// Bytes written to the vault for it.
    pub stored_bytes: u64,
    /// Never removed.
    pub pinned: bool,
    /// The point that it can't be restored without.
    #[serde(serialize_with = "as_text_or_null")]
    pub base: Option<PointId>,
    /// Home first.
    pub placements: Vec<PlacementReport>,
}

/// One point on one medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlacementReport {
    /// The destination; `home` for home.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Its medium; none for a destination that was never there.
    #[serde(serialize_with = "as_text_or_null")]
    pub medium: Option<VaultId>,
    /// The state there.
    #[serde(serialize_with = "as_text")]
    pub state: State,
    /// Bytes of its copy that are done.
    pub done_bytes: u64,
    /// Bytes that the copy takes.
    pub total_bytes: u64,
    /// When the evidence was taken.
    #[serde(serialize_with = "as_utc_or_null")]
    pub verified: Option<Time>,
    /// How far it has been shown to be good.
    #[serde(serialize_with = "as_text")]
    pub proof: Proof,
}

impl Report for PointsReport {
    fn people(&self, page: &mut Page) {
        if self.points.is_empty() {
            page.line("There are no recovery points.");
            return;
        }
        let mut table = Table::new([
            ("POINT", Align::Left),
            ("JOB", Align::Left),
            ("CREATED", Align::Left),
            ("FILES", Align::Right),
            ("SIZE", Align::Right),
            ("STORED", Align::Right),
            ("WHERE", Align::Left),
        ]);
        for point in &self.points {
            let pinned = if point.pinned { " (pinned)" } else { "" };
            table.row([
                point.id.to_string().into(),
                point.job.as_str().into(),
                page.time(point.created).into(),
                point.files.to_string().into(),
                size(point.bytes).into(),
                size(point.stored_bytes).into(),
                Cell::toned(format!("{}{pinned}", point.whereabouts()), point.tone()),
            ]);
        }
        table.write(page, 0);
    }
}

impl PointReport {
    /// As in `home complete, usb copying 40 %`.
    fn whereabouts(&self) -> String {
        let drives = Drives::of(self.placements.iter().map(|it| (&it.destination, it.medium)));
        let wanted = self.placements.iter().filter(|placement| placement.state != State::NotWanted);
        let words: Vec<_> = wanted.map(|it| it.words(&drives.name(&it.destination, it.medium))).collect();
        if words.is_empty() { "nowhere".to_owned() } else { words.join(", ") }
    }

    fn tone(&self) -> Tone {
        let has = |state| self.placements.iter().any(|placement| placement.state == state);
        if has(State::Damaged) || has(State::Missing) {
            Tone::Bad
        } else if has(State::Pending) || has(State::Copying) || has(State::Present) {
            Tone::Waiting
        } else {
            Tone::Plain
        }
    }
}

impl PlacementReport {
    fn words(&self, place: &str) -> String {
        let (done, total) = (u128::from(self.done_bytes), u128::from(self.total_bytes));
        match (self.state, (done * 100).checked_div(total)) {
            (State::Copying, Some(percent)) => format!("{place} copying {percent} %"),
            (state, _) => format!("{place} {state}"),
        }
    }
}

//! `engine restore`: what came back.

use serde::Serialize;

use super::backup::{files, seconds, write_path_problems};
use super::verify::write_not_there;
use super::{Page, Report, Tone, size};

use super::backup::PathProblem;
use super::text::{as_text, as_text_or_null, as_texts};
use super::time::as_utc;
use super::verify::PlaceNotThere;

use crate::model::{DestinationName, JobName, PointId, Time};

const NOWHERE: &str = "nowhere";

/// One restore.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RestoreReport {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// Whose data.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// As of when.
    #[serde(serialize_with = "as_utc")]
    pub created: Time,
    /// The place that gave most; none if none gave anything.
    #[serde(serialize_with = "as_text_or_null")]
    pub from: Option<DestinationName>,
    /// Other places that gave something.
    #[serde(serialize_with = "as_texts")]
    pub also_from: Vec<DestinationName>,
    /// Below which folder, for people.
    pub to: String,
    /// Was nothing written, only counted?
    pub dry_run: bool,
    /// Regular files, hard links each.
    pub files: u64,
    /// Their apparent size, hard links once.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Entries that belong to the ordinary user who restored them: only root can give them to their recorded owners.
    pub kept_by_restorer: u64,
    /// What could not be restored as it was.
    pub problems: Vec<PathProblem>,
    /// Paths that could not be had from any place, in all.
    pub lost: u64,
    /// Objects found damaged or missing on the way, even where another place had them.
    pub damaged: Vec<DamageMet>,
    /// Places that could not be asked.
    pub not_there: Vec<PlaceNotThere>,
}

impl RestoreReport {
    /// With the restore of what the point is built on, as one.
    #[must_use]
    pub fn with_base(mut self, base: Self) -> Self {
        let from = base.from.into_iter().chain(base.also_from).filter(|name| self.from.as_ref() != Some(name));
        self.also_from.extend(from);
        self.also_from.sort();
        self.also_from.dedup();
        self.files = self.files.saturating_add(base.files);
        self.bytes = self.bytes.saturating_add(base.bytes);
        self.seconds += base.seconds;
        self.kept_by_restorer = self.kept_by_restorer.saturating_add(base.kept_by_restorer);
        self.lost = self.lost.saturating_add(base.lost);
        self.problems.splice(0..0, base.problems);
        self.damaged.splice(0..0, base.damaged);
        let away = base.not_there.into_iter().filter(|away| !self.not_there.contains(away)).collect::<Vec<_>>();
        self.not_there.extend(away);
        self
    }
}

/// An object that a restore found damaged or missing at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamageMet {
    /// Where.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Its path in the vault.
    pub object: String,
    /// In which way.
    pub problem: String,
}

impl Report for RestoreReport {
    fn people(&self, page: &mut Page) {
        self.write(page, &self.sources());
    }
}

impl RestoreReport {
    /// The same from a place that has no name here, only an address.
    pub(super) fn people_from(&self, page: &mut Page, address: &str) {
        self.write(page, if self.from.is_some() { address } else { NOWHERE });
    }

    fn write(&self, page: &mut Page, from: &str) {
        let verb = if self.dry_run { "would be restored" } else { "restored" };
        let (files, bytes) = (files(self.files), size(self.bytes));
        let created = page.time(self.created);
        page.line(format_args!("{} {} of {created}: {files}, {bytes} {verb} to {}", self.job, self.point, self.to));
        page.line(format_args!("  from {from} in {}", seconds(self.seconds)));
        if self.kept_by_restorer > 0 {
            let entries = if self.kept_by_restorer == 1 { "1 entry belongs" } else { "entries belong" };
            let count = if self.kept_by_restorer == 1 { String::new() } else { format!("{} ", self.kept_by_restorer) };
            page.line(format_args!("  {count}{entries} to you: only root can restore the recorded owners"));
        }
        write_not_there(page, &self.not_there);
        for damage in &self.damaged {
            let line = format!("  {} at {}: {}", damage.object, damage.destination, damage.problem);
            let line = page.toned(&line, Tone::Waiting);
            page.line(line);
        }
        write_path_problems(page, &self.problems);
        if self.lost > 0 {
            let lost = page.toned(&format!("{} could not be had from any place", paths(self.lost)), Tone::Bad);
            page.line(lost);
        }
    }

    fn sources(&self) -> String {
        let all: Vec<_> = self.from.iter().chain(&self.also_from).map(ToString::to_string).collect();
        if all.is_empty() { NOWHERE.to_owned() } else { all.join(", ") }
    }
}

fn paths(count: u64) -> String {
    if count == 1 { "1 path".to_owned() } else { format!("{count} paths") }
}

//! `engine recover`: what a place holds, what came back from it, or that it is ours now.

use serde::Serialize;

use super::{Align, Page, Report, Table, Tone, size};

use super::restore::RestoreReport;
use super::text::{as_text, as_text_or_null};
use super::time::as_utc;

use crate::model::{FamilyId, JobId, JobName, PointId, Time, VaultId};

/// What was found and done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecoverReport {
    /// Where it was read.
    pub from: String,
    /// The vault there.
    #[serde(serialize_with = "as_text")]
    pub medium: VaultId,
    /// Its family.
    #[serde(serialize_with = "as_text")]
    pub family: FamilyId,
    /// Its points, newest first.
    pub points: Vec<RecoverablePoint>,
    /// With `--to`: one for each point that was restored.
    pub restored: Vec<RestoreReport>,
    /// With `--take-over`.
    pub taken_over: Option<TakenOver>,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// A point that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecoverablePoint {
    /// Its id.
    #[serde(serialize_with = "as_text")]
    pub id: PointId,
    /// Whose data, by its name; none if no head tells it.
    #[serde(serialize_with = "as_text_or_null")]
    pub job: Option<JobName>,
    /// Whose data, as it is named there.
    #[serde(serialize_with = "as_text")]
    pub job_id: JobId,
    /// Its number in the writer's epoch.
    pub sequence: u64,
    /// As of when.
    #[serde(serialize_with = "as_utc")]
    pub created: Time,
    /// Entries that are regular files, hard links each.
    pub files: u64,
    /// Their apparent size, hard links once.
    pub bytes: u64,
}

/// The installation that goes on here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenOver {
    /// The configuration that was written, or was there.
    pub configuration: String,
    /// The new writer's epoch.
    pub epoch: u32,
}

impl Report for RecoverReport {
    fn people(&self, page: &mut Page) {
        if self.restored.is_empty() {
            page.line(format_args!("{} holds {} recovery points", self.from, self.points.len()));
            self.write_points(page);
        }
        for restored in &self.restored {
            restored.people_from(page, &self.from);
        }
        for problem in &self.problems {
            let problem = page.toned(problem, Tone::Bad);
            page.line(problem);
        }
        if let Some(taken) = &self.taken_over {
            page.line(format_args!("This computer writes there from now on, as epoch {}", taken.epoch));
            page.line(format_args!("  configuration: {}", taken.configuration));
        }
    }
}

impl RecoverReport {
    fn write_points(&self, page: &mut Page) {
        if self.points.is_empty() {
            return;
        }
        let mut table = Table::new([
            ("POINT", Align::Left),
            ("JOB", Align::Left),
            ("CREATED", Align::Left),
            ("FILES", Align::Right),
            ("SIZE", Align::Right),
        ]);
        for point in &self.points {
            let job = point.job.as_ref().map_or_else(|| point.job_id.to_string(), ToString::to_string);
            table.row([
                point.id.to_string().into(),
                job.into(),
                page.time(point.created).into(),
                point.files.to_string().into(),
                size(point.bytes).into(),
            ]);
        }
        table.write(page, 0);
    }
}

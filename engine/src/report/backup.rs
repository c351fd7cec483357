//! `engine backup`: the points that were made.

use serde::Serialize;

use super::{Page, Report, Tone, size};

use super::PathText;
use super::text::{as_text, as_text_or_null, harmless};
use super::time::as_utc;
use crate::model::{JobName, PointId, Problem, Time};

/// What became of each job.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BackupReport {
    /// In the order they were made.
    pub points: Vec<BackupPoint>,
    /// Jobs of which no point could be made.
    pub failed: Vec<FailedJob>,
    /// Recovery points of other programs that lack something.
    pub broken: Vec<BrokenPoint>,
    /// Recovery points of other programs that are not finished yet.
    pub later: Vec<BrokenPoint>,
}

/// A recovery point of another program that is not adopted as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BrokenPoint {
    /// The job that would adopt it.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// What its files are called.
    pub point: String,
    /// What it lacks.
    pub problem: String,
}

/// A point that was made, or would be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BackupPoint {
    /// Its id; none on a dry run.
    #[serde(serialize_with = "as_text_or_null")]
    pub id: Option<PointId>,
    /// Whose data.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// As of when.
    #[serde(serialize_with = "as_utc")]
    pub created: Time,
    /// Entries that are regular files, hard links each.
    pub files: u64,
    /// Their apparent size, hard links once.
    pub bytes: u64,
    /// Plain bytes that were not stored before; on a dry run, bytes of files that would be read: no more can be new.
    pub new_bytes: u64,
    /// Bytes of sparse packs that were stored again.
    pub rewritten_bytes: u64,
    /// Bytes written to the vault.
    pub stored_bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// What could not be read, or would not hold still.
    pub problems: Vec<PathProblem>,
    /// What a person should look at: an empty or much smaller source, an alarm.
    pub warnings: Vec<String>,
    /// What was left out, and how often for which reason.
    pub left_out: Vec<String>,
    /// What another program's files call it, if that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopted: Option<String>,
}

/// One path and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathProblem {
    /// Where.
    #[serde(flatten)]
    pub path: PathText,
    /// What failed and why.
    pub problem: String,
}

/// A job that failed as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedJob {
    /// Its name.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// What failed.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    #[serde(rename = "do")]
    pub advice: String,
}

impl From<&Problem> for PathProblem {
    fn from(problem: &Problem) -> Self {
        Self { path: PathText::new(&problem.path), problem: problem.problem.clone() }
    }
}

/// So many problems are listed for people; all of them are in the JSON.
const PROBLEMS_SHOWN: usize = 20;

impl Report for BackupReport {
    fn people(&self, page: &mut Page) {
        write_points(page, &self.points);
        write_failed(page, &self.failed);
        write_broken(page, &self.broken);
        if self.points.is_empty() && self.failed.is_empty() && self.broken.is_empty() {
            page.line("No recovery point was to be made.");
        }
    }
}

/// Points that were made, one paragraph each.
pub(super) fn write_points(page: &mut Page, points: &[BackupPoint]) {
    for point in points {
        let head = match &point.id {
            Some(id) => format!("{}: recovery point {id} of {}", point.job, page.time(point.created)),
            None => format!("{}: a recovery point would be made (dry run)", point.job),
        };
        page.line(head);
        if let Some(name) = &point.adopted {
            page.line(format_args!("  adopts {}", harmless(name)));
        }
        let all = format!("{}, {}", files(point.files), size(point.bytes));
        let (new, stored, took) = (size(point.new_bytes), size(point.stored_bytes), seconds(point.seconds));
        page.line(match point.id {
            Some(_) => format!("  {all}; {new} new, {stored} stored, in {took}"),
            None => format!("  {all}; at most {new} of it new"),
        });
        for warning in &point.warnings {
            let warning = page.toned(&format!("  look: {warning}"), Tone::Waiting);
            page.line(warning);
        }
        if !point.left_out.is_empty() {
            page.line(format_args!("  left out: {}", point.left_out.join(", ")));
        }
        write_path_problems(page, &point.problems);
    }
}

/// Other programs' points that lack something.
pub(super) fn write_broken(page: &mut Page, broken: &[BrokenPoint]) {
    for point in broken {
        let told = format!(
            "{}: {} is broken and not adopted: {}",
            point.job,
            harmless(&point.point),
            harmless(&point.problem)
        );
        let line = page.toned(&told, Tone::Bad);
        page.line(line);
    }
}

/// Jobs that failed as a whole.
pub(super) fn write_failed(page: &mut Page, failed: &[FailedJob]) {
    for job in failed {
        let line = page.toned(&format!("{}: {}: {}", job.job, job.what, job.why), Tone::Bad);
        page.line(line);
        if !job.advice.is_empty() {
            page.line(format_args!("  -> {}", job.advice));
        }
    }
}

/// The first of them, and how many more there are.
pub(super) fn write_path_problems(page: &mut Page, problems: &[PathProblem]) {
    for problem in problems.iter().take(PROBLEMS_SHOWN) {
        let at = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
        let line = page.toned(&format!("  {at}{}", harmless(&problem.problem)), Tone::Bad);
        page.line(line);
    }
    if let Some(more) = problems.len().checked_sub(PROBLEMS_SHOWN).filter(|&more| more > 0) {
        page.line(format_args!("  and {more} more; --json lists all"));
    }
}

/// As in `1 file`, `1204 files`.
pub(super) fn files(count: u64) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// As in `0.4 s`, `2 min 5 s`, `3 h 20 min`.
pub(super) fn seconds(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` keeps to what can be expressed")]
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}

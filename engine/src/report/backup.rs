//! `engine backup`: the points that were made.

use serde::Serialize;

use super::PathText;
use super::text::{as_text, as_text_or_null};
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
    /// Plain bytes that were not stored before.
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

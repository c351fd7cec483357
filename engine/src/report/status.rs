//! `engine status`: what is protected, what is not, and why.

use std::fmt;

use serde::Serialize;

use super::text::as_text;
use super::time::as_utc_or_null;

use crate::model::{DestinationName, JobName, State, Time};

/// Each job, each destination.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StatusReport {
    /// In the configuration's order.
    pub jobs: Vec<JobStatus>,
    /// In the configuration's order; home is not among them.
    pub destinations: Vec<DestinationStatus>,
    /// The vault on this computer; none if there is none.
    pub home: Option<HomeStatus>,
    /// Of the installation as a whole.
    pub problems: Vec<StatusProblem>,
}

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusProblem {
    /// What is wrong, and since when where that matters.
    pub problem: String,
    /// What to do; may be empty where nothing is to be done but wait.
    #[serde(rename = "do")]
    pub advice: String,
}

/// How a job's newest point stands offsite: the contract's word for a state, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offsite {
    /// There is no point yet, or the job goes nowhere.
    None,
    /// `complete` only if it is complete wherever the job wants it.
    State(State),
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct JobStatus {
    /// Its name.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// As of when its newest point is.
    #[serde(serialize_with = "as_utc_or_null")]
    pub newest: Option<Time>,
    /// When the next one is due; none without a schedule.
    #[serde(serialize_with = "as_utc_or_null")]
    pub next: Option<Time>,
    /// How the newest one stands offsite.
    #[serde(serialize_with = "as_text")]
    pub offsite: Offsite,
    /// What keeps it from being protected.
    pub problems: Vec<StatusProblem>,
}

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DestinationStatus {
    /// Its name.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Is a medium of it there now?
    pub available: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Bytes of objects there, of all its media.
    pub used_bytes: u64,
    /// Bytes left there, where the place tells.
    pub free_bytes: Option<u64>,
    /// Points that are there.
    pub points: u64,
    /// Points that should be there and are not yet.
    pub pending_points: u64,
    /// On the same device as home or the root?
    pub same_disk: bool,
    /// What is wrong with it.
    pub problems: Vec<StatusProblem>,
}

/// The vault on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HomeStatus {
    /// Where it is.
    pub place: String,
    /// Is it there?
    pub available: bool,
    /// Bytes of objects there.
    pub used_bytes: u64,
    /// Bytes left on its disk.
    pub free_bytes: Option<u64>,
    /// Bytes of objects that may be there.
    pub limit_bytes: Option<u64>,
    /// Points that are there.
    pub points: u64,
    /// What is wrong with it.
    pub problems: Vec<StatusProblem>,
}

impl fmt::Display for Offsite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.pad("none"),
            Self::State(state) => state.fmt(f),
        }
    }
}

//! `engine restore`: what came back.

use serde::Serialize;

use super::backup::PathProblem;
use super::text::{as_text, as_text_or_null, as_texts};
use super::time::as_utc;
use super::verify::PlaceNotThere;

use crate::model::{DestinationName, JobName, PointId, Time};

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
    /// What could not be restored as it was.
    pub problems: Vec<PathProblem>,
    /// Paths that could not be had from any place, in all.
    pub lost: u64,
    /// Objects found damaged or missing on the way, even where another place had them.
    pub damaged: Vec<DamageMet>,
    /// Places that could not be asked.
    pub not_there: Vec<PlaceNotThere>,
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

//! `engine verify`: what was read back, and what was not as it should be.

use serde::Serialize;

use super::text::{as_text, as_text_or_null, as_texts};

use crate::model::{DestinationName, PointId, VaultId};

/// Each place that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VerifyReport {
    /// Home first.
    pub places: Vec<VerifiedPlace>,
    /// Places that were asked for and could not be read.
    pub not_there: Vec<PlaceNotThere>,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedPlace {
    /// The destination; `home` for home.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// The medium that is there.
    #[serde(serialize_with = "as_text_or_null")]
    pub medium: Option<VaultId>,
    /// Objects read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is not as it should be.
    pub damaged: Vec<DamagedObject>,
}

/// An object that is damaged or missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamagedObject {
    /// Its path in the vault.
    pub object: String,
    /// In which way.
    pub problem: String,
    /// The points that need it there.
    #[serde(serialize_with = "as_texts")]
    pub points: Vec<PointId>,
    /// Was it replaced from a good placement?
    pub healed: bool,
}

/// A place that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceNotThere {
    /// The destination; `home` for home.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Why not.
    pub reason: String,
}

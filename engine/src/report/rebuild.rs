//! `engine catalog rebuild`: what the catalog knows again.

use serde::Serialize;

use super::text::{as_text, as_text_or_null};
use super::verify::PlaceNotThere;

use crate::model::{DestinationName, VaultId};

/// What was read in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RebuildReport {
    /// Each vault that was read, home first.
    pub media: Vec<ReadMedium>,
    /// Places that could not be read.
    pub not_there: Vec<PlaceNotThere>,
    /// Points that are known now.
    pub points: u64,
    /// Was the home vault absent, and made anew?
    pub home_made: bool,
    /// Was no head as new as the newest point read, so that nothing is removed until a person confirms?
    pub unconfirmed: bool,
    /// What could not be read.
    pub problems: Vec<String>,
}

/// One vault that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadMedium {
    /// The destination; `home` for home.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Its vault.
    #[serde(serialize_with = "as_text_or_null")]
    pub medium: Option<VaultId>,
    /// Points that are there.
    pub points: u64,
    /// Packs that are there.
    pub packs: u64,
}

//! `engine init`: what was made, and where the recovery sheet is.

use serde::Serialize;

use super::text::{as_text, as_text_or_null};

use crate::model::{DestinationName, VaultId};

/// What was made, and what was there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InitReport {
    /// The starter configuration that was written, if there was none; nothing else was done then.
    pub starter: Option<String>,
    /// Home first.
    pub vaults: Vec<VaultMade>,
    /// The recovery sheet; none if there is none yet.
    pub recovery_sheet: Option<String>,
    /// Was the sheet written now?
    pub sheet_written: bool,
    /// What a person should know, as `same-disk`.
    pub warnings: Vec<String>,
}

/// What became of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// A vault was made there.
    Made,
    /// Our vault was there already.
    WasThere,
    /// Nothing was made: the place is not there, or something is wrong with it.
    NotThere,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VaultMade {
    /// The destination; `home` for home.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Its vault, if it has one.
    #[serde(serialize_with = "as_text_or_null")]
    pub medium: Option<VaultId>,
    /// Where.
    pub place: String,
    /// What became of it.
    pub made: Made,
    /// Why nothing was made.
    pub reason: Option<String>,
    /// On the same device as home or the root?
    pub same_disk: bool,
}

//! `engine enrol` and `engine retire`: which media serve a destination.

use serde::Serialize;

use super::text::as_text;

use crate::model::{DestinationName, VaultId};

/// A medium that was enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EnrolReport {
    /// The destination that it serves.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Its id.
    #[serde(serialize_with = "as_text")]
    pub medium: VaultId,
    /// Where it is.
    pub place: String,
    /// What was new about it.
    pub enrolled: Enrolled,
    /// On the same device as home or the root?
    pub same_disk: bool,
    /// Points that are there already.
    pub points: u64,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// What was new about a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enrolled {
    /// A vault was made.
    Made,
    /// A vault of the family was there, and is known now.
    Found,
    /// A known vault is accepted where it is now.
    Moved,
    /// It was known where it is: nothing was done.
    Known,
}

/// Media to which nothing is owed any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetireReport {
    /// The destination.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Its media that were retired now.
    pub retired: Vec<RetiredMedium>,
    /// What a person should know, as points that are complete nowhere else.
    pub warnings: Vec<String>,
}

/// One medium that was retired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RetiredMedium {
    /// Its id.
    #[serde(serialize_with = "as_text")]
    pub medium: VaultId,
    /// Where it was last.
    pub place: String,
    /// Points that it holds; they stay known.
    pub points: u64,
    /// Points that were owed to it, and are no more.
    pub no_longer_owed: u64,
}

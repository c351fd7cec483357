//! `engine enrol` and `engine retire`: which media serve a destination.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Page, Report, Tone};

use super::text::{as_text, count};

use crate::model::{DestinationName, VaultId};

/// Destinations as people are told of them: where a report tells of several drives of one, each by its id's beginning.
pub(super) struct Drives<'r>(BTreeMap<&'r DestinationName, BTreeSet<Option<VaultId>>>);

impl<'r> Drives<'r> {
    /// Of all that a report tells of.
    pub(super) fn of(told: impl Iterator<Item = (&'r DestinationName, Option<VaultId>)>) -> Self {
        let mut drives = BTreeMap::<_, BTreeSet<_>>::new();
        told.for_each(|(destination, medium)| drives.entry(destination).or_default().extend([medium]));
        Self(drives)
    }

    /// As in `usb`, or `usb (3fa19c02)`.
    pub(super) fn name(&self, destination: &DestinationName, medium: Option<VaultId>) -> String {
        let several = self.0.get(destination).is_some_and(|media| media.len() > 1);
        match medium.map(|it| it.to_string()) {
            Some(id) if several => format!("{destination} ({})", &id[..8]),
            _ => destination.to_string(),
        }
    }
}

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
    /// What it can do, answer by answer; none if it could not be asked.
    pub probe: Option<super::Answers>,
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

impl Report for EnrolReport {
    fn people(&self, page: &mut Page) {
        let how = match self.enrolled {
            Enrolled::Made => "A vault was made for",
            Enrolled::Found => "A vault of this installation was found, and serves",
            Enrolled::Moved => "The vault is accepted where it is now, and serves",
            Enrolled::Known => "Nothing was to be done: this vault serves",
        };
        page.line(format_args!("{how} {}: medium {} at {}", self.destination, self.medium, self.place));
        if self.points > 0 {
            page.line(format_args!("  there already: {}", count(self.points, "point")));
        }
        write_warnings(page, &self.warnings);
    }
}

impl Report for RetireReport {
    fn people(&self, page: &mut Page) {
        for medium in &self.retired {
            page.line(format_args!(
                "Nothing is owed to {} any more: medium {} at {}",
                self.destination, medium.medium, medium.place
            ));
            page.line(format_args!(
                "  it holds {}, which stay known; {} owed to it before",
                count(medium.points, "point"),
                medium.no_longer_owed
            ));
        }
        if self.retired.is_empty() {
            page.line(format_args!("Nothing was to be done: {} was retired before", self.destination));
        }
        write_warnings(page, &self.warnings);
    }
}

fn write_warnings(page: &mut Page, warnings: &[String]) {
    for warning in warnings {
        let warning = page.toned(&format!("look: {warning}"), Tone::Waiting);
        page.line(warning);
    }
}

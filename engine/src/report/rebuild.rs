//! `engine catalog rebuild`: what the catalog knows again.

use serde::Serialize;

use super::verify::write_not_there;
use super::{Page, Report, Tone};

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

impl Report for RebuildReport {
    fn people(&self, page: &mut Page) {
        page.line(format_args!("The catalog was rebuilt: {} recovery points", self.points));
        for medium in &self.media {
            page.line(format_args!("  {}: {} points in {} packs", medium.destination, medium.points, medium.packs));
        }
        write_not_there(page, &self.not_there);
        for problem in &self.problems {
            let problem = page.toned(&format!("  {problem}"), Tone::Bad);
            page.line(problem);
        }
        if self.home_made {
            page.line("The home vault was absent and was made anew.");
            page.line("-> `engine verify home --repair` fetches its points back");
        }
        if self.unconfirmed {
            page.line("Nothing is evicted or removed before a head as new as the newest point was read.");
        }
    }
}

//! `engine find`: which points hold something of that name.

use serde::Serialize;

use super::verify::write_not_there;
use super::{Align, Page, Report, Table, Tone};

use super::ls::EntryReport;
use super::text::as_text;
use super::time::as_utc;
use super::verify::PlaceNotThere;

use crate::model::{JobName, PointId, Time};

/// All that was found, newest point first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FindReport {
    /// In each point's order.
    pub found: Vec<FoundEntry>,
    /// Points that could not be searched to the end.
    pub not_searched: Vec<NotSearched>,
    /// Places that could not be asked.
    pub not_there: Vec<PlaceNotThere>,
}

/// An entry and the point that it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundEntry {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// Whose data.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// As of when.
    #[serde(serialize_with = "as_utc")]
    pub created: Time,
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryReport,
}

/// A point that could not be searched to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotSearched {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// Why.
    pub reason: String,
}

impl Report for FindReport {
    fn people(&self, page: &mut Page) {
        if self.found.is_empty() {
            page.line("Nothing was found.");
        } else {
            self.write_found(page);
        }
        for point in &self.not_searched {
            let line = format!("{} could not be searched to the end: {}", point.point, point.reason);
            let line = page.toned(&line, Tone::Bad);
            page.line(line);
        }
        write_not_there(page, &self.not_there);
    }
}

impl FindReport {
    fn write_found(&self, page: &mut Page) {
        let mut table = Table::new([
            ("POINT", Align::Left),
            ("JOB", Align::Left),
            ("CREATED", Align::Left),
            ("BYTES", Align::Right),
            ("MODIFIED", Align::Left),
            ("PATH", Align::Left),
        ]);
        for found in &self.found {
            table.row([
                found.point.to_string().into(),
                found.job.as_str().into(),
                page.time(found.created).into(),
                found.entry.bytes.to_string().into(),
                page.time(found.entry.modified).into(),
                found.entry.shown().into(),
            ]);
        }
        table.write(page, 0);
    }
}

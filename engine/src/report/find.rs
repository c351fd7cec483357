//! `engine find`: which points hold something of that name.

use serde::Serialize;

use super::ls::EntryReport;
use super::stream::{Columns, Lines, Streamed};
use super::text::as_text;
use super::time::as_utc;
use super::verify::{PlaceNotThere, write_not_there};
use super::{Align, Page, Table, Tone};
use crate::model::{JobName, PointId, Time};

/// What is known once all that was found was given: newest point first, in each point's order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FindReport {
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

impl Streamed for FindReport {
    type Row = FoundEntry;
    const KEY: &'static str = "found";

    fn lines() -> Box<dyn Lines<Self>> {
        let table = Table::new([
            ("POINT", Align::Left),
            ("JOB", Align::Left),
            ("CREATED", Align::Left),
            ("BYTES", Align::Right),
            ("MODIFIED", Align::Left),
            ("PATH", Align::Left),
        ]);
        Box::new(Columns::new(table))
    }
}

impl Lines<FindReport> for Columns<6> {
    fn row(&mut self, found: &FoundEntry, page: &mut Page) {
        let row = [
            found.point.to_string().into(),
            found.job.as_str().into(),
            page.time(found.created).into(),
            found.entry.bytes.to_string().into(),
            page.time(found.entry.modified).into(),
            found.entry.shown().into(),
        ];
        Columns::row(self, row, page);
    }

    fn flush(&mut self, page: &mut Page) {
        if self.rows == 0 {
            page.line("Nothing was found.");
        } else {
            Columns::flush(self, page);
        }
    }

    fn end(&mut self, rest: &FindReport, page: &mut Page) {
        for point in &rest.not_searched {
            let line = format!("{} could not be searched to the end: {}", point.point, point.reason);
            let line = page.toned(&line, Tone::Bad);
            page.line(line);
        }
        write_not_there(page, &rest.not_there);
    }
}

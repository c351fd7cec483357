//! Recovery points of another program that were adopted: which point each became, and of which files.
//!
//! Deliberately absent: what belongs together (`source::adopted`).

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::error::Result;
use super::open::Catalog;
use super::stored::{PointOrderDef, TimeDef};
use super::tables::{Tables, Writing};
use super::value::{key_bytes, rkyv_rows};
use crate::model::{JobId, PointOrder, Time};

/// One of them, as it was when it was adopted last. Its name is the key's second part.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct AdoptedRow {
    /// What it became; none if it was passed over, because newer ones were known already.
    #[rkyv(with = Map<PointOrderDef>)]
    pub point: Option<PointOrder>,
    /// Its files, by path.
    pub files: Vec<AdoptedFile>,
    /// The point that it was made on.
    #[rkyv(with = Map<PointOrderDef>)]
    pub base: Option<PointOrder>,
    /// What it is one of a row of: `keep` counts each by itself.
    pub series: String,
    /// It was seen to be gone from where the other program keeps it, and that was told.
    pub gone: bool,
}

/// A file of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub struct AdoptedFile {
    /// Below the job's folder.
    pub path: Vec<u8>,
    /// Its size.
    pub bytes: u64,
    /// When it was changed last, as the file system says.
    #[rkyv(with = TimeDef)]
    pub modified: Time,
}

rkyv_rows!(AdoptedRow);

impl Catalog {
    /// All of a job, by name.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn adopted(&self, job: JobId) -> Result<Vec<(String, AdoptedRow)>> {
        self.handle.read(|tables| {
            let rows = tables.adopted.under(&key_bytes(&job))?;
            rows.map(|row| row.map(|((_, name), row)| (name, row))).collect()
        })
    }

    /// Keeps what is known of one without making a point: that it is gone, or what a point was found to hold.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn note_adopted(&self, job: JobId, name: &str, row: &AdoptedRow) -> Result<()> {
        self.handle.write(|tables| tables.know_adopted(job, name, row))
    }
}

impl Tables<'_, Writing> {
    /// What a point is in the words of another program.
    pub(super) fn know_adopted(&mut self, job: JobId, name: &str, row: &AdoptedRow) -> Result<()> {
        if let Some(point) = row.point.filter(|_| !row.series.is_empty()) {
            self.series.put(&point, &row.series)?;
        }
        self.adopted.put(&(job, name.to_owned()), row)
    }
}

//! What is remembered of a job's canaries: how many its newest point holds, and what stood where they are planted.
//!
//! Both are memos: a rebuild loses them. Then a point is taken for one without canaries, which makes it look larger and
//! no smaller.

use std::collections::BTreeMap;

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::tables::{Tables, Writing};
use crate::model::{EntryPath, JobId, PointOrder};

/// A folder in which canaries are planted, as a run found and left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlotMark {
    /// The file system that it lies on.
    pub device: u64,
    /// Does a whole canary stand there?
    pub whole: bool,
}

/// What is remembered of all of a job's, by the canary's path.
pub type Plots = BTreeMap<EntryPath, PlotMark>;

impl Catalog {
    /// How many files of the job's newest point are canaries, if that is this one and was made here.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn canaries_in(&self, job: JobId, point: PointOrder) -> Result<u64> {
        let text = self.memo(&counted(job))?.unwrap_or_default();
        let of = format!("{} {} ", point.epoch, point.sequence);
        Ok(text.strip_prefix(&of).and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// What stood in the job's folders when its newest point was made; none if that is not known.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn plots(&self, job: JobId) -> Result<Option<Plots>> {
        Ok(self.memo(&watched(job))?.map(|text| text.lines().filter_map(plot).collect()))
    }

    /// Keeps it; none forgets it.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn set_plots(&self, job: JobId, plots: Option<&Plots>) -> Result<()> {
        // A line for nothing, so that there being none is known.
        let text = |plots: &Plots| plots.iter().map(line).fold("plots\n".to_owned(), |all, line| all + &line);
        let (known, text) = (self.memo(&watched(job))?.unwrap_or_default(), plots.map(text).unwrap_or_default());
        if known == text { Ok(()) } else { self.set_memo(&watched(job), &text) }
    }
}

impl Tables<'_, Writing> {
    /// The job's newest point has so many canaries.
    pub(super) fn count_canaries(&mut self, job: JobId, point: PointOrder, canaries: u64) -> Result<()> {
        match canaries {
            0 => self.memos.remove(&counted(job)).map(|_| ()),
            _ => self.memos.put(&counted(job), &format!("{} {} {canaries}", point.epoch, point.sequence)),
        }
    }
}

fn counted(job: JobId) -> String {
    format!("canaries {job}")
}

fn watched(job: JobId) -> String {
    format!("canary-plots {job}")
}

/// A path has any bytes.
fn line((path, mark): (&EntryPath, &PlotMark)) -> String {
    let stands = if mark.whole { "whole" } else { "none" };
    format!("{} {stands} {}\n", mark.device, data_encoding::HEXLOWER.encode(path.as_bytes()))
}

fn plot(line: &str) -> Option<(EntryPath, PlotMark)> {
    let [device, stands, path] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let path = EntryPath::parse(&data_encoding::HEXLOWER.decode(path.as_bytes()).ok()?).ok()?;
    Some((path, PlotMark { device: device.parse().ok()?, whole: stands == "whole" }))
}

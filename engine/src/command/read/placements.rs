//! Where points are, home first; of a destination that was never there too, for a job wants its points there.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, MediumRow, PlacementRow, PointRow};
use crate::command::Failure;
use crate::command::chained::{built_on, with_bases};
use crate::config::{Config, Copies};
use crate::model::{DestinationName, JobName, PointOrder, Proof, State, VaultId};
use crate::report::PlacementReport;

/// All placements by point, read medium by medium: a vault of 100,000 points must not cost as many transactions.
pub(super) struct Placements<'c> {
    config: &'c Config,
    media: Vec<MediumRow>,
    rows: BTreeMap<PointOrder, Vec<(usize, PlacementRow)>>,
}

/// One placement as it is reported, and its row if it has one.
pub(super) struct Placed<'p> {
    pub report: PlacementReport,
    pub row: Option<&'p PlacementRow>,
}

impl<'c> Placements<'c> {
    pub fn of(catalog: &Catalog, config: &'c Config) -> Result<Self, Failure> {
        let media = catalog.media()?;
        let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let built_on = built_on(&catalog.points()?);
        for (at, medium) in media.iter().enumerate() {
            let mut here = catalog.placements_at(medium.vault)?.into_iter().collect();
            with_bases(&built_on, medium.side, &mut here);
            for (order, row) in here {
                rows.entry(order).or_default().push((at, row));
            }
        }
        Ok(Self { config, media, rows })
    }

    /// All media, home first.
    pub fn media(&self) -> &[MediumRow] {
        &self.media
    }

    /// The rows of a point and their media, home first.
    pub fn rows(&self, order: PointOrder) -> impl Iterator<Item = (&MediumRow, &PlacementRow)> {
        self.rows.get(&order).into_iter().flatten().map(|(at, row)| (&self.media[*at], row))
    }

    /// Is it anywhere, or should it be? A point that retention or a person removed is no point any more.
    pub fn exists(&self, point: &PointRow) -> bool {
        let has = |wanted: fn(State) -> bool| self.rows(point.order).any(|(_, row)| wanted(row.state));
        if point.removed.is_some() { has(State::is_there) } else { has(|state| state != State::NotWanted) }
    }

    /// Where the point is, home first.
    pub fn placed(&self, point: &PointRow, job: &JobName) -> Vec<Placed<'_>> {
        let mut placed: Vec<_> = self.rows(point.order).map(|(medium, row)| with_row(medium, row)).collect();
        if !placed.first().is_some_and(|first| first.report.destination.is_home()) {
            placed.insert(0, without_row(DestinationName::home(), self.home(), State::NotWanted));
        }
        if point.removed.is_none() {
            placed.extend(self.never_there(point, job));
        }
        placed
    }

    fn home(&self) -> Option<VaultId> {
        self.media.first().filter(|medium| medium.destination.is_home()).map(|medium| medium.vault)
    }

    /// Destinations that the job wants it at, and that have no medium yet.
    fn never_there(&self, point: &PointRow, job: &JobName) -> Vec<Placed<'_>> {
        let Some(job) = self.config.job(job) else { return Vec::new() };
        let is_known = |name: &DestinationName| self.media.iter().any(|medium| medium.destination == *name);
        let complete =
            |(medium, row): (&MediumRow, &PlacementRow)| !medium.destination.is_home() && row.state == State::Complete;
        let satisfied = job.copies == Copies::First && self.rows(point.order).any(complete);
        let state = if satisfied { State::NotWanted } else { State::Pending };
        let unknown = job.offsite.iter().filter(|name| !is_known(name));
        unknown.map(|name| without_row(name.clone(), None, state)).collect()
    }
}

fn with_row<'p>(medium: &MediumRow, row: &'p PlacementRow) -> Placed<'p> {
    let report = PlacementReport {
        destination: medium.destination.clone(),
        medium: Some(medium.vault),
        state: row.state,
        done_bytes: row.done_bytes,
        total_bytes: row.total_bytes,
        verified: row.verified,
        proof: row.proof,
    };
    Placed { report, row: Some(row) }
}

fn without_row<'p>(destination: DestinationName, medium: Option<VaultId>, state: State) -> Placed<'p> {
    let (done_bytes, total_bytes, verified, proof) = (0, 0, None, Proof::None);
    Placed {
        report: PlacementReport { destination, medium, state, done_bytes, total_bytes, verified, proof },
        row: None,
    }
}

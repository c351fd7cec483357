//! All that the planner needs, as of one moment, as plain values: nothing of redb or of this module's locks is held.

use std::collections::{BTreeMap, BTreeSet};

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::redb_error::damaged;
use super::rows::{
    Generation, JobRow, MediumRow, MetaRow, PackAtRow, PackNo, PackRow, PlacementRow, PointRow, RemovalRow,
    ReservationId, ReservationRow, UsageRow,
};
use super::seeds::SeedRow;
use super::tables::{MediumNo, Reading, Tables};
use crate::model::{JobId, PointOrder, SeedId, VaultId};

/// One state of the catalog. Every medium has an entry in each map by medium.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Names this state.
    pub generation: Generation,
    /// What the catalog is.
    pub meta: MetaRow,
    /// Why nothing may be removed anywhere: another writer goes on; none if none does.
    pub fenced: Option<String>,
    /// All jobs ever.
    pub jobs: BTreeMap<JobId, JobRow>,
    /// All points ever.
    pub points: BTreeMap<PointOrder, PointRow>,
    /// What points are one of a row of, where a job has several rows.
    pub series: BTreeMap<PointOrder, String>,
    /// All media ever, home first.
    pub media: Vec<MediumRow>,
    /// Where each point is, by medium.
    pub placements: BTreeMap<VaultId, BTreeMap<PointOrder, PlacementRow>>,
    /// All packs.
    pub packs: BTreeMap<PackNo, PackRow>,
    /// Where each pack is, by medium.
    pub pack_at: BTreeMap<VaultId, BTreeMap<PackNo, PackAtRow>>,
    /// All reservations.
    pub reservations: BTreeMap<ReservationId, ReservationRow>,
    /// Packs that reservations name one by one, by medium.
    pub reserved: BTreeMap<VaultId, BTreeSet<PackNo>>,
    /// Packs that travel to a medium on a seed's drive, by medium, as far as they are not known to lie there.
    pub travelling: BTreeMap<VaultId, BTreeSet<PackNo>>,
    /// All seeds, those that are over included.
    pub seeds: BTreeMap<SeedId, SeedRow>,
    /// Removals whose manifest may still be there, by medium.
    pub removals: BTreeMap<VaultId, BTreeMap<PointOrder, RemovalRow>>,
    /// What each medium holds.
    pub usage: BTreeMap<VaultId, UsageRow>,
}

impl Catalog {
    /// All that the planner needs.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.handle.read(whole)
    }
}

fn whole(tables: &Tables<'static, Reading>) -> Result<Snapshot> {
    let meta = tables.meta_row()?;
    let media = tables.media_in_order()?;
    let numbers: BTreeMap<_, _> = media.iter().map(|medium| (medium.number, medium.vault)).collect();
    let by_medium = ByMedium { numbers: &numbers };
    let reserved = tables.reserved.all()?.into_iter().map(|((at, pack, _), ())| (at, pack, ()));
    let travelling = tables.all_travelling()?.into_iter().map(|(at, pack)| (at, pack, ()));
    let usage = tables.usage.all()?.into_iter().map(|(at, row)| (at, (), row));
    Ok(Snapshot {
        generation: Generation(meta.generation),
        fenced: tables.fenced_by()?,
        meta,
        jobs: tables.jobs.all()?.into_iter().collect(),
        points: tables.points.all()?.into_iter().collect(),
        series: tables.series.all()?.into_iter().collect(),
        placements: by_medium.split("placements", flat(tables.placements.all()?))?,
        packs: tables.packs.all()?.into_iter().collect(),
        pack_at: by_medium.split("pack_at", flat(tables.pack_at.all()?))?,
        reservations: tables.reservations.all()?.into_iter().collect(),
        reserved: keys(by_medium.split("reserved", reserved)?),
        travelling: keys(by_medium.split("reserved", travelling)?),
        seeds: tables.seeds.all()?.into_iter().collect(),
        removals: by_medium.split("removals", flat(tables.removals.all()?))?,
        usage: only(by_medium.split("usage", usage)?),
        media,
    })
}

struct ByMedium<'a> {
    numbers: &'a BTreeMap<MediumNo, VaultId>,
}

impl ByMedium<'_> {
    fn split<K: Ord, V>(
        &self,
        table: &str,
        rows: impl Iterator<Item = (MediumNo, K, V)>,
    ) -> Result<BTreeMap<VaultId, BTreeMap<K, V>>> {
        let mut split: BTreeMap<_, _> = self.numbers.values().map(|&vault| (vault, BTreeMap::new())).collect();
        for (at, key, row) in rows {
            let medium = self.numbers.get(&at).and_then(|vault| split.get_mut(vault));
            let medium = medium.ok_or_else(|| damaged(table, &[], &format!("medium {at} does not exist")))?;
            medium.insert(key, row);
        }
        Ok(split)
    }
}

fn flat<K, V>(rows: Vec<((MediumNo, K), V)>) -> impl Iterator<Item = (MediumNo, K, V)> {
    rows.into_iter().map(|((at, key), row)| (at, key, row))
}

fn keys<K: Ord>(split: BTreeMap<VaultId, BTreeMap<K, ()>>) -> BTreeMap<VaultId, BTreeSet<K>> {
    split.into_iter().map(|(vault, rows)| (vault, rows.into_keys().collect())).collect()
}

fn only(split: BTreeMap<VaultId, BTreeMap<(), UsageRow>>) -> BTreeMap<VaultId, UsageRow> {
    split.into_iter().map(|(vault, rows)| (vault, rows.into_values().next().unwrap_or_default())).collect()
}

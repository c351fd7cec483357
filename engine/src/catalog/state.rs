//! Steps that several operations share, inside one transaction: rows that must be there, and the indexes and counts that
//! follow from them. Every change of a placement, a pack's presence or a reservation goes through here, so that
//! `keeping`, `usage` and `children` can't drift.
//!
//! Which packs are needed at a medium: those whose interval holds a point of their group that is *kept* there, and those
//! reserved one by one. A point is kept by its placement, as [`keeps_packs`] says, and by each reservation that names it.

use std::collections::BTreeSet;

use super::error::{CatalogError, Result};
use super::falls::is_fall;
use super::redb_error::damaged;
use super::rows::{
    Generation, JobRow, MediumRow, MetaRow, PackAtRow, PackNo, PackRow, PackState, PlacementRow, PointRow, RemovalRow,
    ReservationId, ReservationRow, UsageRow,
};
use super::tables::{MediumNo, Mode, Tables, Writing};
use super::value::key_bytes;
use crate::model::{GroupId, JobId, ObjectName, PointName, PointOrder, State, VaultId};

/// Does a placement in this state keep the packs of its point at its medium from being deleted? A `missing` one does:
/// its packs heal it.
#[must_use]
pub const fn keeps_packs(state: State) -> bool {
    match state {
        State::Copying | State::Present | State::Complete | State::Missing | State::Damaged => true,
        State::Pending | State::NotWanted | State::Evicted => false,
    }
}

/// Does a pack in this state take room?
pub const fn takes_room(state: PackState) -> bool {
    match state {
        PackState::Present | PackState::Deleting | PackState::Damaged => true,
        PackState::Missing => false,
    }
}

/// That something is not known.
pub fn unknown(what: impl std::fmt::Display) -> CatalogError {
    CatalogError::Unknown { what: what.to_string() }
}

/// That a rule forbids it.
pub fn refused(rule: &'static str, what: impl std::fmt::Display) -> CatalogError {
    CatalogError::Refused { rule, what: what.to_string() }
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// What the catalog is.
    pub fn meta_row(&self) -> Result<MetaRow> {
        self.meta.get(&0)?.ok_or_else(|| damaged("meta", &[], "its only row is not there"))
    }

    /// A job that must be known.
    pub fn job(&self, id: JobId) -> Result<JobRow> {
        self.jobs.get(&id)?.ok_or_else(|| unknown(format_args!("job {id}")))
    }

    /// A medium that must be known.
    pub fn medium(&self, vault: VaultId) -> Result<MediumRow> {
        self.media.get(&vault)?.ok_or_else(|| unknown(format_args!("medium {vault}")))
    }

    /// A medium's number.
    pub fn number(&self, vault: VaultId) -> Result<MediumNo> {
        self.medium(vault).map(|row| row.number)
    }

    /// Home.
    pub fn home(&self) -> Result<MediumRow> {
        self.medium(self.meta_row()?.home.ok_or_else(|| unknown("a home vault"))?)
    }

    /// A point that must be known.
    pub fn point(&self, order: PointOrder) -> Result<PointRow> {
        self.points.get(&order)?.ok_or_else(|| unknown(format_args!("point {order}")))
    }

    /// A pack that must be known.
    pub fn pack(&self, pack: PackNo) -> Result<PackRow> {
        self.packs.get(&pack)?.ok_or_else(|| unknown(format_args!("pack {}", pack.0)))
    }

    /// A reservation that must be there.
    pub fn reservation(&self, id: ReservationId) -> Result<ReservationRow> {
        self.reservations.get(&id)?.ok_or_else(|| unknown(format_args!("reservation {}", id.0)))
    }

    /// A placement that must be known.
    pub fn placement(&self, at: MediumNo, order: PointOrder) -> Result<PlacementRow> {
        self.placements.get(&(at, order))?.ok_or_else(|| unknown(format_args!("point {order} at that medium")))
    }

    /// The points of a group that are kept at a medium, and by how many.
    pub fn kept(&self, at: MediumNo, group: GroupId) -> Result<Vec<(PointOrder, u32)>> {
        let rows = self.keeping.under(&key_bytes(&(at, group)))?;
        rows.map(|row| row.map(|((_, (_, order)), count)| (order, count))).collect()
    }

    /// The points kept at a medium that may use a pack.
    pub fn kept_within(&self, at: MediumNo, pack: &PackRow) -> Result<Vec<PointOrder>> {
        let Some(used) = pack.used else { return Ok(Vec::new()) };
        let key = |order| (at, (pack.group, order));
        let rows = self.keeping.between(&key(used.first), &key(used.last))?;
        rows.map(|row| row.map(|((_, (_, order)), _)| order)).collect()
    }

    /// Is a pack needed at a medium?
    pub fn is_needed(&self, at: MediumNo, number: PackNo, pack: &PackRow) -> Result<bool> {
        Ok(!self.kept_within(at, pack)?.is_empty() || self.is_reserved(at, number)?)
    }

    /// Is a pack reserved by itself at a medium?
    pub fn is_reserved(&self, at: MediumNo, pack: PackNo) -> Result<bool> {
        Ok(self.reserved.under(&key_bytes(&(at, pack)))?.next().transpose()?.is_some())
    }

    /// Does a manifest lie at a medium, as far as is known?
    pub fn manifest_is_there(&self, at: MediumNo, order: PointOrder) -> Result<bool> {
        let placed = self.placements.get(&(at, order))?.is_some_and(|row| row.state.is_there());
        Ok(placed || self.removals.get(&(at, order))?.is_some_and(|row| row.was.state.is_there()))
    }

    /// Is the plan that names this generation still right?
    pub fn not_stale(&self, expected: Option<Generation>) -> Result<()> {
        let found = Generation(self.meta_row()?.generation);
        match expected {
            Some(expected) if expected != found => Err(CatalogError::Stale { expected, found }),
            _ => Ok(()),
        }
    }

    /// Reservations that name a point at a medium.
    pub fn holders(&self, at: VaultId, order: PointOrder) -> Result<BTreeSet<ReservationId>> {
        let mut holders = BTreeSet::new();
        for (id, row) in self.reservations.all()? {
            if row.at == at && row.points.contains(&order) {
                holders.insert(id);
            }
        }
        Ok(holders)
    }
}

impl PointRow {
    /// Its name at destinations.
    #[must_use]
    pub fn name(&self) -> PointName {
        PointName { order: self.order, id: self.id }
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> ObjectName {
        ObjectName::Point(self.job, self.name())
    }
}

impl Tables<'_, Writing> {
    /// Changes what the catalog is.
    pub fn update_meta<T>(&mut self, change: impl FnOnce(&mut MetaRow) -> T) -> Result<T> {
        let mut meta = self.meta_row()?;
        let result = change(&mut meta);
        self.meta.put(&0, &meta)?;
        Ok(result)
    }

    /// Something that a plan depends on has changed.
    pub fn moved_on(&mut self) -> Result<()> {
        self.update_meta(|meta| meta.generation += 1)
    }

    /// Sets a placement, and what follows from it.
    pub fn put_placement(&mut self, at: MediumNo, point: &PointRow, row: &PlacementRow) -> Result<()> {
        let before = self.placements.get(&(at, point.order))?;
        let keeps = |row: &PlacementRow| keeps_packs(row.state);
        self.counting_manifest(at, point, |tables| tables.placements.put(&(at, point.order), row))?;
        if is_fall(before.as_ref().map(|row| row.state), row.state) {
            self.note_fall(at)?;
        }
        match (before.as_ref().is_some_and(keeps), keeps(row)) {
            (false, true) => self.keep(at, point),
            (true, false) => self.release(at, point),
            _ => Ok(()),
        }
    }

    /// Sets or clears the intent to remove a point, and counts its manifest right.
    pub fn put_removal(&mut self, at: MediumNo, point: &PointRow, row: Option<&RemovalRow>) -> Result<()> {
        let key = (at, point.order);
        self.counting_manifest(at, point, |tables| match row {
            Some(row) => tables.removals.put(&key, row),
            None => tables.removals.remove(&key).map(|_| ()),
        })
    }

    fn counting_manifest(
        &mut self,
        at: MediumNo,
        point: &PointRow,
        change: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let before = self.manifest_is_there(at, point.order)?;
        change(self)?;
        let after = self.manifest_is_there(at, point.order)?;
        if before == after {
            return Ok(());
        }
        self.update_usage(at, |usage| {
            usage.manifests = counted(usage.manifests, 1, after);
            usage.manifest_bytes = counted(usage.manifest_bytes, point.manifest_bytes, after);
        })
    }

    /// Sets or clears what is known of a pack at a medium, and counts it right.
    pub fn put_pack_at(&mut self, at: MediumNo, pack: PackNo, row: Option<&PackAtRow>) -> Result<()> {
        let room = |row: &PackAtRow| takes_room(row.state).then_some(row.bytes);
        let before = self.pack_at.get(&(at, pack))?.as_ref().and_then(room);
        match row {
            Some(row) => self.pack_at.put(&(at, pack), row)?,
            None => drop(self.pack_at.remove(&(at, pack))?),
        }
        let after = row.and_then(room);
        if before == after {
            return Ok(());
        }
        self.update_usage(at, |usage| {
            for (bytes, added) in [(before, false), (after, true)] {
                if let Some(bytes) = bytes {
                    usage.packs = counted(usage.packs, 1, added);
                    usage.pack_bytes = counted(usage.pack_bytes, bytes, added);
                }
            }
        })
    }

    fn update_usage(&mut self, at: MediumNo, change: impl FnOnce(&mut UsageRow)) -> Result<()> {
        let mut usage = self.usage.get(&at)?.unwrap_or_default();
        change(&mut usage);
        self.usage.put(&at, &usage)
    }

    /// One more keeps a point's packs at a medium.
    pub fn keep(&mut self, at: MediumNo, point: &PointRow) -> Result<()> {
        let key = (at, (point.group, point.order));
        let count = self.keeping.get(&key)?.unwrap_or(0);
        self.keeping.put(&key, &(count + 1))
    }

    /// One less does.
    pub fn release(&mut self, at: MediumNo, point: &PointRow) -> Result<()> {
        let key = (at, (point.group, point.order));
        match self.keeping.get(&key)? {
            None | Some(0) => Err(damaged("keeping", &key_bytes(&key), "released more often than kept")),
            Some(1) => self.keeping.remove(&key).map(|_| ()),
            Some(count) => self.keeping.put(&key, &(count - 1)),
        }
    }

    /// Makes a reservation that names points.
    pub fn reserve(&mut self, row: &ReservationRow) -> Result<ReservationId> {
        let id = self.update_meta(|meta| {
            meta.next_reservation += 1;
            ReservationId(meta.next_reservation - 1)
        })?;
        let at = self.number(row.at)?;
        for &order in &row.points {
            let point = self.point(order)?;
            self.keep(at, &point)?;
        }
        self.reservations.put(&id, row)?;
        Ok(id)
    }

    /// Drops a reservation and all that it names.
    pub fn drop_reservation(&mut self, id: ReservationId) -> Result<()> {
        let row = self.reservation(id)?;
        let at = self.number(row.at)?;
        for &order in &row.points {
            let point = self.point(order)?;
            self.release(at, &point)?;
        }
        let packs = self.reserved_by.under(&key_bytes(&id))?.collect::<Result<Vec<_>>>()?;
        for ((_, pack), ()) in packs {
            self.reserved_by.remove(&(id, pack))?;
            self.reserved.remove(&(at, pack, id))?;
        }
        self.reservations.remove(&id)?;
        Ok(())
    }
}

fn counted(before: u64, by: u64, added: bool) -> u64 {
    if added { before.saturating_add(by) } else { before.saturating_sub(by) }
}

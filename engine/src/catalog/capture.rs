//! Making a point at home: the order, reservations (D-2), deduplication, packs, the commit.

use super::adopted::AdoptedRow;
#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{
    ChunkAt, ChunkRow, EventKind, EventRow, Evidence, EvidenceKind, Interval, JobRow, MediumRow, Owner, PackAtRow,
    PackNo, PackRow, PackState, PlacementRow, PointRow, ReservationId, ReservationRow,
};
use super::state::{keeps_packs, refused, unknown};
use super::tables::{MediumNo, Mode, Tables, Writing};
use crate::model::{ChunkId, GroupId, PackId, PointOrder, Proof, State, Time, VaultId};

/// A pack that was written, flushed and renamed at home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPack {
    /// Its name.
    pub id: PackId,
    /// Its size.
    pub bytes: u64,
    /// Where it belongs.
    pub group: GroupId,
    /// What it holds.
    pub chunks: Vec<ChunkRow>,
}

/// A point to be committed at home.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPoint {
    /// The point.
    pub point: PointRow,
    /// Of its files, those that the next point is not compared with; the job remembers how many they are.
    pub canaries: u64,
    /// Every pack that its manifest names.
    pub packs: Vec<PackNo>,
    /// Media that it is owed to: pending there.
    pub owed: Vec<VaultId>,
    /// Media that the rules do not want it at, with the reason.
    pub declined: Vec<(VaultId, String)>,
    /// What it is in the words of another program, if that made it.
    pub adopted: Option<(String, AdoptedRow)>,
    /// Now.
    pub now: Time,
}

impl Catalog {
    /// The next place in the order: durable, never given twice.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn take_order(&self) -> Result<PointOrder> {
        self.handle.write(|tables| {
            tables.update_meta(|meta| {
                let sequence = meta.next_sequence;
                meta.next_sequence += 1;
                PointOrder { epoch: meta.epoch, sequence }
            })
        })
    }

    /// D-2: begins a capture whose process holds `lock` (see `locks`); what it reserves is kept as long.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] if there is no home vault yet.
    pub fn begin_capture(&self, lock: &str) -> Result<ReservationId> {
        self.handle.write(|tables| {
            let at = tables.home()?.vault;
            let owner = Owner::Capture { lock: lock.to_owned() };
            tables.reserve(&ReservationRow { owner, at, points: Vec::new() })
        })
    }

    /// D-2: keeps a point and all that it may use at home while this capture lives.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if the point is not at home or is being removed there.
    pub fn reserve_base(&self, capture: ReservationId, base: PointOrder) -> Result<()> {
        self.handle.write(|tables| {
            let mut row = tables.capture(capture)?;
            let at = tables.number(row.at)?;
            if row.points.contains(&base) {
                return Ok(());
            }
            let point = tables.point(base)?;
            if !tables.placement(at, base)?.state.is_there() {
                return Err(refused("D-2", format_args!("point {base} is not at home")));
            }
            tables.keep(at, &point)?;
            row.points.push(base);
            tables.reservations.put(&capture, &row)?;
            tables.moved_on()
        })
    }

    /// D-2: reserves packs at home before the capture refers to them. Returns those that can't be relied on (not there,
    /// damaged, or marked for deletion): their chunks must be stored again.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] for a capture that is gone.
    pub fn reserve_packs(&self, capture: ReservationId, packs: &[PackNo]) -> Result<Vec<PackNo>> {
        self.handle.write(|tables| {
            let at = tables.number(tables.capture(capture)?.at)?;
            let mut refused = Vec::new();
            for &pack in packs {
                if tables.is_usable(at, pack)? {
                    tables.reserve_pack(capture, at, pack)?;
                } else {
                    refused.push(pack);
                }
            }
            Ok(refused)
        })
    }

    /// Where each chunk lies at home, in a pack that is present and not marked for deletion. Reserve the pack, then
    /// refer to it.
    ///
    /// # Errors
    /// As [`Catalog::begin_capture`].
    pub fn find_chunks(&self, group: GroupId, ids: &[ChunkId]) -> Result<Vec<Option<ChunkAt>>> {
        self.handle.read(|tables| {
            let at = tables.home()?.number;
            let mut last = None;
            ids.iter().map(|id| tables.usable_chunk(at, group, id, &mut last)).collect()
        })
    }

    /// Where one chunk lies.
    ///
    /// # Errors
    /// As [`Catalog::find_chunks`].
    pub fn find_chunk(&self, group: GroupId, id: &ChunkId) -> Result<Option<ChunkAt>> {
        Ok(self.find_chunks(group, std::slice::from_ref(id))?.pop().flatten())
    }

    /// Records a pack that was written, flushed and renamed at home, reserved by the capture. One that is known there
    /// (the same bytes) keeps its number.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if that very pack is marked for deletion; [`CatalogError::Unknown`] for a capture that
    /// is gone.
    pub fn add_pack(&self, capture: ReservationId, new: &NewPack, now: Time) -> Result<PackNo> {
        self.handle.write(|tables| {
            let at = tables.number(tables.capture(capture)?.at)?;
            let pack = tables.know_pack(new)?;
            if tables.pack_at.get(&(at, pack))?.is_some_and(|row| row.state == PackState::Deleting) {
                return Err(refused("D-8", format_args!("pack {} is being deleted at home", new.id)));
            }
            let evidence = Some(Evidence { kind: EvidenceKind::Written, time: now });
            let row = PackAtRow { state: PackState::Present, evidence, bytes: new.bytes };
            tables.put_pack_at(at, pack, Some(&row))?;
            tables.put_chunks(new.group, pack, &new.chunks)?;
            tables.reserve_pack(capture, at, pack)?;
            Ok(pack)
        })
    }

    /// The point is complete at home, pending at the media that it is owed to; the capture's reservation ends. D-2:
    /// every pack is present at home, of the point's group and reserved by the capture.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if a pack is not, or the order was used; [`CatalogError::Unknown`].
    pub fn commit_point(&self, capture: ReservationId, new: &NewPoint) -> Result<()> {
        self.handle.write(|tables| {
            let reservation = tables.capture(capture)?;
            let home = tables.medium(reservation.at)?;
            let covered = tables.intervals_of(&reservation)?;
            let mut proved = true;
            for &pack in &new.packs {
                tables.check_named(capture, &home, &covered, &new.point, pack)?;
                tables.extend_interval(pack, new.point.order)?;
                proved &= tables.pack_at.get(&(home.number, pack))?.is_some_and(|row| row.evidence.is_some());
            }
            tables.know_point(&new.point, new.canaries)?;
            tables.count_canaries(new.point.job, new.point.order, new.canaries)?;
            if let Some((name, row)) = &new.adopted {
                tables.know_adopted(new.point.job, name, row)?;
            }
            tables.put_placement(home.number, &new.point, &made(new, proved))?;
            for &medium in &new.owed {
                tables.place_unless_there(medium, &new.point, State::Pending, "", new.now)?;
            }
            for (medium, reason) in &new.declined {
                tables.place_unless_there(*medium, &new.point, State::NotWanted, reason, new.now)?;
            }
            tables.drop_reservation(capture)?;
            tables.log(&EventRow {
                time: new.now,
                kind: EventKind::Made,
                job: Some(new.point.job),
                point: Some(new.point.order),
                medium: Some(home.vault),
                bytes: new.point.stored_bytes,
                reason: String::new(),
            })?;
            tables.moved_on()
        })
    }
}

/// A point that relies on packs of which only their presence is known, after a rebuild, is no better than they are.
fn made(new: &NewPoint, proved: bool) -> PlacementRow {
    let total = new.point.stored_bytes.saturating_add(new.point.manifest_bytes);
    PlacementRow {
        state: if proved { State::Complete } else { State::Present },
        proof: if proved { Proof::Complete } else { Proof::Present },
        verified: proved.then_some(new.now),
        done_bytes: total,
        total_bytes: total,
        reason: String::new(),
        manifest: Some(Evidence { kind: EvidenceKind::Written, time: new.now }),
        changed: new.now,
    }
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    fn capture(&self, id: ReservationId) -> Result<ReservationRow> {
        let row = self.reservation(id)?;
        match row.owner {
            Owner::Capture { .. } => Ok(row),
            _ => Err(unknown(format_args!("capture {}", id.0))),
        }
    }

    /// Present at a medium and not marked?
    fn is_usable(&self, at: MediumNo, pack: PackNo) -> Result<bool> {
        Ok(self.pack_at.get(&(at, pack))?.is_some_and(|row| row.state == PackState::Present))
    }

    fn usable_chunk(
        &self,
        at: MediumNo,
        group: GroupId,
        id: &ChunkId,
        last: &mut Option<(PackNo, Option<PackId>)>,
    ) -> Result<Option<ChunkAt>> {
        let Some(place) = self.chunk(group, id)? else { return Ok(None) };
        // Neighbours mostly lie in one pack.
        let pack = match *last {
            Some((number, known)) if number == place.pack => known,
            _ if self.is_usable(at, place.pack)? => Some(self.pack(place.pack)?.id),
            _ => None,
        };
        *last = Some((place.pack, pack));
        Ok(pack.map(|pack| ChunkAt {
            pack: place.pack,
            short: pack.short(),
            offset: place.offset,
            stored: place.stored,
            plain: place.plain,
        }))
    }

    /// The points that a capture keeps, with their groups.
    fn intervals_of(&self, reservation: &ReservationRow) -> Result<Vec<PointRow>> {
        reservation.points.iter().map(|&order| self.point(order)).collect()
    }

    fn check_named(
        &self,
        capture: ReservationId,
        home: &MediumRow,
        covered: &[PointRow],
        point: &PointRow,
        pack: PackNo,
    ) -> Result<()> {
        let row = self.pack(pack)?;
        let by_base = |base: &PointRow| base.group == row.group && row.used.is_some_and(|used| used.holds(base.order));
        let reserved = covered.iter().any(by_base) || self.reserved_by.get(&(capture, pack))?.is_some();
        if row.group != point.group {
            return Err(refused("5.1", format_args!("pack {} belongs to another group", row.id)));
        }
        if !reserved {
            return Err(refused("D-2", format_args!("pack {} was not reserved", row.id)));
        }
        if !self.is_usable(home.number, pack)? {
            return Err(refused("5.2", format_args!("pack {} is not whole at home", row.id)));
        }
        Ok(())
    }
}

impl JobRow {
    /// The files and bytes that the next point is compared with, once one of so many is made. While an alarm stands,
    /// it is what there was before the alarm, or what came since if that is more: a loss of that is another.
    #[must_use]
    pub const fn remembers(&self, files: u64, bytes: u64) -> (u64, u64) {
        let held = self.alarm.is_some() && self.last_files > 0;
        if held && files <= self.last_files { (self.last_files, self.last_bytes) } else { (files, bytes) }
    }
}

impl Interval {
    /// Is a point between its ends, or one of them?
    #[must_use]
    pub fn holds(&self, order: PointOrder) -> bool {
        (self.first..=self.last).contains(&order)
    }
}

impl Tables<'_, Writing> {
    fn reserve_pack(&mut self, id: ReservationId, at: MediumNo, pack: PackNo) -> Result<()> {
        self.reserved.put(&(at, pack, id), &())?;
        self.reserved_by.put(&(id, pack), &())
    }

    /// The pack's number, given now if it is new. One that was never seen whole learns its size when it is.
    pub fn know_pack(&mut self, new: &NewPack) -> Result<PackNo> {
        let chunks = u32::try_from(new.chunks.len()).map_err(|_| refused("5.3", "a pack of so many chunks"))?;
        if let Some(known) = self.packs_by_id.get(&new.id)? {
            let row = self.pack(known)?;
            if row.bytes == 0 && new.bytes > 0 {
                self.packs.put(&known, &PackRow { bytes: new.bytes, chunks, ..row })?;
            }
            return Ok(known);
        }
        let number = self.update_meta(|meta| {
            meta.next_pack += 1;
            PackNo(meta.next_pack - 1)
        })?;
        let row = PackRow { id: new.id, bytes: new.bytes, group: new.group, chunks, used: None };
        self.packs.put(&number, &row)?;
        self.packs_by_id.put(&new.id, &number)?;
        Ok(number)
    }

    /// One more point uses the pack.
    pub fn extend_interval(&mut self, pack: PackNo, order: PointOrder) -> Result<()> {
        let row = self.pack(pack)?;
        let used = row.used.map_or(Interval { first: order, last: order }, |used| Interval {
            first: used.first.min(order),
            last: used.last.max(order),
        });
        if row.used == Some(used) { Ok(()) } else { self.packs.put(&pack, &PackRow { used: Some(used), ..row }) }
    }

    /// Records a point that is new, with its indexes; its job takes note of its files but for so many canaries.
    pub fn know_point(&mut self, point: &PointRow, canaries: u64) -> Result<()> {
        let job = self.job(point.job)?;
        if self.points.get(&point.order)?.is_some() || self.points_by_id.get(&point.id)?.is_some() {
            return Err(refused("5.2", format_args!("point {} is known already", point.name())));
        }
        self.points.put(&point.order, point)?;
        self.points_by_id.put(&point.id, &point.order)?;
        if let Some(base) = point.base {
            self.children.put(&(base, point.order), &())?;
        }
        if job.newest_created.is_none_or(|newest| newest <= point.created) {
            let (last_files, last_bytes) = job.remembers(point.files.saturating_sub(canaries), point.bytes);
            self.jobs.put(&job.id, &JobRow { newest_created: Some(point.created), last_files, last_bytes, ..job })?;
        }
        Ok(())
    }

    /// A placement that nothing lies at yet.
    pub fn place_unless_there(
        &mut self,
        medium: VaultId,
        point: &PointRow,
        state: State,
        reason: &str,
        now: Time,
    ) -> Result<()> {
        let at = self.number(medium)?;
        let before = self.placements.get(&(at, point.order))?.map(|row| row.state);
        // What is missing there, or was being copied when it broke off, may be given up; what is there is removed.
        let stays = |before: State| if state == State::NotWanted { before.is_there() } else { keeps_packs(before) };
        if before.is_some_and(stays) {
            return Ok(());
        }
        self.end_copy_reservation(medium, point.order)?;
        let row = PlacementRow {
            state,
            proof: Proof::None,
            verified: None,
            done_bytes: 0,
            total_bytes: 0,
            reason: reason.to_owned(),
            manifest: None,
            changed: now,
        };
        self.put_placement(at, point, &row)
    }
}

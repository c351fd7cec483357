//! What lies at a medium and the catalog does not know: a rebuild, and the listing before anything is deleted (D-3).
//! What is read in is present, and no evidence.

use super::capture::NewPack;
use super::damage::Finding;
#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{ChunkRow, PackAtRow, PackNo, PackState, PlacementRow, PointRow};
use super::state::takes_room;
use super::tables::{MediumNo, Tables, Writing};
use super::unsure::PackList;
use crate::model::{GroupId, PackId, PointOrder, Proof, State, Time, VaultId};

impl Catalog {
    /// A pack that lies at a medium, read from its footer, or listed if it is known already. What is known of it there
    /// stays known; chunks that home already has elsewhere stay where they are.
    ///
    /// # Errors
    /// As [`Catalog::meta`]; [`CatalogError::Unknown`].
    pub fn read_in_pack(&self, medium: VaultId, new: &NewPack) -> Result<PackNo> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            let pack = tables.know_pack(new)?;
            if !tables.pack_at.get(&(at, pack))?.is_some_and(|row| takes_room(row.state)) {
                let row = PackAtRow { state: PackState::Present, evidence: None, bytes: new.bytes };
                tables.put_pack_at(at, pack, Some(&row))?;
            }
            let wanted = tables.chunks_wanted(new.group, &new.chunks)?;
            tables.put_chunks(new.group, pack, &wanted)?;
            tables.moved_on()?;
            Ok(pack)
        })
    }

    /// A pack that a manifest names, and that is not whole at the medium. Its size is 0 until it is found whole somewhere.
    /// What is known of it there stays known.
    ///
    /// # Errors
    /// As [`Catalog::meta`]; [`CatalogError::Unknown`].
    pub fn read_in_bad(&self, medium: VaultId, id: PackId, group: GroupId, finding: Finding) -> Result<PackNo> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            let pack = tables.know_pack(&NewPack { id, bytes: 0, group, chunks: Vec::new() })?;
            if tables.pack_at.get(&(at, pack))?.is_none() {
                let state = match finding {
                    Finding::Missing => PackState::Missing,
                    Finding::Damaged => PackState::Damaged,
                };
                let row = PackAtRow { state, evidence: None, bytes: tables.pack(pack)?.bytes };
                tables.put_pack_at(at, pack, Some(&row))?;
            }
            tables.moved_on()?;
            Ok(pack)
        })
    }

    /// A manifest that lies at a medium. One that heads call removed is no point any more, one that they call pinned is
    /// pinned. The placement is present, or damaged if one of its packs is not there or its list could not be read whole;
    /// nothing is removed there then until it was. One that is known to be there, or being removed, stays as it is; a copy
    /// that broke off after its last write is there. The job must be known; the caller holds the medium's work lock.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] for an unknown job, pack or medium.
    pub fn read_in_point(&self, medium: VaultId, point: &PointRow, packs: PackList<'_>, now: Time) -> Result<State> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            if tables.points.get(&point.order)?.is_none() {
                let (pinned, removed) = (tables.met_pinned(point.id)?, tables.met(point.id)?);
                tables.know_point(&PointRow { pinned, removed, ..point.clone() }, 0)?;
                tables.pass_order(point.order)?;
            }
            let point = tables.point(point.order)?;
            for &pack in packs.known() {
                tables.extend_interval(pack, point.order)?;
            }
            if matches!(packs, PackList::Whole(_)) {
                tables.sure_of(medium, &point.manifest())?;
            }
            let before = tables.placements.get(&(at, point.order))?;
            match before {
                Some(row) if row.state.is_there() || tables.removals.get(&(at, point.order))?.is_some() => {
                    Ok(row.state)
                }
                _ => {
                    tables.end_copy_reservation(medium, point.order)?;
                    if matches!(packs, PackList::Part(_)) {
                        tables.note_unsure(medium, &point.manifest())?;
                    }
                    tables.found_there(at, &point, packs, now)
                }
            }
        })
    }

    /// A place in the order that is in use somewhere is not given again, whether what has it can be read or not.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn pass_order(&self, order: PointOrder) -> Result<()> {
        let meta = self.meta()?;
        if meta.epoch != order.epoch || order.sequence < meta.next_sequence {
            return Ok(());
        }
        self.handle.write(|tables| tables.pass_order(order))
    }

    /// Fencing: what is at a medium may have been changed by another. Whatever was complete there is only present, and
    /// no evidence taken there counts any more.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn distrust(&self, medium: VaultId, reason: &str, now: Time) -> Result<()> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            for (pack, row) in tables.packs_known_at(at)? {
                tables.put_pack_at(at, pack, Some(&PackAtRow { evidence: None, ..row }))?;
            }
            for (order, row) in tables.placed_at(at)? {
                if matches!(row.state, State::Complete | State::Present) {
                    let point = tables.point(order)?;
                    tables.put_placement(at, &point, &distrusted(row, reason, now))?;
                }
            }
            tables.moved_on()
        })
    }
}

/// What is there, without any evidence.
pub fn distrusted(row: PlacementRow, reason: &str, now: Time) -> PlacementRow {
    PlacementRow {
        state: State::Present,
        proof: Proof::Present,
        verified: None,
        reason: reason.to_owned(),
        manifest: None,
        changed: now,
        ..row
    }
}

impl Tables<'_, Writing> {
    fn found_there(&mut self, at: MediumNo, point: &PointRow, packs: PackList<'_>, now: Time) -> Result<State> {
        self.turned_up(point, now)?;
        let mut total = point.manifest_bytes;
        let mut lost = None;
        for &pack in packs.known() {
            let whole = self.pack_at.get(&(at, pack))?.is_some_and(|row| row.state == PackState::Present);
            let known = self.pack(pack)?;
            total = total.saturating_add(known.bytes);
            lost = lost.or_else(|| (!whole).then(|| format!("pack {} is damaged or not there", known.id)));
        }
        if matches!(packs, PackList::Part(_)) {
            lost = lost.or_else(|| Some("its list of packs could not be read whole".to_owned()));
        }
        let done_bytes = if lost.is_none() { total } else { 0 };
        let (state, proof, reason) = match lost {
            None => (State::Present, Proof::Present, String::new()),
            Some(why) => (State::Damaged, Proof::None, why),
        };
        let row = PlacementRow {
            state,
            proof,
            verified: None,
            done_bytes,
            total_bytes: total,
            reason,
            manifest: None,
            changed: now,
        };
        self.put_placement(at, point, &row)?;
        self.moved_on()?;
        Ok(state)
    }

    /// A place in our epoch that was used before this catalog was rebuilt is not given again.
    fn pass_order(&mut self, order: PointOrder) -> Result<()> {
        self.update_meta(|meta| {
            if meta.epoch == order.epoch {
                meta.next_sequence = meta.next_sequence.max(order.sequence.saturating_add(1));
            }
        })
    }

    fn chunks_wanted(&self, group: GroupId, chunks: &[ChunkRow]) -> Result<Vec<ChunkRow>> {
        let home = self.meta_row()?.home.map(|home| self.number(home)).transpose()?;
        let mut wanted = Vec::new();
        for chunk in chunks {
            let placed = match (self.chunk(group, &chunk.id)?, home) {
                (Some(place), Some(home)) => self.pack_at.get(&(home, place.pack))?,
                _ => None,
            };
            if placed.is_none_or(|row| row.state != PackState::Present) {
                wanted.push(*chunk);
            }
        }
        Ok(wanted)
    }
}

//! Removing points from a medium, and packs that nothing needs there: marks first (D-1, D-5), then the manifest, then
//! each pack (D-4), any of it repeated or withdrawn by the next session (`withdrawal`). Nothing here deletes an object.

use std::collections::BTreeMap;

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::guards::{Guards, Withheld};
use super::open::Catalog;
use super::rows::{
    EventKind, EventRow, EvictedMark, Generation, MediumRow, PackAtRow, PackNo, PackRow, PackState, PlacementRow,
    PointRow, RemovalRow, Side,
};
use super::state::{refused, takes_room};
use super::tables::{MediumNo, Mode, Tables, Writing};
use super::value::key_bytes;
use crate::model::{ObjectName, PointOrder, Proof, State, Time, VaultId};

/// Why points are removed from a medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// To make room.
    Evicted {
        /// For a person.
        reason: String,
    },
    /// Retention or a person.
    NotWanted {
        /// For a person.
        reason: String,
    },
    /// From home, where it only passed through.
    Spooled {
        /// For a person.
        reason: String,
    },
    /// From a full home, though it is owed. What then lies nowhere is owed to nobody any more once it is gone.
    GivenUp {
        /// For a person.
        reason: String,
        /// The same, for those that it was owed to.
        owed: String,
    },
}

/// A removal to be marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRemoval<'a> {
    /// Where.
    pub medium: VaultId,
    /// Which points.
    pub points: &'a [PointOrder],
    /// Why.
    pub removal: Removal,
    /// The point that room is made for, if any: no pack that it may need is marked or counted (D-5).
    pub incoming: Option<PointOrder>,
    /// What else has to hold.
    pub guards: Guards,
    /// The state that this was decided on, if it must still hold.
    pub expected: Option<Generation>,
    /// Now.
    pub now: Time,
}

/// The answer to a removal that was to be marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marking {
    /// It is marked.
    Marked(Marked),
    /// Not now; nothing has changed.
    Withheld(Withheld),
}

/// What is marked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marked {
    /// Points whose manifests go first.
    pub points: Vec<PointOrder>,
    /// Packs that go once these manifests were seen to be gone.
    pub packs: Vec<PackNo>,
    /// What goes, in bytes, manifests included: exact.
    pub bytes: u64,
}

impl Catalog {
    /// D-1, D-5: marks points for removal from a medium and, in the same transaction, the packs that nothing needs
    /// there any more. What forbids it now, whatever was planned, is the answer then.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] after a rebuild that nobody confirmed, or where it is not known what is needed;
    /// [`CatalogError::Stale`]; [`CatalogError::Unknown`].
    pub fn mark_deleting(&self, new: &NewRemoval<'_>) -> Result<Marking> {
        self.handle.write(|tables| {
            tables.not_stale(new.expected)?;
            tables.removals_allowed()?;
            let medium = tables.medium(new.medium)?;
            tables.is_sure_at(&medium)?;
            let points = new.points.iter().map(|&order| tables.point(order)).collect::<Result<Vec<_>>>()?;
            match tables.withheld(&medium, new, &points)? {
                Some(why) => Ok(Marking::Withheld(why)),
                None => tables.mark(&medium, &points, new).map(Marking::Marked),
            }
        })
    }

    /// What [`Catalog::mark_deleting`] would free, by the same rule.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn freed_bytes(&self, medium: VaultId, points: &[PointOrder], incoming: Option<PointOrder>) -> Result<u64> {
        self.handle.read(|tables| {
            let at = tables.number(medium)?;
            let rows = points.iter().map(|&order| tables.point(order)).collect::<Result<Vec<_>>>()?;
            let packs = tables.freed_packs(at, points, &rows, incoming)?;
            tables.freed(at, &rows, &packs)
        })
    }

    /// The manifest's absence was observed; it can't be withdrawn any more.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn point_gone(&self, medium: VaultId, point: PointOrder) -> Result<()> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            let point = tables.point(point)?;
            let marked = tables.removals.get(&(at, point.order))?.map(|removal| removal.marked);
            tables.put_removal(at, &point, None)?;
            if tables.meta_row()?.home == Some(medium) {
                tables.give_up(&point, marked)?;
            }
            tables.checkpoints.remove(&(at, point.manifest()))?;
            tables.sure_of(medium, &point.manifest())?;
            tables.moved_on()
        })
    }

    /// D-4: a marked pack is deleted there: all that is known of it there goes in the same transaction.
    ///
    /// # Errors
    /// D-1: [`CatalogError::Refused`] if it was not marked, or a manifest that may name it may still be there.
    pub fn pack_gone(&self, medium: VaultId, pack: PackNo) -> Result<()> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            let row = tables.pack(pack)?;
            match tables.pack_at.get(&(at, pack))? {
                None => return Ok(()),
                Some(known) if known.state != PackState::Deleting => {
                    return Err(refused("D-1", format_args!("pack {} is not marked", row.id)));
                }
                Some(_) if tables.removal_may_name(at, &row)? => {
                    return Err(refused("D-1", format_args!("a manifest that may name pack {} is there", row.id)));
                }
                Some(_) => {}
            }
            tables.put_pack_at(at, pack, None)?;
            tables.checkpoints.remove(&(at, ObjectName::Pack(row.id)))?;
            tables.moved_on()
        })
    }

    /// D-9: marks the packs at a medium that nothing needs: at the end of a session, after D-3.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] while a seed is under way there, after a rebuild that nobody confirmed, or where it is not
    /// known what is needed.
    pub fn mark_unreferenced(&self, medium: VaultId) -> Result<Marked> {
        self.handle.write(|tables| {
            tables.removals_allowed()?;
            tables.is_sure_at(&tables.medium(medium)?)?;
            let at = tables.number(medium)?;
            if tables.seeds.all()?.iter().any(|(_, row)| row.medium == medium && row.is_open()) {
                return Err(refused("D-9", "a seed is under way there"));
            }
            let mut marked = Marked::default();
            for (pack, row) in tables.packs_known_at(at)? {
                let deletable = matches!(row.state, PackState::Present | PackState::Damaged);
                if deletable && !tables.is_needed(at, pack, &tables.pack(pack)?)? {
                    marked.bytes = marked.bytes.saturating_add(row.bytes);
                    marked.packs.push(pack);
                }
            }
            tables.mark_packs(at, marked.packs.iter())?;
            if !marked.packs.is_empty() {
                tables.moved_on()?;
            }
            Ok(marked)
        })
    }

    /// A point was removed for good by retention or a person: owed to nobody any more. Where it still is, it stays until
    /// [`Catalog::mark_deleting`].
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if it is pinned; [`CatalogError::Unknown`].
    pub fn retire_point(&self, point: PointOrder, reason: &str, now: Time) -> Result<()> {
        self.handle.write(|tables| {
            let row = tables.point(point)?;
            if row.pinned {
                return Err(refused("5.6", format_args!("point {point} is pinned")));
            }
            tables.retire(point, reason, now)?;
            tables.moved_on()
        })
    }

    /// Points that a person removed for good and that lie at a medium all the same, newest first: those that depend on
    /// others go before them. None while nothing may be removed.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn removed_at(&self, medium: VaultId) -> Result<Vec<PointOrder>> {
        self.handle.read(|tables| {
            let mut removed = Vec::new();
            if tables.meta_row()?.unconfirmed {
                return Ok(removed);
            }
            for (order, row) in tables.placed_at(tables.number(medium)?)? {
                let point = tables.point(order)?;
                if row.state.is_there() && point.removed.is_some() && !point.pinned {
                    removed.push(order);
                }
            }
            removed.reverse();
            Ok(removed)
        })
    }
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    fn removals_allowed(&self) -> Result<()> {
        if self.meta_row()?.unconfirmed {
            return Err(refused("5.8", "the catalog was rebuilt and no head as new as the newest point was read"));
        }
        if let Some(why) = self.fenced_by()? {
            return Err(refused("5.1", why));
        }
        // A row that rot has moved out of the range that is looked at would let a pack go: every one is validated.
        self.keeping.all()?;
        self.reserved.all()?;
        Ok(())
    }

    /// Removals at a medium whose manifest may still be there.
    pub fn removals_at(&self, at: MediumNo) -> Result<Vec<(PointOrder, RemovalRow)>> {
        let rows = self.removals.under(&key_bytes(&at))?;
        rows.map(|row| row.map(|((_, order), removal)| (order, removal))).collect()
    }

    fn removal_may_name(&self, at: MediumNo, pack: &PackRow) -> Result<bool> {
        for (order, _) in self.removals_at(at)? {
            let point = self.point(order)?;
            if point.group == pack.group && pack.used.is_some_and(|used| used.holds(order)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Tables<'_, Writing> {
    fn mark(&mut self, medium: &MediumRow, points: &[PointRow], new: &NewRemoval<'_>) -> Result<Marked> {
        let packs = self.freed_packs(medium.number, new.points, points, new.incoming)?;
        let bytes = self.freed(medium.number, points, &packs)?;
        for point in points {
            self.mark_point(medium, point, new)?;
        }
        self.mark_packs(medium.number, packs.keys())?;
        match &new.removal {
            Removal::Spooled { .. } => self.note_passed(medium.number)?,
            Removal::GivenUp { owed, .. } => self.begin_to_give_up(points, owed)?,
            // What makes room at home left it as a spool's points do.
            Removal::Evicted { .. } if medium.side == Side::Home => self.note_passed(medium.number)?,
            Removal::Evicted { .. } | Removal::NotWanted { .. } => {}
        }
        self.note_evicted(medium, points, &new.removal)?;
        self.moved_on()?;
        Ok(Marked { points: new.points.to_vec(), packs: packs.into_keys().collect(), bytes })
    }

    fn mark_point(&mut self, medium: &MediumRow, point: &PointRow, new: &NewRemoval<'_>) -> Result<()> {
        let was = self.placement(medium.number, point.order)?;
        let (state, kind, reason) = match &new.removal {
            Removal::Evicted { reason } => (State::Evicted, EventKind::Evicted, reason),
            Removal::NotWanted { reason } | Removal::Spooled { reason } => {
                (State::NotWanted, EventKind::Removed, reason)
            }
            Removal::GivenUp { reason, .. } => (State::Evicted, EventKind::Evicted, reason),
        };
        let row = PlacementRow {
            state,
            proof: Proof::None,
            verified: None,
            done_bytes: 0,
            total_bytes: was.total_bytes,
            reason: reason.clone(),
            manifest: None,
            changed: new.now,
        };
        self.put_removal(medium.number, point, Some(&RemovalRow { was, marked: new.now }))?;
        self.put_placement(medium.number, point, &row)?;
        self.log(&EventRow {
            time: new.now,
            kind,
            job: Some(point.job),
            point: Some(point.order),
            medium: Some(medium.vault),
            bytes: 0,
            reason: reason.clone(),
        })
    }

    fn mark_packs<'a>(&mut self, at: MediumNo, packs: impl Iterator<Item = &'a PackNo>) -> Result<()> {
        for &pack in packs {
            if let Some(row) = self.pack_at.get(&(at, pack))? {
                debug_assert!(takes_room(row.state), "only what is there is marked");
                self.put_pack_at(at, pack, Some(&PackAtRow { state: PackState::Deleting, ..row }))?;
            }
        }
        Ok(())
    }

    /// Nothing up to the newest evicted point of a job is owed there again.
    fn note_evicted(&mut self, medium: &MediumRow, points: &[PointRow], removal: &Removal) -> Result<()> {
        if !matches!(removal, Removal::Evicted { .. }) {
            return Ok(());
        }
        let marks = medium.evicted.iter().map(|mark| (mark.job, mark.order));
        let mut newest: BTreeMap<_, _> = marks.collect();
        for point in points {
            let mark = newest.entry(point.job).or_insert(point.order);
            *mark = point.order.max(*mark);
        }
        let evicted = newest.into_iter().map(|(job, order)| EvictedMark { job, order }).collect();
        self.media.put(&medium.vault, &MediumRow { evicted, ..medium.clone() })
    }
}

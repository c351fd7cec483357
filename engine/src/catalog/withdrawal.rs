//! What an earlier session marked for deletion and did not finish (D-8): told, or taken back.
//!
//! Invariant: what comes back counts for nothing until it was looked at: something of it may be gone.

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::read_in::distrusted;
use super::removal::Marked;
use super::rows::{MediumRow, PackAtRow, PackState, PlacementRow, RemovalRow, Side};
use super::tables::{Tables, Writing};
use crate::model::{PointOrder, State, Time, VaultId};

/// What is known of a removal that is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untouched {
    /// The place refused the first deletion, and the manifest was seen to be there: all is as it was.
    Known,
    /// Something may be gone.
    Unknown,
}

/// Why a placement that came back is only present.
const CAME_BACK: &str = "its removal was begun and withdrawn; it is looked at again";

impl Catalog {
    /// D-8: takes back every removal at the medium whose manifest may still be there, and the marks of packs that are
    /// needed again. Unless it is known that nothing was deleted, each of these points is only `present` then, without
    /// evidence or checkpoints, and nothing builds on its packs before they were read back. Returns the points.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn withdraw_deletion(&self, medium: VaultId, untouched: Untouched, now: Time) -> Result<Vec<PointOrder>> {
        self.handle.write(|tables| {
            let medium = tables.medium(medium)?;
            let removals = tables.removals_at(medium.number)?;
            for (order, removal) in &removals {
                tables.take_back(&medium, *order, removal, untouched, now)?;
            }
            tables.unmark_needed(&medium, untouched)?;
            tables.moved_on()?;
            Ok(removals.into_iter().map(|(order, _)| order).collect())
        })
    }

    /// D-8: what an earlier session marked and did not finish.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn unfinished_removals(&self, medium: VaultId) -> Result<Marked> {
        self.handle.read(|tables| {
            let at = tables.number(medium)?;
            let mut marked = Marked::default();
            for (order, removal) in tables.removals_at(at)? {
                let held = removal.was.state.is_there();
                marked.bytes += if held { tables.point(order)?.manifest_bytes } else { 0 };
                marked.points.push(order);
            }
            for (pack, row) in tables.packs_known_at(at)? {
                if row.state == PackState::Deleting {
                    marked.bytes = marked.bytes.saturating_add(row.bytes);
                    marked.packs.push(pack);
                }
            }
            Ok(marked)
        })
    }
}

impl Tables<'_, Writing> {
    fn take_back(
        &mut self,
        medium: &MediumRow,
        order: PointOrder,
        removal: &RemovalRow,
        untouched: Untouched,
        now: Time,
    ) -> Result<()> {
        let point = self.point(order)?;
        let was = removal.was.clone();
        let row = match (untouched, was.state) {
            (Untouched::Known, _) => PlacementRow { changed: now, ..was },
            (Untouched::Unknown, State::Complete | State::Present) => distrusted(was, CAME_BACK, now),
            (Untouched::Unknown, _) => PlacementRow { manifest: None, changed: now, ..was },
        };
        self.put_placement(medium.number, &point, &row)?;
        self.put_removal(medium.number, &point, None)?;
        if medium.side == Side::Home {
            self.keep_after_all(order)?;
        }
        self.checkpoints.remove(&(medium.number, point.manifest())).map(|_| ())
    }

    /// Marks that no longer hold go, and what was known of these packs with them. At home one comes back as damaged:
    /// that is not known either, but a capture must not refer to it before it was read back.
    fn unmark_needed(&mut self, medium: &MediumRow, untouched: Untouched) -> Result<()> {
        let at = medium.number;
        for (pack, row) in self.packs_known_at(at)? {
            let known = self.pack(pack)?;
            if row.state != PackState::Deleting || !self.is_needed(at, pack, &known)? {
                continue;
            }
            let (state, evidence) = match (untouched, medium.side) {
                // A pack that was marked without evidence may have been damaged before.
                (Untouched::Known, _) if row.evidence.is_some() => (PackState::Present, row.evidence),
                (_, Side::Home) => (PackState::Damaged, None),
                (_, Side::Offsite) => (PackState::Present, None),
            };
            self.put_pack_at(at, pack, Some(&PackAtRow { state, evidence, ..row }))?;
            self.checkpoints.remove(&(at, crate::model::ObjectName::Pack(known.id)))?;
        }
        Ok(())
    }
}

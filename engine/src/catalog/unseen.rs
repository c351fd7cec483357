//! Points that were removed for good, or pinned, as heads tell of them, and that this catalog has not met yet: it was
//! rebuilt, or set back. They are remembered until they turn up somewhere. Those that were removed are no points then:
//! wanted nowhere; those that were pinned are pinned.

use std::collections::BTreeSet;

use super::error::Result;
use super::open::Catalog;
use super::rows::PointRow;
use super::tables::{Mode, Tables, Writing};
use crate::model::{PointId, PointOrder, State, Time};

/// The name under which they are kept.
const UNSEEN: &str = "removed-unseen";
/// The same of pinned ones.
const PINNED: &str = "pinned-unseen";
/// Why such a point is wanted nowhere.
const REMOVED: &str = "it was removed by hand, as a head there tells";

impl Catalog {
    /// Points that heads call removed for good: those that are known are so from now on, the others are remembered. A
    /// pinned one stays.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn heed_removed(&self, told: &BTreeSet<PointId>, now: Time) -> Result<()> {
        if told.is_empty() || self.handle.read(|tables| tables.is_heeded(told))? {
            return Ok(());
        }
        self.handle.write(|tables| {
            let mut unseen = tables.removed_unseen()?;
            for id in told {
                match tables.points_by_id.get(id)? {
                    Some(order) if tables.is_to_retire(order)? => tables.retire(order, REMOVED, now)?,
                    Some(_) => {}
                    None => _ = unseen.insert(*id),
                }
            }
            tables.put_unseen(UNSEEN, &unseen)?;
            tables.moved_on()
        })
    }

    /// Those that did not turn up yet.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn removed_unseen(&self) -> Result<BTreeSet<PointId>> {
        self.handle.read(Tables::removed_unseen)
    }

    /// Points that a head calls pinned: those that are known are so from now on, the others once they turn up.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn heed_pins(&self, told: &BTreeSet<PointId>) -> Result<()> {
        self.handle.write(|tables| {
            let mut unseen = tables.unseen(PINNED)?;
            for id in told {
                match tables.points_by_id.get(id)? {
                    Some(order) => {
                        let row = tables.point(order)?;
                        tables.points.put(&order, &PointRow { pinned: true, ..row })?;
                    }
                    None => _ = unseen.insert(*id),
                }
            }
            tables.put_unseen(PINNED, &unseen)?;
            tables.moved_on()
        })
    }

    /// Pinned points that did not turn up yet.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn pinned_unseen(&self) -> Result<BTreeSet<PointId>> {
        self.handle.read(|tables| tables.unseen(PINNED))
    }
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// Those that did not turn up yet.
    pub fn removed_unseen(&self) -> Result<BTreeSet<PointId>> {
        self.unseen(UNSEEN)
    }

    fn unseen(&self, which: &str) -> Result<BTreeSet<PointId>> {
        let text = self.memos.get(&which.to_owned())?.unwrap_or_default();
        Ok(text.split(' ').filter_map(|id| id.parse().ok()).collect())
    }

    fn is_heeded(&self, told: &BTreeSet<PointId>) -> Result<bool> {
        let unseen = self.removed_unseen()?;
        for id in told {
            let heeded = match self.points_by_id.get(id)? {
                Some(order) => !self.is_to_retire(order)?,
                None => unseen.contains(id),
            };
            if !heeded {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_to_retire(&self, order: PointOrder) -> Result<bool> {
        let point = self.point(order)?;
        Ok(point.removed.is_none() && !point.pinned)
    }
}

impl Tables<'_, Writing> {
    /// Why a point that turns up is no point any more, if so; it is not waited for then.
    pub fn met(&mut self, id: PointId) -> Result<Option<String>> {
        let mut unseen = self.removed_unseen()?;
        if !unseen.remove(&id) {
            return Ok(None);
        }
        self.put_unseen(UNSEEN, &unseen)?;
        Ok(Some(REMOVED.to_owned()))
    }

    /// Is a point that turns up a pinned one? It is not waited for then.
    pub fn met_pinned(&mut self, id: PointId) -> Result<bool> {
        let mut unseen = self.unseen(PINNED)?;
        let pinned = unseen.remove(&id);
        if pinned {
            self.put_unseen(PINNED, &unseen)?;
        }
        Ok(pinned)
    }

    /// A point is owed to nobody any more.
    pub fn retire(&mut self, order: PointOrder, reason: &str, now: Time) -> Result<()> {
        let row = self.point(order)?;
        for medium in self.media_in_order()? {
            let placed = self.placements.get(&(medium.number, order))?;
            if placed.is_some_and(|placed| matches!(placed.state, State::Pending | State::Missing)) {
                self.place_unless_there(medium.vault, &row, State::NotWanted, reason, now)?;
            }
        }
        self.points.put(&order, &PointRow { removed: Some(reason.to_owned()), ..row })
    }

    fn put_unseen(&mut self, which: &str, unseen: &BTreeSet<PointId>) -> Result<()> {
        let ids: Vec<String> = unseen.iter().map(ToString::to_string).collect();
        match ids.is_empty() {
            true => self.memos.remove(&which.to_owned()).map(|_| ()),
            false => self.memos.put(&which.to_owned(), &ids.join(" ")),
        }
    }
}

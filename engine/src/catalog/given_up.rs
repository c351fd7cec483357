//! Points that a full home gave up though they were owed (DESIGN 5.8): from the mark on, through the moment when the
//! manifest is gone, until one turns up again after all.
//!
//! Invariant: nobody is told that a point is owed no more before it is gone from home, and lies nowhere else.

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{PlacementRow, PointRow};
use super::state::keeps_packs;
use super::tables::{Tables, Writing};
use crate::model::{PointOrder, State, Time};

impl Catalog {
    /// Those that are gone and lie nowhere, the oldest first.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn given_up(&self) -> Result<Vec<PointRow>> {
        self.handle.read(|tables| {
            let mut lost = Vec::new();
            for (order, why) in tables.given_up.all()? {
                let point = tables.point(order)?;
                lost.extend((point.removed == Some(why)).then_some(point));
            }
            Ok(lost)
        })
    }
}

impl Tables<'_, Writing> {
    /// They are marked for it.
    pub fn begin_to_give_up(&mut self, points: &[PointRow], why: &str) -> Result<()> {
        points.iter().try_for_each(|point| self.given_up.put(&point.order, &why.to_owned()))
    }

    /// The mark is taken back.
    pub fn keep_after_all(&mut self, order: PointOrder) -> Result<()> {
        self.given_up.remove(&order).map(|_| ())
    }

    /// It is gone from home since its removal was marked. What lies nowhere else can come from nowhere, and nobody is owed it.
    pub fn give_up(&mut self, point: &PointRow, marked: Option<Time>) -> Result<()> {
        let (Some(why), Some(marked)) = (self.given_up.get(&point.order)?, marked) else { return Ok(()) };
        for medium in self.media_in_order()? {
            let placed = self.placements.get(&(medium.number, point.order))?;
            if placed.is_some_and(|row| keeps_packs(row.state) && row.state != State::Missing) {
                return self.keep_after_all(point.order);
            }
        }
        self.retire(point.order, &why, marked)
    }

    /// It lies somewhere after all: it is a point again, and those wait for it that waited before.
    pub fn turned_up(&mut self, point: &PointRow, now: Time) -> Result<()> {
        let Some(why) = self.given_up.get(&point.order)?.filter(|why| point.removed.as_ref() == Some(why)) else {
            return Ok(());
        };
        self.keep_after_all(point.order)?;
        self.points.put(&point.order, &PointRow { removed: None, ..point.clone() })?;
        for medium in self.media_in_order()? {
            let waited = |row: &PlacementRow| row.state == State::NotWanted && row.reason == why;
            if self.placements.get(&(medium.number, point.order))?.as_ref().is_some_and(waited) {
                self.place_unless_there(medium.vault, point, State::Pending, "", now)?;
            }
        }
        Ok(())
    }
}

//! Reservations of processes that live (D-2): a restore's, and the end of any of them.

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{Owner, ReservationId, ReservationRow};
use super::state::{keeps_packs, refused};
use crate::model::{PointOrder, VaultId};

impl Catalog {
    /// Ends a capture that made no point. What it stored stays known until the end of a session at home (D-9).
    ///
    /// # Errors
    /// As [`Catalog::meta`]; a capture that is gone already is no error.
    pub fn abandon_capture(&self, capture: ReservationId) -> Result<()> {
        self.end_reservation(capture)
    }

    /// D-2: a restore or drill on this computer keeps points at a medium while its process holds `lock`.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if one of them is not there, or is being removed.
    pub fn begin_restore(&self, lock: &str, medium: VaultId, points: &[PointOrder]) -> Result<ReservationId> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            for &point in points {
                if !keeps_packs(tables.placement(at, point)?.state) {
                    return Err(refused("D-2", format_args!("point {point} is not at that medium")));
                }
            }
            let owner = Owner::Restore { lock: lock.to_owned() };
            let id = tables.reserve(&ReservationRow { owner, at: medium, points: points.to_vec() })?;
            tables.moved_on()?;
            Ok(id)
        })
    }

    /// Ends it.
    ///
    /// # Errors
    /// As [`Catalog::abandon_capture`].
    pub fn end_restore(&self, restore: ReservationId) -> Result<()> {
        self.end_reservation(restore)
    }

    /// Drops the reservations of captures and restores whose lock nobody holds: their process is gone.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn drop_stale(&self, is_held: &dyn Fn(&str) -> bool) -> Result<Vec<ReservationId>> {
        // Asked outside of the transaction, since it looks at files. A capture that begins meanwhile is not among them.
        let stale = |row: &ReservationRow| match &row.owner {
            Owner::Capture { lock } | Owner::Restore { lock } => !is_held(lock),
            Owner::Copy { .. } | Owner::Seed { .. } => false,
        };
        let mut dropped: Vec<_> = self.reservations()?.into_iter().filter(|(_, row)| stale(row)).collect();
        dropped.sort_by_key(|(id, _)| *id);
        for (id, _) in &dropped {
            self.end_reservation(*id)?;
        }
        Ok(dropped.into_iter().map(|(id, _)| id).collect())
    }

    fn end_reservation(&self, id: ReservationId) -> Result<()> {
        self.handle.write(|tables| match tables.reservations.get(&id)? {
            Some(_) => {
                tables.drop_reservation(id)?;
                tables.moved_on()
            }
            None => Ok(()),
        })
    }
}

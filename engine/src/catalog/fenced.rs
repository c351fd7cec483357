//! Fencing as the catalog remembers it: another writer goes on in this family, so what is known of its places may be of
//! its making, and nothing is removed anywhere on the strength of it (DESIGN 5.1).
//!
//! It shows in two ways: a head of another writer was read at a medium that is in use, or a point of a higher epoch than
//! ours is known. A rebuild, or a take-over, has a higher epoch than both and is free again.

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{Mark, MediumRow};
use super::tables::{Mode, Tables};
use crate::model::{PointOrder, VaultId};

/// The name under which a medium remembers the epoch of the other writer.
const FENCED: &str = "fenced";

impl Catalog {
    /// Why this engine is fenced off, for people; none if it is not.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn fenced(&self) -> Result<Option<String>> {
        self.handle.read(Tables::fenced_by)
    }

    /// A head of another writer was read at a medium, of this epoch; or none is there any more.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn note_fence(&self, medium: VaultId, epoch: Option<u32>) -> Result<()> {
        let epoch = epoch.map(|epoch| epoch.to_string());
        let known = self.handle.read(|tables| Ok(value(&tables.medium(medium)?).map(str::to_owned)))?;
        if known == epoch {
            return Ok(());
        }
        self.update_medium(medium, &|row| {
            row.marks.retain(|mark| mark.name != FENCED);
            row.marks.extend(epoch.iter().map(|epoch| Mark { name: FENCED.to_owned(), value: epoch.clone() }));
        })?;
        Ok(())
    }
}

fn value(row: &MediumRow) -> Option<&str> {
    row.marks.iter().find(|mark| mark.name == FENCED).map(|mark| mark.value.as_str())
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// Why nothing may be removed, if another writer goes on.
    pub fn fenced_by(&self) -> Result<Option<String>> {
        let ours = self.meta_row()?.epoch;
        for row in self.media_in_order()?.iter().filter(|row| row.retired.is_none()) {
            // An epoch that can't be read is of a writer that is not known to be behind.
            let of = value(row).map(|epoch| epoch.parse().unwrap_or(u32::MAX));
            if of.is_some_and(|epoch| epoch >= ours) {
                let text = format!("fenced: another computer has taken over the vault of {}", row.destination);
                return Ok(Some(text));
            }
        }
        let first = PointOrder { epoch: ours.saturating_add(1), sequence: 0 };
        let later = self.points.between(&first, &PointOrder { epoch: u32::MAX, sequence: u64::MAX })?.next();
        let later = later.transpose()?.filter(|(order, _)| order.epoch > ours);
        Ok(later.map(|(_, point)| format!("fenced: another computer has taken over and made the point {}", point.id)))
    }
}

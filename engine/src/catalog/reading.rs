//! Questions to the catalog, each one read transaction.

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{
    MediumRow, PackAtRow, PackNo, PackRow, PackState, PlacementRow, PointRow, RemovalRow, ReservationId, ReservationRow,
};
use super::tables::{MediumNo, Mode, Tables};
use super::value::key_bytes;
use crate::model::{DestinationName, ObjectName, PackId, PointId, PointOrder, ShortPack, VaultId};

impl Catalog {
    /// All points ever, oldest first.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn points(&self) -> Result<Vec<PointRow>> {
        self.handle.read(|tables| Ok(tables.points.all()?.into_iter().map(|(_, point)| point).collect()))
    }

    /// One point.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn point(&self, order: PointOrder) -> Result<Option<PointRow>> {
        self.handle.read(|tables| tables.points.get(&order))
    }

    /// The point of that id.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn point_by_id(&self, id: PointId) -> Result<Option<PointRow>> {
        self.handle.read(|tables| {
            let order = tables.points_by_id.get(&id)?;
            order.map(|order| tables.point(order)).transpose()
        })
    }

    /// Points whose id begins with these lower-case hex digits, by id; none if that is no hex.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn points_by_prefix(&self, hex: &str) -> Result<Vec<PointRow>> {
        let digits = hex.len();
        let Some(whole) = whole_bytes(hex) else { return Ok(Vec::new()) };
        self.handle.read(|tables| {
            let mut points = Vec::new();
            for row in tables.points_by_id.under(&whole)? {
                let (id, order) = row?;
                if id.to_string().get(..digits) == Some(hex) {
                    points.push(tables.point(order)?);
                }
            }
            Ok(points)
        })
    }

    /// Where a point is, home first.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn placements_of(&self, point: PointOrder) -> Result<Vec<(MediumRow, PlacementRow)>> {
        self.handle.read(|tables| {
            let mut placements = Vec::new();
            for medium in tables.media_in_order()? {
                if let Some(row) = tables.placements.get(&(medium.number, point))? {
                    placements.push((medium, row));
                }
            }
            Ok(placements)
        })
    }

    /// What is at a medium, oldest first.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn placements_at(&self, medium: VaultId) -> Result<Vec<(PointOrder, PlacementRow)>> {
        self.handle.read(|tables| tables.placed_at(tables.number(medium)?))
    }

    /// One placement.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] for the medium.
    pub fn placement(&self, medium: VaultId, point: PointOrder) -> Result<Option<PlacementRow>> {
        self.handle.read(|tables| tables.placements.get(&(tables.number(medium)?, point)))
    }

    /// A pack by its name.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn pack_by_id(&self, id: &PackId) -> Result<Option<(PackNo, PackRow)>> {
        self.handle.read(|tables| {
            let number = tables.packs_by_id.get(id)?;
            number.map(|number| Ok((number, tables.pack(number)?))).transpose()
        })
    }

    /// Packs by the prefix that manifests hold: nearly always one.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn packs_by_short(&self, short: ShortPack) -> Result<Vec<(PackNo, PackRow)>> {
        self.handle.read(|tables| {
            let mut packs = Vec::new();
            for row in tables.packs_by_id.under(&short.0)? {
                let (_, number) = row?;
                packs.push((number, tables.pack(number)?));
            }
            Ok(packs)
        })
    }

    /// The packs of these names, in this order, in one look.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] for one that is not known.
    pub fn pack_numbers(&self, ids: &[PackId]) -> Result<Vec<PackNo>> {
        self.handle.read(|tables| ids.iter().map(|id| tables.pack_number(id)).collect())
    }

    /// Packs by number, in the order asked for.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] for one that is not known.
    pub fn packs(&self, numbers: &[PackNo]) -> Result<Vec<PackRow>> {
        self.handle.read(|tables| numbers.iter().map(|&number| tables.pack(number)).collect())
    }

    /// What is known of a pack at a medium.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] for the medium.
    pub fn pack_at(&self, medium: VaultId, pack: PackNo) -> Result<Option<PackAtRow>> {
        self.handle.read(|tables| tables.pack_at.get(&(tables.number(medium)?, pack)))
    }

    /// Every pack that is known at a medium, by number.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] for the medium.
    pub fn packs_at(&self, medium: VaultId) -> Result<Vec<(PackNo, PackRow, PackAtRow)>> {
        self.handle.read(|tables| {
            let known = tables.packs_known_at(tables.number(medium)?)?;
            known.into_iter().map(|(number, row)| Ok((number, tables.pack(number)?, row))).collect()
        })
    }

    /// Where else that object lies and is not known to be bad, home first. Nobody may have read it there for long.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn elsewhere(&self, object: &ObjectName, but: VaultId) -> Result<Vec<DestinationName>> {
        let pack = match object {
            ObjectName::Pack(id) => self.pack_by_id(id)?.map(|(number, _)| number),
            ObjectName::Point(..) => None,
        };
        let (mut places, mut media) = (Vec::new(), self.media()?);
        media.retain(|row| row.vault != but && row.retired.is_none());
        for medium in media {
            let is_there = match (object, pack) {
                (ObjectName::Pack(_), Some(number)) => {
                    self.pack_at(medium.vault, number)?.is_some_and(|row| row.state == PackState::Present)
                }
                (ObjectName::Pack(_), None) => false,
                (ObjectName::Point(_, name), _) => {
                    self.placement(medium.vault, name.order)?.is_some_and(|row| row.state.is_there())
                }
            };
            if is_there {
                places.push(medium.destination);
            }
        }
        Ok(places)
    }

    /// Every reservation.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn reservations(&self) -> Result<Vec<(ReservationId, ReservationRow)>> {
        self.handle.read(|tables| tables.reservations.all())
    }

    /// The intent to remove a point from a medium, if there is one.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] for the medium.
    pub fn removal(&self, medium: VaultId, point: PointOrder) -> Result<Option<RemovalRow>> {
        self.handle.read(|tables| tables.removals.get(&(tables.number(medium)?, point)))
    }
}

/// The bytes of all whole pairs of digits.
fn whole_bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let pairs = hex.get(..hex.len() / 2 * 2).filter(|_| digits)?;
    data_encoding::HEXLOWER.decode(pairs.as_bytes()).ok()
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// What is placed at a medium, oldest first.
    pub fn placed_at(&self, at: MediumNo) -> Result<Vec<(PointOrder, PlacementRow)>> {
        let rows = self.placements.under(&key_bytes(&at))?;
        rows.map(|row| row.map(|((_, order), placement)| (order, placement))).collect()
    }

    /// Every pack known at a medium, by number.
    pub fn packs_known_at(&self, at: MediumNo) -> Result<Vec<(PackNo, PackAtRow)>> {
        let rows = self.pack_at.under(&key_bytes(&at))?;
        rows.map(|row| row.map(|((_, pack), known)| (pack, known))).collect()
    }
}

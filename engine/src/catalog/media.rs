//! Media: enrolment, and what is remembered of each.

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::redb_error::damaged;
use super::rows::{Mark, MediumRow, Side, UsageRow};
use super::state::refused;
use super::tables::{Mode, Tables, Writing};
use crate::model::{DestinationName, Time, VaultId};

/// A medium to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMedium {
    /// Its id.
    pub vault: VaultId,
    /// The destination that it serves; `home` for home.
    pub destination: DestinationName,
    /// Where it is, for people.
    pub place: String,
    /// The file system's UUID; empty if unknown.
    pub file_system: String,
    /// The device number; 0 if unknown.
    pub device: u64,
    /// On the same device as home or the root.
    pub same_disk: bool,
    /// What its enrolment found out.
    pub probe: Vec<Mark>,
    /// Now.
    pub enrolled: Time,
}

impl Catalog {
    /// Records a medium, or what is new about one that is known (`enrol --moved`); its history stays.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if it would be a second home, or changes sides.
    pub fn enrol(&self, medium: &NewMedium) -> Result<MediumRow> {
        self.handle.write(|tables| {
            let row = match tables.media.get(&medium.vault)? {
                Some(known) => moved(known, medium)?,
                None => tables.new_medium(medium)?,
            };
            tables.media.put(&row.vault, &row)?;
            tables.moved_on()?;
            Ok(row)
        })
    }

    /// One medium.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn medium(&self, vault: VaultId) -> Result<Option<MediumRow>> {
        self.handle.read(|tables| tables.media.get(&vault))
    }

    /// All media ever, home first, then as they were enrolled.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn media(&self) -> Result<Vec<MediumRow>> {
        self.handle.read(|tables| tables.media_in_order())
    }

    /// Changes a medium's row in one transaction; id, number, side and destination stay. Plans made before are stale.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn update_medium(&self, vault: VaultId, change: &dyn Fn(&mut MediumRow)) -> Result<MediumRow> {
        self.handle.write(|tables| {
            let before = tables.medium(vault)?;
            let mut row = before.clone();
            change(&mut row);
            let row = MediumRow {
                vault: before.vault,
                number: before.number,
                side: before.side,
                destination: before.destination,
                ..row
            };
            tables.media.put(&vault, &row)?;
            tables.moved_on()?;
            Ok(row)
        })
    }

    /// It was there just now. Plans stay good.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn seen(&self, vault: VaultId, now: Time) -> Result<()> {
        self.handle.write(|tables| {
            let row = tables.medium(vault)?;
            tables.media.put(&vault, &MediumRow { last_seen: Some(now), ..row })
        })
    }

    /// On which device a look found it, and whether that is one of this computer's own. What is as it was is not written.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn found_on(&self, vault: VaultId, device: u64, same_disk: bool) -> Result<()> {
        let known = self.handle.read(|tables| tables.medium(vault))?;
        if (known.device, known.same_disk) == (device, same_disk) {
            return Ok(());
        }
        self.update_medium(vault, &|row| (row.device, row.same_disk) = (device, same_disk))?;
        Ok(())
    }

    /// What a medium holds.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn usage(&self, medium: VaultId) -> Result<UsageRow> {
        self.handle.read(|tables| Ok(tables.usage.get(&tables.number(medium)?)?.unwrap_or_default()))
    }
}

fn moved(known: MediumRow, to: &NewMedium) -> Result<MediumRow> {
    if known.destination.is_home() != to.destination.is_home() {
        return Err(refused("5.7", format_args!("{} is known as {}", known.vault, known.destination)));
    }
    Ok(MediumRow {
        destination: to.destination.clone(),
        place: to.place.clone(),
        file_system: to.file_system.clone(),
        device: to.device,
        same_disk: to.same_disk,
        probe: to.probe.clone(),
        ..known
    })
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// All media, home first, then by number.
    pub fn media_in_order(&self) -> Result<Vec<MediumRow>> {
        let mut media: Vec<_> = self.media.all()?.into_iter().map(|(_, row)| row).collect();
        media.sort_by_key(|row| (row.side != Side::Home, row.number));
        Ok(media)
    }
}

impl Tables<'_, Writing> {
    fn new_medium(&mut self, new: &NewMedium) -> Result<MediumRow> {
        let side = if new.destination.is_home() { Side::Home } else { Side::Offsite };
        let meta = self.meta_row()?;
        if let (Side::Home, Some(home)) = (side, meta.home) {
            return Err(refused("5.7", format_args!("there is a home vault, {home}")));
        }
        let number = meta.next_medium;
        let next = number.checked_add(1).ok_or_else(|| damaged("meta", &[], "no number left for a medium"))?;
        self.update_meta(|meta| {
            meta.next_medium = next;
            meta.home = if side == Side::Home { Some(new.vault) } else { meta.home };
        })?;
        Ok(MediumRow {
            vault: new.vault,
            number,
            destination: new.destination.clone(),
            side,
            place: new.place.clone(),
            file_system: new.file_system.clone(),
            device: new.device,
            same_disk: new.same_disk,
            head: None,
            head_extra: Vec::new(),
            retired: None,
            enrolled: new.enrolled,
            last_seen: Some(new.enrolled),
            evicted: Vec::new(),
            probe: new.probe.clone(),
            marks: Vec::new(),
        })
    }
}

//! Seeds: objects that travel to a medium on drives (FORMAT.md 6.5). What is on the way is reserved at the medium, pack
//! by pack (D-1), and its points are reserved at home, where they come from.
//!
//! Invariants: at most one seed is open at a medium; a pack travels on one drive at a time, and only while it is not
//! known to lie there; as long as a seed is open nothing is swept at its medium (D-9). Deliberately absent: what the
//! drives hold (`seed`), and when a seed is good (`copy::seeds`).

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{
    EventKind, EventRow, Evidence, EvidenceKind, Owner, PackNo, PackState, ReservationId, ReservationRow,
};
use super::state::{refused, unknown};
use super::stored::{DigestDef, SeedIdDef, TimeDef, VaultIdDef};
use super::tables::{Mode, Tables, Writing};
use super::value::{key_bytes, rkyv_rows};
use crate::model::{Digest, PointOrder, SeedId, Time, VaultId};

/// How far a drive has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub enum SeedState {
    /// It is being written, or that broke off.
    Exporting,
    /// All that it is to hold is on it, and its list.
    Exported,
    /// It was seen to be gone from where it was written.
    Shipped,
    /// A receipt lies at the medium.
    Absorbed,
    /// What the receipt says was looked at and is so: the packs count.
    Verified,
}

/// One drive of a seed.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct SeedDriveRow {
    /// Its number in the seed, from 1.
    pub number: u32,
    /// Where it was written, for people and to see whether it is still there.
    pub place: String,
    /// How far it has come.
    pub state: SeedState,
    /// Since when.
    #[rkyv(with = TimeDef)]
    pub since: Time,
    /// Packs on it.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// BLAKE3 of its list, once it is exported.
    #[rkyv(with = Map<DigestDef>)]
    pub list: Option<Digest>,
    /// When it was exported.
    #[rkyv(with = Map<TimeDef>)]
    pub exported: Option<Time>,
    /// The reservation of its packs at the medium; 0 once it is over.
    pub at_medium: u64,
    /// The reservation of its points at home; 0 once it is over.
    pub at_home: u64,
}

/// A seed: open until what it brought counts, or it is given up.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct SeedRow {
    /// Its id; the key.
    #[rkyv(with = SeedIdDef)]
    pub id: SeedId,
    /// Where it goes.
    #[rkyv(with = VaultIdDef)]
    pub medium: VaultId,
    /// When it was begun.
    #[rkyv(with = TimeDef)]
    pub begun: Time,
    /// Its drives, by number. None of one that only a head told of.
    pub drives: Vec<SeedDriveRow>,
    /// The next drive's number: none is given twice. 0 if only a head told of it: which were given is not known.
    pub next: u32,
    /// The reservation that keeps it open; none once it is over.
    pub open: Option<u64>,
    /// When it was over.
    #[rkyv(with = Map<TimeDef>)]
    pub closed: Option<Time>,
    /// Its points.
    #[rkyv(with = Map<super::stored::PointOrderDef>)]
    pub points: Vec<PointOrder>,
}

rkyv_rows!(SeedRow);

impl SeedRow {
    /// How far the drive that has come least far has come.
    #[must_use]
    pub fn state(&self) -> SeedState {
        // One that only a head told of has left; one that was only just begun has not.
        let none = if self.next == 0 { SeedState::Shipped } else { SeedState::Exporting };
        self.drives.iter().map(|drive| drive.state).min().unwrap_or(none)
    }

    /// Is it under way?
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// For people and for heads: in a word.
    #[must_use]
    pub fn state_text(&self) -> &'static str {
        self.state().text()
    }
}

impl SeedState {
    /// In a word.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Exporting => "exporting",
            Self::Exported => "exported",
            Self::Shipped => "shipped",
            Self::Absorbed => "absorbed",
            Self::Verified => "verified",
        }
    }
}

/// A drive that is about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSeedDrive<'a> {
    /// Of which seed.
    pub seed: SeedId,
    /// Where that goes.
    pub medium: VaultId,
    /// Where it is written.
    pub place: &'a str,
    /// What it is to hold.
    pub packs: &'a [PackNo],
    /// The points that name these.
    pub points: &'a [PointOrder],
    /// Now.
    pub now: Time,
}

impl Catalog {
    /// A seed to a medium is begun, or was told of by a head.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if another one is open there; [`CatalogError::Unknown`].
    pub fn begin_seed(&self, id: SeedId, medium: VaultId, now: Time) -> Result<SeedRow> {
        self.handle.write(|tables| tables.found_seed(id, medium, 1, now))
    }

    /// A head tells of a seed that this catalog may not know: then nothing is swept at its medium. Where another one is
    /// open, or the medium is not known, there is nothing to keep.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn know_seed(&self, id: SeedId, medium: VaultId, now: Time) -> Result<()> {
        let is_news = self.handle.read(|tables| {
            let all = tables.seeds.all()?;
            let is_known = all.iter().any(|(known, row)| *known == id || row.medium == medium && row.is_open());
            Ok(!is_known && tables.media.get(&medium)?.is_some())
        })?;
        if is_news {
            self.handle.write(|tables| tables.found_seed(id, medium, 0, now).map(drop))?;
        }
        Ok(())
    }

    /// D-1, D-2: one more drive of a seed, which begins with its first one. Its packs are reserved at the medium and its
    /// points at home; packs that lie there by now, or travel already, are left out.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if the seed is over, or another one is open at its medium; [`CatalogError::Unknown`].
    pub fn add_seed_drive(&self, new: &NewSeedDrive<'_>) -> Result<(SeedDriveRow, Vec<PackNo>)> {
        self.handle.write(|tables| {
            let mut seed = match tables.seeds.get(&new.seed)? {
                Some(_) => tables.open_seed(new.seed)?,
                None => tables.found_seed(new.seed, new.medium, 1, new.now)?,
            };
            let (at, home) = (tables.number(seed.medium)?, tables.home()?.vault);
            let at_medium = tables.reserve(&reservation(seed.id, seed.medium, &[]))?;
            let at_home = tables.reserve(&reservation(seed.id, home, new.points))?;
            let mut packs = Vec::new();
            let mut bytes = 0_u64;
            for &pack in new.packs {
                let lies_there = tables.pack_at.get(&(at, pack))?.is_some_and(|row| row.state != PackState::Missing);
                if !lies_there && !tables.is_travelling(at, pack)? {
                    bytes = bytes.saturating_add(tables.pack(pack)?.bytes);
                    tables.reserved.put(&(at, pack, at_medium), &())?;
                    tables.reserved_by.put(&(at_medium, pack), &())?;
                    packs.push(pack);
                }
            }
            let drive = SeedDriveRow {
                number: seed.next,
                place: new.place.to_owned(),
                state: SeedState::Exporting,
                since: new.now,
                packs: packs.len() as u64,
                bytes,
                list: None,
                exported: None,
                at_medium: at_medium.0,
                at_home: at_home.0,
            };
            seed.drives.push(drive.clone());
            seed.next = seed.next.saturating_add(1);
            for point in new.points {
                if !seed.points.contains(point) {
                    seed.points.push(*point);
                }
            }
            tables.save_seed(&seed)?;
            Ok((drive, packs))
        })
    }

    /// These packs do not travel on that drive: nothing keeps the copier from sending them any more.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn unload_seed_drive(&self, seed: SeedId, number: u32, packs: &[PackNo]) -> Result<()> {
        self.handle.write(|tables| {
            let mut row = tables.seed(seed)?;
            let at = tables.number(row.medium)?;
            let drive = drive_of(&mut row, number)?;
            let by = ReservationId(drive.at_medium);
            for &pack in packs {
                if tables.reserved_by.remove(&(by, pack))? {
                    tables.reserved.remove(&(at, pack, by))?;
                    drive.packs = drive.packs.saturating_sub(1);
                    drive.bytes = drive.bytes.saturating_sub(tables.pack(pack)?.bytes);
                }
            }
            tables.save_seed(&row)
        })
    }

    /// The packs that travel on a drive, by number.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn seed_drive_packs(&self, seed: SeedId, number: u32) -> Result<Vec<PackNo>> {
        self.handle.read(|tables| {
            let mut row = tables.seed(seed)?;
            let by = ReservationId(drive_of(&mut row, number)?.at_medium);
            let rows = tables.reserved_by.under(&key_bytes(&by))?;
            rows.map(|row| row.map(|((_, pack), ())| pack)).collect()
        })
    }

    /// How many of them have evidence at the medium.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn seed_drive_proved(&self, seed: SeedId, number: u32) -> Result<u64> {
        let packs = self.seed_drive_packs(seed, number)?;
        self.handle.read(|tables| {
            let at = tables.number(tables.seed(seed)?.medium)?;
            let mut proved = 0;
            for &pack in &packs {
                let row = tables.pack_at.get(&(at, pack))?;
                let has = row.is_some_and(|row| row.state == PackState::Present && row.evidence.is_some());
                proved += u64::from(has);
            }
            Ok(proved)
        })
    }

    /// Changes what is known of a drive; its number and what it reserves stay.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn update_seed_drive(&self, seed: SeedId, number: u32, change: &dyn Fn(&mut SeedDriveRow)) -> Result<()> {
        self.handle.write(|tables| {
            let mut row = tables.seed(seed)?;
            let drive = drive_of(&mut row, number)?;
            let before = drive.clone();
            change(drive);
            (drive.number, drive.at_medium, drive.at_home) = (before.number, before.at_medium, before.at_home);
            tables.save_seed(&row)
        })
    }

    /// A drive that only its list at the medium tells of. Its packs are reserved there (D-1).
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn know_seed_drive(
        &self,
        seed: SeedId,
        (number, list): (u32, Digest),
        packs: &[PackNo],
        now: Time,
    ) -> Result<()> {
        self.handle.write(|tables| {
            let mut row = tables.seed(seed)?;
            let (at, by) = (tables.number(row.medium)?, tables.reserve(&reservation(seed, row.medium, &[]))?);
            let mut bytes = 0_u64;
            for &pack in packs {
                bytes = bytes.saturating_add(tables.pack(pack)?.bytes);
                tables.reserved.put(&(at, pack, by), &())?;
                tables.reserved_by.put(&(by, pack), &())?;
            }
            row.drives.push(SeedDriveRow {
                number,
                place: String::new(),
                state: SeedState::Shipped,
                since: now,
                packs: packs.len() as u64,
                bytes,
                list: Some(list),
                exported: None,
                at_medium: by.0,
                at_home: 0,
            });
            tables.save_seed(&row)
        })
    }

    /// Packs that came on a drive are there: with evidence those that were read back, without any those that were only
    /// seen. What is known of one there already counts more than that it was seen; one that is being deleted is left out.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn packs_arrived(&self, medium: VaultId, packs: &[(PackNo, Option<Evidence>)]) -> Result<()> {
        for some in packs.chunks(1_000) {
            self.handle.write(|tables| {
                let at = tables.number(medium)?;
                for &(pack, evidence) in some {
                    let is_read = evidence.is_some_and(|it| it.kind == EvidenceKind::ReadBack);
                    let takes = match tables.pack_at.get(&(at, pack))?.map(|row| (row.state, row.evidence)) {
                        None | Some((PackState::Missing, _) | (PackState::Present, None)) => true,
                        Some((PackState::Present, Some(_)) | (PackState::Damaged, _)) => is_read,
                        Some((PackState::Deleting, _)) => false,
                    };
                    if takes {
                        tables.arrive(at, pack, evidence)?;
                    }
                }
                tables.moved_on()
            })?;
        }
        Ok(())
    }

    /// A drive that was never finished and never will be: nothing of it travels any more.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn drop_seed_drive(&self, seed: SeedId, number: u32) -> Result<()> {
        self.handle.write(|tables| {
            let mut row = tables.seed(seed)?;
            let drive = drive_of(&mut row, number)?.clone();
            tables.end_seed_drive(&drive)?;
            row.drives.retain(|other| other.number != number);
            tables.save_seed(&row)
        })
    }

    /// Does a pack travel to a medium on a seed's drive? Nobody sends it then.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn travels(&self, medium: VaultId, pack: PackNo) -> Result<bool> {
        self.handle.read(|tables| tables.is_travelling(tables.number(medium)?, pack))
    }

    /// All seeds, those that are over too.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn seeds(&self) -> Result<Vec<SeedRow>> {
        self.handle.read(|tables| Ok(tables.seeds.all()?.into_iter().map(|(_, row)| row).collect()))
    }

    /// The seed that is under way to a medium.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn open_seed_at(&self, medium: VaultId) -> Result<Option<SeedRow>> {
        Ok(self.seeds()?.into_iter().find(|row| row.medium == medium && row.is_open()))
    }

    /// It is over: what it brought counts, and nothing is reserved for it any more.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn close_seed(&self, seed: SeedId, now: Time) -> Result<()> {
        self.handle.write(|tables| {
            let mut row = tables.seed(seed)?;
            tables.end_seed(&mut row)?;
            row.closed = Some(now);
            tables.save_seed(&row)
        })
    }

    /// It is given up: as if it had never been.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn forget_seed(&self, seed: SeedId, now: Time) -> Result<()> {
        self.handle.write(|tables| {
            let mut row = tables.seed(seed)?;
            tables.end_seed(&mut row)?;
            tables.seeds.remove(&seed)?;
            tables.log(&EventRow {
                time: now,
                kind: EventKind::Noted,
                job: None,
                point: None,
                medium: Some(row.medium),
                bytes: 0,
                reason: format!("the seed {seed} was given up"),
            })?;
            tables.moved_on()
        })
    }
}

fn reservation(id: SeedId, at: VaultId, points: &[PointOrder]) -> ReservationRow {
    ReservationRow { owner: Owner::Seed { id }, at, points: points.to_vec() }
}

fn drive_of(seed: &mut SeedRow, number: u32) -> Result<&mut SeedDriveRow> {
    let id = seed.id;
    let found = seed.drives.iter_mut().find(|drive| drive.number == number);
    found.ok_or_else(|| unknown(format_args!("drive {number} of the seed {id}")))
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    fn seed(&self, id: SeedId) -> Result<SeedRow> {
        self.seeds.get(&id)?.ok_or_else(|| unknown(format_args!("seed {id}")))
    }

    fn open_seed(&self, id: SeedId) -> Result<SeedRow> {
        let seed = self.seed(id)?;
        if seed.is_open() { Ok(seed) } else { Err(refused("D-1", format_args!("the seed {id} is over"))) }
    }
}

impl Tables<'_, Writing> {
    /// Begins a seed, unless another one is open at its medium.
    fn found_seed(&mut self, id: SeedId, medium: VaultId, next: u32, now: Time) -> Result<SeedRow> {
        let all = self.seeds.all()?;
        if let Some((other, _)) = all.iter().find(|(_, row)| row.medium == medium && row.is_open()) {
            return Err(refused("D-1", format_args!("the seed {other} is under way there")));
        }
        let open = self.reserve(&reservation(id, medium, &[]))?;
        let (drives, points) = (Vec::new(), Vec::new());
        let seed = SeedRow { id, medium, begun: now, drives, next, open: Some(open.0), closed: None, points };
        self.save_seed(&seed)?;
        Ok(seed)
    }

    fn save_seed(&mut self, row: &SeedRow) -> Result<()> {
        self.seeds.put(&row.id, row)?;
        self.moved_on()
    }

    fn end_seed_drive(&mut self, drive: &SeedDriveRow) -> Result<()> {
        for by in [drive.at_medium, drive.at_home] {
            if self.reservations.get(&ReservationId(by))?.is_some() {
                self.drop_reservation(ReservationId(by))?;
            }
        }
        Ok(())
    }

    fn end_seed(&mut self, row: &mut SeedRow) -> Result<()> {
        for drive in &row.drives {
            self.end_seed_drive(drive)?;
        }
        match row.open.take() {
            Some(open) if self.reservations.get(&ReservationId(open))?.is_some() => {
                self.drop_reservation(ReservationId(open))
            }
            _ => Ok(()),
        }
    }
}

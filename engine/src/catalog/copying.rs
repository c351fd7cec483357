//! Copying a point to a medium: what is owed, the durable reservations at both ends (D-2, D-9), hints, evidence, and
//! the settlement that alone makes a placement complete.

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{
    CheckpointRow, EventKind, EventRow, Evidence, EvidenceKind, Generation, MediumRow, Owner, PackAtRow, PackNo,
    PackState, PlacementRow, PointRow, ReservationRow,
};
use super::state::{keeps_packs, refused};
use super::tables::{MediumNo, Mode, Tables, Writing};
use super::value::key_bytes;
use crate::model::{ObjectName, PointOrder, Proof, State, Time, VaultId};

/// A copy to be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewCopy<'a> {
    /// Where the point is.
    pub from: VaultId,
    /// Where it goes.
    pub to: VaultId,
    /// The point.
    pub point: PointOrder,
    /// Every pack that its manifest names.
    pub packs: &'a [PackNo],
    /// The state that this was decided on, if it must still hold.
    pub expected: Option<Generation>,
    /// Now.
    pub now: Time,
}

/// What a copy still has to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyWork {
    /// Packs that are not there, or not whole.
    pub absent: Vec<PackNo>,
    /// Packs that are there without evidence that suffices: to be read back.
    pub unproven: Vec<PackNo>,
    /// Packs that are not there and travel there on a seed's drive: nobody sends them, and the manifest waits for them.
    pub travelling: Vec<PackNo>,
    /// Bytes of the absent packs and of the manifest.
    pub bytes: u64,
    /// What lies there of it, should nothing come of the copy.
    pub before: Leftover,
}

/// What lies at a medium of a point whose copy failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leftover {
    /// No manifest: its packs there are nobody's.
    #[default]
    NoManifest,
    /// It was damaged there before and still is: its manifest names packs there.
    Damaged,
    /// The manifest may have been written, and nobody could look.
    Unknown,
}

impl Catalog {
    /// The points are owed to the medium; those that are there, or on their way, stay as they are.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn owe(&self, medium: VaultId, points: &[PointOrder], now: Time) -> Result<()> {
        self.place(medium, points, State::Pending, "", now)
    }

    /// The rules do not want the points there; those that are there stay as they are. A copy of one that broke off is
    /// given up, with its reservation: the caller holds the medium's work lock.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn decline(&self, medium: VaultId, points: &[PointOrder], reason: &str, now: Time) -> Result<()> {
        self.place(medium, points, State::NotWanted, reason, now)
    }

    /// The points are owed to the medium and can't be there now, for this reason.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn owe_in_vain(&self, medium: VaultId, point: PointOrder, reason: &str, now: Time) -> Result<()> {
        self.place(medium, &[point], State::Pending, reason, now)
    }

    fn place(&self, medium: VaultId, points: &[PointOrder], state: State, reason: &str, now: Time) -> Result<()> {
        self.handle.write(|tables| {
            for &order in points {
                let point = tables.point(order)?;
                tables.place_unless_there(medium, &point, state, reason, now)?;
            }
            tables.moved_on()
        })
    }

    /// D-2, D-9: the placement is `copying`, and keeps its packs there; a reservation that it owns keeps the point where
    /// it comes from. Beginning again, after a crash say, is the same.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if the point is there already and not damaged, one of its packs or itself is being removed there (D-8),
    /// or it is not at its origin; [`CatalogError::Stale`]; [`CatalogError::Unknown`].
    pub fn begin_copy(&self, copy: &NewCopy<'_>) -> Result<CopyWork> {
        self.handle.write(|tables| {
            tables.not_stale(copy.expected)?;
            let (from, to) = (tables.medium(copy.from)?, tables.medium(copy.to)?);
            let point = tables.point(copy.point)?;
            tables.check_copy(&point, &from, &to)?;
            let mut work = tables.copy_work(&to, &point, copy.packs)?;
            tables.end_copy_reservation(copy.to, copy.point)?;
            let owner = Owner::Copy { medium: copy.to, point: copy.point };
            tables.reserve(&ReservationRow { owner, at: copy.from, points: vec![copy.point] })?;
            let before = tables.placements.get(&(to.number, copy.point))?;
            work.before = leftover(before.as_ref().map(|row| row.state));
            let done = before.filter(|row| row.state == State::Copying).map_or(0, |row| row.done_bytes);
            let row = PlacementRow {
                state: State::Copying,
                proof: Proof::None,
                verified: None,
                done_bytes: done,
                total_bytes: work.bytes.saturating_add(done),
                reason: String::new(),
                manifest: None,
                changed: copy.now,
            };
            tables.put_placement(to.number, &point, &row)?;
            tables.moved_on()?;
            Ok(work)
        })
    }

    /// How far the copy of the whole point came, for people. Plans stay good.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn copy_progress(&self, medium: VaultId, point: PointOrder, done_bytes: u64) -> Result<()> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            let row = tables.placement(at, point)?;
            tables.placements.put(&(at, point), &PlacementRow { done_bytes, ..row })
        })
    }

    /// Keeps a hint. Plans stay good.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn checkpoint(&self, medium: VaultId, object: &ObjectName, row: &CheckpointRow) -> Result<()> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            tables.checkpoints.put(&(at, *object), row)
        })
    }

    /// The hint for an object, if any.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn checkpoint_of(&self, medium: VaultId, object: &ObjectName) -> Result<Option<CheckpointRow>> {
        self.handle.read(|tables| tables.checkpoints.get(&(tables.number(medium)?, *object)))
    }

    /// All hints for a medium.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn checkpoints(&self, medium: VaultId) -> Result<Vec<(ObjectName, CheckpointRow)>> {
        self.handle.read(|tables| {
            let at = tables.number(medium)?;
            let rows = tables.checkpoints.under(&key_bytes(&at))?;
            rows.map(|row| row.map(|((_, object), hint)| (object, hint))).collect()
        })
    }

    /// Forgets a hint, a temporary file that is gone say.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn drop_checkpoint(&self, medium: VaultId, object: &ObjectName) -> Result<()> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            tables.checkpoints.remove(&(at, *object)).map(|_| ())
        })
    }

    /// A pack is there, and its hint goes. With evidence it is proved; without, what was known before holds if it was
    /// there already.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if it is marked for deletion there (D-8); [`CatalogError::Unknown`].
    pub fn pack_arrived(&self, medium: VaultId, pack: PackNo, evidence: Option<Evidence>) -> Result<()> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            tables.arrive(at, pack, evidence)
        })
    }

    /// Complete if every pack of `packs` and the manifest have evidence there that suffices, else present; damaged if
    /// one is known to be damaged or not there. The copy's reservation goes in the same transaction (D-9). Also for a
    /// placement that was there and was looked at again.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if it is neither there nor being copied, or is being copied and a pack is not there;
    /// [`CatalogError::Unknown`].
    pub fn settle_point(
        &self,
        medium: VaultId,
        point: PointOrder,
        packs: &[PackNo],
        manifest: Option<Evidence>,
        now: Time,
    ) -> Result<State> {
        self.handle.write(|tables| {
            let medium = tables.medium(medium)?;
            let point = tables.point(point)?;
            let before = tables.placement(medium.number, point.order)?;
            if !keeps_packs(before.state) {
                return Err(refused("5.2", format_args!("point {} is {} there", point.order, before.state)));
            }
            let weakest = tables.weakest(&medium, packs, manifest)?;
            if before.state == State::Copying && matches!(weakest, Weakest::Bad(_)) {
                return Err(refused("5.2", format_args!("a pack of point {} is not there", point.order)));
            }
            let row = settled(&before, &weakest, manifest, now);
            tables.put_placement(medium.number, &point, &row)?;
            tables.end_copy_reservation(medium.vault, point.order)?;
            tables.checkpoints.remove(&(medium.number, point.manifest()))?;
            if before.state == State::Copying {
                tables.log(&EventRow {
                    time: now,
                    kind: EventKind::Copied,
                    job: Some(point.job),
                    point: Some(point.order),
                    medium: Some(medium.vault),
                    bytes: row.done_bytes,
                    reason: String::new(),
                })?;
            }
            tables.moved_on()?;
            Ok(row.state)
        })
    }

    /// The copy ended without success, with the reason; hints stay. Where no manifest lies there it is pending again, and
    /// its reservations go (D-9). Where one may, it stays `copying` like a copy that was killed: its packs are kept there
    /// (D-1) until the next session has looked. A placement that is not being copied stays as it is.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn fail_copy(
        &self,
        medium: VaultId,
        point: PointOrder,
        left: Leftover,
        (reason, now): (&str, Time),
    ) -> Result<()> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            let point = tables.point(point)?;
            let row = tables.placement(at, point.order)?;
            if row.state != State::Copying {
                return Ok(());
            }
            let state = match left {
                Leftover::NoManifest => State::Pending,
                Leftover::Damaged => State::Damaged,
                Leftover::Unknown => State::Copying,
            };
            tables.put_placement(
                at,
                &point,
                &PlacementRow { state, reason: reason.to_owned(), changed: now, ..row },
            )?;
            if state != State::Copying {
                tables.end_copy_reservation(medium, point.order)?;
            }
            tables.moved_on()
        })
    }

    /// Raises the proof of a placement that is there; a lower one than it has changes only `verified`.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] if it is not complete or present; [`CatalogError::Unknown`].
    pub fn set_proof(&self, medium: VaultId, point: PointOrder, proof: Proof, now: Time) -> Result<()> {
        self.handle.write(|tables| {
            let at = tables.number(medium)?;
            let row = tables.placement(at, point)?;
            if !matches!(row.state, State::Complete | State::Present) {
                return Err(refused("5.2", format_args!("point {point} is {} there", row.state)));
            }
            let row = PlacementRow { proof: row.proof.max(proof), verified: Some(now), ..row };
            tables.placements.put(&(at, point), &row)?;
            tables.moved_on()
        })
    }

    /// A pinned point is never removed.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn pin(&self, point: PointOrder) -> Result<()> {
        self.change_point(point, |row| row.pinned = true)
    }

    /// It may be removed again.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn unpin(&self, point: PointOrder) -> Result<()> {
        self.change_point(point, |row| row.pinned = false)
    }

    fn change_point(&self, point: PointOrder, change: impl Fn(&mut PointRow)) -> Result<()> {
        self.handle.write(|tables| {
            let mut row = tables.point(point)?;
            change(&mut row);
            tables.points.put(&point, &row)?;
            tables.moved_on()
        })
    }
}

/// What lies there of a point in that state; one that is taken up again was not looked at by whoever left it.
const fn leftover(before: Option<State>) -> Leftover {
    match before {
        Some(State::Damaged) => Leftover::Damaged,
        Some(State::Copying) => Leftover::Unknown,
        _ => Leftover::NoManifest,
    }
}

/// How good the least proved object of a point is at a medium.
enum Weakest {
    /// One is damaged or not there.
    Bad(String),
    /// One has no evidence that suffices.
    Unproven,
    /// All have; the weakest kind, and when the last one was taken.
    Proved(EvidenceKind, Time),
}

fn settled(before: &PlacementRow, weakest: &Weakest, manifest: Option<Evidence>, now: Time) -> PlacementRow {
    let kept = if before.state == State::Damaged { Proof::None } else { before.proof };
    let (state, proof, verified, reason) = match weakest {
        Weakest::Bad(reason) => (State::Damaged, Proof::None, before.verified, reason.clone()),
        Weakest::Unproven => (State::Present, Proof::Present, None, String::new()),
        Weakest::Proved(EvidenceKind::ReadBack, time) => {
            (State::Complete, kept.max(Proof::BytesRead), Some(*time), String::new())
        }
        Weakest::Proved(_, time) => (State::Complete, kept.max(Proof::Complete), Some(*time), String::new()),
    };
    PlacementRow { state, proof, verified, done_bytes: before.total_bytes, reason, manifest, changed: now, ..*before }
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    fn check_copy(&self, point: &PointRow, from: &MediumRow, to: &MediumRow) -> Result<()> {
        let damaged = self.placements.get(&(to.number, point.order))?.is_some_and(|row| row.state == State::Damaged);
        let removing = self.removals.get(&(to.number, point.order))?.is_some();
        if self.manifest_is_there(to.number, point.order)? && (removing || !damaged) {
            return Err(refused("5.2", format_args!("point {} is at {} already", point.order, to.destination)));
        }
        if !self.placement(from.number, point.order)?.state.is_there() {
            return Err(refused("D-2", format_args!("point {} is not at {}", point.order, from.destination)));
        }
        Ok(())
    }

    fn copy_work(&self, to: &MediumRow, point: &PointRow, packs: &[PackNo]) -> Result<CopyWork> {
        let mut work = CopyWork { bytes: point.manifest_bytes, ..CopyWork::default() };
        for &pack in packs {
            let row = self.pack(pack)?;
            if row.group != point.group || !row.used.is_some_and(|used| used.holds(point.order)) {
                return Err(refused("D-1", format_args!("pack {} is not one of point {}", row.id, point.order)));
            }
            let at = self.pack_at.get(&(to.number, pack))?;
            match at {
                Some(at) if at.state == PackState::Deleting => {
                    return Err(refused("D-8", format_args!("pack {} is being deleted there", row.id)));
                }
                Some(at) if at.state == PackState::Present => {
                    let is_proved = at.evidence.is_some_and(|evidence| evidence.suffices(to.side));
                    // What came by post and was looked into holds no manifest up: the point is present until all is read.
                    if !is_proved && !self.came_by_post(to.number, pack)? {
                        work.unproven.push(pack);
                    }
                }
                _ if self.is_travelling(to.number, pack)? => work.travelling.push(pack),
                _ => {
                    work.absent.push(pack);
                    work.bytes = work.bytes.saturating_add(row.bytes);
                }
            }
        }
        Ok(work)
    }

    fn weakest(&self, medium: &MediumRow, packs: &[PackNo], manifest: Option<Evidence>) -> Result<Weakest> {
        let mut all = vec![manifest];
        for &pack in packs {
            match self.pack_at.get(&(medium.number, pack))? {
                Some(at) if at.state == PackState::Present => all.push(at.evidence),
                _ => return Ok(Weakest::Bad(format!("pack {} is damaged or not there", self.pack(pack)?.id))),
            }
        }
        let proved: Option<Vec<_>> = all.into_iter().map(|one| one.filter(|one| one.suffices(medium.side))).collect();
        let Some(proved) = proved else { return Ok(Weakest::Unproven) };
        let kind = proved.iter().map(|one| one.kind).min();
        let time = proved.iter().map(|one| one.time).max();
        Ok(kind.zip(time).map_or(Weakest::Unproven, |(kind, time)| Weakest::Proved(kind, time)))
    }
}

impl Tables<'_, Writing> {
    /// A pack is there.
    pub fn arrive(&mut self, at: MediumNo, pack: PackNo, evidence: Option<Evidence>) -> Result<()> {
        let known = self.pack(pack)?;
        let before = self.pack_at.get(&(at, pack))?;
        if before.is_some_and(|row| row.state == PackState::Deleting) {
            return Err(refused("D-8", format_args!("pack {} is being deleted there", known.id)));
        }
        let held = before.filter(|row| row.state == PackState::Present).and_then(|row| row.evidence);
        let row = PackAtRow { state: PackState::Present, evidence: evidence.or(held), bytes: known.bytes };
        self.put_pack_at(at, pack, Some(&row))?;
        self.checkpoints.remove(&(at, ObjectName::Pack(known.id))).map(|_| ())
    }

    /// D-9: the reservation that the placement of a copy owns goes with its change of state.
    pub fn end_copy_reservation(&mut self, medium: VaultId, point: PointOrder) -> Result<()> {
        let owner = Owner::Copy { medium, point };
        for (id, row) in self.reservations.all()? {
            if row.owner == owner {
                self.drop_reservation(id)?;
            }
        }
        Ok(())
    }
}

//! What a point at home names and home no longer has: packs that left it before (DESIGN 5.8), lent by media offsite.
//!
//! In: a capture's wish to refer to a pack that home has no row of. Out: reservations at the lenders (D-2), the
//! capture's as long as its process lives, the point's durably from its transaction on until it has left home.
//! Invariants: a lender has every pack that home lacks of the point, with evidence when the point was made; a point
//! that borrows is present at home, never complete; one whose last lender lost a pack, or was retired, is damaged
//! there, in that transaction. Deliberately absent: which media may lend (`capture::lenders`), stores.

use std::collections::BTreeSet;

#[cfg(doc)]
use super::error::CatalogError;
use super::error::Result;
use super::open::Catalog;
use super::rows::{
    ChunkAt, MediumRow, Owner, PackNo, PackState, PlacementRow, PointRow, ReservationId, ReservationRow, Side,
};
use super::state::refused;
use super::tables::{MediumNo, Mode, Tables, Writing};
use super::unsure::PackList;
use super::value::key_bytes;
use crate::model::{ChunkId, GroupId, PointOrder, Proof, State, Time, VaultId};

/// What a placement at home says of a point that borrows.
pub const LENT: &str = "what it shares with older points lies offsite only";

impl Catalog {
    /// D-2: begins to borrow from media offsite, for a capture whose process holds `lock`. What is borrowed, the
    /// first of them lends.
    ///
    /// # Errors
    /// [`CatalogError::Refused`] for a medium that can't lend; [`CatalogError::Unknown`].
    pub fn begin_borrowing(&self, lock: &str, lenders: &[VaultId]) -> Result<Vec<ReservationId>> {
        if lenders.is_empty() {
            return Ok(Vec::new());
        }
        self.handle.write(|tables| {
            let mut begun = Vec::new();
            for &at in lenders {
                if !may_lend(&tables.medium(at)?) {
                    return Err(refused("5.8", format_args!("medium {at} can't lend packs")));
                }
                let owner = Owner::Capture { lock: lock.to_owned() };
                begun.push(tables.reserve(&ReservationRow { owner, at, points: Vec::new() })?);
            }
            Ok(begun)
        })
    }

    /// Where each chunk lies at a medium offsite, in a pack that home knows nothing of and that has evidence there.
    /// Borrow the pack, then refer to it.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn find_lent_chunks(&self, lender: VaultId, group: GroupId, ids: &[ChunkId]) -> Result<Vec<Option<ChunkAt>>> {
        self.handle.read(|tables| {
            let (home, lender) = (tables.home()?.number, tables.medium(lender)?);
            let mut last = None;
            let lends = |pack| tables.lends(home, &lender, pack);
            ids.iter().map(|id| tables.chunk_in(&lends, group, id, &mut last)).collect()
        })
    }

    /// D-2: reserves packs at the lenders before the capture refers to them. Returns those that the first one can't
    /// lend: their chunks must be stored again. Another lender that has not got one lends nothing more.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] for a capture that is gone.
    pub fn borrow_packs(&self, lenders: &[ReservationId], packs: &[PackNo]) -> Result<Vec<PackNo>> {
        let Some((first, others)) = lenders.split_first() else { return Ok(packs.to_vec()) };
        self.handle.write(|tables| {
            let mut refused = Vec::new();
            for &pack in packs {
                if !tables.borrow_pack(*first, pack)? {
                    refused.push(pack);
                    continue;
                }
                for &other in others {
                    if tables.reservations.get(&other)?.is_some() && !tables.borrow_pack(other, pack)? {
                        tables.drop_reservation(other)?;
                    }
                }
            }
            Ok(refused)
        })
    }

    /// The packs of a point that a medium does not have and that others lend it; none but at home.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn borrowed(&self, medium: VaultId, point: PointOrder) -> Result<BTreeSet<PackNo>> {
        self.handle.read(|tables| match tables.medium(medium)?.side {
            Side::Home => tables.borrowed(point),
            Side::Offsite => Ok(BTreeSet::new()),
        })
    }

    /// The media that lend a point what home lacks of it; none if home lacks nothing.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn lenders(&self, point: PointOrder) -> Result<Vec<VaultId>> {
        self.handle.read(|tables| Ok(tables.loans(point)?.into_iter().map(|(_, row)| row.at).collect()))
    }

    /// After a rebuild: a point at home that is damaged for nothing but packs that are not there is lent them again, by
    /// those of `media` that have all of them. Tells whether one does.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`].
    pub fn lend_again(&self, point: PointOrder, packs: &[PackNo], media: &[VaultId], now: Time) -> Result<bool> {
        self.handle.write(|tables| {
            let home = tables.home()?;
            let Some(row) = tables.placements.get(&(home.number, point))? else { return Ok(false) };
            let Some(lacking) = tables.lacking(home.number, packs)?.filter(|it| !it.is_empty()) else {
                return Ok(false);
            };
            if row.state != State::Damaged || tables.removals.get(&(home.number, point))?.is_some() {
                return Ok(false);
            }
            let before = tables.loans(point)?;
            for &at in media {
                tables.lend_all(at, point, &lacking)?;
            }
            let lent = tables.loans(point)?.len() > before.len();
            if lent {
                // Those from before lent something else.
                before.iter().try_for_each(|(id, _)| tables.drop_reservation(*id))?;
                tables.borrows_now(home.number, point, &lacking, row, now)?;
            }
            tables.moved_on()?;
            Ok(lent)
        })
    }
}

/// What lies on this computer's disk, or is given up, is nothing to rely on.
fn may_lend(medium: &MediumRow) -> bool {
    medium.side == Side::Offsite && medium.retired.is_none() && !medium.same_disk
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// Has the medium the pack with evidence, and home no row of it? What home knows to be damaged or missing it heals.
    fn lends(&self, home: MediumNo, lender: &MediumRow, pack: PackNo) -> Result<bool> {
        let is_proved = self.pack_at.get(&(lender.number, pack))?.is_some_and(|row| {
            row.state == PackState::Present && row.evidence.is_some_and(|evidence| evidence.suffices(Side::Offsite))
        });
        Ok(is_proved && may_lend(lender) && self.pack_at.get(&(home, pack))?.is_none())
    }

    /// The reservations that lend a point what home lacks of it.
    pub fn loans(&self, point: PointOrder) -> Result<Vec<(ReservationId, ReservationRow)>> {
        let is_loan = |row: &ReservationRow| row.owner == Owner::Loan { point };
        Ok(self.reservations.all()?.into_iter().filter(|(_, row)| is_loan(row)).collect())
    }

    /// The packs that a reservation names.
    fn packs_of(&self, id: ReservationId) -> Result<Vec<PackNo>> {
        self.reserved_by.under(&key_bytes(&id))?.map(|row| row.map(|((_, pack), ())| pack)).collect()
    }

    /// What home lacks of a point and is lent.
    pub fn borrowed(&self, point: PointOrder) -> Result<BTreeSet<PackNo>> {
        let loans = self.loans(point)?;
        if loans.is_empty() {
            return Ok(BTreeSet::new());
        }
        let home = self.home()?.number;
        let mut borrowed = BTreeSet::new();
        for (id, _) in loans {
            for pack in self.packs_of(id)? {
                if self.pack_at.get(&(home, pack))?.is_none() {
                    borrowed.insert(pack);
                }
            }
        }
        Ok(borrowed)
    }

    /// Does home lack the pack with good reason: a point there borrows it?
    pub fn is_borrowed(&self, pack: PackNo) -> Result<bool> {
        for (id, row) in self.reservations.all()? {
            if matches!(row.owner, Owner::Loan { .. }) && self.reserved_by.get(&(id, pack))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Of a point's packs those that home has not got; none at all if it has one and that is bad.
    fn lacking(&self, home: MediumNo, packs: &[PackNo]) -> Result<Option<BTreeSet<PackNo>>> {
        let mut lacking = BTreeSet::new();
        for &pack in packs {
            match self.pack_at.get(&(home, pack))?.map(|row| row.state) {
                Some(PackState::Present) => {}
                None | Some(PackState::Missing) => _ = lacking.insert(pack),
                Some(PackState::Damaged | PackState::Deleting) => return Ok(None),
            }
        }
        Ok(Some(lacking))
    }
}

impl Tables<'_, Writing> {
    fn borrow_pack(&mut self, capture: ReservationId, pack: PackNo) -> Result<bool> {
        let (home, lender) = (self.home()?.number, self.capture(capture)?.at);
        let lender = self.medium(lender)?;
        let lends = self.lends(home, &lender, pack)?;
        if lends {
            self.reserve_pack(capture, lender.number, pack)?;
        }
        Ok(lends)
    }

    /// The capture's reservations become the point's, at each lender that still has all that it borrows; the others go.
    pub fn lend(&mut self, captures: &[ReservationId], point: &PointRow, borrowed: &BTreeSet<PackNo>) -> Result<()> {
        let home = self.home()?.number;
        let mut is_lent = borrowed.is_empty();
        for &id in captures {
            let Some(row) = self.reservations.get(&id)? else { continue };
            let lender = self.medium(row.at)?;
            let mut has_all = !borrowed.is_empty();
            for &pack in borrowed {
                has_all &= self.reserved_by.get(&(id, pack))?.is_some() && self.lends(home, &lender, pack)?;
            }
            if has_all {
                is_lent = true;
                self.keep_only(id, lender.number, borrowed)?;
                self.reservations.put(&id, &ReservationRow { owner: Owner::Loan { point: point.order }, ..row })?;
            } else {
                self.drop_reservation(id)?;
            }
        }
        match is_lent {
            true => Ok(()),
            false => Err(refused("D-2", format_args!("no place lends what home lacks of point {}", point.name()))),
        }
    }

    fn keep_only(&mut self, id: ReservationId, at: MediumNo, packs: &BTreeSet<PackNo>) -> Result<()> {
        for pack in self.packs_of(id)?.into_iter().filter(|pack| !packs.contains(pack)) {
            self.reserved_by.remove(&(id, pack))?;
            self.reserved.remove(&(at, pack, id))?;
        }
        Ok(())
    }

    /// A loan at a medium that has all these packs, whether there is evidence or not.
    fn lend_all(&mut self, at: VaultId, point: PointOrder, packs: &BTreeSet<PackNo>) -> Result<()> {
        let lender = self.medium(at)?;
        for &pack in packs {
            let known = self.pack_at.get(&(lender.number, pack))?;
            if !may_lend(&lender) || known.is_none_or(|row| row.state != PackState::Present) {
                return Ok(());
            }
        }
        let id = self.reserve(&ReservationRow { owner: Owner::Loan { point }, at, points: Vec::new() })?;
        packs.iter().try_for_each(|pack| self.reserve_pack(id, lender.number, *pack))
    }

    /// A manifest that was found at home and that the catalog did not know there: do media lend what home lacks of it?
    pub fn lend_found(&mut self, at: MediumNo, point: PointOrder, packs: PackList<'_>) -> Result<bool> {
        let home = self.meta_row()?.home.map(|home| self.number(home)).transpose()?;
        let (true, PackList::Whole(packs)) = (home == Some(at), packs) else { return Ok(false) };
        let Some(lacking) = self.lacking(at, packs)?.filter(|it| !it.is_empty()) else { return Ok(false) };
        self.end_loans(point)?;
        for medium in self.media_in_order()? {
            self.lend_all(medium.vault, point, &lacking)?;
        }
        let is_lent = !self.loans(point)?.is_empty();
        if is_lent {
            self.miss_no_more(at, &lacking)?;
        }
        Ok(is_lent)
    }

    /// What is lent is not missing.
    fn miss_no_more(&mut self, home: MediumNo, packs: &BTreeSet<PackNo>) -> Result<()> {
        packs.iter().try_for_each(|pack| self.put_pack_at(home, *pack, None))
    }

    fn borrows_now(
        &mut self,
        home: MediumNo,
        order: PointOrder,
        packs: &BTreeSet<PackNo>,
        row: PlacementRow,
        now: Time,
    ) -> Result<()> {
        self.miss_no_more(home, packs)?;
        let point = self.point(order)?;
        let row = PlacementRow {
            state: State::Present,
            proof: Proof::Present,
            verified: None,
            reason: LENT.to_owned(),
            changed: now,
            ..row
        };
        self.put_placement(home, &point, &row)
    }

    /// The point has left home: it borrows nothing more.
    pub fn end_loans(&mut self, point: PointOrder) -> Result<()> {
        self.loans(point)?.into_iter().try_for_each(|(id, _)| self.drop_reservation(id))
    }

    /// A pack is bad at a medium, or, without one, the medium is given up: it lends no more. A point that nobody else
    /// lends to is damaged at home, and its packs stay reserved where they are: they may heal it.
    pub fn fails_to_lend(&mut self, medium: &MediumRow, pack: Option<PackNo>, why: &str, now: Time) -> Result<()> {
        if medium.side == Side::Home {
            return Ok(());
        }
        for (id, row) in self.reservations.all()? {
            let Owner::Loan { point } = row.owner else { continue };
            let names = match pack {
                Some(pack) => self.reserved_by.get(&(id, pack))?.is_some(),
                None => true,
            };
            if row.at != medium.vault || !names {
                continue;
            }
            if self.loans(point)?.len() > 1 {
                self.drop_reservation(id)?;
                continue;
            }
            let home = self.home()?.number;
            let present = self.placements.get(&(home, point))?.is_some_and(|row| row.state == State::Present);
            if present {
                let reason = format!("{LENT}, and {why} at {}", medium.destination);
                self.fall(home, point, State::Damaged, reason, now)?;
            }
        }
        Ok(())
    }
}

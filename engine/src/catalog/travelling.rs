//! Which packs travel to a medium on a seed's drive: nobody sends these.

use super::error::Result;
use super::rows::{Owner, PackNo, PackState, ReservationId, ReservationRow};
use super::seeds::SeedState;
use super::tables::{MediumNo, Mode, Tables};
use super::value::key_bytes;

fn is_under_way(state: SeedState) -> bool {
    state < SeedState::Verified
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// Does a pack travel to a medium on a seed's drive, and is not known to lie there? What a drive brought and was lost
    /// there since does not.
    pub fn is_travelling(&self, at: MediumNo, pack: PackNo) -> Result<bool> {
        Ok(!self.lies_there(at, pack)? && self.drive_with(at, pack)?.is_some_and(is_under_way))
    }

    fn lies_there(&self, at: MediumNo, pack: PackNo) -> Result<bool> {
        Ok(self.pack_at.get(&(at, pack))?.is_some_and(|row| row.state != PackState::Missing))
    }

    /// Did a drive bring a pack to a medium, and was what it brought looked into?
    pub fn came_by_post(&self, at: MediumNo, pack: PackNo) -> Result<bool> {
        Ok(self.drive_with(at, pack)? == Some(SeedState::Verified))
    }

    /// How far the drive has come that a pack is on; the last one, if one went before it and what that brought was lost.
    fn drive_with(&self, at: MediumNo, pack: PackNo) -> Result<Option<SeedState>> {
        let mut least = None;
        for row in self.reserved.under(&key_bytes(&(at, pack)))? {
            let ((_, _, by), ()) = row?;
            if let Some(state) = self.drive_of_reservation(by, &self.reservation(by)?)? {
                least = Some(least.map_or(state, |least: SeedState| least.min(state)));
            }
        }
        Ok(least)
    }

    /// How far a drive has come, by the reservation of its packs; none of any other reservation.
    fn drive_of_reservation(&self, by: ReservationId, row: &ReservationRow) -> Result<Option<SeedState>> {
        let Owner::Seed { id } = row.owner else { return Ok(None) };
        let seed = self.seeds.get(&id)?;
        let drive = seed.iter().flat_map(|seed| &seed.drives).find(|drive| drive.at_medium == by.0);
        Ok(drive.map(|drive| drive.state))
    }

    /// All that do, and are not known to lie there.
    pub fn all_travelling(&self) -> Result<Vec<(MediumNo, PackNo)>> {
        let mut travelling = Vec::new();
        for (id, row) in self.reservations.all()? {
            if !self.drive_of_reservation(id, &row)?.is_some_and(is_under_way) {
                continue;
            }
            let at = self.number(row.at)?;
            for row in self.reserved_by.under(&key_bytes(&id))? {
                let ((_, pack), ()) = row?;
                if !self.lies_there(at, pack)? {
                    travelling.push((at, pack));
                }
            }
        }
        Ok(travelling)
    }
}

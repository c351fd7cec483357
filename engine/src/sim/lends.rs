//! What must hold of points at home that borrow: judged from the bytes at the lenders.

use super::world::World;
use crate::catalog::{self, Owner, Snapshot, keeps_packs};
use crate::model::{ObjectName, State};

impl World {
    /// O-8.
    pub(super) fn lenders_have_it(&self, snapshot: &Snapshot, wrong: &mut Vec<String>) -> catalog::Result<()> {
        let home = self.home.vault;
        for row in snapshot.reservations.values() {
            let Owner::Loan { point } = row.owner else { continue };
            let state = snapshot.placements[&home].get(&point).map(|placed| placed.state);
            let leaves = snapshot.removals[&home].contains_key(&point);
            if !leaves && !state.is_some_and(keeps_packs) {
                wrong.push(format!("O-8 {point} is not at home, and {} lends to it", row.at));
            }
            let Some(drive) = self.all_drives().find(|drive| drive.vault == row.at) else { continue };
            if state != Some(State::Present) || drive.set_back || drive.fenced {
                continue;
            }
            let files = drive.place.contents();
            let borrowed: Vec<_> = self.catalog.borrowed(home, point)?.into_iter().collect();
            for pack in self.catalog.packs(&borrowed)? {
                let path = ObjectName::Pack(pack.id).path();
                let good = files.get(&path).is_some_and(|bytes| *blake3::hash(bytes).as_bytes() == pack.id.0);
                if !good && !drive.damaged.contains_key(&path) {
                    wrong.push(format!("O-8 {point} needs {path} of {}, and it is not whole there", row.at));
                }
            }
        }
        Ok(())
    }
}

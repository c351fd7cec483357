//! What is lost, as far as a rebuild can tell: points that heads tell of and that are not there, and points that no place
//! has whole.
//!
//! In: the heads, and a catalog that has every manifest that was found. Out: the missing ones noted, so that nothing that
//! may be theirs is deleted; problems for people.

use super::points::{Counted, reading};
use super::vaults::{Vault, Vaults};
use super::{broke_off, unread};
use crate::catalog::{Catalog, Finding, keeps_packs};
use crate::command::{Call, Failure};
use crate::copy::Lists;
use crate::format::{Head, HeadNewest};
use crate::model::{ObjectName, State};
use crate::seal::Keyring;
use crate::vault::{list_heads, newest_told};

/// What is read with.
pub(super) struct Lost<'l> {
    pub call: &'l Call,
    pub catalog: &'l Catalog,
    pub keyring: &'l Keyring,
    pub lists: &'l Lists<'l>,
}

impl Lost<'_> {
    /// Notes and tells all of it.
    ///
    /// # Errors
    /// If a place can't be read to the end.
    pub fn tell(&self, vaults: &Vaults, heads: &[Head], counted: &mut Counted) -> Result<(), Failure> {
        for vault in &vaults.here {
            let medium = vault.identity.vault;
            let here = list_heads(&*vault.store, medium, self.keyring).map_err(|error| unread(vault, &error))?;
            for told in newest_told(medium, &here, heads) {
                self.expect(vaults, vault, &told, counted)?;
            }
        }
        self.whole_nowhere(counted)
    }

    /// A point that heads tell of at a vault.
    fn expect(&self, all: &Vaults, vault: &Vault, told: &HeadNewest, counted: &mut Counted) -> Result<(), Failure> {
        let (catalog, medium) = (self.catalog, vault.identity.vault);
        let (object, name) = (ObjectName::Point(told.job, told.point), told.point);
        let known = catalog.point(name.order)?.filter(|point| point.id == name.id && point.job == told.job);
        let is_known_there =
            known.is_some() && catalog.placement(medium, name.order)?.is_some_and(|placed| keeps_packs(placed.state));
        // One that lies there and does not open was told when it was read.
        let lies_there = vault.store.stat(&object.path()).map_err(|error| unread(vault, &error))?.is_some();
        if is_known_there || lies_there || catalog.went_on_purpose(medium, &object)? {
            return Ok(());
        }
        if known.is_none() && lies_at_any(all, &object)? {
            // Another point has its place in the order: this computer was set back between the two.
            counted
                .problems
                .push(format!("{object} at {} is missing, a head tells of it; another place has it", vault.name));
            return Ok(());
        }
        let Some(point) = known else {
            catalog.note_unsure(medium, &object)?;
            counted.lost += 1;
            let advice = "connect the place that has it; until then nothing is deleted there";
            counted.problems.push(format!("no place has {object}, of which a head at {} tells: {advice}", vault.name));
            return Ok(());
        };
        let listing = self.lists.named(&*vault.store, told.job, name).map_err(|error| unread(vault, &error))?;
        if let Some(listing) = listing {
            let reading = reading(catalog, vault, (self.keyring, self.lists), self.call.clock.now());
            reading.bad_point(&point, &listing, Finding::Missing).map_err(|error| broke_off(&error))?;
        }
        let advice = "another place has it: `engine verify --repair` heals it";
        counted.problems.push(format!("{object} at {} is missing, a head tells of it; {advice}", vault.name));
        Ok(())
    }

    /// Points of which only damaged copies were found.
    fn whole_nowhere(&self, counted: &mut Counted) -> Result<(), Failure> {
        for point in self.catalog.points()?.into_iter().filter(|point| point.removed.is_none()) {
            let placed = self.catalog.placements_of(point.order)?;
            let is_whole = |state| matches!(state, State::Present | State::Complete);
            if placed.is_empty() || placed.iter().any(|(_, row)| is_whole(row.state)) {
                continue;
            }
            let bad = placed.iter().filter(|(_, row)| keeps_packs(row.state));
            let bad: Vec<_> = bad.map(|(medium, row)| format!("at {} {}", medium.destination, row.reason)).collect();
            counted.lost += 1;
            counted.problems.push(format!("no place has the point {} whole: {}", point.id, bad.join("; ")));
        }
        Ok(())
    }
}

fn lies_at_any(all: &Vaults, object: &ObjectName) -> Result<bool, Failure> {
    for vault in &all.here {
        if vault.store.stat(&object.path()).map_err(|error| unread(vault, &error))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

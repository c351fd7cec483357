//! Reading back what lies at every place, and telling the catalog what is bad there: as `engine verify` does, without
//! what it heals.

use super::oracle::Whose;
use super::world::World;
use crate::catalog::{Finding, Found, Naming, PackState};
use crate::copy::{CopyError, ReadBack, read_back};
use crate::destination::ReadStore;
use crate::model::{Digest, ObjectName, VaultId, chain};
use crate::port::Clock as _;
use crate::vault::{PackNames, VaultReader};

impl World {
    /// Every object that should be there is read back.
    ///
    /// # Errors
    /// If the catalog fails.
    pub fn verify(&mut self) -> Result<Whose, String> {
        self.say("Verify");
        for at in 0..=self.drives.len() {
            let drive = if at == 0 { &self.home } else { &self.drives[at - 1] };
            let vault = drive.vault;
            if let Ok(wire) = self.wire(drive) {
                self.look_at(vault, &wire).map_err(|error| chain(&error))?;
                if let Some(drive) = self.drive_mut(vault) {
                    drive.damaged.clear();
                }
            }
        }
        Ok(Whose::Engine)
    }

    /// Every pack that is known there, whether a point names it or not, then every point.
    fn look_at(&self, medium: VaultId, store: &dyn ReadStore) -> Result<(), CopyError> {
        for (_, pack, known) in self.catalog.packs_at(medium)? {
            if known.state != PackState::Deleting {
                self.look_at_object(medium, store, &ObjectName::Pack(pack.id), &Digest(pack.id.0))?;
            }
        }
        for (order, row) in self.catalog.placements_at(medium)? {
            let Some(point) = self.catalog.point(order)?.filter(|_| row.state.is_there()) else { continue };
            let mut objects = vec![(point.manifest(), point.manifest_digest)];
            let reader = VaultReader::new(store, &self.keyring);
            let manifest = reader.manifest(point.job, point.name());
            if let Ok(names) = manifest.and_then(|(manifest, ..)| PackNames::of(&manifest, &reader)) {
                objects.extend(names.all().iter().map(|id| (ObjectName::Pack(*id), Digest(id.0))));
            } else {
                // A list that can't be read: whatever may belong to the point is looked at.
                let known = self.catalog.packs_at(medium)?;
                objects.extend(known.into_iter().map(|(_, pack, _)| (ObjectName::Pack(pack.id), Digest(pack.id.0))));
            }
            for (object, digest) in objects {
                self.look_at_object(medium, store, &object, &digest)?;
            }
        }
        Ok(())
    }

    fn look_at_object(
        &self,
        medium: VaultId,
        store: &dyn ReadStore,
        object: &ObjectName,
        digest: &Digest,
    ) -> Result<(), CopyError> {
        let finding = match read_back(store, &object.path(), digest, &*self.clock)? {
            ReadBack::Good(_) => return Ok(()),
            ReadBack::Missing => Finding::Missing,
            ReadBack::Damaged => Finding::Damaged,
        };
        let found = Found { medium, object, finding, naming: &Naming::All, now: self.clock.now() };
        self.catalog.found_damaged(&found)?;
        Ok(())
    }
}

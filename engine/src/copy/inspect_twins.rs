//! Points that lie at a place and that the catalog can't hold, for another one has their place in the order: this computer
//! was set back between the two. They are read back like any other, by their own names; what is wrong with them is told.

use std::collections::BTreeSet;

use super::error::{CopyError, chain};
use super::inspect::{Flaw, Look, PackSeen, Seen, say, word};
use super::read_in::{twin, twin_text};
use crate::catalog::Finding;
use crate::model::{JobId, ObjectName, PackId, PointName};
use crate::vault::VaultReader;

impl Look<'_> {
    /// Reads them back, after all that the catalog knows.
    pub(super) fn twins(&mut self, twins: &[(JobId, PointName)]) -> Result<(), CopyError> {
        let mut flawed = BTreeSet::new();
        for (job, name) in twins {
            if let Some(known) = twin(self.at.tools.catalog, *name)? {
                say(self.at, &twin_text(*name, &known));
            }
            self.twin(*job, *name, &mut flawed)?;
        }
        Ok(())
    }

    fn twin(&mut self, job: JobId, name: PointName, flawed: &mut BTreeSet<PackId>) -> Result<(), CopyError> {
        let object = ObjectName::Point(job, name);
        let reader = VaultReader::new(self.at.store, self.at.tools.keyring);
        let manifest = match reader.manifest(job, name) {
            Ok((manifest, digest, bytes)) => match self.read(&object, &digest, bytes)? {
                Seen::Good(_) => manifest,
                Seen::Bad(finding) => return self.flawed(&object, finding, word(finding), name),
                Seen::Unread => return Ok(()),
            },
            Err(error) if error.is_damage() => {
                let text = format!("damaged: {}", chain(&error));
                return self.flawed(&object, Finding::Damaged, &text, name);
            }
            Err(error) => return self.found.refused(self.at, object.path(), error.into()),
        };
        let listing = match self.at.lists.of(self.at.store, &manifest) {
            Ok(listing) => listing,
            Err(error) => return self.found.refused(self.at, object.path(), error.into()),
        };
        if !listing.is_whole() {
            self.flawed(&object, Finding::Damaged, "its list of packs can't be read", name)?;
        }
        for pack in &listing.packs {
            let seen = self.pack_of_twin(pack)?;
            // One that other points name is told of with them.
            if let PackSeen::Bad(finding) = seen
                && !self.named.contains_key(pack)
                && flawed.insert(*pack)
            {
                self.flawed(&ObjectName::Pack(*pack), finding, word(finding), name)?;
            }
        }
        Ok(())
    }

    fn pack_of_twin(&mut self, pack: &PackId) -> Result<PackSeen, CopyError> {
        if let Some(seen) = self.packs.get(pack) {
            return Ok(*seen);
        }
        let object = ObjectName::Pack(*pack);
        let bytes = match self.at.store.stat(&object.path()) {
            Ok(bytes) => bytes.unwrap_or(0),
            Err(error) => {
                self.found.refused(self.at, object.path(), error.into())?;
                0
            }
        };
        let seen = match self.read(&object, &super::mirrored::digest_of(self.at.store, pack), bytes)? {
            Seen::Good(_) => PackSeen::Good,
            Seen::Bad(finding) => PackSeen::Bad(finding),
            Seen::Unread => PackSeen::Unread,
        };
        self.packs.insert(*pack, seen);
        Ok(seen)
    }

    fn flawed(&mut self, object: &ObjectName, finding: Finding, text: &str, of: PointName) -> Result<(), CopyError> {
        let problem = format!("{text}; needed by the point {}, which the catalog does not hold", of.id);
        self.found.flaws.push(Flaw::new(object.path(), finding, problem));
        Ok(())
    }
}

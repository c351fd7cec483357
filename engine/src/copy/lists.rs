//! Which packs a point names, read from whichever places have its manifest and its list.
//!
//! Manifests and packs are the same bytes at every medium, so a list that one place lost is read at another.
//! Deliberately absent: remembering lists, which would take more memory than reading them again takes time.

use super::error::CopyError;
use crate::catalog::{Catalog, CatalogError, Finding, Found, Naming};
use crate::destination::{ErrorKind, Index, ReadStore};
use crate::format::Manifest;
use crate::model::{ChunkRef, GroupId, JobId, ObjectName, PackId, PointName, PointOrder, Time, VaultId};
use crate::seal::Keyring;
use crate::vault::{ChunkSource, PackNames, VaultError, VaultReader, mirror_files};

/// Readers of several places of one family, the first preferred.
pub struct Lists<'l> {
    readers: Vec<(VaultId, VaultReader<'l>)>,
}

/// The packs that a point names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Their names, sorted.
    pub packs: Vec<PackId>,
    /// Why these are the roots only, if so: no place that was asked has the list itself.
    pub lost: Option<String>,
}

impl Listing {
    /// Are these all?
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.lost.is_none()
    }
}

impl<'l> Lists<'l> {
    /// Lists from these places.
    #[must_use]
    pub fn new(keyring: &'l Keyring, places: impl IntoIterator<Item = (VaultId, &'l dyn ReadStore)>) -> Self {
        Self { readers: places.into_iter().map(|(medium, store)| (medium, VaultReader::new(store, keyring))).collect() }
    }

    /// A point's manifest, from the first place where it opens.
    ///
    /// # Errors
    /// Why not: that a place can't be asked now, before what is wrong with the bytes at another.
    pub fn manifest(&self, job: JobId, name: PointName) -> Result<Manifest, VaultError> {
        let mut failed = VaultError::Missing { object: ObjectName::Point(job, name).to_string() };
        for (_, reader) in &self.readers {
            match reader.manifest(job, name) {
                Ok((manifest, ..)) => return Ok(manifest),
                Err(error) if is_lost(&failed) => failed = error,
                Err(_) => {}
            }
        }
        Err(failed)
    }

    /// What a manifest names at this place: packs, or files and the packs with their entries.
    ///
    /// # Errors
    /// If the list may be there, and can't be read now. A list that is lost is no error.
    pub fn of(&self, at: &dyn ReadStore, manifest: &Manifest) -> Result<Listing, VaultError> {
        let packs = match at.mirror() {
            Some(index) => self.files(index, manifest),
            None => PackNames::of(manifest, self).map(|names| names.all().to_vec()),
        };
        match packs {
            Ok(packs) => Ok(Listing { packs, lost: None }),
            Err(error) if is_lost(&error) => {
                Ok(Listing { packs: manifest.roots.clone(), lost: Some(crate::model::chain(&error)) })
            }
            Err(error) => Err(error),
        }
    }

    fn files(&self, index: &Index, manifest: &Manifest) -> Result<Vec<PackId>, VaultError> {
        let files = mirror_files(manifest, self)?;
        let mut objects: Vec<PackId> = manifest.roots.iter().chain(files.iter().map(|(id, _)| id)).copied().collect();
        objects.sort_unstable();
        objects.dedup();
        index.learn(manifest.name.order, files);
        Ok(objects)
    }

    /// What a point names at this place; none if its manifest is whole nowhere.
    ///
    /// # Errors
    /// If manifest or list may be there, and can't be read now.
    pub fn named(&self, at: &dyn ReadStore, job: JobId, name: PointName) -> Result<Option<Listing>, VaultError> {
        match self.manifest(job, name) {
            Ok(manifest) => self.of(at, &manifest).map(Some),
            Err(error) if is_lost(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl<'l> Lists<'l> {
    /// The place of a medium, if it is one of these.
    fn place(&self, medium: VaultId) -> Option<&'l dyn ReadStore> {
        let reader = self.readers.iter().find(|(id, _)| *id == medium).or(self.readers.first());
        reader.map(|(_, reader)| reader.store())
    }
}

impl ChunkSource for Lists<'_> {
    fn chunk(&self, group: GroupId, pack: &PackId, chunk: &ChunkRef) -> Result<Vec<u8>, VaultError> {
        let mut failed = VaultError::Missing { object: ObjectName::Pack(*pack).to_string() };
        for (_, reader) in &self.readers {
            match reader.chunk(group, pack, chunk) {
                Ok(plain) => return Ok(plain),
                Err(error) if is_lost(&failed) => failed = error,
                Err(_) => {}
            }
        }
        Err(failed)
    }
}

/// Are the bytes wrong or gone, or on a sector that can't be read? What a place can't give now is not lost.
fn is_lost(error: &VaultError) -> bool {
    error.is_damage() || matches!(error, VaultError::Store(error) if error.kind == ErrorKind::Permanent)
}

/// Records damage of an object at a medium, and with a pack exactly the points whose manifests name it; a point whose
/// list can't be read counts as one that does. Gives the points that are damaged there now.
///
/// # Errors
/// As the catalog answers.
pub fn record_damage(
    catalog: &Catalog,
    lists: &Lists<'_>,
    (medium, object): (VaultId, &ObjectName),
    finding: Finding,
    now: Time,
) -> Result<Vec<PointOrder>, CopyError> {
    let naming = naming(catalog, lists, medium, object)?;
    mark_damage(catalog, (medium, object), finding, &naming, now)
}

/// The same where it is known which points name it. Points that came meanwhile count as naming it.
///
/// # Errors
/// As the catalog answers.
pub(super) fn mark_damage(
    catalog: &Catalog,
    (medium, object): (VaultId, &ObjectName),
    finding: Finding,
    naming: &Naming,
    now: Time,
) -> Result<Vec<PointOrder>, CopyError> {
    let found = Found { medium, object, finding, naming, now };
    match catalog.found_damaged(&found) {
        Err(CatalogError::Refused { .. }) if *naming != Naming::All => {
            Ok(catalog.found_damaged(&Found { naming: &Naming::All, ..found })?)
        }
        marked => Ok(marked?),
    }
}

fn naming(catalog: &Catalog, lists: &Lists<'_>, medium: VaultId, object: &ObjectName) -> Result<Naming, CopyError> {
    let ObjectName::Pack(id) = object else { return Ok(Naming::All) };
    let Some((number, _)) = catalog.pack_by_id(id)? else { return Ok(Naming::All) };
    let looked_at = catalog.may_name(medium, number)?;
    let mut naming = Vec::new();
    for order in &looked_at {
        let point = catalog.point(*order)?;
        let listing = point.and_then(|point| {
            let at = lists.place(medium)?;
            lists.named(at, point.job, point.name()).ok().flatten()
        });
        if listing.is_none_or(|listing| !listing.is_whole() || listing.packs.contains(id)) {
            naming.push(*order);
        }
    }
    Ok(Naming::Exactly { naming, looked_at })
}

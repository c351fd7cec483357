//! What points are at a mirror: files, and the packs with their entries.
//!
//! Deliberately absent: which points go to a mirror, and where the files lie there.

use rkyv::{Archive, Deserialize, Serialize};

use super::capture::NewPack;
use super::error::Result;
use super::open::Catalog;
use super::stored::{DigestDef, PackIdDef};
use super::value::rkyv_rows;
use crate::model::{Digest, PackId, PointOrder};

/// One point.
#[derive(Debug, Clone, PartialEq, Eq, Default, Archive, Serialize, Deserialize)]
pub struct MirroredRow {
    /// Packs that lie there as packs.
    pub roots: Vec<Named>,
    /// The files.
    pub files: Vec<MirroredFile>,
}

/// The name of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Named {
    /// It.
    #[rkyv(with = PackIdDef)]
    pub id: PackId,
}

/// One of its files.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct MirroredFile {
    /// The object that it is.
    #[rkyv(with = PackIdDef)]
    pub id: PackId,
    /// Its path, as it stands in the point.
    pub path: Vec<u8>,
    /// Its bytes.
    pub bytes: u64,
    /// BLAKE3 of them.
    #[rkyv(with = DigestDef)]
    pub digest: Digest,
}

rkyv_rows!(MirroredRow);

impl MirroredRow {
    /// All objects of the point there but its manifest.
    #[must_use]
    pub fn objects(&self) -> Vec<PackId> {
        self.roots.iter().map(|root| root.id).chain(self.files.iter().map(|file| file.id)).collect()
    }
}

impl Catalog {
    /// What a point is at a mirror, once that was read.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn mirrored(&self, point: PointOrder) -> Result<Option<MirroredRow>> {
        self.handle.read(|tables| tables.mirrored.get(&point))
    }

    /// The same of every point of which it was read.
    ///
    /// # Errors
    /// As [`Catalog::meta`].
    pub fn all_mirrored(&self) -> Result<Vec<(PointOrder, MirroredRow)>> {
        self.handle.read(|tables| tables.mirrored.all())
    }

    /// What a point is at a mirror: from now on its files are objects that it uses.
    ///
    /// # Errors
    /// [`super::CatalogError::Unknown`] for an unknown point.
    pub fn note_mirrored(&self, point: PointOrder, row: &MirroredRow) -> Result<()> {
        self.handle.write(|tables| {
            let group = tables.point(point)?.group;
            for file in &row.files {
                let new = NewPack { id: file.id, bytes: file.bytes, group, chunks: Vec::new() };
                let number = tables.know_pack(&new)?;
                tables.extend_interval(number, point)?;
            }
            tables.mirrored.put(&point, row)?;
            tables.moved_on()
        })
    }
}

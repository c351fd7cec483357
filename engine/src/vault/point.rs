//! A point's parts but its entries: sealing its manifest, its list of packs.

use std::collections::BTreeMap;

use super::error::VaultError;
use super::reader::ChunkSource;
use crate::format::{FormatError, Manifest, NamedPack, SealedHeader, SealedKind};
use crate::model::{ChunkRef, GroupId, JobId, PackId, ShortPack};
use crate::port::Entropy;
use crate::seal::Keyring;

/// The manifest's file.
///
/// # Errors
/// [`VaultError::Entropy`].
pub fn seal_manifest(manifest: &Manifest, keyring: &Keyring, entropy: &dyn Entropy) -> Result<Vec<u8>, VaultError> {
    let mut salt = [0; 32];
    entropy.fill(&mut salt).map_err(VaultError::Entropy)?;
    let mut scope = [0; 16];
    scope[..JobId::BYTES].copy_from_slice(&manifest.job.0);
    let header =
        SealedHeader { kind: SealedKind::Manifest, family: keyring.family(), scope, epoch: keyring.epoch(), salt };
    Ok(keyring.seal_file(&header, &manifest.encode()).expect("the keyring's own family and epoch"))
}

/// Sorted names of a group's packs, found by their prefix, and how long those are that a pack list names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackNames {
    group: GroupId,
    ids: Vec<PackId>,
    bytes: BTreeMap<PackId, u32>,
}

impl PackNames {
    /// Sorts `names`; no length is known.
    #[must_use]
    pub fn new(group: GroupId, mut names: Vec<PackId>) -> Self {
        names.sort_unstable();
        names.dedup();
        Self { group, ids: names, bytes: BTreeMap::new() }
    }

    /// The packs that hold a point's entries and its pack list.
    #[must_use]
    pub fn roots(manifest: &Manifest) -> Self {
        Self::new(manifest.group, manifest.roots.clone())
    }

    /// All names, sorted.
    #[must_use]
    pub fn all(&self) -> &[PackId] {
        &self.ids
    }

    /// Bytes of that pack's file, if the pack list names it; roots are named without.
    #[must_use]
    pub fn bytes(&self, pack: &PackId) -> Option<u32> {
        self.bytes.get(pack).copied()
    }

    /// Those with that prefix: nearly always one.
    #[must_use]
    pub fn find(&self, short: ShortPack) -> &[PackId] {
        let start = self.ids.partition_point(|id| id.short() < short);
        let end = self.ids.partition_point(|id| id.short() <= short);
        &self.ids[start..end]
    }

    /// The chunk, from whichever pack of that prefix holds it.
    ///
    /// # Errors
    /// [`VaultError`] if none does.
    pub fn chunk(&self, source: &dyn ChunkSource, chunk: &ChunkRef) -> Result<Vec<u8>, VaultError> {
        let mut failed = VaultError::Damaged {
            object: "the manifest".into(),
            why: format!("it does not list the pack {}", chunk.pack),
        };
        for pack in self.find(chunk.pack) {
            match source.chunk(self.group, pack, chunk) {
                Ok(plain) => return Ok(plain),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The list that a manifest refers to, roots included: all that a restore of the point needs.
    ///
    /// # Errors
    /// [`VaultError`] if it can't be read.
    pub fn of(manifest: &Manifest, source: &dyn ChunkSource) -> Result<Self, VaultError> {
        let listed = listed_packs(manifest, source)?;
        if !listed.is_sorted_by(|a, b| a.id < b.id) {
            return Err(FormatError::damaged("the pack list", "its names are not in order").into());
        }
        let names = manifest.roots.iter().copied().chain(listed.iter().map(|pack| pack.id)).collect();
        let bytes = listed.into_iter().map(|pack| (pack.id, pack.bytes)).collect();
        Ok(Self { bytes, ..Self::new(manifest.group, names) })
    }
}

/// The records of a manifest's pack list, as they stand there.
fn listed_packs(manifest: &Manifest, source: &dyn ChunkSource) -> Result<Vec<NamedPack>, VaultError> {
    let roots = PackNames::roots(manifest);
    let (mut listed, mut rest) = (Vec::new(), Vec::new());
    for chunk in &manifest.packs {
        rest.extend_from_slice(&roots.chunk(source, chunk)?);
        let (whole, left) = rest.as_chunks::<{ NamedPack::BYTES }>();
        for record in whole {
            listed.push(NamedPack::decode(record)?);
        }
        rest = left.to_vec();
    }
    if rest.is_empty() {
        Ok(listed)
    } else {
        Err(FormatError::damaged("the pack list", "it ends in the middle of a record").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Stats;
    use crate::model::{ChunkId, FamilyId, KeyEpoch, PointId, PointName, PointOrder, Time, WriterId};

    /// Gives the same bytes for every chunk.
    struct Fixed(Vec<u8>);

    impl ChunkSource for Fixed {
        fn chunk(&self, _: GroupId, _: &PackId, _: &ChunkRef) -> Result<Vec<u8>, VaultError> {
            Ok(self.0.clone())
        }
    }

    fn list(packs: &[([u8; 32], u32)]) -> Result<PackNames, VaultError> {
        let records: Vec<u8> =
            packs.iter().flat_map(|(id, bytes)| NamedPack { id: PackId(*id), bytes: *bytes }.encode()).collect();
        read(records)
    }

    fn read(records: Vec<u8>) -> Result<PackNames, VaultError> {
        let root = PackId([5; 32]);
        let chunk = ChunkRef { pack: root.short(), offset: 88, stored: 100, plain: 64, id: ChunkId([6; 32]) };
        let manifest = Manifest {
            family: FamilyId([1; 16]),
            job: JobId([2; 8]),
            group: GroupId([3; 8]),
            name: PointName { order: PointOrder { epoch: 1, sequence: 1 }, id: PointId([4; 8]) },
            writer: WriterId([7; 16]),
            key_epoch: KeyEpoch(1),
            created: Time::from_seconds(0),
            base: None,
            job_name: "documents".parse().expect("a name"),
            source: String::new(),
            stats: Stats::default(),
            roots: vec![root],
            entries: vec![],
            packs: vec![chunk],
        };
        PackNames::of(&manifest, &Fixed(records))
    }

    #[test]
    fn a_pack_list_is_sorted_and_names_each_pack_once() {
        let names = list(&[([1; 32], 500), ([5; 32], 600)]).expect("sorted");
        assert_eq!(names.all().len(), 2, "a root may stand in it");
        assert_eq!(names.bytes(&PackId([1; 32])), Some(500));
        assert!(list(&[([5; 32], 500), ([1; 32], 500)]).is_err());
        assert!(list(&[([1; 32], 500), ([1; 32], 500)]).is_err());
    }

    #[test]
    fn a_pack_list_that_is_cut_or_names_a_length_that_no_pack_has_is_refused() {
        let whole = NamedPack { id: PackId([1; 32]), bytes: 500 }.encode();
        assert!(read(whole.to_vec()).is_ok());
        assert!(read(whole[..35].to_vec()).is_err());
        assert!(list(&[([1; 32], 0)]).is_err());
        assert!(list(&[([1; 32], (64 << 20) + 1)]).is_err());
    }
}

//! The masters of a family and the purpose keys that come from them.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::aead::{Opened, SealError, open_box, seal_box};
use crate::format::{SealedHeader, SealedKind};
use crate::model::{ChunkId, FamilyId, KeyEpoch, SeedId};

const IDENTITY: &str = "offsite-copy v1 2026-11-22 chunk identity";
const CHUNKER: &str = "offsite-copy v1 2026-11-22 chunker";
const PACK: &str = "offsite-copy v1 2026-11-22 pack";
const PACK_NONCE: &str = "offsite-copy v1 2026-11-22 pack nonce";
const FOOTER: &str = "offsite-copy v1 2026-11-22 pack footer";
const FOOTER_NONCE: &str = "offsite-copy v1 2026-11-22 pack footer nonce";
const MANIFEST: &str = "offsite-copy v1 2026-11-22 manifest";
const MANIFEST_NONCE: &str = "offsite-copy v1 2026-11-22 manifest nonce";
const HEAD: &str = "offsite-copy v1 2026-11-22 head";
const HEAD_NONCE: &str = "offsite-copy v1 2026-11-22 head nonce";
const SEED: &str = "offsite-copy v1 2026-11-22 seed list";
const SLOTS: &str = "offsite-copy v1 2026-11-22 slot set";
const OLDER: &str = "offsite-copy v1 2026-11-22 older master";
const OLDER_NONCE: &str = "offsite-copy v1 2026-11-22 older master nonce";

type Key = Zeroizing<[u8; 32]>;

/// One master key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Master(pub(super) [u8; 32]);

impl Master {
    /// A master of those bytes; they must come from a good source of entropy.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key for one purpose: BLAKE3 `derive_key(context, master || parts…)`. Each part has a fixed width.
    pub(super) fn derive(&self, context: &str, parts: &[&[u8]]) -> Key {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&self.0);
        parts.iter().for_each(|part| {
            hasher.update(part);
        });
        Zeroizing::new(*hasher.finalize().as_bytes())
    }

    pub(super) fn slots_mac(&self, family: &FamilyId, authenticated: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.derive(SLOTS, &[&family.0]), authenticated).as_bytes()
    }

    /// Opens the master of an earlier `epoch`, which this one sealed.
    pub(super) fn open_older(&self, family: &FamilyId, epoch: KeyEpoch, sealed: &[u8]) -> Result<Opened, SealError> {
        let data = [&family.0[..], &epoch.0.to_be_bytes()].concat();
        open_box(&self.derive(OLDER, &[&data]), &data, sealed)
    }

    /// Seals the master of an earlier `epoch`.
    #[must_use]
    pub fn seal_older(&self, family: &FamilyId, epoch: KeyEpoch, older: &Self) -> Vec<u8> {
        let data = [&family.0[..], &epoch.0.to_be_bytes()].concat();
        seal_box(&self.derive(OLDER, &[&data]), &self.derive(OLDER_NONCE, &[&data]), &data, &older.0)
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Master(secret)")
    }
}

/// All masters of a family, by epoch: opens whatever the family sealed, seals with the newest.
#[derive(Clone, Debug)]
pub struct Keyring {
    family: FamilyId,
    masters: BTreeMap<KeyEpoch, Master>,
}

/// Where a chunk stands: associated data, so that a chunk can't be moved unnoticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlace {
    /// Its place among the pack's chunks.
    pub index: u32,
    /// First byte of its record.
    pub offset: u32,
    /// Bytes of its record.
    pub stored: u32,
    /// Its identity.
    pub id: ChunkId,
}

/// The keys of one pack.
pub struct PackKeys {
    header: Vec<u8>,
    chunk: Key,
    nonce: Key,
    footer: Key,
    footer_nonce: Key,
}

impl Keyring {
    /// A keyring of those masters.
    ///
    /// # Panics
    /// If there is none: a family has at least one.
    #[must_use]
    pub fn new(family: FamilyId, masters: BTreeMap<KeyEpoch, Master>) -> Self {
        assert!(!masters.is_empty(), "a family has a master");
        Self { family, masters }
    }

    /// Whose keys these are.
    #[must_use]
    pub fn family(&self) -> FamilyId {
        self.family
    }

    /// The epoch that is written with.
    #[must_use]
    pub fn epoch(&self) -> KeyEpoch {
        *self.masters.keys().next_back().expect("a family has a master")
    }

    /// The newest master.
    pub(super) fn newest(&self) -> &Master {
        &self.masters[&self.epoch()]
    }

    /// The key of chunk identities: keyed BLAKE3 of the plain bytes.
    #[must_use]
    pub fn identity(&self) -> Zeroizing<[u8; 32]> {
        self.newest().derive(IDENTITY, &[&self.family.0])
    }

    /// These keys and a master of the next epoch; none once no epoch is left.
    pub(super) fn rotated(&self, master: Master) -> Option<Self> {
        let next = KeyEpoch(self.epoch().0.checked_add(1)?);
        let mut masters = self.masters.clone();
        masters.insert(next, master);
        Some(Self { family: self.family, masters })
    }

    /// Are these of a later epoch, and hold they the newest master of those?
    #[must_use]
    pub fn succeeds(&self, before: Option<&Self>) -> bool {
        let Some(before) = before else { return false };
        let same = self.masters.get(&before.epoch()).is_some_and(|master| master.0 == before.newest().0);
        self.family == before.family && self.epoch() > before.epoch() && same
    }

    /// Every master, oldest first.
    pub(super) fn masters(&self) -> impl Iterator<Item = (KeyEpoch, &Master)> {
        self.masters.iter().map(|(epoch, master)| (*epoch, master))
    }

    /// The keys of chunk identities from that epoch on, newest first.
    #[must_use]
    pub fn identities_from(&self, epoch: KeyEpoch) -> Vec<Zeroizing<[u8; 32]>> {
        let from = self.masters.range(epoch..).rev();
        from.map(|(_, master)| master.derive(IDENTITY, &[&self.family.0])).collect()
    }

    /// The key of the chunker's gear table, as an epoch has it; the newest one's if that is not known.
    #[must_use]
    pub fn chunker_of(&self, epoch: KeyEpoch) -> Zeroizing<[u8; 32]> {
        let master = self.masters.get(&epoch).unwrap_or_else(|| self.newest());
        master.derive(CHUNKER, &[&self.family.0])
    }

    /// Is the master there that a file with that header was sealed under?
    #[must_use]
    pub fn knows(&self, header: &SealedHeader) -> bool {
        header.family == self.family && self.masters.contains_key(&header.epoch)
    }

    /// Identity keys of every epoch, newest first: old chunks are checked with theirs.
    #[must_use]
    pub fn identities(&self) -> Vec<Zeroizing<[u8; 32]>> {
        self.masters.values().rev().map(|master| master.derive(IDENTITY, &[&self.family.0])).collect()
    }

    /// The key of the chunker's gear table.
    #[must_use]
    pub fn chunker(&self) -> Zeroizing<[u8; 32]> {
        self.newest().derive(CHUNKER, &[&self.family.0])
    }

    /// What the key that signs a seed's lists is made from.
    pub(super) fn seed_list(&self, epoch: KeyEpoch, seed: SeedId) -> Option<Key> {
        Some(self.masters.get(&epoch)?.derive(SEED, &[&self.family.0, &seed.0]))
    }

    /// The keys of the pack with that header.
    ///
    /// # Errors
    /// [`SealError`] if the header is of another family, or of an epoch whose master is not known.
    pub fn pack(&self, header: &SealedHeader) -> Result<PackKeys, SealError> {
        let derive = |context| self.derive(header, SealedKind::Pack, context);
        let (chunk, nonce) = (derive(PACK)?, derive(PACK_NONCE)?);
        let (footer, footer_nonce) = (derive(FOOTER)?, derive(FOOTER_NONCE)?);
        Ok(PackKeys { header: header.encode(), chunk, nonce, footer, footer_nonce })
    }

    /// Seals the body of a head or a manifest behind its header: the file's bytes.
    ///
    /// # Errors
    /// [`SealError`] if the header is of another family or epoch.
    pub fn seal_file(&self, header: &SealedHeader, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let (context, nonce_context) = file_contexts(header.kind);
        let key = self.derive(header, header.kind, context)?;
        let nonce_key = self.derive(header, header.kind, nonce_context)?;
        let mut file = header.encode();
        let sealed = seal_box(&key, &nonce_key, &file, plain);
        file.extend_from_slice(&sealed);
        Ok(file)
    }

    /// Opens the body behind the header of a head or a manifest.
    ///
    /// # Errors
    /// [`SealError`] if it does not open.
    pub fn open_file(&self, header: &SealedHeader, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let key = self.derive(header, header.kind, file_contexts(header.kind).0)?;
        open_box(&key, &header.encode(), sealed)
    }

    fn derive(&self, header: &SealedHeader, kind: SealedKind, context: &str) -> Result<Key, SealError> {
        let master = self.masters.get(&header.epoch).filter(|_| header.family == self.family && header.kind == kind);
        let epoch = header.epoch.0.to_be_bytes();
        Ok(master.ok_or(SealError)?.derive(context, &[&header.family.0, &header.scope, &epoch, &header.salt]))
    }
}

const fn file_contexts(kind: SealedKind) -> (&'static str, &'static str) {
    match kind {
        SealedKind::Head => (HEAD, HEAD_NONCE),
        SealedKind::Manifest => (MANIFEST, MANIFEST_NONCE),
        SealedKind::Pack => (FOOTER, FOOTER_NONCE),
    }
}

impl PackKeys {
    /// Seals a chunk's encoded bytes for its place.
    #[must_use]
    pub fn seal_chunk(&self, place: &ChunkPlace, encoded: &[u8]) -> Vec<u8> {
        seal_box(&self.chunk, &self.nonce, &self.chunk_data(place), encoded)
    }

    /// Opens the chunk at its place.
    ///
    /// # Errors
    /// [`SealError`] if it was altered or stands elsewhere.
    pub fn open_chunk(&self, place: &ChunkPlace, sealed: &[u8]) -> Result<Opened, SealError> {
        open_box(&self.chunk, &self.chunk_data(place), sealed)
    }

    /// Seals the footer that lies at `offset`.
    #[must_use]
    pub fn seal_footer(&self, offset: u32, plain: &[u8]) -> Vec<u8> {
        seal_box(&self.footer, &self.footer_nonce, &self.footer_data(offset), plain)
    }

    /// Opens the footer that lies at `offset`.
    ///
    /// # Errors
    /// [`SealError`] if it was altered or lay elsewhere.
    pub fn open_footer(&self, offset: u32, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        open_box(&self.footer, &self.footer_data(offset), sealed)
    }

    fn chunk_data(&self, place: &ChunkPlace) -> Vec<u8> {
        let numbers = [place.index, place.offset, place.stored].map(u32::to_be_bytes).concat();
        [&self.header[..], &numbers, &place.id.0].concat()
    }

    fn footer_data(&self, offset: u32) -> Vec<u8> {
        [&self.header[..], &offset.to_be_bytes()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(byte: u8) -> Keyring {
        Keyring::new(FamilyId([1; 16]), BTreeMap::from([(KeyEpoch(1), Master::new([byte; 32]))]))
    }

    fn header(kind: SealedKind) -> SealedHeader {
        SealedHeader { kind, family: FamilyId([1; 16]), scope: [2; 16], epoch: KeyEpoch(1), salt: [3; 32] }
    }

    #[test]
    fn a_chunk_opens_at_its_own_place_only() {
        let keys = keyring(9).pack(&header(SealedKind::Pack)).expect("known epoch");
        let place = ChunkPlace { index: 3, offset: 100, stored: 30, id: ChunkId([4; 32]) };
        let sealed = keys.seal_chunk(&place, b"chunk");
        assert_eq!(keys.open_chunk(&place, &sealed).as_deref(), Ok(&b"chunk".to_vec()));
        for moved in
            [ChunkPlace { index: 4, ..place }, ChunkPlace { offset: 99, ..place }, ChunkPlace { stored: 31, ..place }]
        {
            assert_eq!(keys.open_chunk(&moved, &sealed), Err(SealError));
        }
        let other = keyring(8).pack(&header(SealedKind::Pack)).expect("known epoch");
        assert_eq!(other.open_chunk(&place, &sealed), Err(SealError));
    }

    #[test]
    fn a_salt_that_comes_twice_never_repeats_a_nonce() {
        let keys = keyring(9).pack(&header(SealedKind::Pack)).expect("known epoch");
        let place = ChunkPlace { index: 3, offset: 100, stored: 30, id: ChunkId([4; 32]) };
        let nonce = |place: &ChunkPlace, encoded: &[u8]| keys.seal_chunk(place, encoded)[..12].to_vec();
        let first = nonce(&place, b"chunk");
        assert_eq!(first, nonce(&place, b"chunk"), "the same bytes at the same place are the same box");
        assert_ne!(first, nonce(&ChunkPlace { offset: 99, ..place }, b"chunk"), "one chunk, moved in its pack");
        assert_ne!(first, nonce(&place, b"CHUNK"), "one chunk, compressed by another release");
    }

    #[test]
    fn a_manifest_is_no_head_and_a_foreign_family_no_ours() {
        let keys = keyring(9);
        let file = keys.seal_file(&header(SealedKind::Manifest), b"body").expect("own family");
        let sealed = &file[header(SealedKind::Manifest).encode().len()..];
        assert!(keys.open_file(&header(SealedKind::Manifest), sealed).is_ok());
        assert!(keys.open_file(&header(SealedKind::Head), sealed).is_err());
        let foreign = SealedHeader { family: FamilyId([7; 16]), ..header(SealedKind::Manifest) };
        assert!(keys.open_file(&foreign, sealed).is_err());
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", keyring(0xaa)).contains("170"));
    }
}

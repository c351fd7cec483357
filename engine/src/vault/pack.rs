//! Makes packs in memory: header, sealed chunks, sealed footer, trailer.

use super::error::VaultError;
use crate::format::{
    CHUNK_OVERHEAD, FooterEntry, PACK_BYTES_MAX, PACK_TRAILER_BYTES, PackFooter, PackTrailer, SealedHeader, SealedKind,
    chunk_record,
};
use crate::model::{ChunkId, GroupId, PackId};
use crate::port::Entropy;
use crate::seal::{ChunkPlace, Keyring, PackKeys};

/// More than one chunk takes in a footer: an array of three 5-byte numbers and 34 bytes of identity.
const FOOTER_ENTRY_BYTES: usize = 52;
/// More than a footer takes besides: array header, nonce, tag, trailer.
const FOOTER_BYTES: usize = 16 + 12 + 16 + PACK_TRAILER_BYTES;

/// A finished pack, not yet written anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPack {
    /// BLAKE3 of `bytes`.
    pub id: PackId,
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Its chunks.
    pub chunks: Vec<FooterEntry>,
}

/// A pack in the making. Never written before it is finished, never opened again afterwards.
pub struct PackBuilder {
    keys: PackKeys,
    bytes: Vec<u8>,
    chunks: Vec<FooterEntry>,
}

impl PackBuilder {
    /// Begins a pack of a group, under a fresh salt.
    ///
    /// # Errors
    /// [`VaultError::Entropy`].
    pub fn new(keyring: &Keyring, group: GroupId, entropy: &dyn Entropy) -> Result<Self, VaultError> {
        let mut salt = [0; 32];
        entropy.fill(&mut salt).map_err(VaultError::Entropy)?;
        let mut scope = [0; 16];
        scope[..GroupId::BYTES].copy_from_slice(&group.0);
        let header =
            SealedHeader { kind: SealedKind::Pack, family: keyring.family(), scope, epoch: keyring.epoch(), salt };
        let keys = keyring.pack(&header).expect("the keyring's own family and epoch");
        // Capacity up front: growing would hold the bytes twice. Untouched pages cost nothing.
        let mut bytes = Vec::with_capacity(PACK_BYTES_MAX as usize);
        bytes.extend_from_slice(&header.encode());
        Ok(Self { keys, bytes, chunks: Vec::new() })
    }

    /// Is there room for one more chunk of `encoded` bytes?
    #[must_use]
    pub fn fits(&self, encoded: usize) -> bool {
        let footer = (self.chunks.len() + 1) * FOOTER_ENTRY_BYTES + FOOTER_BYTES;
        self.bytes.len() + encoded + CHUNK_OVERHEAD + footer <= PACK_BYTES_MAX as usize
    }

    /// Has it no chunk yet?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Seals a chunk at the end; `encoded` is what `encode_chunk` gave. Returns its index.
    ///
    /// # Panics
    /// If it does not fit: ask [`PackBuilder::fits`] first.
    pub fn add(&mut self, id: ChunkId, plain: u32, encoded: Vec<u8>) -> usize {
        assert!(self.fits(encoded.len()), "asked before");
        let width = |bytes: usize| u32::try_from(bytes).expect("a pack is at most 64 MiB");
        let index = self.chunks.len();
        let stored = width(encoded.len() + CHUNK_OVERHEAD - 1);
        let entry = FooterEntry { offset: width(self.bytes.len()), stored, plain, id };
        let place = ChunkPlace { index: width(index), offset: entry.offset, stored, id };
        let record = chunk_record(place.index, &self.keys.seal_chunk(&place, &encoded));
        assert_eq!(record.len(), stored as usize, "a record is as long as was said under its seal");
        self.bytes.extend_from_slice(&record);
        self.chunks.push(entry);
        index
    }

    /// Seals the footer and names the pack.
    #[must_use]
    pub fn finish(mut self) -> SealedPack {
        let offset = u32::try_from(self.bytes.len()).expect("a pack is at most 64 MiB");
        let footer = self.keys.seal_footer(offset, &PackFooter { chunks: self.chunks.clone() }.encode());
        let footer_bytes = u32::try_from(footer.len()).expect("a pack is at most 64 MiB");
        self.bytes.extend_from_slice(&footer);
        self.bytes.extend_from_slice(&PackTrailer { footer_bytes }.encode());
        assert!(self.bytes.len() <= PACK_BYTES_MAX as usize, "fits() left room for the footer");
        let id = PackId(*blake3::Hasher::new().update_rayon(&self.bytes).finalize().as_bytes());
        SealedPack { id, bytes: self.bytes, chunks: self.chunks }
    }
}

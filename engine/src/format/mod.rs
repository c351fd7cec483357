//! Bytes to structs and back, as `engine/FORMAT.md` lays them out. Pure: no reads, no clock, no keys.
//!
//! In: bytes from a medium, or values. Out: values that were checked field by field, or a [`FormatError`] that says
//! what is wrong. Decoding accepts exactly the bytes that encoding makes: one value has one form.
//! Deliberately absent: sealing (`seal/`), I/O, and any trust in lengths that the bytes claim.

pub mod cbor;
mod drill_head;
mod entry;
mod head;
mod identity;
mod item;
mod keys;
mod manifest;
mod pack;
mod sealed;
mod seed;

pub use drill_head::{DrillHead, DrillHeadName};
pub use entry::{ENTRY_BYTES_MAX, EntryDecoder, encode_entry, try_encode_entry};
pub use head::{
    Head, HeadConfiguration, HeadJob, HeadMark, HeadMedium, HeadName, HeadNewest, HeadProof, HeadSeed, Unknown,
};
pub use identity::Identity;
pub use keys::{Kdf, KeysName, OlderMaster, Slot, SlotKind, SlotSet};
pub use manifest::{Manifest, Stats};
pub use pack::{
    CHUNK_OVERHEAD, CHUNK_PLAIN_MAX, FooterEntry, NamedPack, PACK_BYTES_MAX, PACK_TRAILER_BYTES, PackFooter,
    PackTrailer, chunk_record, split_chunk_record,
};
pub use sealed::{SealedHeader, SealedKind};
pub use seed::{SEED_LIST_BYTES_MAX, SeedList, SeedName, SeedPack, SeedReceipt};

/// The format version that this code writes, and the newest that it reads.
pub const VERSION: u32 = 1;

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Written by a later version.
    #[error("{what} has format version {found}, this program reads up to {VERSION}: use a newer release")]
    Newer {
        /// Which file.
        what: &'static str,
        /// Its version.
        found: u32,
    },
    /// It uses room that version 1 leaves for later releases.
    #[error("{what} has {which}, which this program does not know: use a newer release")]
    Later {
        /// Which file.
        what: &'static str,
        /// What it has.
        which: &'static str,
    },
    /// Anything else: it is no such file, or it is damaged.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// Which file or part.
        what: &'static str,
        /// What does not fit.
        why: String,
    },
}

impl FormatError {
    /// `what` does not fit because of `why`.
    pub fn damaged(what: &'static str, why: impl Into<String>) -> Self {
        Self::Damaged { what, why: why.into() }
    }
}

//! A vault as a whole: founding one, opening one, sealing packs and manifests, reading points back.
//!
//! In: a store, keys, values. Out: objects at the store, or values read from it, each checked against its name, its
//! seal and its identity. Invariants: an object is written whole under a new name and never changed; what a store
//! serves is believed only after its seal held.
//! Deliberately absent: the catalog, which objects should be where, retries.

mod ahead;
mod chunk_code;
mod entries;
mod error;
mod found;
mod heads;
mod mirrored;
mod objects;
mod open;
mod pack;
mod point;
mod reader;

pub use chunk_code::{decode_chunk, encode_chunk};
pub use entries::{Between, Entries, EntryStream, Unread};
pub use error::VaultError;
pub use found::{FirstKeys, RESTORE_PATH, found, restore_text};
pub use heads::{FoundHead, HEADS_KEPT, head_named, list_heads, newest_told, write_head};
pub use mirrored::{file_object, mirror_files};
pub use objects::{get, get_digest, put, read_whole, read_whole_medium};
pub use open::{FoundKeys, Ring, identity_of, keys_of, unlock, unlock_newest};
pub use pack::{PackBuilder, SealedPack};
pub use point::{PackNames, seal_manifest};
pub use reader::{ChunkSource, VaultReader};

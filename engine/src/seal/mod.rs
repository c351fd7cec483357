//! Keys, and (key, nonce, bytes) to sealed bytes and back. Pure: entropy is handed in.
//!
//! Every key has one purpose and comes from the master by BLAKE3's key derivation with a context of its own; no key
//! seals under two nonces that could meet: see FORMAT.md, "Keys". Secrets are wiped when dropped and never printed.
//! Deliberately absent: I/O, formats of files, and where a passphrase comes from.

mod aead;
mod cost;
mod keyring;
mod sheet;
mod sign;
mod slots;

pub use aead::{BOX_OVERHEAD, Opened, SealError, open_box, seal_box};
pub use cost::{PASSPHRASE_LEAST, SHEET_COST, TRIAL, passphrase_cost, stretch};
pub use keyring::{ChunkPlace, Keyring, Master, PackKeys};
pub use sheet::{SheetError, sheet_read, sheet_text, sheet_text_parse, sheet_words};
pub use sign::{SeedSigner, is_signed_by};
pub use slots::{NewSlot, SlotError, add_slot, first_set, is_authentic, remove_slot, rotate, slot_of, unlock};

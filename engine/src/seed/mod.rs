//! Packs that travel to a vault on drives: the lists on the drives, and the way of a pack onto a drive and off it
//! again.
//!
//! In: stores, and the packs that a list names. Out: objects at a store, each read back there; receipts; what is wrong
//! with a drive, object by object. Invariants: nothing but packs and `seeds/` is written; bytes that are not what their
//! name says never get it; a receipt is written only when everything that the list names lies in the vault and was read
//! back. Deliberately absent: the catalog, the configuration, any key but the one that signs a list.

mod absorb;
mod carry;
mod lists;
mod look;
#[cfg(test)]
mod tests;

pub use absorb::{AbsorbError, Absorbed, Refused, Task, absorb};
pub use carry::{Carried, CarryError, Unfit, Wrong, carry};
pub use lists::{BadList, FoundList, is_ours, lists_of, lists_on, receipts_at, seed_folder, write_list, write_receipt};
pub use look::{Looked, look};

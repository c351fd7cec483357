//! The catalog: the only holder of local state, and the only place that names redb or rkyv.
//!
//! In: what other stages did and found. Out: rows as plain values, and one [`Snapshot`] for the planner. One redb file,
//! `state/catalog.redb`, that any number of processes open at the same time; each operation is one transaction, takes
//! no prompt and does no other I/O, and keeps the rule of DESIGN 5.2 that its documentation names.
//!
//! Invariants: a row that does not validate is [`CatalogError::Damaged`], never a wrong answer; every committed change
//! is durable. Deliberately absent: clocks (the caller says when), randomness (the caller gives ids; only `stood` tells
//! transactions apart by it), stores, and any decision that the planner takes.

mod adopted;
mod alarm;
mod canaries;
mod capture;
mod chunks;
mod copying;
mod damage;
mod disk;
mod error;
mod falls;
mod fenced;
mod freed;
mod given_up;
mod guards;
mod handle;
mod installation;
pub mod locks;
mod media;
mod migrate;
mod mirrored;
mod open;
mod owner;
mod place_rows;
mod quiet;
mod read_in;
mod reading;
mod redb_error;
mod removal;
mod reservations;
mod rows;
mod schema1;
mod schema2;
mod schema3;
mod seeds;
mod simdisk;
mod simhandle;
mod snapshot;
mod state;
mod stood;
mod stored;
mod tables;
#[cfg(test)]
mod tests;
mod travelling;
mod unclean;
mod unseen;
mod unsure;
mod value;
mod withdrawal;

pub use adopted::{AdoptedFile, AdoptedRow};
pub use alarm::with_reasons;
pub use canaries::{PlotMark, Plots};
pub use capture::{NewPack, NewPoint};
pub use copying::{CopyWork, Leftover, NewCopy};
pub use damage::{Finding, Found, Naming};
pub use disk::{BALLAST, CatalogDisk, FileDisk, FileMark, LockGuard, Share, StartFrom, Which};
pub use error::{CatalogError, Result};
pub use guards::{Guards, LastCopy, RemovalRules, Withheld};
pub use handle::{OpenOptions, SCHEMA};
pub use installation::{CONFIGURATION, CONFIGURATION_FOLDER, EVENTS_MAX, KEYS_REUSE, KEYS_REVOKED, NewJobIds};
pub use media::NewMedium;
pub use mirrored::{MirroredFile, MirroredRow, Named};
pub use open::{Catalog, Founding, Rebuild};
pub use removal::{Marked, Marking, NewRemoval, Removal};
pub use rows::*;
pub use seeds::{NewSeedDrive, SeedDriveRow, SeedRow, SeedState};
pub use simdisk::SimDisk;
pub use snapshot::Snapshot;
pub use state::keeps_packs;
pub use unsure::PackList;
pub use withdrawal::Untouched;

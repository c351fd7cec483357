//! The catalog: the only holder of local state, and the only place that names redb or rkyv.
//!
//! In: what other stages did and found. Out: rows as plain values, and one [`Snapshot`] for the planner. One redb file,
//! `state/catalog.redb`, that any number of processes open at the same time; each operation is one transaction, takes
//! no prompt and does no other I/O, and keeps the rule of DESIGN 5.2 that its documentation names.
//!
//! Invariants: a row that does not validate is [`CatalogError::Damaged`], never a wrong answer; every committed change
//! is durable; every operation can be repeated. Deliberately absent: clocks (the caller says when), randomness (the
//! caller gives ids), stores, and any decision that the planner takes.

mod api;
mod error;
mod rows;
mod stored;

pub use api::*;
pub use error::{CatalogError, Result};
pub use rows::*;

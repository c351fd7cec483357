//! Did a transaction stand whose commit failed on a full disk? Each leaves a mark of its own in itself, so that one that
//! stood is not made once more.
//!
//! Invariant: the marks are read in a transaction that nobody else writes beside. Deliberately absent: what to do then.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::disk::FileMark;
use super::error::{CatalogError, Result};
use super::redb_error::{COMMIT, from_storage, from_table};

/// By its number, modulo [`REMEMBERED`] and from 1, which transaction was the last: its number, and a random one. At 0 the
/// number of the last of all.
const STOOD: TableDefinition<'static, u64, (u64, u64)> = TableDefinition::new("stood");

/// So many are told apart. Other processes may write between a commit that failed and the look whether it stood.
const REMEMBERED: u64 = 256;

/// What a transaction that is about to be committed is known by.
struct Signed<T> {
    number: u64,
    random: u64,
    file: FileMark,
    /// What it came to.
    result: T,
}

/// The last attempt of one change.
pub(super) struct Attempt<T>(RefCell<Option<Signed<T>>>);

impl<T> Attempt<T> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// Was one about to be committed?
    pub(super) fn may_stand(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Marks the transaction, which came to this. Nothing but its commit follows.
    pub(super) fn sign(&self, transaction: &WriteTransaction, file: FileMark, result: T) -> Result<()> {
        let mut table = transaction.open_table(STOOD).map_err(from_table)?;
        let number = last(&table)?.wrapping_add(1);
        let random = RandomState::new().hash_one(number);
        table.insert(0, (number, random)).map_err(from_storage)?;
        table.insert(slot(number), (number, random)).map_err(from_storage)?;
        *self.0.borrow_mut() = Some(Signed { number, random, file, result });
        Ok(())
    }

    /// It was committed.
    pub(super) fn done(&self) -> Option<T> {
        self.0.borrow_mut().take().map(|signed| signed.result)
    }

    /// What the attempt before came to, if it stood.
    ///
    /// # Errors
    /// If that is not known.
    pub(super) fn stood(&self, transaction: &WriteTransaction, file: FileMark) -> Result<Option<T>> {
        let Some(signed) = self.0.borrow_mut().take() else { return Ok(None) };
        let table = transaction.open_table(STOOD).map_err(from_table)?;
        let found = table.get(slot(signed.number)).map_err(from_storage)?.map(|row| row.value());
        let is_known = file == signed.file && last(&table)?.saturating_sub(signed.number) < REMEMBERED;
        if !is_known {
            let why = "whether it stands is not known: others have written since";
            return Err(CatalogError::Io { doing: COMMIT, source: std::io::Error::other(why) });
        }
        Ok((found == Some((signed.number, signed.random))).then_some(signed.result))
    }
}

fn slot(number: u64) -> u64 {
    1 + number % REMEMBERED
}

fn last(table: &impl ReadableTable<u64, (u64, u64)>) -> Result<u64> {
    Ok(table.get(0).map_err(from_storage)?.map_or(0, |row| row.value().0))
}

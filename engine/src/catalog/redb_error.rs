//! redb's errors → ours.

use std::io;

use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

use super::disk::WaitedTooLong;
use super::error::CatalogError;

/// Damage that was found in a table.
pub fn damaged(table: &str, key: &[u8], what: &str) -> CatalogError {
    let key = if key.is_empty() { "-".to_owned() } else { data_encoding::HEXLOWER.encode(key) };
    CatalogError::Damaged { table: table.to_owned(), key, what: what.to_owned() }
}

/// Damage of the file as a whole.
pub fn damaged_file(what: &str) -> CatalogError {
    damaged("-", &[], what)
}

/// An I/O error, a full disk and a lock that was not had told apart.
pub fn from_io(doing: &'static str, source: io::Error) -> CatalogError {
    if let Some(waited) = source.get_ref().and_then(|inner| inner.downcast_ref::<WaitedTooLong>()) {
        return CatalogError::Busy { seconds: waited.seconds };
    }
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => CatalogError::Full { source },
        _ => CatalogError::Io { doing, source },
    }
}

fn storage(doing: &'static str, error: StorageError) -> CatalogError {
    match error {
        StorageError::Corrupted(what) => damaged_file(&what),
        StorageError::Io(source) if is_no_catalog(&source) => damaged_file(&source.to_string()),
        StorageError::Io(source) => from_io(doing, source),
        StorageError::PreviousIo | StorageError::DatabaseClosed | StorageError::LockPoisoned(_) => {
            CatalogError::Io { doing, source: io::Error::other(error.to_string()) }
        }
        other => CatalogError::Store { doing, source: Box::new(other) },
    }
}

/// The disk did answer, with a file that is none of redb's, or that ends too early.
fn is_no_catalog(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// While reading or changing a table.
pub fn from_storage(error: StorageError) -> CatalogError {
    storage("read or write", error)
}

/// While opening a table.
pub fn from_table(error: TableError) -> CatalogError {
    match error {
        TableError::Storage(error) => from_storage(error),
        other => damaged_file(&other.to_string()),
    }
}

/// While beginning a transaction.
pub fn from_transaction(error: TransactionError) -> CatalogError {
    match error {
        TransactionError::Storage(error) => storage("begin a transaction", error),
        other => CatalogError::Store { doing: "begin a transaction", source: Box::new(other) },
    }
}

/// While committing: the change may have happened.
pub fn from_commit(error: CommitError) -> CatalogError {
    match error {
        CommitError::Storage(error) => storage(COMMIT, error),
        other => CatalogError::Store { doing: COMMIT, source: Box::new(other) },
    }
}

/// What an error says it was doing if the change may have happened.
pub const COMMIT: &str = "commit";

/// While opening the file.
pub fn from_database(error: DatabaseError) -> CatalogError {
    match error {
        DatabaseError::Storage(error) => storage("be opened", error),
        DatabaseError::UpgradeRequired(_) => damaged_file(&error.to_string()),
        other => CatalogError::Store { doing: "be opened", source: Box::new(other) },
    }
}

//! Evidence: an object's whole hash, read back from the medium through a fresh open.

use super::error::CopyError;
use crate::catalog::{Evidence, EvidenceKind};
use crate::destination::{ErrorKind, ReadStore, StoreError};
use crate::model::{Digest, Distance, VaultPath};
use crate::port::Clock;
use crate::vault::{VaultError, get_digest};

/// What reading back found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBack {
    /// The bytes are what they should be.
    Good(Evidence),
    /// Nothing is there.
    Missing,
    /// Other bytes are there, or the medium can't read them.
    Damaged,
}

/// Reads the object at `path` back and compares it with `digest`.
///
/// # Errors
/// If the place can't be asked now; what is wrong with the object is no error.
pub fn read_back(
    store: &dyn ReadStore,
    path: &VaultPath,
    digest: &Digest,
    clock: &dyn Clock,
) -> Result<ReadBack, CopyError> {
    let time = clock.now();
    match get_digest(store, path) {
        Ok(found) if found == *digest => {
            store.still_there()?;
            Ok(ReadBack::Good(Evidence { kind: EvidenceKind::ReadBack, time }))
        }
        Ok(_) => Ok(ReadBack::Damaged),
        Err(VaultError::Missing { .. }) => missing(store),
        Err(VaultError::Store(error)) if error.kind == ErrorKind::NotFound => missing(store),
        Err(VaultError::Store(error)) if is_bad_sector(store, &error) => Ok(ReadBack::Damaged),
        Err(error) => Err(error.into()),
    }
}

/// A sector that can't be read is damage of its object, if the drive itself is still there. What a server answers to a
/// read is not: it may refuse all of them, and have everything whole.
pub(super) fn is_bad_sector(store: &dyn ReadStore, error: &StoreError) -> bool {
    error.kind == ErrorKind::Permanent && store.distance() == Distance::Local && store.still_there().is_ok()
}

/// Missing at a place that is gone is no finding.
fn missing(store: &dyn ReadStore) -> Result<ReadBack, CopyError> {
    store.still_there()?;
    Ok(ReadBack::Missing)
}

//! Which writer of an object is the one that counts: of several in one store, the one that began last.
//!
//! Not every server refuses to replace an object, and few tell a file from another of the same name, so that writers of
//! one store must know of each other. Writers of other processes are kept away by the vault's lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::model::VaultPath;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    owners: BTreeMap<VaultPath, u64>,
    next: u64,
}

/// One writer's claim; it ends when it is dropped.
pub(super) struct Claim<'c> {
    claims: &'c Claims,
    path: VaultPath,
    number: u64,
}

impl Claims {
    fn with<T>(&self, use_it: impl FnOnce(&mut Counts) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Claims the object at `path`.
    pub fn claim(&self, path: &VaultPath) -> Claim<'_> {
        let number = self.with(|counts| {
            counts.next = counts.next.saturating_add(1);
            counts.owners.insert(path.clone(), counts.next);
            counts.next
        });
        Claim { claims: self, path: path.clone(), number }
    }
}

impl Claim<'_> {
    /// Has no other writer of the same object begun since?
    pub fn is_held(&self) -> bool {
        self.claims.with(|counts| counts.owners.get(&self.path) == Some(&self.number))
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.is_held() {
            self.claims.with(|counts| counts.owners.remove(&self.path));
        }
    }
}

//! A store that asks again where a place says that it may work a little later.
//!
//! In: requests that can be repeated without harm. Out: the answer, or the last error once patience has run out.
//! Invariant: what changes a place is repeated only where the repetition does the same (`delete`, the beginning of an
//! object); a refusal, a full place or a place that is gone is told at once.
//! Deliberately absent: what was written of an object. A writer that failed is dropped, and the copier goes on from its
//! checkpoint.

use std::sync::Arc;
use std::time::Duration;

use super::{ErrorKind, Index, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, WriteStore};
use crate::model::{Distance, VaultPath};
use crate::port::{Clock, Entropy};

/// The first wait; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// After so long nothing is begun anew: with a request's own time-out a lost server is given up within a minute.
const PATIENCE: Duration = Duration::from_secs(20);

/// See the module.
pub struct Retried<S> {
    inner: S,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl<S> Retried<S> {
    /// Repeats requests to `inner`.
    pub fn new(inner: S, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { inner, clock, entropy }
    }

    fn again<T>(&self, request: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let begun = self.clock.monotonic();
        let mut wait = FIRST_WAIT;
        loop {
            match request() {
                Err(error) if may_work_later(error.kind) => {
                    let spent = self.clock.monotonic().saturating_sub(begun);
                    if spent.saturating_add(wait) > PATIENCE {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
            self.clock.sleep(jittered(wait, self.dice()));
            wait = longer(wait);
        }
    }

    /// Without randomness everyone waits the whole span; that is no reason to fail.
    fn dice(&self) -> u8 {
        let mut dice = [0];
        if self.entropy.fill(&mut dice).is_ok() { dice[0] } else { u8::MAX }
    }
}

/// The wait that comes after this one.
fn longer(wait: Duration) -> Duration {
    wait.saturating_mul(2).min(LONGEST_WAIT)
}

/// From half the wait to all of it, so that many who were cut off at once do not come back at once.
fn jittered(wait: Duration, dice: u8) -> Duration {
    wait / 2 + wait * u32::from(dice) / 510
}

fn may_work_later(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Transient | ErrorKind::Ambiguous)
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore> ReadStore for Retried<S> {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.again(|| self.inner.stat(path))
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        self.again(|| self.inner.read(path, offset, bytes))
    }

    /// As of `read_medium`.
    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.again(|| self.inner.read_on(path, offset))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        self.again(|| self.inner.list(folder))
    }

    /// Only the opening is repeated: who reads on after an error would get the bytes before it twice.
    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.again(|| self.inner.read_medium(path))
    }

    fn finished_file(&self, path: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        self.again(|| self.inner.finished_file(path))
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.again(|| self.inner.space())
    }

    fn distance(&self) -> Distance {
        self.inner.distance()
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.again(|| self.inner.still_there())
    }

    fn mirror(&self) -> Option<&Index> {
        self.inner.mirror()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore> WriteStore for Retried<S> {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.again(|| self.inner.create(path))
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.again(|| self.inner.resume(path, left))
    }

    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    fn lanes_max(&self) -> usize {
        self.inner.lanes_max()
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        self.again(|| self.inner.delete(path))
    }
}

#[cfg(test)]
mod tests;

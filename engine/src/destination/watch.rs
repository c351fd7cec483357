//! Tells how long a request at a place has not come back: a drive or server that the kernel waits for can't be asked to
//! stop, but who waits for it can stop waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Finish, Index, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, WriteStore};
use crate::model::{Distance, VaultPath};

/// Since when each request is under way; shared with who waits.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<Mutex<UnderWay>>);

/// Requests in the order in which they began.
#[derive(Debug, Default)]
struct UnderWay {
    begun: BTreeMap<u64, Instant>,
    next: u64,
}

impl Pulse {
    /// How long the oldest request that is under way has taken so far; zero if none is.
    #[must_use]
    pub fn waits(&self) -> Duration {
        self.under_way().begun.values().next().map_or(Duration::ZERO, Instant::elapsed)
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn during<T>(&self, request: impl FnOnce() -> T) -> T {
        let number = self.begin();
        let answer = request();
        self.under_way().begun.remove(&number);
        answer
    }

    fn begin(&self) -> u64 {
        let mut under_way = self.under_way();
        let number = under_way.next;
        under_way.next += 1;
        under_way.begun.insert(number, Instant::now());
        number
    }
}

/// A store whose requests are timed.
#[derive(Debug)]
pub struct Watched<S> {
    inner: S,
    pulse: Pulse,
}

impl<S> Watched<S> {
    /// Times the requests to `inner` by `pulse`.
    pub fn new(inner: S, pulse: Pulse) -> Self {
        Self { inner, pulse }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore> ReadStore for Watched<S> {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.pulse.during(|| self.inner.stat(path))
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        self.pulse.during(|| self.inner.read(path, offset, bytes))
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        let inner = self.pulse.during(|| self.inner.read_on(path, offset))?;
        Ok(Box::new(WatchedRead { inner, pulse: &self.pulse }))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        self.pulse.during(|| self.inner.list(folder))
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        let inner = self.pulse.during(|| self.inner.read_medium(path))?;
        Ok(Box::new(WatchedRead { inner, pulse: &self.pulse }))
    }

    fn finished_file(&self, path: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        self.pulse.during(|| self.inner.finished_file(path))
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.pulse.during(|| self.inner.space())
    }

    fn distance(&self) -> Distance {
        self.inner.distance()
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.pulse.during(|| self.inner.still_there())
    }

    fn mirror(&self) -> Option<&Index> {
        self.inner.mirror()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore> WriteStore for Watched<S> {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        let inner = self.pulse.during(|| self.inner.create(path))?;
        Ok(Box::new(WatchedWrite { inner, pulse: &self.pulse }))
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        let inner = self.pulse.during(|| self.inner.resume(path, left))?;
        Ok(Box::new(WatchedWrite { inner, pulse: &self.pulse }))
    }

    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    fn lanes_max(&self) -> usize {
        self.inner.lanes_max()
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        self.pulse.during(|| self.inner.delete(path))
    }
}

struct WatchedRead<'s> {
    inner: Box<dyn ObjectRead + 's>,
    pulse: &'s Pulse,
}

impl ObjectRead for WatchedRead<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        self.pulse.during(|| self.inner.read(buffer))
    }
}

struct WatchedWrite<'s> {
    inner: Box<dyn ObjectWrite + 's>,
    pulse: &'s Pulse,
}

impl ObjectWrite for WatchedWrite<'_> {
    fn kept(&self) -> u64 {
        self.inner.kept()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.pulse.during(|| self.inner.write(bytes))
    }

    fn flush(&mut self) -> Result<Resume, StoreError> {
        self.pulse.during(|| self.inner.flush())
    }

    fn finish(self: Box<Self>) -> Result<Finish, StoreError> {
        let Self { inner, pulse } = *self;
        pulse.during(|| inner.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::super::memory::MemoryPlace;
    use super::*;

    #[test]
    fn a_watched_store_keeps_every_rule() {
        conformance::run(|| Watched::new(MemoryPlace::new(1).open().expect("there"), Pulse::default()));
    }

    #[test]
    fn only_a_request_under_way_waits() {
        let pulse = Pulse::default();
        assert_eq!(pulse.waits(), Duration::ZERO);
        let inside = pulse.during(|| pulse.during(|| pulse.under_way().begun.len()));
        assert_eq!((inside, pulse.waits()), (2, Duration::ZERO));
    }
}

//! A store that counts what is asked of another one, so that a test can state what an operation costs.
//!
//! Deliberately absent: any change to what is asked or answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Finish, Index, Listed, ObjectRead, ObjectWrite, Operation, ReadStore, Resume, Space, StoreError, WriteStore,
};
use crate::model::{Distance, VaultPath};

/// What was asked for one kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Requests, failed ones too.
    pub requests: u64,
    /// Bytes of content that passed, in whichever direction.
    pub bytes: u64,
}

/// The counts of one or more stores; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<BTreeMap<Operation, Count>>>);

impl Tally {
    /// The count of one kind.
    #[must_use]
    pub fn of(&self, operation: Operation) -> Count {
        self.all().get(&operation).copied().unwrap_or_default()
    }

    /// All kinds that were asked for.
    #[must_use]
    pub fn all(&self) -> BTreeMap<Operation, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins at nothing again.
    pub fn reset(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn add(&self, operation: Operation, bytes: usize) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(operation).or_default();
        count.requests += 1;
        count.bytes = count.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

/// A store, counted.
#[derive(Debug)]
pub struct Recorded<S> {
    inner: S,
    tally: Tally,
}

impl<S> Recorded<S> {
    /// Counts what is asked of `inner` into `tally`.
    pub fn new(inner: S, tally: Tally) -> Self {
        Self { inner, tally }
    }
}

impl<S> Recorded<S> {
    /// What is opened is counted as it is read; what can't be opened, as the request that failed.
    fn opened<'s>(
        &'s self,
        opened: Result<Box<dyn ObjectRead + 's>, StoreError>,
    ) -> Result<Box<dyn ObjectRead + 's>, StoreError> {
        let tally = &self.tally;
        match opened {
            Ok(inner) => Ok(Box::new(RecordedRead { inner, tally })),
            Err(error) => {
                tally.add(Operation::ReadMedium, 0);
                Err(error)
            }
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore> ReadStore for Recorded<S> {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.tally.add(Operation::Stat, 0);
        self.inner.stat(path)
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        let answer = self.inner.read(path, offset, bytes);
        self.tally.add(Operation::Read, answer.as_ref().map_or(0, Vec::len));
        answer
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.opened(self.inner.read_on(path, offset))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        self.tally.add(Operation::List, 0);
        self.inner.list(folder)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.opened(self.inner.read_medium(path))
    }

    fn finished_file(&self, path: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        self.inner.finished_file(path)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.tally.add(Operation::Space, 0);
        self.inner.space()
    }

    fn distance(&self) -> Distance {
        self.inner.distance()
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.tally.add(Operation::StillThere, 0);
        self.inner.still_there()
    }

    fn mirror(&self) -> Option<&Index> {
        self.inner.mirror()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore> WriteStore for Recorded<S> {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.tally.add(Operation::Create, 0);
        let inner = self.inner.create(path)?;
        Ok(Box::new(RecordedWrite { inner, tally: &self.tally }))
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.tally.add(Operation::Resume, 0);
        let inner = self.inner.resume(path, left)?;
        Ok(Box::new(RecordedWrite { inner, tally: &self.tally }))
    }

    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    fn lanes_max(&self) -> usize {
        self.inner.lanes_max()
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        self.tally.add(Operation::Delete, 0);
        self.inner.delete(path)
    }
}

struct RecordedRead<'s> {
    inner: Box<dyn ObjectRead + 's>,
    tally: &'s Tally,
}

#[deny(clippy::missing_trait_methods)]
impl ObjectRead for RecordedRead<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let answer = self.inner.read(buffer);
        self.tally.add(Operation::ReadMedium, answer.as_ref().map_or(0, |bytes| *bytes));
        answer
    }
}

struct RecordedWrite<'s> {
    inner: Box<dyn ObjectWrite + 's>,
    tally: &'s Tally,
}

#[deny(clippy::missing_trait_methods)]
impl ObjectWrite for RecordedWrite<'_> {
    fn kept(&self) -> u64 {
        self.inner.kept()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.tally.add(Operation::Write, bytes.len());
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> Result<Resume, StoreError> {
        self.tally.add(Operation::Flush, 0);
        self.inner.flush()
    }

    fn finish(self: Box<Self>) -> Result<Finish, StoreError> {
        self.tally.add(Operation::Finish, 0);
        self.inner.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::super::memory::MemoryPlace;
    use super::*;

    #[test]
    fn a_recorded_store_keeps_every_rule() {
        conformance::run(|| Recorded::new(MemoryPlace::new(1).open().expect("there"), Tally::default()));
    }

    #[test]
    fn one_object_costs_one_request_of_each_kind_and_its_bytes() {
        let tally = Tally::default();
        let store = Recorded::new(MemoryPlace::new(1).open().expect("there"), tally.clone());
        let path = VaultPath::parse("a").expect("valid");
        let mut writer = store.create(&path).expect("create");
        writer.write(b"12345").expect("write");
        writer.finish().expect("finish");
        let count = |requests, bytes| Count { requests, bytes };
        let expected =
            [(Operation::Create, count(1, 0)), (Operation::Write, count(1, 5)), (Operation::Finish, count(1, 0))];
        assert_eq!(tally.all(), BTreeMap::from(expected));
    }

    #[test]
    fn what_fails_is_counted_like_what_does_not() {
        let (place, tally) = (MemoryPlace::new(1), Tally::default());
        let store = Recorded::new(place.open().expect("there"), tally.clone());
        let path = VaultPath::parse("a").expect("valid");
        place.unplug();
        assert!(store.stat(&path).is_err() && store.read(&path, 0, 1).is_err() && store.list(&path).is_err());
        assert!(store.read_medium(&path).is_err() && store.create(&path).is_err() && store.delete(&path).is_err());
        assert!(store.resume(&path, &Resume::at(1)).is_err() && store.space().is_err() && store.still_there().is_err());
        assert_eq!(tally.all().len(), 9);
        assert!(tally.all().values().all(|count| *count == Count { requests: 1, bytes: 0 }), "{:?}", tally.all());
    }
}

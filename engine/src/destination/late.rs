//! A store that waits for deletions whose answer was lost (DESIGN 5.2, D-8).
//!
//! In: all requests. Out: their answers. Invariant: a name whose deletion was not answered is not written again, and no
//! evidence is taken of what stayed there, before the server can't carry out that deletion any more.
//! Deliberately absent: deletions of an earlier process, and those that a server acknowledged and did not carry out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{ErrorKind, Index, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, WriteStore};
use crate::model::{Distance, VaultPath};
use crate::port::Clock;

/// A server carries out a request at most so long after its answer was given up. Less than the minute after which a
/// place that does not answer counts as blocked.
pub const LONGEST: Duration = Duration::from_secs(45);

/// See the module.
pub struct LateDeletions<S> {
    inner: S,
    clock: Arc<dyn Clock>,
    /// When the answer to the last deletion of a name was lost, by the monotone clock.
    lost: Mutex<BTreeMap<VaultPath, Duration>>,
}

impl<S> LateDeletions<S> {
    /// Watches the deletions at `inner`.
    pub fn new(inner: S, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, lost: Mutex::default() }
    }

    fn lost<T>(&self, use_it: impl FnOnce(&mut BTreeMap<VaultPath, Duration>) -> T) -> T {
        use_it(&mut self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Comes back when nothing that was sent before can delete that name any more.
    fn outlast(&self, path: &VaultPath) {
        let Some(lost) = self.lost(|lost| lost.get(path).copied()) else { return };
        let wait = lost.saturating_add(LONGEST).saturating_sub(self.clock.monotonic());
        if !wait.is_zero() {
            self.clock.sleep(wait);
        }
        self.lost(|lost| lost.remove(path));
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore> ReadStore for LateDeletions<S> {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.inner.stat(path)
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        self.inner.read(path, offset, bytes)
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.inner.read_on(path, offset)
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(folder)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.outlast(path);
        self.inner.read_medium(path)
    }

    fn finished_file(&self, path: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        self.inner.finished_file(path)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.inner.space()
    }

    fn distance(&self) -> Distance {
        self.inner.distance()
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.inner.still_there()
    }

    fn mirror(&self) -> Option<&Index> {
        self.inner.mirror()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore> WriteStore for LateDeletions<S> {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.outlast(path);
        self.inner.create(path)
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.outlast(path);
        self.inner.resume(path, left)
    }

    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    fn lanes_max(&self) -> usize {
        self.inner.lanes_max()
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        let deleted = self.inner.delete(path);
        if matches!(&deleted, Err(error) if matches!(error.kind, ErrorKind::Transient | ErrorKind::Ambiguous)) {
            self.lost(|lost| lost.insert(path.clone(), self.clock.monotonic()));
        }
        deleted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::conformance;
    use crate::destination::memory::{Fault, Faults, MemoryPlace, MemoryStore};
    use crate::destination::operation::Operation;
    use crate::destination::still::Still;
    use crate::model::Time;
    use crate::port::SinceBoot;

    /// While it is waited, the server does what it was asked for before.
    #[derive(Default)]
    struct Meanwhile {
        clock: Still,
        deletes: Mutex<Option<(MemoryStore, VaultPath)>>,
    }

    impl Clock for Meanwhile {
        fn now(&self) -> Time {
            self.clock.now()
        }

        fn monotonic(&self) -> Duration {
            self.clock.monotonic()
        }

        fn since_boot(&self) -> Option<SinceBoot> {
            None
        }

        fn sleep(&self, span: Duration) {
            self.clock.sleep(span);
            if let Some((store, path)) = self.deletes.lock().expect("no panic holds it").take() {
                store.delete(&path).expect("carried out");
            }
        }
    }

    struct Bench {
        place: MemoryPlace,
        clock: Arc<Meanwhile>,
        store: LateDeletions<MemoryStore>,
    }

    fn bench() -> Bench {
        let (place, clock) = (MemoryPlace::new(1), Arc::new(Meanwhile::default()));
        let store = LateDeletions::new(place.open().expect("there"), Arc::clone(&clock) as _);
        Bench { place, clock, store }
    }

    fn path() -> VaultPath {
        VaultPath::parse("packs/ab/x").expect("valid")
    }

    fn put(store: &dyn WriteStore) -> Result<(), StoreError> {
        let mut writer = store.create(&path())?;
        writer.write(b"content")?;
        writer.finish().map(drop)
    }

    /// An object whose first deletion was not answered, and whose second was.
    fn deleted_twice(bench: &Bench) {
        put(&bench.store).expect("written");
        bench.place.set_faults(Faults::none().with(Operation::Delete, Fault::Transient, 1000));
        bench.store.delete(&path()).expect_err("not answered");
        bench.place.set_faults(Faults::none());
        bench.store.delete(&path()).expect("answered");
    }

    #[test]
    fn a_store_that_waits_for_late_deletions_keeps_every_rule() {
        conformance::run(|| bench().store);
    }

    /// The server carries it out while it is waited.
    fn carried_out_late(bench: &Bench) {
        let late = (bench.place.open().expect("there"), path());
        *bench.clock.deletes.lock().expect("no panic holds it") = Some(late);
    }

    #[test]
    fn a_late_deletion_comes_before_the_name_is_written_again() {
        let bench = bench();
        deleted_twice(&bench);
        carried_out_late(&bench);
        put(&bench.store).expect("written again");
        assert_eq!(bench.clock.monotonic(), LONGEST);
        assert_eq!(bench.store.stat(&path()).expect("stat"), Some(7), "nothing takes it away");
        bench.store.delete(&path()).expect("answered");
        put(&bench.store).expect("written");
        assert_eq!(bench.clock.monotonic(), LONGEST, "nothing is on its way any more");
    }

    #[test]
    fn a_late_deletion_comes_before_evidence_is_taken_of_what_stayed() {
        let bench = bench();
        put(&bench.store).expect("written");
        bench.place.set_faults(Faults::none().with(Operation::Delete, Fault::Transient, 1000));
        bench.store.delete(&path()).expect_err("not answered");
        bench.place.set_faults(Faults::none());
        carried_out_late(&bench);
        assert_eq!(bench.store.stat(&path()).expect("stat"), Some(7));
        let kind = bench.store.read_medium(&path()).map(drop).expect_err("it is gone").kind;
        assert_eq!((kind, bench.clock.monotonic()), (ErrorKind::NotFound, LONGEST));
    }

    #[test]
    fn deletions_that_were_answered_are_not_waited_for() {
        let bench = bench();
        put(&bench.store).expect("written");
        bench.store.delete(&path()).expect("answered");
        put(&bench.store).expect("finished");
        assert_eq!(bench.clock.monotonic(), Duration::ZERO);
    }
}

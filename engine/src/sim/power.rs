//! The power of one computer: when it goes, every store and the catalog's disk stop at the same step.
//!
//! In: after which step. Out: stores that answer `Gone` from then on. A [`Wire`] is a store as this computer reaches it;
//! it also carries the canary's lies, and a head of another writer that appears in the middle of a session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::catalog::SimDisk;
use crate::destination::memory::{MemoryPlace, MemoryStore};
use crate::destination::{
    ErrorKind, Finish, Index, Listed, ObjectRead, ObjectWrite, Operation, ReadStore, Resume, Space, StoreError,
    WriteStore,
};
use crate::model::{Distance, VaultPath};

/// The power switch; clones are the same.
#[derive(Debug, Clone)]
pub struct Power(Arc<Mutex<Switch>>);

#[derive(Debug)]
struct Switch {
    disk: SimDisk,
    /// Changes at stores until it goes; none: it does not.
    changes_left: Option<u64>,
    /// The catalog disk's step after which it goes.
    disk_step: Option<u64>,
    off: bool,
}

impl Power {
    /// On.
    #[must_use]
    pub fn new(disk: SimDisk) -> Self {
        Self(Arc::new(Mutex::new(Switch { disk, changes_left: None, disk_step: None, off: false })))
    }

    fn switch(&self) -> MutexGuard<'_, Switch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It goes after so many changes at stores.
    pub fn cut_after_changes(&self, changes: u64) {
        self.switch().changes_left = Some(changes);
    }

    /// It goes after so many steps of the catalog's disk.
    pub fn cut_after_disk_steps(&self, steps: u64) {
        let mut switch = self.switch();
        let at = switch.disk.steps() + steps;
        switch.disk.fail_from(at);
        switch.disk_step = Some(at);
    }

    /// Back on, with this disk; nothing is planned.
    pub fn restore(&self, disk: SimDisk) {
        *self.switch() = Switch { disk, changes_left: None, disk_step: None, off: false };
    }

    fn pass(&self, operation: Operation) -> Result<(), StoreError> {
        let mut switch = self.switch();
        switch.look();
        if !switch.off && operation.changes() {
            match &mut switch.changes_left {
                Some(0) => switch.turn_off(),
                Some(left) => *left -= 1,
                None => {}
            }
        }
        if switch.off {
            return Err(StoreError::new(ErrorKind::Gone, operation.verb(), "memory", "the power is gone"));
        }
        Ok(())
    }
}

impl Switch {
    fn look(&mut self) {
        if self.disk_step.is_some_and(|at| self.disk.steps() > at) {
            self.turn_off();
        }
    }

    fn turn_off(&mut self) {
        self.off = true;
        self.disk.fail_from(0);
    }
}

/// What a drive does that no honest one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Honesty {
    /// It keeps what it flushed, and reads what it keeps.
    #[default]
    Honest,
    /// It acknowledges every flush, loses the end of each pack, and answers every read from memory.
    Forgets,
}

/// A head that another writer leaves after so many changes of ours.
#[derive(Debug, Clone)]
pub struct Intruder {
    /// Changes until then.
    pub after: u64,
    /// Where it appears.
    pub path: VaultPath,
    /// The head's file.
    pub bytes: Vec<u8>,
}

/// A store as this computer reaches it.
#[derive(Debug, Clone)]
pub struct Wire {
    store: MemoryStore,
    power: Power,
    honesty: Honesty,
    intruder: Arc<Mutex<Option<Intruder>>>,
    lanes: usize,
}

impl Wire {
    /// Reaches `place`.
    ///
    /// # Errors
    /// As the place answers.
    pub fn open(
        place: &MemoryPlace,
        power: &Power,
        honesty: Honesty,
        intruder: Option<Intruder>,
    ) -> Result<Self, StoreError> {
        let intruder = Arc::new(Mutex::new(intruder));
        Ok(Self { store: place.open()?, power: power.clone(), honesty, intruder, lanes: 1 })
    }

    /// The same, for so many objects at once.
    #[must_use]
    pub fn with_lanes(self, lanes: usize) -> Self {
        Self { lanes, ..self }
    }

    fn pass(&self, operation: Operation) -> Result<(), StoreError> {
        self.power.pass(operation)?;
        if operation.changes() {
            self.intrude();
        }
        Ok(())
    }

    fn intrude(&self) {
        let mut slot = self.intruder.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *slot {
            Some(Intruder { after: 0, path, bytes }) => {
                self.store.place().plant(path, bytes);
                *slot = None;
            }
            Some(intruder) => intruder.after -= 1,
            None => {}
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl ReadStore for Wire {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.pass(Operation::Stat)?;
        self.store.stat(path)
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        self.pass(Operation::Read)?;
        self.store.read(path, offset, bytes)
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(crate::destination::onward::Onward::boxed(self, path, offset))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        self.pass(Operation::List)?;
        self.store.list(folder)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.pass(Operation::ReadMedium)?;
        match self.honesty {
            Honesty::Honest => self.store.read_medium(path),
            Honesty::Forgets => Ok(Box::new(FromMemory(self.store.read(path, 0, usize::MAX)?))),
        }
    }

    fn finished_file(&self, path: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        self.store.finished_file(path)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.pass(Operation::Space)?;
        self.store.space()
    }

    fn distance(&self) -> Distance {
        self.store.distance()
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.pass(Operation::StillThere)?;
        self.store.still_there()
    }

    fn mirror(&self) -> Option<&Index> {
        None
    }
}

#[deny(clippy::missing_trait_methods)]
impl WriteStore for Wire {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.pass(Operation::Create)?;
        let inner = self.store.create(path)?;
        Ok(Box::new(WireWriter { inner, wire: self, path: path.clone() }))
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.pass(Operation::Resume)?;
        let inner = self.store.resume(path, left)?;
        Ok(Box::new(WireWriter { inner, wire: self, path: path.clone() }))
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn lanes_max(&self) -> usize {
        self.lanes
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        self.pass(Operation::Delete)?;
        self.store.delete(path)
    }
}

struct WireWriter<'w> {
    inner: Box<dyn ObjectWrite + 'w>,
    wire: &'w Wire,
    path: VaultPath,
}

impl ObjectWrite for WireWriter<'_> {
    fn kept(&self) -> u64 {
        self.inner.kept()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.wire.pass(Operation::Write)?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> Result<Resume, StoreError> {
        self.wire.pass(Operation::Flush)?;
        self.inner.flush()
    }

    fn finish(self: Box<Self>) -> Result<Finish, StoreError> {
        let Self { inner, wire, path } = *self;
        wire.pass(Operation::Finish)?;
        let finish = inner.finish()?;
        if wire.honesty == Honesty::Forgets && path.as_str().starts_with("packs/") {
            wire.store.place().damage_behind_cache(&path, |bytes| bytes.truncate(bytes.len() / 2));
        }
        Ok(finish)
    }
}

struct FromMemory(Vec<u8>);

impl ObjectRead for FromMemory {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let given = self.0.len().min(buffer.len());
        let rest = self.0.split_off(given);
        buffer[..given].copy_from_slice(&self.0);
        self.0 = rest;
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::conformance;

    #[test]
    fn a_wire_keeps_every_rule() {
        conformance::run(|| {
            let power = Power::new(SimDisk::new());
            Wire::open(&MemoryPlace::new(1), &power, Honesty::Honest, None).expect("there")
        });
    }
}

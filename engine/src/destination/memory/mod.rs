//! A vault in memory, stricter than any real place, for tests and the simulator.
//!
//! In: a seed, a table of faults and a way to list. Out: the same answers for the same requests, always.
//!
//! A [`MemoryPlace`] is the drive, a [`MemoryStore`] one process's handle to it: several may be open at once, and all
//! of them end (`Gone`) when the drive is unplugged or the machine crashes, as a descriptor does.
//!
//! Deliberately absent: time; a slow answer is the simulator's clock's business.

pub(crate) mod dice;
mod disk;
mod faults;
mod lists;
#[cfg(test)]
mod tests;
mod writer;

pub use faults::{Fault, Faults};
pub use lists::Lists;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::dice::Dice;
use self::disk::Disk;
use self::lists::Lag;
use self::writer::MemoryWriter;
use super::{
    ErrorKind, Index, Listed, ObjectRead, ObjectWrite, Operation, ReadStore, Resume, Space, StoreError, WriteStore,
    temporary,
};
use crate::model::{Distance, VaultPath};

/// A drive in memory; clones are the same drive.
#[derive(Debug, Clone)]
pub struct MemoryPlace(Arc<Mutex<State>>);

/// One handle to a [`MemoryPlace`].
#[derive(Debug, Clone)]
pub struct MemoryStore {
    place: MemoryPlace,
    session: u64,
}

#[derive(Debug)]
struct State {
    disk: Disk,
    dice: Dice,
    faults: Faults,
    lag: Lag,
    capacity: Option<u64>,
    presence: Presence,
    /// Counts the times that all handles ended.
    session: u64,
    /// Changes that still work before the machine stops; `None`: it does not.
    steps_left: Option<u64>,
    steps_done: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Connected,
    Unplugged,
}

impl MemoryPlace {
    /// An empty drive without faults or limit.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            disk: Disk::default(),
            dice: Dice::new(seed),
            faults: Faults::none(),
            lag: Lag::new(seed),
            capacity: None,
            presence: Presence::Connected,
            session: 0,
            steps_left: None,
            steps_done: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handle, as a process gets it that starts now.
    ///
    /// # Errors
    /// `NotFound` while it is unplugged.
    pub fn open(&self) -> Result<MemoryStore, StoreError> {
        let state = self.state();
        match state.presence {
            Presence::Connected => Ok(MemoryStore { place: self.clone(), session: state.session }),
            Presence::Unplugged => Err(StoreError::new(ErrorKind::NotFound, "open", "memory", "it is unplugged")),
        }
    }

    /// From now on these faults.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// From now on it lists so; how it did before.
    pub fn set_lists(&self, lists: Lists) -> Lists {
        self.state().lag.set(lists)
    }

    /// Enough time has passed: every list shows what lies there, until something changes again.
    pub fn settle_lists(&self) {
        self.state().lag.settle();
    }

    /// From now on this much room for content; what is there stays.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Is there a bound?
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.state().capacity.is_some()
    }

    /// The drive is pulled: handles end, what was not flushed is lost or torn.
    pub fn unplug(&self) {
        self.state().presence = Presence::Unplugged;
        self.crash();
    }

    /// The drive is back. Handles from before stay dead.
    pub fn replug(&self) {
        self.state().presence = Presence::Connected;
    }

    /// The power goes and comes back: handles end, what was not flushed is lost or torn, as the seed has it.
    pub fn crash(&self) {
        let state = &mut *self.state();
        state.disk.crash(&mut state.dice);
        state.session += 1;
        state.steps_left = None;
    }

    /// After `steps` more changes (a write, a flush of a file or folder, a rename, a removal) every request fails with
    /// `Gone`, until [`Self::crash`]: so that a test can stop at each step in turn.
    pub fn stop_after(&self, steps: u64) {
        self.state().steps_left = Some(steps);
    }

    /// Changes made so far, as [`Self::stop_after`] counts them.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        self.state().steps_done
    }

    /// All files by name, temporary ones too, as the medium holds them: for oracles, never faulted.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<VaultPath, Vec<u8>> {
        let state = self.state();
        let content = |path: &VaultPath| Some((path.clone(), state.disk.on_medium(path)?.to_vec()));
        state.disk.names().filter_map(content).collect()
    }

    /// Damage: changes what the medium holds under `path`; plain reads see it too. False if nothing is there.
    pub fn damage(&self, path: &VaultPath, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut state = self.state();
        let done = state.disk.decay(path, change);
        state.disk.drop_caches();
        done
    }

    /// Damage that a cache hides: only a read of the medium sees it, and plain reads after a crash or
    /// [`Self::damage`]. False if nothing is there.
    pub fn damage_behind_cache(&self, path: &VaultPath, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.state().disk.decay(path, change)
    }

    /// Damage: flips one bit. False if the file is not there or shorter.
    pub fn flip(&self, path: &VaultPath, bit: u64) -> bool {
        let Ok(byte) = usize::try_from(bit / 8) else { return false };
        let mut hit = false;
        self.damage(path, |bytes| {
            if let Some(byte) = bytes.get_mut(byte) {
                *byte ^= 1 << (bit % 8);
                hit = true;
            }
        });
        hit
    }

    /// Damage: cuts a file. False if nothing is there.
    pub fn truncate(&self, path: &VaultPath, bytes: usize) -> bool {
        self.damage(path, |content| content.truncate(bytes))
    }

    /// Damage: a file is gone. False if nothing was there.
    pub fn lose(&self, path: &VaultPath) -> bool {
        let mut state = self.state();
        let there = state.disk.id(path).is_some();
        state.disk.remove(path);
        state.disk.flush_folder(&path.folder());
        there
    }

    /// Damage: two files have each other's content. False if one of them is not there.
    pub fn swap(&self, one: &VaultPath, other: &VaultPath) -> bool {
        let mut state = self.state();
        let content = |path| state.disk.on_medium(path).map(<[u8]>::to_vec);
        let (Some(first), Some(second)) = (content(one), content(other)) else { return false };
        state.disk.plant(one, &second);
        state.disk.plant(other, &first);
        true
    }

    /// Damage: an old, or foreign, content stands under this name.
    pub fn plant(&self, path: &VaultPath, bytes: &[u8]) {
        self.state().disk.plant(path, bytes);
    }
}

impl State {
    /// One change to the disk is about to be made.
    fn step(&mut self) -> Result<&mut Disk, StoreError> {
        match &mut self.steps_left {
            Some(0) => return Err(gone("change")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.steps_done += 1;
        Ok(&mut self.disk)
    }

    /// The same for a change of these names, which lists may show late.
    fn renaming(&mut self, names: &[&VaultPath]) -> Result<&mut Disk, StoreError> {
        self.step()?;
        for name in names {
            self.lag.note(&self.disk, name);
        }
        Ok(&mut self.disk)
    }

    fn room(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.disk.used()))
    }
}

fn gone(operation: &'static str) -> StoreError {
    StoreError::new(ErrorKind::Gone, operation, "memory", "it was unplugged, or the machine stopped")
}

impl MemoryStore {
    /// The drive it is a handle of.
    #[must_use]
    pub fn place(&self) -> &MemoryPlace {
        &self.place
    }

    /// The state, if this handle is still good.
    fn alive(&self, operation: Operation) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.place.state();
        let dead = state.session != self.session || state.presence == Presence::Unplugged;
        if dead || state.steps_left == Some(0) { Err(gone(operation.verb())) } else { Ok(state) }
    }

    /// One request: perhaps a fault, else, or then too, its effect.
    fn request<T>(
        &self,
        operation: Operation,
        path: &VaultPath,
        effect: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let state = &mut *self.alive(operation)?;
        match state.faults.strike(operation, &mut state.dice) {
            None => effect(state),
            Some(Fault::LostAcknowledgement) if operation.changes() => {
                effect(state)?;
                Err(Fault::LostAcknowledgement.error(operation, path.as_str()))
            }
            Some(fault) => Err(fault.error(operation, path.as_str())),
        }
    }
}

fn absent(operation: Operation, path: &VaultPath) -> StoreError {
    StoreError::new(ErrorKind::NotFound, operation.verb(), path.as_str(), "no such object")
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[deny(clippy::missing_trait_methods)]
impl ReadStore for MemoryStore {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.request(Operation::Stat, path, |state| Ok(state.disk.cached(path).map(length)))
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        self.request(Operation::Read, path, |state| {
            let content = state.disk.cached(path).ok_or_else(|| absent(Operation::Read, path))?;
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
            Ok(content[from..][..bytes.min(content.len() - from)].to_vec())
        })
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(super::onward::Onward::boxed(self, path, offset))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        let mut all: Vec<Listed> = Vec::new();
        loop {
            let after = all.last().map(|listed| listed.path.clone());
            let (page, is_last) =
                self.request(Operation::List, folder, |state| Ok(state.lag.page(&state.disk, folder, after.as_ref())))?;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        let operation = Operation::ReadMedium;
        let content = self.request(operation, path, |state| {
            state.disk.on_medium(path).map(<[u8]>::to_vec).ok_or_else(|| absent(operation, path))
        })?;
        Ok(Box::new(MemoryReader { store: self, path: path.clone(), content, offset: 0 }))
    }

    fn finished_file(&self, _: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        Ok(None)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.request(Operation::Space, &VaultPath::root(), |state| {
            Ok(state.capacity.map(|total| Space { free: state.room(), total }))
        })
    }

    fn distance(&self) -> Distance {
        Distance::Local
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.request(Operation::StillThere, &VaultPath::root(), |_| Ok(()))
    }

    fn mirror(&self) -> Option<&Index> {
        None
    }
}

impl MemoryStore {
    fn begin(
        &self,
        operation: Operation,
        path: &VaultPath,
        keep: u64,
    ) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        let temporary = temporary(path)?;
        let (file, kept) = self.request(operation, path, |state| {
            if state.disk.id(path).is_some() {
                return Err(StoreError::new(ErrorKind::Exists, "create", path.as_str(), "the name is taken"));
            }
            writer::begin(state, &temporary, keep)
        })?;
        Ok(Box::new(MemoryWriter::new(self.clone(), path.clone(), temporary, file, kept)))
    }
}

#[deny(clippy::missing_trait_methods)]
impl WriteStore for MemoryStore {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.begin(Operation::Create, path, 0)
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.begin(Operation::Resume, path, left.bytes)
    }

    fn lanes(&self) -> usize {
        1
    }

    fn lanes_max(&self) -> usize {
        1
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        self.request(Operation::Delete, path, |state| {
            state.renaming(&[path])?.remove(path);
            state.step()?.flush_folder(&path.folder());
            Ok(())
        })
    }
}

struct MemoryReader<'s> {
    store: &'s MemoryStore,
    path: VaultPath,
    content: Vec<u8>,
    offset: usize,
}

impl ObjectRead for MemoryReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        self.store.request(Operation::ReadMedium, &self.path, |_| Ok(()))?;
        let left = &self.content[self.offset..];
        let given = left.len().min(buffer.len());
        buffer[..given].copy_from_slice(&left[..given]);
        self.offset += given;
        Ok(given)
    }
}

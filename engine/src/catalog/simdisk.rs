//! A simulated disk for the catalog, for tests and the simulator. One [`SimDisk`] is one computer's disk; each handle on
//! it is as a process's own open file.
//!
//! Fault model: a write is kept in memory until the handle's file is flushed. A crash keeps, of the writes since the last
//! flush, a seeded choice of sectors (512 bytes), each old or new, so writes are lost, torn and kept out of order; the
//! length is old or new too. From a chosen step on every operation fails, as when the power goes. Replacing the file is
//! atomic and durable once it is reported. Range locks conflict between handles and are freed when a handle closes; the
//! lock file is simulated too. Deliberately absent: a disk that lies about a flush, and bits that rot by themselves
//! ([`SimDisk::flip`] makes them).

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use super::disk::{CatalogDisk, FileMark, LockGuard, Share, StartFrom, Which};
use super::simhandle::SimHandle;

const SECTOR_BYTES: usize = 512;

/// Numbers that look random and follow from a seed (splitmix64: Steele, Lea, Flood, OOPSLA 2014).
#[derive(Debug, Clone)]
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct SimFile {
    /// What programs see.
    pub(super) seen: Vec<u8>,
    /// What a crash keeps for certain.
    pub(super) flushed: Vec<u8>,
    /// Numbers of the sectors that differ, or may.
    pub(super) dirty: BTreeMap<usize, ()>,
}

pub(super) type Range = (u64, u64);

#[derive(Debug, Clone, Copy)]
pub(super) struct HeldRange {
    pub(super) owner: u64,
    pub(super) inode: u64,
    pub(super) range: Range,
    pub(super) alone: bool,
}

#[derive(Debug, Default)]
pub(super) struct Machine {
    pub(super) files: BTreeMap<u64, SimFile>,
    pub(super) current: Option<u64>,
    pub(super) next: Option<u64>,
    pub(super) next_inode: u64,
    pub(super) next_owner: u64,
    pub(super) ranges: Vec<HeldRange>,
    pub(super) lock_shared: u64,
    pub(super) lock_alone: bool,
    pub(super) steps: u64,
    pub(super) fail_from: Option<u64>,
    /// The step that says that the disk is full, and whether it does its work all the same.
    pub(super) full_at: Option<(u64, Effect)>,
    pub(super) has_ballast: bool,
    pub(super) boots: u64,
}

/// Does a step that says that the disk is full do its work?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// No.
    None,
    /// Yes: what follows it in the system failed.
    Whole,
}

impl Machine {
    /// Counts a step of the disk; fails if its power is gone.
    pub(super) fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        match self.fail_from {
            Some(fail_from) if self.steps > fail_from => Err(io::Error::other("simulated: the power is gone")),
            _ => Ok(()),
        }
    }

    /// Says once that the disk is full, if it is so at this step.
    pub(super) fn is_full(&mut self, effect: Effect) -> io::Result<()> {
        let is_full = self.full_at == Some((self.steps, effect));
        self.full_at = self.full_at.filter(|_| !is_full);
        if is_full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn file(&mut self, inode: u64) -> io::Result<&mut SimFile> {
        self.files.get_mut(&inode).ok_or_else(|| io::Error::other("simulated: no such file"))
    }

    fn of(&self, which: Which) -> Option<u64> {
        match which {
            Which::Current => self.current,
            Which::Next => self.next,
        }
    }

    fn end_processes(&mut self) {
        self.ranges.clear();
        self.lock_shared = 0;
        self.lock_alone = false;
        self.fail_from = None;
        self.boots += 1;
    }

    pub(super) fn conflicts(&self, owner: u64, inode: u64, range: Range, alone: bool) -> bool {
        self.ranges.iter().any(|held| {
            let meets = held.range.0 < range.1 && range.0 < held.range.1;
            held.owner != owner && held.inode == inode && meets && (alone || held.alone)
        })
    }
}

/// A simulated disk that holds at most one catalog. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) machine: Mutex<Machine>,
    pub(super) freed: Condvar,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Machine> {
        // Each step leaves the machine whole.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Steps (reads do not count) that were taken so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.shared.lock().steps
    }

    /// From this step on, counted as [`SimDisk::steps`] does, every operation fails, until [`SimDisk::crash`].
    pub fn fail_from(&self, step: u64) {
        self.shared.lock().fail_from = Some(step);
    }

    /// The step of that number says that the disk is full, and nothing after it: there is ballast.
    pub fn full_at(&self, step: u64, effect: Effect) {
        let mut machine = self.shared.lock();
        (machine.full_at, machine.has_ballast) = (Some((step, effect)), true);
    }

    /// Is there ballast, that nobody has given up?
    #[must_use]
    pub fn has_ballast(&self) -> bool {
        self.shared.lock().has_ballast
    }

    /// Operations work again, and nothing was lost: a cable that was put back.
    pub fn reconnect(&self) {
        self.shared.lock().fail_from = None;
    }

    /// The power goes and comes back: open handles are of no use any more, locks are free, and of each write since the
    /// last flush a seeded choice of sectors is kept.
    pub fn crash(&self, seed: u64) {
        let mut machine = self.shared.lock();
        let mut seeded = Seeded(seed);
        for file in machine.files.values_mut() {
            file.crash(&mut seeded);
        }
        let kept = [machine.current, machine.next];
        machine.files.retain(|inode, _| kept.contains(&Some(*inode)));
        machine.end_processes();
        self.shared.freed.notify_all();
    }

    /// Every process ends at once and the system goes on: handles are of no use any more, locks are free, nothing that
    /// was written is lost.
    pub fn kill(&self) {
        let mut machine = self.shared.lock();
        machine.end_processes();
        self.shared.freed.notify_all();
    }

    /// The current file's bytes, as programs see them.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let machine = self.shared.lock();
        let file = machine.current.and_then(|inode| machine.files.get(&inode));
        file.map(|file| file.seen.clone()).unwrap_or_default()
    }

    /// A disk whose current file has these bytes.
    #[must_use]
    pub fn with_bytes(bytes: &[u8]) -> Self {
        let disk = Self::new();
        let file = SimFile { seen: bytes.to_vec(), flushed: bytes.to_vec(), dirty: BTreeMap::new() };
        let mut machine = disk.shared.lock();
        machine.files.insert(1, file);
        (machine.current, machine.next_inode) = (Some(1), 1);
        drop(machine);
        disk
    }

    /// Changes bits of the current file behind everyone's back; nothing happens beyond its end.
    pub fn flip(&self, offset: usize, bits: u8) {
        let mut machine = self.shared.lock();
        let Some(inode) = machine.current else { return };
        if let Some(file) = machine.files.get_mut(&inode) {
            for bytes in [&mut file.seen, &mut file.flushed] {
                if let Some(byte) = bytes.get_mut(offset) {
                    *byte ^= bits;
                }
            }
        }
    }
}

impl SimFile {
    pub(super) fn write(&mut self, offset: usize, data: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(data.len()).filter(|&end| end <= self.seen.len());
        let end = end.ok_or_else(|| io::Error::other("simulated: a write beyond the end"))?;
        self.seen[offset..end].copy_from_slice(data);
        for sector in offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            self.dirty.insert(sector, ());
        }
        Ok(())
    }

    pub(super) fn resize(&mut self, bytes: usize) {
        // What was cut off reads as zeros if the file grows again.
        let cut = bytes / SECTOR_BYTES..self.seen.len().div_ceil(SECTOR_BYTES);
        self.dirty.extend(cut.map(|sector| (sector, ())));
        self.seen.resize(bytes, 0);
    }

    pub(super) fn flush(&mut self) {
        self.flushed.resize(self.seen.len(), 0);
        for sector in std::mem::take(&mut self.dirty).into_keys() {
            let start = sector * SECTOR_BYTES;
            let end = (start + SECTOR_BYTES).min(self.seen.len());
            if start < end {
                self.flushed[start..end].copy_from_slice(&self.seen[start..end]);
            }
        }
    }

    fn crash(&mut self, seeded: &mut Seeded) {
        let mut kept = self.flushed.clone();
        if self.seen.len() != kept.len() && seeded.coin() {
            kept.resize(self.seen.len(), 0);
        }
        for &sector in self.dirty.keys() {
            let start = sector * SECTOR_BYTES;
            let end = (start + SECTOR_BYTES).min(self.seen.len()).min(kept.len());
            if start < end && seeded.coin() {
                kept[start..end].copy_from_slice(&self.seen[start..end]);
            }
        }
        self.seen.clone_from(&kept);
        self.flushed = kept;
        self.dirty.clear();
    }
}

impl CatalogDisk for SimDisk {
    fn give_up_ballast(&self) -> io::Result<bool> {
        Ok(std::mem::take(&mut self.shared.lock().has_ballast))
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("simulated/catalog.redb")
    }

    fn current(&self) -> io::Result<Option<FileMark>> {
        let machine = self.shared.lock();
        Ok(machine.current.map(|inode| FileMark { device: machine.boots, inode }))
    }

    fn open(&self, which: Which) -> io::Result<(Box<dyn StorageBackend>, FileMark)> {
        let mut machine = self.shared.lock();
        machine.step()?;
        let inode = machine.of(which).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        machine.next_owner += 1;
        let (owner, boot) = (machine.next_owner, machine.boots);
        let handle = SimHandle { shared: Arc::clone(&self.shared), inode, owner, boot };
        Ok((Box::new(handle), FileMark { device: boot, inode }))
    }

    fn try_lock(&self, share: Share) -> io::Result<Option<LockGuard>> {
        let mut machine = self.shared.lock();
        let taken = match share {
            Share::Shared => !machine.lock_alone,
            Share::Alone => !machine.lock_alone && machine.lock_shared == 0,
        };
        if !taken {
            return Ok(None);
        }
        match share {
            Share::Shared => machine.lock_shared += 1,
            Share::Alone => machine.lock_alone = true,
        }
        let guard = SimLock { shared: Arc::clone(&self.shared), share, boot: machine.boots };
        Ok(Some(Box::new(guard)))
    }

    fn begin_next(&self, from: StartFrom) -> io::Result<()> {
        let mut machine = self.shared.lock();
        machine.step()?;
        let file = match (from, machine.current) {
            (StartFrom::Current, Some(inode)) => {
                let seen = machine.file(inode)?.seen.clone();
                let sectors = 0..seen.len().div_ceil(SECTOR_BYTES);
                SimFile { seen, flushed: Vec::new(), dirty: sectors.map(|sector| (sector, ())).collect() }
            }
            _ => SimFile::default(),
        };
        machine.next_inode += 1;
        let inode = machine.next_inode;
        machine.files.insert(inode, file);
        machine.next = Some(inode);
        Ok(())
    }

    fn publish(&self) -> io::Result<()> {
        let mut machine = self.shared.lock();
        machine.step()?;
        let next = machine.next.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        machine.file(next)?.flush();
        machine.step()?;
        (machine.current, machine.next) = (Some(next), None);
        Ok(())
    }

    fn discard_next(&self) -> io::Result<()> {
        let mut machine = self.shared.lock();
        machine.step()?;
        machine.next = None;
        Ok(())
    }
}

#[derive(Debug)]
struct SimLock {
    shared: Arc<Shared>,
    share: Share,
    boot: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut machine = self.shared.lock();
        if machine.boots == self.boot {
            match self.share {
                Share::Shared => machine.lock_shared -= 1,
                Share::Alone => machine.lock_alone = false,
            }
        }
    }
}

//! One process's open file on a simulated disk (`simdisk.rs`): bytes, flushes and range locks.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

use super::simdisk::{Effect, HeldRange, Machine, Range, Shared};

/// One process's open file.
#[derive(Debug)]
pub(super) struct SimHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) inode: u64,
    pub(super) owner: u64,
    pub(super) boot: u64,
}

impl SimHandle {
    /// The machine, if it was not started again since.
    fn machine(&self) -> io::Result<MutexGuard<'_, Machine>> {
        let machine = self.shared.lock();
        if machine.boots == self.boot { Ok(machine) } else { Err(io::Error::other("simulated: before the crash")) }
    }

    fn take(&self, machine: &mut Machine, range: Range, alone: bool) -> bool {
        if machine.conflicts(self.owner, self.inode, range, alone) {
            return false;
        }
        machine.ranges.push(HeldRange { owner: self.owner, inode: self.inode, range, alone });
        true
    }

    fn try_take(&self, start: Bound<u64>, end: Bound<u64>, alone: bool) -> Result<bool, BackendError> {
        let mut machine = self.machine()?;
        machine.step()?;
        Ok(self.take(&mut machine, half_open(start, end), alone))
    }

    fn wait_take(&self, start: Bound<u64>, end: Bound<u64>, alone: bool) -> Result<(), BackendError> {
        let mut machine = self.machine()?;
        machine.step()?;
        while !self.take(&mut machine, half_open(start, end), alone) {
            machine = self.shared.freed.wait(machine).unwrap_or_else(PoisonError::into_inner);
            if machine.boots != self.boot {
                return Err(io::Error::other("simulated: before the crash").into());
            }
        }
        Ok(())
    }
}

fn half_open(start: Bound<u64>, end: Bound<u64>) -> Range {
    let start = match start {
        Bound::Unbounded => 0,
        Bound::Included(start) => start,
        Bound::Excluded(start) => start.saturating_add(1),
    };
    let end = match end {
        Bound::Unbounded => u64::MAX,
        Bound::Included(end) => end.saturating_add(1),
        Bound::Excluded(end) => end,
    };
    (start, end)
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

#[deny(clippy::missing_trait_methods)]
impl StorageBackend for SimHandle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.machine()?.file(self.inode)?.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut machine = self.machine()?;
        if machine.fail_from.is_some_and(|fail_from| machine.steps > fail_from) {
            return Err(io::Error::other("simulated: the power is gone"));
        }
        let start = position(offset)?;
        let end = start.saturating_add(out.len());
        let bytes = machine.file(self.inode)?.seen.get(start..end);
        out.copy_from_slice(bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut machine = self.machine()?;
        machine.step()?;
        machine.is_full(Effect::None)?;
        machine.file(self.inode)?.resize(position(len)?);
        machine.is_full(Effect::Whole)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut machine = self.machine()?;
        machine.step()?;
        machine.is_full(Effect::None)?;
        machine.file(self.inode)?.flush();
        machine.is_full(Effect::Whole)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut machine = self.machine()?;
        machine.step()?;
        machine.is_full(Effect::None)?;
        machine.file(self.inode)?.write(position(offset)?, data)?;
        machine.is_full(Effect::Whole)
    }

    fn close(&self) -> io::Result<()> {
        if let Ok(mut machine) = self.machine() {
            machine.ranges.retain(|held| held.owner != self.owner);
            self.shared.freed.notify_all();
        }
        Ok(())
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.try_take(start, end, true)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.try_take(start, end, false)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.wait_take(start, end, true)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.wait_take(start, end, false)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        let mut machine = self.machine()?;
        let range = half_open(start, end);
        let held = |held: &HeldRange| held.owner == self.owner && held.range == range;
        if let Some(at) = machine.ranges.iter().position(held) {
            machine.ranges.swap_remove(at);
        }
        self.shared.freed.notify_all();
        Ok(())
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        let machine = self.machine()?;
        Ok(machine.conflicts(self.owner, self.inode, half_open(start, end), true))
    }
}

impl Drop for SimHandle {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

//! Ranges of packs, where the next one wanted mostly lies just behind the last.
//!
//! In: ranges. Out: their bytes; fewer where the pack ends.
//! Small ranges are read in windows. At a place behind a network, where each request costs round trips, a range that
//! follows soon on the last one, or on the pack's beginning, is read on from by one request to the pack's end, and what
//! lies between ranges is passed over. What fails or falls short on that way is read by a request of its own, whose answer
//! counts.
//! Deliberately absent: what the bytes mean; more than one pack at a time.

use std::sync::{Mutex, PoisonError};

use crate::destination::{ObjectRead, ReadStore, StoreError};
use crate::model::{Distance, ObjectName, PackId, VaultPath};

/// Small ranges are read in windows of this many bytes: neighbours are nearly always wanted next.
const WINDOW: usize = 1 << 20;
/// So many bytes are passed over rather than asked for anew: what a fast line carries in a few round trips.
const SKIP_MAX: u64 = 4 << 20;

/// What [`Ahead`] does. Behind this a reader's lifetime may be taken for a shorter one, which the stream that is held
/// would forbid.
pub(super) trait Ranges: Send + Sync {
    /// The pack's first `bytes` bytes, before `next` is read.
    fn begin(&self, pack: &PackId, bytes: usize, next: u32) -> Result<Vec<u8>, StoreError>;

    /// The `bytes` bytes from `offset`; fewer only where the pack ends.
    fn read(&self, pack: &PackId, offset: u32, bytes: usize) -> Result<Vec<u8>, StoreError>;
}

/// See the module.
pub(super) struct Ahead<'s> {
    store: &'s dyn ReadStore,
    at: Mutex<At<'s>>,
}

#[derive(Default)]
struct At<'s> {
    pack: Option<PackId>,
    /// Where the window begins.
    start: u64,
    window: Vec<u8>,
    /// What goes on behind the window.
    onward: Option<Box<dyn ObjectRead + 's>>,
}

impl<'s> Ahead<'s> {
    pub fn of(store: &'s dyn ReadStore) -> Self {
        Self { store, at: Mutex::default() }
    }
}

impl Ranges for Ahead<'_> {
    fn begin(&self, pack: &PackId, bytes: usize, next: u32) -> Result<Vec<u8>, StoreError> {
        if self.store.distance() == Distance::Server && next as usize <= WINDOW {
            let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
            if at.pack != Some(*pack) {
                *at = At { pack: Some(*pack), ..At::default() };
            }
            drop(at);
            return self.read(pack, 0, bytes);
        }
        self.store.read(&ObjectName::Pack(*pack).path(), 0, bytes)
    }

    fn read(&self, pack: &PackId, offset: u32, bytes: usize) -> Result<Vec<u8>, StoreError> {
        let (path, offset) = (ObjectName::Pack(*pack).path(), u64::from(offset));
        let is_small = bytes <= WINDOW / 4;
        let is_far = self.store.distance() == Distance::Server;
        if !is_small && !is_far {
            return self.store.read(&path, offset, bytes);
        }
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = if is_small { WINDOW } else { bytes };
        if at.pack != Some(*pack) {
            *at = At::default();
        } else if let Some(inside) = at.inside(offset, bytes) {
            return Ok(inside.to_vec());
        } else if is_far
            && at.follows(offset)
            && at.go_on(self.store, &path, offset, wanted).is_ok()
            && let Some(inside) = at.inside(offset, bytes)
        {
            return Ok(inside.to_vec());
        }
        *at = At { pack: Some(*pack), start: offset, window: self.store.read(&path, offset, wanted)?, onward: None };
        Ok(at.window.get(..bytes).unwrap_or(&at.window).to_vec())
    }
}

impl<'s> At<'s> {
    fn end(&self) -> u64 {
        self.start.saturating_add(u64::try_from(self.window.len()).unwrap_or(u64::MAX))
    }

    /// The window from there on.
    fn tail(&self, offset: u64) -> &[u8] {
        let from = offset.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        from.and_then(|from| self.window.get(from..)).unwrap_or_default()
    }

    fn inside(&self, offset: u64, bytes: usize) -> Option<&[u8]> {
        self.tail(offset).get(..bytes)
    }

    fn follows(&self, offset: u64) -> bool {
        (self.start..=self.end().saturating_add(SKIP_MAX)).contains(&offset)
    }

    /// Moves the window to `offset`, by what it holds already and what comes behind it.
    fn go_on(
        &mut self,
        store: &'s dyn ReadStore,
        path: &VaultPath,
        offset: u64,
        wanted: usize,
    ) -> Result<(), StoreError> {
        let mut window = self.tail(offset).to_vec();
        let skip = offset.saturating_sub(self.end());
        let mut onward = match self.onward.take() {
            Some(mut onward) => {
                pass_over(&mut *onward, skip)?;
                onward
            }
            None => store.read_on(path, offset.max(self.end()))?,
        };
        let have = window.len();
        window.resize(wanted.max(have), 0);
        let filled = have + fill(&mut *onward, &mut window[have..])?;
        window.truncate(filled);
        (self.start, self.window, self.onward) = (offset, window, Some(onward));
        Ok(())
    }
}

fn fill(from: &mut dyn ObjectRead, buffer: &mut [u8]) -> Result<usize, StoreError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..])? {
            0 => break,
            bytes => filled += bytes,
        }
    }
    Ok(filled)
}

fn pass_over(from: &mut dyn ObjectRead, mut bytes: u64) -> Result<(), StoreError> {
    let mut buffer = vec![0; 64 << 10];
    while bytes > 0 {
        let now = usize::try_from(bytes).map_or(buffer.len(), |bytes| bytes.min(buffer.len()));
        match from.read(&mut buffer[..now])? {
            0 => return Ok(()),
            passed => bytes = bytes.saturating_sub(u64::try_from(passed).unwrap_or(u64::MAX)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

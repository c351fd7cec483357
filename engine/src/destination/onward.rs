//! Reading on by single reads, for places where a request costs nothing.
//!
//! In: a store, a path and an offset. Out: the object's bytes from there to its end.

use super::{ObjectRead, ReadStore, StoreError};
use crate::model::VaultPath;

/// See the module.
pub(crate) struct Onward<'s, S: ?Sized> {
    store: &'s S,
    path: VaultPath,
    offset: u64,
}

impl<'s, S: ReadStore + ?Sized> Onward<'s, S> {
    /// From `offset` to the end.
    pub fn boxed(store: &'s S, path: &VaultPath, offset: u64) -> Box<dyn ObjectRead + 's> {
        Box::new(Self { store, path: path.clone(), offset })
    }
}

impl<S: ReadStore + ?Sized> ObjectRead for Onward<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let bytes = self.store.read(&self.path, self.offset, buffer.len())?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.offset = self.offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

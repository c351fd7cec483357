//! An object on its way into memory: every step of its end is a change that the machine may stop before.

use super::disk::FileId;
use super::{MemoryStore, State};
use crate::destination::{ErrorKind, Finish, ObjectWrite, Operation, Resume, StoreError};
use crate::model::VaultPath;

pub(super) struct MemoryWriter {
    store: MemoryStore,
    path: VaultPath,
    temporary: VaultPath,
    file: FileId,
    kept: u64,
    written: u64,
}

/// Begins, or goes on with, the file at `temporary`; and how many of its bytes stay.
pub(super) fn begin(state: &mut State, temporary: &VaultPath, keep: u64) -> Result<(FileId, u64), StoreError> {
    let bytes = usize::try_from(keep).unwrap_or(usize::MAX);
    match (state.disk.id(temporary), state.disk.cached(temporary)) {
        (Some(file), Some(left)) if keep > 0 && left.len() >= bytes => {
            state.step()?.truncate(file, bytes);
            Ok((file, keep))
        }
        _ => Ok((state.renaming(&[temporary])?.make(temporary), 0)),
    }
}

impl MemoryWriter {
    pub fn new(store: MemoryStore, path: VaultPath, temporary: VaultPath, file: FileId, kept: u64) -> Self {
        Self { store, path, temporary, file, kept, written: kept }
    }

    fn append(&self, state: &mut State, bytes: &[u8]) -> Result<(), StoreError> {
        let room = usize::try_from(state.room()).unwrap_or(usize::MAX);
        let fits = bytes.len().min(room);
        state.step()?.append(self.file, &bytes[..fits]);
        if fits < bytes.len() {
            return Err(StoreError::new(ErrorKind::Full, "write", self.path.as_str(), "no room left"));
        }
        Ok(())
    }

    /// Runs a request that flushes; if the flush itself is to fail, what was not flushed is lost.
    fn flushing(
        &self,
        operation: Operation,
        effect: impl FnOnce(&mut State) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let done = self.store.request(operation, &self.path, effect);
        if done.as_ref().is_err_and(|error| error.kind == ErrorKind::Permanent) {
            self.store.place.state().disk.lose(self.file);
        }
        done
    }

    fn rename(&self, state: &mut State) -> Result<(), StoreError> {
        let taken = state.disk.id(&self.path).is_some();
        if taken || state.disk.id(&self.temporary) != Some(self.file) {
            return Err(StoreError::new(ErrorKind::Exists, "finish", self.path.as_str(), "another one took the name"));
        }
        state.renaming(&[&self.temporary, &self.path])?.rename(&self.temporary, &self.path);
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
impl ObjectWrite for MemoryWriter {
    fn kept(&self) -> u64 {
        self.kept
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.store.request(Operation::Write, &self.path, |state| self.append(state, bytes))?;
        self.written += super::length(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<Resume, StoreError> {
        self.flushing(Operation::Flush, |state| {
            state.step()?.flush(self.file);
            state.step()?.flush_folder(&self.temporary.folder());
            Ok(())
        })?;
        Ok(Resume::at(self.written))
    }

    fn finish(self: Box<Self>) -> Result<Finish, StoreError> {
        self.flushing(Operation::Finish, |state| {
            state.step()?.flush(self.file);
            self.rename(state)?;
            state.step()?.flush_folder(&self.path.folder());
            Ok(())
        })?;
        Ok(Finish::Named)
    }
}

//! A shared store is a store: so that a decorator can own one that others hold too.

use std::sync::Arc;

use super::{Index, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, WriteStore};
use crate::model::{Distance, VaultPath};

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore + ?Sized> ReadStore for Arc<S> {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        (**self).stat(path)
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        (**self).read(path, offset, bytes)
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        (**self).read_on(path, offset)
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        (**self).list(folder)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        (**self).read_medium(path)
    }

    fn finished_file(&self, path: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        (**self).finished_file(path)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        (**self).space()
    }

    fn distance(&self) -> Distance {
        (**self).distance()
    }

    fn still_there(&self) -> Result<(), StoreError> {
        (**self).still_there()
    }

    fn mirror(&self) -> Option<&Index> {
        (**self).mirror()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore + ?Sized> WriteStore for Arc<S> {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        (**self).create(path)
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        (**self).resume(path, left)
    }

    fn lanes(&self) -> usize {
        (**self).lanes()
    }

    fn lanes_max(&self) -> usize {
        (**self).lanes_max()
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        (**self).delete(path)
    }
}

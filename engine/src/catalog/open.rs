//! Making, opening, checking and rebuilding the catalog.

use std::path::Path;
use std::sync::Arc;

use super::disk::{CatalogDisk, FileDisk, LockGuard, StartFrom, Which};
use super::error::{CatalogError, Result};
use super::handle::{Handle, OpenOptions, SCHEMA, set_schema};
use super::migrate;
use super::redb_error::from_io;
use super::rows::MetaRow;
use super::tables::Tables;
use crate::model::{FamilyId, Time, WriterId};

/// What a new catalog is founded on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Founding {
    /// The installation's family.
    pub family: FamilyId,
    /// This writer.
    pub writer: WriterId,
    /// 1, or one more than any seen for a rebuild or take-over.
    pub epoch: u32,
    /// Now.
    pub created: Time,
}

/// The catalog, open. Cheap to clone; every clone is the same handle; threads may share it.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub(super) handle: Arc<Handle>,
}

impl Catalog {
    /// Makes `catalog.redb` in the folder `state`, which must exist.
    ///
    /// # Errors
    /// [`CatalogError::Exists`] if there is one; if the disk fails.
    pub fn create(state: &Path, founding: &Founding, options: OpenOptions) -> Result<Self> {
        Self::create_on(Arc::new(FileDisk::new(state)), founding, options)
    }

    /// The same on any disk.
    ///
    /// # Errors
    /// As [`Catalog::create`].
    pub fn create_on(disk: Arc<dyn CatalogDisk>, founding: &Founding, options: OpenOptions) -> Result<Self> {
        let lock = Handle::lock_alone(&disk, options.deadline)?;
        if disk.current().map_err(|e| from_io("be looked for", e))?.is_some() {
            return Err(CatalogError::Exists { path: disk.path() });
        }
        Rebuild::begin(disk, lock, founding, options, Confirmed::Yes)?.finish()
    }

    /// Opens `catalog.redb` in the folder `state`, and migrates it first if its schema is older.
    ///
    /// # Errors
    /// D-6: [`CatalogError::Missing`] if it is not there, never an empty one. [`CatalogError::Newer`] if a later
    /// version wrote it. [`CatalogError::Damaged`] if it is not what was written.
    pub fn open(state: &Path, options: OpenOptions) -> Result<Self> {
        Self::open_on(Arc::new(FileDisk::new(state)), options)
    }

    /// The same on any disk.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub fn open_on(disk: Arc<dyn CatalogDisk>, options: OpenOptions) -> Result<Self> {
        let handle = Handle::new(disk, Which::Current, options);
        match handle.schema()? {
            SCHEMA => {}
            found if found > SCHEMA => return Err(CatalogError::Newer { found, known: SCHEMA }),
            _ => migrate::migrate(&handle)?,
        }
        let catalog = Self { handle: Arc::new(handle) };
        catalog.meta()?;
        Ok(catalog)
    }

    /// Who is told when the disk is full and its ballast is given up; the first that is named here.
    pub fn tell_when_full(&self, tell: Arc<dyn Fn(&str) + Send + Sync>) {
        self.handle.tell_when_full(tell);
    }

    /// Reads every page and every row. Other threads that share this handle must not use it meanwhile.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`] for the first damage found.
    pub fn check(&self) -> Result<()> {
        self.handle.check_pages()?;
        self.handle.read(|tables| {
            tables.read_all()?;
            tables.all_chunks_valid()
        })
    }

    /// Begins a rebuild: a new file, and no transaction of any handle on the old one until it is finished or dropped.
    ///
    /// # Errors
    /// [`CatalogError::Busy`] if others don't come to an end; if the disk fails.
    pub fn rebuild(state: &Path, founding: &Founding, options: OpenOptions) -> Result<Rebuild> {
        Self::rebuild_on(Arc::new(FileDisk::new(state)), founding, options)
    }

    /// The same on any disk.
    ///
    /// # Errors
    /// As [`Catalog::rebuild`].
    pub fn rebuild_on(disk: Arc<dyn CatalogDisk>, founding: &Founding, options: OpenOptions) -> Result<Rebuild> {
        let lock = Handle::lock_alone(&disk, options.deadline)?;
        Rebuild::begin(disk, lock, founding, options, Confirmed::No)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Confirmed {
    Yes,
    No,
}

/// A rebuild under way: holds the catalog's lock alone and fills a new file beside the old one.
#[derive(Debug)]
pub struct Rebuild {
    catalog: Catalog,
    disk: Arc<dyn CatalogDisk>,
    lock: Option<LockGuard>,
}

impl Rebuild {
    fn begin(
        disk: Arc<dyn CatalogDisk>,
        lock: LockGuard,
        founding: &Founding,
        options: OpenOptions,
        confirmed: Confirmed,
    ) -> Result<Self> {
        disk.begin_next(StartFrom::Nothing).map_err(|e| from_io("be made", e))?;
        let handle = Handle::new(Arc::clone(&disk), Which::Next, options);
        let rebuild = Self { catalog: Catalog { handle: Arc::new(handle) }, disk, lock: Some(lock) };
        rebuild.catalog.found(founding, confirmed)?;
        Ok(rebuild)
    }

    /// The new catalog, to be filled with jobs, media, `read_in_pack` and `read_in_point`.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Flushes it and puts it in place of the old one; other handles notice with their next transaction. No clone of
    /// [`Rebuild::catalog`] may be used afterwards.
    ///
    /// # Errors
    /// If the disk fails: the old catalog stays, or the new one is there whole.
    pub fn finish(mut self) -> Result<Catalog> {
        self.catalog.handle.close();
        self.disk.publish().map_err(|e| from_io("be put in place", e))?;
        let options = self.catalog.handle.options();
        let disk = Arc::clone(&self.disk);
        self.lock = None;
        Catalog::open_on(disk, options)
    }
}

impl Drop for Rebuild {
    fn drop(&mut self) {
        if self.lock.is_some() {
            self.catalog.handle.close();
            // What stays is replaced by the next rebuild.
            let _ = self.disk.discard_next();
        }
    }
}

impl Catalog {
    fn found(&self, founding: &Founding, confirmed: Confirmed) -> Result<()> {
        let meta = MetaRow {
            family: founding.family,
            writer: founding.writer,
            epoch: founding.epoch,
            next_sequence: 1,
            next_pack: 1,
            next_reservation: 1,
            next_medium: 1,
            next_event: 1,
            generation: 1,
            created: founding.created,
            unconfirmed: confirmed == Confirmed::No,
            home: None,
            clock: None,
        };
        self.handle.write_raw(|transaction| {
            set_schema(transaction, SCHEMA)?;
            Tables::write(transaction)?.meta.put(&0, &meta)
        })
    }
}

//! One handle on the catalog's file: runs transactions, waits for other processes, opens the file again after it was
//! replaced or after an I/O error.
//!
//! Deliberately absent: what a transaction does.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable,
    TableDefinition, TableError, TransactionError, WriteTransaction,
};

use super::disk::{CatalogDisk, FileMark, LockGuard, Patient, Share, Which};
use super::error::{CatalogError, Result};
use super::quiet::quietly;
use super::redb_error::{
    COMMIT, damaged_file, from_commit, from_database, from_io, from_storage, from_table, from_transaction,
};
use super::stood::Attempt;
use super::tables::{Reading, Tables, Writing};
use super::unclean::ended_unclean;

/// The schema that this program writes.
pub const SCHEMA: u64 = 4;
const SCHEMA_TABLE: TableDefinition<'static, &'static str, u64> = TableDefinition::new("schema");
const SCHEMA_KEY: &str = "version";

/// A file up to this size is read whole after an unclean end: a second or so.
const CHECKED_WHOLE_BYTES: u64 = 256 << 20;
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// What a handle may be told when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// How long a transaction waits for another process's before [`CatalogError::Busy`]. Default: 30 s.
    pub deadline: Duration,
    /// redb's page cache. Default: 32 MiB.
    pub cache_bytes: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30), cache_bytes: 32 << 20 }
    }
}

/// redb's database, closed without a panic whatever state it is in.
#[derive(Debug)]
pub struct Open {
    database: Option<Database>,
    mark: FileMark,
}

impl Open {
    fn database(&self) -> &Database {
        self.database.as_ref().expect("taken only when dropped")
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let database = self.database.take();
        // Closing can't be reported from here, and whatever it leaves is recovered when the file is opened again.
        let _ = quietly(|| {
            drop(database);
            Ok(())
        });
    }
}

/// A handle on one of a disk's files.
#[derive(Debug)]
pub struct Handle {
    disk: Arc<dyn CatalogDisk>,
    which: Which,
    options: OpenOptions,
    open: Mutex<Option<Arc<Open>>>,
    tell: OnceLock<Tell>,
}

/// Who is told of a full disk.
struct Tell(Arc<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tell")
    }
}

impl Handle {
    /// A handle that opens the file with its first transaction.
    pub fn new(disk: Arc<dyn CatalogDisk>, which: Which, options: OpenOptions) -> Self {
        Self { disk, which, options, open: Mutex::new(None), tell: OnceLock::new() }
    }

    /// The disk.
    pub fn disk(&self) -> &Arc<dyn CatalogDisk> {
        &self.disk
    }

    /// What it was opened with.
    pub fn options(&self) -> OpenOptions {
        self.options
    }

    /// Reads in one transaction: all of it as of one moment.
    pub fn read<T>(&self, look: impl Fn(&Tables<'static, Reading>) -> Result<T>) -> Result<T> {
        self.read_raw(|transaction| {
            known(schema_of(transaction.open_table(SCHEMA_TABLE))?)?;
            look(&Tables::read(transaction)?)
        })
    }

    /// Writes in one transaction: all of it or nothing. `change` may run twice, of which at most one is kept.
    pub fn write<T>(&self, change: impl Fn(&mut Tables<'_, Writing>) -> Result<T>) -> Result<T> {
        self.write_raw(|transaction| {
            known(schema_of(transaction.open_table(SCHEMA_TABLE))?)?;
            change(&mut Tables::write(transaction)?)
        })
    }

    /// The file's schema, whatever it is.
    pub fn schema(&self) -> Result<u64> {
        self.read_raw(|transaction| schema_of(transaction.open_table(SCHEMA_TABLE)))
    }

    /// Writes in one transaction, whatever the schema is.
    pub fn write_raw<T>(&self, change: impl Fn(&WriteTransaction) -> Result<T>) -> Result<T> {
        let made = Attempt::new();
        let attempt = || {
            let _lock = self.lock_shared()?;
            let open = self.opened()?;
            quietly(|| {
                let transaction = self.begin(open.database())?;
                if let Some(result) = made.stood(&transaction, open.mark)? {
                    return Ok(result);
                }
                made.sign(&transaction, open.mark, change(&transaction)?)?;
                transaction.commit().map_err(from_commit)?;
                Ok(made.done().expect("signed just now"))
            })
        };
        self.reopening_once(attempt, || made.may_stand())
    }

    fn read_raw<T>(&self, look: impl Fn(&ReadTransaction) -> Result<T>) -> Result<T> {
        let attempt = || {
            let _lock = self.lock_shared()?;
            let open = self.opened()?;
            quietly(|| look(&open.database().begin_read().map_err(from_transaction)?))
        };
        self.reopening_once(attempt, || false)
    }

    /// Reads every page, and repairs what redb can repair. Other threads of this handle must not be in a transaction.
    pub fn check_pages(&self) -> Result<()> {
        let _lock = self.lock_shared()?;
        self.close();
        drop(self.open_with(Check::Whole)?);
        Ok(())
    }

    /// Closes the file; the next transaction opens it again.
    pub fn close(&self) {
        *self.slot() = None;
    }

    /// Waits for the lock that lets the file be replaced.
    pub fn lock_alone(disk: &Arc<dyn CatalogDisk>, deadline: Duration) -> Result<LockGuard> {
        wait(deadline, || disk.try_lock(Share::Alone).map_err(|e| from_io("lock its lock file", e)))
    }

    fn lock_shared(&self) -> Result<Option<LockGuard>> {
        if self.which == Which::Next {
            return Ok(None);
        }
        let lock = || self.disk.try_lock(Share::Shared).map_err(|e| from_io("lock its lock file", e));
        wait(self.options.deadline, lock).map(Some)
    }

    fn begin(&self, database: &Database) -> Result<WriteTransaction> {
        wait(self.options.deadline, || match database.try_begin_write() {
            Ok(transaction) => Ok(Some(transaction)),
            Err(TransactionError::WouldBlock) => Ok(None),
            Err(error) => Err(from_transaction(error)),
        })
    }

    /// Who is told when the disk is full; the first one that is named.
    pub fn tell_when_full(&self, tell: Arc<dyn Fn(&str) + Send + Sync>) {
        let _ = self.tell.set(Tell(tell));
    }

    /// Gives up the ballast, once; says whether that made room.
    fn makes_room(&self) -> bool {
        // That it can't be given up is no worse than that there is none.
        let given_up = self.disk.give_up_ballast().unwrap_or(false);
        if let Some(Tell(tell)) = self.tell.get().filter(|_| given_up) {
            let path = self.disk.path();
            tell(&format!(
                "the disk that holds {} is full: what was kept there for that is given up, so that room can be made; free \
                 some on it",
                path.display()
            ));
        }
        given_up
    }

    /// After an I/O error redb's handle is of no use. One more try, unless the change may have happened; on a full disk
    /// if the ballast makes room, or if it may have happened all the same: the second attempt looks, and does not repeat it.
    fn reopening_once<T>(&self, attempt: impl Fn() -> Result<T>, may_stand: impl Fn() -> bool) -> Result<T> {
        let first = attempt();
        match &first {
            Err(CatalogError::Full { .. }) => {
                let makes_room = self.makes_room();
                self.close();
                if makes_room || may_stand() { attempt() } else { first }
            }
            Err(CatalogError::Io { doing, .. }) => {
                self.close();
                if *doing == COMMIT { first } else { attempt() }
            }
            Err(CatalogError::Store { .. } | CatalogError::Damaged { .. }) => {
                self.close();
                first
            }
            _ => first,
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Open>>> {
        // Whoever panicked here left a whole value: it is replaced in one step.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open file; opened anew if the file at the path is another one than before.
    fn opened(&self) -> Result<Arc<Open>> {
        let mut slot = self.slot();
        if let Some(open) = slot.as_ref()
            && (self.which == Which::Next || self.current()? == open.mark)
        {
            return Ok(Arc::clone(open));
        }
        *slot = None;
        let open = Arc::new(self.open_with(Check::AfterUncleanEnd)?);
        *slot = Some(Arc::clone(&open));
        Ok(open)
    }

    fn current(&self) -> Result<FileMark> {
        let found = self.disk.current().map_err(|e| from_io("be looked for", e))?;
        found.ok_or_else(|| CatalogError::Missing { path: self.disk.path() })
    }

    fn open_with(&self, check: Check) -> Result<Open> {
        if self.which == Which::Current {
            self.current()?;
        }
        let (backend, mark) = self.disk.open(self.which).map_err(|e| from_io("be opened", e))?;
        let bytes = backend.len().map_err(|e| from_io("be opened", e))?;
        if bytes == 0 && self.which == Which::Current {
            return Err(damaged_file("it is empty"));
        }
        quietly(|| {
            let unclean = ended_unclean(backend.as_ref()).map_err(|e| from_io("be opened", e))?;
            let mut builder = Builder::new();
            builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_cache_size(self.options.cache_bytes);
            let mut database = match builder.create_with_backend(Patient { backend, deadline: self.options.deadline }) {
                Err(DatabaseError::DatabaseAlreadyOpen) => return Err(CatalogError::Busy { seconds: 0 }),
                other => other.map_err(from_database)?,
            };
            if check == Check::Whole || unclean && bytes <= CHECKED_WHOLE_BYTES {
                database.check_integrity().map_err(from_database)?;
            }
            Ok(Open { database: Some(database), mark })
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    AfterUncleanEnd,
    Whole,
}

/// Tries again and again, until the deadline has passed.
fn wait<T>(deadline: Duration, mut attempt: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
        if start.elapsed() >= deadline {
            return Err(CatalogError::Busy { seconds: deadline.as_secs() });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn schema_of<T: ReadableTable<&'static str, u64>>(table: Result<T, TableError>) -> Result<u64> {
    let table = match table {
        Err(TableError::TableDoesNotExist(_)) => return Err(damaged_file("it has no schema")),
        other => other.map_err(from_table)?,
    };
    let found = table.get(SCHEMA_KEY).map_err(from_storage)?;
    found.map(|version| version.value()).ok_or_else(|| damaged_file("it has no schema"))
}

fn known(found: u64) -> Result<()> {
    match found {
        SCHEMA => Ok(()),
        found if found > SCHEMA => Err(CatalogError::Newer { found, known: SCHEMA }),
        found => Err(damaged_file(&format!("its schema went back to {found}"))),
    }
}

/// Says in a transaction what the tables are.
pub fn set_schema(transaction: &WriteTransaction, version: u64) -> Result<()> {
    let mut table = transaction.open_table(SCHEMA_TABLE).map_err(from_table)?;
    table.insert(SCHEMA_KEY, version).map_err(from_storage)?;
    Ok(())
}

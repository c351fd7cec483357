//! The tables of the catalog, open in one transaction; `R` is the transaction's kind. Keys and rows are typed here,
//! bytes below (`value.rs`), rules above (`capture.rs`, `copying.rs`, `removal.rs`, `damage.rs`).

use std::marker::PhantomData;
use std::ops::Bound;

use redb::WriteTransaction;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableDefinition, TableError};

use super::adopted::AdoptedRow;
use super::error::{CatalogError, Result};
use super::mirrored::MirroredRow;
use super::redb_error::{damaged, from_storage, from_table};
use super::rows::{
    CheckpointRow, EventRow, JobRow, MediumRow, MetaRow, PackAtRow, PackNo, PackRow, PlacementRow, PointRow,
    RemovalRow, ReservationId, ReservationRow, UsageRow,
};
use super::seeds::SeedRow;
use super::value::{Part, Row, key_bytes, key_from, open_row, seal_row};
use crate::model::{GroupId, JobId, ObjectName, PackId, PointId, PointOrder, SeedId, VaultId};

/// A medium's local number.
pub type MediumNo = u32;
/// Group and chunk id.
pub const CHUNK_KEY_BYTES: usize = 40;
/// Pack number, offset, stored, plain and check.
pub const CHUNK_ROW_BYTES: usize = 24;

type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Found<'r> = redb::Range<'r, &'static [u8], &'static [u8]>;
type Chunks = TableDefinition<'static, [u8; CHUNK_KEY_BYTES], [u8; CHUNK_ROW_BYTES]>;

const CHUNKS: Chunks = TableDefinition::new("chunks");

/// Whether a transaction reads or writes.
pub trait Mode<'t> {
    /// A table of rows.
    type Bytes: ReadableTable<&'static [u8], &'static [u8]>;
    /// The table of chunks.
    type Chunks: ReadableTable<[u8; CHUNK_KEY_BYTES], [u8; CHUNK_ROW_BYTES]>;
}

/// A transaction that only reads.
#[derive(Debug)]
pub struct Reading;
/// A transaction that may write.
#[derive(Debug)]
pub struct Writing;

impl Mode<'_> for Reading {
    type Bytes = ReadOnlyTable<&'static [u8], &'static [u8]>;
    type Chunks = ReadOnlyTable<[u8; CHUNK_KEY_BYTES], [u8; CHUNK_ROW_BYTES]>;
}

impl<'t> Mode<'t> for Writing {
    type Bytes = Table<'t, &'static [u8], &'static [u8]>;
    type Chunks = Table<'t, [u8; CHUNK_KEY_BYTES], [u8; CHUNK_ROW_BYTES]>;
}

/// One table of keys `K` and rows `V`.
pub struct Rows<T, K, V> {
    name: &'static str,
    table: T,
    types: PhantomData<(K, V)>,
}

impl<T, K, V> Rows<T, K, V>
where
    T: ReadableTable<&'static [u8], &'static [u8]>,
    K: Part,
    V: Row,
{
    /// The row of that key.
    pub fn get(&self, key: &K) -> Result<Option<V>> {
        let key = key_bytes(key);
        let found = self.table.get(key.as_slice()).map_err(from_storage)?;
        found.map(|row| self.row(&key, row.value())).transpose()
    }

    /// The rows whose keys begin with `front`, in order.
    pub fn under(&self, front: &[u8]) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'_, T, K, V>> {
        let end = after(front);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let found = self.table.range::<&[u8]>((Bound::Included(front), end)).map_err(from_storage)?;
        Ok(self.typed(found))
    }

    /// The rows from one key to another, both included.
    pub fn between(&self, first: &K, last: &K) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'_, T, K, V>> {
        let (first, last) = (key_bytes(first), key_bytes(last));
        let found = self.table.range::<&[u8]>(first.as_slice()..=last.as_slice()).map_err(from_storage)?;
        Ok(self.typed(found))
    }

    /// Every row; that there are as many as there should be is checked.
    pub fn all(&self) -> Result<Vec<(K, V)>> {
        let found = self.table.range::<&[u8]>(..).map_err(from_storage)?;
        let rows = self.typed(found).collect::<Result<Vec<_>>>()?;
        let wanted = self.table.len().map_err(from_storage)?;
        if rows.len() as u64 == wanted {
            Ok(rows)
        } else {
            Err(damaged(self.name, &[], &format!("{} rows where {wanted} should be", rows.len())))
        }
    }

    fn typed<'r>(&'r self, found: Found<'r>) -> impl Iterator<Item = Result<(K, V)>> + use<'r, T, K, V> {
        found.map(|row| {
            let (key, row) = row.map_err(from_storage)?;
            let value = self.row(key.value(), row.value())?;
            let typed = key_from(key.value()).ok_or_else(|| damaged(self.name, key.value(), "not a key"))?;
            Ok((typed, value))
        })
    }

    fn row(&self, key: &[u8], bytes: &[u8]) -> Result<V> {
        open_row(self.name, key, bytes).map_err(|what| damaged(self.name, key, &what))
    }
}

impl<'t, K, V> Rows<Table<'t, &'static [u8], &'static [u8]>, K, V> {
    /// Opens one table by itself, making it if it is not there: for migrations, whose rows are not this schema's.
    pub fn open(transaction: &'t WriteTransaction, name: &'static str) -> Result<Self> {
        let table = transaction.open_table(Bytes::new(name)).map_err(from_table)?;
        Ok(Self { name, table, types: PhantomData })
    }
}

impl<K: Part, V: Row> Rows<Table<'_, &'static [u8], &'static [u8]>, K, V> {
    /// Sets a row.
    pub fn put(&mut self, key: &K, row: &V) -> Result<()> {
        let key = key_bytes(key);
        let sealed = seal_row(self.name, &key, row);
        let sealed = sealed.map_err(|what| CatalogError::Store { doing: "encode a row", source: what.into() })?;
        self.table.insert(key.as_slice(), sealed.as_slice()).map_err(from_storage)?;
        Ok(())
    }

    /// Removes a row; false if there was none.
    pub fn remove(&mut self, key: &K) -> Result<bool> {
        Ok(self.table.remove(key_bytes(key).as_slice()).map_err(from_storage)?.is_some())
    }
}

fn after(front: &[u8]) -> Option<Vec<u8>> {
    let last = front.iter().rposition(|&byte| byte != u8::MAX)?;
    let mut end = front[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $key:ty => $row:ty;)*) => {
        /// All tables, open.
        pub struct Tables<'t, R: Mode<'t>> {
            $($(#[$doc])* pub $name: Rows<R::Bytes, $key, $row>,)*
            /// Where each chunk lies, see `chunks.rs`.
            pub chunks: R::Chunks,
        }

        impl<'t> Tables<'t, Writing> {
            /// Opens all, making those that are not there.
            pub fn write(transaction: &'t WriteTransaction) -> Result<Self> {
                Ok(Self {
                    $($name: Rows::open(transaction, stringify!($name))?,)*
                    chunks: transaction.open_table(CHUNKS).map_err(from_table)?,
                })
            }
        }

        impl Tables<'static, Reading> {
            /// Opens all; none may be missing.
            pub fn read(transaction: &ReadTransaction) -> Result<Self> {
                Ok(Self {
                    $($name: {
                        let definition = Bytes::new(stringify!($name));
                        let table = transaction.open_table(definition).map_err(absent)?;
                        Rows { name: stringify!($name), table, types: PhantomData }
                    },)*
                    chunks: transaction.open_table(CHUNKS).map_err(absent)?,
                })
            }
        }

        impl<'t, R: Mode<'t>> Tables<'t, R> {
            /// Reads and validates every row of every table but chunks.
            pub fn read_all(&self) -> Result<()> {
                $(self.$name.all()?;)*
                Ok(())
            }
        }
    };
}

fn absent(error: TableError) -> CatalogError {
    match error {
        TableError::TableDoesNotExist(name) => damaged(&name, &[], "the table is not there"),
        other => from_table(other),
    }
}

tables! {
    /// What this catalog is: one row, at 0.
    meta: u32 => MetaRow;
    /// Jobs.
    jobs: JobId => JobRow;
    /// Jobs by name.
    jobs_by_name: String => JobId;
    /// Shared dedup groups by name.
    groups_by_name: String => GroupId;
    /// Points.
    points: PointOrder => PointRow;
    /// Points by id.
    points_by_id: PointId => PointOrder;
    /// Which points need which: base, then the one built on it.
    children: (PointOrder, PointOrder) => ();
    /// Packs.
    packs: PackNo => PackRow;
    /// Packs by name, and so by the prefix that manifests hold.
    packs_by_id: PackId => PackNo;
    /// Media.
    media: VaultId => MediumRow;
    /// Packs at media.
    pack_at: (MediumNo, PackNo) => PackAtRow;
    /// Points at media.
    placements: (MediumNo, PointOrder) => PlacementRow;
    /// How many placements and reservations keep the packs of a point at a medium: 1 or more.
    keeping: (MediumNo, (GroupId, PointOrder)) => u32;
    /// What each medium holds.
    usage: MediumNo => UsageRow;
    /// Hints of copies under way.
    checkpoints: (MediumNo, ObjectName) => CheckpointRow;
    /// Reservations.
    reservations: ReservationId => ReservationRow;
    /// Packs that are reserved one by one, by place.
    reserved: (MediumNo, PackNo, ReservationId) => ();
    /// The same, by reservation.
    reserved_by: (ReservationId, PackNo) => ();
    /// Removals whose manifest may still be there.
    removals: (MediumNo, PointOrder) => RemovalRow;
    /// Points that a full home gave up, or is about to: why nobody waits for them then.
    given_up: PointOrder => String;
    /// The log.
    events: u64 => EventRow;
    /// What another program's recovery points became, by its names.
    adopted: (JobId, String) => AdoptedRow;
    /// What points are one of a row of, where a job has several rows.
    series: PointOrder => String;
    /// What points are at a mirror.
    mirrored: PointOrder => MirroredRow;
    /// Seeds: objects that travel to a medium on drives.
    seeds: SeedId => SeedRow;
    /// Small texts.
    memos: String => String;
}

//! Keys and rows ↔ bytes. A key is its fields, big-endian, so that bytes sort as keys do. A row is rkyv, followed by
//! the XXH3-64 of table name, key and row: rkyv's validation keeps a damaged row from being read out of bounds, the
//! checksum keeps it from being believed.
//!
//! Deliberately absent: redb.

use xxhash_rust::xxh3::Xxh3;

use super::rows::{
    CheckpointRow, EventRow, JobRow, MediumRow, MetaRow, PackAtRow, PackNo, PackRow, PlacementRow, PointRow,
    RemovalRow, ReservationId, ReservationRow, UsageRow,
};
use crate::model::{GroupId, JobId, ObjectName, PackId, PointId, PointOrder, SeedId, VaultId, VaultPath};

/// One field of a key.
pub trait Part: Sized {
    /// Appends its bytes.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes it from the front.
    fn take(bytes: &mut &[u8]) -> Option<Self>;
}

macro_rules! part_of_bytes {
    ($($part:ty, $bytes:literal, $to:expr, $from:expr;)*) => {$(
        impl Part for $part {
            fn put(&self, out: &mut Vec<u8>) {
                let to: fn(&Self) -> [u8; $bytes] = $to;
                out.extend_from_slice(&to(self));
            }

            fn take(bytes: &mut &[u8]) -> Option<Self> {
                let (front, rest) = bytes.split_first_chunk::<$bytes>()?;
                *bytes = rest;
                let from: fn([u8; $bytes]) -> Self = $from;
                Some(from(*front))
            }
        }
    )*};
}

part_of_bytes! {
    u32, 4, |number| number.to_be_bytes(), Self::from_be_bytes;
    u64, 8, |number| number.to_be_bytes(), Self::from_be_bytes;
    PackNo, 8, |number| number.0.to_be_bytes(), |bytes| Self(u64::from_be_bytes(bytes));
    ReservationId, 8, |number| number.0.to_be_bytes(), |bytes| Self(u64::from_be_bytes(bytes));
    JobId, 8, |id| id.0, Self;
    GroupId, 8, |id| id.0, Self;
    PointId, 8, |id| id.0, Self;
    SeedId, 8, |id| id.0, Self;
    PackId, 32, |id| id.0, Self;
    VaultId, 16, |id| id.0, Self;
}

impl Part for PointOrder {
    fn put(&self, out: &mut Vec<u8>) {
        self.epoch.put(out);
        self.sequence.put(out);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { epoch: u32::take(bytes)?, sequence: u64::take(bytes)? })
    }
}

/// A text can only stand last.
impl Part for String {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Self::from_utf8(std::mem::take(bytes).to_vec()).ok()
    }
}

/// As its path; can only stand last.
impl Part for ObjectName {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.path().as_str().as_bytes());
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Self::at(&VaultPath::parse(&String::take(bytes)?).ok()?)
    }
}

impl<A: Part, B: Part> Part for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::take(bytes)?, B::take(bytes)?))
    }
}

impl<A: Part, B: Part, C: Part> Part for (A, B, C) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
        self.2.put(out);
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::take(bytes)?, B::take(bytes)?, C::take(bytes)?))
    }
}

/// A key's bytes.
pub fn key_bytes<K: Part>(key: &K) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    key.put(&mut out);
    out
}

/// The key that these bytes are, with none left.
pub fn key_from<K: Part>(mut bytes: &[u8]) -> Option<K> {
    K::take(&mut bytes).filter(|_| bytes.is_empty())
}

/// What a table maps to.
pub trait Row: Sized {
    /// Its bytes.
    fn encode(&self) -> Result<Vec<u8>, String>;
    /// The row that these bytes are.
    fn decode(bytes: &[u8]) -> Result<Self, String>;
}

/// Makes types that derive rkyv's traits rows.
macro_rules! rkyv_rows {
    ($($row:ty),* $(,)?) => {$(
        impl $crate::catalog::value::Row for $row {
            fn encode(&self) -> Result<Vec<u8>, String> {
                rkyv::to_bytes::<rkyv::rancor::Error>(self).map(|bytes| bytes.into_vec()).map_err(|e| e.to_string())
            }

            fn decode(bytes: &[u8]) -> Result<Self, String> {
                rkyv::from_bytes::<Self, rkyv::rancor::Error>(bytes).map_err(|e| e.to_string())
            }
        }
    )*};
}

pub(super) use rkyv_rows;

rkyv_rows!(
    MetaRow,
    JobRow,
    PointRow,
    PackRow,
    MediumRow,
    PackAtRow,
    PlacementRow,
    CheckpointRow,
    ReservationRow,
    RemovalRow,
    EventRow,
    UsageRow,
);

macro_rules! index_rows {
    ($($row:ty),* $(,)?) => {$(
        impl Row for $row {
            fn encode(&self) -> Result<Vec<u8>, String> {
                Ok(key_bytes(self))
            }

            fn decode(bytes: &[u8]) -> Result<Self, String> {
                key_from(bytes).ok_or_else(|| format!("{} bytes in an index", bytes.len()))
            }
        }
    )*};
}

index_rows!(u32, PackNo, PointOrder, JobId, GroupId, String);

/// A mark: that the key is there is all it says.
impl Row for () {
    fn encode(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() { Ok(()) } else { Err("bytes in a mark".to_owned()) }
    }
}

const CHECK_BYTES: usize = 8;

fn check(table: &str, key: &[u8], row: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hash = Xxh3::new();
    for part in [table.as_bytes(), &[0], key, row] {
        hash.update(part);
    }
    hash.digest().to_le_bytes()
}

/// A row with its checksum.
pub fn seal_row<V: Row>(table: &str, key: &[u8], row: &V) -> Result<Vec<u8>, String> {
    let mut bytes = row.encode()?;
    let check = check(table, key, &bytes);
    bytes.extend_from_slice(&check);
    Ok(bytes)
}

/// The row, if its checksum and its shape are right; else what is wrong.
pub fn open_row<V: Row>(table: &str, key: &[u8], bytes: &[u8]) -> Result<V, String> {
    let (row, found) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or("shorter than its checksum")?;
    if *found != check(table, key, row) {
        return Err("its checksum is wrong".to_owned());
    }
    V::decode(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Evidence;
    use crate::catalog::{EvidenceKind, PackState};
    use crate::model::Time;

    fn row() -> PackAtRow {
        let evidence = Evidence { kind: EvidenceKind::ReadBack, time: Time { seconds: -5, nanos: 7 } };
        PackAtRow { state: PackState::Present, evidence: Some(evidence), bytes: 64 }
    }

    #[test]
    fn keys_sort_as_their_fields_do_and_read_back() {
        let key = |epoch, sequence| (7u32, PointOrder { epoch, sequence });
        assert!(key_bytes(&key(1, u64::MAX)) < key_bytes(&key(2, 0)));
        assert_eq!(key_from(&key_bytes(&key(2, 3))), Some(key(2, 3)));
        assert_eq!(key_from::<(u32, PointOrder)>(&[0; 17]), None);
        let object = (1u32, ObjectName::Pack(PackId([9; 32])));
        assert_eq!(key_from(&key_bytes(&object)), Some(object));
    }

    #[test]
    fn any_changed_byte_of_a_row_is_noticed_and_so_is_another_key_or_table() {
        let sealed = seal_row("t", b"k", &row()).expect("encodes");
        assert_eq!(open_row::<PackAtRow>("t", b"k", &sealed), Ok(row()));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open_row::<PackAtRow>("t", b"k", &changed).is_err(), "byte {at}");
        }
        assert!(open_row::<PackAtRow>("t", b"l", &sealed).is_err());
        assert!(open_row::<PackAtRow>("u", b"k", &sealed).is_err());
    }

    #[test]
    fn arbitrary_bytes_with_a_right_checksum_are_an_error_not_a_panic() {
        for length in 0..64 {
            for fill in [0u8, 1, 0x7f, 0xff] {
                let bytes = vec![fill; length];
                let mut sealed = bytes.clone();
                sealed.extend_from_slice(&check("t", b"k", &bytes));
                let _ = open_row::<MediumRow>("t", b"k", &sealed);
                let _ = open_row::<PlacementRow>("t", b"k", &sealed);
            }
        }
    }
}

//! Where each chunk lies. Rows of fixed width, because there may be a hundred million: the key is group and identity;
//! the row is pack number (8 bytes), offset, stored bytes, plain bytes (4 each, little-endian) and the low 4 bytes of
//! the XXH3-64 of key and row before it.

use redb::{ReadableTable, ReadableTableMetadata};
use xxhash_rust::xxh3::Xxh3;

use super::error::Result;
use super::redb_error::{damaged, from_storage};
use super::rows::{ChunkRow, PackNo};
use super::tables::{CHUNK_KEY_BYTES, CHUNK_ROW_BYTES, Mode, Tables, Writing};
use crate::model::{ChunkId, GroupId};

const CHECKED_BYTES: usize = CHUNK_ROW_BYTES - 4;

/// A chunk's place as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlace {
    /// The pack.
    pub pack: PackNo,
    /// First byte of the sealed chunk.
    pub offset: u32,
    /// Sealed bytes.
    pub stored: u32,
    /// Plain bytes.
    pub plain: u32,
}

type Key = [u8; CHUNK_KEY_BYTES];
type Bytes = [u8; CHUNK_ROW_BYTES];

fn key(group: GroupId, id: &ChunkId) -> Key {
    let mut key = [0; CHUNK_KEY_BYTES];
    key[..GroupId::BYTES].copy_from_slice(&group.0);
    key[GroupId::BYTES..].copy_from_slice(&id.0);
    key
}

fn check(key: &Key, row: &[u8]) -> [u8; 4] {
    let mut hash = Xxh3::new();
    hash.update(key);
    hash.update(row);
    let [a, b, c, d, ..] = hash.digest().to_le_bytes();
    [a, b, c, d]
}

fn encode(key: &Key, place: &ChunkPlace) -> Bytes {
    let mut row = [0; CHUNK_ROW_BYTES];
    row[..8].copy_from_slice(&place.pack.0.to_le_bytes());
    row[8..12].copy_from_slice(&place.offset.to_le_bytes());
    row[12..16].copy_from_slice(&place.stored.to_le_bytes());
    row[16..20].copy_from_slice(&place.plain.to_le_bytes());
    let check = check(key, &row[..CHECKED_BYTES]);
    row[CHECKED_BYTES..].copy_from_slice(&check);
    row
}

fn decode(key: &Key, row: &Bytes) -> Option<ChunkPlace> {
    if check(key, &row[..CHECKED_BYTES]) != row[CHECKED_BYTES..] {
        return None;
    }
    let (pack, rest) = row.split_first_chunk::<8>()?;
    let (offset, rest) = rest.split_first_chunk::<4>()?;
    let (stored, rest) = rest.split_first_chunk::<4>()?;
    let (plain, _) = rest.split_first_chunk::<4>()?;
    Some(ChunkPlace {
        pack: PackNo(u64::from_le_bytes(*pack)),
        offset: u32::from_le_bytes(*offset),
        stored: u32::from_le_bytes(*stored),
        plain: u32::from_le_bytes(*plain),
    })
}

impl<'t, R: Mode<'t>> Tables<'t, R> {
    /// Where a chunk of a group lies, in whatever state its pack is.
    pub fn chunk(&self, group: GroupId, id: &ChunkId) -> Result<Option<ChunkPlace>> {
        let key = key(group, id);
        let found = self.chunks.get(key).map_err(from_storage)?;
        found.map(|row| decode(&key, &row.value()).ok_or_else(|| wrong(&key))).transpose()
    }

    /// Validates every row.
    pub fn all_chunks_valid(&self) -> Result<()> {
        let mut rows = 0;
        for row in self.chunks.range::<Key>(..).map_err(from_storage)? {
            let (key, row) = row.map_err(from_storage)?;
            decode(&key.value(), &row.value()).ok_or_else(|| wrong(&key.value()))?;
            rows += 1;
        }
        let wanted = self.chunks.len().map_err(from_storage)?;
        if rows == wanted { Ok(()) } else { Err(damaged("chunks", &[], &format!("{rows} rows, not {wanted}"))) }
    }
}

fn wrong(key: &Key) -> super::error::CatalogError {
    damaged("chunks", key, "its checksum is wrong")
}

impl Tables<'_, Writing> {
    /// Records where a pack's chunks lie, in the order of their keys; an older place of the same chunk is replaced.
    pub fn put_chunks(&mut self, group: GroupId, pack: PackNo, chunks: &[ChunkRow]) -> Result<()> {
        let mut sorted: Vec<_> = chunks.iter().collect();
        sorted.sort_unstable_by_key(|chunk| chunk.id);
        for chunk in sorted {
            let key = key(group, &chunk.id);
            let place = ChunkPlace { pack, offset: chunk.offset, stored: chunk.stored, plain: chunk.plain };
            self.chunks.insert(key, encode(&key, &place)).map_err(from_storage)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_any_changed_byte_is_noticed() {
        let key = key(GroupId([1; 8]), &ChunkId([2; 32]));
        let place = ChunkPlace { pack: PackNo(u64::MAX), offset: 1, stored: 2, plain: 3 };
        let row = encode(&key, &place);
        assert_eq!(decode(&key, &row), Some(place));
        for at in 0..CHUNK_ROW_BYTES {
            let mut changed = row;
            changed[at] ^= 0x10;
            assert_eq!(decode(&key, &changed), None, "byte {at}");
        }
    }
}

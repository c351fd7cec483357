//! The parts of a pack: chunk records one after another, a sealed footer that lists them, a trailer.
//!
//! A record is the chunk's index (4 bytes) and its box. The trailer is the footer's length (4 bytes) and a magic.
//! Numbers are big-endian, here as everywhere.

use super::FormatError;
use super::cbor::{In, Out, require_same};
use crate::model::{ChunkId, ChunkRef, PackId};

const WHAT: &str = "the pack's footer";
const TRAILER_MAGIC: &[u8; 8] = b"OFFSITEp";

/// No pack is longer.
pub const PACK_BYTES_MAX: u32 = 64 << 20;
/// The end of a pack: footer's length and magic.
pub const PACK_TRAILER_BYTES: usize = 12;
/// Bytes that a record is longer than the chunk's bytes in their codec: index, nonce, codec byte and tag.
pub const CHUNK_OVERHEAD: usize = 4 + 12 + 1 + 16;

/// Plain bytes of one chunk are never more, whatever a reference claims: so much is allocated before it is unpacked.
pub const CHUNK_PLAIN_MAX: u32 = 64 << 20;

/// Can a chunk have so many bytes, in its record and plain?
pub(super) const fn sizes_fit(stored: u32, plain: u32) -> bool {
    stored as usize > CHUNK_OVERHEAD && plain > 0 && plain <= CHUNK_PLAIN_MAX
}

/// One chunk, as the footer lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FooterEntry {
    /// First byte of the record.
    pub offset: u32,
    /// Bytes of the record.
    pub stored: u32,
    /// Plain bytes.
    pub plain: u32,
    /// Identity.
    pub id: ChunkId,
}

/// All chunks of a pack, in the order of their records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackFooter {
    /// The chunks; the index of each is its place here.
    pub chunks: Vec<FooterEntry>,
}

/// One pack, as a point's pack list names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedPack {
    /// Its name.
    pub id: PackId,
    /// Bytes of the whole file.
    pub bytes: u32,
}

/// Where the footer lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackTrailer {
    /// Bytes of the sealed footer, right before the trailer.
    pub footer_bytes: u32,
}

impl NamedPack {
    /// Bytes of a record in the list.
    pub const BYTES: usize = PackId::BYTES + 4;

    /// The record: name and length.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut record = [0; Self::BYTES];
        record[..PackId::BYTES].copy_from_slice(&self.id.0);
        record[PackId::BYTES..].copy_from_slice(&self.bytes.to_be_bytes());
        record
    }

    /// Reads a record.
    ///
    /// # Errors
    /// If no pack can have such a length.
    pub fn decode(record: &[u8; Self::BYTES]) -> Result<Self, FormatError> {
        let (id, bytes) = record.split_at(PackId::BYTES);
        let id = PackId(id.try_into().expect("32 bytes"));
        let bytes = u32::from_be_bytes(bytes.try_into().expect("4 bytes"));
        if bytes as usize > PACK_TRAILER_BYTES && bytes <= PACK_BYTES_MAX {
            Ok(Self { id, bytes })
        } else {
            Err(FormatError::damaged("the pack list", format!("a pack of {bytes} bytes")))
        }
    }
}

impl FooterEntry {
    /// How a manifest refers to this chunk of `pack`.
    #[must_use]
    pub fn reference(&self, pack: &PackId) -> ChunkRef {
        ChunkRef { pack: pack.short(), offset: self.offset, stored: self.stored, plain: self.plain, id: self.id }
    }
}

impl PackFooter {
    /// The plain bytes, to be sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out::default();
        out.array(self.chunks.len());
        for chunk in &self.chunks {
            out.array(4)
                .uint(u64::from(chunk.offset))
                .uint(u64::from(chunk.stored))
                .uint(u64::from(chunk.plain))
                .bytes(&chunk.id.0);
        }
        out.finish()
    }

    /// Reads plain bytes; records must follow each other from `start` without a gap.
    ///
    /// # Errors
    /// [`FormatError`] if they don't.
    pub fn decode(bytes: &[u8], start: u32) -> Result<Self, FormatError> {
        let mut list = In::new(bytes, WHAT);
        let mut next = start;
        let chunks = list.all(|item| {
            item.array_of(4)?;
            let chunk = FooterEntry { offset: item.uint()?, stored: item.uint()?, plain: item.uint()?, id: item.id()? };
            let end =
                chunk.offset.checked_add(chunk.stored).filter(|&end| chunk.offset == next && end <= PACK_BYTES_MAX);
            next = end.ok_or_else(|| item.damaged("its chunks do not follow each other"))?;
            if !sizes_fit(chunk.stored, chunk.plain) {
                return Err(item.damaged("a chunk of a size that none has"));
            }
            Ok(chunk)
        })?;
        let footer = Self { chunks };
        require_same(bytes, &footer.encode(), WHAT)?;
        Ok(footer)
    }
}

impl PackTrailer {
    /// The last bytes of the pack.
    #[must_use]
    pub fn encode(&self) -> [u8; PACK_TRAILER_BYTES] {
        let mut bytes = [0; PACK_TRAILER_BYTES];
        bytes[..4].copy_from_slice(&self.footer_bytes.to_be_bytes());
        bytes[4..].copy_from_slice(TRAILER_MAGIC);
        bytes
    }

    /// Reads the last bytes of a pack of `pack_bytes`.
    ///
    /// # Errors
    /// [`FormatError`] if it is none, or claims a footer longer than the pack.
    pub fn decode(bytes: &[u8], pack_bytes: u64) -> Result<Self, FormatError> {
        let wrong = |why| FormatError::damaged("the pack's trailer", why);
        let bytes: [u8; PACK_TRAILER_BYTES] = bytes.try_into().map_err(|_| wrong("it is too short"))?;
        let (length, magic) = bytes.split_first_chunk::<4>().expect("twelve bytes");
        let footer_bytes = u32::from_be_bytes(*length);
        match (magic == TRAILER_MAGIC, u64::from(footer_bytes) + PACK_TRAILER_BYTES as u64 <= pack_bytes) {
            (true, true) => Ok(Self { footer_bytes }),
            (false, _) => Err(wrong("its magic differs")),
            (true, false) => Err(wrong("it claims a footer longer than the pack")),
        }
    }
}

/// A record: the index and what was sealed.
#[must_use]
pub fn chunk_record(index: u32, sealed: &[u8]) -> Vec<u8> {
    [&index.to_be_bytes(), sealed].concat()
}

/// The index and the sealed bytes of a record.
///
/// # Errors
/// [`FormatError`] if it is too short to be one.
pub fn split_chunk_record(record: &[u8]) -> Result<(u32, &[u8]), FormatError> {
    let too_short = || FormatError::damaged("the chunk", "its record is too short");
    let (index, sealed) = record.split_first_chunk::<4>().ok_or_else(too_short)?;
    if record.len() > CHUNK_OVERHEAD { Ok((u32::from_be_bytes(*index), sealed)) } else { Err(too_short()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footer() -> PackFooter {
        let chunk = |offset, stored, tag| FooterEntry { offset, stored, plain: 9, id: ChunkId([tag; 32]) };
        PackFooter { chunks: vec![chunk(100, 50, 1), chunk(150, 40, 2)] }
    }

    #[test]
    fn a_footer_reads_back() {
        assert_eq!(PackFooter::decode(&footer().encode(), 100), Ok(footer()));
    }

    #[test]
    fn gaps_overlaps_and_records_past_the_end_are_refused() {
        assert!(PackFooter::decode(&footer().encode(), 99).is_err());
        let mut bad = footer();
        bad.chunks[1].offset = 149;
        assert!(PackFooter::decode(&bad.encode(), 100).is_err());
        bad.chunks[1] = FooterEntry { offset: 150, stored: u32::MAX, ..bad.chunks[1] };
        assert!(PackFooter::decode(&bad.encode(), 100).is_err());
    }

    #[test]
    fn chunks_of_impossible_sizes_are_refused() {
        let mut bad = footer();
        bad.chunks[1].plain = CHUNK_PLAIN_MAX + 1;
        assert!(PackFooter::decode(&bad.encode(), 100).is_err());
        bad.chunks[1].plain = 0;
        assert!(PackFooter::decode(&bad.encode(), 100).is_err());
        bad.chunks[1] = FooterEntry { stored: 33, ..footer().chunks[1] };
        assert!(PackFooter::decode(&bad.encode(), 100).is_err(), "a record without content");
    }

    #[test]
    fn a_trailer_claims_no_more_than_the_pack_holds() {
        let trailer = PackTrailer { footer_bytes: 500 };
        assert_eq!(PackTrailer::decode(&trailer.encode(), 512), Ok(trailer));
        assert!(PackTrailer::decode(&trailer.encode(), 511).is_err());
        assert!(PackTrailer::decode(&[0; 12], 512).is_err());
    }
}

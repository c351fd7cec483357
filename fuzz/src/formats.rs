//! Harnesses of the formats: bytes of a vault's files.

use engine::format::{
    DrillHead, EntryDecoder, FormatError, Head, Identity, Manifest, PackFooter, PackTrailer, SealedHeader, SealedKind,
    SeedList, SeedName, SeedReceipt, SlotSet, chunk_record, encode_entry, split_chunk_record,
};
use engine::model::Entry;
use engine::vault::{decode_chunk, encode_chunk};

/// `VAULT` and its copy.
pub fn identity(data: &[u8]) {
    for bytes in with_and_without_digest(data) {
        if let Ok(identity) = Identity::decode(&bytes) {
            assert_eq!(identity.encode(), bytes, "one form");
        }
    }
}

/// The key slots' file.
pub fn slots(data: &[u8]) {
    for bytes in with_and_without_digest(data) {
        if let Ok(set) = SlotSet::decode(&bytes) {
            assert_eq!(set.encode(), bytes, "one form");
            assert!(set.slots.iter().all(|slot| slot.kdf.check().is_ok()), "bounds are kept before any key is tried");
            assert!(!set.authenticated().is_empty());
            assert_eq!(set.name().to_string().parse(), Ok(set.name()), "its name reads back");
        }
    }
}

/// A head's plain body, the plain header of every sealed file, and the head of a drill ledger.
pub fn heads(data: &[u8]) {
    for bytes in with_and_without_digest(data) {
        if let Ok((head, signature)) = DrillHead::decode(&bytes) {
            assert_eq!(head.encode(&signature), bytes, "one form");
        }
    }
    if let Ok(head) = Head::decode(data) {
        assert_eq!(head.encode(), data, "one form");
    }
    for kind in [SealedKind::Head, SealedKind::Manifest, SealedKind::Pack] {
        header(data, kind);
        header(&with_check(data), kind);
    }
}

/// Lists and receipts of seeds.
pub fn seeds(data: &[u8]) {
    for bytes in with_and_without_digest(data) {
        if let Ok((list, signature)) = SeedList::decode(&bytes) {
            assert_eq!(list.encode(&signature), bytes, "one form");
            let name = SeedName::of_list(&list, &bytes);
            assert_eq!(name.to_string().parse(), Ok(name), "its name reads back");
        }
        if let Ok(receipt) = SeedReceipt::decode(&bytes) {
            assert_eq!(receipt.encode(), bytes, "one form");
        }
    }
}

/// A manifest's plain body.
pub fn manifest(data: &[u8]) {
    if let Ok(manifest) = Manifest::decode(data) {
        assert_eq!(manifest.encode(), data, "one form");
    }
}

/// The stream of entries, whole and in pieces, and after a lost piece.
pub fn entries(data: &[u8]) {
    let whole = stream(data, data.len().max(1));
    let pieces = stream(data, data.len() % 61 + 1);
    assert_eq!(whole.0, pieces.0, "the pieces that a stream comes in make no difference");
    // Where two things are wrong, pieces decide which of them is told.
    assert_eq!(whole.1.is_ok(), pieces.1.is_ok(), "nor whether it is sound");
    after_a_loss(data);
}

/// The parts of a pack: header, footer, trailer, records, chunks.
pub fn pack(data: &[u8]) {
    header(data, SealedKind::Pack);
    // The example of FORMAT.md, which seeds this, has its first record at 96.
    if let Ok(footer) = PackFooter::decode(data, 96) {
        assert_eq!(footer.encode(), data, "one form");
    }
    let tail = &data[data.len().saturating_sub(12)..];
    if let Ok(trailer) = PackTrailer::decode(tail, data.len() as u64) {
        assert_eq!(trailer.encode(), tail, "one form");
        assert!(trailer.footer_bytes as usize + tail.len() <= data.len(), "a footer lies in its pack");
    }
    if let Ok((index, sealed)) = split_chunk_record(data) {
        assert_eq!(chunk_record(index, sealed), data, "one form");
    }
    chunk(data);
}

fn chunk(data: &[u8]) {
    let raw = data.len().saturating_sub(1);
    for plain in [0, 1, 100, raw, 4096] {
        let plain = u32::try_from(plain).expect("inputs are small");
        if let Ok(decoded) = decode_chunk(data, plain) {
            assert_eq!(decoded.len(), plain as usize, "no more and no less than was said");
        }
    }
    let length = u32::try_from(data.len()).expect("inputs are small");
    let read = decode_chunk(&encode_chunk(data), length);
    assert_eq!(read.expect("own chunk"), data, "a chunk reads back");
}

fn header(data: &[u8], kind: SealedKind) {
    if let Ok((header, length)) = SealedHeader::decode(data, kind) {
        assert!(length <= SealedHeader::BYTES_MAX);
        assert_eq!(header.encode(), data[..length], "one form");
        assert_eq!(header.kind, kind);
    }
}

/// The bytes as they are, and with their last 32 set to the digest of those before.
fn with_and_without_digest(data: &[u8]) -> Vec<Vec<u8>> {
    let mut tried = vec![data.to_vec()];
    if let Some(body) = data.len().checked_sub(32) {
        let body = &data[..body];
        tried.push([body, blake3::hash(body).as_bytes()].concat());
    }
    tried
}

/// A header's bytes with the check, their last eight, set right.
fn with_check(data: &[u8]) -> Vec<u8> {
    let body = &data[..data.len().saturating_sub(8)];
    [body, &blake3::hash(body).as_bytes()[..8]].concat()
}

/// All entries up to the end or to what is wrong.
fn stream(data: &[u8], piece: usize) -> (Vec<Entry>, Result<(), FormatError>) {
    let mut decoder = EntryDecoder::default();
    let (mut entries, mut raw) = (Vec::new(), Vec::new());
    for part in data.chunks(piece) {
        decoder.push(part);
        loop {
            match decoder.next() {
                Ok(Some((entry, bytes))) => {
                    assert_eq!(encode_entry(&entry), bytes, "one form");
                    raw.extend_from_slice(bytes);
                    entries.push(entry);
                }
                Ok(None) => break,
                Err(error) => return (entries, Err(error)),
            }
        }
    }
    assert!(data.starts_with(&raw), "entries are taken one after another");
    let end = decoder.finish();
    assert_eq!(end.is_ok(), raw.len() == data.len(), "nothing is left over in silence");
    (entries, end)
}

/// What follows a lost piece is still sorted, if it decodes.
fn after_a_loss(data: &[u8]) {
    let mut decoder = EntryDecoder::default();
    let mut last = None;
    for part in data.chunks(data.len() / 3 + 1) {
        decoder.push(part);
        while let Ok(Some((entry, _))) = decoder.next() {
            assert!(last.as_ref().is_none_or(|last| *last < entry.path), "sorted");
            last = Some(entry.path);
        }
        decoder.resynchronise();
    }
}

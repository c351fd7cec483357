//! The entry stream: one CBOR map after another, sorted by path.

use super::FormatError;
use super::cbor::{In, Out, require_same};
use super::item::ItemScan;
use crate::model::{ChunkRef, Content, DeviceKind, Entry, EntryPath, Kind, Meta, Seen, Span, Xattr};

const WHAT: &str = "the entry stream";

/// An entry's bytes in the stream are never longer: a file of 16 TiB in chunks of 1 MiB fits.
pub const ENTRY_BYTES_MAX: usize = 1 << 30;

/// Permission bits with set-id and sticky.
const MODE_BITS: u32 = 0o7777;

/// [`try_encode_entry`] of an entry that is known to fit.
///
/// # Panics
/// If it does not.
#[must_use]
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    try_encode_entry(entry).expect("the caller made it so that it fits")
}

/// The bytes of `entry` in the stream, in the one form that decoding accepts: attributes sorted, no empty hole, no
/// hole behind another.
///
/// # Errors
/// [`FormatError`] if the content's spans do not add up to its size, a hard link's target does not come before it, or
/// it is longer than an entry can be: the point could not be read back.
pub fn try_encode_entry(entry: &Entry) -> Result<Vec<u8>, FormatError> {
    check(entry)?;
    let meta = &entry.meta;
    let xattrs = sorted(&meta.xattrs);
    let fields = 7 + usize::from(!xattrs.is_empty()) + kind_fields(&entry.kind);
    let mut out = Out::default();
    out.map(fields).key(1).bytes(entry.path.as_bytes()).key(2).uint(kind_number(&entry.kind));
    out.key(3)
        .uint(u64::from(meta.mode & MODE_BITS))
        .key(4)
        .uint(u64::from(meta.uid))
        .key(5)
        .uint(u64::from(meta.gid))
        .key(6)
        .time(meta.modified);
    let seen = &entry.seen;
    out.key(7).array(4).uint(seen.device).uint(seen.inode).time(seen.changed).time(seen.read);
    if !xattrs.is_empty() {
        out.key(8).array(xattrs.len());
        for xattr in xattrs {
            out.array(2).bytes(&xattr.name).bytes(&xattr.value);
        }
    }
    encode_kind(&mut out, &entry.kind);
    let bytes = out.finish();
    if bytes.len() <= ENTRY_BYTES_MAX { Ok(bytes) } else { Err(FormatError::damaged(WHAT, "an entry is too long")) }
}

fn check(entry: &Entry) -> Result<(), FormatError> {
    match &entry.kind {
        Kind::File(content) if !content_adds_up(content) => {
            Err(FormatError::damaged(WHAT, "a file's spans do not add up to its size"))
        }
        Kind::Hardlink(target) if *target >= entry.path => {
            Err(FormatError::damaged(WHAT, "a hard link does not come after what it links to"))
        }
        _ => Ok(()),
    }
}

/// Sorted by name, each name once.
fn sorted(xattrs: &[Xattr]) -> Vec<&Xattr> {
    let mut sorted: Vec<_> = xattrs.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    sorted.dedup_by(|a, b| a.name == b.name);
    sorted
}

/// Without empty holes, and holes that touch as one.
fn joined(spans: &[Span]) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match (joined.last_mut(), span) {
            (_, Span::Hole(0)) => {}
            (Some(Span::Hole(before)), Span::Hole(bytes)) => *before += bytes,
            _ => joined.push(*span),
        }
    }
    joined
}

fn kind_number(kind: &Kind) -> u64 {
    match kind {
        Kind::File(_) => 0,
        Kind::Folder => 1,
        Kind::Symlink(_) => 2,
        Kind::Hardlink(_) => 3,
        Kind::Fifo => 4,
        Kind::Socket => 5,
        Kind::Device { .. } => 6,
    }
}

fn kind_fields(kind: &Kind) -> usize {
    match kind {
        Kind::File(content) => 3 + usize::from(content.unstable),
        Kind::Symlink(_) | Kind::Hardlink(_) | Kind::Device { .. } => 1,
        Kind::Folder | Kind::Fifo | Kind::Socket => 0,
    }
}

fn encode_kind(out: &mut Out, kind: &Kind) {
    match kind {
        Kind::File(content) => {
            let spans = joined(&content.spans);
            out.key(9).uint(content.bytes).key(10).bytes(&content.digest.0).key(11).array(spans.len());
            for span in &spans {
                match span {
                    Span::Data(chunk) => encode_ref(out, chunk),
                    Span::Hole(bytes) => {
                        out.uint(*bytes);
                    }
                }
            }
            if content.unstable {
                out.key(12).bool(true);
            }
        }
        Kind::Symlink(target) => {
            out.key(13).bytes(target);
        }
        Kind::Hardlink(target) => {
            out.key(13).bytes(target.as_bytes());
        }
        Kind::Device { kind, major, minor } => {
            let block = matches!(kind, DeviceKind::Block);
            out.key(14).array(3).bool(block).uint(u64::from(*major)).uint(u64::from(*minor));
        }
        Kind::Folder | Kind::Fifo | Kind::Socket => {}
    }
}

/// A chunk's location and identity: `[pack's short id, offset, stored, plain, id]`.
pub(super) fn encode_ref(out: &mut Out, chunk: &ChunkRef) {
    out.array(5)
        .bytes(&chunk.pack.0)
        .uint(u64::from(chunk.offset))
        .uint(u64::from(chunk.stored))
        .uint(u64::from(chunk.plain));
    out.bytes(&chunk.id.0);
}

/// Reads what [`encode_ref`] wrote.
pub(super) fn decode_ref(item: &mut In<'_>) -> Result<ChunkRef, FormatError> {
    item.array_of(5)?;
    let chunk =
        ChunkRef { pack: item.id()?, offset: item.uint()?, stored: item.uint()?, plain: item.uint()?, id: item.id()? };
    let fits = chunk.offset.checked_add(chunk.stored).is_some_and(|end| end <= super::PACK_BYTES_MAX);
    if fits && super::pack::sizes_fit(chunk.stored, chunk.plain) {
        Ok(chunk)
    } else {
        Err(item.damaged("a chunk outside of any pack"))
    }
}

/// Reads entries from a stream that arrives piece by piece.
#[derive(Debug, Default)]
pub struct EntryDecoder {
    buffer: Vec<u8>,
    start: usize,
    scan: ItemScan,
    last: Option<EntryPath>,
}

impl EntryDecoder {
    /// Adds the next piece of the stream.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole entry and its bytes; none if more of the stream is needed first.
    ///
    /// # Errors
    /// [`FormatError`] if what is there is no entry, or stands out of order.
    #[allow(clippy::should_implement_trait, reason = "an iterator can't lend the bytes")]
    pub fn next(&mut self) -> Result<Option<(Entry, &[u8])>, FormatError> {
        let rest = &self.buffer[self.start..];
        let Some(bytes) = self.scan.whole(rest, ENTRY_BYTES_MAX).map_err(|why| FormatError::damaged(WHAT, why))? else {
            return Ok(None);
        };
        self.scan = ItemScan::default();
        let entry = decode_entry(&rest[..bytes])?;
        if self.last.as_ref().is_some_and(|last| *last >= entry.path) {
            return Err(FormatError::damaged(WHAT, format!("{} is out of order", entry.path)));
        }
        self.last = Some(entry.path.clone());
        let raw = self.start..self.start + bytes;
        self.start = raw.end;
        Ok(Some((entry, &self.buffer[raw])))
    }

    /// A piece is lost: what follows begins a new entry, unless the lost piece began one that is still going on.
    pub fn resynchronise(&mut self) {
        self.buffer.clear();
        (self.start, self.scan) = (0, ItemScan::default());
    }

    /// The stream is over: nothing may be left.
    ///
    /// # Errors
    /// [`FormatError`] if a part of an entry is.
    pub fn finish(&self) -> Result<(), FormatError> {
        if self.start == self.buffer.len() {
            Ok(())
        } else {
            Err(FormatError::damaged(WHAT, "it ends in the middle of an entry"))
        }
    }
}

fn decode_entry(bytes: &[u8]) -> Result<Entry, FormatError> {
    let mut map = In::new(bytes, WHAT);
    let mut fields = Fields { left: map.map()?, next: None };
    fields.want(&mut map, 1)?;
    let path = decode_path(&mut map)?;
    fields.want(&mut map, 2)?;
    let kind = map.uint::<u8>()?;
    fields.want(&mut map, 3)?;
    let mode = map.uint::<u32>()?;
    fields.want(&mut map, 4)?;
    let uid = map.uint()?;
    fields.want(&mut map, 5)?;
    let gid = map.uint()?;
    fields.want(&mut map, 6)?;
    let modified = map.time()?;
    fields.want(&mut map, 7)?;
    let seen = decode_seen(&mut map)?;
    let xattrs = if fields.has(&mut map, 8)? { map.all(decode_xattr)? } else { Vec::new() };
    let kind = decode_kind(&mut map, &mut fields, kind)?;
    let in_order = !matches!(&kind, Kind::Hardlink(target) if *target >= path);
    if mode > MODE_BITS || fields.left > 0 || fields.next.is_some() || !in_order {
        return Err(map.damaged(format!("{path} has fields that do not fit")));
    }
    let entry = Entry { path, meta: Meta { mode, uid, gid, modified, xattrs }, seen, kind };
    require_same(bytes, &encode_entry(&entry), WHAT)?;
    Ok(entry)
}

/// The fields of a map of which some may be absent.
struct Fields {
    left: u64,
    next: Option<u64>,
}

impl Fields {
    /// Is field `key` next? If so, its value is.
    fn has(&mut self, map: &mut In<'_>, key: u64) -> Result<bool, FormatError> {
        if self.next.is_none() && self.left > 0 {
            self.left -= 1;
            self.next = Some(map.uint()?);
        }
        let found = self.next == Some(key);
        if found {
            self.next = None;
        }
        Ok(found)
    }

    fn want(&mut self, map: &mut In<'_>, key: u64) -> Result<(), FormatError> {
        if self.has(map, key)? { Ok(()) } else { Err(map.damaged(format!("field {key} is missing"))) }
    }
}

fn decode_path(map: &mut In<'_>) -> Result<EntryPath, FormatError> {
    EntryPath::parse(map.bytes()?).map_err(|error| map.damaged(error.to_string()))
}

fn decode_seen(map: &mut In<'_>) -> Result<Seen, FormatError> {
    map.array_of(4)?;
    Ok(Seen { device: map.uint()?, inode: map.uint()?, changed: map.time()?, read: map.time()? })
}

fn decode_xattr(map: &mut In<'_>) -> Result<Xattr, FormatError> {
    map.array_of(2)?;
    Ok(Xattr { name: map.bytes()?.into(), value: map.bytes()?.into() })
}

fn decode_kind(map: &mut In<'_>, fields: &mut Fields, number: u8) -> Result<Kind, FormatError> {
    Ok(match number {
        0 => Kind::File(decode_content(map, fields)?),
        1 => Kind::Folder,
        2 => {
            fields.want(map, 13)?;
            Kind::Symlink(map.bytes()?.into())
        }
        3 => {
            fields.want(map, 13)?;
            Kind::Hardlink(decode_path(map)?)
        }
        4 => Kind::Fifo,
        5 => Kind::Socket,
        6 => {
            fields.want(map, 14)?;
            map.array_of(3)?;
            let kind = if map.bool()? { DeviceKind::Block } else { DeviceKind::Character };
            Kind::Device { kind, major: map.uint()?, minor: map.uint()? }
        }
        other => return Err(map.damaged(format!("an entry of kind {other}"))),
    })
}

fn decode_content(map: &mut In<'_>, fields: &mut Fields) -> Result<Content, FormatError> {
    fields.want(map, 9)?;
    let bytes = map.uint()?;
    fields.want(map, 10)?;
    let digest = map.id()?;
    fields.want(map, 11)?;
    let mut after_hole = false;
    let spans = map.all(|item| {
        if item.is_array()? {
            after_hole = false;
            return decode_ref(item).map(Span::Data);
        }
        // Each hole takes many times its one byte in memory, so those that say nothing are refused at once.
        let hole = item.uint()?;
        if hole == 0 || std::mem::replace(&mut after_hole, true) {
            return Err(item.damaged("a hole that is empty or follows another"));
        }
        Ok(Span::Hole(hole))
    })?;
    let unstable = fields.has(map, 12)? && map.bool()?;
    let content = Content { bytes, digest, spans, unstable };
    if content_adds_up(&content) { Ok(content) } else { Err(map.damaged("a file's parts do not add up to its size")) }
}

fn content_adds_up(content: &Content) -> bool {
    let length = |span: &Span| match span {
        Span::Data(chunk) => u64::from(chunk.plain),
        Span::Hole(bytes) => *bytes,
    };
    let total = content.spans.iter().try_fold(0u64, |sum, span| sum.checked_add(length(span)));
    total == Some(content.bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{ChunkId, Digest, ShortPack, Time};

    fn entry(path: &[u8], kind: Kind) -> Entry {
        let xattrs = vec![Xattr { name: (*b"user.x").into(), value: [0, 255].into() }];
        let meta = Meta { mode: 0o4755, uid: 7, gid: 8, modified: Time { seconds: -1, nanos: 999_999_999 }, xattrs };
        let seen = Seen { device: 1, inode: u64::MAX, changed: Time::from_seconds(1), read: Time::from_seconds(2) };
        Entry { path: EntryPath::parse(path).expect("a path"), meta, seen, kind }
    }

    fn stream() -> Vec<Entry> {
        let chunk = ChunkRef { pack: ShortPack([1; 8]), offset: 9, stored: 100, plain: 80, id: ChunkId([2; 32]) };
        let content = Content {
            bytes: 4176,
            digest: Digest([3; 32]),
            spans: vec![Span::Hole(4096), Span::Data(chunk)],
            unstable: true,
        };
        let device = Kind::Device { kind: DeviceKind::Block, major: 8, minor: 1 };
        vec![
            entry(b"a", Kind::Folder),
            entry(b"a/a\xff", Kind::File(content)),
            entry(b"a/link", Kind::Hardlink(EntryPath::parse(b"a/a\xff").expect("a path"))),
            entry(b"b", Kind::Symlink((*b"../x").into())),
            entry(b"c", Kind::Fifo),
            entry(b"d", Kind::Socket),
            entry(b"e", device),
        ]
    }

    fn decode(bytes: &[u8], piece: usize) -> Result<Vec<Entry>, FormatError> {
        let mut decoder = EntryDecoder::default();
        let mut entries = Vec::new();
        for part in bytes.chunks(piece) {
            decoder.push(part);
            while let Some((entry, raw)) = decoder.next()? {
                assert_eq!(raw, encode_entry(&entry), "the one form");
                entries.push(entry);
            }
        }
        decoder.finish()?;
        Ok(entries)
    }

    #[test]
    fn a_stream_reads_back_whatever_pieces_it_comes_in() {
        let bytes: Vec<u8> = stream().iter().flat_map(encode_entry).collect();
        for piece in [1, 7, 64, bytes.len()] {
            assert_eq!(decode(&bytes, piece), Ok(stream()));
        }
    }

    #[test]
    fn disorder_and_sizes_that_do_not_add_up_are_refused() {
        let mut entries = stream();
        entries.swap(3, 4);
        let bytes: Vec<u8> = entries.iter().flat_map(encode_entry).collect();
        assert!(decode(&bytes, bytes.len()).is_err());
        let mut wrong = encode_entry(&stream()[1]);
        let size = wrong.windows(4).position(|bytes| bytes == [9, 0x19, 0x10, 0x50]).expect("field 9: 4176");
        wrong[size + 3] += 1;
        assert!(decode(&wrong, 4096).is_err());
    }

    #[test]
    fn a_long_entry_in_small_pieces_is_not_scanned_again_for_each() {
        let chunk = ChunkRef { pack: ShortPack([1; 8]), offset: 9, stored: 100, plain: 80, id: ChunkId([2; 32]) };
        let spans = vec![Span::Data(chunk); 100_000];
        let content = Content { bytes: 8_000_000, digest: Digest([3; 32]), spans, unstable: false };
        let long = entry(b"a", Kind::File(content));
        // 350,000 pieces of 5.6 MB: an hour if each were scanned from the beginning.
        assert_eq!(decode(&encode_entry(&long), 16), Ok(vec![long]));
    }

    #[test]
    fn an_entry_has_one_form() {
        let good = encode_entry(&entry(b"a", Kind::Folder));
        assert!(decode_entry(&good).is_ok());
        let at = good.windows(2).position(|pair| pair == [3, 0x19]).expect("the mode's field and width");
        let long = [&good[..=at], &[0x1a, 0, 0], &good[at + 2..]].concat();
        assert!(decode_entry(&long).is_err(), "the same mode in four bytes");
    }

    #[test]
    fn what_a_source_may_say_is_always_written_so_that_it_reads_back() {
        let hole = |bytes| Span::Hole(bytes);
        let spans = vec![hole(0), hole(4), hole(5), hole(0)];
        let content = Content { bytes: 9, digest: Digest([3; 32]), spans, unstable: false };
        let mut odd = entry(b"a", Kind::File(content));
        odd.meta.mode = 0o100_644;
        odd.meta.modified.nanos = u32::MAX;
        let xattr = |name: &[u8]| Xattr { name: name.into(), value: [].into() };
        odd.meta.xattrs = vec![xattr(b"b"), xattr(b"a"), xattr(b"b")];
        let read = decode_entry(&encode_entry(&odd)).expect("reads back");
        assert_eq!((read.meta.mode, read.meta.modified.nanos, read.meta.xattrs.len()), (0o644, 999_999_999, 2));
        assert!(matches!(&read.kind, Kind::File(content) if content.spans == [hole(9)]));
    }

    #[test]
    fn a_hard_link_to_a_later_name_is_refused() {
        let good = encode_entry(&entry(b"b", Kind::Hardlink(EntryPath::parse(b"a").expect("a path"))));
        let mut bad = good.clone();
        *bad.last_mut().expect("the target's last byte") = b'c';
        assert!(decode_entry(&good).is_ok() && decode_entry(&bad).is_err());
    }

    proptest! {
        #[test]
        fn bytes_from_outside_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode_entry(&bytes);
            let mut decoder = EntryDecoder::default();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next() {}
        }
    }
}

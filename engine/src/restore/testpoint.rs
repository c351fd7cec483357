//! Points for tests: entries and contents to packs and a manifest, without a catalog.

use std::collections::BTreeMap;
use std::path::Path;

use crate::destination::memory::{MemoryPlace, MemoryStore};
use crate::destination::{FileStore, Privacy, WriteStore};
use crate::format::{Manifest, NamedPack, Stats, encode_entry};
use crate::model::{
    ChunkId, ChunkRef, Content, Digest, Entry, EntryPath, FamilyId, GroupId, JobId, KeyEpoch, Kind, Meta, ObjectName,
    PackId, PointId, PointName, PointOrder, Seen, Span, Time, WriterId,
};
use crate::port::{Entropy, SystemEntropy};
use crate::seal::{Keyring, Master};
use crate::vault::{PackBuilder, SealedPack, encode_chunk, put, seal_manifest};

pub(crate) const JOB: JobId = JobId([2; 8]);
const GROUP: GroupId = GroupId([3; 8]);

/// What a file is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Data(Vec<u8>),
    Hole(u64),
}

/// A point in the making: each pack is one of content or of tree, and can be damaged by itself.
pub(crate) struct TestPoint {
    keyring: Keyring,
    entries: Vec<Entry>,
    packs: Vec<SealedPack>,
    /// Files from which on a new pack begins.
    files_in_pack: usize,
    unnamed: Vec<(usize, Vec<Part>)>,
    /// Plain bytes of a chunk of the entry stream.
    pub tree_chunk: usize,
    /// Chunks of the entry stream in one pack.
    pub tree_chunks_in_pack: usize,
    /// The point's sequence.
    pub sequence: u64,
}

/// A point that was made.
pub(crate) struct Made {
    pub keyring: Keyring,
    pub manifest: Manifest,
    pub entries: Vec<Entry>,
    pub objects: BTreeMap<ObjectName, Vec<u8>>,
    pub content_packs: Vec<PackId>,
    pub tree_packs: Vec<PackId>,
    /// Paths of the entries in each chunk of the entry stream.
    pub entry_chunks: Vec<Vec<EntryPath>>,
}

pub(crate) fn keyring() -> Keyring {
    Keyring::new(FamilyId([1; 16]), BTreeMap::from([(KeyEpoch(1), Master::new([9; 32]))]))
}

pub(crate) fn path(text: &str) -> EntryPath {
    EntryPath::parse(text.as_bytes()).expect("a path")
}

pub(crate) fn meta(mode: u32) -> Meta {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    Meta { mode, uid, gid, modified: Time { seconds: 1_000_000_000, nanos: 123_456_789 }, xattrs: Vec::new() }
}

/// Bytes that differ from those of another seed and do not compress.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
    out
}

impl TestPoint {
    pub(crate) fn new() -> Self {
        Self {
            keyring: keyring(),
            entries: Vec::new(),
            packs: Vec::new(),
            files_in_pack: 1,
            unnamed: Vec::new(),
            tree_chunk: 64 << 10,
            tree_chunks_in_pack: usize::MAX,
            sequence: 1,
        }
    }

    /// Packs of so many files each.
    pub(crate) fn files_in_pack(mut self, files: usize) -> Self {
        self.files_in_pack = files;
        self
    }

    pub(crate) fn other(&mut self, at: &str, mode: u32, kind: Kind) -> &mut Self {
        self.entry(Entry { path: path(at), meta: meta(mode), seen: Seen::default(), kind })
    }

    pub(crate) fn folder(&mut self, at: &str) -> &mut Self {
        self.other(at, 0o755, Kind::Folder)
    }

    pub(crate) fn link(&mut self, at: &str, target: &str) -> &mut Self {
        self.other(at, 0o777, Kind::Symlink(target.as_bytes().into()))
    }

    pub(crate) fn hard_link(&mut self, at: &str, first: &str) -> &mut Self {
        self.other(at, 0o644, Kind::Hardlink(path(first)))
    }

    pub(crate) fn file(&mut self, at: &str, data: &[u8]) -> &mut Self {
        let parts = if data.is_empty() { Vec::new() } else { vec![Part::Data(data.to_vec())] };
        self.file_of(at, parts)
    }

    pub(crate) fn file_of(&mut self, at: &str, parts: Vec<Part>) -> &mut Self {
        let entry = Entry { path: path(at), meta: meta(0o640), seen: Seen::default(), kind: Kind::Fifo };
        self.file_entry(entry, parts)
    }

    /// A file of these parts, with the metadata of `entry`.
    pub(crate) fn file_entry(&mut self, entry: Entry, parts: Vec<Part>) -> &mut Self {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = 0;
        for part in &parts {
            let plain = match part {
                Part::Data(data) => data.clone(),
                Part::Hole(bytes) => vec![0; usize::try_from(*bytes).expect("small")],
            };
            hasher.update(&plain);
            bytes += plain.len() as u64;
        }
        let digest = Digest(*hasher.finalize().as_bytes());
        let kind = Kind::File(Content { bytes, digest, spans: Vec::new(), unstable: false });
        self.unnamed.push((self.entries.len(), parts));
        self.entry(Entry { kind, ..entry });
        if self.unnamed.len() >= self.files_in_pack {
            self.end_pack();
        }
        self
    }

    pub(crate) fn entry(&mut self, entry: Entry) -> &mut Self {
        self.entries.push(entry);
        self
    }

    /// What the last file's digest says, changed: as if a capture had gone wrong.
    pub(crate) fn with_wrong_digest(&mut self) -> &mut Self {
        if let Some(Entry { kind: Kind::File(content), .. }) = self.entries.last_mut() {
            content.digest.0[0] ^= 1;
        }
        self
    }

    fn end_pack(&mut self) {
        let mut builder = PackBuilder::new(&self.keyring, GROUP, &SystemEntropy).expect("entropy");
        let mut located = Vec::new();
        for (entry, parts) in std::mem::take(&mut self.unnamed) {
            let spans: Vec<Result<usize, u64>> = parts
                .into_iter()
                .map(|part| match part {
                    Part::Data(data) => Ok(self.seal(&mut builder, &data)),
                    Part::Hole(bytes) => Err(bytes),
                })
                .collect();
            located.push((entry, spans));
        }
        let pack = builder.finish();
        for (entry, spans) in located {
            let Kind::File(content) = &mut self.entries[entry].kind else { panic!("a file") };
            let span = |span: Result<usize, u64>| match span {
                Ok(index) => Span::Data(pack.chunks[index].reference(&pack.id)),
                Err(bytes) => Span::Hole(bytes),
            };
            content.spans = spans.into_iter().map(span).collect();
        }
        if !pack.chunks.is_empty() {
            self.packs.push(pack);
        }
    }

    fn seal(&self, builder: &mut PackBuilder, data: &[u8]) -> usize {
        let id = ChunkId(*blake3::keyed_hash(&self.keyring.identity(), data).as_bytes());
        builder.add(id, u32::try_from(data.len()).expect("small"), encode_chunk(data))
    }

    /// The entry stream, each chunk ended behind the entry with which it has as many bytes as the point says.
    fn entry_chunks(&self) -> (Vec<Vec<u8>>, Vec<Vec<EntryPath>>) {
        let (mut chunks, mut paths): (Vec<Vec<u8>>, Vec<Vec<EntryPath>>) = Default::default();
        for entry in &self.entries {
            if chunks.last().is_none_or(|last| last.len() >= self.tree_chunk) {
                chunks.push(Vec::new());
                paths.push(Vec::new());
            }
            chunks.last_mut().expect("just made").extend(encode_entry(entry));
            paths.last_mut().expect("just made").push(entry.path.clone());
        }
        // FORMAT.md 9: an entry of more than 256 KiB has chunks of its own.
        assert!(chunks.iter().all(|chunk| chunk.len() <= 256 << 10), "small entries only");
        (chunks, paths)
    }

    /// Packs of chunks of the tree, and where they lie.
    fn pack_chunks(&self, chunks: &[Vec<u8>]) -> (Vec<SealedPack>, Vec<ChunkRef>) {
        let (mut packs, mut refs) = (Vec::new(), Vec::new());
        for group in chunks.chunks(self.tree_chunks_in_pack.min(chunks.len()).max(1)) {
            let mut builder = PackBuilder::new(&self.keyring, GROUP, &SystemEntropy).expect("entropy");
            group.iter().for_each(|chunk| {
                self.seal(&mut builder, chunk);
            });
            let pack = builder.finish();
            refs.extend(pack.chunks.iter().map(|entry| entry.reference(&pack.id)));
            packs.push(pack);
        }
        (packs, refs)
    }

    pub(crate) fn make(&mut self) -> Made {
        self.end_pack();
        let (chunks, entry_chunks) = self.entry_chunks();
        let (mut tree, entries) = self.pack_chunks(&chunks);
        let named = |pack: &SealedPack| NamedPack {
            id: pack.id,
            bytes: u32::try_from(pack.bytes.len()).expect("at most 64 MiB"),
        };
        let mut names: Vec<NamedPack> = self.packs.iter().map(named).collect();
        names.sort_unstable();
        let list: Vec<u8> = names.iter().flat_map(NamedPack::encode).collect();
        let list: Vec<Vec<u8>> = list.chunks(self.tree_chunk).map(<[u8]>::to_vec).collect();
        let (list, packs) = self.pack_chunks(&list);
        tree.extend(list);
        let mut roots: Vec<PackId> = tree.iter().map(|pack| pack.id).collect();
        roots.sort_unstable();
        let mut id = [0; 8];
        SystemEntropy.fill(&mut id).expect("entropy");
        let manifest = Manifest {
            family: self.keyring.family(),
            job: JOB,
            group: GROUP,
            name: PointName { order: PointOrder { epoch: 1, sequence: self.sequence }, id: PointId(id) },
            writer: WriterId([7; 16]),
            key_epoch: KeyEpoch(1),
            created: Time::from_seconds(1),
            base: None,
            job_name: "documents".parse().expect("a name"),
            source: "a test".into(),
            stats: self.stats(),
            roots,
            entries,
            packs,
        };
        let file = seal_manifest(&manifest, &self.keyring, &SystemEntropy).expect("entropy");
        let mut objects = BTreeMap::from([(ObjectName::Point(JOB, manifest.name), file)]);
        let all = self.packs.iter().chain(&tree);
        objects.extend(all.map(|pack| (ObjectName::Pack(pack.id), pack.bytes.clone())));
        Made {
            keyring: self.keyring.clone(),
            manifest,
            entries: self.entries.clone(),
            objects,
            content_packs: self.packs.iter().map(|pack| pack.id).collect(),
            tree_packs: tree.iter().map(|pack| pack.id).collect(),
            entry_chunks,
        }
    }

    fn stats(&self) -> Stats {
        let mut stats = Stats { entries: self.entries.len() as u64, ..Stats::default() };
        for entry in &self.entries {
            match &entry.kind {
                Kind::File(content) => {
                    stats.files += 1;
                    stats.bytes += content.bytes;
                }
                Kind::Hardlink(_) => stats.files += 1,
                _ => {}
            }
        }
        stats
    }
}

impl Made {
    /// The point in a vault in memory.
    pub(crate) fn in_memory(&self) -> (MemoryPlace, MemoryStore) {
        let place = MemoryPlace::new(1);
        let store = place.open().expect("it is plugged in");
        self.store_at(&store);
        (place, store)
    }

    /// The point in a vault in a folder.
    pub(crate) fn in_folder(&self, folder: &Path) -> FileStore {
        let store = FileStore::create_root(folder, Privacy::Private).expect("writable");
        self.store_at(&store);
        store
    }

    pub(crate) fn store_at(&self, store: &dyn WriteStore) {
        for (object, bytes) in &self.objects {
            put(store, &object.path(), bytes).expect("it writes");
        }
    }

    pub(crate) fn manifest_object(&self) -> ObjectName {
        ObjectName::Point(JOB, self.manifest.name)
    }
}

//! The blocks, made from the document's fixed inputs: files by the production code, keys and associated data by the
//! document's own formulas.

use std::io;
use std::sync::Mutex;

use engine::format::{
    DrillHead, DrillHeadName, Head, HeadJob, HeadMedium, Identity, Manifest, NamedPack, PackFooter, SealedHeader,
    SealedKind, SeedList, SeedName, SeedPack, SeedReceipt, SlotKind, SlotSet, Stats, encode_entry,
};
use engine::model::{
    ChunkId, Content, Digest, Entry, EntryPath, FamilyId, GroupId, JobId, KeyEpoch, Kind, Meta, ObjectName, PointId,
    PointName, PointOrder, SeedId, Seen, Span, Time, VaultId, VerifierId, WriterId, Xattr,
};
use engine::port::Entropy;
use engine::seal::{Keyring, NewSlot, SHEET_COST, SeedSigner, first_set, sheet_text, sheet_text_parse, sheet_words};
use engine::vault::{PackBuilder, SealedPack, seal_manifest};

use crate::document::hex;

const FAMILY: FamilyId = FamilyId([0xf1; 16]);
const VAULT: VaultId = VaultId([0xf2; 16]);
const WRITER: WriterId = WriterId([0xf3; 16]);
const JOB: JobId = JobId([0xd1; 8]);
const GROUP: GroupId = GroupId([0xd2; 8]);
const SEED: SeedId = SeedId([0xd5; 8]);
const VERIFIER: VerifierId = VerifierId([0xf4; 16]);
const CREATED: Time = Time { seconds: 1_795_000_000, nanos: 0 };
const CHUNK: &[u8; 20] = b"Hello from a vault.\n";

/// Gives out the bytes from a first one upwards.
struct Counting(Mutex<u8>);

impl Counting {
    fn from(first: u8) -> Self {
        Self(Mutex::new(first))
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut next = self.0.lock().map_err(|_| io::Error::other("poisoned"))?;
        for byte in bytes {
            *byte = *next;
            *next = next.wrapping_add(1);
        }
        Ok(())
    }
}

struct Blocks(Vec<(String, String)>);

impl Blocks {
    fn text(&mut self, label: impl Into<String>, text: impl Into<String>) {
        self.0.push((label.into(), text.into()));
    }

    fn hex(&mut self, label: impl Into<String>, bytes: &[u8]) {
        self.text(label, hex(bytes));
    }

    /// What opens a box, and the box.
    fn sealed(&mut self, name: &str, contexts: [&str; 2], input: &[&[u8]], aad: &[u8], sealed: &[u8]) {
        self.hex(format!("{name}-key"), &derive(contexts[0], input));
        self.hex(format!("{name}-nonce-key"), &derive(contexts[1], input));
        self.hex(format!("{name}-aad"), aad);
        self.hex(format!("{name}-box"), sealed);
    }
}

fn derive(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(format!("offsite-copy v1 2026-11-22 {context}").as_str());
    parts.iter().for_each(|part| {
        hasher.update(part);
    });
    *hasher.finalize().as_bytes()
}

fn master() -> [u8; 32] {
    std::array::from_fn(|at| u8::try_from(at).expect("small"))
}

/// All blocks, with their labels.
pub fn blocks() -> Vec<(String, String)> {
    let mut blocks = Blocks(Vec::new());
    blocks.hex("master", &master());
    let identity = Identity { family: FAMILY, vault: VAULT, created: CREATED };
    blocks.hex("identity-file", &identity.encode());
    let (set, keyring) = keys(&mut blocks);
    blocks.hex("identity-key", &*keyring.identity());
    blocks.hex("chunker-key", &*keyring.chunker());
    blocks.hex("chunker-stream", &chunker_stream(&keyring.chunker()));
    let data = data_pack(&mut blocks, &keyring);
    let manifest = point(&mut blocks, &keyring, &data);
    let head = head(&mut blocks, &keyring, &manifest);
    let drill_head = drill_head(&mut blocks);
    let (list, receipt) = seed(&mut blocks, &keyring, &data);
    let point = ObjectName::Point(JOB, manifest.name);
    let tree = ObjectName::Pack(manifest.roots[0]);
    let names = [
        "identity-file VAULT".to_owned(),
        format!("keys-file keys/{}", set.name()),
        format!("head-file heads/00000001-000000000007-{}", &blake3::hash(&head).to_hex()[..16]),
        format!("data-pack-file {}", ObjectName::Pack(data.id)),
        format!("tree-pack-file {tree}"),
        format!("manifest-file {point}"),
        format!("drill-head-file drills/{VERIFIER}/{}", DrillHeadName::of(3, &drill_head)),
        format!("seed-list-file seeds/{SEED}/{list}"),
        format!("seed-receipt-file seeds/{SEED}/{receipt}"),
    ];
    blocks.text("names", names.join("\n"));
    blocks.0
}

/// The names of a list and of its receipt.
fn seed(blocks: &mut Blocks, keyring: &Keyring, data: &SealedPack) -> (SeedName, SeedName) {
    let signer = SeedSigner::of(keyring, KeyEpoch(1), SEED).expect("its master");
    let packs = vec![SeedPack { id: data.id, bytes: u32::try_from(data.bytes.len()).expect("small") }];
    let list = SeedList {
        family: FAMILY,
        vault: VAULT,
        seed: SEED,
        drive: 1,
        revision: 2,
        finished: true,
        created: CREATED,
        epoch: signer.epoch,
        public_key: signer.public(),
        packs,
    };
    let file = list.encode(&signer.sign(&list.signed_bytes()));
    let receipt = SeedReceipt {
        family: FAMILY,
        vault: VAULT,
        seed: SEED,
        drive: 1,
        list: Digest(*blake3::hash(&file).as_bytes()),
        absorbed: CREATED,
        packs: 1,
        bytes: data.bytes.len() as u64,
        lay_there: 0,
    };
    blocks.hex("seed-list-key", &derive("seed list", &[&master(), &FAMILY.0, &SEED.0]));
    blocks.hex("seed-list-signed", &list.signed_bytes());
    blocks.hex("seed-list-file", &file);
    blocks.hex("seed-receipt-file", &receipt.encode());
    (SeedName::of_list(&list, &file), SeedName::of_receipt(&receipt, &receipt.encode()))
}

fn keys(blocks: &mut Blocks) -> (SlotSet, Keyring) {
    let sheet = sheet_text(&Counting::from(0x50)).expect("counts");
    let secret = sheet_text_parse(&sheet).expect("own sheet");
    let slot = NewSlot { kind: SlotKind::Sheet, secret: &secret, label: "recovery sheet", kdf: SHEET_COST };
    let (set, keyring) = first_set(FAMILY, &[slot], CREATED, &Counting::from(0)).expect("made");
    blocks.text("sheet", sheet.as_str());
    let words: Vec<String> = sheet_words(&sheet).expect("own sheet").iter().map(|line| line.to_string()).collect();
    blocks.text("sheet-words", words.join("\n"));
    let slot = &set.slots[0];
    let stretched = stretch(&secret, &slot.salt);
    blocks.hex("slot-argon2id", &stretched);
    blocks.hex("slot-commitment", &derive("slot commitment", &[&stretched]));
    let aad = [&FAMILY.0[..], &[0, 0, 0, 1], &slot.id].concat();
    blocks.hex("slot-plain", &master());
    blocks.sealed("slot", ["slot wrap", "slot wrap nonce"], &[&stretched], &aad, &slot.wrapped);
    blocks.hex("slots-mac-key", &derive("slot set", &[&master(), &FAMILY.0]));
    blocks.hex("keys-file", &set.encode());
    (set, keyring)
}

fn stretch(secret: &[u8], salt: &[u8]) -> [u8; 32] {
    let params = argon2::Params::new(8192, 1, 1, Some(32)).expect("within bounds");
    let mut key = [0; 32];
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(secret, salt, &mut key)
        .expect("runs");
    key
}

/// The first four numbers of the gear table, and the seed behind the last.
fn chunker_stream(key: &[u8; 32]) -> Vec<u8> {
    let mut stream = [0; 257 * 8];
    blake3::Hasher::new_keyed(key).finalize_xof().fill(&mut stream);
    [&stream[..32], &stream[256 * 8..]].concat()
}

fn identity_of(keyring: &Keyring, plain: &[u8]) -> ChunkId {
    ChunkId(*blake3::keyed_hash(&keyring.identity(), plain).as_bytes())
}

/// A pack of those chunks, none compressed.
fn pack(keyring: &Keyring, salt: u8, chunks: &[&[u8]]) -> SealedPack {
    let mut pack = PackBuilder::new(keyring, GROUP, &Counting::from(salt)).expect("counts");
    for plain in chunks {
        let encoded = [&[0], *plain].concat();
        pack.add(identity_of(keyring, plain), u32::try_from(plain.len()).expect("small"), encoded);
    }
    pack.finish()
}

fn data_pack(blocks: &mut Blocks, keyring: &Keyring) -> SealedPack {
    let pack = pack(keyring, 0xa0, &[CHUNK]);
    let (header, length) = SealedHeader::decode(&pack.bytes, SealedKind::Pack).expect("own header");
    let plain_header = &pack.bytes[..length];
    let input = [&master()[..], &FAMILY.0, &header.scope, &[0, 0, 0, 1], &header.salt];
    let chunk = &pack.chunks[0];
    let (start, end) = (chunk.offset as usize, (chunk.offset + chunk.stored) as usize);
    blocks.hex("pack-header", plain_header);
    blocks.hex("chunk-plain", CHUNK);
    blocks.hex("chunk-id", &chunk.id.0);
    blocks.hex("chunk-encoded", &[&[0], &CHUNK[..]].concat());
    let place = [&[0; 4], &chunk.offset.to_be_bytes(), &chunk.stored.to_be_bytes()].map(|number| &number[..]).concat();
    let aad = [plain_header, &place, &chunk.id.0].concat();
    blocks.sealed("chunk", ["pack", "pack nonce"], &input, &aad, &pack.bytes[start + 4..end]);
    blocks.hex("footer-plain", &PackFooter { chunks: pack.chunks.clone() }.encode());
    let aad = [plain_header, &u32::try_from(end).expect("small").to_be_bytes()].concat();
    let sealed = &pack.bytes[end..pack.bytes.len() - 12];
    blocks.sealed("footer", ["pack footer", "pack footer nonce"], &input, &aad, sealed);
    blocks.hex("data-pack-file", &pack.bytes);
    pack
}

fn entries(data: &SealedPack) -> Vec<Entry> {
    let chunk = data.chunks[0].reference(&data.id);
    let bytes = [&CHUNK[..], &[0; 4076]].concat();
    let digest = Digest(*blake3::hash(&bytes).as_bytes());
    let content = Content { bytes: 4096, digest, spans: vec![Span::Data(chunk), Span::Hole(4076)], unstable: false };
    let entry = |path: &str, mode, inode, kind, xattrs| Entry {
        path: EntryPath::parse(path.as_bytes()).expect("a path"),
        meta: Meta { mode, uid: 1000, gid: 100, modified: Time { seconds: -1, nanos: 500_000_000 }, xattrs },
        seen: Seen { device: 2049, inode, changed: Time::from_seconds(1_794_000_000), read: CREATED },
        kind,
    };
    let xattr = Xattr { name: (*b"user.note").into(), value: (*b"hi").into() };
    vec![
        entry("docs", 0o755, 10, Kind::Folder, vec![]),
        entry("docs/a.txt", 0o4640, 11, Kind::File(content), vec![xattr]),
        entry("docs/link", 0o777, 12, Kind::Symlink((*b"a.txt").into()), vec![]),
    ]
}

fn point(blocks: &mut Blocks, keyring: &Keyring, data: &SealedPack) -> Manifest {
    let stream: Vec<u8> = entries(data).iter().flat_map(encode_entry).collect();
    let named = NamedPack { id: data.id, bytes: u32::try_from(data.bytes.len()).expect("small") };
    let tree = pack(keyring, 0xc0, &[&stream, &named.encode()]);
    let stored_bytes = (data.bytes.len() + tree.bytes.len()) as u64;
    let manifest = Manifest {
        family: FAMILY,
        job: JOB,
        group: GROUP,
        name: PointName { order: PointOrder { epoch: 1, sequence: 12 }, id: PointId([0xd3; 8]) },
        writer: WRITER,
        key_epoch: KeyEpoch(1),
        created: CREATED,
        base: None,
        job_name: "documents".parse().expect("a name"),
        source: "folders docs".into(),
        stats: Stats { files: 1, bytes: 4096, entries: 3, stored_bytes, problems: 0 },
        roots: vec![tree.id],
        entries: vec![tree.chunks[0].reference(&tree.id)],
        packs: vec![tree.chunks[1].reference(&tree.id)],
    };
    let file = seal_manifest(&manifest, keyring, &Counting::from(0xe0)).expect("counts");
    blocks.hex("entries", &stream);
    blocks.hex("tree-pack-file", &tree.bytes);
    file_blocks(blocks, "manifest", SealedKind::Manifest, &manifest.encode(), &file);
    manifest
}

fn head(blocks: &mut Blocks, keyring: &Keyring, manifest: &Manifest) -> Vec<u8> {
    let head = Head {
        writer: WRITER,
        epoch: 1,
        session: 7,
        created: CREATED,
        newest: Some(manifest.name.order),
        jobs: vec![HeadJob { id: JOB, name: manifest.job_name.clone(), group: GROUP, alarm: None }],
        pins: vec![],
        marks: vec![],
        media: vec![HeadMedium {
            medium: VAULT,
            destination: "usb".parse().expect("a name"),
            retired: false,
            epoch: 1,
            session: 7,
        }],
        seeds: vec![],
        proofs: vec![],
        removed: vec![],
        newest_at: vec![],
        configuration: None,
        unknown: vec![],
    };
    let salt = std::array::from_fn(|at| 0x80 + u8::try_from(at).expect("small"));
    let header = SealedHeader { kind: SealedKind::Head, family: FAMILY, scope: VAULT.0, epoch: KeyEpoch(1), salt };
    let file = keyring.seal_file(&header, &head.encode()).expect("own family");
    file_blocks(blocks, "head", SealedKind::Head, &head.encode(), &file);
    file
}

/// Signed by another crate than the verifier's: what the document says is enough.
fn drill_head(blocks: &mut Blocks) -> Vec<u8> {
    use ring::signature::KeyPair;
    let seed: [u8; 32] = std::array::from_fn(|at| 0x64 + u8::try_from(at).expect("small"));
    let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed");
    let public_key = pair.public_key().as_ref().try_into().expect("32 bytes");
    let report = Digest([0xe1; 32]);
    let head = DrillHead { verifier: VERIFIER, sequence: 3, report, public_key, created: CREATED };
    let signature = pair.sign(&head.signed_bytes());
    let file = head.encode(signature.as_ref().try_into().expect("64 bytes"));
    blocks.hex("drill-head-signed", &head.signed_bytes());
    blocks.hex("drill-head-file", &file);
    file
}

fn file_blocks(blocks: &mut Blocks, name: &str, kind: SealedKind, plain: &[u8], file: &[u8]) {
    let (header, length) = SealedHeader::decode(file, kind).expect("own header");
    let input = [&master()[..], &FAMILY.0, &header.scope, &[0, 0, 0, 1], &header.salt];
    blocks.hex(format!("{name}-plain"), plain);
    blocks.sealed(name, [name, &format!("{name} nonce")], &input, &file[..length], &file[length..]);
    blocks.hex(format!("{name}-file"), file);
}

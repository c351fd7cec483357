//! The example bytes of `FORMAT.md` against the code: the document can't drift from what is written and read.
//!
//! In: the labelled blocks of the document. Judged: each stands there exactly as it is made from the document's fixed
//! inputs; the document's bytes restore through the reader; the document's keys open the document's boxes.
//! After a change of format: `cargo test -p engine --test format_examples -- --ignored --nocapture` prints the blocks.

#[path = "format_examples/document.rs"]
mod document;
#[path = "format_examples/made.rs"]
mod made;
#[path = "format_examples/memory.rs"]
mod memory;

use document::Document;
use engine::format::{Head, Identity, Manifest, PackFooter, PackTrailer, SealedHeader, SealedKind, SlotKind, SlotSet};
use engine::model::{Digest, Entry, FamilyId, GroupId, Kind, ObjectName, PackId, Span};
use engine::seal::sheet_text_parse;
use engine::vault::{
    EntryStream, PackNames, VaultError, VaultReader, decode_chunk, identity_of, keys_of, list_heads, unlock,
};
use memory::Memory;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

#[test]
fn every_block_stands_in_the_document_as_it_is_made() {
    let document = Document::read();
    let made = made::blocks();
    for (label, text) in &made {
        assert_eq!(document.text(label), text, "block `{label}` differs: print the blocks and compare");
    }
    let known: Vec<_> = made.iter().map(|(label, _)| label.as_str()).collect();
    let strange: Vec<_> = document.labels().filter(|label| !known.contains(label)).collect();
    assert_eq!(strange, ["zstd-chunk"], "blocks that nothing makes");
}

#[test]
#[should_panic(expected = "no block `nothing`")]
fn a_block_that_is_missing_is_noticed() {
    Document::read().text("nothing");
}

#[test]
fn the_documents_bytes_restore() {
    let document = Document::read();
    let store = Memory::of(&document);
    let identity = identity_of(&store).expect("VAULT");
    assert_eq!(identity, Identity::decode(&document.bytes("identity-file")).expect("decodes"));
    let secret = sheet_text_parse(document.text("sheet")).expect("the sheet is typed as it stands");
    let keys = keys_of(&store, identity.family).expect("keys");
    assert_eq!(keys.set, SlotSet::decode(&document.bytes("keys-file")).expect("decodes"));
    let keyring = unlock(&keys, SlotKind::Sheet, &secret).expect("the sheet opens its slot");

    let reader = VaultReader::new(&store, &keyring);
    let plain = Manifest::decode(&document.bytes("manifest-plain")).expect("decodes");
    let (manifest, _, _) = reader.manifest(plain.job, plain.name).expect("the manifest opens");
    assert_eq!(manifest, plain);
    let packs = PackNames::of(&manifest, &reader).expect("the pack list");
    let entries: Vec<Entry> =
        EntryStream::new(&manifest, &reader).collect::<Result<_, _>>().expect("the stream of entries");
    let kinds: Vec<_> = entries.iter().map(|entry| (entry.path.to_string(), entry.kind.as_str())).collect();
    let expected = [("docs", "folder"), ("docs/a.txt", "file"), ("docs/link", "symlink")];
    assert_eq!(kinds, expected.map(|(path, kind)| (path.to_owned(), kind)));

    let Kind::File(content) = &entries[1].kind else { panic!("the second is a file") };
    let mut bytes = Vec::new();
    for span in &content.spans {
        match span {
            Span::Data(chunk) => bytes.extend(packs.chunk(&reader, chunk).expect("the chunk opens")),
            Span::Hole(hole) => bytes.resize(bytes.len() + usize::try_from(*hole).expect("small"), 0),
        }
    }
    assert_eq!(&bytes[..20], &document.bytes("chunk-plain")[..]);
    assert_eq!((bytes.len() as u64, Digest(*blake3::hash(&bytes).as_bytes())), (content.bytes, content.digest));

    for pack in packs.all() {
        let footer = reader.footer(manifest.group, pack).expect("the footer opens");
        assert!(!footer.chunks.is_empty());
    }
    let heads = list_heads(&store, identity.vault, &keyring).expect("heads");
    let head = heads[0].body.as_ref().expect("the head opens");
    assert_eq!(*head, Head::decode(&document.bytes("head-plain")).expect("decodes"));
}

#[test]
fn the_documents_keys_open_the_documents_boxes() {
    let document = Document::read();
    for name in ["chunk", "footer", "manifest", "head", "slot"] {
        let part = |part: &str| document.bytes(&format!("{name}-{part}"));
        let (key, aad, sealed) = (part("key"), part("aad"), part("box"));
        let plain = if name == "chunk" { part("encoded") } else { part("plain") };
        assert_eq!(open(&key, &aad, &sealed), plain, "{name}");
        let nonce_key = part("nonce-key").try_into().expect("32 bytes");
        let mut hasher = blake3::Hasher::new_keyed(&nonce_key);
        hasher.update(&(aad.len() as u64).to_be_bytes()).update(&aad).update(&plain);
        assert_eq!(hasher.finalize().as_bytes()[..12], sealed[..12], "the nonce of {name}");
    }
}

#[test]
fn files_under_other_names_are_refused() {
    let document = Document::read();
    let store = Memory::of(&document).renamed("keys/00000001-", "keys/00000009-");
    assert!(keys_of(&store, family(&document)).is_err(), "slots of an older set, put in front");

    let secret = sheet_text_parse(document.text("sheet")).expect("the sheet is typed as it stands");
    let keys = keys_of(&Memory::of(&document), family(&document)).expect("keys");
    let keyring = unlock(&keys, SlotKind::Sheet, &secret).expect("the sheet opens its slot");
    let plain = Manifest::decode(&document.bytes("manifest-plain")).expect("decodes");
    let mut later = plain.name;
    later.order.sequence += 1;
    let store = Memory::of(&document).renamed("00000001-000000000012-", "00000001-000000000013-");
    let served = VaultReader::new(&store, &keyring).manifest(plain.job, later);
    assert!(served.is_err_and(|error| error.is_damage()), "one point served as another");
}

#[test]
fn slots_of_another_family_are_told_before_any_secret_is_tried() {
    let document = Document::read();
    let found = keys_of(&Memory::of(&document), FamilyId([9; 16]));
    assert!(matches!(found, Err(VaultError::Foreign(_))), "{found:?}");
}

#[test]
fn a_footer_that_does_not_list_all_records_is_refused() {
    let document = Document::read();
    let secret = sheet_text_parse(document.text("sheet")).expect("the sheet is typed as it stands");
    let keyring = unlock(&keys_of(&Memory::of(&document), family(&document)).expect("keys"), SlotKind::Sheet, &secret)
        .expect("opens");
    let file = document.bytes("data-pack-file");
    let (header, _) = SealedHeader::decode(&file, SealedKind::Pack).expect("its header");
    let records = &file[..file.len() - 12 - document.bytes("footer-box").len()];
    let offset = u32::try_from(records.len()).expect("small");
    let keys = keyring.pack(&header).expect("its family");
    let pack = |chunks| {
        let footer = keys.seal_footer(offset, &PackFooter { chunks }.encode());
        let trailer = PackTrailer { footer_bytes: u32::try_from(footer.len()).expect("small") };
        [records, &footer, &trailer.encode()].concat()
    };
    let plain = PackFooter::decode(&document.bytes("footer-plain"), 96).expect("decodes");
    let group = Manifest::decode(&document.bytes("manifest-plain")).expect("decodes").group;
    for (chunks, good) in [(plain.chunks, true), (vec![], false)] {
        let bytes = pack(chunks);
        let id = PackId(*blake3::hash(&bytes).as_bytes());
        let store = Memory::of(&document).with(ObjectName::Pack(id).path().as_str(), bytes);
        assert_eq!(VaultReader::new(&store, &keyring).footer(group, &id).is_ok(), good);
        let other = VaultReader::new(&store, &keyring).footer(GroupId([9; 8]), &id);
        assert!(other.is_err_and(|error| error.is_damage()), "a pack of another group");
    }
}

#[test]
fn a_chunk_in_zstd_unpacks() {
    let encoded = Document::read().bytes("zstd-chunk");
    assert_eq!(decode_chunk(&encoded, 100).expect("unpacks"), [b'a'; 100]);
    assert_eq!(encoded[0], 1, "its codec");
}

#[test]
#[ignore = "prints the blocks for FORMAT.md"]
#[allow(clippy::print_stdout)]
fn print_the_blocks() {
    for (label, text) in made::blocks() {
        println!("@@ {label}\n{text}");
    }
    let packed = engine::vault::encode_chunk(&[b'a'; 100]);
    println!("@@ zstd-chunk\n{}\n@@", document::hex(&packed));
}

fn family(document: &Document) -> FamilyId {
    Identity::decode(&document.bytes("identity-file")).expect("decodes").family
}

fn open(key: &[u8], aad: &[u8], sealed: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes"));
    let (nonce, rest) = sealed.split_first_chunk().expect("a nonce");
    let mut bytes = rest.to_vec();
    let opened = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut bytes);
    opened.expect("the box opens").to_vec()
}

//! Where the seeds lie, and those that FORMAT.md gives.

use std::path::{Path, PathBuf};

use crate::document::Document;

/// A seed of the document: target, file name, bytes.
pub type Seed = (&'static str, &'static str, Vec<u8>);

/// The folder of a target's seeds.
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target)
}

/// File names and bytes, sorted.
pub fn read(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder(target)).into_iter().flatten().flatten();
    let mut seeds: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("a name of ours");
            (name, std::fs::read(entry.path()).expect("a seed"))
        })
        .collect();
    seeds.sort();
    seeds
}

/// The document's blocks as seeds.
pub fn of_the_document() -> Vec<Seed> {
    let document = Document::read();
    let block = |target, label| (target, label, document.bytes(label));
    vec![
        block("identity", "identity-file"),
        block("slots", "keys-file"),
        block("heads", "head-plain"),
        block("heads", "head-file"),
        block("heads", "pack-header"),
        block("heads", "manifest-aad"),
        block("seeds", "seed-list-file"),
        block("seeds", "seed-receipt-file"),
        block("manifest", "manifest-plain"),
        block("entries", "entries"),
        block("pack", "footer-plain"),
        block("pack", "data-pack-file"),
        block("pack", "pack-header"),
        block("pack", "chunk-encoded"),
        block("pack", "zstd-chunk"),
        ("sheet", "sheet", document.text("sheet").as_bytes().to_vec()),
    ]
}

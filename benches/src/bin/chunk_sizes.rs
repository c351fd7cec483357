//! How chunk sizes pay: deduplication and number of chunks over several versions of one real body of data.
//!
//!     cargo build --release -p benches
//!     target/release/chunk_sizes FOLDER [VERSIONS]
//!
//! All files of the folder, one after another, are the first version, like one large archive; each later one changes
//! it in 40 places by up to 4 KiB: written over, put in, taken out. Stored is what encoded chunks take, each once, and
//! for each chunk what a pack, its footer and a manifest's entry add.
#![allow(clippy::print_stdout, reason = "a benchmark's product is what it prints")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use benches::{Argument, Random, mib};
use engine::chunk::{Cutter, Sizes};
use engine::vault::encode_chunk;

/// No more of the folder is taken.
const BYTES_MAX: usize = 96 << 20;
/// Changes from one version to the next.
const CHANGES: usize = 40;
/// Record 33, footer and entry about 45 and 60: bytes a chunk costs beside its content.
const CHUNK_COST: u64 = 138;

fn main() -> Result<()> {
    let Argument { folder, number: count } = Argument::read("offsite-bench-chunk-sizes", 5);
    let mut first = Vec::new();
    gather(&folder, &mut first)?;
    ensure!(first.len() > 8 << 20, "{} holds less than 8 MiB", folder.display());
    let versions = versions(first, count);
    let plain: u64 = versions.iter().map(|version| version.len() as u64).sum();
    println!("{count} versions of {:.0} MiB, {CHANGES} changes each", mib(versions[0].len() as u64));
    println!("min/avg/max KiB     chunks   new/version MiB   stored MiB   plain/stored");
    for (min, avg, max) in
        [(16, 64, 256), (64, 256, 1024), (128, 512, 2048), (256, 1024, 4096), (512, 2048, 8192), (1024, 4096, 16384)]
    {
        let sizes = Sizes { min: min << 10, avg: avg << 10, max: max << 10 };
        let found = store(&versions, sizes);
        #[allow(clippy::cast_precision_loss, reason = "a table's figures")]
        let (ratio, new) = (plain as f64 / found.stored as f64, mib(found.later) / (versions.len() - 1).max(1) as f64);
        let name = format!("{min}/{avg}/{max}");
        println!("{name:<16} {:>9} {new:>17.2} {:>12.2} {ratio:>14.2}", found.chunks, mib(found.stored));
    }
    Ok(())
}

/// What storing all versions came to.
#[derive(Default)]
struct Found {
    /// References to chunks, over all versions.
    chunks: u64,
    /// Plain bytes that versions after the first added.
    later: u64,
    /// Bytes stored.
    stored: u64,
}

fn store(versions: &[Vec<u8>], sizes: Sizes) -> Found {
    let cutter = Cutter::new(sizes, &[7; 32]);
    let mut known = BTreeSet::new();
    let mut found = Found::default();
    for (number, version) in versions.iter().enumerate() {
        let mut rest = &version[..];
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(cutter.cut(&rest[..rest.len().min(sizes.max)]));
            rest = after;
            found.chunks += 1;
            found.stored += CHUNK_COST / 2;
            if known.insert(*blake3::hash(chunk).as_bytes()) {
                found.stored += encode_chunk(chunk).len() as u64 + CHUNK_COST / 2;
                found.later += if number > 0 { chunk.len() as u64 } else { 0 };
            }
        }
    }
    found
}

fn versions(first: Vec<u8>, count: u64) -> Vec<Vec<u8>> {
    let mut random = Random::default();
    let mut versions = vec![first];
    while (versions.len() as u64) < count {
        let mut next = versions[versions.len() - 1].clone();
        for _ in 0..CHANGES {
            change(&mut next, &mut random);
        }
        versions.push(next);
    }
    versions
}

fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let length = 1 + random.below(4096);
    let at = random.below(bytes.len() - length);
    let way = random.below(3);
    let fresh = (0..length).map(|_| u8::try_from(random.below(256)).unwrap_or(0));
    match way {
        0 => drop(bytes.splice(at..at + length, fresh)),
        1 => drop(bytes.splice(at..at, fresh)),
        _ => drop(bytes.drain(at..at + length)),
    }
}

/// The files below, in the order of their names, up to the bound.
fn gather(folder: &Path, into: &mut Vec<u8>) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type()?;
        if into.len() >= BYTES_MAX {
            break;
        } else if kind.is_dir() {
            gather(&entry.path(), into)?;
        } else if kind.is_file() {
            into.extend(fs::read(entry.path())?);
        }
    }
    Ok(())
}

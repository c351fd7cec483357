//! Chunks of a mirror: where packs with the content of files lie elsewhere, the files themselves do here.
//!
//! In: manifests of points, their entries. Out: for a chunk, which file holds it and where; for a point, the files that it
//! is here. A chunk's identity is what a file's bytes are checked by.
//! Deliberately absent: where the files lie (`destination::MirrorStore`), and packs with entries, which lie here too.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use super::entries::EntryStream;
use super::error::VaultError;
use super::reader::ChunkSource;
use crate::destination::Index;
use crate::format::Manifest;
use crate::model::{ChunkId, ChunkRef, Content, Digest, EntryPath, JobId, Kind, MirrorFile, PackId, ShortPack, Span};

/// Names the purpose of the hash that files of a mirror are told apart by (FORMAT.md 3.1).
const CONTEXT: &str = "offsite-copy v1 2026-11-22 mirror file";

/// The object that a file of a mirror is: the same in every point of a job that has it as it is.
#[must_use]
pub fn file_object(job: JobId, path: &EntryPath, digest: &Digest) -> PackId {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    for part in [&job.0[..], &digest.0, path.as_bytes()] {
        hasher.update(part);
    }
    PackId(*hasher.finalize().as_bytes())
}

/// The files of a point that are objects of a mirror: all that hold a byte. Further names of one are not made there.
///
/// # Errors
/// If the point's entries can't all be read.
pub fn mirror_files(manifest: &Manifest, source: &dyn ChunkSource) -> Result<Vec<(PackId, MirrorFile)>, VaultError> {
    let mut files = Vec::new();
    each_file(manifest, source, |id, file, _| files.push((id, file)))?;
    Ok(files)
}

fn each_file(
    manifest: &Manifest,
    source: &dyn ChunkSource,
    mut take: impl FnMut(PackId, MirrorFile, &Content),
) -> Result<(), VaultError> {
    for entry in EntryStream::new(manifest, source) {
        let entry = entry?;
        if let Kind::File(content) = &entry.kind
            && content.bytes > 0
        {
            let id = file_object(manifest.job, &entry.path, &content.digest);
            let file = MirrorFile { path: entry.path.clone(), bytes: content.bytes, digest: content.digest };
            take(id, file, content);
        }
    }
    Ok(())
}

/// Where chunks are in the files of a mirror, of the points whose manifests were opened.
#[derive(Default)]
pub(super) struct Places(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Points whose entries were not read yet: they are when a chunk of content is wanted.
    unread: Vec<Manifest>,
    /// Packs that lie here as packs.
    roots: BTreeSet<ShortPack>,
    at: HashMap<(ShortPack, u32, ChunkId), (PackId, u64)>,
    /// Where else: what repeats stands in several files, and each may be the one that is whole.
    also: HashMap<(ShortPack, u32, ChunkId), Vec<(PackId, u64)>>,
}

/// So many places of a chunk are remembered.
const PLACES_MAX: usize = 8;

impl Known {
    fn add(&mut self, chunk: &ChunkRef, place: (PackId, u64)) {
        let key = (chunk.pack, chunk.offset, chunk.id);
        if *self.at.entry(key).or_insert(place) != place {
            let also = self.also.entry(key).or_default();
            if also.len() < PLACES_MAX {
                also.push(place);
            }
        }
    }
}

impl Places {
    /// That chunks of a point may be wanted.
    pub fn note(&self, manifest: &Manifest) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.roots.extend(manifest.roots.iter().map(PackId::short));
        known.unread.push(manifest.clone());
    }

    /// The files that hold a chunk, and where; none if it is of a pack that lies here, or of no point that was noted.
    /// `packs` reads entries.
    pub fn find(
        &self,
        chunk: &ChunkRef,
        index: &Index,
        packs: &dyn ChunkSource,
    ) -> Result<Vec<(PackId, u64)>, VaultError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.roots.contains(&chunk.pack) {
            return Ok(Vec::new());
        }
        while let Some(manifest) = known.unread.pop() {
            let mut files = Vec::new();
            each_file(&manifest, packs, |id, file, content| {
                files.push((id, file));
                chunks(content).for_each(|(chunk, from)| known.add(chunk, (id, from)));
            })?;
            index.learn(manifest.name.order, files);
        }
        let key = (chunk.pack, chunk.offset, chunk.id);
        Ok(known.at.get(&key).into_iter().chain(known.also.get(&key).into_iter().flatten()).copied().collect())
    }
}

/// The chunks of a file, each with where it begins there.
fn chunks(content: &Content) -> impl Iterator<Item = (&ChunkRef, u64)> {
    let mut at = 0_u64;
    content.spans.iter().filter_map(move |span| {
        let from = at;
        let (bytes, chunk) = match span {
            Span::Data(chunk) => (u64::from(chunk.plain), Some(chunk)),
            Span::Hole(bytes) => (*bytes, None),
        };
        at = at.saturating_add(bytes);
        chunk.map(|chunk| (chunk, from))
    })
}

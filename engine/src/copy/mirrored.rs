//! Copies to mirrors: which objects a point is there, and its files, put together from packs that lie elsewhere.
//!
//! In: points, the places that have them. Out: for the catalog and a mirror's index what each point is there; a place
//! that holds packs as one that gives files. Deliberately absent: how objects are sent, and which points go where.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::CopyError;
use crate::catalog::{Catalog, MirroredFile, MirroredRow, Named, PointRow};
use crate::destination::{ErrorKind, Index, Listed, ObjectRead, ReadStore, Space, StoreError};
use crate::format::Manifest;
use crate::model::{
    ChunkRef, Content, Digest, Distance, EntryPath, Kind, MirrorFile, ObjectName, PackId, PointOrder, Span, VaultId,
    VaultPath,
};
use crate::seal::Keyring;
use crate::vault::{EntryStream, PackNames, VaultError, VaultReader, file_object, mirror_files};

/// What the bytes of a pack, or of the file that stands for one, should be.
pub(crate) fn digest_of(store: &dyn ReadStore, id: &PackId) -> Digest {
    let file = store.mirror().and_then(|index| index.file(id));
    file.map_or(Digest(id.0), |file| file.digest)
}

/// What a point is at a mirror.
pub(super) fn row(manifest: &Manifest, files: &[(PackId, MirrorFile)]) -> MirroredRow {
    let roots = manifest.roots.iter().map(|id| Named { id: *id }).collect();
    let file = |(id, file): &(PackId, MirrorFile)| MirroredFile {
        id: *id,
        path: file.path.as_bytes().to_vec(),
        bytes: file.bytes,
        digest: file.digest,
    };
    MirroredRow { roots, files: files.iter().map(file).collect() }
}

/// Makes a mirror know the files of all points that the catalog knows as files, and of those that `wanted` names: they are
/// read from the first place that has them. A point that can't be read now stays unknown.
///
/// # Errors
/// As the catalog answers.
pub fn learn_mirrored(
    catalog: &Catalog,
    keyring: &Keyring,
    index: &Index,
    wanted: &dyn Fn(&PointRow) -> bool,
    places: &[(VaultId, &dyn ReadStore)],
) -> Result<(), CopyError> {
    let known: BTreeMap<PointOrder, MirroredRow> = catalog.all_mirrored()?.into_iter().collect();
    for (order, row) in &known {
        index.learn(*order, row.files.iter().filter_map(file));
    }
    for point in catalog.points()?.iter().filter(|point| !known.contains_key(&point.order) && wanted(point)) {
        for (medium, place) in places {
            if !catalog.placement(*medium, point.order)?.is_some_and(|row| row.state.is_there()) {
                continue;
            }
            let reader = VaultReader::new(*place, keyring);
            let read = reader.manifest(point.job, point.name());
            let files = read.and_then(|(manifest, ..)| Ok((mirror_files(&manifest, &reader)?, manifest)));
            if let Ok((files, manifest)) = files {
                catalog.note_mirrored(point.order, &row(&manifest, &files))?;
                index.learn(point.order, files);
                break;
            }
        }
    }
    Ok(())
}

fn file(row: &MirroredFile) -> Option<(PackId, MirrorFile)> {
    let path = EntryPath::parse(&row.path).ok()?;
    Some((row.id, MirrorFile { path, bytes: row.bytes, digest: row.digest }))
}

/// A place that holds packs, as one that gives the files of points whole. Packs and manifests are given as they are.
pub struct Assembled<'a> {
    inner: &'a dyn ReadStore,
    reader: VaultReader<'a>,
    points: BTreeMap<PackId, Vec<PointRow>>,
    read: Mutex<BTreeMap<PackId, Arc<Parts>>>,
}

/// Chunks of so many are remembered, of all files of the points that were read last.
const SPANS_MAX: usize = 1 << 20;

/// A file as the chunks that it is made of.
struct Parts {
    names: Arc<PackNames>,
    bytes: u64,
    /// Each with where it begins, in order; a hole is none.
    spans: Vec<(u64, Option<ChunkRef>)>,
}

impl<'a> Assembled<'a> {
    /// The files of points that the catalog knows as files, from this place.
    ///
    /// # Errors
    /// As the catalog answers.
    pub fn new(
        inner: &'a dyn ReadStore,
        keyring: &'a Keyring,
        catalog: &Catalog,
        medium: VaultId,
    ) -> Result<Self, CopyError> {
        let mut points: BTreeMap<PackId, Vec<PointRow>> = BTreeMap::new();
        for (order, row) in catalog.all_mirrored()? {
            let is_there = catalog.placement(medium, order)?.is_some_and(|row| row.state.is_there());
            let Some(point) = catalog.point(order)?.filter(|_| is_there) else { continue };
            for file in &row.files {
                points.entry(file.id).or_default().push(point.clone());
            }
        }
        Ok(Self { inner, reader: VaultReader::new(inner, keyring), points, read: Mutex::default() })
    }

    fn parts(&self, path: &VaultPath) -> Result<Option<Arc<Parts>>, StoreError> {
        let Some(ObjectName::Pack(id)) = ObjectName::at(path) else { return Ok(None) };
        let Some(points) = self.points.get(&id) else { return Ok(None) };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failed = VaultError::Missing { object: path.to_string() };
        for point in points {
            if let Some(parts) = read.get(&id) {
                return Ok(Some(Arc::clone(parts)));
            }
            if read.values().map(|parts| parts.spans.len()).sum::<usize>() > SPANS_MAX {
                read.clear();
            }
            if let Err(error) = self.read_point(point, &mut read) {
                failed = error;
            }
        }
        read.get(&id).map(|parts| Some(Arc::clone(parts))).ok_or_else(|| as_store(path, failed))
    }

    /// All files of a point: the others are wanted next.
    fn read_point(&self, point: &PointRow, read: &mut BTreeMap<PackId, Arc<Parts>>) -> Result<(), VaultError> {
        let (manifest, ..) = self.reader.manifest(point.job, point.name())?;
        let names = Arc::new(PackNames::of(&manifest, &self.reader)?);
        for entry in EntryStream::new(&manifest, &self.reader) {
            let entry = entry?;
            if let Kind::File(content) = &entry.kind {
                let id = file_object(manifest.job, &entry.path, &content.digest);
                let parts = Parts { names: Arc::clone(&names), bytes: content.bytes, spans: spans(content) };
                read.insert(id, Arc::new(parts));
            }
        }
        Ok(())
    }

    fn assemble(&self, parts: &Parts, offset: u64, bytes: usize) -> Result<Vec<u8>, VaultError> {
        let end = offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)).min(parts.bytes);
        let mut out = Vec::with_capacity(usize::try_from(end.saturating_sub(offset)).unwrap_or(0));
        let mut at = parts.spans.partition_point(|(begin, _)| *begin <= offset).saturating_sub(1);
        while let Some((begin, chunk)) = parts.spans.get(at).filter(|(begin, _)| *begin < end) {
            let over = parts.spans.get(at + 1).map_or(parts.bytes, |(next, _)| *next);
            let (from, to) = (offset.max(*begin), end.min(over));
            let cut = |value: u64| usize::try_from(value.saturating_sub(*begin)).unwrap_or(usize::MAX);
            match chunk {
                Some(chunk) => {
                    let plain = parts.names.chunk(&self.reader, chunk)?;
                    out.extend_from_slice(plain.get(cut(from)..cut(to)).unwrap_or_default());
                }
                None => out.resize(out.len() + (cut(to) - cut(from)), 0),
            }
            at += 1;
        }
        Ok(out)
    }
}

fn spans(content: &Content) -> Vec<(u64, Option<ChunkRef>)> {
    let mut at = 0_u64;
    let begins = |span: &Span| {
        let begin = at;
        let (bytes, chunk) = match span {
            Span::Data(chunk) => (u64::from(chunk.plain), Some(*chunk)),
            Span::Hole(bytes) => (*bytes, None),
        };
        at = at.saturating_add(bytes);
        (begin, chunk)
    };
    content.spans.iter().map(begins).collect()
}

/// What is wrong with a pack is, to who asks for a file, that the file can't be read there.
fn as_store(path: &VaultPath, error: VaultError) -> StoreError {
    match error {
        VaultError::Store(error) => error,
        VaultError::Missing { object } => StoreError::new(ErrorKind::NotFound, "read", object, "it is missing"),
        other => StoreError::new(ErrorKind::Permanent, "read", path.as_str(), crate::model::chain(&other)),
    }
}

impl ReadStore for Assembled<'_> {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        match self.parts(path)? {
            Some(parts) => Ok(Some(parts.bytes)),
            None => self.inner.stat(path),
        }
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        match self.parts(path)? {
            Some(parts) => self.assemble(&parts, offset, bytes).map_err(|error| as_store(path, error)),
            None => self.inner.read(path, offset, bytes),
        }
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(folder)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        match self.parts(path)? {
            Some(_) => self.read_on(path, 0),
            None => self.inner.read_medium(path),
        }
    }

    fn finished_file(&self, path: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        match ObjectName::at(path) {
            Some(ObjectName::Pack(id)) if self.points.contains_key(&id) => Ok(None),
            _ => self.inner.finished_file(path),
        }
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.inner.space()
    }

    fn distance(&self) -> Distance {
        self.inner.distance()
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.inner.still_there()
    }
}

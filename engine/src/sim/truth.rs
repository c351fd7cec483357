//! What points must restore to, and whether what lies at a place does: read with production's own readers, compared with
//! what the source told.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Told, What};
use super::tree::Node;
use crate::browse::dump;
use crate::catalog::PointRow;
use crate::destination::{ErrorKind, Index, Listed, ObjectRead, ReadStore, Space, StoreError};
use crate::format::Manifest;
use crate::model::{Digest, Distance, Entry, JobName, Kind, ObjectName, PointId, Span, VaultPath, chain};
use crate::seal::Keyring;
use crate::vault::{EntryStream, PackNames, VaultReader};

/// The files of a place at one moment.
pub type Files = BTreeMap<VaultPath, Vec<u8>>;

/// A place that never changes, to read from.
pub struct Still<'f>(pub &'f Files);

/// What a point is made of, once it was compared with what was told.
#[derive(Debug, Clone)]
pub struct Truth {
    /// The digest of each object, manifest included.
    pub objects: BTreeMap<VaultPath, Digest>,
}

/// All points, by id.
#[derive(Debug, Default)]
pub struct Truths {
    points: BTreeMap<PointId, Truth>,
    walks: Vec<(JobName, Vec<Told>)>,
}

impl Truths {
    /// A walk told this; a point may come of it.
    pub fn walked(&mut self, job: JobName, told: Vec<Told>) {
        self.walks.push((job, told));
    }

    /// What is known of a point.
    #[must_use]
    pub fn of(&self, id: PointId) -> Option<&Truth> {
        self.points.get(&id)
    }

    /// Restores a point from `files` and compares it with every walk of its job.
    ///
    /// # Errors
    /// Why it is not what any walk told.
    pub fn learn(&mut self, point: &PointRow, files: &Files, keyring: &Keyring) -> Result<(), String> {
        let still = Still(files);
        let reader = VaultReader::new(&still, keyring);
        let (manifest, digest, _) = reader.manifest(point.job, point.name()).map_err(|error| chain(&error))?;
        let entries: Vec<Entry> =
            EntryStream::new(&manifest, &reader).collect::<Result<_, _>>().map_err(|error| chain(&error))?;
        let mut why = "no walk of its job is known".to_owned();
        for (_, told) in self.walks.iter().rev().filter(|(job, _)| *job == manifest.job_name) {
            match compare(&entries, told, &manifest, &reader) {
                Ok(()) => {
                    let names = PackNames::of(&manifest, &reader).map_err(|error| chain(&error))?;
                    let packs = names.all().iter().map(|id| (ObjectName::Pack(*id).path(), Digest(id.0)));
                    let mut objects: BTreeMap<_, _> = packs.collect();
                    objects.insert(point.manifest().path(), digest);
                    self.points.insert(point.id, Truth { objects });
                    return Ok(());
                }
                Err(difference) => why = difference,
            }
        }
        Err(why)
    }

    /// The objects of all points whose manifests lie in `files`.
    #[must_use]
    pub fn needed(&self, files: &Files) -> BTreeSet<VaultPath> {
        let mut needed = BTreeSet::new();
        for truth in self.points.values() {
            if truth.objects.keys().any(|path| path.as_str().starts_with("points/") && files.contains_key(path)) {
                needed.extend(truth.objects.keys().cloned());
            }
        }
        needed
    }
}

fn compare(entries: &[Entry], told: &[Told], manifest: &Manifest, reader: &VaultReader<'_>) -> Result<(), String> {
    if entries.len() != told.len() {
        return Err(format!("{} entries, {} were told", entries.len(), told.len()));
    }
    for (entry, told) in entries.iter().zip(told) {
        compare_one(entry, told, manifest, reader).map_err(|why| format!("{}: {why}", told.path))?;
    }
    Ok(())
}

fn compare_one(entry: &Entry, told: &Told, manifest: &Manifest, reader: &VaultReader<'_>) -> Result<(), String> {
    if entry.path != told.path {
        return Err(format!("the point has {} here", entry.path));
    }
    let is_further = matches!(told.what, What::Hardlink(_));
    if !is_further && entry.meta != told.meta {
        return Err(format!("{:?}, told {:?}", entry.meta, told.meta));
    }
    match (&entry.kind, &told.what) {
        (Kind::File(content), What::File { digest, bytes, holes }) => {
            let found: u64 =
                content.spans.iter().map(|span| if let Span::Hole(bytes) = span { *bytes } else { 0 }).sum();
            if (content.digest.0, content.bytes, found) != (*digest, *bytes, *holes) {
                return Err("its content is not what was told".into());
            }
            let mut restored = Vec::new();
            dump(reader, manifest, &entry.path, &mut restored).map_err(|error| chain(&error))?;
            if *blake3::hash(&restored).as_bytes() == *digest {
                Ok(())
            } else {
                Err("it restores to other bytes".into())
            }
        }
        (Kind::Hardlink(first), What::Hardlink(told)) if first == told => Ok(()),
        (Kind::Folder, What::Other(Node::Folder)) | (Kind::Fifo, What::Other(Node::Fifo)) => Ok(()),
        (Kind::Symlink(target), What::Other(Node::Symlink(told))) if target == told => Ok(()),
        (kind, what) => Err(format!("it is a {}, told {what:?}", kind.as_str())),
    }
}

fn absent(path: &VaultPath) -> StoreError {
    StoreError::new(ErrorKind::NotFound, "read", path.as_str(), "no such object")
}

#[deny(clippy::missing_trait_methods)]
impl ReadStore for Still<'_> {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        Ok(self.0.get(path).map(|bytes| bytes.len() as u64))
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        let content = self.0.get(path).ok_or_else(|| absent(path))?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        Ok(content[from..][..bytes.min(content.len() - from)].to_vec())
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(crate::destination::onward::Onward::boxed(self, path, offset))
    }

    fn list(&self, _: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        Ok(Vec::new())
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Err(absent(path))
    }

    fn finished_file(&self, _: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        Ok(None)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        Ok(None)
    }

    fn distance(&self) -> Distance {
        Distance::Local
    }

    fn still_there(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn mirror(&self) -> Option<&Index> {
        None
    }
}

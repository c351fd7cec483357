//! Which packs of a mirror are files, under which names, and which of them were put there.
//!
//! In: what points hold, from the catalog or from their own entries; what the catalog knows there. Out: the file of an
//! object, and what else of ours has its name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockWriteGuard};

use crate::model::{EntryPath, MirrorFile, ObjectName, PackId, PointOrder};

/// See the module. Shared by all who use one store.
#[derive(Debug, Default)]
pub struct Index {
    known: RwLock<Known>,
    largest: OnceLock<u64>,
}

#[derive(Debug, Default)]
struct Known {
    files: BTreeMap<PackId, (MirrorFile, PointOrder)>,
    /// By name; by what the place takes for one name, where case does not count.
    named: BTreeMap<Vec<u8>, BTreeSet<PackId>>,
    /// Those that were put there.
    held: BTreeSet<PackId>,
    folds: bool,
}

impl Known {
    fn name(&self, path: &EntryPath) -> Vec<u8> {
        let text = || String::from_utf8_lossy(path.as_bytes()).to_lowercase().into_bytes();
        if self.folds { text() } else { path.as_bytes().to_vec() }
    }
}

impl Index {
    /// That a point holds these files.
    pub fn learn(&self, point: PointOrder, files: impl IntoIterator<Item = (PackId, MirrorFile)>) {
        let mut known = self.write();
        for (id, file) in files {
            let name = known.name(&file.path);
            known.named.entry(name).or_default().insert(id);
            let newest = known.files.entry(id).or_insert((file, point));
            newest.1 = newest.1.max(point);
        }
    }

    /// That the place takes names that differ in case for one.
    pub fn fold_names(&self) {
        let mut known = self.write();
        known.folds = true;
        let names: Vec<_> = known.files.iter().map(|(id, (file, _))| (known.name(&file.path), *id)).collect();
        known.named.clear();
        for (name, id) in names {
            known.named.entry(name).or_default().insert(id);
        }
    }

    /// That no file there can have more bytes.
    pub fn limit_files(&self, bytes: u64) {
        // The first answer stands: it is of the same place.
        let _ = self.largest.set(bytes);
    }

    /// Bytes of the largest file that the place can hold, where that is known.
    #[must_use]
    pub fn largest_file(&self) -> Option<u64> {
        self.largest.get().copied()
    }

    /// That an object was put there, or is there no more.
    pub fn hold(&self, id: &PackId, is_there: bool) {
        let mut known = self.write();
        if is_there && known.files.contains_key(id) {
            known.held.insert(*id);
        } else {
            known.held.remove(id);
        }
    }

    /// Was it put there?
    pub(super) fn holds(&self, id: &PackId) -> bool {
        self.read(|known| known.held.contains(id))
    }

    /// The file that an object is, if it is one.
    #[must_use]
    pub fn file(&self, id: &PackId) -> Option<MirrorFile> {
        self.read(|known| known.files.get(id).map(|(file, _)| file.clone()))
    }

    /// The same by an object's name.
    #[must_use]
    pub fn file_of(&self, object: &ObjectName) -> Option<MirrorFile> {
        if let ObjectName::Pack(id) = object { self.file(id) } else { None }
    }

    /// Other files of the same name that were put there, the newest point's first.
    pub(super) fn rivals(&self, id: &PackId) -> Vec<(PackId, MirrorFile)> {
        let mut rivals = self.read(|known| {
            let same = known.files.get(id).and_then(|(file, _)| known.named.get(&known.name(&file.path)));
            let others = same.into_iter().flatten().filter(|other| *other != id && known.held.contains(*other));
            others.filter_map(|other| Some((*other, known.files.get(other)?.0.clone()))).collect::<Vec<_>>()
        });
        rivals.sort_by_key(|(id, _)| std::cmp::Reverse(self.order(id)));
        rivals
    }

    /// Do points hold different files of one name?
    pub(super) fn has_rivals(&self) -> bool {
        self.read(|known| known.named.values().any(|same| same.len() > 1))
    }

    /// Is the newest point of the one newer than that of the other?
    pub(super) fn is_newer(&self, id: &PackId, than: &PackId) -> bool {
        self.order(id) > self.order(than)
    }

    fn order(&self, id: &PackId) -> Option<(PointOrder, PackId)> {
        self.read(|known| known.files.get(id).map(|(_, order)| (*order, *id)))
    }

    fn read<T>(&self, ask: impl FnOnce(&Known) -> T) -> T {
        ask(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

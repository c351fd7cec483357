//! A medium that keeps only what was flushed: contents and names, each as seen now and as they would survive a crash.
//!
//! Stricter than any real one: a name counts only after its folder was flushed, an old and a new name of one rename
//! survive a crash independently, and bytes that were not flushed may be cut anywhere, or come back as zeros.
//!
//! Deliberately absent: faults, handles, the traits.

use std::collections::{BTreeMap, BTreeSet};

use super::dice::Dice;
use crate::model::VaultPath;

/// A file, whatever its names are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(u64);

#[derive(Debug, Default)]
struct Content {
    /// As a plain read sees it.
    bytes: Vec<u8>,
    /// How many of them survive a crash.
    flushed: usize,
    /// What the medium really holds, where a plain read would not show it yet.
    behind: Option<Vec<u8>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Disk {
    files: BTreeMap<FileId, Content>,
    made: u64,
    now: BTreeMap<VaultPath, FileId>,
    durable: BTreeMap<VaultPath, FileId>,
    /// Names that differ between the two.
    unsettled: BTreeSet<VaultPath>,
}

impl Disk {
    pub fn id(&self, path: &VaultPath) -> Option<FileId> {
        self.now.get(path).copied()
    }

    /// As a plain read sees it.
    pub fn cached(&self, path: &VaultPath) -> Option<&[u8]> {
        Some(&self.files.get(self.now.get(path)?)?.bytes)
    }

    /// As the medium has it.
    pub fn on_medium(&self, path: &VaultPath) -> Option<&[u8]> {
        let content = self.files.get(self.now.get(path)?)?;
        Some(content.behind.as_ref().unwrap_or(&content.bytes))
    }

    pub fn names(&self) -> impl Iterator<Item = &VaultPath> {
        self.now.keys()
    }

    pub fn used(&self) -> u64 {
        let bytes = self.files.values().map(|content| u64::try_from(content.bytes.len()).unwrap_or(u64::MAX));
        bytes.fold(0, u64::saturating_add)
    }

    /// A new empty file under `path`, which loses the file it named.
    pub fn make(&mut self, path: &VaultPath) -> FileId {
        self.made += 1;
        let id = FileId(self.made);
        self.files.insert(id, Content::default());
        self.name(path, Some(id));
        id
    }

    pub fn truncate(&mut self, id: FileId, bytes: usize) {
        if let Some(content) = self.files.get_mut(&id) {
            content.bytes.truncate(bytes);
            content.flushed = content.flushed.min(bytes);
            if let Some(behind) = &mut content.behind {
                behind.truncate(bytes);
            }
        }
    }

    /// Writes at the end. A file that lost all its names takes it as a real one would: nobody ever sees it.
    pub fn append(&mut self, id: FileId, bytes: &[u8]) {
        if let Some(content) = self.files.get_mut(&id) {
            content.bytes.extend_from_slice(bytes);
            if let Some(behind) = &mut content.behind {
                behind.extend_from_slice(bytes);
            }
        }
    }

    pub fn flush(&mut self, id: FileId) {
        if let Some(content) = self.files.get_mut(&id) {
            content.flushed = content.bytes.len();
        }
    }

    /// A flush that failed: what was not flushed is lost, and the system believes that it is not (so did Linux's page
    /// cache after a failed fsync: Rebello et al., USENIX ATC 2020).
    pub fn lose(&mut self, id: FileId) {
        if let Some(content) = self.files.get_mut(&id) {
            let behind = content.behind.get_or_insert_with(|| content.bytes.clone());
            behind[content.flushed..].fill(0);
            content.flushed = content.bytes.len();
        }
    }

    /// Gives a file another name, whatever had it.
    pub fn rename(&mut self, from: &VaultPath, to: &VaultPath) {
        let id = self.id(from);
        self.name(from, None);
        self.name(to, id);
    }

    pub fn remove(&mut self, path: &VaultPath) {
        self.name(path, None);
    }

    fn name(&mut self, path: &VaultPath, id: Option<FileId>) {
        match id {
            Some(id) => self.now.insert(path.clone(), id),
            None => self.now.remove(path),
        };
        self.unsettled.insert(path.clone());
    }

    /// Makes the names in `folder` durable.
    pub fn flush_folder(&mut self, folder: &VaultPath) {
        let settling: Vec<_> = self.unsettled.iter().filter(|path| path.folder() == *folder).cloned().collect();
        for path in settling {
            self.unsettled.remove(&path);
            match self.now.get(&path) {
                Some(id) => self.durable.insert(path, *id),
                None => self.durable.remove(&path),
            };
        }
        self.sweep();
    }

    /// The power goes: each name and each tail that was not flushed is kept or lost as the dice fall.
    pub fn crash(&mut self, dice: &mut Dice) {
        for path in std::mem::take(&mut self.unsettled) {
            let winner = if dice.heads() { &self.now } else { &self.durable };
            match winner.get(&path).copied() {
                Some(id) => self.durable.insert(path, id),
                None => self.durable.remove(&path),
            };
        }
        self.now.clone_from(&self.durable);
        for content in self.files.values_mut() {
            content.crash(dice);
        }
        self.sweep();
    }

    /// Drops files that no name leads to.
    fn sweep(&mut self) {
        if self.files.len() > self.now.len() {
            let named: BTreeSet<_> = self.now.values().chain(self.durable.values()).copied().collect();
            self.files.retain(|id, _| named.contains(id));
        }
    }

    /// The medium goes bad under what a plain read still shows as it was.
    pub fn decay(&mut self, path: &VaultPath, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(content) = self.id(path).and_then(|id| self.files.get_mut(&id)) else { return false };
        change(content.behind.get_or_insert_with(|| content.bytes.clone()));
        true
    }

    /// Forgets what plain reads remember: they see the medium from now on.
    pub fn drop_caches(&mut self) {
        for content in self.files.values_mut() {
            content.show_medium();
        }
    }

    /// Puts these bytes under this name, durably, as an old copy that someone brought back.
    pub fn plant(&mut self, path: &VaultPath, bytes: &[u8]) {
        let id = self.make(path);
        self.append(id, bytes);
        self.flush(id);
        self.flush_folder(&path.folder());
    }
}

impl Content {
    fn crash(&mut self, dice: &mut Dice) {
        self.show_medium();
        let unflushed = self.bytes.len() - self.flushed;
        let kept = usize::try_from(dice.below(u64::try_from(unflushed).unwrap_or(u64::MAX).saturating_add(1)));
        self.bytes.truncate(self.flushed + kept.unwrap_or(0));
        if dice.heads() {
            self.bytes[self.flushed..].fill(0);
        }
        self.flushed = self.bytes.len();
    }

    fn show_medium(&mut self) {
        if let Some(behind) = self.behind.take() {
            self.flushed = self.flushed.min(behind.len());
            self.bytes = behind;
        }
    }
}

//! What the job's point before says of folders and the canaries in them, where somebody has to know before the walk.

use std::collections::BTreeMap;

use super::canaries::Canaries;
use crate::format::Manifest;
use crate::model::{Digest, EntryPath, Kind};
use crate::vault::{EntryStream, VaultReader};

/// A folder in the point before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Planted {
    /// The file system that it lay on, if the point has it.
    pub device: Option<u64>,
    /// The canary's content, if the point has it.
    pub canary: Option<Digest>,
}

impl Planted {
    /// Was it as it is planted?
    #[must_use]
    pub fn was_whole(&self, canaries: &Canaries) -> bool {
        self.canary.is_some_and(|digest| canaries.is_content(digest))
    }
}

/// Looks for the folders of these canaries in the entries of a point. What can't be read there is not known.
#[must_use]
pub fn planted(manifest: &Manifest, reader: &VaultReader<'_>, canaries: &[&EntryPath]) -> BTreeMap<EntryPath, Planted> {
    let mut found: BTreeMap<EntryPath, Planted> =
        canaries.iter().map(|path| ((*path).clone(), Planted::default())).collect();
    let folders: BTreeMap<EntryPath, EntryPath> =
        canaries.iter().filter_map(|path| Some((path.folder()?, (*path).clone()))).collect();
    let Some(last) = found.keys().next_back().cloned() else { return found };
    for entry in EntryStream::new(manifest, reader) {
        let entry = match entry {
            Ok(entry) if entry.path > last => break,
            Ok(entry) => entry,
            Err(error) if error.is_damage() => continue,
            Err(_) => break,
        };
        if let (Some(planted), Kind::File(content)) = (found.get_mut(&entry.path), &entry.kind) {
            planted.canary = Some(content.digest);
        }
        if let (Some(canary), Kind::Folder) = (folders.get(&entry.path), &entry.kind)
            && let Some(planted) = found.get_mut(canary)
        {
            planted.device = Some(entry.seen.device);
        }
    }
    found
}

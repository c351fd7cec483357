//! What a point holds, as little of it as a comparison needs: some 100 bytes for each file.

use std::collections::{HashMap, HashSet};

use engine::model::{Content, Digest, Entry, Kind, Time};

/// A file of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFile {
    /// Its size.
    pub bytes: u64,
    /// Last change of its content.
    pub modified: Time,
    /// BLAKE3 of its content.
    pub digest: Digest,
    /// It would not hold still while it was read.
    pub unstable: bool,
}

/// The files of a point, by their paths.
#[derive(Debug, Default)]
pub struct Known {
    files: HashMap<[u8; 16], KnownFile>,
    /// Further names of files: their content is known under the first.
    links: HashSet<[u8; 16]>,
    inodes: HashSet<(u64, u64, Time)>,
}

impl Known {
    /// Adds an entry.
    pub fn add(&mut self, entry: &Entry) {
        match &entry.kind {
            Kind::File(Content { bytes, digest, unstable, .. }) => {
                let modified = entry.meta.modified;
                let file = KnownFile { bytes: *bytes, modified, digest: *digest, unstable: *unstable };
                self.put(entry.path.as_bytes(), file, entry.seen.inode);
            }
            Kind::Hardlink(_) => drop(self.links.insert(key(entry.path.as_bytes()))),
            _ => {}
        }
    }

    pub(super) fn put(&mut self, path: &[u8], file: KnownFile, inode: u64) {
        self.inodes.insert((inode, file.bytes, file.modified));
        self.files.insert(key(path), file);
    }

    /// The file of that path.
    pub fn file(&self, path: &[u8]) -> Option<&KnownFile> {
        self.files.get(&key(path))
    }

    /// Is that path a further name of a file?
    pub fn is_link(&self, path: &[u8]) -> bool {
        self.links.contains(&key(path))
    }

    /// Was that file there under another name?
    pub fn moved(&self, inode: u64, bytes: u64, modified: Time) -> bool {
        self.inodes.contains(&(inode, bytes, modified))
    }
}

fn key(path: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(path).as_bytes()[..16]);
    key
}

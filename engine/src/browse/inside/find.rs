//! A path of a point → the image that it leads into.

use crate::browse::list;
use crate::format::Manifest;
use crate::model::{Entry, EntryPath, Kind};
use crate::vault::{ChunkSource, Unread};

/// An image in a point, and a path at or below it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The file.
    pub image: Entry,
    /// The whole path, as it was asked for.
    pub path: EntryPath,
}

impl Target {
    /// The first part below the image.
    pub(super) fn below(&self) -> Option<&[u8]> {
        let rest = self.path.as_bytes().get(self.image.path.as_bytes().len() + 1..)?;
        rest.split(|&byte| byte == b'/').next()
    }
}

/// The file that `path` goes on below; or that it is, where `itself` says that this is meant. None if there is none.
///
/// # Errors
/// If entries that may be it can't be read.
pub fn find_inside(
    source: &dyn ChunkSource,
    manifest: &Manifest,
    path: &EntryPath,
    itself: bool,
) -> Result<Option<Target>, Unread> {
    for entry in list(source, manifest, None) {
        match entry {
            Ok(entry) if entry.path > *path => return Ok(None),
            Ok(entry) => {
                let fits = path.is_within(&entry.path) && (itself || entry.path != *path);
                if fits && matches!(entry.kind, Kind::File(_)) {
                    return Ok(Some(Target { image: entry, path: path.clone() }));
                }
            }
            Err(unread) if unread.between.touches(path) => return Err(unread),
            Err(_) => {}
        }
    }
    Ok(None)
}

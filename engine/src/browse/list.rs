//! The entries of a point, or of a part of it.

use crate::format::Manifest;
use crate::model::{Entry, EntryPath};
use crate::vault::{ChunkSource, Entries, Unread};

/// Entries in order, and between them what can't be read.
pub struct Listing<'s> {
    entries: Entries<'s>,
    under: Option<EntryPath>,
    over: bool,
}

/// All entries; with `under` just that one and those below it, and no more of the stream is read than that takes.
#[must_use]
pub fn list<'s>(source: &'s dyn ChunkSource, manifest: &Manifest, under: Option<&EntryPath>) -> Listing<'s> {
    Listing { entries: Entries::new(manifest, source), under: under.cloned(), over: false }
}

impl Listing<'_> {
    fn next_held(&mut self) -> Option<Result<Entry, Unread>> {
        for next in self.entries.by_ref() {
            let Some(under) = &self.under else { return Some(next) };
            match &next {
                Ok(entry) if entry.path.is_within(under) => return Some(next),
                Err(unread) if unread.between.touches(under) => return Some(next),
                Ok(entry) if entry.path > *under => return None,
                Ok(_) | Err(_) => {}
            }
        }
        None
    }
}

impl Iterator for Listing<'_> {
    type Item = Result<Entry, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.next_held();
        self.over = next.is_none();
        next
    }
}

//! The entries of a point, or of a part of it.

use crate::format::Manifest;
use crate::model::{Entry, EntryPath};
use crate::vault::{ChunkSource, EntryStream, VaultError};

/// Entries in order; ends after the first error, for all that follows is lost with it.
pub struct Listing<'s> {
    entries: EntryStream<'s>,
    under: Option<EntryPath>,
    over: bool,
}

/// All entries; with `under` just that one and those below it, and no more of the stream is read than that takes.
#[must_use]
pub fn list<'s>(source: &'s dyn ChunkSource, manifest: &Manifest, under: Option<&EntryPath>) -> Listing<'s> {
    Listing { entries: EntryStream::new(manifest, source), under: under.cloned(), over: false }
}

impl Listing<'_> {
    fn next_held(&mut self) -> Result<Option<Entry>, VaultError> {
        while let Some(entry) = self.entries.next().transpose()? {
            let Some(under) = &self.under else { return Ok(Some(entry)) };
            if entry.path.is_within(under) {
                return Ok(Some(entry));
            }
            if entry.path > *under {
                break;
            }
        }
        Ok(None)
    }
}

impl Iterator for Listing<'_> {
    type Item = Result<Entry, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.next_held().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

//! A point's entries, chunk by chunk, and what is missing of them where chunks are lost.
//!
//! In: a manifest and a source of chunks. Out: entries in the order of their paths; for what can't be read, the range of
//! paths that it lies in. Invariant: where an entry begins is told by the lengths of chunks (FORMAT.md, 9), never
//! guessed from their content.

use std::fmt;

use super::error::VaultError;
use super::point::PackNames;
use super::reader::ChunkSource;
use crate::chunk::EntryCuts;
use crate::format::{EntryDecoder, Manifest};
use crate::model::{ChunkRef, Entry, EntryPath};

/// The entries of a point, read as they are wanted.
pub struct EntryStream<'s> {
    source: &'s dyn ChunkSource,
    roots: PackNames,
    left: std::vec::IntoIter<ChunkRef>,
    decoder: EntryDecoder,
}

impl<'s> EntryStream<'s> {
    /// The stream that a manifest refers to.
    #[must_use]
    pub fn new(manifest: &Manifest, source: &'s dyn ChunkSource) -> Self {
        let left = manifest.entries.clone().into_iter();
        Self { source, roots: PackNames::roots(manifest), left, decoder: EntryDecoder::default() }
    }

    /// The next entry and its bytes in the stream; none at the end. After an error the stream goes on with the next
    /// chunk that begins with an entry: the entries of the lost one are missing.
    ///
    /// # Errors
    /// [`VaultError`] if a chunk of the stream can't be read.
    pub fn next_raw(&mut self) -> Result<Option<(Entry, Vec<u8>)>, VaultError> {
        loop {
            match self.decoder.next() {
                Ok(Some((entry, raw))) => return Ok(Some((entry, raw.to_vec()))),
                Ok(None) => {}
                Err(error) => return Err(self.skip(error.into())),
            }
            self.decoder.finish().map_err(|error| self.skip(error.into()))?;
            match self.next_chunks() {
                Some(Ok(())) => {}
                Some(Err(error)) => return Err(self.skip(error)),
                None => return Ok(None),
            }
        }
    }

    /// Hands the decoder the next chunks up to one that ends with an entry; none is left out of the count when one of
    /// them is lost.
    fn next_chunks(&mut self) -> Option<Result<(), VaultError>> {
        let mut chunk = self.left.next()?;
        let mut read = Ok(());
        loop {
            if read.is_ok() {
                read = self.roots.chunk(self.source, &chunk).map(|piece| self.decoder.push(&piece));
            }
            let goes_on = chunk.plain as usize == EntryCuts::LONG;
            match self.left.as_slice().first() {
                Some(next) if goes_on => chunk = *next,
                _ => return Some(read),
            }
            self.left.next();
        }
    }

    fn skip(&mut self, error: VaultError) -> VaultError {
        self.decoder.resynchronise();
        error
    }
}

impl Iterator for EntryStream<'_> {
    type Item = Result<Entry, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_raw().map(|found| found.map(|(entry, _)| entry)).transpose()
    }
}

/// A range of paths, without its ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Between {
    /// The last entry before it; none if it begins with the first path there is.
    pub after: Option<EntryPath>,
    /// The first entry behind it; none if it goes on to the last path there is.
    pub before: Option<EntryPath>,
}

impl Between {
    /// Is that path in it?
    #[must_use]
    pub fn holds(&self, path: &EntryPath) -> bool {
        self.after.as_ref().is_none_or(|after| after < path) && self.begins_before(path)
    }

    /// May that path, or one below it, be in it?
    #[must_use]
    pub fn touches(&self, root: &EntryPath) -> bool {
        self.after.as_ref().is_none_or(|after| after < root || after.is_within(root)) && self.begins_before(root)
    }

    fn begins_before(&self, path: &EntryPath) -> bool {
        self.before.as_ref().is_none_or(|before| path < before)
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.after, &self.before) {
            (None, None) => f.write_str("all entries"),
            (Some(after), None) => write!(f, "all entries behind {after}"),
            (None, Some(before)) => write!(f, "all entries before {before}"),
            (Some(after), Some(before)) => write!(f, "all entries between {after} and {before}"),
        }
    }
}

/// Entries that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{between} can't be read")]
pub struct Unread {
    /// Where they would stand.
    pub between: Between,
    /// Why the first of them can't be read.
    pub source: VaultError,
}

/// Entries in order, and between them what can't be read; it ends when nobody can be asked any more.
pub struct Entries<'s> {
    stream: EntryStream<'s>,
    after: Option<EntryPath>,
    held: Option<Entry>,
    over: bool,
}

impl<'s> Entries<'s> {
    /// The entries that a manifest refers to.
    #[must_use]
    pub fn new(manifest: &Manifest, source: &'s dyn ChunkSource) -> Self {
        Self { stream: EntryStream::new(manifest, source), after: None, held: None, over: false }
    }

    fn entry(&mut self, entry: Entry) -> Entry {
        self.after = Some(entry.path.clone());
        entry
    }

    /// Looks for the end of what can't be read.
    fn unread(&mut self, source: VaultError) -> Unread {
        let mut ended = !source.is_damage();
        while self.held.is_none() && !ended {
            match self.stream.next() {
                Some(Ok(entry)) => self.held = Some(entry),
                Some(Err(error)) => ended = !error.is_damage(),
                None => ended = true,
            }
        }
        self.over = ended;
        let before = self.held.as_ref().map(|entry| entry.path.clone());
        Unread { between: Between { after: self.after.clone(), before }, source }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(held) = self.held.take() {
            return Some(Ok(self.entry(held)));
        }
        if self.over {
            return None;
        }
        match self.stream.next()? {
            Ok(entry) => Some(Ok(self.entry(entry))),
            Err(source) => Some(Err(self.unread(source))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text.as_bytes()).expect("a path")
    }

    #[test]
    fn a_range_holds_what_stands_between_and_touches_folders_that_reach_into_it() {
        let between = Between { after: Some(path("b/2")), before: Some(path("d")) };
        for (inside, outside) in [("b/3", "b/2"), ("c", "b"), ("b/2/x", "d"), ("c/x", "d/1")] {
            assert!(between.holds(&path(inside)) && !between.holds(&path(outside)), "{inside}, {outside}");
        }
        for (touched, not) in [("b", "a"), ("b/2", "b/1"), ("c", "d"), ("b/2/x", "e")] {
            assert!(between.touches(&path(touched)) && !between.touches(&path(not)), "{touched}, {not}");
        }
        let all = Between::default();
        assert!(all.holds(&path("a")) && all.touches(&path("z")));
    }
}

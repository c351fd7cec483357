//! A look through the entries before anything is written: what was asked for, how much it is, what it needs besides.

use std::collections::BTreeSet;

use super::outcome::Gap;
use super::selection::{Occurring, Selection};
use crate::format::Manifest;
use crate::model::{Content, Entry, EntryPath, Kind, Span};
use crate::vault::{ChunkSource, Entries};

/// So many entries go by between two looks at whether to stop.
const STOP_EVERY: u64 = 1024;

/// What a pass over the entries found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Regular files selected, hard links each.
    pub files: u64,
    /// Their apparent bytes, hard links once.
    pub bytes: u64,
    /// Entries selected.
    pub entries: u64,
    /// Bytes of data that would be written: holes are not.
    pub data_bytes: u64,
    /// First names that are not selected, of further names that are.
    pub firsts: BTreeSet<EntryPath>,
    /// Paths asked for that are in the point.
    pub matched: Vec<EntryPath>,
    /// Paths asked for that are not, as far as can be told.
    pub missed: Vec<EntryPath>,
    /// Where the entries can't be read.
    pub gaps: Vec<Gap>,
}

/// It was asked to stop.
#[derive(Debug)]
pub(super) struct StopAsked;

/// Bytes of data in a file's content.
pub(super) fn data_bytes(content: &Content) -> u64 {
    let data = |span: &Span| if let Span::Data(chunk) = span { u64::from(chunk.plain) } else { 0 };
    content.spans.iter().map(data).sum()
}

/// Surveys what lies at or below `paths`; everything if there is none. `seen` is told of each selected entry.
pub(super) fn survey(
    manifest: &Manifest,
    source: &dyn ChunkSource,
    paths: &[EntryPath],
    stop: &dyn Fn() -> bool,
    seen: &mut dyn FnMut(&Entry),
) -> Result<Survey, StopAsked> {
    let selection = if paths.is_empty() { Selection::All } else { Selection::of(paths.iter().cloned()) };
    let mut found = Survey::default();
    let mut occurring = Occurring::new(paths);
    found.gaps = pass(manifest, source, stop, &mut |entry| {
        occurring.see(&entry.path);
        if selection.holds(&entry.path) {
            found.count(entry, &selection);
            seen(entry);
        }
        !selection.is_past(&entry.path)
    })?;
    (found.matched, found.missed) = occurring.finish();
    if !found.firsts.is_empty() {
        found.count_firsts(manifest, source, stop)?;
    }
    Ok(found)
}

impl Survey {
    fn count(&mut self, entry: &Entry, selection: &Selection) {
        self.entries += 1;
        match &entry.kind {
            Kind::File(content) => {
                self.files += 1;
                self.add(content);
            }
            Kind::Hardlink(first) => {
                self.files += 1;
                if !selection.holds(first) {
                    self.firsts.insert(first.clone());
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, content: &Content) {
        self.bytes = self.bytes.saturating_add(content.bytes);
        self.data_bytes = self.data_bytes.saturating_add(data_bytes(content));
    }

    /// First names come before their further names, and so went by unnoticed: once more, for their size.
    fn count_firsts(
        &mut self,
        manifest: &Manifest,
        source: &dyn ChunkSource,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), StopAsked> {
        let firsts = std::mem::take(&mut self.firsts);
        pass(manifest, source, stop, &mut |entry| {
            if let (true, Kind::File(content)) = (firsts.contains(&entry.path), &entry.kind) {
                self.add(content);
            }
            firsts.last().is_some_and(|last| entry.path < *last)
        })?;
        self.firsts = firsts;
        Ok(())
    }
}

/// Gives each entry in order to `each` until it has enough; gives what it went by that can't be read.
fn pass(
    manifest: &Manifest,
    source: &dyn ChunkSource,
    stop: &dyn Fn() -> bool,
    each: &mut dyn FnMut(&Entry) -> bool,
) -> Result<Vec<Gap>, StopAsked> {
    let mut gaps = Vec::new();
    for (count, entry) in (0_u64..).zip(Entries::new(manifest, source)) {
        if count.is_multiple_of(STOP_EVERY) && stop() {
            return Err(StopAsked);
        }
        match entry {
            Ok(entry) if each(&entry) => {}
            Ok(_) => break,
            Err(unread) => gaps.push(Gap::from(&unread)),
        }
    }
    Ok(gaps)
}

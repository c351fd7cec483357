//! What a point would be: a walk beside the point before that reads no file.
//!
//! In: a source, the job's point before where there is one. Out: what a walk finds, and how much of it would be read.
//! Deliberately absent: reading, and whether a pack of the point before is healthy: files in one that is not would be
//! read as well.

use super::room::{Sum, Surveyed};
use super::visit::looks_unchanged;
use crate::model::{Entry, EntryPath, JobId, Kind, PointName, Problem};
use crate::source::{FileKind, Item, LeftOut, Source, Verdict, Visitor, Walked};
use crate::vault::{EntryStream, VaultReader};

/// What a point would be.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// What the walk found.
    pub found: Surveyed,
    /// Apparent bytes of the files that would be read, hard links once: no more can be new.
    pub to_read: u64,
    /// The same, as they lie on the disk.
    pub to_read_on_disk: u64,
    /// Bytes of paths and of what links point to: entries hold them.
    pub of_names: u64,
}

/// Walks the source beside the point before; where that is none, or can't be read, every file would be read.
#[must_use]
pub fn preview(source: &mut dyn Source, before: Option<(JobId, PointName)>, reader: &VaultReader<'_>) -> Preview {
    let manifest = before.and_then(|(job, point)| reader.manifest(job, point).ok());
    let previous = manifest.map(|(manifest, ..)| EntryStream::new(&manifest, reader));
    let mut look = Look { sum: Sum::default(), previous, next: None, to_read: 0, to_read_on_disk: 0, of_names: 0 };
    let _ = source.walk(&mut look);
    let Look { sum, to_read, to_read_on_disk, of_names, .. } = look;
    Preview { found: sum.surveyed(), to_read, to_read_on_disk, of_names }
}

const IN_NO_BLOCK: u64 = 4096;

struct Look<'v> {
    sum: Sum,
    previous: Option<EntryStream<'v>>,
    next: Option<Entry>,
    to_read: u64,
    to_read_on_disk: u64,
    of_names: u64,
}

impl Look<'_> {
    /// The point before's entry of that path.
    fn before(&mut self, path: &EntryPath) -> Option<Entry> {
        loop {
            if self.next.as_ref().is_some_and(|next| next.path >= *path) {
                return self.next.take_if(|next| next.path == *path);
            }
            self.next = match self.previous.as_mut()?.next_raw() {
                Ok(Some((entry, _))) => Some(entry),
                // Entries that can't be read are no reason to end: their files would be read.
                Err(error) if error.is_damage() => continue,
                Ok(None) | Err(_) => {
                    self.previous = None;
                    return None;
                }
            };
        }
    }
}

impl Visitor for Look<'_> {
    fn entry(&mut self, walked: &Walked, item: &mut dyn Item) -> Verdict {
        let before = self.before(&walked.path);
        // A link's size is that of what it points to; whatever is no file takes as much beside as a file does.
        let beside = if walked.stat.kind == FileKind::File { 0 } else { 512 };
        let target = if walked.stat.kind == FileKind::Symlink { walked.stat.bytes } else { 0 };
        let name = u64::try_from(walked.path.as_bytes().len()).unwrap_or(u64::MAX);
        self.of_names = self.of_names.saturating_add(name).saturating_add(target).saturating_add(beside);
        if walked.stat.kind == FileKind::File && walked.first_name.is_none() {
            let is_same = |entry: &Entry| match &entry.kind {
                Kind::File(content) => {
                    !content.unstable && content.bytes == walked.stat.bytes && looks_unchanged(entry, walked)
                }
                _ => false,
            };
            if !before.as_ref().is_some_and(is_same) {
                // Some file systems keep what is small beside the name, in no block.
                let blocks = walked.stat.blocks.saturating_mul(512).max(IN_NO_BLOCK);
                let on_disk = walked.stat.bytes.min(blocks);
                self.to_read = self.to_read.saturating_add(walked.stat.bytes);
                self.to_read_on_disk = self.to_read_on_disk.saturating_add(on_disk);
            }
        }
        self.sum.entry(walked, item)
    }

    fn problem(&mut self, problem: Problem) {
        self.sum.problem(problem);
    }

    fn left_out(&mut self, path: &EntryPath, why: LeftOut) {
        self.sum.left_out(path, why);
    }

    fn warning(&mut self, warning: Problem) {
        self.sum.warning(warning);
    }
}

//! Will it fit? How much may be written at home, and how much a first capture needs.

use std::collections::BTreeMap;

use crate::model::{EntryPath, Problem, is_canary_file, is_canary_path};
use crate::source::{FileKind, Item, LeftOut, Run, Source, Verdict, Visitor, Walked};

/// So many places of the source are tried for how well they compress.
const SAMPLES: u64 = 64;

/// A longer file is no canary.
const CANARY_BYTES_MAX: u64 = 64 << 10;

/// What may be written at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Bytes left under the limit and above the reserve; none if neither binds.
    pub bytes: Option<u64>,
}

impl Room {
    /// Do `bytes` fit?
    #[must_use]
    pub fn holds(&self, bytes: u64) -> bool {
        self.bytes.is_none_or(|room| bytes <= room)
    }
}

/// What a walk finds without reading a file, but for what is called as a canary.
#[derive(Debug, Clone, Default)]
pub struct Surveyed {
    /// Entries that are regular files, hard links each.
    pub files: u64,
    /// Of those, the canaries.
    pub canaries: u64,
    /// Their apparent bytes, hard links once.
    pub bytes: u64,
    /// Their bytes on the disk, hard links once: no more can be new.
    pub on_disk: u64,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
    /// What was left out.
    pub left_out: Vec<(LeftOut, u64)>,
    /// What a person should know, and that took nothing out.
    pub warnings: Vec<Problem>,
}

/// Walks the source without reading a file.
#[must_use]
pub fn survey(source: &mut dyn Source) -> Surveyed {
    let mut sum = Sum::default();
    let _ = source.walk(&mut sum);
    sum.surveyed()
}

/// Bytes that a first point will take at about. Only if the source is larger than `room` it is sampled for how well it
/// compresses; duplicates inside it are not looked for.
#[must_use]
pub fn estimate(source: &mut dyn Source, room: u64) -> u64 {
    let on_disk = survey(source).on_disk;
    if on_disk <= room {
        return on_disk;
    }
    let mut sample = Sample { every: (on_disk / SAMPLES).max(1), seen: 0, plain: 1, packed: 1 };
    let _ = source.walk(&mut sample);
    let scaled = u128::from(on_disk) * u128::from(sample.packed) / u128::from(sample.plain);
    u64::try_from(scaled).unwrap_or(u64::MAX).min(on_disk)
}

#[derive(Default)]
pub(super) struct Sum {
    found: Surveyed,
    left_out: BTreeMap<LeftOut, u64>,
}

impl Sum {
    /// What was found.
    pub(super) fn surveyed(self) -> Surveyed {
        Surveyed { left_out: self.left_out.into_iter().collect(), ..self.found }
    }
}

impl Visitor for Sum {
    fn entry(&mut self, walked: &Walked, item: &mut dyn Item) -> Verdict {
        if walked.stat.kind == FileKind::File {
            self.found.files += 1;
            self.found.canaries += u64::from(is_ours(walked, item));
            if walked.first_name.is_none() {
                self.found.bytes = self.found.bytes.saturating_add(walked.stat.bytes);
                let on_disk = walked.stat.bytes.min(walked.stat.blocks.saturating_mul(512));
                self.found.on_disk = self.found.on_disk.saturating_add(on_disk);
            }
        }
        Verdict::Kept
    }

    fn problem(&mut self, problem: Problem) {
        self.found.problems.push(problem);
    }

    fn left_out(&mut self, _: &EntryPath, why: LeftOut) {
        *self.left_out.entry(why).or_default() += 1;
    }

    fn warning(&mut self, warning: Problem) {
        self.found.warnings.push(warning);
    }
}

/// Is it called as a canary and is one? Only then it is read: it is small.
fn is_ours(walked: &Walked, item: &mut dyn Item) -> bool {
    if !is_canary_path(walked.path.as_bytes()) || walked.stat.bytes > CANARY_BYTES_MAX {
        return false;
    }
    let mut content = Vec::new();
    let read = item.open().and_then(|mut file| file.next_run(&mut content));
    let is_whole = content.len() as u64 == walked.stat.bytes;
    read.is_ok() && is_whole && is_canary_file(walked.path.file_name(), &content)
}

/// Reads the first block of a file at every so many bytes of the source.
struct Sample {
    every: u64,
    seen: u64,
    plain: u64,
    packed: u64,
}

impl Visitor for Sample {
    fn entry(&mut self, walked: &Walked, item: &mut dyn Item) -> Verdict {
        if walked.stat.kind == FileKind::File && walked.first_name.is_none() {
            let before = self.seen / self.every;
            self.seen = self.seen.saturating_add(walked.stat.bytes.min(walked.stat.blocks.saturating_mul(512)));
            if self.seen / self.every > before {
                self.take(item);
            }
        }
        Verdict::Kept
    }

    fn problem(&mut self, _: Problem) {}

    fn left_out(&mut self, _: &EntryPath, _: LeftOut) {}

    fn warning(&mut self, _: Problem) {}
}

impl Sample {
    fn take(&mut self, item: &mut dyn Item) {
        let mut block = Vec::new();
        let read = item.open().and_then(|mut file| file.next_run(&mut block));
        if matches!(read, Ok(Some(Run::Data))) {
            self.plain += block.len() as u64;
            self.packed += crate::vault::encode_chunk(&block).len() as u64;
        }
    }
}

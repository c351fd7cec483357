//! Will it fit? How much may be written at home, and how much a capture may need.

use std::ops::ControlFlow;

use crate::model::{EntryPath, Problem};
use crate::source::{FileKind, Item, LeftOut, Source, Verdict, Visitor, Walked};

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

/// What a walk finds without reading a file: apparent bytes that are on the disk, hard links once. No more can be new.
#[must_use]
pub fn estimate(source: &mut dyn Source) -> u64 {
    let mut sum = Sum(0);
    let _: ControlFlow<()> = source.walk(&mut sum);
    sum.0
}

struct Sum(u64);

impl Visitor for Sum {
    fn entry(&mut self, walked: &Walked, _: &mut dyn Item) -> Verdict {
        if walked.stat.kind == FileKind::File && walked.first_name.is_none() {
            self.0 = self.0.saturating_add(walked.stat.bytes.min(walked.stat.blocks.saturating_mul(512)));
        }
        Verdict::Kept
    }

    fn problem(&mut self, _: Problem) {}

    fn left_out(&mut self, _: &EntryPath, _: LeftOut) {}
}

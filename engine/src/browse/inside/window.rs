//! A file of a point by ranges: only the chunks that hold them are read, and some are remembered.

use std::collections::{HashMap, VecDeque};
use std::io;

use crate::model::{Content, Span};
use crate::vault::{ChunkSource, PackNames, VaultError};

/// Chunks that are remembered take no more memory than this.
const REMEMBERED_MAX: usize = 32 << 20;

/// See the module.
pub(super) struct Bytes<'s> {
    source: &'s (dyn ChunkSource + Sync),
    names: PackNames,
    content: Content,
    /// Where each span begins.
    starts: Vec<u64>,
    remembered: HashMap<usize, Vec<u8>>,
    /// The spans that are remembered, the oldest first.
    order: VecDeque<usize>,
    held: usize,
    failure: Option<VaultError>,
}

impl<'s> Bytes<'s> {
    pub(super) fn new(source: &'s (dyn ChunkSource + Sync), names: PackNames, content: Content) -> Self {
        let mut at = 0;
        let start = |span: &Span| {
            let start = at;
            at += match span {
                Span::Data(chunk) => u64::from(chunk.plain),
                Span::Hole(bytes) => *bytes,
            };
            start
        };
        let starts = content.spans.iter().map(start).collect();
        let (remembered, order) = (HashMap::new(), VecDeque::new());
        Self { source, names, content, starts, remembered, order, held: 0, failure: None }
    }

    /// Why the last [`Self::fill`] failed.
    pub(super) fn take_failure(&mut self) -> VaultError {
        let ended = || VaultError::Damaged { object: "the image".into(), why: "it ends too early".into() };
        self.failure.take().unwrap_or_else(ended)
    }

    /// Fills `into` with what stands from `at` on.
    ///
    /// # Errors
    /// If it ends before, or a chunk can't be had: [`Self::take_failure`] tells.
    pub(super) fn fill(&mut self, mut at: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            let index = self.starts.partition_point(|start| *start <= at).checked_sub(1);
            let index = index.filter(|_| at < self.content.bytes).ok_or(io::ErrorKind::UnexpectedEof)?;
            let within = at - self.starts[index];
            let done = match self.content.spans[index] {
                Span::Hole(bytes) => {
                    let now = usize::try_from(bytes - within).map_or(into.len(), |left| left.min(into.len()));
                    into[..now].fill(0);
                    now
                }
                Span::Data(_) => {
                    let chunk = self.chunk(index)?;
                    let from = usize::try_from(within).map_err(io::Error::other)?;
                    let rest = chunk.get(from..).filter(|rest| !rest.is_empty()).ok_or(io::ErrorKind::InvalidData)?;
                    let now = rest.len().min(into.len());
                    into[..now].copy_from_slice(&rest[..now]);
                    now
                }
            };
            at += done as u64;
            into = &mut into[done..];
        }
        Ok(())
    }

    fn chunk(&mut self, index: usize) -> io::Result<&[u8]> {
        if !self.remembered.contains_key(&index) {
            let Span::Data(chunk) = self.content.spans[index] else { return Ok(&[]) };
            let plain = self.names.chunk(self.source, &chunk).map_err(|error| {
                self.failure = Some(error);
                io::Error::other("a chunk can't be had")
            })?;
            self.held += plain.len();
            self.order.push_back(index);
            self.remembered.insert(index, plain);
            while self.held > REMEMBERED_MAX && self.order.len() > 1 {
                let oldest = self.order.pop_front().and_then(|oldest| self.remembered.remove(&oldest));
                self.held -= oldest.map_or(0, |chunk| chunk.len());
            }
        }
        Ok(self.remembered.get(&index).map_or(&[], |chunk| chunk))
    }
}

//! One file's content: read in runs, hashed whole, cut into chunks.

use std::io;

use super::error::CaptureError;
use super::packer::{Packer, Ticket};
use crate::chunk::{Chunker, Cutter, Grid, grid_bytes};
use crate::model::{Content as FileContent, Digest, Span, Xattr};
use crate::source::{BLOCK_BYTES, Content, Cut, Run, Stat, Stillness};

/// From this size on a block is hashed on all cores.
const PARALLEL_FROM: usize = 256 << 10;

/// More chunks and holes no entry holds: at 60 bytes each, some 15 TiB in chunks of 1 MiB.
const SPANS_MAX: usize = 15 << 20;

/// What one read of a file gave.
pub(super) struct ReadFile {
    pub content: FileContent<Ticket>,
    pub stat: Stat,
    pub xattrs: io::Result<Vec<Xattr>>,
    pub stillness: Stillness,
}

/// Why a file was not read: its own fault, or ours.
pub(super) enum ReadFailure {
    /// The file can't be read; the capture goes on.
    File(io::Error),
    /// The capture ends.
    Capture(CaptureError),
}

impl From<CaptureError> for ReadFailure {
    fn from(error: CaptureError) -> Self {
        Self::Capture(error)
    }
}

impl From<io::Error> for ReadFailure {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// Reads an open file to its end. `stop` is asked before each block.
pub(super) fn read_file(
    mut file: Box<dyn Content>,
    cutter: &Cutter,
    packer: &mut Packer<'_>,
    stop: &dyn Fn() -> bool,
) -> Result<ReadFile, ReadFailure> {
    let (stat, xattrs) = (file.stat(), file.xattrs());
    let mut sum = Sum { hasher: blake3::Hasher::new(), bytes: 0, spans: Vec::new() };
    let mut pieces = Pieces::of(file.cut(), cutter);
    let mut block = Vec::with_capacity(BLOCK_BYTES.min(usize::try_from(stat.bytes).unwrap_or(BLOCK_BYTES)));
    while let Some(run) = file.next_run(&mut block)? {
        if stop() {
            return Err(CaptureError::Stopped.into());
        }
        match run {
            Run::Data => {
                sum.data(&block);
                pieces.push(&block, &mut |chunk| sum.chunk(packer, chunk))?;
            }
            Run::Hole(bytes) => {
                pieces.skip(bytes, &mut |chunk| sum.chunk(packer, chunk))?;
                sum.hole(bytes)?;
            }
        }
    }
    pieces.finish(&mut |chunk| sum.chunk(packer, chunk))?;
    let stillness = file.finish()?;
    let content = FileContent {
        bytes: sum.bytes,
        digest: Digest(*sum.hasher.finalize().as_bytes()),
        spans: sum.spans,
        unstable: false,
    };
    Ok(ReadFile { content, stat, xattrs, stillness })
}

/// A stream being cut, as its source wants it.
enum Pieces<'c> {
    ByContent(Chunker<'c>),
    Grid(Grid),
}

/// Who takes the chunks.
type Take<'t> = &'t mut dyn FnMut(&[u8]) -> Result<(), ReadFailure>;

impl<'c> Pieces<'c> {
    fn of(cut: Cut, cutter: &'c Cutter) -> Self {
        match cut {
            Cut::ByContent => Self::ByContent(Chunker::new(cutter)),
            Cut::Drive(bytes) => Self::Grid(Grid::new(grid_bytes(bytes))),
        }
    }

    fn push(&mut self, piece: &[u8], take: Take<'_>) -> Result<(), ReadFailure> {
        match self {
            Self::ByContent(chunker) => chunker.push(piece, take),
            Self::Grid(grid) => grid.push(piece, take),
        }
    }

    fn skip(&mut self, hole: u64, take: Take<'_>) -> Result<(), ReadFailure> {
        match self {
            Self::ByContent(chunker) => chunker.finish(take),
            Self::Grid(grid) => grid.skip(hole, take),
        }
    }

    fn finish(&mut self, take: Take<'_>) -> Result<(), ReadFailure> {
        match self {
            Self::ByContent(chunker) => chunker.finish(take),
            Self::Grid(grid) => grid.finish(take),
        }
    }
}

struct Sum {
    hasher: blake3::Hasher,
    bytes: u64,
    spans: Vec<Span<Ticket>>,
}

impl Sum {
    fn data(&mut self, block: &[u8]) {
        self.bytes += block.len() as u64;
        if block.len() >= PARALLEL_FROM {
            self.hasher.update_rayon(block)
        } else {
            self.hasher.update(block)
        };
    }

    fn chunk(&mut self, packer: &mut Packer<'_>, chunk: &[u8]) -> Result<(), ReadFailure> {
        self.push(Span::Data(packer.add(chunk)?))
    }

    /// A hole counts as zeros, so that `b3sum` of the file agrees.
    fn hole(&mut self, bytes: u64) -> Result<(), ReadFailure> {
        static ZEROS: [u8; 1 << 20] = [0; 1 << 20];
        let mut left = bytes;
        while left > 0 {
            let piece = usize::try_from(left.min(ZEROS.len() as u64)).expect("a MiB at most");
            self.hasher.update_rayon(&ZEROS[..piece]);
            left -= piece as u64;
        }
        self.bytes += bytes;
        self.push(Span::Hole(bytes))
    }

    fn push(&mut self, span: Span<Ticket>) -> Result<(), ReadFailure> {
        if self.spans.len() >= SPANS_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than an entry can hold").into());
        }
        self.spans.push(span);
        Ok(())
    }
}

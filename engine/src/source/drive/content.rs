//! A drive's bytes as runs: what is in use, and holes for all that is not, or is zero.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::Mounted;
use super::target::Target;
use crate::model::Xattr;
use crate::platform::{self, CacheWatch};
use crate::source::outputs::Failed;
use crate::source::{BLOCK_BYTES, Content, Cut, Item, Run, Stat, Stillness};

/// What is empty is looked for in pieces of this size.
const PAGE: usize = 4096;
/// A hole has so many of them at least: shorter ones cost more in the list of chunks than their zeros do.
const HOLE_PAGES: usize = 16;
/// After so many bytes the system may forget them.
const FORGET_EVERY: u64 = 8 << 20;

/// The image of a drive, yet to be opened.
pub(super) struct Image<'i> {
    pub target: &'i Target,
    pub stat: Stat,
    pub mounted: Mounted,
    pub unused: Arc<[Range<u64>]>,
    pub failed: Failed,
}

/// A read that failed, and where.
#[derive(Debug, thiserror::Error)]
#[error("{drive} can't be read at byte {at}")]
struct Unreadable {
    drive: String,
    at: u64,
    #[source]
    source: io::Error,
}

impl Item for Image<'_> {
    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        Ok(Vec::new())
    }

    fn link_target(&mut self) -> io::Result<Box<[u8]>> {
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn open(&mut self) -> io::Result<Box<dyn Content>> {
        let name = self.target.node.display().to_string();
        let tell = |source| self.failed.tell(&Unreadable { drive: name.clone(), at: 0, source });
        let file = self.target.open().map_err(tell)?;
        let watch = if self.target.image().is_some() { Some(CacheWatch::before(&file)) } else { None };
        let opened = platform::stat_file(&file).map_err(tell)?;
        Ok(Box::new(Reading {
            file,
            name,
            watch,
            opened,
            stat: self.stat,
            bytes: self.target.bytes,
            holds_still: self.target.image().is_some() && self.mounted == Mounted::No,
            unused: Arc::clone(&self.unused),
            next_unused: 0,
            at: 0,
            window: Vec::new(),
            runs: Vec::new(),
            forgotten: 0,
            failed: self.failed.clone(),
        }))
    }
}

/// A run of the window: its bytes, or a hole.
struct Piece {
    bytes: Range<usize>,
    is_hole: bool,
}

struct Reading {
    file: File,
    name: String,
    /// Of an image file, which others may have good reason to keep in memory.
    watch: Option<CacheWatch>,
    opened: Stat,
    stat: Stat,
    bytes: u64,
    holds_still: bool,
    unused: Arc<[Range<u64>]>,
    /// The first unused run that ends behind `at`.
    next_unused: usize,
    /// The end of the window.
    at: u64,
    window: Vec<u8>,
    /// What of the window is still to be given, the first one last.
    runs: Vec<Piece>,
    forgotten: u64,
    failed: Failed,
}

impl Reading {
    /// The unused run that `at` lies in or that comes next.
    fn unused_at(&mut self, at: u64) -> Option<Range<u64>> {
        while self.unused.get(self.next_unused).is_some_and(|run| run.end <= at) {
            self.next_unused += 1;
        }
        self.unused.get(self.next_unused).cloned()
    }

    /// If nothing of the next window is in use: the end of the last such window.
    fn far_hole(&mut self) -> Option<u64> {
        let at = self.at;
        let run = self.unused_at(at).filter(|run| run.start <= at)?;
        let window = BLOCK_BYTES as u64;
        let end = if run.end >= self.bytes { self.bytes } else { run.end / window * window };
        (end > at).then_some(end)
    }

    fn read_window(&mut self) -> io::Result<()> {
        let wanted = usize::try_from(self.bytes - self.at).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
        self.window.clear();
        let read = platform::read_at(&self.file, self.at, wanted, &mut self.window);
        let short = || io::Error::new(io::ErrorKind::UnexpectedEof, "it ends before its size");
        let read = read.and_then(|read| if read == wanted { Ok(()) } else { Err(short()) });
        read.map_err(|source| self.failed.tell(&Unreadable { drive: self.name.clone(), at: self.at, source }))?;
        self.blank();
        self.runs = pieces(&self.window);
        self.at += wanted as u64;
        if self.watch.is_none() && self.at - self.forgotten >= FORGET_EVERY {
            platform::forget_cached(&self.file);
            self.forgotten = self.at;
        }
        Ok(())
    }

    /// What is not in use is zero.
    fn blank(&mut self) {
        let (start, end) = (self.at, self.at + self.window.len() as u64);
        let mut index = self.next_unused;
        self.unused_at(start);
        index = index.max(self.next_unused);
        while let Some(run) = self.unused.get(index).filter(|run| run.start < end) {
            let within = |at: u64| usize::try_from(at.clamp(start, end) - start).unwrap_or(0);
            self.window[within(run.start)..within(run.end)].fill(0);
            index += 1;
        }
    }
}

/// What of a window is data and what a hole, the first one last.
fn pieces(window: &[u8]) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let empty: Vec<bool> = window.chunks(PAGE).map(|page| page.iter().all(|&byte| byte == 0)).collect();
    let mut page = 0;
    for same in empty.chunk_by(|a, b| a == b) {
        let is_hole = same[0] && (same.len() >= HOLE_PAGES || same.len() == empty.len());
        let (start, end) = (page * PAGE, ((page + same.len()) * PAGE).min(window.len()));
        page += same.len();
        match found.last_mut().filter(|last| last.is_hole == is_hole) {
            Some(last) => last.bytes.end = end,
            None => found.push(Piece { bytes: start..end, is_hole }),
        }
    }
    found.reverse();
    found
}

impl Content for Reading {
    fn stat(&self) -> Stat {
        self.stat
    }

    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        // A device's attributes are those of its node, which is nobody's data.
        if self.watch.is_some() { platform::xattrs_of_file(&self.file) } else { Ok(Vec::new()) }
    }

    fn cut(&self) -> Cut {
        Cut::Drive(self.bytes)
    }

    fn next_run(&mut self, block: &mut Vec<u8>) -> io::Result<Option<Run>> {
        if self.runs.is_empty() {
            if self.at >= self.bytes {
                return Ok(None);
            }
            if let Some(end) = self.far_hole() {
                let hole = end - self.at;
                self.at = end;
                return Ok(Some(Run::Hole(hole)));
            }
            self.read_window()?;
        }
        let Some(piece) = self.runs.pop() else { return Ok(None) };
        if piece.is_hole {
            return Ok(Some(Run::Hole(piece.bytes.len() as u64)));
        }
        block.clear();
        block.extend_from_slice(&self.window[piece.bytes]);
        Ok(Some(Run::Data))
    }

    fn finish(self: Box<Self>) -> io::Result<Stillness> {
        match self.watch {
            Some(watch) => watch.after(&self.file),
            None => platform::forget_cached(&self.file),
        }
        if !self.holds_still {
            return Ok(Stillness::Still);
        }
        let (now, was) = (platform::stat_file(&self.file)?, &self.opened);
        let same = (now.bytes, now.modified, now.changed) == (was.bytes, was.modified, was.changed);
        Ok(if same { Stillness::Still } else { Stillness::Changed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(window: &[u8]) -> Vec<(bool, Range<usize>)> {
        let mut pieces = pieces(window);
        pieces.reverse();
        pieces.into_iter().map(|piece| (piece.is_hole, piece.bytes)).collect()
    }

    #[test]
    fn a_hole_is_16_empty_pages_or_all_there_is() {
        let mut window = vec![0; 40 * PAGE + 100];
        assert_eq!(shape(&window), [(true, 0..window.len())]);
        window[3 * PAGE] = 1;
        window[20 * PAGE - 1] = 1;
        assert_eq!(shape(&window), [(false, 0..20 * PAGE), (true, 20 * PAGE..window.len())]);
        window[20 * PAGE] = 1;
        window[36 * PAGE] = 1;
        assert_eq!(shape(&window), [(false, 0..window.len())]);
        assert_eq!(shape(&[0; 10]), [(true, 0..10)]);
    }
}

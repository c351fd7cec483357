//! Walks the source beside the previous point, both sorted: what is unchanged is taken over, the rest is read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::alarm::{Beside, Was};
use super::error::CaptureError;
use super::packer::{Context, Ticket};
use super::queue::Queue;
use super::read::{ReadFailure, ReadFile, read_file};
use super::{Base, Cutters, Progress, Reading, SETTLED};
use crate::model::{Content, Entry, EntryPath, Kind, Meta, Problem, Seen, ShortPack, Span, Time, Xattr, reason};
use crate::source::{FileKind, Item, LeftOut, Stat, Stillness, Verdict, Visitor, Walked};
use crate::vault::EntryStream;

/// No more problems are kept one by one; the rest is counted.
const PROBLEMS_MAX: usize = 10_000;
/// More bytes of extended attributes no entry holds: what is left of its gigabyte is for chunks.
const XATTRS_MAX: usize = 32 << 20;
/// Progress is told once in so many entries.
const PROGRESS_EVERY: u64 = 256;

/// What the walk came to.
pub(super) struct Walk<'c> {
    pub queue: Queue<'c>,
    pub files: u64,
    pub bytes: u64,
    pub read_files: u64,
    pub problems: Vec<Problem>,
    pub problems_dropped: u64,
    pub left_out: BTreeMap<LeftOut, u64>,
    pub warnings: Vec<Problem>,
    pub beside: Beside<'c>,
}

/// The visitor that makes a point.
pub(super) struct Visit<'c> {
    context: Context<'c>,
    cutters: &'c Cutters,
    previous: Option<EntryStream<'c>>,
    next: Option<(Entry, Vec<u8>)>,
    reuses: bool,
    withdrawn: BTreeSet<ShortPack>,
    walk: Walk<'c>,
    failed: Option<CaptureError>,
}

impl<'c> Visit<'c> {
    pub(super) fn new(context: Context<'c>, cutters: &'c Cutters, base: Option<Base<'c>>) -> Self {
        let (previous, reuses, withdrawn) =
            base.map_or((None, false, BTreeSet::new()), |base| (Some(base.stream), base.reuses, base.withdrawn));
        let walk = Walk {
            queue: Queue::new(context, &cutters.tree),
            files: 0,
            bytes: 0,
            read_files: 0,
            problems: Vec::new(),
            problems_dropped: 0,
            left_out: BTreeMap::new(),
            warnings: Vec::new(),
            beside: Beside::new(&context.job.canaries),
        };
        Self { context, cutters, previous, next: None, reuses, withdrawn, walk, failed: None }
    }

    /// The walk is over.
    pub(super) fn finish(mut self) -> Result<Walk<'c>, CaptureError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        while self.peek().is_some() {
            self.pass();
        }
        Ok(self.walk)
    }

    /// The previous point's entry of that path, if it has one.
    fn counterpart(&mut self, path: &EntryPath) -> Option<(Entry, Vec<u8>, Was)> {
        while self.peek().is_some_and(|next| next < path) {
            self.pass();
        }
        let met = if self.peek() == Some(path) { self.pass() } else { None };
        self.walk.beside.at(path);
        met
    }

    /// The path of the previous point's next entry; none at its end.
    fn peek(&mut self) -> Option<&EntryPath> {
        while self.next.is_none() {
            match self.previous.as_mut()?.next_raw() {
                Ok(Some(next)) => self.next = Some(next),
                // Entries that can't be read are no reason to fail: their files are read.
                Err(error) if error.is_damage() => {}
                Ok(None) | Err(_) => self.previous = None,
            }
        }
        self.next.as_ref().map(|(entry, _)| &entry.path)
    }

    /// Goes by the previous point's next entry.
    fn pass(&mut self) -> Option<(Entry, Vec<u8>, Was)> {
        let (entry, raw) = self.next.take()?;
        let was = self.walk.beside.passed(&entry);
        Some((entry, raw, was))
    }

    fn take(&mut self, walked: &Walked, item: &mut dyn Item) -> Result<Verdict, ReadFailure> {
        let before = self.counterpart(&walked.path);
        let seen = before.as_ref().map(|(entry, ..)| entry.seen);
        let was = before.as_ref().map_or(Was::Other, |(_, _, was)| *was);
        if let Some((entry, ..)) = before.as_ref().filter(|_| walked.stat.kind == FileKind::Folder) {
            self.walk.beside.folder(entry, walked.stat.device);
        }
        if let Some((entry, raw, _)) = before
            && self.is_unchanged(&entry, walked)
        {
            self.count(&entry.path, &entry.kind, was);
            self.walk.queue.reuse(&entry, raw)?;
            return Ok(Verdict::Kept);
        }
        let now = self.context.ports.clock.now();
        let read = read_time(seen, walked.stat.changed, item.as_of().map_or(now, |as_of| as_of.min(now)));
        if walked.first_name.as_ref().is_some_and(|first| *first >= walked.path) {
            return Err(io::Error::other("its first name does not come before it").into());
        }
        let entry = match (&walked.first_name, walked.stat.kind) {
            (Some(first), _) => entry(walked, Kind::Hardlink(first.clone()), read),
            (None, FileKind::File) => self.read(walked, item, read)?,
            (None, other) => {
                let plain = entry(walked, special(other, item)?, read);
                self.with_xattrs(plain, item.xattrs())?
            }
        };
        self.count(&entry.path, &entry.kind, was);
        self.walk.queue.add(entry, was)?;
        Ok(Verdict::Kept)
    }

    /// The entry with its extended attributes. Without them it is worth keeping all the same: then that is told, and its
    /// last change is taken as now, so that the next run looks again.
    fn with_xattrs(&mut self, entry: Entry<Ticket>, xattrs: io::Result<Vec<Xattr>>) -> io::Result<Entry<Ticket>> {
        let bytes = |all: &[Xattr]| all.iter().map(|xattr| xattr.name.len() + xattr.value.len()).sum::<usize>();
        let why = match xattrs {
            Ok(xattrs) if bytes(&xattrs) <= XATTRS_MAX => {
                return Ok(Entry { meta: Meta { xattrs, ..entry.meta }, ..entry });
            }
            Ok(_) => "they are larger than an entry can hold".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            Err(error) => reason(&error),
        };
        let problem = format!("its extended attributes can't be kept, all else of it is: {why}");
        self.problem(Problem::new(entry.path.as_bytes(), problem));
        Ok(Entry { seen: Seen { changed: entry.seen.read, ..entry.seen }, ..entry })
    }

    /// DESIGN 5.8: same size, times, inode and device; the inode's change settled before the last read began; its
    /// packs healthy.
    fn is_unchanged(&self, before: &Entry, walked: &Walked) -> bool {
        looks_unchanged(before, walked) && self.is_same_kind(before, walked)
    }

    fn is_same_kind(&self, before: &Entry, walked: &Walked) -> bool {
        match (&before.kind, walked.stat.kind, &walked.first_name) {
            (Kind::Hardlink(target), _, Some(first)) => target == first,
            (Kind::Hardlink(_), ..) | (_, _, Some(_)) => false,
            (Kind::File(content), FileKind::File, _) => {
                let wanted = self.context.job.reading == Reading::Changed && !content.unstable;
                wanted && content.bytes == walked.stat.bytes && self.is_healthy(content)
            }
            (Kind::Folder, FileKind::Folder, _) | (Kind::Symlink(_), FileKind::Symlink, _) => true,
            (Kind::Fifo, FileKind::Fifo, _) | (Kind::Socket, FileKind::Socket, _) => true,
            (Kind::Device { kind, major, minor }, FileKind::Device { kind: k, major: a, minor: i }, _) => {
                (*kind, *major, *minor) == (k, a, i)
            }
            _ => false,
        }
    }

    /// May the packs that it lies in be referred to?
    fn is_healthy(&self, content: &Content) -> bool {
        let lost = |span: &Span| match span {
            Span::Data(chunk) => !self.reuses || self.withdrawn.contains(&chunk.pack),
            _ => false,
        };
        (self.reuses && self.withdrawn.is_empty()) || !content.spans.iter().any(lost)
    }

    /// Reads a file; once more if it changed meanwhile.
    fn read(&mut self, walked: &Walked, item: &mut dyn Item, read: Time) -> Result<Entry<Ticket>, ReadFailure> {
        self.walk.read_files += 1;
        let mut file = self.read_once(item)?;
        if file.stillness == Stillness::Changed {
            file = self.read_once(item)?;
            file.content.unstable = file.stillness == Stillness::Changed;
        }
        if file.content.unstable {
            self.problem(Problem::new(
                walked.path.as_bytes(),
                "it would not hold still: it changed during two reads; kept as last read",
            ));
        }
        let path = walked.path.clone();
        let plain = Entry { path, meta: meta(&file.stat), seen: file.stat.seen(read), kind: Kind::File(file.content) };
        Ok(self.with_xattrs(plain, file.xattrs)?)
    }

    fn read_once(&mut self, item: &mut dyn Item) -> Result<ReadFile, ReadFailure> {
        read_file(item.open()?, &self.cutters.content, &mut self.walk.queue.content, self.context.ports.stop)
    }

    fn count<C>(&mut self, path: &EntryPath, kind: &Kind<C>, was: Was) {
        self.walk.beside.kept(path, kind, was);
        match kind {
            Kind::File(content) => {
                self.walk.files += 1;
                self.walk.bytes += content.bytes;
            }
            Kind::Hardlink(_) => self.walk.files += 1,
            _ => {}
        }
    }

    /// A file that vanished while it was looked at is none; anything else is told.
    fn failed_file(&mut self, walked: &Walked, error: &io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.problem(Problem::new(walked.path.as_bytes(), error));
        }
    }

    fn tell(&self) {
        let (content, walk) = (&self.walk.queue.content.stored, &self.walk);
        let entries = self.walk.queue.entries();
        if entries.is_multiple_of(PROGRESS_EVERY) || walk.read_files > 0 {
            (self.context.ports.progress)(&Progress { entries, bytes: walk.bytes, stored_bytes: content.stored_bytes });
        }
    }
}

impl Visitor for Visit<'_> {
    fn entry(&mut self, walked: &Walked, item: &mut dyn Item) -> Verdict {
        if (self.context.ports.stop)() {
            self.failed = Some(CaptureError::Stopped);
            return Verdict::Stop;
        }
        self.tell();
        match self.take(walked, item) {
            Ok(verdict) => verdict,
            Err(ReadFailure::File(error)) => {
                self.walk.beside.met(&walked.path);
                self.failed_file(walked, &error);
                Verdict::Dropped
            }
            Err(ReadFailure::Capture(error)) => {
                self.failed = Some(error);
                Verdict::Stop
            }
        }
    }

    fn problem(&mut self, problem: Problem) {
        if let Ok(path) = EntryPath::parse(&problem.path) {
            self.walk.beside.unread(&path);
        }
        if self.walk.problems.len() < PROBLEMS_MAX {
            self.walk.problems.push(problem);
        } else {
            self.walk.problems_dropped += 1;
        }
    }

    fn left_out(&mut self, _: &EntryPath, why: LeftOut) {
        *self.walk.left_out.entry(why).or_default() += 1;
    }

    fn warning(&mut self, warning: Problem) {
        self.walk.warnings.push(warning);
    }
}

/// Same times, inode and device, and the inode's change settled before the last read began.
pub(super) fn looks_unchanged(before: &Entry, walked: &Walked) -> bool {
    let (seen, meta, stat) = (&before.seen, &before.meta, &walked.stat);
    let same_inode = (seen.device, seen.inode, seen.changed) == (stat.device, stat.inode, stat.changed);
    let same_meta = (meta.mode, meta.uid, meta.gid, meta.modified) == (stat.mode, stat.uid, stat.gid, stat.modified);
    same_inode && same_meta && is_settled(seen.changed, seen.read)
}

/// The inode's change was over before the read began.
fn is_settled(changed: Time, read: Time) -> bool {
    changed.plus(SETTLED) < read
}

/// The time of the read that an entry keeps: the latest one, except where an earlier one says the same. So what is read
/// again (too young, or `--paranoid`) and found as it was has the bytes that it had, and its part of the entry stream is
/// not stored anew.
fn read_time(before: Option<Seen>, changed: Time, now: Time) -> Time {
    match before {
        Some(seen) if seen.changed == changed && is_settled(changed, seen.read) => seen.read,
        _ if is_settled(changed, now) => now,
        _ => changed,
    }
}

/// An entry without its extended attributes.
fn entry(walked: &Walked, kind: Kind<Ticket>, read: Time) -> Entry<Ticket> {
    let seen: Seen = walked.stat.seen(read);
    Entry { path: walked.path.clone(), meta: meta(&walked.stat), seen, kind }
}

fn meta(stat: &Stat) -> Meta {
    Meta { mode: stat.mode, uid: stat.uid, gid: stat.gid, modified: stat.modified, xattrs: Vec::new() }
}

fn special(kind: FileKind, item: &mut dyn Item) -> io::Result<Kind<Ticket>> {
    Ok(match kind {
        FileKind::Folder => Kind::Folder,
        FileKind::Symlink => Kind::Symlink(item.link_target()?),
        FileKind::Fifo => Kind::Fifo,
        FileKind::Socket => Kind::Socket,
        FileKind::Device { kind, major, minor } => Kind::Device { kind, major, minor },
        FileKind::File => return Err(io::Error::new(io::ErrorKind::InvalidInput, "files are read, not described")),
    })
}

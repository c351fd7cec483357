//! Entries on their way into the tree: each waits until all its chunks have a location, so that order is kept.

use std::collections::{BTreeSet, VecDeque};

use super::alarm::Was;
use super::error::CaptureError;
use super::packer::{Context, Packer, Stored, Ticket};
use crate::chunk::{Chunker, Cutter, EntryCuts};
use crate::format::try_encode_entry;
use crate::model::{ChunkRef, Content, Entry, EntryPath, Kind, ShortPack, Span};

/// Entries that wait take no more memory than about this; then the open pack is finished early.
const WAITING_BYTES_MAX: usize = 24 << 20;

enum Waiting {
    /// Its path, and its bytes, which are final.
    Ready(EntryPath, Vec<u8>),
    /// It has chunks in the open pack, up to that ticket; what it was in the point before.
    Open(Box<Entry<Ticket>>, Ticket, Was),
}

impl Waiting {
    fn weight(&self) -> usize {
        match self {
            Self::Ready(path, bytes) => path.as_bytes().len() + bytes.len() + 64,
            Self::Open(entry, ..) => 400 + entry.path.as_bytes().len(),
        }
    }
}

/// What the tree came to.
pub(super) struct Tree {
    /// The entry stream's chunks.
    pub entries: Vec<ChunkRef>,
    /// Entries in all.
    pub count: u64,
    /// Files that compressed in the point before and do not in this one.
    pub stiffened: u64,
    /// What the content's packer stored.
    pub content: Stored,
    /// The tree's packer: the pack list goes the same way.
    pub packer: TreePacker,
}

/// A tree packer without its borrow of the context.
pub(super) type TreePacker = Stored;

/// Gives the pack list's bytes for the packs that entries refer to.
pub(super) type NamePacks<'n> = &'n mut dyn FnMut(&BTreeSet<ShortPack>) -> Result<Vec<u8>, CaptureError>;

/// The two packers and what lies between them.
pub(super) struct Queue<'c> {
    pub content: Packer<'c>,
    tree: Packer<'c>,
    cuts: EntryCuts,
    list: Chunker<'c>,
    tickets: Vec<Ticket>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    used: BTreeSet<ShortPack>,
    count: u64,
    stiffened: u64,
}

impl<'c> Queue<'c> {
    pub(super) fn new(context: Context<'c>, cutter: &'c Cutter) -> Self {
        Self {
            content: Packer::new(context),
            tree: Packer::new(context),
            cuts: EntryCuts::new(&context.ports.keyring.chunker()),
            list: Chunker::new(cutter),
            tickets: Vec::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            used: BTreeSet::new(),
            count: 0,
            stiffened: 0,
        }
    }

    /// Entries so far.
    pub(super) fn entries(&self) -> u64 {
        self.count
    }

    /// An entry taken over from the previous point, as its bytes stand there.
    pub(super) fn reuse(&mut self, entry: &Entry, raw: Vec<u8>) -> Result<(), CaptureError> {
        if let Kind::File(content) = &entry.kind {
            self.used.extend(content.spans.iter().filter_map(data).map(|chunk| chunk.pack));
        }
        self.push(Waiting::Ready(entry.path.clone(), raw))
    }

    /// An entry that was read now, and what it was in the point before.
    pub(super) fn add(&mut self, entry: Entry<Ticket>, was: Was) -> Result<(), CaptureError> {
        let last = match &entry.kind {
            Kind::File(content) => content.spans.iter().filter_map(data).copied().max(),
            _ => None,
        };
        match last {
            Some(last) => self.push(Waiting::Open(Box::new(entry), last, was)),
            None => {
                let located = self.locate(entry).expect("it has no chunk to wait for");
                let bytes = encode(&located)?;
                self.push(Waiting::Ready(located.path, bytes))
            }
        }
    }

    fn push(&mut self, entry: Waiting) -> Result<(), CaptureError> {
        self.count += 1;
        self.waiting_bytes += entry.weight();
        self.waiting.push_back(entry);
        if self.waiting_bytes > WAITING_BYTES_MAX {
            self.content.finish()?;
        }
        self.drain()
    }

    /// Hands on all entries at the front that are located.
    fn drain(&mut self) -> Result<(), CaptureError> {
        while let Some(front) = self.waiting.front() {
            let ready = match front {
                Waiting::Ready(..) => true,
                Waiting::Open(_, last, _) => self.content.is_located_through(*last),
            };
            if !ready {
                return Ok(());
            }
            self.hand_on()?;
        }
        Ok(())
    }

    fn hand_on(&mut self) -> Result<(), CaptureError> {
        let Some(front) = self.waiting.pop_front() else { return Ok(()) };
        self.waiting_bytes -= front.weight();
        let (path, bytes) = match front {
            Waiting::Ready(path, bytes) => (path, bytes),
            Waiting::Open(entry, last, was) => {
                let located = self.locate(*entry).expect("all of its chunks are located");
                self.stiffened += u64::from(matches!(&located.kind, Kind::File(now) if was.stiffened(now)));
                self.content.forget_before(last + 1);
                let bytes = encode(&located)?;
                (located.path, bytes)
            }
        };
        let (tree, tickets) = (&mut self.tree, &mut self.tickets);
        self.cuts.push(path.as_bytes(), &bytes, &mut |chunk| {
            tickets.push(tree.add(chunk)?);
            Ok(())
        })
    }

    /// The entry with locations in place of tickets; none while one is open.
    fn locate(&mut self, entry: Entry<Ticket>) -> Option<Entry> {
        let Entry { path, meta, seen, kind } = entry;
        let kind = match kind {
            Kind::File(content) => Kind::File(self.locate_content(content)?),
            Kind::Folder => Kind::Folder,
            Kind::Symlink(target) => Kind::Symlink(target),
            Kind::Hardlink(target) => Kind::Hardlink(target),
            Kind::Fifo => Kind::Fifo,
            Kind::Socket => Kind::Socket,
            Kind::Device { kind, major, minor } => Kind::Device { kind, major, minor },
        };
        Some(Entry { path, meta, seen, kind })
    }

    fn locate_content(&mut self, content: Content<Ticket>) -> Option<Content> {
        let Content { bytes, digest, spans, unstable } = content;
        let locate = |span: Span<Ticket>| match span {
            Span::Data(ticket) => self.content.location(ticket).map(Span::Data),
            Span::Hole(bytes) => Some(Span::Hole(bytes)),
        };
        let spans: Vec<Span> = spans.into_iter().map(locate).collect::<Option<_>>()?;
        self.used.extend(spans.iter().filter_map(data).map(|chunk| chunk.pack));
        Some(Content { bytes, digest, spans, unstable })
    }

    /// The stream is over. `names` gives the pack list's bytes once all content is stored.
    pub(super) fn finish(mut self, names: NamePacks<'_>) -> Result<(Tree, Vec<ChunkRef>), CaptureError> {
        self.content.finish()?;
        self.drain()?;
        assert!(self.waiting.is_empty(), "after its packs are named every entry is located");
        let entries = self.end_entries()?;
        let list = names(&self.used)?;
        let packs = self.store_list(&list)?;
        self.tree.finish()?;
        let refs = |tickets: &[Ticket]| {
            tickets.iter().map(|t| self.tree.location(*t).expect("its pack is named")).collect::<Vec<_>>()
        };
        let (entries, packs) = (refs(&entries), refs(&packs));
        let (count, stiffened) = (self.count, self.stiffened);
        let tree = Tree { entries, count, stiffened, content: self.content.stored, packer: self.tree.stored };
        Ok((tree, packs))
    }

    fn end_entries(&mut self) -> Result<Vec<Ticket>, CaptureError> {
        let (tree, tickets) = (&mut self.tree, &mut self.tickets);
        self.cuts.finish(&mut |chunk| {
            tickets.push(tree.add(chunk)?);
            Ok::<(), CaptureError>(())
        })?;
        Ok(std::mem::take(&mut self.tickets))
    }

    fn store_list(&mut self, list: &[u8]) -> Result<Vec<Ticket>, CaptureError> {
        let (tree, mut tickets) = (&mut self.tree, Vec::new());
        let mut take = |chunk: &[u8]| {
            tickets.push(tree.add(chunk)?);
            Ok::<(), CaptureError>(())
        };
        self.list.push(list, &mut take)?;
        self.list.finish(&mut take)?;
        Ok(tickets)
    }
}

fn encode(entry: &Entry) -> Result<Vec<u8>, CaptureError> {
    try_encode_entry(entry).map_err(|source| CaptureError::Entry { path: entry.path.to_string(), source })
}

fn data<C>(span: &Span<C>) -> Option<&C> {
    match span {
        Span::Data(chunk) => Some(chunk),
        Span::Hole(_) => None,
    }
}

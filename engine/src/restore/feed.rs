//! The reading half: entries and chunks in order, opened and checked, on their way to the writing half.
//!
//! In: a stream of entries and a selection. Out: batches of messages over a bounded channel, so that reading and
//! decrypting go on while files are written, and no more than some 64 MiB are under way.

use std::collections::BTreeMap;

use crossbeam_channel::Sender;

use super::fallover::{Fallover, Lane};
use super::outcome::{Cause, Gap, in_words};
use super::selection::Selection;
use crate::format::Manifest;
use crate::model::{Content, Entry, EntryPath, Kind, Span};
use crate::vault::{Entries, PackNames};

/// A batch is handed over when it holds so many bytes of content, or somewhat more.
const BATCH_BYTES: usize = 2 << 20;
/// Or so many messages.
const BATCH_MESSAGES: usize = 1024;
/// Batches that wait: with one in each hand and chunks of at most 4 MiB, 48 MiB.
pub(super) const BATCHES: usize = 6;

/// What the writing half is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Anything but a regular file.
    Entry(Entry<()>),
    /// A regular file begins; until `End` or `Lost` all is its content.
    File(Entry<()>),
    /// Data at an offset.
    Data(u64, Vec<u8>),
    /// So many zeros that are not written.
    Hole(u64),
    /// The file under way is whole.
    End,
    /// The file under way can't be had.
    Lost(Cause, String),
    /// A further name whose first name is nowhere before it.
    Nameless(EntryPath, EntryPath),
    /// A further name whose first name can't be read.
    Widowed(EntryPath, Cause, String),
    /// Entries that can't be read.
    Gap(Gap),
}

/// Messages, in order.
pub(super) type Batch = Vec<Message>;

/// How further names of an entry are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// As links, to the first one that is restored.
    Made,
    /// By the content once more: the target can't link.
    Copied,
}

/// What is read.
pub(super) struct Feed<'f, 'p> {
    pub fallover: &'f Fallover<'p>,
    pub manifest: &'f Manifest,
    /// The point's packs, or why they are not known.
    pub names: &'f Result<PackNames, (Cause, String)>,
    pub selection: &'f Selection,
    pub links: Links,
    /// First names that are not selected, but whose further names are; what they are once they went by.
    pub firsts: BTreeMap<EntryPath, First>,
    /// What went by and can't be read, in order.
    pub gaps: Vec<Gap>,
}

/// A first name that is not selected.
#[derive(Debug, Default)]
pub(super) enum First {
    /// It did not go by yet.
    #[default]
    Awaited,
    /// What it is.
    Known(Box<Entry>),
    /// It is restored under that name, which took its place.
    Restored(EntryPath),
}

/// The writing half does not listen any more.
struct Closed;

struct Outbox {
    sender: Sender<Batch>,
    batch: Batch,
    bytes: usize,
}

impl Feed<'_, '_> {
    /// Reads until all is read, or nobody listens any more.
    pub(super) fn run(mut self, sender: Sender<Batch>) {
        let mut out = Outbox { sender, batch: Batch::new(), bytes: 0 };
        if self.read(&mut out).is_ok() {
            let _ = out.hand_over();
        }
    }

    fn read(&mut self, out: &mut Outbox) -> Result<(), Closed> {
        let tree = self.fallover.lane(Lane::Tree);
        for entry in Entries::new(self.manifest, &tree) {
            match entry {
                Ok(entry) if self.selection.is_past(&entry.path) => return Ok(()),
                Ok(entry) => self.entry(entry, out)?,
                Err(unread) => self.gap(Gap::from(&unread), out)?,
            }
        }
        Ok(())
    }

    fn gap(&mut self, gap: Gap, out: &mut Outbox) -> Result<(), Closed> {
        self.gaps.push(gap.clone());
        if self.selection.touches(&gap.between) { out.push(Message::Gap(gap)) } else { Ok(()) }
    }

    /// The gap that an entry at `path` would have stood in.
    fn gap_at(&self, path: &EntryPath) -> Option<&Gap> {
        let at = self.gaps.partition_point(|gap| gap.between.before.as_ref().is_some_and(|before| before <= path));
        self.gaps.get(at).filter(|gap| gap.between.holds(path))
    }

    fn entry(&mut self, entry: Entry, out: &mut Outbox) -> Result<(), Closed> {
        if let Some(first) = self.firsts.get_mut(&entry.path) {
            *first = First::Known(Box::new(entry));
            return Ok(());
        }
        let leads = matches!(entry.kind, Kind::Folder) && self.selection.leads_to(&entry.path);
        if !leads && !self.selection.holds(&entry.path) {
            return Ok(());
        }
        match &entry.kind {
            Kind::Hardlink(first) if let Some(gap) = self.gap_at(first) => {
                let why = format!("it is one more name of {first}, which can't be read: {}", gap.why);
                out.push(Message::Widowed(entry.path, gap.cause, why))
            }
            Kind::Hardlink(first) if !self.selection.holds(first) => {
                let first = first.clone();
                self.link_to_unselected(entry, &first, out)
            }
            _ => self.send(entry, out),
        }
    }

    /// A further name whose first name is not restored: it, or one before it, stands in for the first.
    fn link_to_unselected(&mut self, link: Entry, first: &EntryPath, out: &mut Outbox) -> Result<(), Closed> {
        match self.firsts.get(first) {
            Some(First::Known(known)) => {
                let stand_in = Entry { path: link.path.clone(), ..(**known).clone() };
                if self.links == Links::Made {
                    self.firsts.insert(first.clone(), First::Restored(link.path));
                }
                self.send(stand_in, out)
            }
            Some(First::Restored(path)) => {
                let kind = Kind::Hardlink(path.clone());
                out.push(Message::Entry(Entry { path: link.path, meta: link.meta, seen: link.seen, kind }))
            }
            Some(First::Awaited) | None => out.push(Message::Nameless(link.path, first.clone())),
        }
    }

    fn send(&self, entry: Entry, out: &mut Outbox) -> Result<(), Closed> {
        let Entry { path, meta, seen, kind } = entry;
        let (kind, content) = without_chunks(kind);
        let entry = Entry { path, meta, seen, kind };
        match content {
            None => out.push(Message::Entry(entry)),
            Some(spans) => {
                out.push(Message::File(entry))?;
                self.send_content(&spans, out)
            }
        }
    }

    fn send_content(&self, spans: &[Span], out: &mut Outbox) -> Result<(), Closed> {
        let names = match self.names {
            Ok(names) => names,
            Err((cause, why)) if spans.iter().any(|span| matches!(span, Span::Data(_))) => {
                return out.push(Message::Lost(*cause, why.clone()));
            }
            Err(_) => &PackNames::roots(self.manifest),
        };
        let source = self.fallover.lane(Lane::Content);
        // The decoder made sure that the spans add up.
        let mut offset = 0;
        for span in spans {
            match span {
                Span::Hole(bytes) => {
                    out.push(Message::Hole(*bytes))?;
                    offset += bytes;
                }
                Span::Data(chunk) => match names.chunk(&source, chunk) {
                    Ok(plain) => {
                        out.push(Message::Data(offset, plain))?;
                        offset += u64::from(chunk.plain);
                    }
                    Err(error) => return out.push(Message::Lost(Cause::of(&error), in_words(&error))),
                },
            }
        }
        out.push(Message::End)
    }
}

/// The kind without its chunks, and they apart.
fn without_chunks(kind: Kind) -> (Kind<()>, Option<Vec<Span>>) {
    let plain = match kind {
        Kind::File(Content { bytes, digest, spans, unstable }) => {
            return (Kind::File(Content { bytes, digest, spans: Vec::new(), unstable }), Some(spans));
        }
        Kind::Folder => Kind::Folder,
        Kind::Symlink(target) => Kind::Symlink(target),
        Kind::Hardlink(first) => Kind::Hardlink(first),
        Kind::Fifo => Kind::Fifo,
        Kind::Socket => Kind::Socket,
        Kind::Device { kind, major, minor } => Kind::Device { kind, major, minor },
    };
    (plain, None)
}

impl Outbox {
    fn push(&mut self, message: Message) -> Result<(), Closed> {
        if let Message::Data(_, plain) = &message {
            self.bytes += plain.len();
        }
        self.batch.push(message);
        if self.bytes >= BATCH_BYTES || self.batch.len() >= BATCH_MESSAGES { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<(), Closed> {
        self.bytes = 0;
        self.sender.send(std::mem::take(&mut self.batch)).map_err(|_| Closed)
    }
}

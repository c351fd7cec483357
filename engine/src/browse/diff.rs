//! What changed from one point to another: one pass over both sorted streams.

use std::cmp::Ordering;
use std::iter::Peekable;

use super::list::Listing;
use crate::model::{Entry, EntryPath, Kind, Meta};
use crate::vault::{Between, Unread};

/// In what an entry differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)]
pub struct Aspects {
    /// Its kind; then the content is not compared.
    pub kind: bool,
    /// A file's bytes, where a link leads, a device's numbers.
    pub content: bool,
    /// Mode, owner, group or extended attributes.
    pub meta: bool,
    /// The time of its last change.
    pub modified: bool,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Only in the second point.
    Added(Box<Entry>),
    /// Only in the first point.
    Removed(Box<Entry>),
    /// In both, and not the same.
    Modified {
        /// In the first point.
        before: Box<Entry>,
        /// In the second point.
        after: Box<Entry>,
        /// In what they differ.
        aspects: Aspects,
    },
}

/// Changes in the order of paths, and between them what can't be compared: there the other point's entries are passed
/// over.
pub struct Diff<'s> {
    before: Peekable<Listing<'s>>,
    after: Peekable<Listing<'s>>,
    /// Where each can't be read, as far as it was gone by.
    unread: [Option<Between>; 2],
}

/// What changed from `before` to `after`.
#[must_use]
pub fn diff<'s>(before: Listing<'s>, after: Listing<'s>) -> Diff<'s> {
    Diff { before: before.peekable(), after: after.peekable(), unread: [None, None] }
}

impl Change {
    /// Where.
    #[must_use]
    pub fn path(&self) -> &EntryPath {
        match self {
            Self::Added(entry) | Self::Removed(entry) | Self::Modified { after: entry, .. } => &entry.path,
        }
    }
}

impl Aspects {
    /// In what the two differ. What the source only told to notice changes by is not compared.
    #[must_use]
    pub fn between(before: &Entry, after: &Entry) -> Self {
        let kind = before.kind.as_str() != after.kind.as_str();
        // A further name's metadata is its first name's, and told there.
        let compared = !matches!((&before.kind, &after.kind), (Kind::Hardlink(_), Kind::Hardlink(_)));
        Self {
            kind,
            content: !kind && is_other_content(&before.kind, &after.kind),
            meta: compared && without_time(&before.meta) != without_time(&after.meta),
            modified: compared && before.meta.modified != after.meta.modified,
        }
    }

    /// The contract's words for them.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        let all = [(self.kind, "kind"), (self.content, "content"), (self.meta, "meta"), (self.modified, "modified")];
        all.into_iter().filter(|(differs, _)| *differs).map(|(_, word)| word).collect()
    }

    /// Is there any difference?
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

fn without_time(meta: &Meta) -> (u32, u32, u32, &[crate::model::Xattr]) {
    (meta.mode, meta.uid, meta.gid, &meta.xattrs)
}

fn is_other_content(before: &Kind, after: &Kind) -> bool {
    match (before, after) {
        (Kind::File(before), Kind::File(after)) => (before.bytes, before.digest) != (after.bytes, after.digest),
        (before, after) => before != after,
    }
}

impl Diff<'_> {
    /// Which stream is next; none at the end of both. An error comes at once, from whichever has it.
    fn order(&mut self) -> Option<Ordering> {
        match (self.before.peek(), self.after.peek()) {
            (None, None) => None,
            (Some(Err(_)), _) | (Some(_), None) => Some(Ordering::Less),
            (_, Some(Err(_))) | (None, Some(_)) => Some(Ordering::Greater),
            (Some(Ok(before)), Some(Ok(after))) => Some(before.path.cmp(&after.path)),
        }
    }

    /// The next step: nothing is left, or a change if the two differ there.
    fn step(&mut self) -> Option<Result<Option<Change>, Unread>> {
        let order = self.order()?;
        let before = if order.is_le() { self.before.next() } else { None };
        let after = if order.is_ge() { self.after.next() } else { None };
        Some(match (before, after) {
            (Some(Err(unread)), _) => Err(self.note(0, unread)),
            (_, Some(Err(unread))) => Err(self.note(1, unread)),
            (Some(Ok(before)), Some(Ok(after))) => {
                let aspects = Aspects::between(&before, &after);
                let (before, after) = (Box::new(before), Box::new(after));
                Ok(aspects.any().then_some(Change::Modified { before, after, aspects }))
            }
            (Some(Ok(before)), None) => Ok(self.is_known(1, &before).then(|| Change::Removed(Box::new(before)))),
            (None, Some(Ok(after))) => Ok(self.is_known(0, &after).then(|| Change::Added(Box::new(after)))),
            (None, None) => Ok(None),
        })
    }

    fn note(&mut self, side: usize, unread: Unread) -> Unread {
        self.unread[side] = Some(unread.between.clone());
        unread
    }

    /// Is it known whether the other point has that entry?
    fn is_known(&self, other: usize, entry: &Entry) -> bool {
        self.unread[other].as_ref().is_none_or(|between| !between.holds(&entry.path))
    }
}

impl Iterator for Diff<'_> {
    type Item = Result<Change, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.step()?.transpose() {
                return Some(found);
            }
        }
    }
}

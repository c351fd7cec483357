//! The entries of a point against the tree that came back: one pass over two sorted streams. Pure but for its ports.
//!
//! In: entries in their order; a tree that is looked at in the same order. Out: what is missing, what is extra, what
//! differs in kind, size, time, mode, owner, link target, names of one inode, attributes, device numbers or content.
//! Folders that only lead to entries may be there. Where the scratch folder's file system can't hold what the point
//! says, that is told as not tested. Not compared: access and change times, which nothing restores, and where holes are.

use std::collections::BTreeMap;

use engine::model::{Content, DeviceKind, Entry, EntryPath, Kind, Meta, Time, Xattr};

use crate::drill::Counts;
use crate::mismatch::{Mismatch, Mismatches};
use crate::tree::{Found, FoundKind, Tree};

/// Can the file system that was restored to hold this at all, for whoever restores? Asked only where it differs.
pub trait Abilities {
    /// Can something like `found` get what `wanted` says?
    fn holds(&self, found: &FoundKind, wanted: Wanted<'_>) -> bool;
}

/// Something that a file system may not be able to hold, or its user not be allowed to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'w> {
    /// User and group.
    Owner(u32, u32),
    /// A time of change.
    Time(Time),
    /// An extended attribute.
    Xattr(&'w Xattr),
    /// The thing itself, for special files.
    Node,
}

/// What was compared, and how it came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Entries that the point has, as far as they could be read.
    pub listed: Counts,
    /// Of those, what came back and was looked at to its end: a file whose content could not be read is not among them.
    pub compared: Counts,
    /// What differs.
    pub mismatches: Mismatches,
}

/// Compares. Where entries can't be read, whatever lies there is not known to be too much.
pub fn compare<C, E: ToString>(
    entries: impl IntoIterator<Item = Result<Entry<C>, E>>,
    tree: &mut dyn Tree,
    abilities: &dyn Abilities,
) -> Comparison {
    let result = Comparison::default();
    let mut pass = Pass { tree, abilities, ahead: None, gap: false, groups: BTreeMap::new(), result };
    pass.advance();
    let mut last: Option<EntryPath> = None;
    for entry in entries {
        match entry {
            Ok(entry) if last.as_ref().is_none_or(|last| *last < entry.path) => {
                pass.entry(&entry);
                last = Some(entry.path);
            }
            Ok(entry) => pass.add(Mismatch::new(entry.path.as_bytes(), "it does not follow the entry before it")),
            Err(error) => {
                let why = format!("a part of the point's list of entries can't be read: {}", error.to_string());
                pass.add(Mismatch::new(b"", why));
                pass.gap = true;
            }
        }
    }
    pass.rest();
    pass.result
}

struct Pass<'t> {
    tree: &'t mut dyn Tree,
    abilities: &'t dyn Abilities,
    /// The next thing in the tree.
    ahead: Option<Found>,
    /// Could the entries before the next one not be read?
    gap: bool,
    /// For each inode with several names: its first name, how many names it says it has, how many were seen.
    groups: BTreeMap<(u64, u64), Group>,
    result: Comparison,
}

struct Group {
    first: EntryPath,
    links: u64,
    seen: u64,
}

impl Pass<'_> {
    fn add(&mut self, mismatch: Mismatch) {
        self.result.mismatches.add(mismatch);
    }

    fn differs(&mut self, path: &EntryPath, what: &str, expected: impl ToString, found: impl ToString) {
        self.add(Mismatch::differs(path.as_bytes(), what, expected, found));
    }

    /// Goes on to the next thing that can be looked at.
    fn advance(&mut self) {
        self.ahead = loop {
            match self.tree.next() {
                None => break None,
                Some(Ok(found)) => break Some(found),
                Some(Err(unseen)) => self.add(Mismatch::new(&unseen.path, unseen.why)),
            }
        };
    }

    fn entry<C>(&mut self, entry: &Entry<C>) {
        self.result.listed.count(&entry.kind);
        while let Some(found) = self.ahead.take_if(|found| found.path < entry.path) {
            let leads_here = found.kind == FoundKind::Folder && entry.path.is_within(&found.path);
            if !leads_here {
                self.extra(&found);
            }
            self.advance();
        }
        self.gap = false;
        match self.ahead.take_if(|found| found.path == entry.path) {
            Some(found) => {
                self.result.compared.entries += 1;
                self.pair(entry, &found);
                self.advance();
            }
            None => self.missing(entry),
        }
    }

    /// All that is left when the entries have ended, and all names of one inode.
    fn rest(&mut self) {
        while let Some(found) = self.ahead.take() {
            self.extra(&found);
            self.advance();
        }
        for group in std::mem::take(&mut self.groups).into_values() {
            if group.links != group.seen {
                self.differs(&group.first, "number of names", group.seen, group.links);
            }
        }
    }

    fn extra(&mut self, found: &Found) {
        if self.gap {
            return;
        }
        self.add(Mismatch::new(
            found.path.as_bytes(),
            format!("a {} that the point does not have", found.kind.as_str()),
        ));
    }

    fn missing<C>(&mut self, entry: &Entry<C>) {
        let node = special(&entry.kind);
        match node.filter(|node| !self.abilities.holds(node, Wanted::Node)) {
            Some(node) => self.not_held(&entry.path, &format!("a {} can't be made in scratch", node.as_str())),
            None => self.add(Mismatch::new(entry.path.as_bytes(), "missing")),
        }
    }

    fn not_held(&mut self, path: &EntryPath, why: &str) {
        self.result.mismatches.untested(path.as_bytes(), why);
    }

    fn pair<C>(&mut self, entry: &Entry<C>, found: &Found) {
        let path = &entry.path;
        if let Kind::Hardlink(first) = &entry.kind {
            return self.one_more_name(path, first, found);
        }
        let alike = match (&entry.kind, &found.kind) {
            (Kind::File(content), FoundKind::File) => {
                self.content(path, content, found);
                true
            }
            (Kind::Symlink(target), FoundKind::Symlink(there)) => {
                if **target != **there {
                    self.differs(path, "target", lossy(target), lossy(there));
                }
                true
            }
            (Kind::Folder, FoundKind::Folder) => true,
            (kind, there) => special(kind).is_some_and(|wanted| wanted == *there),
        };
        if !alike {
            return self.differs(path, "kind", kind_text(&entry.kind), format!("{:?}", found.kind));
        }
        self.first_name(path, found);
        self.meta(path, &entry.meta, found);
    }

    fn content<C>(&mut self, path: &EntryPath, content: &Content<C>, found: &Found) {
        if content.bytes != found.bytes {
            self.differs(path, "size", content.bytes, found.bytes);
        }
        let digest = self.tree.digest();
        if digest.is_ok() {
            let compared = &mut self.result.compared;
            compared.files += 1;
            compared.bytes = compared.bytes.saturating_add(content.bytes.min(found.bytes));
        }
        match digest {
            Ok(digest) if digest == content.digest => {}
            Ok(digest) => self.differs(path, "digest", content.digest, digest),
            Err(error) => self.add(Mismatch::new(path.as_bytes(), format!("it can't be read: {error}"))),
        }
    }

    /// An entry that is no further name must not share its inode with an earlier one.
    fn first_name(&mut self, path: &EntryPath, found: &Found) {
        if found.links < 2 || found.kind == FoundKind::Folder {
            return;
        }
        if let Some(group) = self.groups.get_mut(&found.inode) {
            group.seen += 1;
            let first = group.first.to_string();
            self.differs(path, "inode", "one of its own", format!("that of {first}"));
        } else {
            self.groups.insert(found.inode, Group { first: path.clone(), links: found.links, seen: 1 });
        }
    }

    fn one_more_name(&mut self, path: &EntryPath, first: &EntryPath, found: &Found) {
        match self.groups.get_mut(&found.inode) {
            Some(group) if group.first == *first => {
                group.seen += 1;
                self.result.compared.files += 1;
            }
            _ => self.differs(path, "inode", format!("that of {first}"), "another one"),
        }
    }

    fn meta(&mut self, path: &EntryPath, meta: &Meta, found: &Found) {
        let is_link = matches!(found.kind, FoundKind::Symlink(_));
        let owned = self.owner(path, meta, found);
        // Set-id bits are for the recorded owner only. Links have no mode of their own.
        let mask = if owned { 0o7777 } else { 0o1777 };
        if !is_link && (meta.mode ^ found.mode) & mask != 0 {
            self.differs(path, "mode", format!("{:04o}", meta.mode), format!("{:04o}", found.mode));
        }
        if meta.modified != found.modified {
            self.unless_not_held(
                path,
                found,
                Wanted::Time(meta.modified),
                "time",
                time(meta.modified),
                time(found.modified),
            );
        }
        self.xattrs(path, &meta.xattrs, found);
    }

    /// Is the owner the recorded one?
    fn owner(&mut self, path: &EntryPath, meta: &Meta, found: &Found) -> bool {
        let same = (meta.uid, meta.gid) == (found.uid, found.gid);
        if !same {
            let wanted = Wanted::Owner(meta.uid, meta.gid);
            let (expected, there) = (format!("{}:{}", meta.uid, meta.gid), format!("{}:{}", found.uid, found.gid));
            self.unless_not_held(path, found, wanted, "owner", expected, there);
        }
        same
    }

    fn xattrs(&mut self, path: &EntryPath, wanted: &[Xattr], found: &Found) {
        for xattr in wanted {
            let there = found.xattrs.iter().find(|(name, _)| **name == *xattr.name).map(|(_, value)| value);
            if there.is_none_or(|value| **value != *xattr.value) {
                let what = format!("attribute {}", lossy(&xattr.name));
                let there = there.map_or_else(|| "none".to_owned(), |value| format!("{} bytes", value.len()));
                let expected = format!("{} bytes", xattr.value.len());
                self.unless_not_held(path, found, Wanted::Xattr(xattr), &what, expected, there);
            }
        }
        for (name, _) in &found.xattrs {
            if is_restored(name) && !wanted.iter().any(|xattr| *xattr.name == **name) {
                self.differs(path, &format!("attribute {}", lossy(name)), "none", "one");
            }
        }
    }

    fn unless_not_held(
        &mut self,
        path: &EntryPath,
        found: &Found,
        wanted: Wanted<'_>,
        what: &str,
        expected: String,
        there: String,
    ) {
        if self.abilities.holds(&found.kind, wanted) {
            self.differs(path, what, expected, there);
        } else {
            let what = what.split(['.', ' ']).next().unwrap_or(what);
            self.not_held(path, &format!("{what}: scratch can't hold it, or only root may set it"));
        }
    }
}

/// Attributes that only a backup brings; labels of the system are its own.
fn is_restored(name: &[u8]) -> bool {
    name.starts_with(b"user.") || name.starts_with(b"system.posix_acl_") || name == b"security.capability"
}

fn special<C>(kind: &Kind<C>) -> Option<FoundKind> {
    match kind {
        Kind::Fifo => Some(FoundKind::Fifo),
        Kind::Socket => Some(FoundKind::Socket),
        Kind::Device { kind: DeviceKind::Character, major, minor } => Some(FoundKind::Character(*major, *minor)),
        Kind::Device { kind: DeviceKind::Block, major, minor } => Some(FoundKind::Block(*major, *minor)),
        Kind::File(_) | Kind::Folder | Kind::Symlink(_) | Kind::Hardlink(_) => None,
    }
}

fn kind_text<C>(kind: &Kind<C>) -> String {
    special(kind).map_or_else(|| kind.as_str().to_owned(), |kind| format!("{kind:?}"))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).escape_debug().to_string()
}

fn time(time: Time) -> String {
    format!("{}.{:09} s", time.seconds, time.nanos)
}

#[cfg(test)]
mod tests;

//! The tree as a source that a capture walks, and a record of what it was given: the truth that a point is held
//! against.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chance::Chance;
use super::clock::SimClock;
use super::tree::{Inode, Node, Part, Temper, Tree, length};
use crate::model::{EntryPath, Meta, Xattr};
use crate::port::Clock as _;
use crate::source::{
    BLOCK_BYTES, Content, Cut, FileKind, Item, Run, Source, SourceFailed, Stat, Stillness, Verdict, Visitor, Walked,
};

/// One entry as it must be in the point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Where.
    pub path: EntryPath,
    /// What is restored; of a further name, nothing is compared.
    pub meta: Meta,
    /// What it is.
    pub what: What,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A file.
    File {
        /// BLAKE3 of the content.
        digest: [u8; 32],
        /// Its size.
        bytes: u64,
        /// Of that in holes.
        holes: u64,
    },
    /// A further name.
    Hardlink(EntryPath),
    /// Anything else.
    Other(Node),
}

/// The tree of one job, shared with whoever works on it.
pub type SharedTree = Arc<Mutex<Tree>>;

/// Locks a tree.
pub fn lock(tree: &SharedTree) -> MutexGuard<'_, Tree> {
    tree.lock().unwrap_or_else(PoisonError::into_inner)
}

type Served = Arc<Mutex<BTreeMap<EntryPath, (Vec<Part>, Stat)>>>;

/// A walk of a tree.
pub struct SimSource {
    tree: SharedTree,
    clock: Arc<SimClock>,
    chance: Arc<Mutex<Chance>>,
    /// What the visitor kept.
    pub told: Vec<Told>,
}

impl SimSource {
    /// A source; `chance` decides what a restless file does.
    #[must_use]
    pub fn new(tree: SharedTree, clock: Arc<SimClock>, chance: Chance) -> Self {
        Self { tree, clock, chance: Arc::new(Mutex::new(chance)), told: Vec::new() }
    }

    fn stat(tree: &Tree, number: u64, inode: &Inode) -> Stat {
        let (kind, bytes) = match &inode.node {
            Node::File(parts) => (FileKind::File, length(parts)),
            Node::Folder => (FileKind::Folder, 0),
            Node::Symlink(_) => (FileKind::Symlink, 0),
            Node::Fifo => (FileKind::Fifo, 0),
        };
        let meta = &inode.meta;
        Stat {
            kind,
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            bytes,
            blocks: bytes.div_ceil(512),
            modified: meta.modified,
            changed: inode.changed,
            device: 1,
            inode: number,
            links: tree.links(number),
        }
    }
}

impl Source for SimSource {
    fn walk(&mut self, visitor: &mut dyn Visitor) -> Result<(), SourceFailed> {
        self.told.clear();
        let names: Vec<(EntryPath, u64)> = lock(&self.tree).names.iter().map(|(at, n)| (at.clone(), *n)).collect();
        let mut first = BTreeMap::<u64, EntryPath>::new();
        for (path, number) in names {
            let tree = lock(&self.tree);
            let Some(inode) = tree.inodes.get(&number).cloned() else { continue };
            let stat = Self::stat(&tree, number, &inode);
            drop(tree);
            let first_name = (stat.kind == FileKind::File).then(|| first.get(&number).cloned()).flatten();
            let walked = Walked { path: path.clone(), stat, first_name: first_name.clone() };
            let served: Served = Arc::default();
            let (tree, clock, chance) = (Arc::clone(&self.tree), Arc::clone(&self.clock), Arc::clone(&self.chance));
            let mut item = SimItem { path: path.clone(), number, inode: inode.clone(), tree, clock, chance, served };
            match visitor.entry(&walked, &mut item) {
                Verdict::Stop => return Ok(()),
                Verdict::Dropped => {}
                Verdict::Kept => {
                    let served = item.served.lock().unwrap_or_else(PoisonError::into_inner).remove(&path);
                    self.told.push(told(path.clone(), &inode, first_name, served));
                    first.entry(number).or_insert(path);
                }
            }
        }
        Ok(())
    }
}

fn told(path: EntryPath, inode: &Inode, first: Option<EntryPath>, served: Option<(Vec<Part>, Stat)>) -> Told {
    let mut meta = inode.meta.clone();
    if let Some((_, stat)) = &served {
        (meta.mode, meta.modified) = (stat.mode, stat.modified);
    }
    let what = match (first, &inode.node) {
        (Some(first), _) => What::Hardlink(first),
        (None, Node::File(parts)) => file(&served.map_or_else(|| parts.clone(), |(parts, _)| parts)),
        (None, other) => What::Other(other.clone()),
    };
    Told { path, meta, what }
}

fn file(parts: &[Part]) -> What {
    let mut hasher = blake3::Hasher::new();
    let mut holes = 0;
    for part in parts {
        match part {
            Part::Data(data) => _ = hasher.update(data),
            Part::Hole(bytes) => {
                hasher.update(&vec![0; usize::try_from(*bytes).unwrap_or(0)]);
                holes += bytes;
            }
        }
    }
    What::File { digest: *hasher.finalize().as_bytes(), bytes: length(parts), holes }
}

struct SimItem {
    path: EntryPath,
    number: u64,
    inode: Inode,
    tree: SharedTree,
    clock: Arc<SimClock>,
    chance: Arc<Mutex<Chance>>,
    served: Served,
}

impl Item for SimItem {
    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        Ok(self.inode.meta.xattrs.clone())
    }

    fn link_target(&mut self) -> io::Result<Box<[u8]>> {
        match &self.inode.node {
            Node::Symlink(target) => Ok(target.clone()),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn open(&mut self) -> io::Result<Box<dyn Content>> {
        let tree = lock(&self.tree);
        let inode = tree.inodes.get(&self.number).ok_or(io::ErrorKind::NotFound)?;
        match inode.temper {
            Temper::Locked => return Err(io::ErrorKind::PermissionDenied.into()),
            Temper::Fleeting => return Err(io::ErrorKind::NotFound.into()),
            Temper::Calm | Temper::Restless => {}
        }
        let Node::File(parts) = &inode.node else { return Err(io::ErrorKind::InvalidInput.into()) };
        Ok(Box::new(SimContent {
            path: self.path.clone(),
            number: self.number,
            opened: SimSource::stat(&tree, self.number, inode),
            xattrs: inode.meta.xattrs.clone(),
            left: pieces(parts),
            given: Vec::new(),
            tree: Arc::clone(&self.tree),
            clock: Arc::clone(&self.clock),
            chance: Arc::clone(&self.chance),
            served: Arc::clone(&self.served),
        }))
    }
}

/// Runs as they are given, the first one last.
fn pieces(parts: &[Part]) -> Vec<Part> {
    let mut pieces = Vec::new();
    for part in parts {
        match part {
            Part::Data(data) => pieces.extend(data.chunks(BLOCK_BYTES).map(|piece| Part::Data(piece.to_vec()))),
            Part::Hole(bytes) => pieces.push(Part::Hole(*bytes)),
        }
    }
    pieces.reverse();
    pieces
}

struct SimContent {
    path: EntryPath,
    number: u64,
    opened: Stat,
    xattrs: Vec<Xattr>,
    left: Vec<Part>,
    given: Vec<Part>,
    tree: SharedTree,
    clock: Arc<SimClock>,
    chance: Arc<Mutex<Chance>>,
    served: Served,
}

impl SimContent {
    /// Somebody writes to it: the same size, other bytes.
    fn disturb(&mut self) {
        let now = self.clock.now();
        let mut tree = lock(&self.tree);
        let Some(inode) = tree.inodes.get_mut(&self.number) else { return };
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        if inode.temper != Temper::Restless || chance.one_in(4) {
            return;
        }
        if let Node::File(parts) = &mut inode.node {
            for part in parts {
                if let Part::Data(data) = part {
                    *data = chance.content(data.len());
                }
            }
        }
        (inode.changed, inode.meta.modified) = (now, now);
    }
}

impl Content for SimContent {
    fn stat(&self) -> Stat {
        self.opened
    }

    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        Ok(self.xattrs.clone())
    }

    fn cut(&self) -> Cut {
        Cut::ByContent
    }

    fn next_run(&mut self, block: &mut Vec<u8>) -> io::Result<Option<Run>> {
        let Some(piece) = self.left.pop() else { return Ok(None) };
        self.given.push(piece.clone());
        Ok(Some(match piece {
            Part::Data(data) => {
                block.clear();
                block.extend_from_slice(&data);
                Run::Data
            }
            Part::Hole(bytes) => Run::Hole(bytes),
        }))
    }

    fn finish(mut self: Box<Self>) -> io::Result<Stillness> {
        self.disturb();
        let tree = lock(&self.tree);
        let still = tree.inodes.get(&self.number).is_some_and(|inode| inode.changed == self.opened.changed);
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.insert(self.path.clone(), (std::mem::take(&mut self.given), self.opened));
        Ok(if still { Stillness::Still } else { Stillness::Changed })
    }
}

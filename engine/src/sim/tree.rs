//! A tree of files in memory that somebody works on: names, inodes, contents with holes.
//!
//! In: chance and the time of each change. Out: names in the order of entries. Deliberately absent: how it is walked.

use std::collections::BTreeMap;

use super::chance::Chance;
use crate::model::{EntryPath, Meta, Time, Xattr};

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Bytes that are stored.
    Data(Vec<u8>),
    /// So many zeros that are not.
    Hole(u64),
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A file.
    File(Vec<Part>),
    /// A folder.
    Folder,
    /// A link.
    Symlink(Box<[u8]>),
    /// A named pipe.
    Fifo,
}

/// How a file behaves when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temper {
    /// As it should.
    Calm,
    /// It may not be read.
    Locked,
    /// Somebody writes to it whenever it is read.
    Restless,
    /// It vanishes between the look at it and its opening.
    Fleeting,
}

/// A file, whatever its names are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inode {
    /// What it is.
    pub node: Node,
    /// What is restored.
    pub meta: Meta,
    /// Last change of it.
    pub changed: Time,
    /// How it behaves.
    pub temper: Temper,
}

/// The tree.
#[derive(Debug, Default)]
pub struct Tree {
    /// Names, in the order of entries.
    pub names: BTreeMap<EntryPath, u64>,
    /// What they lead to.
    pub inodes: BTreeMap<u64, Inode>,
    next: u64,
    root: String,
}

/// Most names that a tree ever has.
const NAMES_MAX: usize = 24;

impl Tree {
    /// A folder with nothing in it.
    #[must_use]
    pub fn new(root: &str, chance: &mut Chance, now: Time) -> Self {
        let mut tree = Self { root: root.to_owned(), next: 1, ..Self::default() };
        tree.add(path(root), Node::Folder, chance, now);
        tree
    }

    /// How many names an inode has.
    #[must_use]
    pub fn links(&self, inode: u64) -> u64 {
        self.names.values().filter(|other| **other == inode).count() as u64
    }

    fn add(&mut self, at: EntryPath, node: Node, chance: &mut Chance, now: Time) {
        let xattrs = if chance.one_in(8) {
            vec![Xattr { name: (*b"user.note").into(), value: chance.content(9).into() }]
        } else {
            Vec::new()
        };
        let mode = *chance.pick(&[0o644, 0o755, 0o600, 0o4755]).unwrap_or(&0o644);
        let uid = u32::try_from(chance.below(3)).unwrap_or(0);
        let meta = Meta { mode, uid, gid: 0, modified: now, xattrs };
        let inode = self.next;
        self.next += 1;
        self.inodes.insert(inode, Inode { node, meta, changed: now, temper: Temper::Calm });
        self.names.insert(at, inode);
    }

    fn folders(&self) -> Vec<EntryPath> {
        let folder = |inode: &u64| matches!(self.inodes[inode].node, Node::Folder);
        self.names.iter().filter(|(_, inode)| folder(inode)).map(|(at, _)| at.clone()).collect()
    }

    fn files(&self) -> Vec<EntryPath> {
        let file = |inode: &u64| matches!(self.inodes[inode].node, Node::File(_));
        self.names.iter().filter(|(_, inode)| file(inode)).map(|(at, _)| at.clone()).collect()
    }

    fn new_name(&self, chance: &mut Chance) -> Option<EntryPath> {
        let folder = chance.pick(&self.folders())?.clone();
        let name = format!("{}/{:x}", folder, chance.below(0xfff));
        let at = path(&name);
        (!self.names.contains_key(&at)).then_some(at)
    }

    /// Somebody does one thing. `large` files are so large that they are sent in several blocks.
    pub fn work(&mut self, chance: &mut Chance, now: Time, large: Large) {
        let what = if self.names.len() >= NAMES_MAX { 9 } else { chance.below(16) };
        match what {
            0..=4 => self.new_file(chance, now, large),
            5 | 6 => self.rewrite(chance, now),
            7 => self.append(chance, now),
            8 => self.rename(chance, now),
            9 => self.delete(chance),
            10 => self.hard_link(chance, now),
            11 => self.new_other(Node::Symlink((*b"../x").into()), chance, now),
            12 => self.new_other(Node::Fifo, chance, now),
            13 => self.new_other(Node::Folder, chance, now),
            14 => self.change_mode(chance, now),
            _ => self.change_temper(chance, now),
        }
    }

    fn new_file(&mut self, chance: &mut Chance, now: Time, large: Large) {
        let Some(at) = self.new_name(chance) else { return };
        let parts = parts(chance, large);
        self.add(at, Node::File(parts), chance, now);
    }

    fn new_other(&mut self, node: Node, chance: &mut Chance, now: Time) {
        let Some(at) = self.new_name(chance) else { return };
        self.add(at, node, chance, now);
    }

    fn some_file(&mut self, chance: &mut Chance) -> Option<&mut Inode> {
        let at = chance.pick(&self.files())?.clone();
        let inode = self.names[&at];
        self.inodes.get_mut(&inode)
    }

    /// Other bytes, often of the same size.
    fn rewrite(&mut self, chance: &mut Chance, now: Time) {
        let same = !chance.one_in(3);
        let Some(inode) = self.some_file(chance) else { return };
        let Node::File(old) = &mut inode.node else { return };
        let new = parts(chance, Large::No);
        *old = if same { old.iter().map(|part| other_bytes(part, chance)).collect() } else { new };
        (inode.changed, inode.meta.modified) = (now, now);
    }

    fn append(&mut self, chance: &mut Chance, now: Time) {
        let more = chance.between(1, 5000);
        let more = chance.content(usize::try_from(more).unwrap_or(1));
        let Some(inode) = self.some_file(chance) else { return };
        let Node::File(parts) = &mut inode.node else { return };
        match parts.last_mut() {
            Some(Part::Data(data)) => data.extend(more),
            _ => parts.push(Part::Data(more)),
        }
        (inode.changed, inode.meta.modified) = (now, now);
    }

    fn rename(&mut self, chance: &mut Chance, now: Time) {
        let (Some(from), Some(to)) = (chance.pick(&self.files()).cloned(), self.new_name(chance)) else { return };
        let Some(inode) = self.names.remove(&from) else { return };
        self.names.insert(to, inode);
        self.touch(inode, now);
    }

    fn touch(&mut self, inode: u64, now: Time) {
        if let Some(inode) = self.inodes.get_mut(&inode) {
            inode.changed = now;
        }
    }

    fn delete(&mut self, chance: &mut Chance) {
        let all: Vec<_> = self.names.keys().skip(1).cloned().collect();
        let Some(gone) = chance.pick(&all) else { return };
        self.names.retain(|at, _| !at.is_within(gone));
        let used: Vec<u64> = self.names.values().copied().collect();
        self.inodes.retain(|inode, _| used.contains(inode));
    }

    fn hard_link(&mut self, chance: &mut Chance, now: Time) {
        let (Some(from), Some(to)) = (chance.pick(&self.files()).cloned(), self.new_name(chance)) else { return };
        let inode = self.names[&from];
        self.names.insert(to, inode);
        self.touch(inode, now);
    }

    fn change_mode(&mut self, chance: &mut Chance, now: Time) {
        let mode = u32::try_from(chance.below(0o1000)).unwrap_or(0);
        let Some(inode) = self.some_file(chance) else { return };
        inode.meta.mode = mode;
        inode.changed = now;
    }

    fn change_temper(&mut self, chance: &mut Chance, now: Time) {
        let temper =
            *chance.pick(&[Temper::Calm, Temper::Locked, Temper::Restless, Temper::Fleeting]).unwrap_or(&Temper::Calm);
        let Some(inode) = self.some_file(chance) else { return };
        inode.temper = temper;
        inode.changed = now;
    }

    /// Everything can be read again.
    pub fn calm(&mut self) {
        self.inodes.values_mut().for_each(|inode| inode.temper = Temper::Calm);
    }

    /// The folder that holds all.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }
}

/// May a new file be larger than a block that is sent at once?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Large {
    /// Now and then.
    Yes,
    /// Never.
    No,
}

fn parts(chance: &mut Chance, large: Large) -> Vec<Part> {
    let most = match chance.below(100) {
        0..=9 => 0,
        10..=59 => 2_000,
        60..=91 => 20_000,
        _ if large == Large::Yes => 9_000_000,
        92..=98 => 120_000,
        _ => 900_000,
    };
    let bytes = if most > 1_000_000 { most } else { usize::try_from(chance.below(most as u64 + 1)).unwrap_or(0) };
    if bytes == 0 {
        return Vec::new();
    }
    if !chance.one_in(6) {
        return vec![Part::Data(chance.content(bytes))];
    }
    let hole = Part::Hole(chance.between(1, 100_000));
    let data = Part::Data(chance.content(bytes));
    match chance.below(3) {
        0 => vec![hole],
        1 => vec![hole, data],
        _ => vec![data, hole],
    }
}

fn other_bytes(part: &Part, chance: &mut Chance) -> Part {
    match part {
        Part::Data(data) => Part::Data(chance.content(data.len())),
        Part::Hole(bytes) => Part::Hole(*bytes),
    }
}

/// Bytes of these parts.
#[must_use]
pub fn length(parts: &[Part]) -> u64 {
    let length = |part: &Part| match part {
        Part::Data(data) => data.len() as u64,
        Part::Hole(bytes) => *bytes,
    };
    parts.iter().map(length).sum()
}

/// A path that is one.
#[must_use]
pub fn path(text: &str) -> EntryPath {
    EntryPath::parse(text.as_bytes()).expect("the simulator makes no other paths")
}

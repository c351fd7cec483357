//! The comparison over trees that are only values: what is the same says nothing, each single change is found.

use std::collections::BTreeMap;
use std::io;

use engine::model::{Digest, Seen};
use proptest::prelude::*;

use super::*;
use crate::tree::Unseen;

/// A tree that is a list, and the digests of its files.
#[derive(Clone)]
struct Listed {
    left: Vec<Found>,
    last: Option<EntryPath>,
    digests: BTreeMap<EntryPath, Digest>,
}

impl Tree for Listed {
    fn next(&mut self) -> Option<Result<Found, Unseen>> {
        let found = (!self.left.is_empty()).then(|| self.left.remove(0))?;
        self.last = Some(found.path.clone());
        Some(Ok(found))
    }

    fn digest(&mut self) -> io::Result<Digest> {
        let digest = self.last.as_ref().and_then(|path| self.digests.get(path));
        digest.copied().ok_or(io::ErrorKind::NotFound.into())
    }
}

/// Holds everything, or nothing.
struct Holds(bool);

impl Abilities for Holds {
    fn holds(&self, _: &FoundKind, _: Wanted<'_>) -> bool {
        self.0
    }
}

fn path(text: &str) -> EntryPath {
    EntryPath::parse(text.as_bytes()).expect("valid")
}

fn entry(at: &str, kind: Kind) -> Entry {
    let xattrs = vec![Xattr { name: (*b"user.a").into(), value: (*b"1").into() }];
    let meta = Meta { mode: 0o4640, uid: 10, gid: 20, modified: Time { seconds: -5, nanos: 7 }, xattrs };
    Entry { path: path(at), meta, seen: Seen::default(), kind }
}

fn file(at: &str, byte: u8) -> Entry {
    let content = Content { bytes: u64::from(byte), digest: Digest([byte; 32]), spans: Vec::new(), unstable: false };
    entry(at, Kind::File(content))
}

/// The tree that those entries make: inodes are numbers in order, further names share them.
fn tree(entries: &[Entry]) -> Listed {
    let mut inodes: BTreeMap<EntryPath, u64> = BTreeMap::new();
    let mut links: BTreeMap<u64, u64> = BTreeMap::new();
    for entry in entries {
        let inode = match &entry.kind {
            Kind::Hardlink(first) => inodes[first],
            _ => inodes.len() as u64,
        };
        inodes.insert(entry.path.clone(), inode);
        *links.entry(inode).or_default() += 1;
    }
    let of = |at: &EntryPath| entries.iter().find(|entry| entry.path == *at).expect("a first name");
    let mut left = Vec::new();
    let mut digests = BTreeMap::new();
    for entry in entries {
        let same = if let Kind::Hardlink(first) = &entry.kind { of(first) } else { entry };
        let (kind, bytes) = match &same.kind {
            Kind::File(content) => {
                digests.insert(entry.path.clone(), content.digest);
                (FoundKind::File, content.bytes)
            }
            Kind::Symlink(target) => (FoundKind::Symlink(target.to_vec()), 3),
            Kind::Folder => (FoundKind::Folder, 4096),
            other => (special(other).expect("a special file"), 0),
        };
        let xattrs = same.meta.xattrs.iter().map(|xattr| (xattr.name.to_vec(), xattr.value.to_vec())).collect();
        let Meta { mode, uid, gid, modified, .. } = same.meta;
        let inode = inodes[&entry.path];
        let found = Found {
            path: entry.path.clone(),
            kind,
            bytes,
            mode,
            uid,
            gid,
            modified,
            inode: (1, inode),
            links: links[&inode],
            xattrs,
        };
        left.push(found);
    }
    Listed { left, last: None, digests }
}

fn sample() -> Vec<Entry> {
    vec![
        entry("a", Kind::Folder),
        file("a/one", 1),
        entry("a/one more", Kind::Hardlink(path("a/one"))),
        entry("a/two", Kind::Symlink((*b"one").into())),
        entry("a-fifo", Kind::Fifo),
        entry("b", Kind::Device { kind: DeviceKind::Character, major: 1, minor: 3 }),
        file("c", 2),
    ]
}

fn run(entries: &[Entry], mut tree: Listed, holds: bool) -> Comparison {
    compare(entries.iter().cloned().map(Ok::<_, String>), &mut tree, &Holds(holds))
}

fn found(change: impl Fn(&mut Listed)) -> Vec<String> {
    let mut changed = tree(&sample());
    change(&mut changed);
    let all = run(&sample(), changed, true);
    all.mismatches.kept().iter().map(|m| format!("{}: {}", String::from_utf8_lossy(&m.path), m.problem)).collect()
}

#[test]
fn the_same_tree_has_no_mismatch() {
    let same = run(&sample(), tree(&sample()), true);
    assert_eq!(same.compared, Counts { entries: 7, files: 3, bytes: 3 });
    assert_eq!(same.listed, same.compared);
    assert_eq!(same.mismatches, Mismatches::default());
}

#[test]
fn only_what_came_back_and_could_be_read_counts_as_compared() {
    let compared = |change: &dyn Fn(&mut Listed)| {
        let mut changed = tree(&sample());
        change(&mut changed);
        run(&sample(), changed, true).compared
    };
    let missing = Counts { entries: 6, files: 2, bytes: 1 };
    assert_eq!(compared(&|tree| drop(tree.left.remove(6))), missing);
    let unread = Counts { entries: 7, files: 2, bytes: 1 };
    assert_eq!(compared(&|tree| _ = tree.digests.remove(&path("c"))), unread);
    assert_eq!(compared(&|tree| tree.left[6].bytes = 1).bytes, 2, "the half of a file that came back");
    let other = Counts { entries: 7, files: 2, bytes: 1 };
    assert_eq!(compared(&|tree| tree.left[6].kind = FoundKind::Socket), other);
}

#[test]
fn each_change_is_found_and_nothing_else() {
    type Change = fn(&mut Listed);
    let table: [(Change, &[&str]); 13] = [
        (|tree| drop(tree.left.remove(6)), &["c: missing"]),
        (|tree| tree.left[6].bytes = 3, &["c: size differs"]),
        (|tree| *tree.digests.get_mut(&path("c")).expect("a file") = Digest([9; 32]), &["c: digest differs"]),
        (|tree| tree.left[6].modified.nanos += 1, &["c: time differs"]),
        (|tree| tree.left[0].mode = 0o755, &["a: mode differs"]),
        (|tree| tree.left[3].kind = FoundKind::Symlink(b"two".to_vec()), &["a/two: target differs"]),
        (|tree| tree.left[5].kind = FoundKind::Character(1, 4), &["b: kind differs"]),
        (|tree| tree.left[4].kind = FoundKind::Socket, &["a-fifo: kind differs"]),
        (|tree| tree.left[6].xattrs[0].1 = b"2".to_vec(), &["c: attribute user.a differs"]),
        (|tree| tree.left[6].xattrs.push((b"user.b".to_vec(), Vec::new())), &["c: attribute user.b differs"]),
        (|tree| tree.left[2].inode.1 = 99, &["a/one more: inode differs", "a/one: number of names differs"]),
        (
            |tree| (tree.left[6].inode, tree.left[6].links) = ((1, 1), 2),
            &["c: inode differs", "a/one: number of names differs"],
        ),
        (|tree| tree.left[6].uid = 11, &["c: owner differs"]),
    ];
    for (change, expected) in table {
        assert_eq!(found(change), expected);
    }
}

#[test]
fn what_the_point_does_not_have_is_extra_unless_it_leads_to_an_entry() {
    let mut all = tree(&sample());
    let extra = |at: &str, kind| Found { path: path(at), kind, ..tree(&sample()).left[4].clone() };
    all.left.insert(0, extra("A", FoundKind::Folder));
    all.left.push(extra("z", FoundKind::Fifo));
    let kept = run(&sample(), all, true).mismatches;
    assert!(kept.count() == 2 && kept.names(b"A") && kept.names(b"z"), "{kept:?}");
    let deep = [file("home/ann/x", 1)];
    let mut led = tree(&deep);
    led.left.insert(0, extra("home/ann", FoundKind::Folder));
    led.left.insert(0, extra("home", FoundKind::Folder));
    assert_eq!(run(&deep, led.clone(), true).mismatches.count(), 0);
    led.left[0].kind = FoundKind::Fifo;
    assert_eq!(run(&deep, led, true).mismatches.count(), 1, "a pipe leads nowhere");
}

#[test]
fn what_scratch_can_not_hold_is_not_tested_and_contents_always_are() {
    let mut weak = tree(&sample());
    for found in &mut weak.left {
        (found.uid, found.modified.nanos, found.mode) = (0, 0, found.mode & 0o777);
        found.xattrs.clear();
    }
    weak.left.remove(5);
    let told = run(&sample(), weak.clone(), false).mismatches;
    assert_eq!(told.count(), 0, "{told:?}");
    assert_eq!(told.not_tested().len(), 4, "{:?}", told.not_tested());
    weak.digests.insert(path("c"), Digest([9; 32]));
    assert_eq!(run(&sample(), weak, false).mismatches.count(), 1);
}

#[test]
fn entries_that_can_not_be_read_are_told_and_those_behind_are_compared() {
    let cut = [Ok(file("a", 1)), Err("damaged".to_owned())];
    let told = compare(cut, &mut tree(&[file("a", 1), file("b", 1)]), &Holds(true)).mismatches;
    assert!(told.count() == 1 && told.kept()[0].problem.contains("can't be read: damaged"));
    let gap = [Ok(file("a", 1)), Err("damaged".to_owned()), Ok(file("c", 2)), Ok(file("d", 1))];
    let mut there = tree(&[file("a", 1), file("b", 1), file("c", 2), file("d0", 1)]);
    there.digests.insert(path("c"), Digest([9; 32]));
    let told = compare(gap, &mut there, &Holds(true));
    let kept = told.mismatches;
    assert_eq!((kept.count(), told.listed.files, told.compared.files), (4, 3, 2), "{kept:?}");
    assert!(!kept.names(b"b") && kept.names(b"c") && kept.names(b"d") && kept.names(b"d0"), "{kept:?}");
    let cut = [Ok::<_, String>(file("a", 1))];
    let told = compare(cut, &mut tree(&[file("a", 1), file("b", 1)]), &Holds(true)).mismatches;
    assert!(told.names(b"b"), "at its true end the point has no more");
    let back = [Ok::<_, String>(file("b", 1)), Ok(file("a", 1))];
    let told = compare(back, &mut tree(&[file("b", 1)]), &Holds(true)).mismatches;
    assert!(told.count() == 1 && told.names(b"a"));
}

proptest! {
    #[test]
    fn any_tree_is_the_same_as_itself_and_one_thing_less_is_missed(
        names in proptest::collection::btree_set("[a-c/]{1,6}", 1..20),
        at in any::<prop::sample::Index>(),
    ) {
        let mut paths: Vec<EntryPath> = names.iter().filter_map(|name| EntryPath::parse(name.as_bytes()).ok()).collect();
        paths.sort();
        let is_folder = |at: &EntryPath| paths.iter().any(|other| other != at && other.is_within(at));
        let entries: Vec<Entry> = paths
            .iter()
            .map(|at| if is_folder(at) { entry(&at.to_string(), Kind::Folder) } else { file(&at.to_string(), 1) })
            .collect();
        prop_assume!(!entries.is_empty());
        prop_assert_eq!(run(&entries, tree(&entries), true).mismatches.count(), 0);
        let mut less = tree(&entries);
        let gone = less.left.remove(at.index(entries.len()));
        let told = run(&entries, less, true).mismatches;
        prop_assert_eq!(told.count(), 1);
        prop_assert!(told.names(gone.path.as_bytes()));
    }
}

//! The writer against honest trees and hostile ones.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::model::{Content, Digest, Entry, EntryPath, Kind, Meta, Problem, Seen, Time, Xattr};
use crate::source::{FileKind, Folders, FoldersOptions, Item, LeftOut, Run, Source, Verdict, Visitor, Walked};

const REPLACE: TreeOptions = TreeOptions { existing: Existing::Replace, owners: Owners::Recorded };
const KEEP: TreeOptions = TreeOptions { existing: Existing::Keep, owners: Owners::Recorded };

/// Restores each entry as soon as it is walked.
struct Mirror {
    tree: TreeWriter,
    problems: Vec<Problem>,
}

impl Mirror {
    fn copy(&mut self, walked: &Walked, item: &mut dyn Item) -> anyhow::Result<()> {
        let entry = |stat: &crate::source::Stat, xattrs: Vec<Xattr>, kind| Entry::<()> {
            path: walked.path.clone(),
            meta: Meta { mode: stat.mode, uid: stat.uid, gid: stat.gid, modified: stat.modified, xattrs },
            seen: Seen::default(),
            kind,
        };
        let stat = &walked.stat;
        if let Some(first) = &walked.first_name {
            return Ok(self.tree.other(&entry(stat, Vec::new(), Kind::Hardlink(first.clone())))?);
        }
        let kind = match stat.kind {
            FileKind::File => return self.copy_file(item, entry),
            FileKind::Folder => return Ok(self.tree.folder(&entry(stat, item.xattrs()?, Kind::Folder))?),
            FileKind::Symlink => Kind::Symlink(item.link_target()?),
            FileKind::Fifo => Kind::Fifo,
            FileKind::Socket => Kind::Socket,
            FileKind::Device { kind, major, minor } => Kind::Device { kind, major, minor },
        };
        Ok(self.tree.other(&entry(stat, item.xattrs()?, kind))?)
    }

    fn copy_file(
        &mut self,
        item: &mut dyn Item,
        entry: impl Fn(&crate::source::Stat, Vec<Xattr>, Kind<()>) -> Entry<()>,
    ) -> anyhow::Result<()> {
        let mut content = item.open()?;
        let stat = content.stat();
        let writer = self.tree.file(&entry(&stat, content.xattrs()?, file(stat.bytes)))?;
        let (mut at, mut block) = (0, Vec::new());
        while let Some(run) = content.next_run(&mut block)? {
            match run {
                Run::Data => {
                    writer.write_at(at, &block)?;
                    at += block.len() as u64;
                }
                Run::Hole(bytes) => at += bytes,
            }
        }
        assert_eq!(at, stat.bytes, "{}", writer_path(&stat, at));
        Ok(writer.finish()?)
    }
}

fn writer_path(stat: &crate::source::Stat, at: u64) -> String {
    format!("runs add up to {at} of {}", stat.bytes)
}

impl Visitor for Mirror {
    fn entry(&mut self, walked: &Walked, item: &mut dyn Item) -> Verdict {
        match self.copy(walked, item) {
            Ok(()) => Verdict::Kept,
            Err(error) => {
                self.problems.push(Problem::new(walked.path.as_bytes(), format!("{error:#}")));
                Verdict::Dropped
            }
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn left_out(&mut self, _: &EntryPath, _: LeftOut) {}

    fn warning(&mut self, _: Problem) {}
}

fn file(bytes: u64) -> Kind<()> {
    Kind::File(Content { bytes, digest: Digest([0; 32]), spans: Vec::new(), unstable: false })
}

/// Restores `source` below `target` and gives where it stands there, and all problems.
fn mirror(source: &Path, target: &Path, options: TreeOptions) -> (PathBuf, Vec<Problem>) {
    let folders = FoldersOptions { roots: vec![source.to_owned()], ..FoldersOptions::default() };
    let mut mirror = Mirror { tree: TreeWriter::begin(target, options).expect("a target"), problems: Vec::new() };
    Folders::new(&folders).expect("good options").walk(&mut mirror).expect("folders never fail as a whole");
    let mut problems = mirror.problems;
    problems.extend(mirror.tree.finish());
    (target.join(source.strip_prefix("/").expect("absolute")), problems)
}

fn entry(path: &str, mode: u32, kind: Kind<()>) -> Entry<()> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let meta = Meta { mode, uid, gid, modified: Time::from_seconds(1), xattrs: Vec::new() };
    Entry { path: EntryPath::parse(path.as_bytes()).expect("valid"), meta, seen: Seen::default(), kind }
}

fn link_to(target: &Path) -> Kind<()> {
    Kind::Symlink(target.as_os_str().as_encoded_bytes().into())
}

fn write(tree: &mut TreeWriter, path: &str, text: &[u8]) -> Result<(), TreeError> {
    let writer = tree.file(&entry(path, 0o644, file(text.len() as u64)))?;
    writer.write_at(0, text)?;
    writer.finish()
}

/// A folder with a place to restore to, and one outside that must stay empty.
struct Place {
    _held: tempfile::TempDir,
    target: PathBuf,
    outside: PathBuf,
}

fn place() -> Place {
    let held = tempfile::tempdir().expect("a temporary folder");
    let (target, outside) = (held.path().join("target"), held.path().join("outside"));
    fs::create_dir(&target).expect("writable");
    fs::create_dir(&outside).expect("writable");
    Place { _held: held, target, outside }
}

impl Place {
    fn is_outside_untouched(&self) -> bool {
        fs::read_dir(&self.outside).expect("there").next().is_none()
    }
}

fn odd_tree_in(folder: &Path) {
    let held = tempfile::tempdir_in(folder).expect("a temporary folder");
    let (source, target) = (held.path().join("source"), held.path().join("target"));
    for skipped in fixtures::odd(&source).expect("the odd tree") {
        eprintln!("SKIPPED: {skipped}");
    }
    let (restored, problems) = mirror(&source, &target, KEEP);
    let is_root = rustix::process::geteuid().is_root();
    let unreadable = ["file 0000", "file 0200"];
    let above = &source.as_os_str().as_encoded_bytes()[1..];
    // Without root's rights: what can't be read, and the owners of the folders above.
    let excused = |p: &Problem| above.starts_with(&p.path) || unreadable.iter().any(|n| p.path.ends_with(n.as_bytes()));
    let left: Vec<_> = problems.iter().filter(|p| is_root || !excused(p)).collect();
    assert_eq!(left, Vec::<&Problem>::new());
    let differences = fixtures::same(&source, &restored);
    if is_root {
        assert_eq!(differences, Vec::<String>::new());
        // Once more over what is there now: nothing may be doubled, lost or written through.
        assert_eq!(mirror(&source, &target, REPLACE).1, []);
        assert_eq!(fixtures::same(&source, &restored), Vec::<String>::new());
    } else {
        eprintln!("SKIPPED: comparing what only root may read");
        let others = differences.iter().filter(|line| !unreadable.iter().any(|name| line.contains(name)));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
    }
}

#[test]
fn the_odd_tree_comes_back_the_same() {
    odd_tree_in(&std::env::temp_dir());
}

#[test]
fn the_odd_tree_comes_back_the_same_in_memory() {
    match Path::new("/dev/shm") {
        memory if memory.is_dir() => odd_tree_in(memory),
        _ => eprintln!("SKIPPED: no /dev/shm"),
    }
}

#[test]
fn a_link_planted_by_the_restore_itself_leads_nowhere() {
    let place = place();
    let mut tree = TreeWriter::begin(&place.target, REPLACE).expect("a target");
    tree.other(&entry("a", 0o777, link_to(&place.outside))).expect("a link");
    assert!(matches!(write(&mut tree, "a/b", b"x"), Err(TreeError::Order { .. })));
    tree.other(&entry("c", 0o777, link_to(&place.outside))).expect("a link");
    tree.folder(&entry("d", 0o755, Kind::Folder)).expect("a folder");
    let first = EntryPath::parse(b"c/x").expect("valid");
    let through = tree.other(&entry("d/e", 0o644, Kind::Hardlink(first)));
    assert!(matches!(through, Err(TreeError::Link { .. })));
    assert_eq!(tree.finish(), []);
    assert!(place.is_outside_untouched());
}

#[test]
fn a_link_that_lies_in_the_target_is_kept_or_replaced_and_never_followed() {
    let place = place();
    let seen = place.outside.join("seen");
    symlink(&place.outside, place.target.join("a")).expect("a link");
    symlink(&seen, place.target.join("f")).expect("a link");
    let mut keep = TreeWriter::begin(&place.target, KEEP).expect("a target");
    for (path, text) in [("a/b", b"x"), ("f", b"y")] {
        let answer = write(&mut keep, path, text);
        assert!(matches!(answer, Err(TreeError::Make { source, .. }) if source.kind() == ErrorKind::AlreadyExists));
    }
    assert_eq!(keep.finish(), []);
    let mut replace = TreeWriter::begin(&place.target, REPLACE).expect("a target");
    write(&mut replace, "a/b", b"x").expect("the link makes room");
    write(&mut replace, "f", b"y").expect("the link makes room");
    assert_eq!(replace.finish(), []);
    assert!(place.target.join("a").symlink_metadata().expect("there").is_dir());
    assert_eq!(fs::read(place.target.join("f")).expect("there"), b"y");
    assert!(place.is_outside_untouched());
}

#[test]
fn a_folder_is_never_replaced_by_a_file() {
    let place = place();
    fs::create_dir(place.target.join("a")).expect("writable");
    let mut tree = TreeWriter::begin(&place.target, REPLACE).expect("a target");
    assert!(matches!(write(&mut tree, "a", b"x"), Err(TreeError::Make { .. })));
    assert!(tree.other(&entry("aa", 0o644, Kind::Fifo)).is_ok());
    assert_eq!(tree.finish(), []);
    let left: Vec<_> = fs::read_dir(&place.target).expect("there").map(|e| e.expect("there").file_name()).collect();
    assert_eq!(left.len(), 2, "no temporary name stays: {left:?}");
}

#[test]
fn entries_out_of_order_are_refused() {
    let place = place();
    let mut tree = TreeWriter::begin(&place.target, KEEP).expect("a target");
    write(&mut tree, "b", b"x").expect("first");
    for path in ["a", "b"] {
        assert!(matches!(write(&mut tree, path, b"x"), Err(TreeError::Order { .. })), "{path}");
    }
    assert!(matches!(tree.folder(&entry("c", 0o644, Kind::Fifo)), Err(TreeError::Kind { .. })));
}

#[test]
fn missing_parents_are_made_for_the_owner_only_and_folders_lock_last() {
    let place = place();
    let mut tree = TreeWriter::begin(&place.target, KEEP).expect("a target");
    write(&mut tree, "home/ann/x", b"x").expect("parents are made");
    tree.folder(&entry("locked", 0o500, Kind::Folder)).expect("a folder");
    write(&mut tree, "locked/in", b"x").expect("it locks when it is left");
    assert_eq!(tree.finish(), []);
    let look = |path: &str| fs::metadata(place.target.join(path)).expect("there");
    assert_eq!(look("home").permissions().mode() & 0o7777, 0o700);
    assert_eq!((look("locked").mode() & 0o7777, look("locked").mtime()), (0o500, 1));
}

#[test]
fn an_unfinished_file_leaves_nothing_and_a_run_beyond_its_end_is_refused() {
    let place = place();
    let mut tree = TreeWriter::begin(&place.target, KEEP).expect("a target");
    let writer = tree.file(&entry("a", 0o644, file(4))).expect("begun");
    for (offset, data) in [(1, &b"four"[..]), (u64::MAX, b"x")] {
        assert!(matches!(writer.write_at(offset, data), Err(TreeError::Make { .. })));
    }
    drop(writer);
    assert_eq!(fs::read_dir(&place.target).expect("there").count(), 0);
}

#[test]
fn set_id_bits_go_to_nobody_but_the_recorded_owner() {
    let place = place();
    let options = TreeOptions { existing: Existing::Keep, owners: Owners::Restorer };
    let mut tree = TreeWriter::begin(&place.target, options).expect("a target");
    let mut other = entry("a", 0o4755, file(0));
    other.meta.uid = 12_345;
    tree.file(&other).and_then(FileWriter::finish).expect("made");
    tree.file(&entry("b", 0o4755, file(0))).and_then(FileWriter::finish).expect("made");
    assert_eq!(tree.finish().len(), 1);
    let mode = |name: &str| fs::metadata(place.target.join(name)).expect("there").mode() & 0o7777;
    assert_eq!((mode("a"), mode("b")), (0o755, 0o4755));
}

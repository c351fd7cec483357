//! Whole restores of sound points: what is selected, refused, counted, and what hostile points come to.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::testpoint::{JOB, Made, Part, TestPoint, meta, noise, path};
use super::*;
use crate::destination::{FileStore, ReadStore};
use crate::model::{DestinationName, Entry, EntryPath, Kind, Seen, Time, Xattr};
use crate::source::FileKind;

const KEEP: TreeOptions = TreeOptions { existing: Existing::Keep, owners: Owners::Recorded };
const REPLACE: TreeOptions = TreeOptions { existing: Existing::Replace, owners: Owners::Recorded };

/// A point in a vault in a folder, and a target beside it.
struct Bench {
    made: Made,
    store: FileStore,
    held: tempfile::TempDir,
}

impl Bench {
    fn new(point: &mut TestPoint) -> Self {
        let held = tempfile::tempdir().expect("a temporary folder");
        let made = point.make();
        let store = made.in_folder(&held.path().join("vault"));
        Self { made, store, held }
    }

    fn target(&self) -> PathBuf {
        self.held.path().join("some/target")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.target().join(name)
    }

    fn restore(&self, paths: &[&str]) -> Result<Restored, RestoreError> {
        self.restore_as(paths, KEEP, Doing::Write)
    }

    fn restore_as(&self, paths: &[&str], options: TreeOptions, doing: Doing) -> Result<Restored, RestoreError> {
        self.restore_to(&self.target(), paths, options, doing)
    }

    fn restore_to(
        &self,
        target: &Path,
        paths: &[&str],
        options: TreeOptions,
        doing: Doing,
    ) -> Result<Restored, RestoreError> {
        let paths: Vec<EntryPath> = paths.iter().map(|text| path(text)).collect();
        self.run(&Request { target, paths: &paths, options, doing, ..self.request(&|| false) })
    }

    fn request<'r>(&'r self, stop: &'r dyn Fn() -> bool) -> Request<'r> {
        Request {
            keyring: &self.made.keyring,
            job: JOB,
            point: self.made.manifest.name,
            places: &[],
            target: Path::new("/nonexistent"),
            paths: &[],
            options: KEEP,
            doing: Doing::Write,
            stop,
            progress: &|_| {},
        }
    }

    fn run(&self, request: &Request<'_>) -> Result<Restored, RestoreError> {
        let places = [Place { name: DestinationName::home(), store: &self.store as &dyn ReadStore }];
        restore(&Request { places: &places, ..*request })
    }
}

fn tree() -> TestPoint {
    let mut point = TestPoint::new();
    point.folder("a").file("a/1", b"one").folder("a/b").file("a/b/2", b"two").hard_link("a/b/3", "a/1");
    point.file("a-b", b"beside").link("l", "a/1").hard_link("m", "a/b/2").hard_link("n", "a/b/2");
    point
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|found| found.map(|e| e.expect("there").file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

fn inode(path: &Path) -> u64 {
    path.symlink_metadata().expect("there").ino()
}

#[test]
fn everything_comes_back_below_a_target_that_is_made() {
    let bench = Bench::new(&mut tree());
    let done = bench.restore(&[]).expect("restores");
    assert_eq!((done.exit(), done.files, done.bytes, done.entries), (0, 6, 12, 9), "{done:?}");
    assert_eq!(names(&bench.target()), ["a", "a-b", "l", "m", "n"]);
    assert_eq!(inode(&bench.at("a/1")), inode(&bench.at("a/b/3")));
    assert_eq!(inode(&bench.at("m")), inode(&bench.at("a/b/2")));
}

#[test]
fn only_what_was_asked_for_comes_back_with_the_folders_above_it() {
    let bench = Bench::new(&mut tree());
    let done = bench.restore(&["a/b"]).expect("restores");
    assert_eq!((done.exit(), done.files, done.bytes), (0, 2, 6), "{done:?}");
    assert_eq!((names(&bench.target()), names(&bench.at("a"))), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert_eq!(fs::read(bench.at("a/b/3")).expect("by content"), b"one");
    let above = fs::metadata(bench.at("a")).expect("there");
    assert_eq!((above.mode() & 0o7777, above.mtime()), (0o755, 1_000_000_000));
}

#[test]
fn further_names_of_what_was_not_asked_for_are_one_file_again() {
    let bench = Bench::new(&mut tree());
    let done = bench.restore(&["m", "n", "a-b"]).expect("restores");
    assert_eq!((done.exit(), done.files, done.bytes), (0, 3, 9), "{done:?}");
    assert_eq!(fs::read(bench.at("m")).expect("there"), b"two");
    assert_eq!(inode(&bench.at("m")), inode(&bench.at("n")));
    assert_eq!(fs::metadata(bench.at("m")).expect("there").mode() & 0o7777, 0o640, "its first name's");
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let bench = Bench::new(&mut tree());
    let error = bench.restore(&["x", "a/9"]).expect_err("neither is there");
    assert!(matches!(&error, RestoreError::NothingMatched(paths) if paths.len() == 2), "{error}");
    assert_eq!(error.exit(), 1);
    assert!(!bench.target().exists());
    let done = bench.restore(&["x", "a-b"]).expect("restores the other");
    assert_eq!((done.exit(), done.problems.len(), done.files), (3, 1, 1));
    assert_eq!(&*done.problems[0].path, b"x");
}

#[test]
fn a_target_with_something_in_it_is_refused_and_with_overwrite_replaced() {
    let bench = Bench::new(&mut tree());
    fs::create_dir_all(bench.target()).expect("writable");
    fs::write(bench.at("a-b"), b"from before, longer").expect("writable");
    fs::write(bench.at("mine"), b"mine").expect("writable");
    let error = bench.restore(&[]).expect_err("not empty");
    assert!(matches!(error, RestoreError::NotEmpty(_)));
    for _ in 0..2 {
        let done = bench.restore_as(&[], REPLACE, Doing::Write).expect("restores");
        assert_eq!((done.exit(), done.files), (0, 6), "{done:?}");
        assert_eq!(fs::read(bench.at("a-b")).expect("there"), b"beside");
        assert_eq!(fs::read(bench.at("mine")).expect("there"), b"mine");
    }
}

#[test]
fn a_dry_run_counts_and_touches_nothing() {
    let bench = Bench::new(&mut tree());
    let done = bench.restore_as(&[], KEEP, Doing::Count).expect("counts");
    assert_eq!((done.files, done.bytes, done.entries), (6, 12, 9));
    let part = bench.restore_as(&["n", "a-b"], KEEP, Doing::Count).expect("counts");
    assert_eq!((part.files, part.bytes, part.entries), (2, 9, 2));
    assert!(!bench.target().exists() && !bench.held.path().join("some").exists());
}

#[test]
fn holes_stay_holes_and_only_data_needs_room() {
    let mut point = TestPoint::new();
    let hole = 64 << 20;
    point.file_of("s", vec![Part::Hole(hole), Part::Data(noise(1, 4096)), Part::Hole(hole)]);
    let bench = Bench::new(&mut point);
    let done = bench.restore(&[]).expect("restores");
    assert_eq!((done.exit(), done.bytes), (0, 2 * hole + 4096));
    let found = fs::metadata(bench.at("s")).expect("there");
    assert!(found.len() == 2 * hole + 4096 && found.blocks() * 512 < 1 << 20);
}

#[test]
fn asked_to_stop_it_stops_and_says_what_was_done() {
    let bench = Bench::new(&mut tree());
    let target = bench.target();
    let error = bench.run(&Request { target: &target, ..bench.request(&|| true) }).expect_err("stopped");
    assert!(matches!(&error, RestoreError::Stopped { done } if done.files == 0));
    assert_eq!((error.exit(), names(&target).len()), (1, 0));
}

#[test]
fn progress_ends_at_all_there_is() {
    let bench = Bench::new(&mut tree());
    let last = std::cell::Cell::new(Progress::default());
    let target = bench.target();
    let request = Request { target: &target, progress: &|progress| last.set(*progress), ..bench.request(&|| false) };
    bench.run(&request).expect("restores");
    assert_eq!(last.get(), Progress { entries: 9, bytes: 12, entries_total: 9, bytes_total: 12 });
}

#[test]
fn a_hostile_point_writes_nothing_outside_of_the_target() {
    let outside = tempfile::tempdir().expect("a temporary folder");
    let text = outside.path().to_str().expect("plain");
    let mut point = TestPoint::new();
    point.link("a", text).file("a/x", b"through a link").link("b", text).folder("b/c").file("b/c/x", b"deeper");
    point.file("good", b"good").hard_link("h", "b/y");
    fs::write(outside.path().join("y"), b"secret").expect("writable");
    let bench = Bench::new(&mut point);
    for options in [KEEP, REPLACE] {
        let done = bench.restore_as(&[], options, Doing::Write).expect("restores the rest");
        assert_eq!((done.exit(), done.files), (3, 1), "{done:?}");
        assert_eq!(names(outside.path()), ["y"]);
        assert_eq!(names(&bench.target()), ["a", "b", "good"]);
    }
}

/// A small file system in memory, gone with the value; none where that is not allowed.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn new(bytes: u64) -> Option<Self> {
        Self::in_folder(tempfile::tempdir().expect("a temporary folder"), bytes)
    }

    fn in_folder(held: tempfile::TempDir, bytes: u64) -> Option<Self> {
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "offsite-test"])
            .arg(held.path())
            .status();
        let mounted = done.is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("SKIPPED: no file system can be mounted here");
        }
        mounted.then_some(Self(held))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn what_does_not_fit_is_refused_with_figures_before_anything_is_written() {
    let Some(small) = Tmpfs::new(1 << 20) else { return };
    let mut point = TestPoint::new();
    point.file("a", &noise(1, 900_000)).file("b", &noise(2, 900_000)).file_of("c", vec![Part::Hole(8 << 20)]);
    let bench = Bench::new(&mut point);
    let target = small.0.path().join("target");
    for doing in [Doing::Write, Doing::Count] {
        let error = bench.restore_to(&target, &[], KEEP, doing).expect_err("it does not fit");
        assert!(matches!(error, RestoreError::NoSpace { needed: 1_800_000, free } if free <= 1 << 20), "{error}");
        assert!(!target.exists());
    }
    // Holes take no room, and what is replaced gives its own back.
    assert_eq!(bench.restore_to(&target, &["a", "c"], KEEP, Doing::Write).expect("fits").exit(), 0);
    fs::remove_file(target.join("a")).expect("there");
    assert_eq!(bench.restore_to(&target, &["b"], REPLACE, Doing::Write).expect("fits").exit(), 0);
    let again = bench.restore_to(&target, &["b"], REPLACE, Doing::Count).expect("would fit by what it replaces");
    assert_eq!(again.files, 1);
}

#[test]
fn a_target_that_runs_full_on_the_way_ends_it_and_keeps_what_is_whole() {
    let Some(small) = Tmpfs::new(1 << 20) else { return };
    let mut point = TestPoint::new();
    // They add up to less than there is, but the last one ends one byte into a page.
    point.file("a", &noise(1, 258_100)).file("b", &noise(2, 258_100)).file("c", &noise(3, 258_100));
    point.file("d", &noise(4, 262_145));
    let bench = Bench::new(&mut point);
    let target = small.0.path().join("target");
    let error = bench.restore_to(&target, &[], KEEP, Doing::Write).expect_err("the last one does not fit");
    let RestoreError::Full { path, done, .. } = &error else { panic!("{error}") };
    assert_eq!((path.as_bytes(), done.files, error.exit()), (&b"d"[..], 3, 3));
    assert_eq!(names(&target), ["a", "b", "c"], "no half of the last one");
}

#[test]
fn names_that_the_target_can_t_link_get_the_content_again() {
    let mut point = TestPoint::new();
    point.file("a", b"one").folder("b").hard_link("b/x", "a").hard_link("b/y", "a").hard_link("c", "a");
    let bench = Bench::new(&mut point);
    let target = bench.target();
    fs::create_dir_all(&target).expect("writable");
    // Another file system in the target: no link leads into it.
    let other = tempfile::Builder::new().prefix("b").rand_bytes(0).tempdir_in(&target).expect("a folder");
    let Some(_mounted) = Tmpfs::in_folder(other, 1 << 20) else { return };
    let done = bench.restore_as(&[], REPLACE, Doing::Write).expect("restores");
    assert_eq!((done.exit(), done.files, done.bytes, done.entries), (0, 4, 3, 5), "{done:?}");
    for name in ["b/x", "b/y"] {
        assert_eq!(fs::read(bench.at(name)).expect("there"), b"one");
        assert_eq!(fs::metadata(bench.at(name)).expect("there").mode() & 0o7777, 0o640);
    }
    assert_eq!(fs::metadata(bench.at("b")).expect("there").mtime(), 1_000_000_000, "dressed after them");
    assert_eq!(inode(&bench.at("a")), inode(&bench.at("c")));
}

#[test]
fn paths_in_what_can_t_be_read_are_lost_and_not_misspelt() {
    let mut point = tree();
    (point.tree_chunk, point.tree_chunks_in_pack) = (150, 1);
    let bench = Bench::new(&mut point);
    let third = crate::model::ObjectName::Pack(bench.made.tree_packs[2]).path();
    fs::write(bench.held.path().join("vault").join(third.as_str()), b"not a pack").expect("writable");
    let inside = bench.made.entry_chunks[2][0].to_string();
    let done = bench.restore(&["a/1", "a/0", &inside]).expect("restores the first");
    let lost: Vec<&[u8]> = done.lost.iter().map(|lost| lost.path.as_bytes()).collect();
    assert_eq!((done.exit(), done.files, lost), (4, 1, vec![inside.as_bytes()]), "{done:?}");
    assert_eq!(done.problems.len(), 1, "a/0 would stand elsewhere");
    let only =
        bench.restore_to(&bench.held.path().join("other"), &[&inside], KEEP, Doing::Write).expect("it can be told");
    assert_eq!((only.exit(), only.files), (4, 0));
}

/// One entry of a random tree.
#[derive(Debug, Clone)]
enum Sort {
    File(Vec<Part>),
    Folder,
    Symlink(Vec<u8>),
    Link,
    Fifo,
}

fn sort() -> impl Strategy<Value = Sort> {
    let part = prop_oneof![
        (any::<u64>(), 1_usize..70_000).prop_map(|(seed, bytes)| Part::Data(noise(seed, bytes))),
        (1_usize..300).prop_map(|bytes| Part::Data(vec![0; bytes])),
        (1_u64..100_000).prop_map(Part::Hole),
    ];
    prop_oneof![
        4 => proptest::collection::vec(part, 0..4).prop_map(Sort::File),
        3 => Just(Sort::Folder),
        1 => proptest::collection::vec(1_u8.., 1..20).prop_map(Sort::Symlink),
        2 => Just(Sort::Link),
        1 => Just(Sort::Fifo),
    ]
}

fn some_path() -> impl Strategy<Value = EntryPath> {
    let part = prop_oneof!["[ab]".prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 1..4)];
    proptest::collection::vec(part, 1..4).prop_filter_map("a path", |parts| EntryPath::parse(&parts.join(&b'/')).ok())
}

fn some_meta() -> impl Strategy<Value = crate::model::Meta> {
    let seconds = -2_000_000_000_i64..4_000_000_000;
    (0_u32..0o1000, seconds, 0_u32..1_000_000_000, proptest::collection::vec(any::<u8>(), 0..8)).prop_map(
        |(mode, seconds, nanos, value)| {
            let xattr = Xattr { name: (*b"user.test").into(), value: value.clone().into() };
            let xattrs = if value.is_empty() { vec![] } else { vec![xattr] };
            crate::model::Meta { modified: Time { seconds, nanos }, xattrs, ..meta(mode) }
        },
    )
}

/// A point of these; what lies below something that is no folder is left out.
fn point_of(wanted: &BTreeMap<EntryPath, (Sort, crate::model::Meta)>) -> TestPoint {
    let mut point = TestPoint::new().files_in_pack(3);
    (point.tree_chunk, point.tree_chunks_in_pack) = (500, 2);
    let mut blocking: Option<EntryPath> = None;
    let mut first: Option<(EntryPath, crate::model::Meta)> = None;
    for (path, (sort, meta)) in wanted {
        if blocking.as_ref().is_some_and(|blocking| path.is_within(blocking)) {
            continue;
        }
        if !matches!(sort, Sort::Folder) {
            blocking = Some(path.clone());
        }
        let entry = |meta: &crate::model::Meta, kind| Entry {
            path: path.clone(),
            meta: meta.clone(),
            seen: Seen::default(),
            kind,
        };
        match (sort, &first) {
            (Sort::File(parts), _) => {
                first = Some((path.clone(), meta.clone()));
                point.file_entry(entry(meta, Kind::Fifo), parts.clone());
            }
            (Sort::Link, Some((first, meta))) => {
                point.entry(entry(meta, Kind::Hardlink(first.clone())));
            }
            (Sort::Folder, _) => {
                // Attributes of a folder that only root may enter would need root to look at.
                point.entry(entry(meta, Kind::Folder));
            }
            (Sort::Symlink(target), _) => {
                let meta = crate::model::Meta { mode: 0o777, xattrs: vec![], ..meta.clone() };
                point.entry(entry(&meta, Kind::Symlink(target.as_slice().into())));
            }
            (Sort::Fifo | Sort::Link, _) => {
                let meta = crate::model::Meta { xattrs: vec![], ..meta.clone() };
                point.entry(entry(&meta, Kind::Fifo));
            }
        }
    }
    point
}

/// What differs between an entry and what lies at the target.
fn difference(target: &Path, entry: &Entry, all: &BTreeMap<EntryPath, Entry>) -> Option<String> {
    use std::os::unix::ffi::OsStrExt;
    let place = |path: &EntryPath| target.join(std::ffi::OsStr::from_bytes(path.as_bytes()));
    let here = place(&entry.path);
    let found = match here.symlink_metadata() {
        Ok(found) => found,
        Err(error) => return Some(format!("{}: {error}", entry.path)),
    };
    let wrong = |what: &str| Some(format!("{}: {what}", entry.path));
    let folder = crate::platform::Folder::open(here.parent().expect("below the target")).expect("a folder");
    let name = std::ffi::CString::new(entry.path.file_name()).expect("no NUL");
    let stat = folder.stat_of(&name, crate::platform::Links::Kept).expect("there");
    let xattrs = folder.xattrs_of(&name, crate::platform::Links::Kept).expect("readable");
    if stat.modified != entry.meta.modified || stat.mode != entry.meta.mode || xattrs != entry.meta.xattrs {
        return wrong("metadata");
    }
    let good = match &entry.kind {
        Kind::Folder => stat.kind == FileKind::Folder,
        Kind::Fifo => stat.kind == FileKind::Fifo,
        Kind::Symlink(link) => fs::read_link(&here).is_ok_and(|found| found.as_os_str().as_bytes() == &**link),
        Kind::Hardlink(first) => all.contains_key(first) && inode(&place(first)) == found.ino(),
        Kind::File(content) => fs::read(&here).is_ok_and(|bytes| *blake3::hash(&bytes).as_bytes() == content.digest.0),
        other => return wrong(other.as_str()),
    };
    if good { None } else { wrong(entry.kind.as_str()) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_restores_to_the_same_entries(
        wanted in proptest::collection::btree_map(some_path(), (sort(), some_meta()), 0..24)
    ) {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let bench = Bench::new(&mut point_of(&wanted));
        let done = bench.restore(&[]).expect("restores");
        prop_assert_eq!(done.exit(), 0, "{:?}", done);
        prop_assert_eq!(done.entries, bench.made.entries.len() as u64);
        let all: BTreeMap<EntryPath, Entry> =
            bench.made.entries.iter().map(|entry| (entry.path.clone(), entry.clone())).collect();
        for entry in &bench.made.entries {
            prop_assert_eq!(difference(&bench.target(), entry, &all), None);
        }
    }
}

//! Points of many entry chunks, some of them lost: what stands in them is lost, everything else is restored.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::testpoint::{JOB, Made, TestPoint, path};
use super::*;
use crate::destination::memory::MemoryStore;
use crate::model::{DestinationName, EntryPath, ObjectName};
use crate::vault::Between;

const OPTIONS: TreeOptions = TreeOptions { existing: Existing::Replace, owners: Owners::Recorded };

/// Twelve folders of thirty files, some 20 entries a chunk, each chunk a pack; every file holds its own name.
fn many() -> TestPoint {
    let mut point = TestPoint::new().files_in_pack(100);
    (point.tree_chunk, point.tree_chunks_in_pack) = (3000, 1);
    for folder in 0..12 {
        point.folder(&format!("d{folder:02}"));
        for file in 0..30 {
            let name = format!("d{folder:02}/f{file:02}");
            point.file(&name, name.as_bytes());
        }
    }
    point
}

struct Bench {
    made: Made,
    store: MemoryStore,
    held: tempfile::TempDir,
}

impl Bench {
    /// The point in one vault, without the chunks of these numbers.
    fn without(made: Made, chunks: &[usize]) -> Self {
        let (place, store) = made.in_memory();
        for at in chunks {
            assert!(place.lose(&ObjectName::Pack(made.tree_packs[*at]).path()));
        }
        Self { made, store, held: tempfile::tempdir().expect("a temporary folder") }
    }

    fn target(&self) -> PathBuf {
        self.held.path().join("target")
    }

    fn run(&self, paths: &[&str], doing: Doing) -> Result<Restored, RestoreError> {
        let paths: Vec<EntryPath> = paths.iter().map(|text| path(text)).collect();
        restore(&Request {
            keyring: &self.made.keyring,
            job: JOB,
            point: self.made.manifest.name,
            places: &[Place { name: DestinationName::home(), store: &self.store }],
            target: &self.target(),
            paths: &paths,
            options: OPTIONS,
            doing,
            stop: &|| false,
            progress: &|_| {},
        })
    }

    fn restored(&self, paths: &[&str]) -> Restored {
        self.run(paths, Doing::Write).expect("restores the rest")
    }
}

/// All files below, by their paths in the point; each holds its own name.
fn files_below(target: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in fs::read_dir(target).expect("a folder").map(|entry| entry.expect("listed").path()) {
        for file in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("listed").path()) {
            let name = file.strip_prefix(target).expect("below").to_str().expect("ASCII").to_owned();
            assert_eq!(fs::read(&file).expect("readable"), name.as_bytes());
            found.insert(name);
        }
    }
    found
}

fn files_of<'c>(chunks: impl IntoIterator<Item = &'c Vec<EntryPath>>) -> BTreeSet<String> {
    chunks.into_iter().flatten().map(ToString::to_string).filter(|path| path.contains('/')).collect()
}

/// What lies between the chunks before and behind these.
fn between(made: &Made, from: usize, to: usize) -> Between {
    let chunks = &made.entry_chunks;
    let after = from.checked_sub(1).and_then(|at| chunks[at].last()).cloned();
    Between { after, before: chunks.get(to + 1).and_then(|chunk| chunk.first()).cloned() }
}

#[test]
fn one_lost_chunk_of_many_costs_exactly_its_entries_wherever_it_stands() {
    let count = many().make().entry_chunks.len();
    assert!(count > 8, "{count} chunks");
    for at in [0, 4, count - 1] {
        let bench = Bench::without(many().make(), &[at]);
        let done = bench.restored(&[]);
        let chunks = &bench.made.entry_chunks;
        let rest = chunks.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, chunk)| chunk);
        assert_eq!(files_below(&bench.target()), files_of(rest), "without chunk {at}");
        let [gap] = &done.gaps[..] else { panic!("one gap: {:?}", done.gaps) };
        assert_eq!((done.exit(), &gap.between), (4, &between(&bench.made, at, at)));
        let rest = bench.made.entries.len() - chunks[at].len();
        assert_eq!(usize::try_from(done.entries), Ok(rest), "without chunk {at}");
        assert_eq!((done.problems.len(), done.lost.len()), (0, 0), "nothing that stands elsewhere is to blame");
    }
}

#[test]
fn neighbours_are_one_gap_and_others_are_told_apart() {
    let bench = Bench::without(many().make(), &[2, 3, 6]);
    let done = bench.restored(&[]);
    let gaps: Vec<Between> = done.gaps.iter().map(|gap| gap.between.clone()).collect();
    assert_eq!(gaps, [between(&bench.made, 2, 3), between(&bench.made, 6, 6)]);
    assert_eq!(bench.run(&[], Doing::Count).expect("counts").entries, done.entries);
}

#[test]
fn a_part_of_the_point_is_whole_if_the_gap_is_elsewhere_and_lost_by_name_if_it_is_in_it() {
    let made = many().make();
    let at = 4;
    let (inside, chunks) = (made.entry_chunks[at][5].to_string(), made.entry_chunks.clone());
    let before = chunks[at - 1][0].to_string();
    let behind = chunks[at + 1][3].to_string();
    let bench = Bench::without(made, &[at]);
    let done = bench.restored(&[&before, &behind]);
    assert_eq!((done.exit(), done.files, done.gaps.len()), (0, 2, 0), "the gap is no part of it");
    let done = bench.restored(&[&inside, &behind]);
    assert_eq!((done.exit(), done.files, done.gaps.len()), (4, 1, 0));
    assert_eq!(done.lost.iter().map(|lost| lost.path.to_string()).collect::<Vec<_>>(), vec![inside.clone()]);
    let folder = inside.split('/').next().expect("a folder").to_owned();
    let done = bench.restored(&[&folder]);
    assert_eq!((done.exit(), done.gaps.len()), (4, 1), "part of the folder");
    let nowhere = bench.run(&["e"], Doing::Write);
    assert!(matches!(nowhere, Err(RestoreError::NothingMatched(_))), "the gap does not reach there: {nowhere:?}");
}

#[test]
fn a_further_name_of_a_first_name_in_a_gap_is_lost_by_name_and_never_a_link_to_what_lay_there() {
    let mut point = many();
    let first = point.make().entry_chunks[4].iter().find(|path| path.as_bytes().contains(&b'/')).cloned();
    let first = first.expect("a file").to_string();
    point.folder("z").hard_link("z/link", &first).hard_link("z/other", "d00/f00");
    let bench = Bench::without(point.make(), &[4]);
    let old = bench.target().join(&first);
    fs::create_dir_all(old.parent().expect("a folder")).expect("writable");
    fs::write(&old, b"from before").expect("writable");
    for paths in [&[][..], &["z"]] {
        let done = bench.restored(paths);
        let lost: Vec<_> = done.lost.iter().map(|lost| (lost.path.to_string(), lost.cause)).collect();
        assert_eq!((done.exit(), lost), (4, vec![("z/link".to_owned(), Cause::Damage)]), "{paths:?}");
        assert!(done.lost[0].why.contains(&first), "{}", done.lost[0].why);
        assert!(!bench.target().join("z/link").exists());
        assert_eq!(fs::read(bench.target().join("z/other")).expect("there"), b"d00/f00");
    }
}

#[test]
fn with_no_entry_left_everything_is_one_gap() {
    let made = many().make();
    let all: Vec<usize> = (0..made.entry_chunks.len()).collect();
    let bench = Bench::without(made, &all);
    let done = bench.restored(&[]);
    assert_eq!((done.exit(), done.entries, done.gaps.len()), (4, 0, 1));
    assert_eq!(done.gaps[0].between, Between::default());
    assert!(done.gaps[0].to_string().starts_with("all entries can't be read"));
}

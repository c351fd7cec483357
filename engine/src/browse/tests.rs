//! Looking into points in memory.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::destination::memory::MemoryStore;
use crate::model::{EntryPath, Kind, ObjectName};
use crate::restore::testpoint::{Made, Part, TestPoint, noise, path};
use crate::vault::VaultReader;

struct Bench {
    made: Made,
    store: MemoryStore,
}

impl Bench {
    fn new(point: &mut TestPoint) -> Self {
        let made = point.make();
        let store = made.in_memory().1;
        Self { made, store }
    }

    fn reader(&self) -> VaultReader<'_> {
        VaultReader::new(&self.store, &self.made.keyring)
    }

    fn listed(&self, under: Option<&str>) -> Vec<String> {
        let reader = self.reader();
        let under = under.map(path);
        list(&reader, &self.made.manifest, under.as_ref()).map(|entry| entry.expect("reads").path.to_string()).collect()
    }

    fn found(&self, pattern: &str) -> Vec<String> {
        let (reader, pattern) = (self.reader(), Pattern::parse(pattern).expect("a pattern"));
        let points = [self.made.manifest.clone(), self.made.manifest.clone()];
        let mut found: Vec<String> =
            find(&reader, &points, &pattern).map(|(_, entry)| entry.expect("reads").path.to_string()).collect();
        let second = found.split_off(found.len() / 2);
        assert_eq!(found, second, "each point is looked through");
        found
    }

    fn dumped(&self, at: &str) -> Result<Vec<u8>, DumpError> {
        let mut out = Vec::new();
        let bytes = dump(&self.reader(), &self.made.manifest, &path(at), &mut out)?;
        assert_eq!(bytes, out.len() as u64);
        Ok(out)
    }
}

fn tree() -> TestPoint {
    let mut point = TestPoint::new();
    point.folder("a").file("a/B.txt", b"one").folder("a/b").file("a/b/c.txt", b"two").hard_link("a/b/d", "a/B.txt");
    point.file("a-b", b"beside").link("l", "a/b").file("nowhere/x.TXT", b"three");
    point
}

#[test]
fn a_list_is_all_or_a_part() {
    let bench = Bench::new(&mut tree());
    assert_eq!(bench.listed(None).len(), 8);
    assert_eq!(bench.listed(Some("a/b")), ["a/b", "a/b/c.txt", "a/b/d"]);
    assert_eq!(bench.listed(Some("a-b")), ["a-b"]);
    assert_eq!(bench.listed(Some("nowhere")), ["nowhere/x.TXT"], "a folder that is no entry itself");
    assert_eq!(bench.listed(Some("a/z")), Vec::<String>::new());
}

#[test]
fn a_list_goes_on_behind_what_can_t_be_read_and_says_where_that_is() {
    let mut point = tree();
    (point.tree_chunk, point.tree_chunks_in_pack) = (150, 1);
    let made = point.make();
    let (place, store) = made.in_memory();
    place.lose(&ObjectName::Pack(made.tree_packs[2]).path());
    let reader = VaultReader::new(&store, &made.keyring);
    let lost = made.entry_chunks[2].clone();
    let (found, unread): (Vec<_>, Vec<_>) = list(&reader, &made.manifest, None).partition(Result::is_ok);
    assert_eq!((unread.len(), found.len()), (1, made.entries.len() - lost.len()));
    let Err(unread) = &unread[0] else { panic!("an error") };
    assert!(lost.iter().all(|path| unread.between.holds(path)), "{unread}");
    let elsewhere = &made.entry_chunks[0][0];
    assert!(list(&reader, &made.manifest, Some(elsewhere)).filter(Result::is_err).count() <= 1);
    let behind = made.entry_chunks.last().and_then(|chunk| chunk.last()).expect("entries");
    assert!(list(&reader, &made.manifest, Some(behind)).all(|found| found.is_ok()), "no gap there");
    assert!(matches!(dump(&reader, &made.manifest, &lost[0], &mut Vec::new()), Err(DumpError::Read { .. })));
}

#[test]
fn what_can_t_be_read_in_one_point_is_no_difference() {
    let mut point = tree();
    (point.tree_chunk, point.tree_chunks_in_pack) = (150, 1);
    let (made, other) = (point.make(), tree().make());
    let (place, store) = made.in_memory();
    let (_, whole) = other.in_memory();
    place.lose(&ObjectName::Pack(made.tree_packs[1]).path());
    let (damaged, whole) = (VaultReader::new(&store, &made.keyring), VaultReader::new(&whole, &other.keyring));
    let (left, right) = (|| list(&damaged, &made.manifest, None), || list(&whole, &other.manifest, None));
    for changes in [diff(left(), right()), diff(right(), left())] {
        let changes: Vec<_> = changes.collect();
        assert!(changes.len() == 1 && changes[0].is_err(), "{changes:?}");
    }
}

#[test]
fn patterns_fit_names_ends_of_paths_or_whole_paths() {
    let bench = Bench::new(&mut tree());
    for (pattern, expected) in [
        ("*.txt", &["a/B.txt", "a/b/c.txt"][..]),
        ("b", &["a/b"]),
        ("[Bc].txt", &["a/B.txt", "a/b/c.txt"]),
        ("b/c.txt", &["a/b/c.txt"]),
        ("/b/c.txt", &[]),
        ("/a/*.txt", &["a/B.txt", "a/b/c.txt"]),
        ("a/?", &["a/b"]),
        ("{a-b,l}", &["a-b", "l"]),
    ] {
        assert_eq!(bench.found(pattern), expected, "{pattern}");
    }
    assert!(Pattern::parse("[a").is_err());
    let odd = EntryPath::parse(b"x/\xff.txt").expect("a path");
    assert!(Pattern::parse("*.txt").expect("a pattern").fits(&odd));
}

#[test]
fn a_dump_is_the_content_holes_and_first_names_followed() {
    let mut point = tree();
    let data = noise(1, 100_000);
    point.file_of("s", vec![Part::Hole(70_000), Part::Data(data.clone()), Part::Hole(1)]);
    let bench = Bench::new(&mut point);
    assert_eq!(bench.dumped("a/b/d").expect("reads"), b"one");
    assert_eq!(bench.dumped("s").expect("reads"), [vec![0; 70_000], data, vec![0]].concat());
    assert!(matches!(bench.dumped("a"), Err(DumpError::NotAFile { kind: "folder", .. })));
    assert!(matches!(bench.dumped("nowhere"), Err(DumpError::NotAFile { kind: "folder", .. })));
    assert!(matches!(bench.dumped("l"), Err(DumpError::NotAFile { kind: "symlink", .. })));
    assert!(matches!(bench.dumped("x"), Err(DumpError::NotFound(_))));
}

#[test]
fn a_dump_of_what_is_damaged_or_not_what_was_captured_is_an_error() {
    let mut point = TestPoint::new();
    point.file("a", &noise(1, 5000)).file("b", b"other").with_wrong_digest();
    let made = point.make();
    let (place, store) = made.in_memory();
    place.flip(&ObjectName::Pack(made.content_packs[0]).path(), 8 * 1000);
    let bench = Bench { made, store };
    assert!(matches!(bench.dumped("a"), Err(DumpError::Read { .. })));
    assert!(matches!(bench.dumped("b"), Err(DumpError::Digest(_))));
}

#[test]
fn changes_are_told_by_aspect() {
    let before = Bench::new(tree().file("z", b"gone"));
    let mut point = TestPoint::new();
    point.folder("a").file("a/B.txt", b"ONE").other("a/b", 0o700, Kind::Folder).file("a/b/c.txt", b"two");
    point.hard_link("a/b/d", "a/B.txt").folder("a-b").link("l", "elsewhere").file("m", b"new");
    point.file("nowhere/x.TXT", b"three");
    let after = Bench::new(&mut point);
    let (first, second) = (before.reader(), after.reader());
    let changes = diff(list(&first, &before.made.manifest, None), list(&second, &after.made.manifest, None));
    let told: Vec<_> = changes
        .map(|change| {
            let change = change.expect("reads");
            let aspects = if let Change::Modified { aspects, .. } = &change { aspects.words() } else { Vec::new() };
            (change.path().to_string(), word(&change), aspects.join(" "))
        })
        .collect();
    let line = |path: &str, change, differs: &str| (path.to_owned(), change, differs.to_owned());
    assert_eq!(
        told,
        [
            line("a/B.txt", "modified", "content"),
            line("a/b", "modified", "meta"),
            line("a-b", "modified", "kind meta"),
            line("l", "modified", "content"),
            line("m", "added", ""),
            line("z", "removed", ""),
        ]
    );
}

fn word(change: &Change) -> &'static str {
    match change {
        Change::Added(_) => "added",
        Change::Removed(_) => "removed",
        Change::Modified { .. } => "modified",
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_diff_is_what_two_maps_differ_in(
        before in proptest::collection::btree_map("[a-c]{1,2}(/[a-c])?", 0_u8..3, 0..12),
        after in proptest::collection::btree_map("[a-c]{1,2}(/[a-c])?", 0_u8..3, 0..12),
    ) {
        let bench = |files: &BTreeMap<String, u8>| {
            let sorted: BTreeMap<EntryPath, u8> = files.iter().map(|(at, content)| (path(at), *content)).collect();
            let mut point = TestPoint::new();
            sorted.iter().for_each(|(at, content)| {
                point.file(&at.to_string(), &[*content]);
            });
            Bench::new(&mut point)
        };
        let (first, second) = (bench(&before), bench(&after));
        let (one, two) = (first.reader(), second.reader());
        let changes: BTreeMap<String, &'static str> =
            diff(list(&one, &first.made.manifest, None), list(&two, &second.made.manifest, None))
                .map(|change| {
                    let change = change.expect("reads");
                    (change.path().to_string(), word(&change))
                })
                .collect();
        let mut expected = BTreeMap::new();
        for at in before.keys().chain(after.keys()) {
            match (before.get(at), after.get(at)) {
                (Some(_), None) => expected.insert(at.clone(), "removed"),
                (None, Some(_)) => expected.insert(at.clone(), "added"),
                (one, two) if one != two => expected.insert(at.clone(), "modified"),
                _ => None,
            };
        }
        prop_assert_eq!(changes, expected);
    }
}

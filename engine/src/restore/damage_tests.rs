//! The damage matrix: every way in which an object can be wrong × every kind of object, at one place and at both.

use std::fs;
use std::path::Path;

use super::testpoint::{JOB, Made, TestPoint, noise};
use super::*;
use crate::destination::memory::{Fault, Faults, MemoryPlace, MemoryStore};
use crate::destination::{Operation, ReadStore};
use crate::model::{DestinationName, ObjectName};

const OPTIONS: TreeOptions = TreeOptions { existing: Existing::Keep, owners: Owners::Recorded };

const FILES: [&str; 4] = ["a/0", "a/1", "b", "c"];

/// Four files in four packs, entries of about one tree pack each.
fn made() -> Made {
    let mut point = TestPoint::new();
    (point.tree_chunk, point.tree_chunks_in_pack) = (150, 1);
    point.folder("a");
    for (seed, name) in (0..).zip(FILES) {
        point.file(name, &noise(seed, 5000));
    }
    point.make()
}

/// One run over places in memory.
fn restored(made: &Made, stores: &[&dyn ReadStore], target: &Path) -> Result<Restored, RestoreError> {
    let names = ["home", "usb", "office"];
    let name = |text: &str| text.parse().unwrap_or_else(|_| DestinationName::home());
    let places: Vec<Place<'_>> =
        stores.iter().zip(names).map(|(store, text)| Place { name: name(text), store: *store }).collect();
    restore(&Request {
        keyring: &made.keyring,
        job: JOB,
        point: made.manifest.name,
        places: &places,
        target,
        paths: &[],
        options: OPTIONS,
        doing: Doing::Write,
        stop: &|| false,
        progress: &|_| {},
    })
}

fn whole(target: &Path) -> Vec<bool> {
    let is_whole =
        |(seed, name): (u64, &str)| fs::read(target.join(name)).is_ok_and(|bytes| bytes == noise(seed, 5000));
    (0..).zip(FILES).map(is_whole).collect()
}

/// Nothing but files under their own names: no half of one, no temporary name.
fn names_below(target: &Path) -> usize {
    let count = |folder: &Path| fs::read_dir(folder).map_or(0, Iterator::count);
    count(target) + count(&target.join("a"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    Delete,
    Truncate,
    Flip,
    Swap,
    Stale,
}

const HARMS: [Harm; 5] = [Harm::Delete, Harm::Truncate, Harm::Flip, Harm::Swap, Harm::Stale];

impl Harm {
    /// Harms `object`; `other` is one of the same kind, `stale` a good object of another point.
    fn to(self, place: &MemoryPlace, object: ObjectName, other: ObjectName, stale: &[u8]) {
        let path = object.path();
        let bytes = place.contents()[&path].len();
        let done = match self {
            Self::Delete => place.lose(&path),
            Self::Truncate => place.truncate(&path, 100),
            Self::Flip => place.flip(&path, bytes as u64 * 8 / 3),
            Self::Swap => place.swap(&path, &other.path()),
            Self::Stale => {
                place.plant(&path, stale);
                true
            }
        };
        assert!(done, "{self:?} {object}");
    }

    fn kind(self) -> DamageKind {
        if self == Self::Delete { DamageKind::Missing } else { DamageKind::Damaged }
    }
}

/// A target, two places with the same point, one of them harmed.
struct Bench {
    made: Made,
    stale: Vec<u8>,
    places: [(MemoryPlace, MemoryStore); 2],
    held: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let made = made();
        let places = [made.in_memory(), made.in_memory()];
        let mut older = TestPoint::new();
        older.folder("a").file("a/0", b"as it was long ago");
        let older = older.make();
        let stale = older.objects[&older.manifest_object()].clone();
        Self { made, stale, places, held: tempfile::tempdir().expect("a temporary folder") }
    }

    /// An object of each kind, and one more of it to be swapped with.
    fn objects(&self) -> [(ObjectName, ObjectName); 3] {
        let (content, tree) = (&self.made.content_packs, &self.made.tree_packs);
        let pack = ObjectName::Pack;
        [
            (pack(content[1]), pack(content[2])),
            (pack(tree[1]), pack(tree[2])),
            (self.made.manifest_object(), pack(content[3])),
        ]
    }

    fn restore(&self) -> Result<Restored, RestoreError> {
        let stores: Vec<&dyn ReadStore> = self.places.iter().map(|(_, store)| store as &dyn ReadStore).collect();
        restored(&self.made, &stores, &self.target())
    }

    fn target(&self) -> std::path::PathBuf {
        self.held.path().join("target")
    }
}

#[test]
fn an_undamaged_point_restores_without_any_alarm() {
    let bench = Bench::new();
    let done = bench.restore().expect("restores");
    assert_eq!((done.exit(), done.files, done.entries, done.bytes), (0, 4, 5, 20_000));
    assert_eq!((done.damage, done.absent, done.problems, done.lost), (vec![], vec![], vec![], vec![]));
    assert_eq!(done.from, [DestinationName::home()]);
    assert_eq!(whole(&bench.target()), [true; 4]);
}

#[test]
fn harm_at_the_first_place_is_told_and_routed_around() {
    for harm in HARMS {
        for kind in 0..3 {
            let bench = Bench::new();
            let (object, other) = bench.objects()[kind];
            harm.to(&bench.places[0].0, object, other, &bench.stale);
            let done = bench.restore().expect("restores");
            let told = (harm, object);
            assert_eq!(done.exit(), 0, "{told:?}: {done:?}");
            assert_eq!(whole(&bench.target()), [true; 4], "{told:?}");
            let found = done.damage.iter().find(|damage| damage.object == object).expect("it is told");
            assert_eq!((&found.place, found.kind), (&DestinationName::home(), harm.kind()), "{told:?}");
            let blamed = |damage: &Damage| damage.object == object || (harm == Harm::Swap && damage.object == other);
            assert!(done.damage.iter().all(blamed), "{told:?}: {:?}", done.damage);
            let usb: DestinationName = "usb".parse().expect("a name");
            assert!(done.from.contains(&usb), "{told:?}: {:?}", done.from);
        }
    }
}

#[test]
fn harm_to_content_everywhere_costs_just_the_files_in_it() {
    for harm in HARMS {
        let bench = Bench::new();
        let (object, other) = bench.objects()[0];
        bench.places.iter().for_each(|(place, _)| harm.to(place, object, other, &bench.stale));
        let done = bench.restore().expect("restores the rest");
        let lost: Vec<&[u8]> = done.lost.iter().map(|lost| lost.path.as_bytes()).collect();
        let swapped = harm == Harm::Swap;
        let expected: Vec<&[u8]> = if swapped { vec![b"a/1", b"b"] } else { vec![b"a/1"] };
        assert_eq!((done.exit(), lost), (4, expected), "{harm:?}");
        assert_eq!(whole(&bench.target()), [true, false, !swapped, true], "{harm:?}");
        assert_eq!(names_below(&bench.target()), if swapped { 3 } else { 4 }, "{harm:?}: nothing half is left");
        assert_eq!(done.damage.len(), if swapped { 4 } else { 2 }, "{harm:?}: {:?}", done.damage);
    }
}

#[test]
fn harm_to_the_entries_everywhere_costs_just_those_in_it_and_says_where() {
    for harm in HARMS {
        let bench = Bench::new();
        let (object, other) = bench.objects()[1];
        bench.places.iter().for_each(|(place, _)| harm.to(place, object, other, &bench.stale));
        let done = bench.restore().expect("restores the rest");
        let chunks = &bench.made.entry_chunks;
        let lost = if harm == Harm::Swap { chunks[1..3].concat() } else { chunks[1].clone() };
        let [gap] = &done.gaps[..] else { panic!("{harm:?}: one gap: {:?}", done.gaps) };
        assert_eq!((done.exit(), gap.cause), (4, Cause::Damage), "{harm:?}");
        assert!(lost.iter().all(|path| gap.between.holds(path)), "{harm:?}: {gap}");
        let expected = FILES.map(|name| !lost.contains(&super::testpoint::path(name)));
        assert!(expected.contains(&true) && expected.contains(&false), "{harm:?}");
        assert_eq!(whole(&bench.target()), expected, "{harm:?}: {gap}");
    }
}

#[test]
fn harm_to_the_manifest_everywhere_is_damage_before_anything_is_made() {
    for harm in HARMS {
        let bench = Bench::new();
        let (object, other) = bench.objects()[2];
        bench.places.iter().for_each(|(place, _)| harm.to(place, object, other, &bench.stale));
        let error = bench.restore().expect_err("no manifest");
        assert!(matches!(&error, RestoreError::NoPlace { tried, damage, .. } if tried.len() == 2 && damage.len() == 2));
        assert_eq!(error.exit(), 4, "{harm:?}");
        assert!(!bench.target().exists());
    }
}

#[test]
fn different_harm_at_two_places_is_healed_between_them() {
    let bench = Bench::new();
    let pack = |at: usize| ObjectName::Pack(bench.made.content_packs[at]).path();
    bench.places[0].0.lose(&pack(0));
    bench.places[0].0.lose(&bench.made.manifest_object().path());
    bench.places[1].0.flip(&pack(1), 1000);
    bench.places[1].0.lose(&ObjectName::Pack(bench.made.tree_packs[0]).path());
    let done = bench.restore().expect("restores");
    assert_eq!(
        (done.exit(), done.damage.len()),
        (0, 2),
        "what the other one lacks is never asked for: {:?}",
        done.damage
    );
    assert_eq!(whole(&bench.target()), [true; 4]);
}

#[test]
fn one_pack_harmed_in_different_chunks_at_each_place_still_gives_every_file() {
    let mut point = TestPoint::new().files_in_pack(2);
    // Content in large chunks, so that each is read by itself.
    let data = |seed| noise(seed, 300_000);
    point.file("x", &data(1)).file("y", &data(2));
    let made = point.make();
    let places = [made.in_memory(), made.in_memory()];
    let object = ObjectName::Pack(made.content_packs[0]).path();
    assert!(places[0].0.flip(&object, 100_000 * 8) && places[1].0.flip(&object, 400_000 * 8));
    let held = tempfile::tempdir().expect("a temporary folder");
    let target = held.path().join("target");
    let done = restored(&made, &[&places[0].1, &places[1].1], &target).expect("restores");
    assert_eq!((done.exit(), done.damage.len()), (0, 2), "both are told");
    assert_eq!(fs::read(target.join("x")).expect("there"), data(1));
    assert_eq!(fs::read(target.join("y")).expect("there"), data(2));
}

#[test]
fn a_lost_list_of_packs_costs_nothing_while_the_places_can_be_listed() {
    let bench = Bench::new();
    let list = ObjectName::Pack(*bench.made.tree_packs.last().expect("the list's own pack")).path();
    bench.places.iter().for_each(|(place, _)| assert!(place.lose(&list)));
    let done = bench.restore().expect("restores");
    assert_eq!((done.exit(), done.damage.len()), (0, 2));
    assert_eq!(whole(&bench.target()), [true; 4]);
}

#[test]
fn a_pulled_drive_is_no_damage_and_the_other_one_serves() {
    let bench = Bench::new();
    bench.places[0].0.unplug();
    let done = bench.restore().expect("restores");
    assert_eq!((done.exit(), done.damage.len(), done.absent.len()), (0, 0, 1));
    assert_eq!(whole(&bench.target()), [true; 4]);
    let nothing = Bench::new();
    nothing.places.iter().for_each(|(place, _)| place.unplug());
    let error = nothing.restore().expect_err("nothing is there");
    assert_eq!(error.exit(), 1);
}

#[test]
fn a_place_that_fails_for_a_while_is_given_up_and_one_that_fails_for_good_is_damaged() {
    for (fault, damaged) in [(Fault::Transient, false), (Fault::Failed, true), (Fault::Refused, false)] {
        let bench = Bench::new();
        bench.places[0].0.set_faults(Faults::none().with(Operation::Read, fault, 1000));
        let done = bench.restore().expect("restores");
        assert_eq!((done.exit(), done.damage.is_empty()), (0, !damaged), "{fault:?}");
        assert!(done.damage.iter().all(|damage| damage.kind == DamageKind::Unreadable));
        assert_eq!(whole(&bench.target()), [true; 4]);
        assert_eq!(done.absent.len(), usize::from(fault == Fault::Transient), "{fault:?}");
    }
}

#[test]
fn a_drive_pulled_in_the_middle_loses_files_to_its_absence_and_not_to_damage() {
    let bench = Bench::new();
    let places = [Place { name: DestinationName::home(), store: &bench.places[0].1 }];
    let target = bench.target();
    let seen = std::cell::Cell::new(0);
    let done = restore(&Request {
        keyring: &bench.made.keyring,
        job: JOB,
        point: bench.made.manifest.name,
        places: &places,
        target: &target,
        paths: &[],
        options: OPTIONS,
        doing: Doing::Write,
        stop: &|| {
            // Before the first batch is taken: the reading half is then anywhere in its first batch.
            if seen.replace(seen.get() + 1) == 0 {
                bench.places[0].0.unplug();
            }
            false
        },
        progress: &|_| {},
    });
    let done = done.expect("what was read before is written");
    assert!(matches!(done.exit(), 0 | 1 | 3), "never damage: {done:?}");
    assert_eq!(done.damage, []);
}

#[test]
fn a_file_that_is_not_what_was_captured_is_lost_and_the_point_blamed() {
    let mut point = TestPoint::new();
    point.file("a", b"good").file("b", b"other").with_wrong_digest().file("c", b"good");
    let made = point.make();
    let (_, store) = made.in_memory();
    let held = tempfile::tempdir().expect("a temporary folder");
    let done = restored(&made, &[&store], held.path()).expect("restores the rest");
    assert_eq!((done.exit(), done.files, done.lost.len()), (4, 2, 1));
    assert_eq!(done.damage[0].object, made.manifest_object());
    assert!(!held.path().join("b").exists() && held.path().join("c").exists());
}

#[test]
fn a_further_name_of_a_lost_file_is_lost_too_even_over_an_old_one() {
    let mut point = TestPoint::new();
    point.file("a", &noise(1, 100)).hard_link("b", "a").file("c", b"good").hard_link("d", "c");
    let made = point.make();
    let (place, store) = made.in_memory();
    place.lose(&ObjectName::Pack(made.content_packs[0]).path());
    let held = tempfile::tempdir().expect("a temporary folder");
    fs::write(held.path().join("a"), b"from before").expect("writable");
    let places = [Place { name: DestinationName::home(), store: &store }];
    let done = restore(&Request {
        keyring: &made.keyring,
        job: JOB,
        point: made.manifest.name,
        places: &places,
        target: held.path(),
        paths: &[],
        options: TreeOptions { existing: Existing::Replace, owners: Owners::Recorded },
        doing: Doing::Write,
        stop: &|| false,
        progress: &|_| {},
    })
    .expect("restores the rest");
    let lost: Vec<&[u8]> = done.lost.iter().map(|lost| lost.path.as_bytes()).collect();
    assert_eq!((done.exit(), lost, done.files), (4, vec![&b"a"[..], b"b"], 2));
    assert!(!held.path().join("b").exists(), "no link to what lay there before");
}

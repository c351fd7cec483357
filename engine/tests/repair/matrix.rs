//! {delete, truncate, flip, swap, stale} × every kind of object × {home, a destination}.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use engine::command::{Exit, Repair};
use engine::model::PointId;
use engine::report::{DamagedObject, VerifyReport};

use crate::bench::Bench;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    Delete,
    Truncate,
    Flip,
    Swap,
    Stale,
}

const HARMS: [Harm; 5] = [Harm::Delete, Harm::Truncate, Harm::Flip, Harm::Swap, Harm::Stale];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// The pack with the second file's content: of the newer point only.
    Content,
    /// The pack with the newer point's entries.
    Tree,
    /// The newer point's manifest.
    Manifest,
    Vault,
    VaultCopy,
    Keys,
    /// The newest head.
    Head,
    Restore,
}

const KINDS: [What; 8] =
    [What::Content, What::Tree, What::Manifest, What::Vault, What::VaultCopy, What::Keys, What::Head, What::Restore];

/// Where the object lies, and another of its kind.
fn object(bench: &Bench, place: &str, what: What) -> (PathBuf, Option<PathBuf>) {
    let alone = |name: &str| (bench.path(place).join(name), None);
    match what {
        What::Vault => alone("VAULT"),
        What::VaultCopy => alone("VAULT.copy"),
        What::Restore => alone("RESTORE.txt"),
        What::Keys => (bench.files(&format!("{place}/keys")).remove(0), None),
        What::Head => last_two(bench.files(&format!("{place}/heads"))),
        What::Manifest => last_two(bench.files(&format!("{place}/points"))),
        What::Content | What::Tree => packs(bench, place, what),
    }
}

fn last_two(mut files: Vec<PathBuf>) -> (PathBuf, Option<PathBuf>) {
    (files.pop().expect("one at least"), files.pop())
}

/// The packs of the newer point, the bigger one with content, the smaller one with entries; and one of the older point.
fn packs(bench: &Bench, place: &str, what: What) -> (PathBuf, Option<PathBuf>) {
    let catalog = bench.catalog();
    let media = catalog.media().expect("read");
    let medium = media.iter().find(|medium| medium.destination.as_str() == place).expect("known").vault;
    let newest = catalog.points().expect("read").last().expect("one").order;
    let all = catalog.packs_at(medium).expect("read");
    let path =
        |id: &engine::model::PackId| bench.path(place).join(engine::model::ObjectName::Pack(*id).path().as_str());
    let first = |newer: bool| {
        all.iter().filter(move |(_, row, _)| row.used.is_some_and(|used| (used.first == newest) == newer))
    };
    let by_size = |newer: bool| {
        let mut rows: Vec<_> = first(newer).map(|(_, row, _)| (row.bytes, path(&row.id))).collect();
        rows.sort();
        rows
    };
    let (newer, older) = (by_size(true), by_size(false));
    let wanted = if what == What::Content { newer.last() } else { newer.first() };
    (wanted.expect("a pack of its own").1.clone(), older.first().map(|(_, path)| path.clone()))
}

fn harm(path: &Path, other: Option<&Path>, harm: Harm) -> bool {
    let bytes = fs::read(path).expect("there");
    match (harm, other) {
        (Harm::Delete, _) => fs::remove_file(path).expect("deleted"),
        (Harm::Truncate, _) => fs::write(path, &bytes[..bytes.len() / 2]).expect("written"),
        (Harm::Flip, _) => {
            let mut bytes = bytes;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
            fs::write(path, bytes).expect("written");
        }
        (Harm::Swap, Some(other)) => {
            fs::write(path, fs::read(other).expect("there")).expect("written");
            fs::write(other, bytes).expect("written");
        }
        (Harm::Stale, Some(other)) => fs::write(path, fs::read(other).expect("there")).expect("written"),
        // There is one only, and it is written once: no other and no older one to mistake for it.
        (Harm::Swap | Harm::Stale, None) => return false,
    }
    true
}

fn damaged(report: &VerifyReport) -> Vec<&DamagedObject> {
    report.places.iter().flat_map(|place| &place.damaged).collect()
}

fn ids(bench: &Bench) -> Vec<PointId> {
    bench.catalog().points().expect("read").iter().map(|point| point.id).collect()
}

fn case(original: &Bench, place: &str, what: What, how: Harm) {
    let name = format!("{how:?} {what:?} at {place}");
    let bench = original.copy();
    let points = ids(&bench);
    let (path, other) = object(&bench, place, what);
    if !harm(&path, other.as_deref(), how) {
        return;
    }
    let (report, exit) = bench.verify(Repair::No);
    assert_eq!(exit, Exit::Damage, "{name}: {report:?}");
    assert!(report.not_there.is_empty(), "{name}: {report:?}");
    let below = path.strip_prefix(bench.path(place)).expect("inside").to_string_lossy().into_owned();
    let found = damaged(&report);
    let hit =
        found.iter().find(|object| below.starts_with(&object.object)).unwrap_or_else(|| panic!("{name}: {found:?}"));
    let wanted: BTreeSet<PointId> = match what {
        What::Content | What::Tree | What::Manifest => BTreeSet::from([points[1]]),
        What::Keys => points.iter().copied().collect(),
        _ => BTreeSet::new(),
    };
    assert_eq!(hit.points.iter().copied().collect::<BTreeSet<_>>(), wanted, "{name}: names what it affects");
    assert_eq!(found.len(), if how == Harm::Swap { 2 } else { 1 }, "{name}: nothing else is blamed: {found:?}");

    let (report, exit) = bench.verify(Repair::Yes);
    assert_eq!(exit, Exit::Done, "{name}: {report:?}");
    assert!(damaged(&report).iter().all(|object| object.healed), "{name}");
    assert!(!damaged(&report).is_empty(), "{name}: what was healed is told");

    let (report, exit) = bench.verify(Repair::No);
    assert_eq!((exit, damaged(&report).len()), (Exit::Done, 0), "{name}: {report:?}");
    everything_is_complete(&bench, &name);
}

fn everything_is_complete(bench: &Bench, name: &str) {
    let catalog = bench.catalog();
    for medium in catalog.media().expect("read") {
        for (order, row) in catalog.placements_at(medium.vault).expect("read") {
            assert_eq!(row.state, engine::model::State::Complete, "{name}: {order} at {}", medium.destination);
            assert!(row.proof >= engine::model::Proof::BytesRead, "{name}: {order} at {}", medium.destination);
        }
    }
}

fn matrix(place: &str) {
    let original = Bench::made();
    let cases: Vec<(What, Harm)> = KINDS.iter().flat_map(|what| HARMS.map(|harm| (*what, harm))).collect();
    let left = Mutex::new(cases);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("not poisoned").pop();
                    let Some((what, harm)) = next else { return };
                    case(&original, place, what, harm);
                }
            });
        }
    });
}

#[test]
fn every_harm_to_every_object_at_home_is_found_named_and_healed() {
    matrix("home");
}

#[test]
fn every_harm_to_every_object_at_a_destination_is_found_named_and_healed() {
    matrix("usb");
}

#[test]
fn a_sound_vault_has_no_flaw_and_is_proved_to_its_bytes() {
    let bench = Bench::made();
    for repair in [Repair::No, Repair::Yes, Repair::No] {
        let (report, exit) = bench.verify(repair);
        assert_eq!((exit, damaged(&report).len(), report.places.len()), (Exit::Done, 0, 3), "{report:?}");
        everything_is_complete(&bench, "sound");
    }
}

#[test]
fn what_is_damaged_everywhere_stays_damaged_and_is_named() {
    let bench = Bench::made();
    let points = ids(&bench);
    for place in ["home", "usb", "office"] {
        let (path, _) = object(&bench, place, What::Content);
        harm(&path, None, Harm::Flip);
    }
    let (report, exit) = bench.verify(Repair::Yes);
    assert_eq!(exit, Exit::Damage);
    let found = damaged(&report);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|object| !object.healed && object.points == [points[1]]), "{found:?}");
    assert_eq!(bench.files("home/packs"), bench.copy_of_files(), "no damaged object was deleted");
}

#[test]
fn a_pack_damaged_at_home_is_stored_again_by_the_next_capture() {
    let bench = Bench::made();
    for place in ["home", "usb", "office"] {
        let (path, _) = object(&bench, place, What::Content);
        harm(&path, None, Harm::Flip);
    }
    assert_eq!(bench.verify(Repair::No).1, Exit::Damage);
    bench.run_once_whatever();
    let catalog = bench.catalog();
    let home = catalog.meta().expect("read").home.expect("known");
    let newest = catalog.points().expect("read").pop().expect("one");
    let placed = catalog.placement(home, newest.order).expect("read").expect("there");
    assert_eq!(placed.state, engine::model::State::Complete);
    assert!(newest.stored_bytes > 250_000, "its chunks were stored again: {}", newest.stored_bytes);
}

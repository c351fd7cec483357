//! Seeds: what travels is kept where it goes and where it comes from, and nobody sends it.

use super::*;
use crate::model::SeedId;

const SEED: SeedId = SeedId([0x5e; 8]);

fn numbers(catalog: &Catalog, packs: &[u64]) -> Vec<PackNo> {
    catalog.pack_numbers(&packs.iter().map(|&n| pack_id(n)).collect::<Vec<_>>()).expect("known")
}

fn drive_of<'a>(packs: &'a [PackNo], points: &'a [PointOrder]) -> NewSeedDrive<'a> {
    NewSeedDrive { seed: SEED, medium: OFFICE, place: "/media/post", packs, points, now: at(11) }
}

/// Two points of two packs each, the second one's shared; the first one's packs travel to `OFFICE`.
fn travelling() -> (tempfile::TempDir, Catalog, [PointOrder; 2]) {
    let (folder, catalog) = on_disk();
    let first = capture(&catalog, &[1, 2], &[], None).expect("made");
    let second = capture(&catalog, &[3], &[2], None).expect("made");
    let packs = numbers(&catalog, &[1, 2]);
    let (drive, taken) = catalog.add_seed_drive(&drive_of(&packs, &[first])).expect("added");
    assert_eq!((drive.number, drive.packs, drive.bytes, taken), (1, 2, 200, packs));
    (folder, catalog, [first, second])
}

fn begin(catalog: &Catalog, to: VaultId, point: PointOrder, packs: &[u64]) -> CopyWork {
    let packs = numbers(catalog, packs);
    catalog.begin_copy(&NewCopy { from: HOME, to, point, packs: &packs, expected: None, now: at(12) }).expect("begun")
}

#[test]
fn what_travels_is_sent_by_nobody_and_only_to_where_it_travels() {
    let (_folder, catalog, [_, second]) = travelling();
    let work = begin(&catalog, OFFICE, second, &[2, 3]);
    assert_eq!((work.absent, work.travelling), (numbers(&catalog, &[3]), numbers(&catalog, &[2])));
    assert_eq!(begin(&catalog, USB, second, &[2, 3]).travelling, []);
    let snapshot = catalog.snapshot().expect("read");
    assert_eq!(snapshot.travelling[&OFFICE].iter().copied().collect::<Vec<_>>(), numbers(&catalog, &[1, 2]));
    assert_eq!(snapshot.travelling[&USB].len(), 0);
    // A pack travels once.
    let (packs, points) = (numbers(&catalog, &[1, 2, 3]), [second]);
    let new = drive_of(&packs, &points);
    assert_eq!(catalog.add_seed_drive(&new).expect("added").1, numbers(&catalog, &[3]));
}

#[test]
fn d1_and_d9_hold_while_it_is_open_and_its_points_stay_at_home() {
    let (_folder, catalog, [first, second]) = travelling();
    assert!(is_refused(&catalog.mark_unreferenced(OFFICE), "D-9"));
    catalog.mark_unreferenced(HOME).expect("home is swept");
    assert!(matches!(withheld(&catalog, &removal(HOME, &[first])), Withheld::Reserved));
    // It came, and counts: as any other that a point there needs.
    let arrived: Vec<_> = numbers(&catalog, &[1, 2]).into_iter().map(|pack| (pack, Some(read_back(20)))).collect();
    catalog.packs_arrived(OFFICE, &arrived).expect("recorded");
    assert_eq!(catalog.snapshot().expect("read").travelling[&OFFICE].len(), 0);
    assert_eq!(copy(&catalog, OFFICE, second, &[2, 3]).expect("copied"), State::Complete);
    let marked = mark(&catalog, &removal(OFFICE, &[second]));
    assert_eq!(marked.packs, numbers(&catalog, &[3]), "what is reserved stays");
    assert_eq!(copy(&catalog, OFFICE, first, &[1, 2]).expect("copied"), State::Complete);
    catalog.close_seed(SEED, at(30)).expect("over");
    assert_eq!(catalog.snapshot().expect("read").reservations.len(), 0);
    mark(&catalog, &removal(HOME, &[first]));
    catalog.check().expect("sound");
}

#[test]
fn one_that_is_forgotten_leaves_nothing_behind() {
    let (_folder, catalog, [first, second]) = travelling();
    assert!(is_refused(&catalog.begin_seed(SeedId([1; 8]), OFFICE, at(12)), "D-1"), "one at a time");
    catalog.unload_seed_drive(SEED, 1, &numbers(&catalog, &[2])).expect("unloaded");
    assert_eq!(begin(&catalog, OFFICE, second, &[2, 3]).travelling, []);
    catalog.forget_seed(SEED, at(20)).expect("given up");
    assert_eq!(catalog.seeds().expect("read"), []);
    assert_eq!(begin(&catalog, OFFICE, first, &[1, 2]).absent, numbers(&catalog, &[1, 2]));
    let snapshot = catalog.snapshot().expect("read");
    assert!(snapshot.reservations.values().all(|row| !matches!(row.owner, Owner::Seed { .. })));
    catalog.begin_seed(SeedId([1; 8]), OFFICE, at(21)).expect("another one");
}

#[test]
fn one_that_a_head_tells_of_keeps_its_medium_from_being_swept() {
    let (_folder, catalog) = on_disk();
    catalog.know_seed(SEED, OFFICE, at(5)).expect("known");
    catalog.know_seed(SEED, OFFICE, at(6)).expect("told again");
    catalog.know_seed(SeedId([1; 8]), VaultId([0x77; 16]), at(6)).expect("of a medium that nobody knows");
    assert_eq!(catalog.seeds().expect("read").len(), 1);
    assert!(is_refused(&catalog.mark_unreferenced(OFFICE), "D-9"));
}

/// What only the receipt tells of is there without evidence: a manifest may name it, and the point is `present`.
#[test]
fn what_came_and_was_not_read_makes_no_point_complete() {
    let (_folder, catalog, [first, _]) = travelling();
    let packs = numbers(&catalog, &[1, 2]);
    catalog.packs_arrived(OFFICE, &[(packs[0], Some(read_back(20))), (packs[1], None)]).expect("recorded");
    assert_eq!(begin(&catalog, OFFICE, first, &[1, 2]).unproven, packs[1..], "nobody has looked into the drive");
    catalog.fail_copy(OFFICE, first, Leftover::NoManifest, ("", at(21))).expect("ended");
    catalog.update_seed_drive(SEED, 1, &|drive| drive.state = SeedState::Verified).expect("known");
    assert_eq!(begin(&catalog, OFFICE, first, &[1, 2]).unproven, []);
    let settle = || catalog.settle_point(OFFICE, first, &packs, Some(read_back(22)), at(22)).expect("settled");
    assert_eq!(settle(), State::Present);
    catalog.packs_arrived(OFFICE, &[(packs[1], Some(read_back(23)))]).expect("recorded");
    assert_eq!(settle(), State::Complete);
}

#[test]
fn what_a_drive_brought_and_was_lost_there_is_sent() {
    let (_folder, catalog, [_, second]) = travelling();
    let packs = numbers(&catalog, &[1, 2]);
    catalog.packs_arrived(OFFICE, &packs.iter().map(|pack| (*pack, None)).collect::<Vec<_>>()).expect("recorded");
    catalog.update_seed_drive(SEED, 1, &|drive| drive.state = SeedState::Verified).expect("known");
    let object = ObjectName::Pack(pack_id(2));
    let found = Found { medium: OFFICE, object: &object, finding: Finding::Missing, naming: &Naming::All, now: at(21) };
    catalog.found_damaged(&found).expect("noted");
    assert_eq!(begin(&catalog, OFFICE, second, &[2, 3]).absent, numbers(&catalog, &[2, 3]));
    assert_eq!(catalog.snapshot().expect("read").travelling[&OFFICE].len(), 0);
    // Or it goes onto one more drive.
    assert_eq!(catalog.add_seed_drive(&drive_of(&packs, &[second])).expect("added").1, packs[1..]);
    assert_eq!(catalog.snapshot().expect("read").travelling[&OFFICE].len(), 1);
}

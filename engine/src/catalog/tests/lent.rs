//! What home no longer has and a point there names all the same: lent by media that have it, reserved there (D-1, D-2).

use super::*;
use crate::model::Proof;

fn rules(catalog: &Catalog) -> RemovalRules {
    let planned = catalog.generation().expect("read");
    RemovalRules { keep_at_least: 0, last_copy: LastCopy::MayGo, planned }
}

fn number(catalog: &Catalog, pack: u64) -> PackNo {
    catalog.pack_by_id(&pack_id(pack)).expect("read").expect("known").0
}

fn state_at(catalog: &Catalog, medium: VaultId, point: PointOrder) -> State {
    catalog.placement(medium, point).expect("read").expect("known").state
}

/// All that was marked goes.
fn goes(catalog: &Catalog, medium: VaultId, marked: &Marked) {
    marked.points.iter().for_each(|point| catalog.point_gone(medium, *point).expect("gone"));
    marked.packs.iter().for_each(|pack| catalog.pack_gone(medium, *pack).expect("gone"));
}

fn leaves_home(catalog: &Catalog, point: PointOrder) {
    let removal = Removal::Spooled { reason: "spool".to_owned() };
    let guards = Guards::Rules(rules(catalog));
    let (points, expected) = ([point], None);
    let new = NewRemoval { medium: HOME, points: &points, removal, incoming: None, guards, expected, now: at(20) };
    let marked = mark(catalog, &new);
    goes(catalog, HOME, &marked);
}

/// A point of two packs that has left home; complete at these media.
fn passed(catalog: &Catalog, media: &[VaultId]) -> PointOrder {
    let point = capture(catalog, &[1, 2], &[], None).expect("made");
    for medium in media {
        copy(catalog, *medium, point, &[1, 2]).expect("copied");
    }
    leaves_home(catalog, point);
    point
}

/// Captures a point of a new pack and these, which are lent.
fn borrowing(catalog: &Catalog, lenders: &[VaultId], lent: &[u64]) -> Result<PointOrder> {
    let capture = catalog.begin_capture("capture-1")?;
    let begun = catalog.begin_borrowing("capture-1", lenders)?;
    let order = catalog.take_order()?;
    let borrowed: Vec<PackNo> = lent.iter().map(|pack| number(catalog, *pack)).collect();
    assert_eq!(catalog.borrow_packs(&begun, &borrowed)?, []);
    let new = catalog.add_pack(capture, &new_pack(9), at(15))?;
    let packs = borrowed.into_iter().chain([new]).collect();
    let (point, owed) = (point_row(order, None), vec![USB, OFFICE]);
    let (declined, adopted, now) = (Vec::new(), None, at(16));
    catalog.commit_point(capture, &NewPoint { point, packs, lent: begun, owed, declined, adopted, now })?;
    Ok(order)
}

fn damaged_at(catalog: &Catalog, medium: VaultId, pack: u64) {
    let (object, naming) = (ObjectName::Pack(pack_id(pack)), Naming::All);
    let found = Found { medium, object: &object, finding: Finding::Damaged, naming: &naming, now: at(30) };
    catalog.found_damaged(&found).expect("recorded");
}

#[test]
fn what_is_lent_stays_where_it_lies_until_the_point_has_left_home() {
    let (_folder, catalog) = on_disk();
    let first = passed(&catalog, &[USB]);
    let ids = [chunk_id(1, 0), chunk_id(2, 1)];
    assert_eq!(catalog.find_chunks(GROUP, &ids).expect("read"), [None, None], "home has neither");
    assert!(catalog.find_lent_chunks(USB, GROUP, &ids).expect("read").iter().all(Option::is_some));
    assert_eq!(catalog.find_lent_chunks(OFFICE, GROUP, &ids).expect("read"), [None, None]);
    let point = borrowing(&catalog, &[USB], &[1]).expect("made");
    assert_eq!(state_at(&catalog, HOME, point), State::Present, "not all of it is at home");
    assert_eq!(catalog.lenders(point).expect("read"), [USB]);
    assert_eq!(catalog.borrowed(HOME, point).expect("read"), [number(&catalog, 1)].into());
    assert_eq!(catalog.drop_stale(&|_| false).expect("looked"), [], "durable: no process holds it");
    let marked = mark(&catalog, &removal(USB, &[first]));
    assert_eq!(marked.packs, [number(&catalog, 2)], "what nobody relies on goes");
    goes(&catalog, USB, &marked);
    assert_eq!(catalog.mark_unreferenced(USB).expect("marked"), Marked::default());
    assert_eq!(copy(&catalog, USB, point, &[1, 9]).expect("copied"), State::Complete);
    leaves_home(&catalog, point);
    assert_eq!(catalog.lenders(point).expect("read"), []);
    assert_eq!(mark(&catalog, &removal(USB, &[point])).packs.len(), 2);
}

#[test]
fn only_what_is_there_with_evidence_is_lent() {
    let (_folder, catalog) = on_disk();
    passed(&catalog, &[USB, OFFICE]);
    let chunk = [chunk_id(1, 0)];
    let is_lent = |at| catalog.find_lent_chunks(at, GROUP, &chunk).expect("read")[0].is_some();
    assert!(is_lent(USB) && is_lent(OFFICE));
    let begun = catalog.begin_borrowing("capture-1", &[USB, OFFICE]).expect("begun");
    let pack = number(&catalog, 1);
    catalog.distrust(OFFICE, "set back", at(21)).expect("noted");
    assert!(!is_lent(OFFICE), "its evidence is gone");
    assert_eq!(catalog.borrow_packs(&begun, &[pack]).expect("borrowed"), []);
    assert_eq!(catalog.reservations().expect("read").len(), 1, "the other one lends nothing more");
    assert_eq!(catalog.drop_stale(&|_| false).expect("looked").len(), 1, "the capture's process is gone");
    damaged_at(&catalog, USB, 1);
    assert!(!is_lent(USB));
    let begun = catalog.begin_borrowing("capture-2", &[USB]).expect("begun");
    assert_eq!(catalog.borrow_packs(&begun, &[pack]).expect("asked"), [pack]);
    catalog.update_medium(USB, &|row| row.same_disk = true).expect("changed");
    assert!(matches!(catalog.begin_borrowing("capture-3", &[USB]), Err(CatalogError::Refused { .. })));
    assert!(matches!(catalog.begin_borrowing("capture-3", &[HOME]), Err(CatalogError::Refused { .. })));
}

#[test]
fn what_is_marked_for_deletion_is_not_lent() {
    let (_folder, catalog) = on_disk();
    let first = passed(&catalog, &[USB]);
    let begun = catalog.begin_borrowing("capture-1", &[USB]).expect("begun");
    mark(&catalog, &removal(USB, &[first]));
    let pack = number(&catalog, 1);
    assert_eq!(catalog.borrow_packs(&begun, &[pack]).expect("asked"), [pack]);
}

/// The medium lost what was borrowed before the point was committed.
#[test]
fn a_point_is_not_made_of_what_nobody_lends_any_more() {
    let (_folder, catalog) = on_disk();
    passed(&catalog, &[USB]);
    let capture = catalog.begin_capture("capture-1").expect("begun");
    let begun = catalog.begin_borrowing("capture-1", &[USB]).expect("begun");
    let pack = number(&catalog, 1);
    assert_eq!(catalog.borrow_packs(&begun, &[pack]).expect("borrowed"), []);
    catalog.distrust(USB, "set back", at(21)).expect("noted");
    let point = point_row(catalog.take_order().expect("taken"), None);
    let (declined, adopted, now, owed) = (Vec::new(), None, at(16), vec![USB]);
    let new = NewPoint { point, packs: vec![pack], lent: begun, owed, declined, adopted, now };
    assert!(matches!(catalog.commit_point(capture, &new), Err(CatalogError::Refused { .. })));
}

#[test]
fn a_point_is_damaged_at_home_when_its_last_lender_fails_and_is_lent_to_again() {
    let (_folder, catalog) = on_disk();
    passed(&catalog, &[USB, OFFICE]);
    let point = borrowing(&catalog, &[USB, OFFICE], &[1]).expect("made");
    assert_eq!(catalog.lenders(point).expect("read"), [USB, OFFICE]);
    damaged_at(&catalog, USB, 1);
    assert_eq!(
        (state_at(&catalog, HOME, point), catalog.lenders(point).expect("read")),
        (State::Present, vec![OFFICE])
    );
    damaged_at(&catalog, OFFICE, 1);
    assert_eq!(state_at(&catalog, HOME, point), State::Damaged);
    let packs = [number(&catalog, 1), number(&catalog, 9)];
    assert!(!catalog.lend_again(point, &packs, &[USB, OFFICE], at(31)).expect("asked"), "nobody has it");
    catalog.healed(OFFICE, &ObjectName::Pack(pack_id(1)), read_back(32)).expect("healed");
    assert!(catalog.lend_again(point, &packs, &[USB, OFFICE], at(33)).expect("asked"));
    assert_eq!(
        (state_at(&catalog, HOME, point), catalog.lenders(point).expect("read")),
        (State::Present, vec![OFFICE])
    );
    catalog.update_medium(OFFICE, &|row| row.retired = Some(at(34))).expect("retired");
    assert_eq!(state_at(&catalog, HOME, point), State::Damaged, "what is given up is nothing to rely on");
}

/// What is lent is not missing at home, whoever looks; and the point is never complete there.
#[test]
fn a_look_at_home_does_not_miss_what_is_lent() {
    let (_folder, catalog) = on_disk();
    passed(&catalog, &[USB]);
    let point = borrowing(&catalog, &[USB], &[1]).expect("made");
    let (object, naming) = (ObjectName::Pack(pack_id(1)), Naming::All);
    let found = Found { medium: HOME, object: &object, finding: Finding::Missing, naming: &naming, now: at(30) };
    assert_eq!(catalog.found_damaged(&found).expect("looked"), []);
    let packs = [number(&catalog, 1), number(&catalog, 9)];
    let state = catalog.settle_point(HOME, point, &packs, Some(read_back(31)), at(31)).expect("settled");
    assert_eq!(state, State::Present);
    let row = catalog.placement(HOME, point).expect("read").expect("known");
    assert_eq!((row.proof, row.verified), (Proof::Present, None));
    damaged_at(&catalog, HOME, 9);
    assert_eq!(state_at(&catalog, HOME, point), State::Damaged, "what home should have is missed");
}

/// A capture was killed after its manifest was written and before the catalog knew.
#[test]
fn a_manifest_that_is_read_in_at_home_is_lent_what_home_lacks() {
    let (_folder, catalog) = on_disk();
    passed(&catalog, &[USB]);
    let capture = catalog.begin_capture("capture-1").expect("begun");
    catalog.add_pack(capture, &new_pack(9), at(15)).expect("added");
    let point = point_row(catalog.take_order().expect("taken"), None);
    catalog.drop_stale(&|_| false).expect("its process is gone");
    let bad = catalog.read_in_bad(HOME, pack_id(1), GROUP, Finding::Missing).expect("read in");
    let packs = [bad, number(&catalog, 9)];
    let state = catalog.read_in_point(HOME, &point, PackList::Whole(&packs), at(17)).expect("read in");
    assert_eq!((state, catalog.lenders(point.order).expect("read")), (State::Present, vec![USB]));
    assert_eq!(catalog.borrowed(HOME, point.order).expect("read"), [bad].into());
    let lost = point_row(catalog.take_order().expect("taken"), None);
    let gone = catalog.read_in_bad(HOME, pack_id(7), GROUP, Finding::Missing).expect("read in");
    let state = catalog.read_in_point(HOME, &lost, PackList::Whole(&[gone]), at(18)).expect("read in");
    assert_eq!(state, State::Damaged, "nobody has it");
}

//! The rules of DESIGN 5.2, as far as the catalog can hold them, each by its number.

use super::*;
use crate::model::Proof;

#[test]
fn a_copy_that_broke_off_and_a_missing_point_are_given_up_when_declined() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    let packs = catalog.pack_numbers(&[pack_id(1)]).expect("known");
    let new = NewCopy { from: HOME, to: USB, point, packs: &packs, expected: None, now: at(7) };
    catalog.begin_copy(&new).expect("begun");
    catalog.decline(USB, &[point], "not wanted", at(8)).expect("declined");
    let state = |vault| catalog.placement(vault, point).expect("read").map(|row| row.state);
    assert_eq!((state(USB), catalog.reservations().expect("read")), (Some(State::NotWanted), Vec::new()));
    copy(&catalog, OFFICE, point, &[1]).expect("copied");
    catalog.decline(OFFICE, &[point], "not wanted", at(9)).expect("nothing to do");
    assert_eq!(state(OFFICE), Some(State::Complete));
    let object = catalog.point(point).expect("read").expect("known").manifest();
    let found = Found { medium: OFFICE, object: &object, finding: Finding::Missing, naming: &Naming::All, now: at(10) };
    catalog.found_damaged(&found).expect("recorded");
    catalog.decline(OFFICE, &[point], "not wanted", at(11)).expect("declined");
    assert_eq!(state(OFFICE), Some(State::NotWanted));
}

#[test]
fn a_copy_that_broke_off_after_its_manifest_keeps_its_packs() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    let packs = catalog.pack_numbers(&[pack_id(1)]).expect("known");
    let new = NewCopy { from: HOME, to: USB, point, packs: &packs, expected: None, now: at(7) };
    catalog.begin_copy(&new).expect("begun");
    catalog.pack_arrived(USB, packs[0], Some(read_back(8))).expect("sent");
    let row = catalog.point(point).expect("read").expect("known");
    assert_eq!(catalog.read_in_point(USB, &row, PackList::Whole(&packs), at(9)).expect("read in"), State::Present);
    catalog.decline(USB, &[point], "not wanted", at(10)).expect("it is there");
    assert_eq!(catalog.mark_unreferenced(USB).expect("marked").packs, []);
    assert_eq!(catalog.reservations().expect("read"), []);
}

#[test]
fn a_damaged_copy_is_begun_again_and_one_that_is_being_removed_is_not() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1, 2], &[], None).expect("made");
    assert_eq!(copy(&catalog, USB, point, &[1, 2]).expect("copied"), State::Complete);
    assert!(is_refused(&copy(&catalog, USB, point, &[1, 2]), "5.2"), "it is there");
    let object = pack_object(2);
    let found = Found { medium: USB, object: &object, finding: Finding::Damaged, naming: &Naming::All, now: at(10) };
    assert_eq!(catalog.found_damaged(&found).expect("recorded"), [point]);
    assert_eq!(copy(&catalog, USB, point, &[1, 2]).expect("copied again"), State::Complete);
    catalog.found_damaged(&found).expect("recorded");
    mark(&catalog, &removal(USB, &[point]));
    assert!(is_refused(&copy(&catalog, USB, point, &[1, 2]), "5.2"), "it is on its way out");
}

fn packs(catalog: &Catalog, names: &[u64]) -> Vec<PackNo> {
    catalog.pack_numbers(&names.iter().map(|&n| pack_id(n)).collect::<Vec<_>>()).expect("known")
}

#[test]
fn d1_a_pack_that_another_point_may_use_is_not_marked() {
    let (_folder, catalog) = on_disk();
    let first = capture(&catalog, &[1, 2], &[], None).expect("made");
    let second = capture(&catalog, &[3], &[], None).expect("made");
    let third = capture(&catalog, &[4], &[1], None).expect("made");
    let marked = remove(&catalog, HOME, &[first]).expect("removed");
    assert_eq!(marked.packs, packs(&catalog, &[2]), "pack 1 is the third's");
    let marked = remove(&catalog, HOME, &[third]).expect("removed");
    assert_eq!(marked.packs, packs(&catalog, &[4]), "the second lies within pack 1's interval");
    let marked = remove(&catalog, HOME, &[second]).expect("removed");
    assert_eq!(marked.packs, packs(&catalog, &[1, 3]));
    assert_eq!(catalog.usage(HOME).expect("known"), UsageRow::default());
}

#[test]
fn d1_a_pack_of_a_point_that_is_being_copied_there_is_not_marked() {
    let (_folder, catalog) = on_disk();
    let first = capture(&catalog, &[1], &[], None).expect("made");
    let second = capture(&catalog, &[2], &[1], None).expect("made");
    copy(&catalog, USB, first, &[1]).expect("copied");
    let both = packs(&catalog, &[1, 2]);
    let new = NewCopy { from: HOME, to: USB, point: second, packs: &both, expected: None, now: at(10) };
    catalog.begin_copy(&new).expect("begun");
    catalog.pack_arrived(USB, both[1], Some(read_back(11))).expect("sent");
    assert_eq!(catalog.mark_unreferenced(USB).expect("looked").packs, [], "its manifest comes last");
    assert_eq!(mark(&catalog, &removal(USB, &[first])).packs, []);
}

#[test]
fn d1_a_marked_pack_is_absent_to_deduplication_and_to_captures() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    assert!(catalog.find_chunk(GROUP, &chunk_id(1, 0)).expect("read").is_some());
    let marked = mark(&catalog, &removal(HOME, &[point]));
    assert_eq!(marked.packs, [PackNo(1)]);
    assert_eq!(catalog.find_chunk(GROUP, &chunk_id(1, 0)).expect("read"), None);
    let next = catalog.begin_capture("capture-2").expect("begun");
    assert_eq!(catalog.reserve_packs(next, &[PackNo(1)]).expect("asked"), [PackNo(1)]);
    assert!(is_refused(&catalog.reserve_base(next, point), "D-2"));
    assert!(is_refused(&catalog.add_pack(next, &new_pack(1), at(30)), "D-8"));
}

#[test]
fn d1_no_pack_goes_before_every_manifest_that_may_name_it() {
    let (_folder, catalog) = on_disk();
    let first = capture(&catalog, &[1], &[], None).expect("made");
    let second = capture(&catalog, &[2], &[1], None).expect("made");
    let marked = mark(&catalog, &removal(HOME, &[first, second]));
    assert_eq!(marked.packs.len(), 2);
    catalog.point_gone(HOME, first).expect("gone");
    assert!(is_refused(&catalog.pack_gone(HOME, PackNo(1)), "D-1"), "the second's manifest is there");
    catalog.point_gone(HOME, second).expect("gone");
    catalog.pack_gone(HOME, PackNo(1)).expect("gone");
    catalog.pack_gone(HOME, PackNo(1)).expect("repeating it is no error");
}

#[test]
fn d1_an_unmarked_pack_can_not_be_reported_gone() {
    let (_folder, catalog) = on_disk();
    capture(&catalog, &[1], &[], None).expect("made");
    assert!(is_refused(&catalog.pack_gone(HOME, PackNo(1)), "D-1"));
}

#[test]
fn d1_a_reserved_point_stays_and_so_do_its_packs() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    let restore = catalog.begin_restore("restore-1", HOME, &[point]).expect("begun");
    assert!(withheld(&catalog, &removal(HOME, &[point])) == Withheld::Reserved);
    catalog.end_restore(restore).expect("ended");
    assert_eq!(mark(&catalog, &removal(HOME, &[point])).packs, [PackNo(1)]);
}

#[test]
fn d1_a_copy_that_failed_when_its_manifest_may_lie_there_keeps_its_packs_until_somebody_looked() {
    let (_folder, catalog) = on_disk();
    let first = capture(&catalog, &[1], &[], None).expect("made");
    copy(&catalog, USB, first, &[1]).expect("copied");
    let second = capture(&catalog, &[2], &[1], None).expect("made");
    let both = packs(&catalog, &[1, 2]);
    let new = NewCopy { from: HOME, to: USB, point: second, packs: &both, expected: None, now: at(10) };
    let work = catalog.begin_copy(&new).expect("begun");
    assert_eq!(work.before, Leftover::NoManifest);
    catalog.pack_arrived(USB, both[1], Some(read_back(11))).expect("sent");
    catalog.fail_copy(USB, second, Leftover::Unknown, ("no answer", at(12))).expect("noted");
    assert_eq!(mark(&catalog, &removal(USB, &[first])).packs, [], "both may be named by the second");
    assert_eq!(catalog.mark_unreferenced(USB).expect("looked").packs, []);
    assert_eq!(catalog.reservations().expect("read").len(), 1, "it is still owed from home");
    assert_eq!(catalog.begin_copy(&new).expect("again").before, Leftover::Unknown);
    let row = catalog.point(second).expect("read").expect("known");
    assert_eq!(
        catalog.read_in_point(USB, &row, PackList::Whole(&both), at(13)).expect("it lies there"),
        State::Present
    );
    assert_eq!(catalog.reservations().expect("read"), []);
}

#[test]
fn d1_a_damaged_point_that_could_not_be_replaced_is_damaged_still_and_keeps_its_packs() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1, 2], &[], None).expect("made");
    copy(&catalog, USB, point, &[1, 2]).expect("copied");
    let object = pack_object(2);
    let found = Found { medium: USB, object: &object, finding: Finding::Damaged, naming: &Naming::All, now: at(10) };
    catalog.found_damaged(&found).expect("recorded");
    let both = packs(&catalog, &[1, 2]);
    let new = NewCopy { from: HOME, to: USB, point, packs: &both, expected: None, now: at(11) };
    let work = catalog.begin_copy(&new).expect("begun");
    assert_eq!(work.before, Leftover::Damaged);
    catalog.fail_copy(USB, point, work.before, ("full", at(12))).expect("noted");
    let row = catalog.placement(USB, point).expect("read").expect("known");
    assert_eq!((row.state, catalog.reservations().expect("read")), (State::Damaged, vec![]));
    assert_eq!(catalog.mark_unreferenced(USB).expect("looked").packs, [], "its manifest names them");
}

#[test]
fn d2_a_capture_s_packs_stay_while_its_lock_is_held() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    let next = catalog.begin_capture("capture-2").expect("begun");
    assert_eq!(catalog.reserve_packs(next, &[PackNo(1)]).expect("reserved"), []);
    catalog.add_pack(next, &new_pack(9), at(5)).expect("stored");
    let marked = remove(&catalog, HOME, &[point]).expect("removed");
    assert_eq!(marked.packs, [], "the capture keeps it");
    assert_eq!(catalog.mark_unreferenced(HOME).expect("looked").packs, []);
    assert_eq!(catalog.drop_stale(&|lock| lock == "capture-2").expect("looked"), []);
    assert_eq!(catalog.drop_stale(&|_| false).expect("looked"), [next]);
    assert_eq!(catalog.mark_unreferenced(HOME).expect("looked").packs, [PackNo(1), PackNo(2)]);
}

#[test]
fn d2_a_point_that_names_an_unreserved_pack_is_not_committed() {
    let (_folder, catalog) = on_disk();
    capture(&catalog, &[1], &[], None).expect("made");
    let next = catalog.begin_capture("capture-2").expect("begun");
    let order = catalog.take_order().expect("given");
    let new = NewPoint {
        point: point_row(order, None),
        canaries: 0,
        packs: vec![PackNo(1)],
        owed: Vec::new(),
        declined: Vec::new(),
        adopted: None,
        now: at(6),
    };
    assert!(is_refused(&catalog.commit_point(next, &new), "D-2"));
    assert_eq!(catalog.point(order).expect("read"), None, "nothing of it was kept");
    catalog.reserve_packs(next, &[PackNo(1)]).expect("reserved");
    catalog.commit_point(next, &new).expect("committed");
}

#[test]
fn d2_a_reserved_base_stands_for_its_packs() {
    let (_folder, catalog) = on_disk();
    let base = capture(&catalog, &[1], &[], None).expect("made");
    let next = catalog.begin_capture("capture-2").expect("begun");
    catalog.reserve_base(next, base).expect("reserved");
    assert!(withheld(&catalog, &removal(HOME, &[base])) == Withheld::Reserved);
    let point = point_row(catalog.take_order().expect("given"), None);
    let new = NewPoint {
        point,
        canaries: 0,
        packs: vec![PackNo(1)],
        owed: Vec::new(),
        declined: Vec::new(),
        adopted: None,
        now: at(6),
    };
    catalog.commit_point(next, &new).expect("committed");
    assert!(catalog.reservations().expect("read").is_empty());
}

#[test]
fn d2_a_copy_keeps_the_point_at_its_origin() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    let new = NewCopy { from: HOME, to: USB, point, packs: &[PackNo(1)], expected: None, now: at(7) };
    catalog.begin_copy(&new).expect("begun");
    catalog.begin_copy(&new).expect("begun again, after a crash");
    assert_eq!(catalog.reservations().expect("read").len(), 1);
    assert!(withheld(&catalog, &removal(HOME, &[point])) == Withheld::Reserved);
    assert!(
        withheld(&catalog, &removal(USB, &[point])) == Withheld::NotThere(State::Copying),
        "nor while it is on its way"
    );
}

#[test]
fn d4_what_was_known_of_a_deleted_pack_goes_with_it() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    copy(&catalog, USB, point, &[1]).expect("copied");
    let hint = CheckpointRow { done_bytes: 5, token: ".tmp-x".to_owned(), blocks: vec![1, 2], time: at(9) };
    catalog.checkpoint(USB, &pack_object(1), &hint).expect("kept");
    assert_eq!(catalog.checkpoint_of(USB, &pack_object(1)).expect("read"), Some(hint));
    remove(&catalog, USB, &[point]).expect("removed");
    assert_eq!(catalog.checkpoints(USB).expect("read"), []);
    assert_eq!(catalog.pack_at(USB, PackNo(1)).expect("read"), None);
}

#[test]
fn d5_packs_that_the_incoming_point_needs_are_neither_counted_nor_marked() {
    let (_folder, catalog) = on_disk();
    let old = capture(&catalog, &[1, 2], &[], None).expect("made");
    copy(&catalog, USB, old, &[1, 2]).expect("copied");
    let incoming = capture(&catalog, &[3], &[1], None).expect("made");
    assert_eq!(catalog.freed_bytes(USB, &[old], None).expect("counted"), 210);
    assert_eq!(catalog.freed_bytes(USB, &[old], Some(incoming)).expect("counted"), 110);
    let points = [old];
    let new = NewRemoval { incoming: Some(incoming), ..removal(USB, &points) };
    let marked = mark(&catalog, &new);
    assert_eq!((marked.packs, marked.bytes), (packs(&catalog, &[2]), 110));
}

#[test]
fn d6_a_missing_catalog_is_not_an_empty_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = Catalog::open(folder.path(), options());
    assert!(matches!(opened, Err(CatalogError::Missing { .. })), "{opened:?}");
    assert!(!folder.path().join("catalog.redb").exists());
}

/// Two points were being removed there when it broke off; the first one's manifest is gone. Gives the second.
fn half_removed(catalog: &Catalog, medium: VaultId) -> PointOrder {
    let first = capture(catalog, &[1], &[], None).expect("made");
    let second = capture(catalog, &[2], &[], None).expect("made");
    if medium == USB {
        copy(catalog, USB, first, &[1]).expect("copied");
        copy(catalog, USB, second, &[2]).expect("copied");
    }
    mark(catalog, &removal(medium, &[first, second]));
    catalog.point_gone(medium, first).expect("gone");
    let hint = CheckpointRow { done_bytes: 5, token: ".tmp-x".to_owned(), blocks: vec![], time: at(9) };
    catalog.checkpoint(medium, &pack_object(2), &hint).expect("kept");
    second
}

#[test]
fn d8_a_removal_that_did_not_begin_is_withdrawn_and_one_whose_manifest_is_gone_is_finished() {
    let (_folder, catalog) = on_disk();
    let second = half_removed(&catalog, HOME);
    let unfinished = catalog.unfinished_removals(HOME).expect("read");
    assert_eq!((unfinished.points, unfinished.packs.len(), unfinished.bytes), (vec![second], 2, 210));
    assert_eq!(catalog.withdraw_deletion(HOME, Untouched::Unknown, at(30)).expect("withdrawn"), [second]);
    let left = catalog.unfinished_removals(HOME).expect("read");
    assert_eq!((left.points, left.packs), (vec![], vec![PackNo(1)]));
    catalog.pack_gone(HOME, PackNo(1)).expect("gone");
    assert_eq!(catalog.usage(HOME).expect("known").bytes(), 110);
}

#[test]
fn d8_what_a_withdrawn_removal_gives_back_counts_only_after_it_was_looked_at() {
    for medium in [HOME, USB] {
        let (_folder, catalog) = on_disk();
        let point = half_removed(&catalog, medium);
        catalog.withdraw_deletion(medium, Untouched::Unknown, at(30)).expect("withdrawn");
        let row = catalog.placement(medium, point).expect("read").expect("known");
        assert_eq!((row.state, row.proof, row.verified, row.manifest), (State::Present, Proof::Present, None, None));
        let pack = catalog.pack_at(medium, PackNo(2)).expect("read").expect("known");
        assert_eq!((pack.evidence, catalog.checkpoints(medium).expect("read")), (None, vec![]));
        let usable = catalog.find_chunk(GROUP, &chunk_id(2, 0)).expect("read").is_some();
        assert_eq!(usable, medium != HOME, "a capture builds only on what was looked at");
        let settle = || catalog.settle_point(medium, point, &[PackNo(2)], Some(read_back(40)), at(41));
        assert_ne!(settle().expect("settled"), State::Complete, "its pack was not looked at");
        catalog.pack_arrived(medium, PackNo(2), Some(read_back(42))).expect("looked at");
        assert_eq!(settle().expect("settled"), State::Complete);
        assert!(catalog.find_chunk(GROUP, &chunk_id(2, 0)).expect("read").is_some());
    }
}

#[test]
fn d8_where_the_place_refused_the_first_deletion_all_is_as_it_was() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    copy(&catalog, USB, point, &[1]).expect("copied");
    let before = catalog.placement(USB, point).expect("read").expect("known");
    mark(&catalog, &removal(USB, &[point]));
    catalog.withdraw_deletion(USB, Untouched::Known, at(30)).expect("withdrawn");
    let after = catalog.placement(USB, point).expect("read").expect("known");
    assert_eq!(PlacementRow { changed: before.changed, ..after }, before);
    assert!(catalog.pack_at(USB, PackNo(1)).expect("read").expect("known").evidence.is_some());
}

#[test]
fn d8_nothing_is_copied_over_a_deletion_that_is_not_finished() {
    let (_folder, catalog) = on_disk();
    let first = capture(&catalog, &[1], &[], None).expect("made");
    copy(&catalog, USB, first, &[1]).expect("copied");
    mark(&catalog, &removal(USB, &[first]));
    let second = capture(&catalog, &[2], &[1], None).expect("made");
    let both = packs(&catalog, &[1, 2]);
    let new = NewCopy { from: HOME, to: USB, point: second, packs: &both, expected: None, now: at(40) };
    assert!(is_refused(&catalog.begin_copy(&new), "D-8"));
    assert!(is_refused(&catalog.pack_arrived(USB, PackNo(1), None), "D-8"));
    catalog.point_gone(USB, first).expect("gone");
    catalog.pack_gone(USB, PackNo(1)).expect("gone");
    assert_eq!(catalog.begin_copy(&new).expect("begun").absent, both);
}

#[test]
fn d9_the_reservations_of_a_copy_go_with_its_change_of_state() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    let new = NewCopy { from: HOME, to: USB, point, packs: &[PackNo(1)], expected: None, now: at(7) };
    catalog.begin_copy(&new).expect("begun");
    catalog.pack_arrived(USB, PackNo(1), Some(read_back(8))).expect("noted");
    catalog.fail_copy(USB, point, Leftover::NoManifest, ("the drive is gone", at(9))).expect("noted");
    assert!(catalog.reservations().expect("read").is_empty());
    assert_eq!(catalog.placement(USB, point).expect("read").expect("known").state, State::Pending);
    assert_eq!(catalog.mark_unreferenced(USB).expect("looked").packs, [PackNo(1)], "half a copy is refuse");
    catalog.pack_gone(USB, PackNo(1)).expect("gone");
    assert_eq!(copy(&catalog, USB, point, &[1]).expect("copied"), State::Complete);
    assert!(catalog.reservations().expect("read").is_empty());
}

#[test]
fn after_a_rebuild_nothing_is_removed_until_someone_confirms() {
    let folder = tempfile::tempdir().expect("a folder");
    let rebuild = Catalog::rebuild(folder.path(), &founding(), options()).expect("begun");
    furnish(rebuild.catalog()).expect("furnished");
    let order = PointOrder { epoch: 1, sequence: 40 };
    let pack = rebuild.catalog().read_in_pack(USB, &new_pack(1)).expect("read in");
    let state = rebuild
        .catalog()
        .read_in_point(USB, &point_row(order, None), PackList::Whole(&[pack]), at(3))
        .expect("read in");
    assert_eq!(state, State::Present);
    let catalog = rebuild.finish().expect("in place");
    assert!(is_refused(&catalog.mark_deleting(&removal(USB, &[order])), "5.8"));
    assert!(is_refused(&catalog.mark_unreferenced(USB), "5.8"));
    assert!(catalog.take_order().expect("given") > order, "a place that was used is not given again");
    catalog.confirm().expect("confirmed");
    assert_eq!(mark(&catalog, &removal(USB, &[order])).packs, [pack]);
}

#[test]
fn one_damaged_pack_damages_every_point_that_names_it_and_no_other() {
    let (_folder, catalog) = on_disk();
    let first = capture(&catalog, &[1], &[], None).expect("made");
    let between = capture(&catalog, &[2], &[], None).expect("made");
    let third = capture(&catalog, &[3], &[1], None).expect("made");
    let looked_at = catalog.may_name(HOME, PackNo(1)).expect("read");
    assert_eq!(looked_at, [first, between, third]);
    let object = pack_object(1);
    let late = Naming::Exactly { naming: vec![first], looked_at: vec![first, between] };
    let found = |naming| Found { medium: HOME, object: &object, finding: Finding::Damaged, naming, now: at(50) };
    assert!(is_refused(&catalog.found_damaged(&found(&late)), "5.2"), "the third came meanwhile");
    let naming = Naming::Exactly { naming: vec![first, third], looked_at };
    assert_eq!(catalog.found_damaged(&found(&naming)).expect("noted"), [first, third]);
    let state = |order| catalog.placement(HOME, order).expect("read").expect("known").state;
    assert_eq!([first, between, third].map(state), [State::Damaged, State::Complete, State::Damaged]);
    assert_eq!(catalog.find_chunk(GROUP, &chunk_id(1, 1)).expect("read"), None, "withdrawn from deduplication");
    let next = catalog.begin_capture("capture-2").expect("begun");
    assert_eq!(catalog.reserve_packs(next, &[PackNo(1)]).expect("asked"), [PackNo(1)]);
    assert_eq!(catalog.healed(HOME, &object, read_back(60)).expect("healed"), [first, third]);
    let settled = catalog.settle_point(HOME, first, &[PackNo(1)], Some(read_back(60)), at(61));
    assert_eq!(settled.expect("settled"), State::Complete);
    assert!(catalog.find_chunk(GROUP, &chunk_id(1, 1)).expect("read").is_some());
}

#[test]
fn a_missing_manifest_keeps_its_packs_and_is_healed() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    copy(&catalog, USB, point, &[1]).expect("copied");
    let object = catalog.point(point).expect("read").expect("known").manifest();
    let naming = Naming::All;
    let found = Found { medium: USB, object: &object, finding: Finding::Missing, naming: &naming, now: at(50) };
    assert_eq!(catalog.found_damaged(&found).expect("noted"), [point]);
    let placement = catalog.placement(USB, point).expect("read").expect("known");
    assert_eq!((placement.state, placement.proof, placement.manifest), (State::Missing, Proof::None, None));
    assert_eq!(catalog.usage(USB).expect("known").manifests, 0);
    assert_eq!(catalog.mark_unreferenced(USB).expect("looked").packs, []);
    assert_eq!(catalog.healed(USB, &object, read_back(60)).expect("healed"), [point]);
    let settled = catalog.settle_point(USB, point, &[PackNo(1)], Some(read_back(60)), at(61));
    assert_eq!(settled.expect("settled"), State::Complete);
}

#[test]
fn a_pinned_point_and_a_base_that_is_needed_stay() {
    let (_folder, catalog) = on_disk();
    let base = capture(&catalog, &[1], &[], None).expect("made");
    let child = capture(&catalog, &[2], &[], Some(base)).expect("made");
    assert_eq!(withheld(&catalog, &removal(HOME, &[base])), Withheld::NeededBy(child));
    catalog.pin(child).expect("pinned");
    assert_eq!(withheld(&catalog, &removal(HOME, &[base, child])), Withheld::Pinned);
    catalog.unpin(child).expect("unpinned");
    assert_eq!(mark(&catalog, &removal(HOME, &[base, child])).points.len(), 2);
}

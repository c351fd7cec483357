//! What leaves home though `keep` may want it: looked at in the transaction that marks it, as everything is.

use super::*;
use crate::model::Proof;

fn rules(catalog: &Catalog) -> RemovalRules {
    let planned = catalog.generation().expect("read");
    RemovalRules { keep_at_least: 0, last_copy: LastCopy::Stays, planned }
}

fn leaving<'a>(points: &'a [PointOrder], removal: Removal, rules: RemovalRules) -> NewRemoval<'a> {
    let medium = HOME;
    NewRemoval { medium, points, removal, incoming: None, guards: Guards::Rules(rules), expected: None, now: at(20) }
}

fn spooled() -> Removal {
    Removal::Spooled { reason: "spool".to_owned() }
}

fn given_up() -> Removal {
    Removal::GivenUp { reason: "full".to_owned(), owed: "gone".to_owned() }
}

fn state_at(catalog: &Catalog, medium: VaultId, point: PointOrder) -> State {
    catalog.placement(medium, point).expect("read").expect("known").state
}

#[test]
fn a_point_passes_through_home_only_while_it_is_complete_offsite() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    assert_eq!(withheld(&catalog, &leaving(&[point], spooled(), rules(&catalog))), Withheld::LastCopy);
    copy(&catalog, USB, point, &[1]).expect("copied");
    catalog.update_medium(USB, &|row| row.same_disk = true).expect("changed");
    assert_eq!(withheld(&catalog, &leaving(&[point], spooled(), rules(&catalog))), Withheld::LastCopy);
    catalog.update_medium(USB, &|row| row.same_disk = false).expect("changed");
    let planned = rules(&catalog);
    mark(&catalog, &removal(USB, &[point]));
    assert_eq!(withheld(&catalog, &leaving(&[point], spooled(), planned)), Withheld::LastCopy, "it went meanwhile");
    copy(&catalog, OFFICE, point, &[1]).expect("copied");
    let marked = mark(&catalog, &leaving(&[point], spooled(), rules(&catalog)));
    assert_eq!(marked.packs.len(), 1);
    assert_eq!(state_at(&catalog, HOME, point), State::NotWanted);
}

/// Both plans were made while the other place still had the point.
#[test]
fn what_has_just_left_home_is_not_removed_offsite_by_a_plan_from_before() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    copy(&catalog, USB, point, &[1]).expect("copied");
    let planned = rules(&catalog);
    mark(&catalog, &leaving(&[point], spooled(), planned));
    let by_rules = |planned| {
        let rules = RemovalRules { last_copy: LastCopy::MayGo, planned, ..rules(&catalog) };
        let evicted = Removal::Evicted { reason: "full".to_owned() };
        catalog.mark_deleting(&NewRemoval { medium: USB, ..leaving(&[point], evicted, rules) }).expect("answered")
    };
    assert_eq!(by_rules(planned.planned), Marking::Withheld(Withheld::Passed));
    assert!(matches!(by_rules(catalog.generation().expect("read")), Marking::Marked(_)), "a new plan knows");
}

#[test]
fn a_full_home_keeps_the_newest_and_goes_by_one_that_was_read_back() {
    let (_folder, catalog) = on_disk();
    let points: Vec<_> = (1..=2).map(|n| capture(&catalog, &[n], &[], None).expect("made")).collect();
    let may_lose = |catalog: &Catalog| RemovalRules { last_copy: LastCopy::MayGo, ..rules(catalog) };
    assert_eq!(withheld(&catalog, &leaving(&points[1..], given_up(), may_lose(&catalog))), Withheld::Newest);
    assert_eq!(withheld(&catalog, &leaving(&points[..1], given_up(), may_lose(&catalog))), Withheld::Newest);
    catalog.set_proof(HOME, points[1], Proof::BytesRead, at(12)).expect("read back");
    mark(&catalog, &leaving(&points[..1], given_up(), may_lose(&catalog)));
    assert_eq!(state_at(&catalog, HOME, points[0]), State::Evicted);
}

/// The first of two points is being given up.
fn giving_up() -> (tempfile::TempDir, Catalog, Vec<PointOrder>) {
    let (folder, catalog) = on_disk();
    let points: Vec<_> = (1..=2).map(|n| capture(&catalog, &[n], &[], None).expect("made")).collect();
    catalog.set_proof(HOME, points[1], Proof::BytesRead, at(12)).expect("read back");
    let may_lose = RemovalRules { last_copy: LastCopy::MayGo, ..rules(&catalog) };
    mark(&catalog, &leaving(&points[..1], given_up(), may_lose));
    (folder, catalog, points)
}

fn removed(catalog: &Catalog, point: PointOrder) -> Option<String> {
    catalog.point(point).expect("read").expect("known").removed
}

#[test]
fn what_is_given_up_is_owed_until_it_is_gone_and_for_good_if_that_is_taken_back() {
    let (_folder, catalog, points) = giving_up();
    let is_owed = |point| [USB, OFFICE].iter().all(|medium| state_at(&catalog, *medium, point) == State::Pending);
    assert!(is_owed(points[0]) && removed(&catalog, points[0]).is_none(), "it is there as yet");
    catalog.withdraw_deletion(HOME, Untouched::Known, at(30)).expect("taken back");
    assert_eq!(state_at(&catalog, HOME, points[0]), State::Complete);
    assert!(is_owed(points[0]));
    assert_eq!(catalog.given_up().expect("read"), []);
    // A removal of another kind does not give it up.
    mark(&catalog, &removal(HOME, &points[..1]));
    catalog.point_gone(HOME, points[0]).expect("gone");
    assert!(is_owed(points[0]) && removed(&catalog, points[0]).is_none());
}

#[test]
fn what_is_gone_is_owed_to_nobody_until_it_turns_up_after_all() {
    let (_folder, catalog, points) = giving_up();
    catalog.point_gone(HOME, points[0]).expect("gone");
    for medium in [USB, OFFICE] {
        assert_eq!(state_at(&catalog, medium, points[0]), State::NotWanted, "nobody waits for what is lost");
    }
    assert_eq!(removed(&catalog, points[0]).as_deref(), Some("gone"));
    assert_eq!(catalog.given_up().expect("read").iter().map(|point| point.order).collect::<Vec<_>>(), points[..1]);
    assert_eq!(state_at(&catalog, USB, points[1]), State::Pending);
    // A drive that was thought empty has it.
    let pack = catalog.read_in_pack(USB, &new_pack(1)).expect("read in");
    let row = catalog.point(points[0]).expect("read").expect("known");
    catalog.read_in_point(USB, &row, PackList::Whole(&[pack]), at(40)).expect("read in");
    assert_eq!(removed(&catalog, points[0]), None, "it is a point again");
    assert_eq!(catalog.removed_at(USB).expect("read"), [], "and not removed as if by hand");
    assert_eq!([USB, OFFICE].map(|at| state_at(&catalog, at, points[0])), [State::Present, State::Pending]);
    assert_eq!(catalog.given_up().expect("read"), []);
}

#[test]
fn the_newest_of_each_row_stays() {
    let (_folder, catalog) = on_disk();
    let points: Vec<_> = (1..=3).map(|n| capture(&catalog, &[n], &[], None).expect("made")).collect();
    let row = |point| AdoptedRow { point, files: Vec::new(), base: None, series: "c".to_owned(), gone: false };
    catalog.note_adopted(JOB, "c", &row(Some(points[0]))).expect("noted");
    catalog.set_proof(HOME, points[2], Proof::BytesRead, at(12)).expect("read back");
    let may_lose = |catalog: &Catalog| RemovalRules { last_copy: LastCopy::MayGo, ..rules(catalog) };
    assert_eq!(withheld(&catalog, &leaving(&points[..1], given_up(), may_lose(&catalog))), Withheld::Newest);
    mark(&catalog, &leaving(&points[1..2], given_up(), may_lose(&catalog)));
}

#[test]
fn what_home_gives_up_and_lies_elsewhere_is_not_lost() {
    let (_folder, catalog) = on_disk();
    let points: Vec<_> = (1..=2).map(|n| capture(&catalog, &[n], &[], None).expect("made")).collect();
    copy(&catalog, USB, points[0], &[1]).expect("copied");
    catalog.set_proof(HOME, points[1], Proof::BytesRead, at(12)).expect("read back");
    let may_lose = RemovalRules { last_copy: LastCopy::MayGo, ..rules(&catalog) };
    mark(&catalog, &leaving(&points[..1], given_up(), may_lose));
    catalog.point_gone(HOME, points[0]).expect("gone");
    assert_eq!(state_at(&catalog, OFFICE, points[0]), State::Pending, "it can have it from usb");
    assert_eq!(removed(&catalog, points[0]), None);
}

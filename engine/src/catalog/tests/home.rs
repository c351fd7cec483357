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
    for medium in [USB, OFFICE] {
        assert_eq!(state_at(&catalog, medium, points[0]), State::NotWanted, "nobody waits for what is lost");
    }
    let lost = catalog.point(points[0]).expect("read").expect("known");
    assert_eq!(lost.removed.as_deref(), Some("gone"));
    assert_eq!(state_at(&catalog, USB, points[1]), State::Pending);
}

#[test]
fn what_home_gives_up_and_lies_elsewhere_is_not_lost() {
    let (_folder, catalog) = on_disk();
    let points: Vec<_> = (1..=2).map(|n| capture(&catalog, &[n], &[], None).expect("made")).collect();
    copy(&catalog, USB, points[0], &[1]).expect("copied");
    catalog.set_proof(HOME, points[1], Proof::BytesRead, at(12)).expect("read back");
    let may_lose = RemovalRules { last_copy: LastCopy::MayGo, ..rules(&catalog) };
    mark(&catalog, &leaving(&points[..1], given_up(), may_lose));
    assert_eq!(state_at(&catalog, OFFICE, points[0]), State::Pending, "it can have it from usb");
    assert_eq!(catalog.point(points[0]).expect("read").expect("known").removed, None);
}

//! DESIGN 5.6: what has changed since a removal was planned is looked at in the transaction that marks it.

use super::*;
use crate::model::Proof;

fn rules(catalog: &Catalog) -> RemovalRules {
    let planned = catalog.generation().expect("read");
    RemovalRules { keep_at_least: 1, last_copy: LastCopy::MayGo, planned }
}

fn by_rules<'a>(medium: VaultId, points: &'a [PointOrder], rules: RemovalRules) -> NewRemoval<'a> {
    NewRemoval { guards: Guards::Rules(rules), ..removal(medium, points) }
}

fn kept_by_keep<'a>(medium: VaultId, points: &'a [PointOrder], rules: RemovalRules) -> NewRemoval<'a> {
    let removal = Removal::NotWanted { reason: "keep".to_owned() };
    NewRemoval { removal, ..by_rules(medium, points, rules) }
}

/// Points of a pack each, at home and both media, oldest first.
fn copied_everywhere(catalog: &Catalog, points: u64) -> Vec<PointOrder> {
    let make = |n| {
        let point = capture(catalog, &[n], &[], None).expect("made");
        for medium in [USB, OFFICE] {
            assert_eq!(copy(catalog, medium, point, &[n]).expect("copied"), State::Complete);
        }
        point
    };
    (1..=points).map(make).collect()
}

fn falls(catalog: &Catalog, medium: VaultId, pack: u64) {
    let object = pack_object(pack);
    let found = Found { medium, object: &object, finding: Finding::Damaged, naming: &Naming::All, now: at(50) };
    catalog.found_damaged(&found).expect("recorded");
}

#[test]
fn two_media_that_were_planned_at_once_do_not_both_evict_a_last_copy() {
    let (folder, catalog) = on_disk();
    let points = copied_everywhere(&catalog, 2);
    let other = Catalog::open(folder.path(), options()).expect("another process");
    let unique = RemovalRules { last_copy: LastCopy::Stays, ..rules(&catalog) };
    mark(&catalog, &by_rules(USB, &points[..1], unique));
    assert_eq!(withheld(&other, &by_rules(OFFICE, &points[..1], unique)), Withheld::LastCopy);
    catalog.withdraw_deletion(USB, Untouched::Unknown, at(30)).expect("withdrawn");
    assert_eq!(withheld(&other, &by_rules(OFFICE, &points[..1], unique)), Withheld::LastCopy, "not looked at yet");
    mark(&other, &by_rules(OFFICE, &points[..1], RemovalRules { last_copy: LastCopy::MayGo, ..unique }));
}

#[test]
fn a_copy_on_a_retired_medium_or_on_this_computer_s_disk_is_no_other_copy() {
    let (_folder, catalog) = on_disk();
    let points = copied_everywhere(&catalog, 2);
    let unique = RemovalRules { last_copy: LastCopy::Stays, ..rules(&catalog) };
    catalog.update_medium(USB, &|row| row.retired = Some(at(12))).expect("retired");
    assert_eq!(withheld(&catalog, &by_rules(OFFICE, &points[..1], unique)), Withheld::LastCopy);
    catalog.update_medium(USB, &|row| (row.retired, row.same_disk) = (None, true)).expect("changed");
    assert_eq!(withheld(&catalog, &by_rules(OFFICE, &points[..1], unique)), Withheld::LastCopy);
    catalog.update_medium(USB, &|row| row.same_disk = false).expect("changed");
    mark(&catalog, &by_rules(OFFICE, &points[..1], unique));
}

#[test]
fn keep_at_least_holds_whatever_was_planned() {
    let (_folder, catalog) = on_disk();
    let points = copied_everywhere(&catalog, 3);
    let two = RemovalRules { keep_at_least: 2, ..rules(&catalog) };
    mark(&catalog, &by_rules(USB, &points[..1], two));
    assert_eq!(withheld(&catalog, &by_rules(USB, &points[1..2], two)), Withheld::KeepAtLeast);
    mark(&catalog, &removal(USB, &points[1..2]));
}

#[test]
fn the_last_point_that_a_drill_proved_stays_until_a_newer_one_is() {
    let (_folder, catalog) = on_disk();
    let points = copied_everywhere(&catalog, 2);
    let rules = rules(&catalog);
    catalog.set_proof(USB, points[0], Proof::Restored, at(30)).expect("a drill ended meanwhile");
    assert_eq!(withheld(&catalog, &by_rules(USB, &points[..1], rules)), Withheld::LastProved);
    catalog.set_proof(OFFICE, points[1], Proof::Restored, at(31)).expect("a newer one too");
    mark(&catalog, &by_rules(USB, &points[..1], rules));
}

#[test]
fn an_alarm_and_a_clock_that_jumped_hold_what_was_planned_before() {
    let (_folder, catalog) = on_disk();
    let points = copied_everywhere(&catalog, 2);
    let rules = rules(&catalog);
    let says = || withheld(&catalog, &kept_by_keep(USB, &points[..1], rules));
    catalog.update_job(JOB, &|job| job.alarm = Some("half is gone".to_owned())).expect("raised");
    assert_eq!(says(), Withheld::OnHold("half is gone".to_owned()));
    catalog.update_job(JOB, &|job| (job.alarm, job.clock_jump) = (None, Some("a year".to_owned()))).expect("set");
    assert_eq!(says(), Withheld::OnHold("a year".to_owned()));
    mark(&catalog, &removal(USB, &points[..1]));
}

#[test]
fn nothing_goes_by_a_plan_that_took_for_good_what_has_fallen_since() {
    let (_folder, catalog) = on_disk();
    let points = copied_everywhere(&catalog, 2);
    let before = rules(&catalog);
    falls(&catalog, USB, 2);
    assert_eq!(withheld(&catalog, &kept_by_keep(USB, &points[..1], before)), Withheld::Fallen);
    assert_eq!(
        withheld(&catalog, &kept_by_keep(HOME, &points[..1], before)),
        Withheld::Fallen,
        "others heal from home"
    );
    mark(&catalog, &kept_by_keep(OFFICE, &points[..1], before));
    let after = rules(&catalog);
    assert_eq!(withheld(&catalog, &kept_by_keep(USB, &points[..1], after)), Withheld::KeepAtLeast);
    mark(&catalog, &kept_by_keep(HOME, &points[..1], after));
}

#[test]
fn nothing_makes_room_for_a_point_that_was_not_read_back_or_is_wanted_no_more() {
    let (_folder, catalog) = on_disk();
    let points = copied_everywhere(&catalog, 2);
    let by = capture(&catalog, &[3], &[], None).expect("made");
    let rules = rules(&catalog);
    let new = NewRemoval { incoming: Some(by), ..by_rules(USB, &points[..1], rules) };
    assert_eq!(withheld(&catalog, &new), Withheld::NotReadBack(by));
    assert_eq!(
        withheld(&catalog, &NewRemoval { incoming: Some(points[0]), ..new.clone() }),
        Withheld::ForNothing(points[0])
    );
    catalog.set_proof(HOME, by, Proof::BytesRead, at(30)).expect("read back");
    catalog.retire_point(by, "by hand", at(31)).expect("forgotten");
    assert_eq!(withheld(&catalog, &new), Withheld::ForNothing(by));
    let next = capture(&catalog, &[4], &[], None).expect("made");
    copy(&catalog, OFFICE, next, &[4]).expect("evidence elsewhere is enough");
    mark(&catalog, &NewRemoval { incoming: Some(next), ..new });
}

#[test]
fn what_was_removed_by_hand_and_lies_there_all_the_same_is_told_newest_first() {
    let (_folder, catalog) = on_disk();
    let points = copied_everywhere(&catalog, 3);
    for point in &points[..2] {
        catalog.retire_point(*point, "by hand", at(30)).expect("forgotten");
    }
    assert_eq!(catalog.removed_at(USB).expect("read"), [points[1], points[0]]);
    remove(&catalog, USB, &points[..1]).expect("removed");
    assert_eq!(catalog.removed_at(USB).expect("read"), points[1..2]);
}

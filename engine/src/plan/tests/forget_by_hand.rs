//! `engine forget`: what goes by `keep` or by hand, and which rule holds back the rest.

use std::collections::BTreeSet;

use super::judged::{sound, usb, with};
use super::worlds::{HOME, job_id, keep, order, vault};
use crate::model::{KeepRule, Proof, State as PlacementState};
use crate::plan::{
    Blocker, Deletions, Hold, PackNumber, Plan, Reach, Refusal, RemoveReason, State, Step, check, forget, forget_point,
};

const USB: u8 = 0;

/// What a plan removes at `usb`, and that the judge lets it.
fn removed(state: &State, plan: &Plan) -> Vec<(u64, RemoveReason)> {
    assert_eq!(check(state, plan.clone()).err(), None, "{plan:?}");
    removed_at(plan, vault(USB))
}

fn removed_at(plan: &Plan, id: crate::model::VaultId) -> Vec<(u64, RemoveReason)> {
    let steps = plan.media.get(&id).into_iter().flatten();
    let removals = steps.filter_map(|step| match step {
        Step::Remove { point, reason, .. } => Some((point.sequence, *reason)),
        _ => None,
    });
    removals.collect()
}

fn refusal(sequence: u64, blocker: Blocker) -> Refusal {
    Refusal { medium: vault(USB), point: order(sequence), blocker }
}

/// 1 to 4 complete on `usb`, of which `keep` wants 3 and 4; `office` has nothing, and is away.
fn kept_two() -> State {
    with(|state| {
        let row = state.media[&HOME].placements[&order(4)];
        usb(state).placements.insert(order(4), row);
        usb(state).packs.insert(PackNumber(4), crate::plan::PackThere::Proved);
        usb(state).used += 11;
        state.jobs.get_mut(&job_id(0)).expect("0").keep = keep(KeepRule::Last, 2);
    })
}

fn kept_two_with(change: impl FnOnce(&mut State)) -> State {
    let mut state = kept_two();
    change(&mut state);
    state
}

#[test]
fn what_keep_does_not_want_goes_and_nothing_is_copied() {
    let state = kept_two();
    let (plan, refusals) = forget(&state, &BTreeSet::new());
    assert_eq!(removed(&state, &plan), [(1, RemoveReason::Retention), (2, RemoveReason::Retention)]);
    assert_eq!(refusals, []);
    assert!(!plan.media.contains_key(&vault(1)), "office is owed two points, and that is not asked here: {plan:?}");
}

#[test]
fn only_the_jobs_that_are_named_forget() {
    let state = kept_two();
    let (plan, refusals) = forget(&state, &BTreeSet::from([job_id(1)]));
    assert!(plan.media.is_empty() && refusals.is_empty(), "{plan:?} {refusals:?}");
    let (plan, _) = forget(&state, &BTreeSet::from([job_id(0), job_id(1)]));
    assert_eq!(removed(&state, &plan).len(), 2);
}

#[test]
fn what_a_rule_holds_back_is_told_with_the_rule() {
    type Change = fn(&mut State);
    let table: [(Change, Blocker); 6] = [
        (|s| s.points.get_mut(&order(1)).expect("1").pinned = true, Blocker::Pinned),
        (|s| usb(s).deletions = Deletions::Refused(String::new()), Blocker::DeletionsRefused),
        (|s| usb(s).reach = Reach::Away(String::new()), Blocker::Away),
        (|s| usb(s).placements.get_mut(&order(1)).expect("1").proof = Proof::Restored, Blocker::LastProved),
        (|s| s.jobs.get_mut(&job_id(0)).expect("0").hold = Some(Hold::Alarm), Blocker::Held(Hold::Alarm)),
        (|s| usb(s).keep_at_least = 4, Blocker::KeepAtLeast),
    ];
    for (change, blocker) in table {
        let state = kept_two_with(change);
        let (plan, refusals) = forget(&state, &BTreeSet::new());
        assert!(refusals.contains(&refusal(1, blocker)), "{blocker:?} is not among {refusals:?}");
        assert!(removed(&state, &plan).iter().all(|(point, _)| *point != 1), "{plan:?}");
    }
}

#[test]
fn forgetting_twice_finds_nothing_more() {
    let state = kept_two();
    let (plan, _) = forget(&state, &BTreeSet::new());
    let (again, refusals) = forget(&super::apply::apply(&state, &plan), &BTreeSet::new());
    assert!(again.media.is_empty() && refusals.is_empty(), "{again:?} {refusals:?}");
}

#[test]
fn one_point_goes_by_hand_from_every_place_even_the_only_one() {
    let state = sound();
    let (plan, refusals) = forget_point(&state, order(2));
    assert_eq!(removed(&state, &plan), [(2, RemoveReason::Forgotten)]);
    assert_eq!(removed_at(&plan, HOME), [(2, RemoveReason::Forgotten)]);
    assert_eq!(refusals, []);
    let (plan, _) = forget_point(&state, order(4));
    assert_eq!(removed_at(&plan, HOME), [(4, RemoveReason::Forgotten)], "only home has it");
}

#[test]
fn what_even_a_person_does_not_break_by_accident_stays() {
    type Change = fn(&mut State);
    let table: [(Change, Blocker); 6] = [
        (|s| s.points.get_mut(&order(2)).expect("2").pinned = true, Blocker::Pinned),
        (|s| s.points.get_mut(&order(3)).expect("3").base = Some(order(2)), Blocker::Dependents),
        (|s| usb(s).placements.get_mut(&order(2)).expect("2").state = PlacementState::Copying, Blocker::Copying),
        (|s| usb(s).deletions = Deletions::Refused(String::new()), Blocker::DeletionsRefused),
        (|s| usb(s).reach = Reach::Away(String::new()), Blocker::Away),
        (|s| usb(s).retired = true, Blocker::Retired),
    ];
    for (change, blocker) in table {
        let state = with(change);
        let (plan, refusals) = forget_point(&state, order(2));
        assert!(refusals.contains(&refusal(2, blocker)), "{blocker:?} is not among {refusals:?}");
        assert_eq!(removed(&state, &plan), [], "{blocker:?}");
    }
}

#[test]
fn a_pack_that_another_point_needs_is_not_freed_by_hand() {
    let state = with(|s| {
        s.points.get_mut(&order(3)).expect("3").packs = vec![PackNumber(2), PackNumber(3)];
        s.packs.get_mut(&PackNumber(2)).expect("2").last = order(3);
    });
    let (plan, _) = forget_point(&state, order(2));
    let frees = plan.media[&vault(USB)].iter().map(|step| match step {
        Step::Remove { packs, bytes, .. } => (packs.len(), *bytes),
        _ => (0, 0),
    });
    assert_eq!(frees.collect::<Vec<_>>(), [(0, 1)], "its manifest only");
    assert!(check(&state, plan).is_ok());
}

#[test]
fn an_unknown_point_is_no_plan() {
    let (plan, refusals) = forget_point(&sound(), order(9));
    assert!(plan.media.is_empty() && refusals.is_empty());
}

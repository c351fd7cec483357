//! Plans as people read them.

use super::worlds::{World, job_id, keep, order, small, vault};
use crate::model::{KeepRule, State as PlacementState, Time};
use crate::plan::{PackNumber, Reach, State, propose, render};

/// `usb` has 1 to 3 and is full, 4 is new; `office` is away.
fn full_drive() -> State {
    let World(mut state) = small(4);
    let usb = state.media.get_mut(&vault(0)).expect("usb");
    usb.placements.remove(&order(4));
    usb.packs.remove(&PackNumber(4));
    usb.used = 33;
    usb.limit = Some(40);
    state.media.get_mut(&vault(1)).expect("office").reach = Reach::Away("no route to backup.example".to_owned());
    state
}

fn shown(state: &State) -> String {
    render(state, &propose(state))
}

#[test]
fn the_oldest_makes_room() {
    insta::assert_snapshot!(shown(&full_drive()));
}

#[test]
fn full_and_stuck_says_which_rules_are_in_the_way() {
    let mut state = full_drive();
    state.points.values_mut().for_each(|point| point.pinned = true);
    state.now = Time::from_seconds(4 * 86_400 + 3600);
    insta::assert_snapshot!(shown(&state));
}

#[test]
fn what_keep_will_not_want_makes_room_before_what_it_wants() {
    let mut state = full_drive();
    state.jobs.get_mut(&job_id(0)).expect("0").keep = keep(KeepRule::Last, 2);
    insta::assert_snapshot!(shown(&state));
}

#[test]
fn nothing_goes_for_a_point_that_was_not_read_back() {
    let mut state = full_drive();
    state.points.get_mut(&order(4)).expect("4").origin_verified = false;
    insta::assert_snapshot!(shown(&state));
}

#[test]
fn damage_and_missing_evidence() {
    let mut state = full_drive();
    let usb = state.media.get_mut(&vault(0)).expect("usb");
    usb.limit = None;
    usb.placements.get_mut(&order(2)).expect("2").state = PlacementState::Damaged;
    usb.packs.insert(PackNumber(2), crate::plan::PackThere::Damaged);
    usb.placements.get_mut(&order(1)).expect("1").state = PlacementState::Present;
    insta::assert_snapshot!(shown(&state));
}

#[test]
fn full_and_stuck_after_the_deadline_or_without_one() {
    let mut state = full_drive();
    state.points.values_mut().for_each(|point| point.pinned = true);
    let passed = shown(&state);
    state.jobs.values_mut().for_each(|job| job.expect = None);
    insta::assert_snapshot!(passed + &shown(&state));
}

#[test]
fn a_chain_that_soon_outgrows_its_drive() {
    let mut state = full_drive();
    for n in 2..=4 {
        state.points.get_mut(&order(n)).expect("known").base = Some(order(n - 1));
    }
    state.media.get_mut(&vault(0)).expect("usb").limit = Some(50);
    insta::assert_snapshot!(shown(&state));
}

//! `copies = "first"` and a place on the same disk: it gets what comes by, and satisfies nothing.

use super::apply::apply;
use super::judged::{sound, usb, with};
use super::worlds::{job_id, order, vault};
use crate::model::{PointOrder, State as PlacementState};
use crate::plan::{Copies, Reach, State, Unwanted, check, propose};

const USB: u8 = 0;
const OFFICE: u8 = 1;

/// `usb`, the first, is on the same disk and lacks 4; `office` has nothing.
fn same_disk() -> State {
    with(|state| {
        state.jobs.get_mut(&job_id(0)).expect("0").copies = Copies::First;
        usb(state).same_disk = true;
    })
}

fn carried_out(state: &State) -> State {
    let plan = propose(state);
    assert_eq!(check(state, plan.clone()).err(), None, "{plan:?}");
    let after = apply(state, &plan);
    assert!(propose(&after).media.is_empty(), "{:?}", propose(&after).media);
    after
}

fn is(state: &State, medium: u8, point: PointOrder) -> PlacementState {
    state.media[&vault(medium)].state_of(point)
}

#[test]
fn what_only_the_same_disk_has_goes_on_to_a_place_that_counts() {
    let after = carried_out(&same_disk());
    for point in (1..=4).map(order) {
        let both = (is(&after, USB, point), is(&after, OFFICE, point));
        assert_eq!(both, (PlacementState::Complete, PlacementState::Complete), "{point}");
    }
}

#[test]
fn on_another_disk_one_copy_is_enough() {
    let mut state = same_disk();
    usb(&mut state).same_disk = false;
    let after = carried_out(&state);
    assert_eq!(is(&after, USB, order(4)), PlacementState::Complete);
    assert_eq!(is(&after, OFFICE, order(4)), PlacementState::NotWanted);
    let row = after.media[&vault(OFFICE)].placements[&order(4)];
    assert_eq!(row.unwanted, Some(Unwanted::Elsewhere));
}

#[test]
fn once_a_place_that_counts_has_it_the_same_disk_is_not_needed() {
    let mut state = same_disk();
    usb(&mut state).reach = Reach::Away("unplugged".to_owned());
    let mut after = carried_out(&state);
    usb(&mut after).reach = Reach::Here;
    let after = carried_out(&after);
    assert_eq!(is(&after, OFFICE, order(4)), PlacementState::Complete);
    assert_eq!(is(&after, USB, order(4)), PlacementState::NotWanted);
}

#[test]
fn what_was_declined_in_favour_of_the_same_disk_is_owed_again() {
    let mut state = sound();
    state.jobs.get_mut(&job_id(0)).expect("0").copies = Copies::First;
    let mut before = carried_out(&state);
    usb(&mut before).same_disk = true;
    let after = carried_out(&before);
    assert_eq!(is(&after, OFFICE, order(1)), PlacementState::Complete);
}

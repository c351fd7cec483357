//! With `copies = "first"`: where an earlier destination does not take a point, and is not passed over for that. Worlds that
//! random ones were shrunk to; the judge refused the plans for them.

use super::apply::apply;
use super::judged::usb;
use super::worlds::{World, job_id, keep, order, small, vault};
use crate::model::{KeepRule, PointOrder, State as PlacementState};
use crate::plan::{Copies, Evict, PackNumber, State, check, propose, render};

/// Job 0 goes to `usb` or else to `office`; job 1 has the points of `others` and goes to `usb` only. `usb` has nothing but
/// `there`.
fn two_jobs(points: u64, others: &[u64], there: &[u64]) -> State {
    let World(mut state) = small(points);
    let mut other = state.jobs[&job_id(0)].clone();
    other.offsite.truncate(1);
    state.jobs.insert(job_id(1), other);
    state.jobs.get_mut(&job_id(0)).expect("0").copies = Copies::First;
    others.iter().for_each(|it| state.points.get_mut(&order(*it)).expect("known").job = job_id(1));
    usb(&mut state).placements.retain(|at, _| there.contains(&at.sequence));
    usb(&mut state).packs.retain(|pack, _| there.contains(&pack.0));
    state
}

fn size(state: &mut State, point: u64, bytes: u64) {
    state.packs.get_mut(&PackNumber(point)).expect("known").bytes = bytes - 1;
}

/// The plan's judge accepts it, and then `office` has that point, which `usb` has not.
fn goes_to_office(state: &State, point: PointOrder) {
    let plan = propose(state);
    assert_eq!(check(state, plan.clone()).err(), None, "{}", render(state, &plan));
    let after = apply(state, &plan);
    assert_eq!(after.media[&vault(1)].state_of(point), PlacementState::Complete, "{}", render(state, &plan));
    assert_eq!(after.media[&vault(0)].state_of(point), PlacementState::NotWanted, "{}", render(state, &plan));
}

#[test]
fn room_that_is_there_only_once_what_comes_is_complete_is_not_waited_for() {
    // 2 comes to `usb` and then 1 goes by `keep`, but for 3 there is no room before.
    let mut state = two_jobs(3, &[1, 2], &[1]);
    state.jobs.get_mut(&job_id(1)).expect("1").keep = keep(KeepRule::Last, 1);
    size(&mut state, 1, 21);
    size(&mut state, 3, 12);
    (usb(&mut state).used, usb(&mut state).limit, usb(&mut state).evict) = (21, Some(32), Evict::Never);
    goes_to_office(&state, order(3));
}

#[test]
fn what_is_older_than_what_is_evicted_goes_on() {
    // 2 makes room for 3, so that 1, for which there is room all the time, may not come there any more.
    let mut state = two_jobs(3, &[3], &[2]);
    size(&mut state, 1, 2);
    (usb(&mut state).used, usb(&mut state).limit, usb(&mut state).keep_at_least) = (11, Some(13), 0);
    goes_to_office(&state, order(1));
}

#[test]
fn a_place_on_the_same_disk_holds_up_nobody() {
    // 3 is stuck at `usb`; 2, for which there is room, does not wait for that.
    let mut state = two_jobs(3, &[], &[1]);
    size(&mut state, 3, 16);
    (usb(&mut state).used, usb(&mut state).limit, usb(&mut state).evict) = (11, Some(22), Evict::Never);
    usb(&mut state).same_disk = true;
    goes_to_office(&state, order(2));
}

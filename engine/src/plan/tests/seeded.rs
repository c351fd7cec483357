//! Packs that travel to a medium on a seed's drive: nobody sends them, their room is taken, what does not travel goes
//! at once.

use super::judged::usb;
use super::worlds::{World, job_id, order, small, vault};
use crate::model::State as PlacementState;
use crate::plan::{Copies, PackNumber, PackThere, Plan, State, Step, WaitReason, check, propose, render};

/// Points 1 to 3, each of a pack of its own, with none of them at `usb`, and these packs on their way there.
fn seeded(travelling: &[u64]) -> State {
    let World(mut state) = small(3);
    let usb = usb(&mut state);
    usb.placements.clear();
    usb.packs = travelling.iter().map(|pack| (PackNumber(*pack), PackThere::Travelling)).collect();
    usb.reserved = usb.packs.keys().copied().collect();
    state
}

fn planned(state: &State) -> Plan {
    let plan = propose(state);
    assert_eq!(check(state, plan.clone()).err(), None, "{}", render(state, &plan));
    plan
}

/// Which points are copied to `usb`, and which packs go with each.
fn copies(plan: &Plan) -> Vec<(u64, Vec<u64>)> {
    let steps = plan.media.get(&vault(0)).into_iter().flatten();
    let copies = steps.filter_map(|step| match step {
        Step::Copy { point, packs, .. } => Some((point.sequence, packs.iter().map(|pack| pack.0).collect())),
        _ => None,
    });
    copies.collect()
}

#[test]
fn what_travels_is_not_sent_and_a_point_that_lacks_nothing_else_waits() {
    let state = seeded(&[1, 2]);
    let plan = planned(&state);
    assert_eq!(copies(&plan), [(3, vec![3])], "{}", render(&state, &plan));
    let waits = plan.waiting.iter().find(|it| it.reason == WaitReason::OnSeed).expect("the others wait");
    assert_eq!((waits.medium, waits.point, waits.points), (vault(0), order(2), 2));
    assert!(render(&state, &plan).contains("on a seed drive"));
}

#[test]
fn of_a_point_that_shares_with_the_seed_the_rest_is_sent_and_once_it_is_there_nothing_is() {
    let mut state = seeded(&[1, 2]);
    state.points.get_mut(&order(3)).expect("3").packs = vec![PackNumber(2), PackNumber(3)];
    state.packs.get_mut(&PackNumber(2)).expect("2").last = order(3);
    assert_eq!(copies(&planned(&state)), [(3, vec![3])]);
    usb(&mut state).packs.insert(PackNumber(3), PackThere::Proved);
    let placement = crate::plan::Placement {
        state: PlacementState::Copying,
        proof: crate::model::Proof::None,
        verified: None,
        unwanted: None,
    };
    usb(&mut state).placements.insert(order(3), placement);
    let plan = planned(&state);
    assert!(copies(&plan).is_empty(), "{}", render(&state, &plan));
    // It has arrived.
    usb(&mut state).packs.values_mut().for_each(|it| *it = PackThere::Proved);
    assert_eq!(copies(&planned(&state)), [(3, vec![]), (2, vec![]), (1, vec![])]);
}

#[test]
fn nothing_goes_before_what_it_is_built_on_has_arrived() {
    let mut state = seeded(&[1, 2]);
    state.points.get_mut(&order(3)).expect("3").base = Some(order(2));
    let plan = planned(&state);
    assert!(copies(&plan).is_empty(), "{}", render(&state, &plan));
}

#[test]
fn one_copy_is_enough_and_the_one_in_the_post_is_waited_for() {
    let mut state = seeded(&[1, 2, 3]);
    state.jobs.get_mut(&job_id(0)).expect("0").copies = Copies::First;
    let plan = planned(&state);
    assert_eq!(plan.media, std::collections::BTreeMap::new(), "{}", render(&state, &plan));
}

//! `engine explain`: what is said of a point at each medium.

use super::judged::{full, sound, usb, with};
use super::worlds::{HOME, job_id, order, vault};
use crate::model::{PointOrder, Proof, State as PlacementState, VaultId};
use crate::plan::{Blocker, Explanation, Problem, Reach, State, Step, Unwanted, explain};

const USB: u8 = 0;
const OFFICE: u8 = 1;

fn at(state: &State, point: PointOrder, medium: VaultId) -> Explanation {
    let mut all = explain(state, point).into_iter().filter(|it| it.medium == medium);
    all.next().expect("every medium is explained")
}

#[test]
fn every_medium_is_explained_home_first() {
    let media: Vec<_> = explain(&sound(), order(1)).into_iter().map(|it| it.medium).collect();
    assert_eq!(media, [HOME, vault(USB), vault(OFFICE)]);
}

#[test]
fn what_is_owed_shows_the_steps_that_bring_it() {
    let it = at(&sound(), order(4), vault(USB));
    assert_eq!(it.state, PlacementState::Pending);
    assert!(matches!(it.steps[..], [Step::Copy { point, .. }] if point == order(4)), "{:?}", it.steps);
    assert_eq!((it.away, it.problem, it.unwanted, it.held_by), (None, None, None, None));
}

#[test]
fn a_point_of_which_one_copy_is_offsite_is_said_to_be_the_only_one() {
    assert!(at(&sound(), order(1), vault(USB)).only_copy);
    assert!(!at(&sound(), order(1), HOME).only_copy, "home is not offsite");
    let twice = with(|s| {
        let row = s.media[&HOME].placements[&order(1)];
        s.media.get_mut(&vault(OFFICE)).expect("office").placements.insert(order(1), row);
    });
    assert!(!at(&twice, order(1), vault(USB)).only_copy);
}

#[test]
fn a_copy_on_the_same_disk_is_never_the_other_one() {
    let state = with(|s| {
        let row = s.media[&HOME].placements[&order(1)];
        let office = s.media.get_mut(&vault(OFFICE)).expect("office");
        office.placements.insert(order(1), row);
        office.same_disk = true;
    });
    assert!(at(&state, order(1), vault(USB)).only_copy);
    assert!(!at(&state, order(1), vault(OFFICE)).only_copy);
}

#[test]
fn a_medium_that_is_away_says_why() {
    let state = with(|s| usb(s).reach = Reach::Away("unplugged".to_owned()));
    let it = at(&state, order(4), vault(USB));
    assert_eq!(it.away.as_deref(), Some("unplugged"));
    assert_eq!(it.steps, []);
}

#[test]
fn what_is_not_wanted_says_why() {
    let state = with(|s| {
        let row = crate::plan::Placement {
            state: PlacementState::NotWanted,
            proof: Proof::None,
            verified: None,
            unwanted: Some(Unwanted::Forgotten),
        };
        usb(s).placements.insert(order(4), row);
    });
    let it = at(&state, order(4), vault(USB));
    assert_eq!((it.state, it.unwanted), (PlacementState::NotWanted, Some(Unwanted::Forgotten)));
    assert_eq!(it.steps, []);
}

#[test]
fn a_point_that_does_not_fit_carries_the_problem_and_the_one_in_the_way_its_rule() {
    let mut state = full();
    state.points.get_mut(&order(1)).expect("1").pinned = true;
    state.points.get_mut(&order(2)).expect("2").pinned = true;
    state.jobs.get_mut(&job_id(0)).expect("0").offsite.truncate(1);
    usb(&mut state).keep_at_least = 3;
    let it = at(&state, order(4), vault(USB));
    assert!(matches!(it.problem, Some(Problem::Full { point, .. }) if point == order(4)), "{:?}", it.problem);
    assert_eq!(at(&state, order(1), vault(USB)).held_by, Some(Blocker::Pinned));
    assert_eq!(at(&state, order(3), vault(USB)).held_by, Some(Blocker::KeepAtLeast));
    assert_eq!(at(&state, order(3), vault(USB)).problem, None, "it is in nobody's way but by its rule");
}

#[test]
fn what_makes_room_shows_its_removal() {
    let it = at(&full(), order(1), vault(USB));
    assert!(matches!(it.steps[..], [Step::Remove { .. }]), "{:?}", it.steps);
    assert_eq!(it.held_by, None);
}

#[test]
fn complete_on_a_base_that_is_not_is_explained_as_present() {
    let state = with(|s| {
        s.points.get_mut(&order(2)).expect("2").base = Some(order(1));
        usb(s).placements.get_mut(&order(1)).expect("1").state = PlacementState::Present;
    });
    let it = at(&state, order(2), vault(USB));
    assert_eq!(it.state, PlacementState::Present);
    assert_eq!(it.steps, [Step::Verify { point: order(2) }]);
}

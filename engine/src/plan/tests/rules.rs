//! Properties of every plan.

use proptest::prelude::*;

use super::apply::apply;
use super::worlds::{World, open_world, world};
use crate::model::State as PlacementState;
use crate::plan::{Reach, State, Step, check, propose};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_judge_accepts_every_plan(World(state) in world()) {
        let plan = propose(&state);
        let verdict = check(&state, plan.clone());
        prop_assert!(verdict.is_ok(), "{:#?}\n{plan:#?}", verdict.err());
    }

    #[test]
    fn the_same_plan_twice_changes_nothing_more(World(mut state) in world()) {
        // Evidence that one medium gives may free another's unique points; that takes one more plan.
        state.media.values_mut().for_each(|medium| medium.evict_unique = true);
        let plan = propose(&state);
        let second = propose(&apply(&state, &plan));
        prop_assert!(second.media.is_empty(), "first {plan:#?}\nsecond {second:#?}");
    }

    #[test]
    fn plans_come_to_an_end(World(state) in world()) {
        let mut now = state;
        for _ in 0..4 {
            now = apply(&now, &propose(&now));
        }
        prop_assert!(propose(&now).media.is_empty());
    }

    #[test]
    fn where_nothing_is_in_the_way_everything_owed_arrives(World(state) in open_world()) {
        let plan = propose(&state);
        let after = apply(&state, &plan);
        for (id, medium) in after.media.iter().filter(|(_, it)| !it.retired && !it.is_home()) {
            for (at, row) in &medium.placements {
                let open = matches!(row.state, PlacementState::Pending | PlacementState::Copying);
                let readable = after.media.iter().any(|(other, it)| other != id && it.state_of(*at) == PlacementState::Complete);
                prop_assert!(!(open && readable && goes(&after, id, *at)), "{at} stays {} {plan:#?}", row.state);
            }
        }
    }

    #[test]
    fn a_drive_that_comes_back_is_brought_up_to_date_not_emptied(World(state) in open_world()) {
        let mut away = state.clone();
        let Some(id) = away.media.iter().find(|(_, it)| !it.is_home()).map(|(id, _)| *id) else { return Ok(()) };
        away.media.get_mut(&id).expect("found").reach = Reach::Away("unplugged".to_owned());
        let mut later = apply(&away, &propose(&away));
        later.media.get_mut(&id).expect("found").reach = Reach::Here;
        let back = apply(&later, &propose(&later));
        let had = complete(&later, &id);
        prop_assert!(complete(&back, &id) >= had.min(1));
        prop_assert!(propose(&back).media.is_empty());
    }
}

fn complete(state: &State, id: &crate::model::VaultId) -> usize {
    state.media[id].placements.values().filter(|row| row.state == PlacementState::Complete).count()
}

fn goes(state: &State, id: &crate::model::VaultId, at: crate::model::PointOrder) -> bool {
    let job = &state.jobs[&state.points[&at].job];
    job.offsite.contains(&state.media[id].destination) && state.points[&at].base.is_none()
}

#[test]
fn nothing_to_do_is_an_empty_plan() {
    let plan = propose(&State {
        generation: 1,
        now: crate::model::Time::default(),
        zone: jiff::tz::TimeZone::UTC,
        jobs: Default::default(),
        points: Default::default(),
        packs: Default::default(),
        media: Default::default(),
    });
    assert!(plan.media.values().flatten().collect::<Vec<&Step>>().is_empty());
}

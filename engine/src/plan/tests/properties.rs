//! Every rule of the design, by its name, over the same few thousand random worlds and the plans for them, half of them tight.
//!
//! `WORLDS` is how many of each kind, `SEED` which.

use std::sync::LazyLock;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::oracle::{RULES, Story, founded, nothing_older_is_left_out, rule};
use super::worlds::{World, plain_world, tight_world, world};
use crate::plan::{Plan, State, check, propose, render};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A state, as its complete points deserve it, and the plan for it.
struct Planned {
    state: State,
    founded: State,
    plan: Plan,
}

fn plans(worlds: impl Strategy<Value = World>, count: u64) -> Vec<Planned> {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number("SEED", 1).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let world = |_| {
        let World(state) = worlds.new_tree(&mut runner).expect("a world").current();
        let plan = propose(&state);
        Planned { founded: founded(state.clone()), state, plan }
    };
    (0..count).map(world).collect()
}

static PLANS: LazyLock<Vec<Planned>> = LazyLock::new(|| {
    let count = number("WORLDS", 1_500);
    let mut all = plans(world(), count);
    all.extend(plans(tight_world(), count));
    all
});

static STORIES: LazyLock<Vec<Story<'static>>> =
    LazyLock::new(|| PLANS.iter().map(|it| Story::of(&it.founded, &it.plan)).collect());

fn shown(story: &Story<'_>, broken: &str) -> String {
    format!("{broken}\n{:?}{}", World(story.state.clone()), render(story.state, story.plan))
}

/// Holds the rule against every plan; it has to have had something to say now and then.
fn holds(name: &str, at_least: usize) {
    let rule = rule(name);
    let applied = |story: &Story<'_>| rule(story).unwrap_or_else(|broken| panic!("{}", shown(story, &broken)));
    let applied: usize = STORIES.iter().map(applied).sum();
    assert!(applied >= at_least, "{name} applied {applied} times");
}

macro_rules! properties {
    ($($rule:ident: $at_least:expr,)*) => {
        $(#[test]
        fn $rule() {
            holds(stringify!($rule), $at_least);
        })*

        const TESTED: &[&str] = &[$(stringify!($rule)),*];
    };
}

properties! {
    ancestors_come_first: 100,
    a_dependent_is_complete_only_on_a_complete_base: 100,
    the_first_that_can_take_it_is_served: 50,
    one_copy_is_enough_where_the_first_counts: 50,
    a_copy_on_the_same_disk_is_not_enough: 20,
    what_is_owed_arrives_or_the_plan_says_why: 500,
    only_what_keep_would_keep_is_copied: 1_000,
    nothing_evicted_comes_back: 1_000,
    what_was_given_up_for_good_stays_away: 1_000,
    a_copy_has_somewhere_to_come_from: 1_000,
    reasons_for_declining_hold: 500,
    nothing_is_copied_to_be_removed: 500,
    home_never_drops_what_is_owed: 100,
    never_below_keep_at_least: 500,
    never_the_last_that_a_drill_proved: 20,
    pinned_points_stay: 500,
    nothing_goes_while_a_job_is_on_hold: 500,
    what_is_nowhere_else_offsite_goes_only_if_allowed: 20,
    retention_counts_on_each_medium_by_itself: 200,
    a_base_stays_while_one_that_depends_on_it_stays: 500,
    an_unfinished_chain_is_never_evicted: 10,
    evict_never_is_never: 100,
    room_is_made_for_newer_points_only: 100,
    room_is_made_only_for_what_comes: 100,
    never_for_a_point_that_never_fits: 100,
    never_for_a_point_not_verified_at_its_origin: 100,
    room_comes_from_the_unwanted_the_jobs_oldest_the_oldest: 100,
    no_more_room_than_needed_is_made: 100,
    limit_and_reserve_hold_before_during_and_after: 1_000,
    bytes_are_known_exactly: 1_000,
    d1_a_needed_pack_stays: 500,
    d3_nothing_is_deleted_where_that_is_refused: 500,
    d5_incoming_packs_are_not_counted_as_freed: 100,
    d8_begun_removals_are_finished_first: 50,
    d9_orphans_stay_while_a_seed_is_open: 50,
    media_away_or_retired_are_not_touched: 1_000,
    every_pack_of_a_complete_point_is_there: 1_000,
    full_and_stuck_has_a_deadline: 300,
    a_chain_is_reported_before_it_no_longer_fits: 20,
}

#[test]
fn every_rule_has_its_property() {
    assert_eq!(TESTED, RULES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn where_no_rule_is_in_the_way_exactly_the_oldest_make_room() {
    let mut applied = 0;
    for it in plans(plain_world(), number("WORLDS", 1_500)) {
        let story = Story::of(&it.founded, &it.plan);
        let verdict = nothing_older_is_left_out(&story);
        applied += verdict.unwrap_or_else(|broken| panic!("{}", shown(&story, &broken)));
    }
    assert!(applied > 100, "{applied}");
}

#[test]
fn the_judge_accepts_them_all() {
    for it in PLANS.iter() {
        let verdict = check(&it.state, it.plan.clone()).err();
        assert!(verdict.is_none(), "{}", shown(&Story::of(&it.state, &it.plan), &format!("{verdict:?}")));
    }
}

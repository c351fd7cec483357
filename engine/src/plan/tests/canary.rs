//! A bad plan for each rule: the oracle names the rule, and the judge refuses the plan. So neither holds its peace where
//! it matters, and each has to be fooled by itself.

use std::collections::BTreeMap;

use super::judged::{copy, evict, full, remove, sound, usb, with};
use super::oracle::{RULES, Story, founded, rule};
use super::worlds::{HOME, job_id, keep, order, vault};
use crate::model::{KeepRule, Proof, State as PlacementState, VaultId};
use crate::plan::{
    Broken, Copies, Deletions, Evict, Hold, Orphans, PackNumber, PackThere, Placement, Plan, Problem, Reach,
    RemoveReason, State, Step, Unwanted, check, propose,
};

const USB: u8 = 0;

/// A rule, a world, the steps at `usb` or home that break it there, and what the judge says. Of rules about what a plan
/// leaves undone or says, the judge says nothing: `forget` makes plans that do less than is owed.
struct Canary {
    rule: &'static str,
    state: State,
    at: VaultId,
    steps: Vec<Step>,
    judge: Option<Broken>,
}

fn canary(rule: &'static str, state: State, steps: Vec<Step>, judge: Broken) -> Canary {
    Canary { rule, state, at: vault(USB), steps, judge: Some(judge) }
}

fn plan(state: &State, at: VaultId, steps: Vec<Step>) -> Plan {
    Plan { generation: state.generation, media: BTreeMap::from([(at, steps)]), ..Plan::default() }
}

/// As in [`full`], after a change.
fn full_with(change: impl FnOnce(&mut State)) -> State {
    let mut state = full();
    change(&mut state);
    state
}

fn lacks(state: &mut State, sequence: u64) {
    _ = usb(state).placements.remove(&order(sequence));
    _ = usb(state).packs.remove(&PackNumber(sequence));
    usb(state).used -= 11;
}

fn row(state: PlacementState, unwanted: Option<Unwanted>) -> Placement {
    Placement { state, proof: Proof::None, verified: None, unwanted }
}

fn job(state: &mut State) -> &mut crate::plan::Job {
    state.jobs.get_mut(&job_id(0)).expect("0")
}

fn point(state: &mut State, sequence: u64) -> &mut crate::plan::Point {
    state.points.get_mut(&order(sequence)).expect("known")
}

fn copy_of(sequence: u64, packs: &[u64]) -> Step {
    let Step::Copy { point, sources, replaces, reason, .. } = copy(sequence) else { unreachable!("it is a copy") };
    let bytes = 1 + 10 * packs.len() as u64;
    let packs = packs.iter().map(|pack| PackNumber(*pack)).collect();
    Step::Copy { point, sources, packs, bytes, replaces, peak: bytes, reason }
}

fn by(sequence: u64, by: u64) -> Step {
    remove(sequence, RemoveReason::Eviction { by: order(by) })
}

fn copies() -> Vec<Canary> {
    let second = with(|s| {
        job(s).copies = Copies::First;
        let complete = s.media[&HOME].placements[&order(4)];
        s.media.get_mut(&vault(1)).expect("office").placements.insert(order(4), complete);
    });
    let passed_over = with(|s| job(s).copies = Copies::First);
    let same_disk = with(|s| {
        job(s).copies = Copies::First;
        usb(s).same_disk = true;
    });
    let based = |lost: bool| {
        with(|s| {
            point(s, 4).base = Some(order(3));
            usb(s).placements.get_mut(&order(3)).expect("3").state = PlacementState::Present;
            if lost {
                lacks(s, 3);
            }
        })
    };
    let older = with(|s| {
        job(s).keep = keep(KeepRule::Last, 1);
        lacks(s, 1);
    });
    let known = |state, unwanted| with(move |s| _ = usb(s).placements.insert(order(4), row(state, unwanted)));
    let evicted = with(|s| _ = usb(s).newest_evicted.insert(job_id(0), order(4)));
    let homeless = with(|s| _ = s.media.get_mut(&HOME).expect("home").placements.remove(&order(4)));
    vec![
        canary("ancestors_come_first", based(true), vec![copy(4)], Broken::BaseMissing),
        canary("a_dependent_is_complete_only_on_a_complete_base", based(false), vec![copy(4)], Broken::BaseIncomplete),
        Canary {
            at: vault(1),
            ..canary("the_first_that_can_take_it_is_served", passed_over, vec![copy(4)], Broken::PassedOver)
        },
        canary("one_copy_is_enough_where_the_first_counts", second, vec![copy(4)], Broken::SecondCopy),
        Canary {
            judge: None,
            ..canary("a_copy_on_the_same_disk_is_not_enough", same_disk, vec![copy(4)], Broken::Stale)
        },
        Canary { judge: None, ..canary("what_is_owed_arrives_or_the_plan_says_why", sound(), vec![], Broken::Stale) },
        canary("only_what_keep_would_keep_is_copied", older, vec![copy(1)], Broken::NotWanted),
        canary("nothing_evicted_comes_back", evicted, vec![copy(4)], Broken::NotWanted),
        canary(
            "what_was_given_up_for_good_stays_away",
            known(PlacementState::NotWanted, Some(Unwanted::Forgotten)),
            vec![copy(4)],
            Broken::NotWanted,
        ),
        canary("a_copy_has_somewhere_to_come_from", homeless, vec![copy(4)], Broken::NoSource),
        canary(
            "reasons_for_declining_hold",
            sound(),
            vec![Step::Decline { point: order(4), reason: Unwanted::Keep }],
            Broken::WrongReason(Unwanted::Keep),
        ),
    ]
}

fn removals() -> Vec<Canary> {
    let room = || vec![evict(1), copy(4)];
    let proved = full_with(|s| usb(s).placements.get_mut(&order(1)).expect("1").proof = Proof::Restored);
    let unfinished = with(|s| {
        point(s, 2).base = Some(order(1));
        lacks(s, 2);
        usb(s).limit = Some(22);
    });
    let home = with(|s| job(s).keep_at_home = keep(KeepRule::Last, 1));
    let three = with(|s| job(s).keep = keep(KeepRule::Last, 3));
    let begun = with(|s| _ = usb(s).removing.insert(order(1)));
    vec![
        canary(
            "nothing_is_copied_to_be_removed",
            sound(),
            vec![copy(4), remove(4, RemoveReason::Forgotten)],
            Broken::Copying,
        ),
        Canary {
            at: HOME,
            ..canary(
                "home_never_drops_what_is_owed",
                home,
                vec![remove(1, RemoveReason::Retention)],
                Broken::OwedElsewhere,
            )
        },
        canary("never_below_keep_at_least", full_with(|s| usb(s).keep_at_least = 3), room(), Broken::KeepAtLeast),
        canary("never_the_last_that_a_drill_proved", proved, room(), Broken::LastProved),
        canary("pinned_points_stay", full_with(|s| point(s, 1).pinned = true), room(), Broken::Pinned),
        canary(
            "nothing_goes_while_a_job_is_on_hold",
            full_with(|s| job(s).hold = Some(Hold::Alarm)),
            room(),
            Broken::Held(Hold::Alarm),
        ),
        canary(
            "what_is_nowhere_else_offsite_goes_only_if_allowed",
            full_with(|s| usb(s).evict_unique = false),
            room(),
            Broken::Unique,
        ),
        canary(
            "retention_counts_on_each_medium_by_itself",
            three,
            vec![remove(1, RemoveReason::Retention)],
            Broken::Wanted,
        ),
        canary(
            "a_base_stays_while_one_that_depends_on_it_stays",
            full_with(|s| point(s, 2).base = Some(order(1))),
            room(),
            Broken::Dependents,
        ),
        canary("an_unfinished_chain_is_never_evicted", unfinished, room(), Broken::Unfinished),
        canary("evict_never_is_never", full_with(|s| usb(s).evict = Evict::Never), room(), Broken::EvictNever),
        canary("d8_begun_removals_are_finished_first", begun, vec![copy(4)], Broken::BegunBefore),
    ]
}

fn rooms() -> Vec<Canary> {
    let room = || vec![evict(1), copy(4)];
    let newer = full_with(|s| {
        lacks(s, 2);
        usb(s).limit = Some(22);
    });
    let two = with(|s| usb(s).limit = Some(22));
    let three = vec![evict(1), evict(2), evict(3), copy(4)];
    let shared = full_with(|s| {
        point(s, 2).packs = vec![PackNumber(1), PackNumber(2)];
        s.packs.get_mut(&PackNumber(1)).expect("1").last = order(2);
    });
    let incoming = full_with(|s| point(s, 4).packs = vec![PackNumber(1), PackNumber(4)]);
    let wrong = match copy(4) {
        Step::Copy { point, sources, packs, replaces, peak, reason, .. } => {
            Step::Copy { point, sources, packs, bytes: 12, replaces, peak, reason }
        }
        other => other,
    };
    let stray = with(|s| {
        usb(s).orphans = Orphans::Kept;
        _ = usb(s).packs.insert(PackNumber(4), PackThere::Present);
        usb(s).used += 10;
    });
    let sweep = Step::Sweep { packs: vec![PackNumber(4)], bytes: 10 };
    vec![
        canary("room_is_made_for_newer_points_only", newer, vec![by(3, 2), copy(2)], Broken::NotOlder),
        canary("room_is_made_only_for_what_comes", full(), vec![evict(1)], Broken::ForNothing),
        canary("never_for_a_point_that_never_fits", with(|s| usb(s).limit = Some(10)), three, Broken::Limit),
        canary(
            "never_for_a_point_not_verified_at_its_origin",
            full_with(|s| point(s, 4).origin_verified = false),
            room(),
            Broken::Unverified,
        ),
        canary(
            "room_comes_from_the_unwanted_the_jobs_oldest_the_oldest",
            two,
            vec![evict(2), evict(1), copy(4)],
            Broken::OutOfTurn,
        ),
        canary("no_more_room_than_needed_is_made", sound(), room(), Broken::Needless),
        canary("limit_and_reserve_hold_before_during_and_after", full(), vec![copy(4)], Broken::Limit),
        canary("bytes_are_known_exactly", sound(), vec![wrong], Broken::WrongBytes),
        canary("d1_a_needed_pack_stays", shared, room(), Broken::PackNeeded(PackNumber(1))),
        canary(
            "d3_nothing_is_deleted_where_that_is_refused",
            full_with(|s| usb(s).deletions = Deletions::Refused(String::new())),
            room(),
            Broken::DeletionsRefused,
        ),
        canary(
            "d5_incoming_packs_are_not_counted_as_freed",
            incoming,
            vec![evict(1), copy_of(4, &[1, 4])],
            Broken::PackIncoming(PackNumber(1)),
        ),
        canary("d9_orphans_stay_while_a_seed_is_open", stray, vec![sweep], Broken::OrphansKept),
        canary(
            "media_away_or_retired_are_not_touched",
            with(|s| usb(s).reach = Reach::Away(String::new())),
            vec![copy(4)],
            Broken::NotHere,
        ),
        canary(
            "every_pack_of_a_complete_point_is_there",
            sound(),
            vec![copy_of(4, &[])],
            Broken::PackMissing(PackNumber(4)),
        ),
    ]
}

#[test]
fn every_rule_has_a_canary_that_the_oracle_names_and_the_judge_refuses() {
    let all: Vec<_> = copies().into_iter().chain(removals()).chain(rooms()).collect();
    for Canary { rule: name, state, at, steps, judge } in &all {
        let (state, plan) = (founded(state.clone()), plan(state, *at, steps.clone()));
        let broken: Vec<_> = RULES.iter().filter(|(_, rule)| rule(&Story::of(&state, &plan)).is_err()).collect();
        assert!(broken.iter().any(|(it, _)| it == name), "{name} sleeps; these don't: {broken:?}");
        let violations = check(&state, plan).err().unwrap_or_default();
        let found = violations.iter().any(|it| Some(it.rule) == *judge);
        assert!(found || judge.is_none(), "{name}: the judge says {violations:?}");
    }
    let told = ["full_and_stuck_has_a_deadline", "a_chain_is_reported_before_it_no_longer_fits"];
    let named = |name: &str| told.contains(&name) || all.iter().any(|canary| canary.rule == name);
    let missing: Vec<_> = RULES.iter().map(|(name, _)| *name).filter(|name| !named(name)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "no canary");
}

#[test]
fn a_wrong_deadline_is_noticed() {
    let state = full_with(|s| s.points.values_mut().for_each(|point| point.pinned = true));
    let mut plan = propose(&state);
    let deadline = plan.problems.iter_mut().find_map(|problem| match problem {
        Problem::Full { deadline, .. } => Some(deadline),
        _ => None,
    });
    *deadline.expect("it is full") = None;
    assert!(rule("full_and_stuck_has_a_deadline")(&Story::of(&state, &plan)).is_err());
}

/// 1 and 2 are a chain of 22 bytes that one more of 11 outgrows.
#[test]
fn a_chain_that_nobody_reports_is_noticed() {
    let state = with(|s| {
        s.points.retain(|at, _| *at <= order(2));
        s.media.values_mut().for_each(|medium| medium.placements.retain(|at, _| *at <= order(2)));
        point(s, 2).base = Some(order(1));
        usb(s).limit = Some(32);
        usb(s).used = 22;
        usb(s).packs.retain(|pack, _| pack.0 <= 2);
    });
    let mut plan = propose(&state);
    let outgrows = rule("a_chain_is_reported_before_it_no_longer_fits");
    assert_eq!(outgrows(&Story::of(&state, &plan)), Ok(1), "{plan:?}");
    plan.problems.clear();
    assert!(outgrows(&Story::of(&state, &plan)).is_err());
}

//! The judge rejects each kind of wrong plan: a sound world and plan, and one change that breaks one rule.

use std::collections::BTreeMap;

use super::worlds::{HOME, World, job_id, keep, order, small, vault};
use crate::model::{KeepRule, Proof, State as PlacementState};
use crate::plan::{
    Await, Broken, Copies, CopyReason, Deletions, Evict, Hold, Orphans, PackNumber, PackThere, Plan, Reach,
    RemoveReason, State, Step, Unwanted, check,
};

const USB: u8 = 0;

fn rules(state: &State, steps: Vec<Step>) -> Vec<Broken> {
    at(state, vault(USB), steps)
}

fn at(state: &State, medium: crate::model::VaultId, steps: Vec<Step>) -> Vec<Broken> {
    let plan = Plan { generation: state.generation, media: BTreeMap::from([(medium, steps)]), ..Plan::default() };
    check(state, plan).err().unwrap_or_default().into_iter().map(|violation| violation.rule).collect()
}

pub(super) fn copy(point: u64) -> Step {
    Step::Copy {
        point: order(point),
        sources: vec![HOME],
        packs: vec![PackNumber(point)],
        bytes: 11,
        replaces: 0,
        peak: 11,
        reason: CopyReason::Owed,
    }
}

pub(super) fn remove(point: u64, reason: RemoveReason) -> Step {
    Step::Remove { point: order(point), reason, packs: vec![PackNumber(point)], bytes: 11, after: vec![] }
}

pub(super) fn evict(point: u64) -> Step {
    remove(point, RemoveReason::Eviction { by: order(4) })
}

/// Points 1 to 3 complete on `usb`, 4 owed; each has one pack of 10 bytes of its own and a manifest of 1.
pub(super) fn sound() -> State {
    let World(mut state) = small(4);
    state.media.get_mut(&vault(USB)).expect("usb").placements.remove(&order(4));
    let usb = state.media.get_mut(&vault(USB)).expect("usb");
    usb.packs.remove(&PackNumber(4));
    usb.used -= 11;
    state
}

/// The same, without room for one more.
pub(super) fn full() -> State {
    with(|state| usb(state).limit = Some(33))
}

pub(super) fn with(change: impl FnOnce(&mut State)) -> State {
    let mut state = sound();
    change(&mut state);
    state
}

pub(super) fn usb(state: &mut State) -> &mut crate::plan::Medium {
    state.media.get_mut(&vault(USB)).expect("usb")
}

#[test]
fn sound_plans_pass() {
    assert_eq!(rules(&sound(), vec![copy(4)]), []);
    assert_eq!(rules(&full(), vec![evict(1), copy(4)]), []);
    assert_eq!(rules(&sound(), vec![evict(1), copy(4)]), [Broken::Needless]);
}

#[test]
fn a_plan_of_another_generation_is_refused() {
    let violations = check(&sound(), Plan::default()).expect_err("stale");
    assert_eq!(violations[0].rule, Broken::Stale);
}

#[test]
fn each_rule_is_held_against_evictions() {
    type Change = fn(&mut State);
    let table: [(Change, Broken); 12] = [
        (|s| usb(s).deletions = Deletions::Refused(String::new()), Broken::DeletionsRefused),
        (|s| usb(s).reach = Reach::Away(String::new()), Broken::NotHere),
        (|s| usb(s).evict = Evict::Never, Broken::EvictNever),
        (|s| usb(s).evict_unique = false, Broken::Unique),
        (|s| usb(s).keep_at_least = 3, Broken::KeepAtLeast),
        (|s| _ = usb(s).reserved.insert(PackNumber(1)), Broken::PackNeeded(PackNumber(1))),
        (|s| s.points.get_mut(&order(1)).expect("1").pinned = true, Broken::Pinned),
        (|s| s.jobs.get_mut(&job_id(0)).expect("0").hold = Some(Hold::Alarm), Broken::Held(Hold::Alarm)),
        (|s| s.points.get_mut(&order(2)).expect("2").base = Some(order(1)), Broken::Dependents),
        (|s| s.points.get_mut(&order(4)).expect("4").origin_verified = false, Broken::Unverified),
        (|s| s.packs.get_mut(&PackNumber(1)).expect("1").last = order(2), Broken::PackNeeded(PackNumber(1))),
        (|s| usb(s).placements.get_mut(&order(1)).expect("1").proof = Proof::Restored, Broken::LastProved),
    ];
    for (change, rule) in table {
        let found = rules(&with(change), vec![evict(1), copy(4)]);
        assert!(found.contains(&rule), "{rule:?} is not among {found:?}");
    }
}

#[test]
fn each_rule_is_held_against_copies() {
    type Change = fn(&mut State);
    let table: [(Change, Broken); 10] = [
        (|s| usb(s).limit = Some(43), Broken::Limit),
        (|s| (usb(s).free, usb(s).reserve) = (Some(20), 10), Broken::Reserve),
        (|s| usb(s).retired = true, Broken::NotHere),
        (|s| s.jobs.get_mut(&job_id(0)).expect("0").offsite.clear(), Broken::NotOffsite),
        (|s| _ = s.media.get_mut(&HOME).expect("home").placements.remove(&order(4)), Broken::NoSource),
        (|s| _ = usb(s).newest_evicted.insert(job_id(0), order(4)), Broken::NotWanted),
        (|s| s.points.get_mut(&order(4)).expect("4").packs.push(PackNumber(9)), Broken::PackMissing(PackNumber(9))),
        (|s| s.points.get_mut(&order(4)).expect("4").manifest_bytes = 2, Broken::WrongBytes),
        (
            |s| {
                _ = usb(s).placements.remove(&order(3));
                s.points.get_mut(&order(4)).expect("4").base = Some(order(3));
            },
            Broken::BaseMissing,
        ),
        (
            |s| {
                s.jobs.get_mut(&job_id(0)).expect("0").copies = Copies::First;
                let row = s.media[&HOME].placements[&order(4)];
                let office = s.media.get_mut(&vault(1)).expect("office");
                office.placements.insert(order(4), row);
            },
            Broken::SecondCopy,
        ),
    ];
    for (change, rule) in table {
        let found = rules(&with(change), vec![copy(4)]);
        assert!(found.contains(&rule), "{rule:?} is not among {found:?}");
    }
}

#[test]
fn wrong_steps_are_refused() {
    let wait = Await { medium: vault(USB), point: order(4) };
    let incoming = with(|s| {
        s.points.get_mut(&order(4)).expect("4").packs = vec![PackNumber(1), PackNumber(4)];
    });
    let newer = remove(3, RemoveReason::Eviction { by: order(2) });
    let mut waits = remove(1, RemoveReason::Retention);
    if let Step::Remove { after, .. } = &mut waits {
        after.push(wait);
    }
    let sweep = |pack| Step::Sweep { packs: vec![PackNumber(pack)], bytes: 10 };
    let seed = with(|s| usb(s).orphans = Orphans::Kept);
    let copying = with(|s| {
        usb(s).placements.get_mut(&order(1)).expect("1").state = PlacementState::Copying;
    });
    let finish = Step::Finish { points: vec![order(1)], packs: vec![], bytes: 1 };
    let table = [
        (sound(), vec![remove(1, RemoveReason::Retention)], Broken::Wanted),
        (sound(), vec![evict(1)], Broken::ForNothing),
        (sound(), vec![newer], Broken::NotOlder),
        (sound(), vec![evict(4)], Broken::NotThere),
        (sound(), vec![remove(9, RemoveReason::Forgotten)], Broken::Unknown),
        (sound(), vec![waits], Broken::AwaitBroken(wait)),
        (sound(), vec![copy(4), evict(4)], Broken::Copying),
        (incoming, vec![evict(1), copy(4)], Broken::PackIncoming(PackNumber(1))),
        (sound(), vec![sweep(1)], Broken::PackNeeded(PackNumber(1))),
        (sound(), vec![sweep(4)], Broken::PackNotThere(PackNumber(4))),
        (seed, vec![sweep(4)], Broken::OrphansKept),
        (copying, vec![evict(1), copy(4)], Broken::NotThere),
        (sound(), vec![finish], Broken::NotThere),
        (sound(), vec![Step::Decline { point: order(1), reason: Unwanted::Keep }], Broken::DeclinedThere),
        (sound(), vec![Step::Owe { point: order(4) }], Broken::Final),
        (sound(), vec![Step::Verify { point: order(4) }], Broken::NotThere),
    ];
    for (state, steps, rule) in table {
        let found = rules(&state, steps);
        assert!(found.contains(&rule), "{rule:?} is not among {found:?}");
    }
}

#[test]
fn home_gives_up_nothing_that_is_owed() {
    let state = with(|s| {
        s.jobs.get_mut(&job_id(0)).expect("0").keep_at_home = keep(KeepRule::Last, 1);
        s.media.get_mut(&HOME).expect("home").packs.insert(PackNumber(4), PackThere::Present);
    });
    let found = at(&state, HOME, vec![remove(1, RemoveReason::Retention)]);
    assert!(found.contains(&Broken::OwedElsewhere), "office lacks it: {found:?}");
}

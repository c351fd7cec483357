//! Makes a plan: finishes what was begun, declines what is not wanted, then rounds of retention, copies and evidence
//! until a round adds nothing, then home.
//!
//! Rounds, because a copy or a piece of evidence can make an older point superfluous, and that makes room. Nothing
//! that the plan copies is removed by it, so rounds end.

use std::collections::{BTreeMap, BTreeSet};

use super::based::grounded;
use super::bench::Bench;
use super::forget::Refusal;
use super::serve::{Outcome, Service, TRIED_MAX};
use super::spool::Beyond;
use super::state::{Copies, State, Unwanted};
use super::steps::{Await, Plan, Step};
use super::survey::Survey;
use super::undone::{problems, waiting};
use crate::model::{PointOrder, State as PlacementState, VaultId};

/// Decides what is to be done. Whatever the state, the same state gives the same plan.
#[must_use]
pub fn propose(state: &State) -> Plan {
    let state = &*grounded(state);
    let survey = Survey::of(state);
    let media = state.media.iter().map(|(id, medium)| (*id, Bench::new(&survey, *id, medium)));
    let mut benches: BTreeMap<_, _> = media.collect();
    benches.values_mut().for_each(prepare);
    let failed = match state.coming {
        None => serve_all(&survey, &mut benches),
        Some(_) => BTreeMap::new(),
    };
    decline_removed(&survey, &mut benches);
    benches.values_mut().for_each(owe_again);
    note_needs(&survey, &mut benches);
    settle_home(&mut benches);
    let is_planned_for = |bench: &&mut Bench<'_>| bench.medium.is_home() || state.coming.is_none();
    benches.values_mut().filter(is_planned_for).for_each(|bench| _ = bench.sweep());
    Plan {
        generation: state.generation,
        problems: problems(&benches, &failed),
        waiting: waiting(&benches, &failed),
        media: benches
            .into_iter()
            .map(|(id, bench)| (id, bench.steps))
            .filter(|(_, steps)| !steps.is_empty())
            .collect(),
    }
}

/// The part of a plan that is retention, and what that leaves though no `keep` wants it.
pub(super) fn retention_only(state: &State) -> (Plan, Vec<Refusal>) {
    let survey = Survey::of(state);
    let media = state.media.iter().map(|(id, medium)| (*id, Bench::new(&survey, *id, medium)));
    let mut benches: BTreeMap<_, _> = media.collect();
    note_needs(&survey, &mut benches);
    let mut refusals = Vec::new();
    for bench in benches.values_mut() {
        if bench.medium.is_home() && bench.medium.is_here() {
            bench.read_back_for_retention();
        }
        bench.retain();
        let left = bench.unwanted.iter().filter_map(|point| Some((*point, bench.may_go(&[*point]).err()?)));
        refusals.extend(left.map(|(point, blocker)| Refusal { medium: bench.id, point, blocker }));
    }
    let media = benches.into_iter().map(|(id, bench)| (id, bench.steps));
    (Plan { generation: state.generation, media: media.collect(), ..Plan::default() }, refusals)
}

fn prepare(bench: &mut Bench<'_>) {
    bench.finish();
    let declined: Vec<_> = bench.goals.values_mut().flat_map(|goal| std::mem::take(&mut goal.declined)).collect();
    declined.into_iter().for_each(|(order, reason)| bench.decline(order, reason));
    if is_served(bench) {
        // What lies elsewhere is known by now; what is damaged here and stays is repaired in its turn, not after older ones.
        bench.settle_first();
    }
}

/// All that is done at other media than home.
fn serve_all<'a>(
    survey: &'a Survey<'a>,
    benches: &mut BTreeMap<VaultId, Bench<'a>>,
) -> BTreeMap<(VaultId, PointOrder), Outcome> {
    let mut service = Service {
        survey,
        benches,
        failed: BTreeMap::new(),
        progress: true,
        gone: BTreeSet::new(),
        blocked: BTreeMap::new(),
        released: BTreeMap::new(),
        blocked_after: BTreeSet::new(),
        tries: TRIED_MAX,
    };
    while service.goes_on() {
        note_needs(survey, service.benches);
        for bench in service.benches.values_mut().filter(|bench| is_served(bench)) {
            let before = bench.steps.len();
            service.progress |= bench.retain();
            service.progress |= bench.sweep();
            service.gone.extend(bench.removed_since(before).map(|point| (bench.id, point)));
        }
        service.round();
        for bench in service.benches.values_mut().filter(|bench| is_served(bench)) {
            service.progress |= bench.settle_first();
            service.progress |= bench.want_again();
        }
        if !service.progress && service.blocked.is_empty() {
            // Last, so that nothing is read back that has to go anyway.
            for bench in service.benches.values_mut().filter(|bench| is_served(bench)) {
                service.progress |= bench.verify_all();
            }
        }
    }
    service.failed
}

fn is_served(bench: &Bench<'_>) -> bool {
    bench.medium.is_here() && !bench.medium.retired && !bench.medium.is_home()
}

/// With `copies = "first"`, what retention removes from one medium is not begun at another.
fn decline_removed(survey: &Survey<'_>, benches: &mut BTreeMap<VaultId, Bench<'_>>) {
    let removed = |bench: &Bench<'_>| {
        let evicted = |point: PointOrder| bench.shelf.state_of(point) == PlacementState::Evicted;
        bench.removed_since(0).filter(|point| !evicted(*point)).collect::<Vec<_>>()
    };
    // A copy on the same disk is none that could have been given up.
    let counting = benches.values().filter(|bench| !bench.medium.same_disk);
    let removed: BTreeSet<_> = counting.flat_map(removed).collect();
    for point in removed.into_iter().filter(|point| survey.job(*point).copies == Copies::First) {
        for (id, _) in survey.offsite(survey.job(point)) {
            let Some(bench) = benches.get_mut(&id) else { continue };
            let state = bench.shelf.state_of(point);
            if matches!(state, PlacementState::Pending | PlacementState::Copying | PlacementState::Missing) {
                bench.decline(point, Unwanted::Removed);
            }
        }
    }
}

/// What was declined in favour of a copy elsewhere that is lost, and can't be copied now, is pending again.
fn owe_again(bench: &mut Bench<'_>) {
    let owed: BTreeSet<_> = bench.goals.values().flat_map(|goal| &goal.owed).copied().collect();
    for point in owed.into_iter().rev() {
        if bench.shelf.state_of(point) == PlacementState::NotWanted {
            bench.shelf.set(point, PlacementState::Pending);
            bench.steps.push(Step::Owe { point });
        }
    }
}

fn settle_home(benches: &mut BTreeMap<VaultId, Bench<'_>>) {
    let homes: Vec<_> = benches.values().filter(|bench| bench.medium.is_home()).map(|bench| bench.id).collect();
    for id in homes {
        let Some(mut home) = benches.remove(&id) else { continue };
        if home.medium.is_here() && !home.medium.retired {
            settle(&mut home, benches);
        }
        benches.insert(id, home);
    }
}

/// A copy from home reads only what the other place lacks, so it does not prove that the whole point reads back.
fn settle<'a>(home: &mut Bench<'a>, others: &BTreeMap<VaultId, Bench<'a>>) {
    let beyond = Beyond::of(others, home);
    home.pass_on(&beyond);
    home.verify_all();
    home.read_back_for_retention();
    home.retain();
    home.overflow(&beyond);
}

/// Does what is there count as offsite, and can it change now?
fn counts(bench: &Bench<'_>) -> bool {
    is_served(bench) && !bench.medium.same_disk
}

/// Home gives up nothing that another medium is owed, nor does any medium that alone has it; what the plan itself
/// copies has to arrive first.
fn note_needs(survey: &Survey<'_>, benches: &mut BTreeMap<VaultId, Bench<'_>>) {
    let mut needed = BTreeMap::<_, BTreeSet<_>>::new();
    let mut needed_for_long = BTreeMap::<_, BTreeSet<_>>::new();
    let mut awaited = BTreeMap::<_, BTreeMap<_, Vec<_>>>::new();
    for bench in benches.values() {
        for point in bench.lacking() {
            for holder in survey.providers(point, bench.id) {
                needed.entry(holder).or_default().insert(point);
                if !bench.medium.is_here() {
                    needed_for_long.entry(holder).or_default().insert(point);
                }
            }
        }
        for point in bench.fresh.values().flatten() {
            // Home comes last and can wait for it; the other media are served at the same time and stay as they are.
            for holder in survey.providers(*point, bench.id) {
                if !survey.state.media[&holder].is_home() {
                    needed.entry(holder).or_default().insert(*point);
                    continue;
                }
                let wait = Await { medium: bench.id, point: *point };
                awaited.entry(holder).or_default().entry(*point).or_default().push(wait);
            }
        }
    }
    for (bench, point) in benches.values().flat_map(|bench| bench.relied_on().map(move |point| (bench, point))) {
        for holder in survey.holders(point).filter(|holder| *holder != bench.id) {
            needed.entry(holder).or_default().insert(point);
        }
    }
    let coming: BTreeMap<_, _> =
        benches.values().filter(|bench| counts(bench)).map(|it| (it.id, it.coming())).collect();
    for bench in benches.values_mut().filter(|bench| !bench.medium.evict_unique) {
        let others = coming.iter().filter(|(id, _)| **id != bench.id);
        bench.coming_elsewhere = others.flat_map(|(_, points)| points).copied().collect();
    }
    for bench in benches.values_mut() {
        bench.needed_for_long = needed_for_long.remove(&bench.id).unwrap_or_default();
        bench.needed = needed.remove(&bench.id).unwrap_or_default();
        bench.awaited = awaited.remove(&bench.id).unwrap_or_default();
    }
}

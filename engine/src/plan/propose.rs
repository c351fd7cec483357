//! Makes a plan: finishes what was begun, declines what is not wanted, then rounds of retention, copies and evidence
//! until a round adds nothing, then home.
//!
//! Rounds, because a copy or a piece of evidence can make an older point superfluous, and that makes room. Nothing
//! that the plan copies is removed by it, so rounds end.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::Bench;
use super::serve::{Outcome, Service};
use super::state::State;
use super::steps::{Await, Plan, Step};
use super::survey::Survey;
use super::undone::{problems, waiting};
use crate::model::{PointOrder, State as PlacementState, VaultId};

/// Decides what is to be done. Whatever the state, the same state gives the same plan.
#[must_use]
pub fn propose(state: &State) -> Plan {
    let survey = Survey::of(state);
    let media = state.media.iter().map(|(id, medium)| (*id, Bench::new(&survey, *id, medium)));
    let mut benches: BTreeMap<_, _> = media.collect();
    benches.values_mut().for_each(prepare);
    let failed = serve_all(&survey, &mut benches);
    benches.values_mut().for_each(owe_again);
    settle_home(&mut benches);
    benches.values_mut().for_each(Bench::sweep);
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

fn prepare(bench: &mut Bench<'_>) {
    bench.finish();
    let declined: Vec<_> = bench.goals.values_mut().flat_map(|goal| std::mem::take(&mut goal.declined)).collect();
    declined.into_iter().for_each(|(order, reason)| bench.decline(order, reason));
}

fn serve_all<'a>(
    survey: &'a Survey<'a>,
    benches: &mut BTreeMap<VaultId, Bench<'a>>,
) -> BTreeMap<(VaultId, PointOrder), Outcome> {
    let mut service = Service { survey, benches, failed: BTreeMap::new(), progress: true, gone: BTreeSet::new() };
    let mut swept = false;
    while std::mem::take(&mut service.progress) {
        for bench in service.benches.values_mut().filter(|bench| is_served(bench)) {
            let before = bench.steps.len();
            service.progress |= bench.retain(&|_| Some(Vec::new()));
            if !swept {
                bench.sweep();
            }
            service.gone.extend(bench.removed_since(before).map(|point| (bench.id, point)));
        }
        swept = true;
        service.round();
        for bench in service.benches.values_mut().filter(|bench| is_served(bench)) {
            service.progress |= bench.verify_all();
        }
    }
    service.failed
}

fn is_served(bench: &Bench<'_>) -> bool {
    bench.medium.is_here() && !bench.medium.retired && !bench.medium.is_home()
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

fn settle(home: &mut Bench<'_>, others: &BTreeMap<VaultId, Bench<'_>>) {
    let copied = others.values().flat_map(|bench| bench.reads_from(home.id));
    home.read_back.extend(copied);
    home.verify_all();
    home.read_back_for_retention();
    home.retain(&|point| owed_elsewhere(point, others));
}

/// Home drops nothing that is owed: what the plan itself brings there has to arrive first.
fn owed_elsewhere(point: PointOrder, others: &BTreeMap<VaultId, Bench<'_>>) -> Option<Vec<Await>> {
    let mut after = Vec::new();
    for bench in others.values() {
        if bench.is_owed(point) {
            return None;
        }
        if bench.is_fresh(point) {
            after.push(Await { medium: bench.id, point });
        }
    }
    Some(after)
}

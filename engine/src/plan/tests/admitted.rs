//! A wrong step refuses the plan of its medium, and what relies on it, and nothing else.

use std::collections::BTreeMap;

use super::judged::{copy, remove, sound, with};
use super::worlds::{HOME, job_id, keep, vault};
use crate::model::{KeepRule, VaultId};
use crate::plan::{Broken, Plan, RemoveReason, State, Step, admit, propose};

const USB: u8 = 0;
const OFFICE: u8 = 1;

fn plan(state: &State, media: impl IntoIterator<Item = (VaultId, Vec<Step>)>) -> Plan {
    Plan { generation: state.generation, media: BTreeMap::from_iter(media), ..Plan::default() }
}

fn media(state: &State, plan: Plan) -> (Vec<VaultId>, Vec<Broken>) {
    let (left, refused) = admit(state, plan);
    (left.plan().media.keys().copied().collect(), refused.into_iter().map(|it| it.rule).collect())
}

#[test]
fn a_sound_plan_is_admitted_whole() {
    let state = sound();
    let proposed = propose(&state);
    let all: Vec<_> = proposed.media.keys().copied().collect();
    assert_eq!(media(&state, proposed), (all, vec![]));
}

#[test]
fn one_wrong_step_refuses_its_medium_only() {
    let state = sound();
    let bad = plan(&state, [(vault(USB), vec![remove(1, RemoveReason::Retention)]), (vault(OFFICE), vec![copy(4)])]);
    assert_eq!(media(&state, bad), (vec![vault(OFFICE)], vec![Broken::Wanted]));
}

#[test]
fn what_waits_for_a_refused_step_is_refused_with_it() {
    let state = with(|s| s.jobs.get_mut(&job_id(0)).expect("0").keep_at_home = keep(KeepRule::Last, 1));
    let proposed = propose(&state);
    let waits = |step: &Step| matches!(step, Step::Remove { after, .. } if !after.is_empty());
    assert!(proposed.media[&HOME].iter().any(waits), "{proposed:?}");
    let mut bad = proposed;
    bad.media.entry(vault(OFFICE)).or_default().insert(0, remove(1, RemoveReason::Retention));
    let (left, refused) = media(&state, bad);
    assert_eq!(left, [vault(USB)], "home waits for office: {refused:?}");
}

#[test]
fn of_another_generation_nothing_is_admitted() {
    let state = sound();
    let stale = Plan { generation: state.generation + 1, ..propose(&state) };
    assert_eq!(media(&state, stale), (vec![], vec![Broken::Stale]));
}

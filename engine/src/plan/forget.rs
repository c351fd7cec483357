//! `engine forget`: removals that a person asks for.
//!
//! All jobs' `keep` now: the part of a plan that retention is, no copies. One point: from every medium that is there,
//! unless a rule that even a person does not break by accident forbids it; then the answer says which.

use std::collections::{BTreeMap, BTreeSet};

use super::based::grounded;
use super::bench::Bench;
use super::propose::retention_only;
use super::spool::Beyond;
use super::state::State;
use super::steps::{Blocker, Plan, RemoveReason, Step};
use super::survey::Survey;
use crate::model::{JobId, PointOrder, State as PlacementState, VaultId};

/// A point that stays at a medium though it was to go, and the rule that keeps it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// Where.
    pub medium: VaultId,
    /// What.
    pub point: PointOrder,
    /// Why.
    pub blocker: Blocker,
}

/// Applies `keep` to these jobs now, everywhere that is there; none given: to all. What `keep` does not want and a
/// rule holds back is in the second part.
#[must_use]
pub fn forget(state: &State, jobs: &BTreeSet<JobId>) -> (Plan, Vec<Refusal>) {
    let state = &*grounded(state);
    let (mut plan, refusals) = retention_only(state);
    let of_jobs = |point: &PointOrder| jobs.is_empty() || jobs.contains(&state.points[point].job);
    for steps in plan.media.values_mut() {
        steps.retain(|step| match step {
            Step::Remove { point, .. } | Step::Verify { point } => of_jobs(point),
            _ => false,
        });
    }
    plan.media.retain(|_, steps| !steps.is_empty());
    (plan, refusals.into_iter().filter(|refusal| of_jobs(&refusal.point)).collect())
}

/// Removes one point from every medium that is there. A point that is pinned, that another depends on or that is being
/// copied stays. A person may remove the only copy; the executor then declines what was owed of it.
#[must_use]
pub fn forget_point(state: &State, point: PointOrder) -> (Plan, Vec<Refusal>) {
    let mut plan = Plan { generation: state.generation, ..Plan::default() };
    let mut refusals = Vec::new();
    if !state.points.contains_key(&point) {
        return (plan, refusals);
    }
    let survey = Survey::of(state);
    let mut benches: BTreeMap<_, _> = BTreeMap::new();
    for (id, medium) in state.media.iter().filter(|(_, medium)| medium.holds(point)) {
        benches.insert(*id, Bench::new(&survey, *id, medium));
    }
    for (id, bench) in &mut benches {
        match bench.forget(point) {
            Ok(()) => _ = plan.media.insert(*id, std::mem::take(&mut bench.steps)),
            Err(blocker) => refusals.push(Refusal { medium: *id, point, blocker }),
        }
    }
    (plan, refusals)
}

impl Bench<'_> {
    fn forget(&mut self, point: PointOrder) -> Result<(), Blocker> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let stays = |other: PointOrder| self.shelf.is_live(other);
        if self.survey.point(point).pinned {
            return Err(Blocker::Pinned);
        }
        if self.shelf.state_of(point) == PlacementState::Copying {
            return Err(Blocker::Copying);
        }
        if self.survey.dependents(point).any(stays) {
            return Err(Blocker::Dependents);
        }
        let claims = self.claims();
        let taken = self.take(&[point], PlacementState::NotWanted, &|pack| claims.contains(&pack));
        self.commit(taken, RemoveReason::Forgotten, &[]);
        Ok(())
    }
}

/// The first rule that would keep the point from being removed there, if it is there.
pub(super) fn held_by(state: &State, id: VaultId, point: PointOrder) -> Option<Blocker> {
    let medium = state.media.get(&id).filter(|medium| medium.holds(point))?;
    let survey = Survey::of(state);
    let bench = Bench::new(&survey, id, medium);
    if !medium.is_home() || !bench.passes(point) {
        return bench.may_go(&[point]).err();
    }
    let others = state.media.iter().map(|(id, medium)| (*id, Bench::new(&survey, *id, medium))).collect();
    bench.may_pass(point, &Beyond::of(&others, &bench)).err()
}

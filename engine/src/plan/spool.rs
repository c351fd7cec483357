//! Home as a spool (DESIGN 5.8): what only passes through leaves home once it is offsite.
//!
//! Invariant: a point goes from home only while a medium offsite, on another disk and there now, has it with evidence, and
//! every other medium that is owed it can have it from one of another destination: drives that take turns in one slot
//! never meet, and no packs are made of a mirror's files. Deliberately absent: `keep`, which decides what stays offsite.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::Bench;
use super::state::{AtHome, State};
use super::steps::{Await, Blocker, Loss, RemoveReason};
use crate::model::{PointOrder, State as PlacementState, VaultId};

/// How the points at home stand offsite, as the plan has it so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Beyond {
    /// Where a point is complete, on another disk than this computer's.
    complete: BTreeMap<PointOrder, Vec<VaultId>>,
    /// Who should have it, and has not.
    lacking: BTreeMap<PointOrder, BTreeSet<VaultId>>,
    /// Who gets it by this plan.
    coming: BTreeMap<PointOrder, BTreeSet<VaultId>>,
}

impl Beyond {
    /// Looks at every medium but home.
    pub fn of(benches: &BTreeMap<VaultId, Bench<'_>>, home: &Bench<'_>) -> Self {
        let mut beyond = Self::default();
        let state = home.survey.state;
        let matters = |order: PointOrder| state.coming.is_some() || home.passes(order);
        let at_home: BTreeSet<_> = home.points_there().filter(|order| matters(*order)).collect();
        for bench in benches.values().filter(|bench| !bench.medium.retired && !bench.medium.is_home()) {
            for order in bench.lacking().into_iter().filter(|it| at_home.contains(it) && bench.is_gone_to(*it)) {
                beyond.lacking.entry(order).or_default().insert(bench.id);
            }
            for order in at_home.iter().filter(|order| bench.is_fresh(**order)) {
                beyond.coming.entry(*order).or_default().insert(bench.id);
            }
            for order in at_home.iter().filter(|order| bench.is_complete_offsite(**order)) {
                beyond.complete.entry(*order).or_default().push(bench.id);
            }
        }
        beyond
    }

    /// What is lost with it if it goes from home; none if it is no business of the overflow rule: it lies nowhere else,
    /// and nobody waits for it.
    pub fn loss(&self, order: PointOrder, state: &State) -> Option<Loss> {
        let lacking = self.lacking.get(&order);
        let Some(complete) = self.complete.get(&order) else { return lacking.map(|_| Loss::ThePoint) };
        let served = |there: &VaultId| complete.iter().any(|from| serves(state, *from, *there));
        let all = lacking.into_iter().flatten().all(served);
        Some(if all { Loss::Nothing } else { Loss::Copies })
    }
}

/// Can one medium have from the other what lies there? Drives that take turns in one slot never meet, and no packs are made
/// of a mirror's files.
pub(super) fn serves(state: &State, from: VaultId, there: VaultId) -> bool {
    let (from, there) = (&state.media[&from], &state.media[&there]);
    from.destination != there.destination && from.can_give(there)
}

impl Bench<'_> {
    /// Do the points of its job only pass through home?
    pub(super) fn passes(&self, order: PointOrder) -> bool {
        self.survey.job(order).at_home == AtHome::Pass
    }

    /// What lies there and is not on its way out.
    pub(super) fn points_there(&self) -> impl Iterator<Item = PointOrder> {
        self.medium.placements.keys().copied().filter(|order| self.shelf.is_there(*order))
    }

    fn is_complete_offsite(&self, order: PointOrder) -> bool {
        let complete = self.shelf.state_of(order) == PlacementState::Complete && self.shelf.is_there(order);
        self.is_gone_to(order) && complete && !self.medium.same_disk
    }

    /// Does its job go there?
    fn is_gone_to(&self, order: PointOrder) -> bool {
        self.survey.job(order).offsite.contains(&self.medium.destination)
    }

    /// Removes from home what has passed through.
    pub(super) fn pass_on(&mut self, beyond: &Beyond) {
        let mut going: Vec<_> = self.points_there().filter(|order| self.passes(*order)).collect();
        // What depends on others goes before them.
        going.sort_by_key(|order| (self.survey.root(*order), std::cmp::Reverse(*order)));
        for order in going {
            if let Ok(after) = self.may_pass(order, beyond) {
                let taken = self.take(&[order], PlacementState::NotWanted, &|_| false);
                self.commit(taken, RemoveReason::Spooled, &after);
            }
        }
    }

    /// May it leave home? If so, the placements that the answer relies on.
    pub(super) fn may_pass(&self, order: PointOrder, beyond: &Beyond) -> Result<Vec<Await>, Blocker> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        self.may_leave_home(order, &[order])?;
        let servers = self.servers(order, beyond);
        let mut after = beyond.coming.get(&order).cloned().unwrap_or_default();
        after.insert(*servers.first().ok_or(Blocker::NotOffsiteYet)?);
        for lacking in beyond.lacking.get(&order).into_iter().flatten() {
            let server = servers.iter().find(|from| serves(self.survey.state, **from, *lacking));
            after.insert(*server.ok_or(Blocker::OwedElsewhere)?);
        }
        Ok(after.into_iter().map(|medium| Await { medium, point: order }).collect())
    }

    /// Media that have it, are there now and so can hand it on.
    fn servers(&self, order: PointOrder, beyond: &Beyond) -> Vec<VaultId> {
        let complete = beyond.complete.get(&order).into_iter().flatten().copied();
        complete.filter(|id| self.survey.state.media[id].is_here()).collect()
    }

    /// What keeps a point at home whatever lies offsite, if `going` leave together.
    pub(super) fn may_leave_home(&self, order: PointOrder, going: &[PointOrder]) -> Result<(), Blocker> {
        let stays = |other: PointOrder| !going.contains(&other) && self.shelf.is_live(other);
        match self.survey.job(order).hold {
            _ if self.survey.point(order).pinned => Err(Blocker::Pinned),
            Some(hold) => Err(Blocker::Held(hold)),
            None if self.survey.is_last_proved(order, self.medium) => Err(Blocker::LastProved),
            None if self.survey.dependents(order).any(stays) => Err(Blocker::Dependents),
            None if self.medium.reserved_points.contains(&order) => Err(Blocker::Reserved),
            None => Ok(()),
        }
    }
}

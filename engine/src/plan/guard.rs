//! What may never go, whatever the reason: the rules that keep eviction and retention from being turned against their
//! owner.

use super::bench::{Bench, Rules};
use super::state::Evict;
use super::steps::{Await, Blocker};
use super::survey::Survey;
use crate::model::{PointOrder, State as PlacementState, VaultId};

impl Bench<'_> {
    /// May these points, of one job, all go from here? If so, what the answer relies on that the plan itself makes.
    pub(super) fn may_go(&self, going: &[PointOrder]) -> Result<Vec<Await>, Blocker> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        going.iter().try_for_each(|order| self.may_go_one(*order, going))?;
        self.leaves_enough(going)
    }

    fn may_go_one(&self, order: PointOrder, going: &[PointOrder]) -> Result<(), Blocker> {
        let now = self.rules == Rules::Now;
        let copying = now && (self.is_fresh(order) || self.shelf.state_of(order) == PlacementState::Copying);
        let needed = if self.rules >= Rules::Ever { &self.needed_for_long } else { &self.needed };
        let comes = |other: PointOrder| self.shelf.is_live(other) || (self.rules < Rules::Ever && self.is_owed(other));
        let stays = |other: PointOrder| !going.contains(&other) && comes(other);
        match self.survey.job(order).hold {
            _ if self.survey.point(order).pinned => Err(Blocker::Pinned),
            Some(hold) => Err(Blocker::Held(hold)),
            None if needed.contains(&order) => Err(Blocker::OwedElsewhere),
            None if copying => Err(Blocker::Copying),
            None if now && self.medium.reserved_points.contains(&order) => Err(Blocker::Reserved),
            None if self.survey.is_last_proved(order, self.medium) => Err(Blocker::LastProved),
            None if self.survey.dependents(order).any(stays) => Err(Blocker::Dependents),
            None => Ok(()),
        }
    }

    /// `keep-at-least`: points that the plan itself makes complete count, but then the removal waits for them.
    fn leaves_enough(&self, going: &[PointOrder]) -> Result<Vec<Await>, Blocker> {
        let Some(first) = going.first() else { return Ok(Vec::new()) };
        let job = self.survey.point(*first).job;
        let complete = |order: &&PointOrder| self.shelf.state_of(**order) == PlacementState::Complete;
        let leaving = u64::try_from(going.iter().filter(complete).count()).unwrap_or(u64::MAX);
        let left = self.complete.get(&job).copied().unwrap_or(0).saturating_sub(leaving);
        let owed = self.goals.get(&job).map_or(0, |goal| u64::try_from(goal.owed.len()).unwrap_or(u64::MAX));
        let (least, left) = match self.rules {
            Rules::Now => (self.medium.keep_at_least, left),
            Rules::Later => (self.medium.keep_at_least, left),
            Rules::Ever => (self.medium.keep_at_least, left.saturating_add(owed)),
            Rules::Any => (0, left),
        };
        let short = u64::from(least).saturating_sub(left);
        let short = usize::try_from(short).unwrap_or(usize::MAX);
        let fresh = self.fresh.get(&job).into_iter().flatten().rev().take(short);
        let awaits: Vec<_> = fresh.map(|point| Await { medium: self.id, point: *point }).collect();
        if awaits.len() < short { Err(Blocker::KeepAtLeast) } else { Ok(awaits) }
    }

    /// May these points, one chain's, be evicted for an incoming one?
    pub(super) fn may_be_evicted(
        &self,
        going: &[PointOrder],
        by: PointOrder,
        gone: &impl Fn(VaultId, PointOrder) -> bool,
    ) -> Result<Vec<Await>, Blocker> {
        if self.medium.evict == Evict::Never {
            return Err(Blocker::EvictNever);
        }
        if going.iter().any(|order| *order >= by) {
            return Err(Blocker::NotOlder);
        }
        let Some(first) = going.first() else { return Ok(Vec::new()) };
        if self.is_unfinished(*first) {
            return Err(Blocker::Unfinished);
        }
        let comes = |order: &PointOrder| self.rules >= Rules::Ever && self.coming_elsewhere.contains(order);
        let unique = |order: &PointOrder| !is_complete_elsewhere(self.survey, *order, self.id, gone) && !comes(order);
        if !self.medium.evict_unique && going.iter().any(unique) {
            return Err(Blocker::Unique);
        }
        self.may_go(going)
    }

    fn is_unfinished(&self, order: PointOrder) -> bool {
        let chain = self.survey.chain(self.survey.root(order));
        if self.rules >= Rules::Ever || chain.len() == 1 {
            return false;
        }
        let lacking = |order: &PointOrder| self.is_owed(*order) && !self.shelf.is_there(*order);
        chain.iter().any(lacking)
    }
}

/// Is it complete at another medium offsite, and does it stay there?
fn is_complete_elsewhere(
    survey: &Survey<'_>,
    order: PointOrder,
    here: VaultId,
    gone: &impl Fn(VaultId, PointOrder) -> bool,
) -> bool {
    survey.state.media.iter().any(|(id, medium)| {
        let counts = *id != here && !medium.is_home() && !medium.retired && !medium.same_disk;
        let complete = medium.state_of(order) == PlacementState::Complete && !medium.removing.contains(&order);
        counts && complete && !gone(*id, order)
    })
}

//! The judge's rules for what is chosen among several: what goes first to make room, and where a point goes if one place
//! is enough.

use std::collections::BTreeSet;

use super::check::Broken;
use super::judge::Judge;
use super::state::{Copies, PackThere, Unwanted};
use super::steps::{Plan, Problem, RemoveReason, Step};
use super::verdict_remove::RemoveStep;
use crate::model::{PointOrder, State as PlacementState, VaultId};

impl Judge<'_> {
    /// Of what goes for one point: what `keep` won't want, then the point's own job, then all, oldest chain first.
    pub(super) fn is_out_of_turn(&self, step: &RemoveStep<'_>, by: PointOrder, index: usize) -> bool {
        let turn = self.turn(step.point, step.reason, by);
        let same = |other: &Step| match other {
            Step::Remove { point, reason, .. } if Self::in_favour_of(*reason) == Some(by) => Some((*point, *reason)),
            _ => None,
        };
        // What went for it before was in turn, so the last of it decides.
        let mut since_copy = self.steps[..index].iter().rev().take_while(|it| !matches!(it, Step::Copy { .. }));
        let before = since_copy.find_map(same);
        before.is_some_and(|(point, reason)| self.turn(point, reason, by) > turn)
    }

    fn turn(&self, point: PointOrder, reason: RemoveReason, by: PointOrder) -> (u8, Option<PointOrder>) {
        let base = |order: &PointOrder| self.state.points.get(order).and_then(|row| row.base);
        let root = std::iter::successors(Some(point), base).last();
        let job = |order: PointOrder| self.state.points.get(&order).map(|row| row.job);
        match reason {
            RemoveReason::Superseded { .. } => (0, None),
            _ if job(point) == job(by) => (1, root),
            _ => (2, root),
        }
    }

    /// With `copies = "first"`, and where `keep` leaves no doubt: no place before the chosen one had room for the point
    /// all the time. What a plan frees there later, once what it makes is complete, is no room to wait for.
    pub(super) fn judge_choices(&mut self, plan: &Plan) {
        for (id, steps) in &plan.media {
            for step in steps {
                let Step::Copy { point, .. } = step else { continue };
                let known = self.state.points.contains_key(point) && self.state.media.contains_key(id);
                if known && self.is_choice(*id, *point) && self.is_passed_over(plan, *id, *point) {
                    self.at = *id;
                    self.say(Some(*point), Broken::PassedOver);
                }
            }
        }
    }

    fn is_choice(&self, id: VaultId, point: PointOrder) -> bool {
        let medium = &self.state.media[&id];
        let job = self.state.jobs.get(&self.state.points[&point].job);
        let open = job.is_some_and(|job| job.copies == Copies::First && job.keep.is_none());
        let begun = matches!(
            medium.state_of(point),
            PlacementState::Copying | PlacementState::Damaged | PlacementState::Missing
        );
        open && !begun && !self.outlook.dependents.contains_key(&point)
    }

    fn is_passed_over(&mut self, plan: &Plan, id: VaultId, point: PointOrder) -> bool {
        let Some(job) = self.state.jobs.get(&self.state.points[&point].job) else { return false };
        let rank = |id: &VaultId| job.offsite.iter().position(|name| *name == self.state.media[id].destination);
        let chosen = rank(&id);
        let before = |other: &VaultId| rank(other).is_some_and(|rank| chosen.is_some_and(|chosen| rank < chosen));
        // What lies on the same disk gets what comes by; its copy is none that would be enough.
        let counts = |id: &VaultId| !self.state.media[id].same_disk;
        let earlier: Vec<_> = self.state.media.keys().copied().filter(|id| before(id) && counts(id)).collect();
        earlier.into_iter().any(|other| {
            let full = |it: &Problem| matches!(it, Problem::Full { medium, .. } if *medium == other);
            !plan.problems.iter().any(full) && self.could_take(other, point)
        })
    }

    fn could_take(&mut self, id: VaultId, point: PointOrder) -> bool {
        let medium = &self.state.media[&id];
        if medium.retired || !medium.is_here() {
            return false;
        }
        let here = std::mem::replace(&mut self.at, id);
        let base = |order: &PointOrder| self.state.points[order].base;
        // What the plan itself brings there, for another point's sake, was no base before.
        let stood = |it: &PointOrder| self.stands(*it) && !self.here().made.contains(it);
        let unit: Vec<_> = std::iter::successors(Some(point), base).filter(|it| !stood(it)).collect();
        let may = unit.first() == Some(&point) && unit.iter().all(|it| self.could_come(*it)) && self.has_room(&unit);
        self.at = here;
        may
    }

    fn could_come(&self, point: PointOrder) -> bool {
        let place = self.here();
        let there = place.state_of(point).is_there() || place.medium.removing.contains(&point);
        self.may_come(point) && !there && !self.was_given_up(point)
    }

    /// Did the plan itself give it up there for good, or evict what is newer?
    fn was_given_up(&self, point: PointOrder) -> bool {
        let (place, row) = (self.here(), &self.state.points[&point]);
        let declined = place.states.get(&point).filter(|(state, _)| *state == PlacementState::NotWanted);
        let newest_evicted = place.newest_evicted.get(&row.job);
        declined.is_some_and(|(_, reason)| reason.is_none_or(Unwanted::is_final))
            || newest_evicted.is_some_and(|newest| point <= *newest)
    }

    fn has_room(&self, unit: &[PointOrder]) -> bool {
        let place = self.here();
        let packs: BTreeSet<_> = unit.iter().flat_map(|it| place.medium.objects_of(&self.state.points[it])).collect();
        // A damaged pack was replaced beside itself.
        let times = |pack| if place.medium.packs.get(pack) == Some(&PackThere::Damaged) { 2 } else { 1 };
        let packs: u64 = packs.into_iter().map(|pack| self.state.packs[pack].bytes * times(pack)).sum();
        let bytes = packs + unit.iter().map(|it| self.state.points[it].manifest_bytes).sum::<u64>();
        let (used, free) = place.fullest;
        let within = place.medium.limit.is_none_or(|limit| used.saturating_add(bytes) <= limit);
        within && free.is_none_or(|free| free >= place.medium.reserve.saturating_add(bytes))
    }
}

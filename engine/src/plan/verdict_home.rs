//! The judge's rules for what leaves home though `keep` may want it: what passes through, and what makes room for a point
//! that is being made.

use std::collections::BTreeSet;

use super::check::Broken;
use super::judge::Judge;
use super::state::{AtHome, Point};
use super::steps::{Await, Loss, RemoveReason, Step};
use super::verdict_remove::RemoveStep;
use crate::model::{PointOrder, State as PlacementState, VaultId};

impl Judge<'_> {
    pub(super) fn judge_spooled(&mut self, step: &RemoveStep<'_>) {
        let point = step.point;
        let job = self.state.jobs.get(&self.state.points[&point].job);
        let passes = self.here().medium.is_home() && job.is_some_and(|job| job.at_home == AtHome::Pass);
        if !passes {
            return self.say(Some(point), Broken::StaysHome);
        }
        let there = |id: &VaultId| self.state.media[id].is_here();
        let servers: Vec<_> = self.complete_offsite(step).into_iter().filter(there).collect();
        if servers.is_empty() {
            return self.say(Some(point), Broken::NowhereOffsite);
        }
        if !self.are_served(step, &servers) {
            self.say(Some(point), Broken::OwedElsewhere);
        }
    }

    /// Can everyone who lacks the point have it from one of these?
    fn are_served(&mut self, step: &RemoveStep<'_>, servers: &[VaultId]) -> bool {
        let lacking = self.lacking(step);
        let media = &self.state.media;
        let serves = |from: &VaultId, to: &VaultId| {
            media[from].destination != media[to].destination && media[from].can_give(&media[to])
        };
        lacking.iter().all(|id| servers.iter().any(|server| serves(server, id)))
    }

    /// What is lost if it goes. What the plan itself brings does not count: nobody brings it while a capture waits.
    fn loss(&mut self, step: &RemoveStep<'_>) -> Loss {
        let point = step.point;
        let before = |id: &VaultId| !self.places[id].made.contains(&point);
        let servers: Vec<_> = self.complete_offsite(step).into_iter().filter(before).collect();
        match servers.is_empty() {
            true => Loss::ThePoint,
            false if self.are_served(step, &servers) => Loss::Nothing,
            false => Loss::Copies,
        }
    }

    /// Media on another disk that have it, or will when the removal's turn comes.
    fn complete_offsite(&self, step: &RemoveStep<'_>) -> Vec<VaultId> {
        let Some(job) = self.state.jobs.get(&self.state.points[&step.point].job) else { return Vec::new() };
        let counts = |(id, place): &(&VaultId, &super::world::Place<'_>)| {
            let medium = place.medium;
            let goes = !medium.retired && !medium.same_disk && job.offsite.contains(&medium.destination);
            let waits = step.after.contains(&Await { medium: **id, point: step.point });
            let complete = place.state_of(step.point) == PlacementState::Complete && place.has(step.point);
            !medium.is_home() && goes && complete && (waits || !place.made.contains(&step.point))
        };
        self.places.iter().filter(counts).map(|(id, _)| *id).collect()
    }

    /// Media in use that should have it and have not, or not yet when the removal's turn comes.
    pub(super) fn lacking(&mut self, step: &RemoveStep<'_>) -> BTreeSet<VaultId> {
        let Some(job) = self.state.jobs.get(&self.state.points[&step.point].job) else { return BTreeSet::new() };
        let (mut lacking, mut unproved) = (BTreeSet::new(), Vec::new());
        for (id, place) in &self.places {
            if place.medium.retired || !job.offsite.contains(&place.medium.destination) {
                continue;
            }
            let wait = Await { medium: *id, point: step.point };
            let lacks = match place.state_of(step.point) {
                PlacementState::Complete => place.made.contains(&step.point) && !step.after.contains(&wait),
                PlacementState::NotWanted | PlacementState::Evicted => false,
                PlacementState::Present | PlacementState::Damaged => {
                    unproved.push(*id);
                    false
                }
                _ => true,
            };
            lacking.extend(lacks.then_some(*id));
        }
        lacking.extend(unproved.into_iter().filter(|id| self.is_wanted_at(*id, step.point)));
        lacking
    }

    pub(super) fn judge_overflow(&mut self, step: &RemoveStep<'_>, loss: Loss, index: usize) {
        let point = step.point;
        let Some(coming) = self.state.coming.filter(|_| self.here().medium.is_home()) else {
            return self.say(Some(point), Broken::ForNothing);
        };
        let mut broken = Vec::new();
        broken.extend(self.state.jobs.get(&coming.job).and_then(|job| job.hold).map(Broken::Held));
        let begun = self.chain_goes(point, index);
        broken.extend((!begun && self.has_room_for(coming.bytes)).then_some(Broken::Needless));
        broken.extend((!self.ends_with_room(coming.bytes)).then_some(Broken::ForNothing));
        match self.newest_at_home(point) {
            Some(newest) if point < newest && !self.chain(newest).contains(&point) => {
                let seen = self.state.points[&newest].origin_verified || self.here().origins.contains(&newest);
                broken.extend((!seen).then_some(Broken::Unverified));
            }
            _ => broken.push(Broken::Newest),
        }
        let is_lost = self.loss(step);
        broken.extend((loss != is_lost).then_some(Broken::WrongLoss));
        broken.extend((loss > coming.at_most).then_some(Broken::TooMuchLost));
        broken.extend((is_lost == Loss::ThePoint && !self.is_open(point)).then_some(Broken::NotOwed));
        let turn = self.overflow_turn(point, coming.job);
        let before = self.steps[..index].iter().rev().find_map(overflown);
        broken.extend(before.is_some_and(|it| self.overflow_turn(it, coming.job) > turn).then_some(Broken::OutOfTurn));
        broken.into_iter().for_each(|rule| self.say(Some(point), rule));
    }

    /// Is there a medium in use of its job that neither has it for good nor gave it up?
    fn is_open(&self, point: PointOrder) -> bool {
        let Some(job) = self.state.jobs.get(&self.state.points[&point].job) else { return false };
        let settled = [PlacementState::Complete, PlacementState::NotWanted, PlacementState::Evicted];
        let goes = |it: &&super::world::Place<'_>| !it.medium.retired && job.offsite.contains(&it.medium.destination);
        self.places.values().filter(goes).any(|place| !settled.contains(&place.state_of(point)))
    }

    /// Did the step before take another point of its chain?
    fn chain_goes(&self, point: PointOrder, index: usize) -> bool {
        let before = index.checked_sub(1).and_then(|before| self.steps.get(before)).and_then(overflown);
        before.is_some_and(|other| self.chain(point).contains(&other))
    }

    fn has_room_for(&self, bytes: u64) -> bool {
        let place = self.here();
        let within = place.medium.limit.is_none_or(|limit| place.used.saturating_add(bytes) <= limit);
        within && place.free.is_none_or(|free| free >= place.medium.reserve.saturating_add(bytes))
    }

    /// With all that this medium's steps remove, is there room in the end?
    fn ends_with_room(&self, bytes: u64) -> bool {
        let medium = self.here().medium;
        let freed: u64 = self.steps.iter().map(freed).sum();
        let within = medium.limit.is_none_or(|limit| medium.used.saturating_add(bytes) <= limit.saturating_add(freed));
        let kept = medium.reserve.saturating_add(bytes);
        within && medium.free.is_none_or(|free| free.saturating_add(freed) >= kept)
    }

    /// The newest point of its row of its job that was whole at home before the plan.
    fn newest_at_home(&self, point: PointOrder) -> Option<PointOrder> {
        let of = &self.state.points[&point];
        let home = self.here().medium;
        let whole = |order: &PointOrder| {
            let state = home.state_of(*order);
            let whole = matches!(state, PlacementState::Present | PlacementState::Complete);
            whole && !home.removing.contains(order) && self.here().has(*order)
        };
        let of_row = |row: &Point| (row.job, row.series) == (of.job, of.series);
        let of_row = self.state.points.iter().rev().filter(|(_, row)| of_row(row)).map(|(order, _)| *order);
        of_row.into_iter().find(whole)
    }

    /// What costs nothing first, then the job's own, then the oldest chain.
    fn overflow_turn(&self, point: PointOrder, job: crate::model::JobId) -> (Option<Loss>, bool, Option<PointOrder>) {
        let chain = self.chain(point);
        let loss = |step: &Step| match step {
            Step::Remove { point, reason: RemoveReason::Overflow(loss), .. } if chain.contains(point) => Some(*loss),
            _ => None,
        };
        let loss = self.steps.iter().filter_map(loss).max();
        (loss, self.state.points[&point].job != job, chain.first().copied())
    }
}

const fn overflown(step: &Step) -> Option<PointOrder> {
    match step {
        Step::Remove { point, reason: RemoveReason::Overflow(_), .. } => Some(*point),
        _ => None,
    }
}

const fn freed(step: &Step) -> u64 {
    match step {
        Step::Finish { bytes, .. } | Step::Remove { bytes, .. } | Step::Sweep { bytes, .. } => *bytes,
        _ => 0,
    }
}

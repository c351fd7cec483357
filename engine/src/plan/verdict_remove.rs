//! The judge's rules for removals.

use std::collections::BTreeSet;

use super::check::Broken;
use super::judge::Judge;
use super::outlook::{is_proved, kept};
use super::state::{Copies, Evict, Medium, PackNumber, Unwanted};
use super::steps::{Await, RemoveReason, Step};
use crate::model::{JobId, Keep, PointOrder, State as PlacementState, VaultId};

/// A removal.
pub(super) struct RemoveStep<'s> {
    pub point: PointOrder,
    pub reason: RemoveReason,
    pub packs: &'s [PackNumber],
    pub bytes: u64,
    pub after: &'s [Await],
}

impl Judge<'_> {
    pub(super) fn remove(&mut self, step: &RemoveStep<'_>, index: usize) {
        let point = step.point;
        if !self.here().has(point) {
            return self.say(Some(point), Broken::NotThere);
        }
        self.judge_awaits(point, step.after);
        self.judge_guards(step);
        match step.reason {
            RemoveReason::Retention => self.judge_retention(step),
            RemoveReason::Superseded { .. } => self.judge_superseded(step),
            RemoveReason::Eviction { .. } => self.judge_eviction(step),
            RemoveReason::Spooled => self.judge_spooled(step),
            RemoveReason::Overflow(loss) => self.judge_overflow(step, loss, index),
            RemoveReason::Forgotten => {}
        }
        if let Some(by) = Self::in_favour_of(step.reason) {
            self.judge_favour(step, by, index);
        }
        if self.here().medium.is_home() {
            self.judge_owed(step);
        }
        self.take_away(step);
    }

    fn take_away(&mut self, step: &RemoveStep<'_>) {
        let evicted = matches!(step.reason, RemoveReason::Eviction { .. } | RemoveReason::Overflow(_));
        let unwanted = if step.reason == RemoveReason::Spooled { Unwanted::Spooled } else { Unwanted::Removed };
        let state = self.state;
        let then = if evicted { PlacementState::Evicted } else { PlacementState::NotWanted };
        self.here_mut().leave(state, step.point, then, (!evicted).then_some(unwanted));
        self.judge_packs(Some(step.point), step.packs);
        let row = &self.state.points[&step.point];
        self.delete(step.packs, row.manifest_bytes, step.bytes, Some(step.point));
        if evicted {
            self.outlook.planned.remove(&(self.at, row.job));
            let newest = self.here_mut().newest_evicted.entry(row.job).or_insert(step.point);
            *newest = (*newest).max(step.point);
        }
    }

    fn judge_guards(&mut self, step: &RemoveStep<'_>) {
        let (point, row) = (step.point, &self.state.points[&step.point]);
        let mut broken = Vec::new();
        broken.extend(row.pinned.then_some(Broken::Pinned));
        let by_hand = step.reason == RemoveReason::Forgotten;
        if !by_hand {
            broken.extend(self.state.jobs.get(&row.job).and_then(|job| job.hold).map(Broken::Held));
            // Home as a spool keeps none; its overflow rule keeps the newest instead.
            let counted = !matches!(step.reason, RemoveReason::Spooled | RemoveReason::Overflow(_));
            broken.extend((counted && !self.leaves_enough(step)).then_some(Broken::KeepAtLeast));
            broken.extend(self.is_last_proved(point).then_some(Broken::LastProved));
            broken.extend(self.here().medium.reserved_points.contains(&point).then_some(Broken::Reserved));
        }
        broken.extend(self.has_dependents(point).then_some(Broken::Dependents));
        let made = self.here().made.contains(&point) && !self.here().medium.is_home();
        broken.extend(made.then_some(Broken::Copying));
        broken.into_iter().for_each(|rule| self.say(Some(point), rule));
    }

    fn leaves_enough(&self, step: &RemoveStep<'_>) -> bool {
        let (place, job) = (self.here(), self.state.points[&step.point].job);
        let leaving = u64::from(place.state_of(step.point) == PlacementState::Complete);
        let left = place.complete.get(&job).copied().unwrap_or(0).saturating_sub(leaving);
        let here = |wait: &&Await| wait.medium == self.at && place.made.contains(&wait.point);
        let of_job = |wait: &&Await| self.state.points[&wait.point].job == job;
        let waited = step.after.iter().filter(here).filter(of_job).count();
        left + u64::try_from(waited).unwrap_or(0) >= u64::from(place.medium.keep_at_least)
    }

    fn is_last_proved(&self, point: PointOrder) -> bool {
        let newest = self.outlook.newest_proved.get(&self.state.points[&point].job);
        newest == Some(&point) && is_proved(self.here().medium, point)
    }

    fn has_dependents(&self, point: PointOrder) -> bool {
        let dependents = self.outlook.dependents.get(&point);
        dependents.is_some_and(|them| them.iter().any(|order| self.here().needs(self.state, *order)))
    }

    /// `keep` over what is good there without the plan, and what the removal waits for, must not want it.
    fn judge_retention(&mut self, step: &RemoveStep<'_>) {
        let job = self.state.points[&step.point].job;
        let key = (self.at, job, step.after.to_vec());
        if self.outlook.good.as_ref().is_none_or(|(known, _)| *known != key) {
            let mut good: BTreeSet<_> = self.here().states.keys().copied().collect();
            good.retain(|order| self.state.points.get(order).is_some_and(|it| it.job == job) && self.is_good(*order));
            good.extend(step.after.iter().filter(|it| it.medium == self.at).map(|it| it.point));
            self.outlook.good = Some((key, kept(self.state, self.rule(job), &good)));
        }
        if self.is_good(step.point) {
            let wanted = self.outlook.good.as_ref().is_some_and(|(_, kept)| kept.contains(&step.point));
            wanted.then(|| self.say(Some(step.point), Broken::Wanted));
            return;
        }
        // What was kept decides alone over one more, so that the large set is looked at once.
        let mut with: BTreeSet<_> = self.outlook.good.iter().flat_map(|(_, kept)| kept).copied().collect();
        let wanted = !with.insert(step.point) || kept(self.state, self.rule(job), &with).contains(&step.point);
        wanted.then(|| self.say(Some(step.point), Broken::Wanted));
    }

    /// Complete before the plan, and at home read back.
    fn is_good(&self, order: PointOrder) -> bool {
        let place = self.here();
        let complete = place.state_of(order) == PlacementState::Complete && !place.made.contains(&order);
        let seen = !place.medium.is_home() || self.state.points.get(&order).is_some_and(|it| it.origin_verified);
        complete && seen && !place.medium.removing.contains(&order)
    }

    pub(super) fn rule(&self, job: JobId) -> Option<&Keep> {
        let job = self.state.jobs.get(&job)?;
        if self.here().medium.is_home() { job.keep_at_home.as_ref() } else { job.keep.as_ref() }
    }

    /// `keep` over what is there and may still come must not want it.
    fn judge_superseded(&mut self, step: &RemoveStep<'_>) {
        if self.is_wanted_at(self.at, step.point) {
            self.say(Some(step.point), Broken::Wanted);
        }
    }

    pub(super) fn is_wanted_at(&mut self, id: VaultId, point: PointOrder) -> bool {
        let job = self.state.points[&point].job;
        if !self.outlook.final_set.contains_key(&(id, job)) {
            let here = std::mem::replace(&mut self.at, id);
            let of_job = self.state.points.iter().filter(|(_, it)| it.job == job).map(|(order, _)| *order);
            let among = of_job.filter(|order| self.was_there(*order) || self.may_come(*order)).collect();
            let kept = kept(self.state, self.rule(job), &among);
            self.outlook.final_set.insert((id, job), kept);
            self.at = here;
        }
        self.outlook.final_set[&(id, job)].contains(&point)
    }

    /// Was it there before the plan, whole or with a whole copy elsewhere?
    pub(super) fn was_there(&self, order: PointOrder) -> bool {
        let medium = self.here().medium;
        let whole = matches!(medium.state_of(order), PlacementState::Present | PlacementState::Complete);
        let damaged = medium.state_of(order) == PlacementState::Damaged && !self.sources(order).is_empty();
        (whole || damaged) && !medium.removing.contains(&order)
    }

    /// May it still be owed there?
    pub(super) fn may_come(&self, order: PointOrder) -> bool {
        let row = &self.state.points[&order];
        let place = self.here();
        let evicted = self.state.media[&self.at].newest_evicted.get(&row.job).is_some_and(|newest| order <= *newest);
        let unwanted = place.medium.placements.get(&order).filter(|it| it.state == PlacementState::NotWanted);
        let is_final = unwanted.is_some_and(|it| it.unwanted.is_none_or(Unwanted::is_final));
        let gone = place.state_of(order) == PlacementState::Evicted;
        !evicted && !is_final && !gone && !self.sources(order).is_empty()
    }

    /// Media but this that have the point whole, there now or not.
    pub(super) fn sources(&self, order: PointOrder) -> Vec<VaultId> {
        let whole = |medium: &Medium| {
            let state = medium.state_of(order);
            matches!(state, PlacementState::Present | PlacementState::Complete) && !medium.removing.contains(&order)
        };
        let gives = |medium: &Medium| whole(medium) && medium.can_give(self.here().medium);
        let others = self.state.media.iter().filter(|(id, medium)| **id != self.at && gives(medium));
        others.map(|(id, _)| *id).collect()
    }

    fn judge_eviction(&mut self, step: &RemoveStep<'_>) {
        let point = step.point;
        let mut broken = Vec::new();
        broken.extend((self.here().medium.evict == Evict::Never).then_some(Broken::EvictNever));
        let unique = !self.here().medium.evict_unique && !self.is_complete_elsewhere(point);
        broken.extend(unique.then_some(Broken::Unique));
        broken.extend(self.is_unfinished(point).then_some(Broken::Unfinished));
        broken.into_iter().for_each(|rule| self.say(Some(point), rule));
    }

    /// Is something of its chain still owed there, or on its way?
    fn is_unfinished(&mut self, point: PointOrder) -> bool {
        let chain = self.chain(point);
        let all = self
            .state
            .jobs
            .get(&self.state.points[&point].job)
            .is_some_and(|job| job.copies == Copies::All && job.offsite.contains(&self.here().medium.destination));
        chain.len() > 1 && chain.into_iter().any(|member| self.is_on_its_way(member) || (all && self.is_owed(member)))
    }

    fn is_on_its_way(&self, member: PointOrder) -> bool {
        self.here().state_of(member) == PlacementState::Copying
    }

    fn is_owed(&mut self, member: PointOrder) -> bool {
        let there = self.here().has(member) || self.here().state_of(member) == PlacementState::NotWanted;
        let base = |order: &PointOrder| self.state.points[order].base;
        let mut bases = std::iter::successors(base(&member), base);
        let founded = bases.all(|base| self.stands(base) || self.may_come(base));
        !there && founded && self.may_come(member) && self.is_wanted_at(self.at, member)
    }

    /// All points that depend on the same first one.
    pub(super) fn chain(&self, point: PointOrder) -> BTreeSet<PointOrder> {
        let base = |order: &PointOrder| self.state.points.get(order).and_then(|row| row.base);
        let root = std::iter::successors(Some(point), base).last().unwrap_or(point);
        let (mut chain, mut open) = (BTreeSet::new(), vec![root]);
        while let Some(order) = open.pop() {
            open.extend(self.outlook.dependents.get(&order).into_iter().flatten());
            chain.insert(order);
        }
        chain
    }

    fn is_complete_elsewhere(&self, point: PointOrder) -> bool {
        self.places.iter().any(|(id, place)| {
            let offsite = !place.medium.is_home() && !place.medium.retired && !place.medium.same_disk;
            let stays = place.state_of(point) == PlacementState::Complete && !place.made.contains(&point);
            *id != self.at && offsite && stays && !place.medium.removing.contains(&point)
        })
    }

    fn judge_favour(&mut self, step: &RemoveStep<'_>, by: PointOrder, index: usize) {
        let point = step.point;
        let Some(row) = self.state.points.get(&by) else { return self.say(Some(point), Broken::Unknown) };
        let mut broken = Vec::new();
        broken.extend((point >= by).then_some(Broken::NotOlder));
        broken.extend((!self.comes_after(index, by)).then_some(Broken::ForNothing));
        broken.extend(self.state.jobs.get(&row.job).and_then(|job| job.hold).map(Broken::Held));
        broken.extend((!self.is_verified(by)).then_some(Broken::Unverified));
        broken.extend(self.is_needless(point, by, index).then_some(Broken::Needless));
        broken.extend(self.is_out_of_turn(step, by, index).then_some(Broken::OutOfTurn));
        let incoming = step.packs.iter().filter(|pack| self.here().medium.objects_of(row).binary_search(pack).is_ok());
        broken.extend(incoming.map(|pack| Broken::PackIncoming(*pack)));
        broken.into_iter().for_each(|rule| self.say(Some(point), rule));
    }

    /// Is there room for what it goes for without it? Chains go whole, so only the first of one that goes is asked.
    fn is_needless(&self, point: PointOrder, by: PointOrder, index: usize) -> bool {
        let before = index.checked_sub(1).and_then(|before| self.steps.get(before));
        if let Some(Step::Remove { point: other, reason, .. }) = before
            && Self::in_favour_of(*reason) == Some(by)
            && self.chain(point).contains(other)
        {
            return false;
        }
        let (mut most, mut added) = (0_u64, 0_u64);
        for step in &self.steps[index..] {
            if let Step::Copy { point, bytes, replaces, peak, .. } = step {
                most = most.max(added.saturating_add(*peak));
                added = added.saturating_add(bytes.saturating_sub(*replaces));
                if *point == by {
                    break;
                }
            }
        }
        let place = self.here();
        let within = place.medium.limit.is_none_or(|limit| place.used.saturating_add(most) <= limit);
        within && place.free.is_none_or(|free| free >= place.medium.reserve.saturating_add(most))
    }

    fn is_verified(&self, by: PointOrder) -> bool {
        let offsite = |id: &VaultId| {
            let medium = &self.state.media[id];
            medium.is_here() && !medium.is_home() && medium.state_of(by) == PlacementState::Complete
        };
        let seen = self.state.points[&by].origin_verified || self.here().origins.contains(&by);
        seen || self.sources(by).iter().any(offsite)
    }

    /// Home gives up nothing whole that a medium in use still lacks.
    fn judge_owed(&mut self, step: &RemoveStep<'_>) {
        let by_keep = matches!(step.reason, RemoveReason::Retention | RemoveReason::Superseded { .. });
        if self.here().state_of(step.point) == PlacementState::Damaged || !by_keep {
            return;
        }
        if !self.lacking(step).is_empty() {
            self.say(Some(step.point), Broken::OwedElsewhere);
        }
    }
}

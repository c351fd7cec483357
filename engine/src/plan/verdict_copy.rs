//! The judge's rules for copies.

use std::collections::BTreeSet;

use super::check::Broken;
use super::judge::Judge;
use super::outlook::kept;
use super::state::{Copies, PackNumber, PackThere};
use crate::model::{PointOrder, State as PlacementState, VaultId};

/// A copy.
pub(super) struct CopyStep<'s> {
    pub point: PointOrder,
    pub sources: &'s [VaultId],
    pub packs: &'s [PackNumber],
    pub bytes: u64,
    pub replaces: u64,
    pub peak: u64,
}

impl Judge<'_> {
    pub(super) fn copy(&mut self, step: &CopyStep<'_>) {
        self.judge_room(step);
        self.judge_want(step);
        self.judge_packs_sent(step);
        let (state, grows) = (self.state, step.bytes.saturating_sub(step.replaces));
        let place = self.here_mut();
        place.take_bytes(grows);
        step.packs.iter().for_each(|pack| _ = place.packs.insert(*pack, PackThere::Proved));
        place.arrive(state, step.point);
    }

    /// Limit and reserve, under way and after.
    fn judge_room(&mut self, step: &CopyStep<'_>) {
        let place = self.here();
        let most = step.peak.max(step.bytes.saturating_sub(step.replaces));
        let over = place.medium.limit.is_some_and(|limit| place.used.saturating_add(most) > limit);
        let low = place.free.is_some_and(|free| free < place.medium.reserve.saturating_add(most));
        over.then(|| self.say(Some(step.point), Broken::Limit));
        low.then(|| self.say(Some(step.point), Broken::Reserve));
    }

    fn judge_want(&mut self, step: &CopyStep<'_>) {
        let (point, row) = (step.point, &self.state.points[&step.point]);
        let mut broken = Vec::new();
        let destination = &self.here().medium.destination;
        let job = self.state.jobs.get(&row.job);
        broken.extend((!job.is_some_and(|job| job.offsite.contains(destination))).then_some(Broken::NotOffsite));
        let base_there = row.base.is_none_or(|base| self.here().has(base) && self.is_whole(base));
        broken.extend((!base_there).then_some(Broken::BaseMissing));
        let whole = self.sources(point);
        let source = |id: &VaultId| whole.contains(id) && self.state.media[id].is_here();
        broken.extend((step.sources.is_empty() || !step.sources.iter().all(source)).then_some(Broken::NoSource));
        let wanted = self.may_come(point) || self.here().state_of(point) == PlacementState::Damaged;
        broken.extend((!wanted || !self.is_kept(point)).then_some(Broken::NotWanted));
        broken.extend(self.is_second(point).then_some(Broken::SecondCopy));
        broken.into_iter().for_each(|rule| self.say(Some(point), rule));
        self.judge_base(point);
    }

    fn is_whole(&self, point: PointOrder) -> bool {
        matches!(self.here().state_of(point), PlacementState::Present | PlacementState::Complete)
    }

    /// `keep` over what is still there and all that the plan copies there wants it.
    fn is_kept(&mut self, point: PointOrder) -> bool {
        let (at, job) = (self.at, self.state.points[&point].job);
        if self.rule(job).is_none() {
            // Without a rule all is kept, and what is asked comes.
            return true;
        }
        if !self.outlook.planned.contains_key(&(at, job)) {
            let of_job = self.state.points.iter().filter(|(_, it)| it.job == job).map(|(order, _)| *order);
            let there = |order: &PointOrder| self.was_there(*order) && self.here().has(*order);
            let comes = |order: &PointOrder| there(order) || self.outlook.copies.contains_key(&(at, *order));
            let among = of_job.filter(comes).collect();
            self.outlook.planned.insert((at, job), kept(self.state, self.rule(job), &among));
        }
        self.outlook.planned[&(at, job)].contains(&point)
    }

    /// With `copies = "first"`: does another medium have it, or get it in this plan?
    fn is_second(&self, point: PointOrder) -> bool {
        let Some(job) = self.state.jobs.get(&self.state.points[&point].job) else { return false };
        let base = self.outlook.dependents.contains_key(&point);
        if job.copies == Copies::All || base || self.here().state_of(point) == PlacementState::Damaged {
            return false;
        }
        let goes = |id: &VaultId| {
            let medium = &self.state.media[id];
            *id != self.at && !medium.retired && !medium.same_disk && job.offsite.contains(&medium.destination)
        };
        let has = |id: &VaultId| {
            let medium = &self.state.media[id];
            medium.state_of(point) == PlacementState::Complete && !medium.removing.contains(&point)
        };
        let gets = |id: &VaultId| {
            // A copy on the same disk may be made beside the one that counts.
            let beside = self.here().medium.same_disk;
            let repairs = self.state.media[id].state_of(point) == PlacementState::Damaged;
            !beside && !repairs && self.outlook.copies.contains_key(&(*id, point))
        };
        self.state.media.keys().filter(|id| goes(id)).any(|id| has(id) || gets(id))
    }

    /// What is there and what is sent is all that the point names, and the bytes are right.
    fn judge_packs_sent(&mut self, step: &CopyStep<'_>) {
        let row = &self.state.points[&step.point];
        let sent: BTreeSet<_> = step.packs.iter().copied().collect();
        let lacking = |pack: &PackNumber| {
            let there = self.here().packs.get(pack);
            !sent.contains(pack)
                && !matches!(there, Some(PackThere::Present | PackThere::Proved | PackThere::Travelling))
        };
        let lacking: Vec<_> = self.here().medium.objects_of(row).iter().copied().filter(lacking).collect();
        lacking.into_iter().for_each(|pack| self.say(Some(step.point), Broken::PackMissing(pack)));
        let bytes_of = |pack: &PackNumber| self.state.packs[pack].bytes;
        let bytes = row.manifest_bytes + sent.iter().map(bytes_of).sum::<u64>();
        let damaged = sent.iter().filter(|pack| self.here().packs.get(pack) == Some(&PackThere::Damaged));
        let manifest = self.here().state_of(step.point) == PlacementState::Damaged;
        let replaces = damaged.map(bytes_of).sum::<u64>() + if manifest { row.manifest_bytes } else { 0 };
        if bytes != step.bytes || replaces != step.replaces || step.peak < bytes.saturating_sub(replaces) {
            self.say(Some(step.point), Broken::WrongBytes);
        }
    }
}

//! Retention at one medium: what its points, as they are shown to be good there, make superfluous goes.
//!
//! A point goes if `keep` over the good points there does not want it, so that a drive that comes back after a year
//! is brought up to date before anything leaves it. One that is itself not shown to be good goes once everything
//! that should be there is good.

use std::collections::BTreeSet;

use super::bench::Bench;
use super::retention::kept;
use super::state::{Copies, Job, PackNumber};
use super::steps::{Await, RemoveReason, Step};
use super::survey::is_whole;
use crate::model::{JobId, PointOrder, State as PlacementState};

/// Most placements that one removal waits for, so that a plan of many copies and many removals stays small.
const AWAITS_MAX: usize = 64;

impl Bench<'_> {
    /// Adds the removals that are due now.
    pub(super) fn retain(&mut self) -> bool {
        let before = self.steps.len();
        if self.refusal().is_none() {
            let jobs: BTreeSet<_> = self.unwanted.iter().map(|order| self.survey.point(*order).job).collect();
            let claims = self.claims();
            jobs.into_iter().for_each(|job| self.retain_job(job, &claims));
        }
        self.steps.len() > before
    }

    /// With `copies = "first"` it is known only now what came here; `keep` over that decides what should stay. Says
    /// whether something there is owed that was not.
    pub(super) fn settle_first(&mut self) -> bool {
        let first = |(id, job): (&JobId, &Job)| (job.copies == Copies::First).then_some(*id);
        let jobs: Vec<_> = self.survey.state.jobs.iter().filter_map(first).collect();
        jobs.into_iter().filter(|job| self.settle_job(*job)).count() > 0
    }

    fn settle_job(&mut self, job_id: JobId) -> bool {
        let good: BTreeSet<_> = self.there(job_id).into_iter().filter(|order| self.is_good(*order)).collect();
        let rule = self.survey.state.jobs[&job_id].keep.as_ref();
        let stays = kept(self.survey.state, rule, &good, &BTreeSet::new());
        let superfluous: BTreeSet<_> = good.difference(&stays).copied().collect();
        let lasting = self.lasting(job_id, &good);
        let damaged =
            |order: &PointOrder| self.shelf.state_of(*order) == PlacementState::Damaged && lasting.contains(order);
        let damaged: BTreeSet<_> = stays.iter().copied().filter(damaged).collect();
        let Some(goal) = self.goals.get_mut(&job_id) else { return false };
        let before = goal.owed.len();
        goal.owed.extend(damaged.into_iter().filter(|order| goal.wanted.contains(order)));
        let changed = goal.owed.len() > before;
        goal.wanted.retain(|order| !superfluous.contains(order));
        goal.owed.retain(|order| !superfluous.contains(order));
        self.unwanted.extend(superfluous);
        changed
    }

    /// What `keep` wants of what is good there and what may still come, which would make some repairs vain.
    fn lasting(&self, job_id: JobId, good: &BTreeSet<PointOrder>) -> BTreeSet<PointOrder> {
        let owed = self.goals.get(&job_id).into_iter().flat_map(|goal| &goal.owed).copied();
        // What they depend on comes along.
        let units = owed.flat_map(|order| std::iter::successors(Some(order), |it| self.survey.point(*it).base));
        let coming = units.chain(good.iter().copied()).collect();
        kept(self.survey.state, self.survey.state.jobs[&job_id].keep.as_ref(), &coming, &BTreeSet::new())
    }

    /// With `copies = "first"`: is the repair of what is damaged there vain by now?
    pub(super) fn is_vain(&self, order: PointOrder) -> bool {
        let job = self.survey.point(order).job;
        let first = self.survey.state.jobs[&job].copies == Copies::First;
        if !first || self.shelf.state_of(order) != PlacementState::Damaged {
            return false;
        }
        let good = self.there(job).into_iter().filter(|order| self.is_good(*order)).collect();
        !self.lasting(job, &good).contains(&order)
    }

    /// Without what was evicted, `keep` may want an older point there that it did not want before. Says whether it does.
    pub(super) fn want_again(&mut self) -> bool {
        std::mem::take(&mut self.evicted).into_iter().filter(|job| self.want_again_of(*job)).count() > 0
    }

    fn want_again_of(&mut self, job_id: JobId) -> bool {
        let good: BTreeSet<_> = self.there(job_id).into_iter().filter(|order| self.is_good(*order)).collect();
        let owed = self.goals.get(&job_id).into_iter().flat_map(|goal| &goal.owed).copied();
        let among = owed.chain(good.iter().copied()).collect();
        let mut wanted =
            kept(self.survey.state, self.survey.state.jobs[&job_id].keep.as_ref(), &among, &BTreeSet::new());
        wanted.retain(|order| good.contains(order) && !self.is_wanted(*order));
        let lacking = |order: &PointOrder| self.shelf.state_of(*order) != PlacementState::Complete;
        let lacking: Vec<_> = wanted.iter().copied().filter(lacking).collect();
        let is_offsite = self.survey.offsite(&self.survey.state.jobs[&job_id]).iter().any(|(id, _)| *id == self.id);
        self.unwanted.retain(|order| !wanted.contains(order));
        let Some(goal) = self.goals.get_mut(&job_id) else { return false };
        goal.owed.extend(lacking.iter().filter(|_| is_offsite));
        goal.wanted.extend(&wanted);
        !lacking.is_empty()
    }

    /// Whole there, or damaged and good elsewhere.
    fn is_good(&self, order: PointOrder) -> bool {
        let repairable = || self.survey.is_whole_elsewhere(order, self.id);
        match self.shelf.state_of(order) {
            PlacementState::Damaged => repairable(),
            state => is_whole(state),
        }
    }

    fn retain_job(&mut self, job_id: JobId, claims: &BTreeSet<PackNumber>) {
        let Some(job) = self.survey.state.jobs.get(&job_id).filter(|job| job.hold.is_none()) else { return };
        let rule = if self.medium.is_home() { &job.keep_at_home } else { &job.keep };
        let there: Vec<_> = self.there(job_id);
        let solid: BTreeSet<_> = there.iter().copied().filter(|order| self.is_solid(*order)).collect();
        let all_solid = self.goals.get(&job_id).is_some_and(|goal| goal.wanted.iter().all(|it| solid.contains(it)));
        let stays = kept(self.survey.state, rule.as_ref(), &solid, &BTreeSet::new());
        let may = |order: &PointOrder| {
            let vain =
                || !kept(self.survey.state, rule.as_ref(), &with(&stays, *order), &BTreeSet::new()).contains(order);
            let superfluous = if solid.contains(order) { !stays.contains(order) } else { all_solid && vain() };
            self.unwanted.contains(order) && superfluous
        };
        let mut going: Vec<_> = there.into_iter().filter(may).collect();
        going.sort_by_key(|order| (self.survey.root(*order), std::cmp::Reverse(*order)));
        let made = |order: &&PointOrder| self.is_fresh(**order) || self.read_back.contains(order);
        let made: Vec<_> = stays.iter().filter(made).copied().collect();
        for order in going {
            if let Some(after) = self.awaits(order, &made) {
                let taken = self.take(&[order], PlacementState::NotWanted, &|pack| claims.contains(&pack));
                self.commit(taken, RemoveReason::Retention, &after);
            }
        }
    }

    /// What is not complete here yet and will be, if plans are carried out.
    pub(super) fn coming(&self) -> BTreeSet<PointOrder> {
        let owed = self.goals.values().flat_map(|goal| &goal.owed);
        owed.chain(self.fresh.values().flatten()).copied().chain(self.unproved()).collect()
    }

    fn there(&self, job: JobId) -> Vec<PointOrder> {
        let points = self.survey.by_job.get(&job).into_iter().flatten();
        points.copied().filter(|order| self.shelf.is_there(*order)).collect()
    }

    /// What a removal relies on that the plan itself makes; none if it can't be, or if it relies on so much that the
    /// next plan had better decide.
    fn awaits(&self, order: PointOrder, made: &[PointOrder]) -> Option<Vec<Await>> {
        let newer = &made[made.partition_point(|point| *point < order)..];
        if newer.len() > AWAITS_MAX {
            return None;
        }
        let mut after = self.may_go(&[order]).ok()?;
        after.extend(newer.iter().map(|point| Await { medium: self.id, point: *point }));
        after.extend(self.awaited.get(&order).into_iter().flatten().copied());
        after.sort_unstable();
        after.dedup();
        Some(after)
    }

    /// Adds the readings back of what should stay and lacks evidence.
    pub(super) fn verify_all(&mut self) -> bool {
        let unproved = self.unproved();
        for order in &unproved {
            self.prove_ancestors(*order);
            self.prove(*order);
        }
        !unproved.is_empty()
    }

    /// What a point depends on has its evidence first, the oldest first.
    pub(super) fn prove_ancestors(&mut self, order: PointOrder) {
        let ancestors: Vec<_> = self.survey.ancestors(order).collect();
        ancestors.into_iter().rev().for_each(|order| self.prove(order));
    }

    fn prove(&mut self, order: PointOrder) {
        if self.shelf.state_of(order) == PlacementState::Present && self.shelf.is_there(order) {
            self.verify(order);
        }
    }

    /// What should be good here and is not: owed, lost with its base (which may be found again), or damaged.
    pub(super) fn lacking(&self) -> Vec<PointOrder> {
        let first = |job: &JobId| self.survey.state.jobs[job].copies == Copies::First;
        let damaged = |order: &&PointOrder| self.shelf.state_of(**order) == PlacementState::Damaged;
        let lacking = self.goals.values().flat_map(|goal| goal.owed.iter().chain(&goal.lost).chain(&goal.irreparable));
        // With one copy enough, it is not owed as long as a newer one may come, but then it may be.
        let wanted = self.goals.iter().filter(|(job, _)| first(job)).flat_map(|(_, goal)| &goal.wanted);
        lacking.chain(wanted.filter(damaged)).copied().collect()
    }

    /// Points that the plan evicts from here only because they are complete elsewhere.
    pub(super) fn relied_on(&self) -> impl Iterator<Item = PointOrder> {
        self.steps.iter().filter(|_| !self.medium.evict_unique).filter_map(|step| match step {
            Step::Remove { point, reason: RemoveReason::Eviction { .. }, .. } => Some(*point),
            _ => None,
        })
    }

    /// Points that the plan removes from here, but for the first so many steps.
    pub(super) fn removed_since(&self, steps: usize) -> impl Iterator<Item = PointOrder> {
        self.steps[steps..].iter().filter_map(|step| match step {
            Step::Remove { point, .. } => Some(*point),
            _ => None,
        })
    }

    /// At home: reads back once what should stay, where something is to go in favour of it.
    pub(super) fn read_back_for_retention(&mut self) {
        if self.refusal().is_some() {
            return;
        }
        let jobs: BTreeSet<_> = self.unwanted.iter().map(|order| self.survey.point(*order).job).collect();
        let wanted = jobs.iter().filter_map(|job| self.goals.get(job)).flat_map(|goal| &goal.wanted);
        let complete = |order: &PointOrder| self.shelf.state_of(*order) == PlacementState::Complete;
        let unread: BTreeSet<_> = wanted.copied().filter(|it| complete(it) && !self.is_solid(*it)).collect();
        for point in unread.into_iter().rev() {
            self.read_back.insert(point);
            self.steps.push(Step::Verify { point });
        }
    }
}

fn with(points: &BTreeSet<PointOrder>, one: PointOrder) -> BTreeSet<PointOrder> {
    points.iter().copied().chain([one]).collect()
}

//! One medium while its part of the plan is made: what it would hold so far, what it should hold, its steps.

use std::collections::{BTreeMap, BTreeSet};

use super::owed::{Goal, Question};
use super::room::Stuck;
use super::shelf::{Freed, Load, Shelf};
use super::state::{Deletions, Job, Medium, Orphans, PackNumber, PackThere, Unwanted};
use super::steps::{Await, Blocker, CopyReason, RemoveReason, Step};
use super::survey::{Survey, is_whole};
use crate::model::{JobId, PointOrder, State as PlacementState, VaultId};

/// Under which rules a removal is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rules {
    /// As things stand.
    Now,
    /// With what the plan brings counted as done.
    Later,
    /// With all that plans may do by themselves, here and elsewhere, counted as done.
    Ever,
    /// The same, and with any number of points of a job complete.
    Any,
}

/// One medium in use.
#[derive(Debug, Clone)]
pub(super) struct Bench<'a> {
    pub id: VaultId,
    pub medium: &'a Medium,
    pub survey: &'a Survey<'a>,
    pub shelf: Shelf<'a>,
    pub goals: BTreeMap<JobId, Goal>,
    pub steps: Vec<Step>,
    /// Complete points of each job from before the plan that still stand.
    pub complete: BTreeMap<JobId, u64>,
    /// Points that the plan makes complete.
    pub fresh: BTreeMap<JobId, BTreeSet<PointOrder>>,
    /// At home: points whose bytes the plan reads back.
    pub read_back: BTreeSet<PointOrder>,
    /// What other media are owed and have to get from here.
    pub needed: BTreeSet<PointOrder>,
    /// What of that they can't get now: the medium is away, or it has no room.
    pub needed_for_long: BTreeSet<PointOrder>,
    /// What other media offsite get, or will have evidence of, if plans are carried out.
    pub coming_elsewhere: BTreeSet<PointOrder>,
    /// Which rules a removal is tried under.
    pub rules: Rules,
    /// What the plan copies from here to others, and where.
    pub awaited: BTreeMap<PointOrder, Vec<Await>>,
    /// Chains with something there that may go at all, by job and root.
    pub roots: BTreeMap<JobId, BTreeSet<PointOrder>>,
    /// Why the other chains there may not go.
    pub held_by: BTreeSet<Blocker>,
    /// What is there and not wanted.
    pub unwanted: BTreeSet<PointOrder>,
    pub newest_evicted: BTreeMap<JobId, PointOrder>,
    /// Jobs of which something was evicted since their goals were last looked at.
    pub evicted: BTreeSet<JobId>,
    /// Origins whose reading back is already a step.
    pub origins: BTreeSet<PointOrder>,
    /// No room larger than this can be made, as was found for a newer point.
    pub ceiling: Option<(u64, Stuck)>,
}

impl<'a> Bench<'a> {
    pub fn new(survey: &'a Survey<'a>, id: VaultId, medium: &'a Medium) -> Self {
        let goals = survey.state.jobs.iter().map(|(job_id, job)| (*job_id, goal(survey, id, medium, *job_id, job)));
        let mut bench = Self {
            id,
            medium,
            survey,
            shelf: Shelf::new(survey.state, medium),
            goals: goals.collect(),
            steps: Vec::new(),
            complete: BTreeMap::new(),
            fresh: BTreeMap::new(),
            read_back: BTreeSet::new(),
            needed: BTreeSet::new(),
            needed_for_long: BTreeSet::new(),
            coming_elsewhere: BTreeSet::new(),
            rules: Rules::Now,
            awaited: BTreeMap::new(),
            roots: BTreeMap::new(),
            held_by: BTreeSet::new(),
            unwanted: BTreeSet::new(),
            newest_evicted: medium.newest_evicted.clone(),
            evicted: BTreeSet::new(),
            origins: BTreeSet::new(),
            ceiling: None,
        };
        medium.placements.keys().filter(|order| medium.holds(**order)).for_each(|order| bench.note(*order));
        bench
    }

    fn note(&mut self, order: PointOrder) {
        let point = self.survey.point(order);
        if self.medium.state_of(order) == PlacementState::Complete {
            *self.complete.entry(point.job).or_default() += 1;
        }
        if self.medium.state_of(order) != PlacementState::Copying && !self.is_wanted(order) {
            self.unwanted.insert(order);
        }
        match self.survey.job(order).hold {
            _ if point.pinned => _ = self.held_by.insert(Blocker::Pinned),
            Some(hold) => _ = self.held_by.insert(Blocker::Held(hold)),
            None => _ = self.roots.entry(point.job).or_default().insert(self.survey.root(order)),
        }
    }

    pub fn goal(&self, order: PointOrder) -> Option<&Goal> {
        self.goals.get(&self.survey.point(order).job)
    }

    pub fn goal_mut(&mut self, order: PointOrder) -> Option<&mut Goal> {
        self.goals.get_mut(&self.survey.point(order).job)
    }

    pub fn is_wanted(&self, order: PointOrder) -> bool {
        self.goal(order).is_some_and(|goal| goal.wanted.contains(&order))
    }

    pub fn is_owed(&self, order: PointOrder) -> bool {
        self.goal(order).is_some_and(|goal| goal.owed.contains(&order))
    }

    pub fn is_fresh(&self, order: PointOrder) -> bool {
        self.fresh.get(&self.survey.point(order).job).is_some_and(|fresh| fresh.contains(&order))
    }

    /// Is it shown to be good there, or will be: at home that its bytes were read back?
    pub fn is_solid(&self, order: PointOrder) -> bool {
        let complete = self.shelf.state_of(order) == PlacementState::Complete;
        let seen = self.survey.point(order).origin_verified || self.read_back.contains(&order);
        let read_back = seen || !self.medium.is_home();
        self.is_fresh(order) || (complete && read_back && self.shelf.is_there(order))
    }

    /// Why nothing can be deleted there, if so.
    pub fn refusal(&self) -> Option<Blocker> {
        match (&self.medium.deletions, self.medium.is_here()) {
            _ if self.medium.retired => Some(Blocker::Retired),
            (_, false) => Some(Blocker::Away),
            (Deletions::Refused(_), _) => Some(Blocker::DeletionsRefused),
            (Deletions::Allowed, _) => None,
        }
    }

    /// Finishes what an earlier session marked.
    pub fn finish(&mut self) {
        if self.refusal().is_some() {
            return;
        }
        let freed = self.shelf.finish();
        let points: Vec<_> = self.medium.removing.iter().copied().collect();
        if !points.is_empty() || !freed.packs.is_empty() {
            self.steps.push(Step::Finish { points, packs: freed.packs, bytes: freed.bytes });
        }
    }

    /// Sends to the catalog what is not wanted there.
    pub fn decline(&mut self, order: PointOrder, reason: Unwanted) {
        if let Some(goal) = self.goal_mut(order) {
            goal.owed.remove(&order);
            goal.wanted.remove(&order);
        }
        if self.shelf.state_of(order) == PlacementState::NotWanted {
            return;
        }
        if self.shelf.state_of(order) == PlacementState::Copying {
            // What was sent of it is nobody's now; the packs go with a sweep.
            self.shelf.remove(order, PlacementState::NotWanted, |_| true);
        }
        self.shelf.set(order, PlacementState::NotWanted);
        self.steps.push(Step::Decline { point: order, reason });
    }

    /// Packs that owed points need there.
    pub fn claims(&self) -> BTreeSet<PackNumber> {
        let owed = self.goals.values().flat_map(|goal| &goal.owed);
        owed.flat_map(|order| self.medium.objects_of(self.survey.point(*order))).copied().collect()
    }

    /// Deletes what nothing refers to and no owed point can use; says whether there was something.
    pub fn sweep(&mut self) -> bool {
        if self.refusal().is_some() || self.medium.orphans == Orphans::Kept || self.shelf.orphans.is_empty() {
            return false;
        }
        let (claims, there) = (self.claims(), &self.medium.packs);
        // What is damaged would be sent anew anyway, and needs room beside itself as long as it lies there.
        let usable = |pack: PackNumber| there.get(&pack) != Some(&PackThere::Damaged);
        let freed = self.shelf.sweep(|pack| usable(pack) && claims.contains(&pack));
        self.push_sweep(freed)
    }

    pub fn push_sweep(&mut self, freed: Freed) -> bool {
        let any = !freed.packs.is_empty();
        if any {
            self.steps.push(Step::Sweep { packs: freed.packs, bytes: freed.bytes });
        }
        any
    }

    /// Takes points off the shelf, dependents first.
    pub fn take(
        &mut self,
        going: &[PointOrder],
        then: PlacementState,
        claimed: &impl Fn(PackNumber) -> bool,
    ) -> Vec<Freed> {
        going.iter().map(|order| self.take_one(*order, then, claimed)).collect()
    }

    fn take_one(&mut self, order: PointOrder, then: PlacementState, claimed: &impl Fn(PackNumber) -> bool) -> Freed {
        if self.counts(order) {
            *self.complete.entry(self.survey.point(order).job).or_default() -= 1;
        }
        self.shelf.remove(order, then, claimed)
    }

    /// Is it one of those in `complete`? What the plan itself makes complete is not.
    fn counts(&self, order: PointOrder) -> bool {
        let complete = self.shelf.state_of(order) == PlacementState::Complete;
        complete && self.medium.state_of(order) == PlacementState::Complete
    }

    /// Puts them back.
    pub fn untake(&mut self, taken: &[Freed]) {
        for freed in taken.iter().rev() {
            self.shelf.restore(freed);
            if let Some(order) = freed.point.filter(|order| self.counts(*order)) {
                *self.complete.entry(self.survey.point(order).job).or_default() += 1;
            }
        }
    }

    /// Makes removals that were taken final.
    pub fn commit(&mut self, taken: Vec<Freed>, reason: RemoveReason, after: &[Await]) {
        for freed in taken {
            let Some(point) = freed.point else { continue };
            self.unwanted.remove(&point);
            if let Some(goal) = self.goal_mut(point) {
                goal.wanted.remove(&point);
                goal.owed.remove(&point);
            }
            if matches!(reason, RemoveReason::Eviction { .. } | RemoveReason::Overflow(_)) {
                let newest = self.newest_evicted.entry(self.survey.point(point).job).or_insert(point);
                *newest = (*newest).max(point);
                self.evicted.insert(self.survey.point(point).job);
            }
            let step = Step::Remove { point, reason, packs: freed.packs, bytes: freed.bytes, after: after.to_vec() };
            self.steps.push(step);
        }
    }

    /// Adds a copy that is to be made.
    pub fn copy(&mut self, point: PointOrder, sources: Vec<VaultId>, load: Load, reason: CopyReason) {
        self.shelf.add(point, &load);
        self.make_fresh(point);
        let Load { packs, bytes, replaces, peak } = load;
        self.steps.push(Step::Copy { point, sources, packs, bytes, replaces, peak, reason });
        self.ceiling = None;
    }

    /// Takes the evidence of what is there.
    pub fn verify(&mut self, point: PointOrder) {
        self.shelf.set(point, PlacementState::Complete);
        self.make_fresh(point);
        self.steps.push(Step::Verify { point });
        self.ceiling = None;
    }

    fn make_fresh(&mut self, point: PointOrder) {
        self.fresh.entry(self.survey.point(point).job).or_default().insert(point);
        if let Some(goal) = self.goal_mut(point) {
            goal.owed.remove(&point);
        }
    }

    /// Present points that lack evidence and should stay, and that stand on nothing less.
    pub fn unproved(&self) -> Vec<PointOrder> {
        let there = self.goals.values().flat_map(|goal| &goal.wanted).copied();
        let whole = |order: PointOrder| self.shelf.is_there(order) && is_whole(self.shelf.state_of(order));
        let lacks = |order: &PointOrder| whole(*order) && self.shelf.state_of(*order) != PlacementState::Complete;
        let founded = |order: &PointOrder| self.survey.ancestors(*order).all(whole);
        let unproved: BTreeSet<_> = there.filter(|order| lacks(order) && founded(order)).collect();
        unproved.into_iter().rev().collect()
    }
}

fn goal<'a>(survey: &'a Survey<'a>, id: VaultId, medium: &'a Medium, job_id: JobId, job: &'a Job) -> Goal {
    Question { survey, id, medium, job_id, job, offsite: survey.offsite(job) }.answer()
}

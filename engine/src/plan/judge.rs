//! The judge's walk through a plan: media in order, home last, each step held against the rules and then done.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Broken, Violation};
use super::outlook::Outlook;
use super::state::{Deletions, Orphans, PackNumber, PackThere, State, Unwanted};
use super::steps::{Await, Plan, RemoveReason, Step};
use super::verdict_copy::CopyStep;
use super::verdict_remove::RemoveStep;
use super::world::Place;
use crate::model::{PointOrder, State as PlacementState, VaultId};

/// Walks through one plan.
pub(super) struct Judge<'a> {
    pub places: BTreeMap<VaultId, Place<'a>>,
    pub outlook: Outlook,
    pub state: &'a State,
    pub at: VaultId,
    /// The steps of that medium.
    pub steps: &'a [Step],
    violations: Vec<Violation>,
}

impl<'a> Judge<'a> {
    pub fn of(state: &'a State, plan: &'a Plan) -> Self {
        let places = state.media.iter().map(|(id, medium)| (*id, Place::of(state, medium))).collect();
        let (at, outlook) = (VaultId([0; VaultId::BYTES]), Outlook::of(state, plan));
        Self { places, outlook, state, at, steps: &[], violations: Vec::new() }
    }

    pub fn walk(mut self, plan: &'a Plan) -> Vec<Violation> {
        if plan.generation != self.state.generation {
            self.violations.push(Violation { medium: None, point: None, rule: Broken::Stale });
        }
        let is_home = |id: &VaultId| self.state.media.get(id).is_some_and(super::state::Medium::is_home);
        let (home, others): (Vec<_>, Vec<_>) = plan.media.iter().partition(|(id, _)| is_home(id));
        for (id, steps) in others.into_iter().chain(home) {
            (self.at, self.steps) = (*id, steps);
            self.walk_medium(steps);
        }
        self.judge_choices(plan);
        self.violations
    }

    fn walk_medium(&mut self, steps: &[Step]) {
        if !self.state.media.contains_key(&self.at) {
            return self.say(None, Broken::Unknown);
        }
        for (index, step) in steps.iter().enumerate() {
            if self.knows(step) {
                self.reach(step);
                self.step(step, index);
            } else {
                self.say(None, Broken::Unknown);
            }
        }
    }

    pub fn say(&mut self, point: Option<PointOrder>, rule: Broken) {
        self.violations.push(Violation { medium: Some(self.at), point, rule });
    }

    pub fn here(&self) -> &Place<'a> {
        &self.places[&self.at]
    }

    pub fn here_mut(&mut self) -> &mut Place<'a> {
        self.places.get_mut(&self.at).expect("walk_medium looked")
    }

    fn knows(&self, step: &Step) -> bool {
        let (points, packs): (Vec<PointOrder>, &[PackNumber]) = match step {
            Step::Finish { points, packs, .. } => (points.clone(), packs),
            Step::Remove { point, packs, .. } | Step::Copy { point, packs, .. } => (vec![*point], packs),
            Step::Sweep { packs, .. } => (vec![], packs),
            Step::Decline { point, .. } | Step::Owe { point } => (vec![*point], &[]),
            Step::Verify { point } | Step::VerifyOrigin { point } => (vec![*point], &[]),
        };
        points.iter().all(|it| self.state.points.contains_key(it))
            && packs.iter().all(|it| self.state.packs.contains_key(it))
    }

    /// Only the catalog's own steps may be about a medium that is away or retired.
    fn reach(&mut self, step: &Step) {
        let medium = self.here().medium;
        let deletes = matches!(step, Step::Finish { .. } | Step::Remove { .. } | Step::Sweep { .. });
        if matches!(step, Step::Decline { .. } | Step::Owe { .. }) {
            return;
        }
        if !medium.is_here() || medium.retired {
            self.say(None, Broken::NotHere);
        }
        if deletes && medium.deletions != Deletions::Allowed {
            self.say(None, Broken::DeletionsRefused);
        }
    }

    fn step(&mut self, step: &Step, index: usize) {
        match step {
            Step::Finish { points, packs, bytes } => self.finish(points, packs, *bytes),
            Step::Decline { point, reason } => self.decline(*point, *reason, index),
            Step::Owe { point } => self.owe(*point),
            Step::Remove { point, reason, packs, bytes, after } => {
                let removal = RemoveStep { point: *point, reason: *reason, packs, bytes: *bytes, after };
                self.remove(&removal, index);
            }
            Step::Sweep { packs, bytes } => self.sweep(packs, *bytes),
            Step::VerifyOrigin { point } => _ = self.here_mut().origins.insert(*point),
            Step::Copy { point, sources, packs, bytes, replaces, peak, .. } => {
                self.judge_begun(*point);
                let (bytes, replaces, peak) = (*bytes, *replaces, *peak);
                self.copy(&CopyStep { point: *point, sources, packs, bytes, replaces, peak });
            }
            Step::Verify { point } => self.verify(*point),
        }
    }

    fn finish(&mut self, points: &[PointOrder], packs: &[PackNumber], bytes: u64) {
        let medium = self.here().medium;
        let marked = |pack: &PackNumber| medium.packs.get(pack) == Some(&PackThere::Deleting);
        packs.iter().filter(|pack| !marked(pack)).for_each(|pack| self.say(None, Broken::PackNotThere(*pack)));
        let begun = |point: &&PointOrder| !medium.removing.contains(*point);
        points.iter().filter(begun).for_each(|point| self.say(Some(*point), Broken::NotThere));
        let manifests = points.iter().filter(|point| medium.state_of(**point).is_there());
        let manifests: u64 = manifests.map(|point| self.state.points[point].manifest_bytes).sum();
        self.delete(packs, manifests, bytes, None);
        for point in points {
            self.here_mut().states.insert(*point, (PlacementState::NotWanted, Some(Unwanted::Removed)));
            self.here_mut().begun.remove(point);
        }
        let place = self.here_mut();
        place.fullest = (place.used, place.free);
    }

    fn sweep(&mut self, packs: &[PackNumber], bytes: u64) {
        if self.here().medium.orphans == Orphans::Kept {
            self.say(None, Broken::OrphansKept);
        }
        self.judge_packs(None, packs);
        self.delete(packs, 0, bytes, None);
    }

    /// D-1, for packs that are to go.
    pub fn judge_packs(&mut self, point: Option<PointOrder>, packs: &[PackNumber]) {
        for pack in packs {
            let place = self.here();
            let reserved = place.medium.reserved.contains(pack);
            if reserved || place.needed_by(self.state, *pack).is_some() {
                self.say(point, Broken::PackNeeded(*pack));
            } else if !place.packs.contains_key(pack) {
                self.say(point, Broken::PackNotThere(*pack));
            }
        }
    }

    /// Takes objects away and compares the bytes.
    pub fn delete(&mut self, packs: &[PackNumber], manifests: u64, bytes: u64, point: Option<PointOrder>) {
        let distinct: BTreeSet<_> = packs.iter().collect();
        let freed: u64 = distinct.iter().map(|pack| self.state.packs[pack].bytes).sum();
        if freed + manifests != bytes {
            self.say(point, Broken::WrongBytes);
        }
        let place = self.here_mut();
        packs.iter().for_each(|pack| _ = place.packs.remove(pack));
        packs.iter().for_each(|pack| _ = place.marked.remove(pack));
        place.free_bytes(freed + manifests);
    }

    fn owe(&mut self, point: PointOrder) {
        let is_final = self.here().states.get(&point).is_none_or(|(_, reason)| reason.is_none_or(Unwanted::is_final));
        if self.here().state_of(point) != PlacementState::NotWanted || is_final {
            self.say(Some(point), Broken::Final);
        }
        self.here_mut().states.insert(point, (PlacementState::Pending, None));
    }

    fn verify(&mut self, point: PointOrder) {
        if !self.here().has(point) {
            return self.say(Some(point), Broken::NotThere);
        }
        self.judge_base(point);
        let state = self.state;
        let place = self.here_mut();
        place.arrive(state, point);
        place.origins.insert(point);
    }

    /// A point is made complete only on a base that is.
    pub fn judge_base(&mut self, point: PointOrder) {
        let base = self.state.points[&point].base;
        if base.is_some_and(|base| self.here().state_of(base) != PlacementState::Complete || !self.here().has(base)) {
            self.say(Some(point), Broken::BaseIncomplete);
        }
    }

    /// D-8: nothing comes before what was begun to be removed is gone, where it can go.
    fn judge_begun(&mut self, point: PointOrder) {
        let place = self.here();
        if place.medium.deletions == Deletions::Allowed && !(place.marked.is_empty() && place.begun.is_empty()) {
            self.say(Some(point), Broken::BegunBefore);
        }
    }

    /// Are all these complete as the plan stands?
    pub fn judge_awaits(&mut self, point: PointOrder, after: &[Await]) {
        for wait in after {
            let place = self.places.get(&wait.medium);
            if place.is_none_or(|place| place.state_of(wait.point) != PlacementState::Complete) {
                self.say(Some(point), Broken::AwaitBroken(*wait));
            }
        }
    }

    /// Is the point copied to this medium after the step of that number?
    pub fn comes_after(&self, index: usize, by: PointOrder) -> bool {
        self.outlook.copies.get(&(self.at, by)).is_some_and(|copy| *copy > index)
    }

    /// The point that a removal is in favour of.
    pub const fn in_favour_of(reason: RemoveReason) -> Option<PointOrder> {
        match reason {
            RemoveReason::Superseded { by } | RemoveReason::Eviction { by } => Some(by),
            _ => None,
        }
    }
}

//! Home's overflow rule (DESIGN 5.8): where a point that is being made finds no room at home, the oldest make it.
//!
//! First what is complete offsite, so that nothing is lost; then, and only then, what is still owed and complete nowhere:
//! each time of the job that the room is for, then of all, whole chains, the oldest first. Never the newest point of a job,
//! nor the chain it stands in; never before that newest one was read back. What is owed nowhere and lies nowhere else is no
//! business of this rule. If all that may go is not enough, nothing goes.

use std::collections::BTreeSet;

use super::bench::Bench;
use super::shelf::Freed;
use super::spool::Beyond;
use super::state::Coming;
use super::steps::{Await, Loss, RemoveReason, Step};
use super::survey::is_whole;
use crate::model::{PointOrder, State as PlacementState};

/// A chain that may go.
struct Candidate {
    loss: Loss,
    of_other_job: bool,
    root: PointOrder,
    /// Dependents first.
    going: Vec<PointOrder>,
    newest: PointOrder,
}

impl Bench<'_> {
    /// Makes room at home for the point that comes, if it needs any.
    pub(super) fn overflow(&mut self, beyond: &Beyond) {
        let Some(coming) = self.survey.state.coming else { return };
        let held = self.survey.state.jobs.get(&coming.job).is_none_or(|job| job.hold.is_some());
        if held || self.refusal().is_some() || self.shelf.fits(coming.bytes) {
            return;
        }
        _ = self.sweep();
        let mut taken = Vec::new();
        for candidate in self.candidates(coming, beyond) {
            if self.shelf.fits(coming.bytes) {
                break;
            }
            let freed = self.take(&candidate.going, PlacementState::Evicted, &|_| false);
            taken.push((candidate, freed));
        }
        if self.shelf.fits(coming.bytes) {
            taken.into_iter().for_each(|(candidate, freed)| self.give_up_chain(&candidate, freed, beyond));
        } else {
            taken.iter().rev().for_each(|(_, freed)| self.untake(freed));
        }
    }

    fn give_up_chain(&mut self, candidate: &Candidate, freed: Vec<Freed>, beyond: &Beyond) {
        let newest = candidate.newest;
        let unread = !self.survey.point(newest).origin_verified;
        if unread && self.read_back.insert(newest) {
            self.steps.push(Step::Verify { point: newest });
        }
        let read = unread.then_some(Await { medium: self.id, point: newest });
        for one in freed {
            let offsite = one.point.is_some_and(|point| beyond.is_offsite(point));
            let loss = if offsite { Loss::Nothing } else { Loss::ThePoint };
            let coming = one.point.into_iter().flat_map(|point| beyond.coming(point));
            let after: Vec<_> = coming.chain(read).collect();
            self.commit(vec![one], RemoveReason::Overflow(loss), &after);
        }
    }

    /// In the order in which they go.
    fn candidates(&self, coming: Coming, beyond: &Beyond) -> Vec<Candidate> {
        let roots: BTreeSet<_> = self.points_there().map(|order| self.survey.root(order)).collect();
        let mut found: Vec<_> = roots.into_iter().filter_map(|root| self.candidate(root, coming, beyond)).collect();
        found.sort_by_key(|it| (it.loss, it.of_other_job, it.root));
        found
    }

    fn candidate(&self, root: PointOrder, coming: Coming, beyond: &Beyond) -> Option<Candidate> {
        let going: Vec<_> = self.survey.chain(root).into_iter().rev().filter(|it| self.shelf.is_live(*it)).collect();
        let job = self.survey.point(*going.first()?).job;
        let newest = self.newest_whole(job)?;
        let complete = self.shelf.state_of(newest) == PlacementState::Complete;
        let may_go = |order: &PointOrder| {
            let whole = is_whole(self.shelf.state_of(*order));
            let has_rule = beyond.is_offsite(*order) || beyond.is_owed(*order);
            whole && has_rule && self.may_leave_home(*order, &going).is_ok()
        };
        if !complete || going.contains(&newest) || !going.iter().all(may_go) {
            return None;
        }
        let lost = going.iter().any(|order| !beyond.is_offsite(*order));
        let loss = if lost { Loss::ThePoint } else { Loss::Nothing };
        Some(Candidate { loss, of_other_job: job != coming.job, root, going, newest })
    }

    fn newest_whole(&self, job: crate::model::JobId) -> Option<PointOrder> {
        let points = self.survey.by_job.get(&job)?.iter().rev().copied();
        points.into_iter().find(|order| self.shelf.is_there(*order) && is_whole(self.shelf.state_of(*order)))
    }
}

//! Home's overflow rule (DESIGN 5.8): where a point that is being made finds no room at home, the oldest make it.
//!
//! First what is complete offsite, so that nothing is lost; then, if the asker allows it, what some place still waits for in
//! vain then, and last what is complete nowhere. Each time of the job that the room is for, then of all, whole chains, the
//! oldest first. Never the newest point of a job, or of one of its rows, nor the chain it stands in; never before that newest
//! one was read back. What is owed nowhere and lies nowhere else is no business of this rule. If all that may go is not
//! enough, nothing goes. It relies on nothing but what is complete already: nobody copies while a capture waits.

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
    /// The newest of each row of which something goes: they stay, read back.
    newest: BTreeSet<PointOrder>,
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
        let mut after = Vec::new();
        for newest in candidate.newest.iter().copied().filter(|it| !self.survey.point(*it).origin_verified) {
            if self.read_back.insert(newest) {
                self.steps.push(Step::Verify { point: newest });
            }
            after.push(Await { medium: self.id, point: newest });
        }
        for one in freed {
            let loss = one.point.and_then(|point| beyond.loss(point, self.survey.state)).unwrap_or(Loss::ThePoint);
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
        let newest: BTreeSet<_> = going.iter().map(|order| self.newest_of_row(*order)).collect::<Option<_>>()?;
        let stays =
            |order: &PointOrder| self.shelf.state_of(*order) == PlacementState::Complete && !going.contains(order);
        let may_go =
            |order: &PointOrder| is_whole(self.shelf.state_of(*order)) && self.may_leave_home(*order, &going).is_ok();
        if !newest.iter().all(stays) || !going.iter().all(may_go) {
            return None;
        }
        let losses = going.iter().map(|order| beyond.loss(*order, self.survey.state));
        let loss = losses.collect::<Option<Vec<_>>>()?.into_iter().max()?;
        let of_other_job = job != coming.job;
        (loss <= coming.at_most).then_some(Candidate { loss, of_other_job, root, going, newest })
    }

    /// The newest point of its row of its job that is whole there; none if that is not newer.
    fn newest_of_row(&self, order: PointOrder) -> Option<PointOrder> {
        let row = self.survey.point(order);
        let mut points = self.survey.by_job.get(&row.job)?.iter().rev().copied();
        let whole = |it: PointOrder| self.shelf.is_there(it) && is_whole(self.shelf.state_of(it));
        points.find(|it| self.survey.point(*it).series == row.series && whole(*it)).filter(|newest| *newest > order)
    }
}

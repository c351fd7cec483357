//! The judge's rules for what is declined: most of it is for good, so each reason has to hold.

use super::check::Broken;
use super::judge::Judge;
use super::keep::keep_each_row;
use super::state::{Copies, Medium, Unwanted};
use super::steps::Step;
use crate::model::{PointOrder, State as PlacementState, VaultId};

impl Judge<'_> {
    pub(super) fn decline(&mut self, point: PointOrder, reason: Unwanted, index: usize) {
        if self.here().has(point) {
            return self.say(Some(point), Broken::DeclinedThere);
        }
        if !self.holds(point, reason, index) {
            self.say(Some(point), Broken::WrongReason(reason));
        }
        let state = self.state;
        self.here_mut().leave(state, point, PlacementState::NotWanted, Some(reason));
    }

    fn holds(&mut self, point: PointOrder, reason: Unwanted, index: usize) -> bool {
        let (row, place) = (&self.state.points[&point], self.here());
        let Some(job) = self.state.jobs.get(&row.job) else { return true };
        match reason {
            Unwanted::Keep => !self.keep_wants(point),
            Unwanted::OlderThanEvicted => place.newest_evicted.get(&row.job).is_some_and(|newest| point <= *newest),
            Unwanted::BaseGone => row.base.is_some_and(|base| !self.stands(base)),
            Unwanted::GaveWay => place.state_of(point) == PlacementState::Copying && self.gives_way(point, index),
            Unwanted::Retired => place.medium.retired,
            Unwanted::NotOffsite => !job.offsite.contains(&place.medium.destination),
            Unwanted::Elsewhere => job.copies == Copies::First && self.is_or_comes_elsewhere(point),
            Unwanted::Removed => job.copies == Copies::First,
            Unwanted::GivenUp => self.home_gave_up(point),
            // A person's word, what a look found, or what a removal at home leaves behind: no plan declines for these.
            Unwanted::Forgotten | Unwanted::Unfit | Unwanted::Spooled => false,
        }
    }

    /// Is it gone from home because that was full, and does nobody have it who could hand it on to this place?
    fn home_gave_up(&self, point: PointOrder) -> bool {
        let here = self.here().medium;
        let gave_up = |home: &Medium| {
            home.is_home() && home.state_of(point) == PlacementState::Evicted && !home.removing.contains(&point)
        };
        let meets = |id: &VaultId| self.state.media[id].destination != here.destination;
        self.state.media.values().any(gave_up) && !self.sources(point).iter().any(meets)
    }

    /// Does another medium have it that counts, or does the plan bring it to one?
    fn is_or_comes_elsewhere(&self, point: PointOrder) -> bool {
        let Some(job) = self.state.jobs.get(&self.state.points[&point].job) else { return false };
        self.state.media.iter().any(|(id, medium)| {
            let counts = *id != self.at && !medium.same_disk && !medium.retired;
            let whole = matches!(medium.state_of(point), PlacementState::Present | PlacementState::Complete);
            let has = whole && !medium.removing.contains(&point);
            let gets = || self.outlook.copies.contains_key(&(*id, point));
            counts && job.offsite.contains(&medium.destination) && (has || gets())
        })
    }

    /// Is it whole there, so that a point that depends on it may come?
    pub(super) fn stands(&self, base: PointOrder) -> bool {
        let whole = matches!(self.here().state_of(base), PlacementState::Present | PlacementState::Complete);
        whole && self.here().has(base)
    }

    /// A copy that was begun gives way only to a newer point that the plan copies there.
    fn gives_way(&self, point: PointOrder, index: usize) -> bool {
        let after = &self.steps[index..];
        after.iter().any(|step| matches!(step, Step::Copy { point: newer, .. } if *newer > point))
    }

    /// `keep` over what is there and all that may come wants the point itself, not only for one that depends on it.
    fn keep_wants(&mut self, point: PointOrder) -> bool {
        let (at, job) = (self.at, self.state.points[&point].job);
        if !self.outlook.wanted_itself.contains_key(&(at, job)) {
            let of_job = self.state.points.iter().filter(|(_, it)| it.job == job);
            // Where one copy is enough, nothing older comes in place of what another medium has, even if it can't give it.
            let first = self.state.jobs.get(&job).is_some_and(|job| job.copies == Copies::First);
            let counts = |order: PointOrder| {
                self.was_there(order) || self.may_come(order) || (first && self.is_or_comes_elsewhere(order))
            };
            let among = of_job.filter(|(order, _)| counts(**order));
            let among: Vec<_> = among.map(|(order, it)| (*order, it.created, it.series)).collect();
            let wanted = keep_each_row(self.rule(job), among, &self.state.zone);
            self.outlook.wanted_itself.insert((at, job), wanted);
        }
        let can_be = self.was_there(point) || self.may_come(point);
        can_be && self.outlook.wanted_itself[&(at, job)].contains(&point)
    }
}

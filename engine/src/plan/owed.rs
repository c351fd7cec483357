//! What one medium should hold of one job: `keep` over what it has and what it is owed.
//!
//! A point can be owed if the job goes there, some place has it whole, it is newer than the newest of its job that was
//! evicted there, its base is or can be there, and nothing final was said against it. Of those and what is there,
//! `keep` decides; the rest is declined, each with its reason. At home nothing is ever owed.

use std::collections::{BTreeMap, BTreeSet};

use super::retention::kept;
use super::spool::serves;
use super::state::{Copies, Job, Medium, Unwanted};
use super::survey::Survey;
use crate::model::{JobId, Keep, PointOrder, State as PlacementState, VaultId};

/// What a medium should hold of a job.
#[derive(Debug, Clone, Default)]
pub(super) struct Goal {
    /// What should be there, bases included.
    pub wanted: BTreeSet<PointOrder>,
    /// What of that is not complete there.
    pub owed: BTreeSet<PointOrder>,
    /// What becomes `not-wanted`.
    pub declined: Vec<(PointOrder, Unwanted)>,
    /// What is damaged or missing there with no good copy anywhere.
    pub irreparable: Vec<PointOrder>,
    /// What was never there and has no good copy anywhere.
    pub lost: Vec<PointOrder>,
}

/// How a point stands with a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is there, or damaged there and good elsewhere.
    Has,
    /// It is damaged there and good nowhere.
    Broken,
    /// It can be owed.
    Candidate,
    /// Another medium has it, and one is enough.
    Elsewhere,
    /// It is not wanted.
    Declined(Unwanted),
    /// It should be there, and there is no good copy.
    Lost,
    /// Nothing is to be said.
    Out,
}

/// A medium and a job.
pub(super) struct Question<'a> {
    pub survey: &'a Survey<'a>,
    pub id: VaultId,
    pub medium: &'a Medium,
    pub job_id: JobId,
    pub job: &'a Job,
    pub offsite: Vec<(VaultId, &'a Medium)>,
}

impl Question<'_> {
    fn rule(&self) -> Option<&Keep> {
        if self.medium.is_home() { self.job.keep_at_home.as_ref() } else { self.job.keep.as_ref() }
    }

    /// Is it in use, and does the job go there?
    fn is_offsite(&self) -> bool {
        self.offsite.iter().any(|(id, _)| *id == self.id)
    }

    pub fn answer(&self) -> Goal {
        let standings = self.standings();
        let of = |wanted: &[Standing]| -> BTreeSet<PointOrder> {
            standings.iter().filter(|(_, it)| wanted.contains(it)).map(|(order, _)| *order).collect()
        };
        let mut among = of(&[Standing::Has, Standing::Candidate]);
        let elsewhere = of(&[Standing::Elsewhere]);
        let broken = of(&[Standing::Broken]);
        let state = self.survey.state;
        // What another medium has counts, so that nothing older comes here in its place; it comes itself only along
        // with a point that depends on it.
        let pool: BTreeSet<_> = among.union(&elsewhere).copied().collect();
        let own = kept(state, self.rule(), &pool, &elsewhere).difference(&elsewhere).copied().collect();
        let mut goal = Goal { wanted: kept(state, None, &own, &elsewhere), ..Goal::default() };
        // What is lost waits only as long as `keep` would want it, could it be had.
        let lost = of(&[Standing::Lost]);
        let hoped: BTreeSet<_> = pool.union(&lost).copied().collect();
        let hoped = kept(state, self.rule(), &hoped, &elsewhere);
        let incomplete = |order: &&PointOrder| self.medium.state_of(**order) != PlacementState::Complete;
        if self.is_offsite() {
            // A base that another medium has comes along with the point that needs it, never for itself.
            goal.owed = goal.wanted.difference(&elsewhere).filter(incomplete).copied().collect();
        }
        if self.job.copies == Copies::First {
            // Who gets what may come is not settled yet, so it pushes nothing out of here.
            goal.wanted.extend(kept(state, self.rule(), &of(&[Standing::Has]), &elsewhere));
        }
        for (order, standing) in &standings {
            let lost = *standing == Standing::Lost && !self.survey.is_whole_elsewhere(*order, self.id);
            let outlived = lost && !hoped.contains(order);
            self.tell(*order, if outlived { Standing::Candidate } else { *standing }, &mut goal);
        }
        if !broken.is_empty() {
            // What can't be repaired pushes nothing out, not even what is only repaired by hand, but stays itself as
            // long as `keep` would want it.
            let by_hand = broken.iter().copied().filter(|order| self.survey.is_whole_elsewhere(*order, self.id));
            among.extend(by_hand);
            goal.wanted.extend(kept(state, self.rule(), &among, &elsewhere).intersection(&broken));
            among.extend(&broken);
            goal.wanted.extend(kept(state, self.rule(), &among, &elsewhere).intersection(&broken));
        }
        goal
    }

    fn tell(&self, order: PointOrder, standing: Standing, goal: &mut Goal) {
        let declined = self.medium.state_of(order) == PlacementState::NotWanted;
        match standing {
            Standing::Elsewhere if !declined => goal.declined.push((order, Unwanted::Elsewhere)),
            _ if goal.wanted.contains(&order) => {}
            Standing::Candidate if !declined => goal.declined.push((order, Unwanted::Keep)),
            Standing::Declined(reason) if !declined => goal.declined.push((order, reason)),
            Standing::Broken if self.survey.is_whole_elsewhere(order, self.id) => {}
            Standing::Broken => goal.irreparable.push(order),
            Standing::Lost if self.medium.state_of(order) == PlacementState::Missing => goal.irreparable.push(order),
            Standing::Lost => goal.lost.push(order),
            _ => {}
        }
    }

    fn standings(&self) -> BTreeMap<PointOrder, Standing> {
        let mut standings = BTreeMap::new();
        for order in self.survey.by_job.get(&self.job_id).into_iter().flatten() {
            let standing = self.standing(*order);
            let base = self.survey.point(*order).base.map(|base| standings.get(&base).copied());
            standings.insert(*order, on_base(standing, base));
        }
        standings
    }

    fn standing(&self, order: PointOrder) -> Standing {
        let whole_elsewhere = self.survey.is_whole_elsewhere(order, self.id);
        match self.medium.state_of(order) {
            _ if self.medium.removing.contains(&order) => Standing::Out,
            PlacementState::Present | PlacementState::Complete => Standing::Has,
            // Elsewhere than offsite repair is by hand only, so nothing good goes there in favour of what is damaged.
            PlacementState::Damaged if whole_elsewhere && self.is_offsite() => Standing::Has,
            PlacementState::Damaged => Standing::Broken,
            PlacementState::Evicted => Standing::Out,
            PlacementState::NotWanted if self.is_final(order) => Standing::Out,
            _ => self.standing_of_absent(order),
        }
    }

    fn is_final(&self, order: PointOrder) -> bool {
        self.medium.placements.get(&order).is_some_and(|it| it.unwanted.is_none_or(Unwanted::is_final))
    }

    /// With `copies = "first"`, a point that its one medium gave up by rule or by hand is given up everywhere.
    fn was_removed_elsewhere(&self, order: PointOrder) -> bool {
        let gave_up = |medium: &Medium| {
            if medium.same_disk {
                return false;
            }
            let unwanted = medium.placements.get(&order).and_then(|it| it.unwanted);
            matches!(unwanted, Some(Unwanted::Removed | Unwanted::Forgotten))
        };
        self.job.copies == Copies::First && self.offsite.iter().any(|(_, medium)| gave_up(medium))
    }

    /// A full home gave it up, and who has it can never give it to this medium.
    fn was_given_up(&self, order: PointOrder) -> bool {
        let begun = matches!(self.medium.state_of(order), PlacementState::Pending | PlacementState::Copying);
        let home = self.survey.state.media.values().find(|medium| medium.is_home());
        let gone = |home: &Medium| home.state_of(order) == PlacementState::Evicted && !home.removing.contains(&order);
        let mut holders = self.survey.holders(order).filter(|id| *id != self.id).peekable();
        let is_somewhere = holders.peek().is_some();
        begun && home.is_some_and(gone) && is_somewhere && !holders.any(|id| serves(self.survey.state, id, self.id))
    }

    fn standing_of_absent(&self, order: PointOrder) -> Standing {
        let has_row = self.medium.placements.contains_key(&order);
        let evicted = self.medium.newest_evicted.get(&self.survey.point(order).job);
        if self.medium.is_home() {
            return Standing::Out;
        }
        if self.medium.retired {
            return if has_row { Standing::Declined(Unwanted::Retired) } else { Standing::Out };
        }
        if !self.is_offsite() {
            return if has_row { Standing::Declined(Unwanted::NotOffsite) } else { Standing::Out };
        }
        if evicted.is_some_and(|newest| order <= *newest) {
            return Standing::Declined(Unwanted::OlderThanEvicted);
        }
        if self.was_removed_elsewhere(order) {
            return Standing::Declined(Unwanted::Removed);
        }
        if self.was_given_up(order) {
            return Standing::Declined(Unwanted::GivenUp);
        }
        if self.survey.holder(order, &self.offsite).is_some_and(|id| id != self.id) {
            return Standing::Elsewhere;
        }
        if self.survey.is_whole_elsewhere(order, self.id) { Standing::Candidate } else { Standing::Lost }
    }
}

/// A point is no better off than the base that it depends on.
fn on_base(standing: Standing, base: Option<Option<Standing>>) -> Standing {
    match (standing, base) {
        (Standing::Candidate, Some(None | Some(Standing::Declined(_) | Standing::Out))) => {
            Standing::Declined(Unwanted::BaseGone)
        }
        (Standing::Candidate, Some(Some(Standing::Broken | Standing::Lost))) => Standing::Lost,
        // No base for others: what it needs itself can't be there.
        (Standing::Elsewhere, Some(base))
            if !matches!(base, Some(Standing::Has | Standing::Candidate | Standing::Elsewhere)) =>
        {
            Standing::Declined(Unwanted::Elsewhere)
        }
        (standing, _) => standing,
    }
}

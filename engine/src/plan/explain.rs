//! `engine explain`: why a point is, or is not, on a medium.

use super::based::grounded;
use super::propose::propose;
use super::state::{Reach, State, Unwanted};
use super::steps::{Blocker, Plan, Problem, Step};
use crate::model::{PointOrder, State as PlacementState, VaultId};

/// What there is to say of one point at one medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Where.
    pub medium: VaultId,
    /// What it is there.
    pub state: PlacementState,
    /// Why it is not wanted, if so.
    pub unwanted: Option<Unwanted>,
    /// The medium is not there; why.
    pub away: Option<String>,
    /// The steps that a plan made now has for it there.
    pub steps: Vec<Step>,
    /// The problem that keeps it from there, if it is the point that the problem names.
    pub problem: Option<Problem>,
    /// It is whole there and at no other medium offsite.
    pub only_copy: bool,
    /// Why it would not be removed there.
    pub held_by: Option<Blocker>,
}

/// Says it for every medium, home first.
#[must_use]
pub fn explain(state: &State, point: PointOrder) -> Vec<Explanation> {
    let state = &*grounded(state);
    let plan = propose(state);
    let mut media: Vec<_> = state.media.keys().copied().collect();
    media.sort_by_key(|id| (!state.media[id].is_home(), *id));
    media.into_iter().map(|id| explain_at(state, &plan, point, id)).collect()
}

fn explain_at(state: &State, plan: &Plan, point: PointOrder, id: VaultId) -> Explanation {
    let medium = &state.media[&id];
    let steps = plan.media.get(&id).into_iter().flatten().filter(|step| step.point() == Some(point));
    let whole = |medium: &super::Medium| {
        let offsite = !medium.is_home() && !medium.retired && !medium.same_disk;
        offsite && medium.state_of(point) == PlacementState::Complete
    };
    let others = state.media.iter().filter(|(other, _)| **other != id);
    Explanation {
        medium: id,
        state: medium.state_of(point),
        unwanted: medium.placements.get(&point).and_then(|placement| placement.unwanted),
        away: match &medium.reach {
            Reach::Away(why) => Some(why.clone()),
            Reach::Here => None,
        },
        steps: steps.cloned().collect(),
        problem: plan.problems.iter().find(|problem| problem.is_about(id, point)).cloned(),
        only_copy: whole(medium) && !others.map(|(_, medium)| medium).any(whole),
        held_by: super::forget::held_by(state, id, point),
    }
}

impl Step {
    /// The point that the step is about, if it is about one.
    #[must_use]
    pub const fn point(&self) -> Option<PointOrder> {
        match self {
            Self::Decline { point, .. }
            | Self::Owe { point }
            | Self::Remove { point, .. }
            | Self::VerifyOrigin { point }
            | Self::Copy { point, .. }
            | Self::Verify { point } => Some(*point),
            Self::Finish { .. } | Self::Sweep { .. } => None,
        }
    }
}

impl Problem {
    /// Does nothing that goes make it fit? Packs that older points began may hold mostly what those need: made anew
    /// without them, a point may be so much smaller.
    #[must_use]
    pub const fn is_for_ever(&self) -> bool {
        match self {
            Self::NeverFits { needs, capacity, shared, .. } => needs.saturating_sub(*shared) > *capacity,
            _ => false,
        }
    }

    /// Is it about that point at that medium?
    #[must_use]
    pub fn is_about(&self, at: VaultId, which: PointOrder) -> bool {
        match self {
            Self::Full { medium, point, .. }
            | Self::ChainOutgrows { medium, point, .. }
            | Self::NeverFits { medium, point, .. }
            | Self::Irreparable { medium, point } => *medium == at && *point == which,
            Self::OverLimit { .. } => false,
        }
    }
}

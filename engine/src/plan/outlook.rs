//! What the judge looks up once for a plan: who depends on whom, what the plan copies, what `keep` makes of it.

use std::collections::{BTreeMap, BTreeSet};

use super::keep::keep_each_row;
use super::state::{Medium, State};
use super::steps::{Await, Plan, Step};
use crate::model::{JobId, Keep, PointOrder, Proof, State as PlacementState, VaultId};

type Points = BTreeSet<PointOrder>;
/// A job at a medium, and the placements that are waited for.
type Relied = (VaultId, JobId, Vec<Await>);

/// Facts about the state and the plan, and `keep`'s answers as they are asked for.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    pub dependents: BTreeMap<PointOrder, Points>,
    pub newest_proved: BTreeMap<JobId, PointOrder>,
    /// The last step that copies a point there.
    pub copies: BTreeMap<(VaultId, PointOrder), usize>,
    /// `keep` over what is there and all that may come.
    pub final_set: BTreeMap<(VaultId, JobId), Points>,
    /// The same, without what others only depend on.
    pub wanted_itself: BTreeMap<(VaultId, JobId), Points>,
    /// `keep` over what is there and what the plan copies.
    pub planned: BTreeMap<(VaultId, JobId), Points>,
    /// `keep` over what is good there and what is waited for.
    pub good: Option<(Relied, Points)>,
}

impl Outlook {
    pub fn of(state: &State, plan: &Plan) -> Self {
        let mut outlook = Self::default();
        for (order, point) in &state.points {
            if let Some(base) = point.base {
                outlook.dependents.entry(base).or_default().insert(*order);
            }
        }
        for medium in state.media.values().filter(|medium| !medium.retired) {
            let proved = medium.placements.keys().filter(|order| is_proved(medium, **order));
            for (order, point) in proved.filter_map(|order| Some((*order, state.points.get(order)?))) {
                let newest = outlook.newest_proved.entry(point.job).or_insert(order);
                *newest = (*newest).max(order);
            }
        }
        for (id, steps) in &plan.media {
            outlook.copies.extend(steps.iter().enumerate().filter_map(|(index, step)| match step {
                Step::Copy { point, .. } => Some(((*id, *point), index)),
                _ => None,
            }));
        }
        outlook
    }
}

/// Did a drill prove it there, and is it still whole?
pub(super) fn is_proved(medium: &Medium, order: PointOrder) -> bool {
    let row = medium.placements.get(&order).filter(|_| !medium.removing.contains(&order));
    row.is_some_and(|it| {
        it.proof >= Proof::Restored && matches!(it.state, PlacementState::Complete | PlacementState::Present)
    })
}

/// What the rule keeps of these, with all that they depend on.
pub(super) fn kept(state: &State, rule: Option<&Keep>, among: &Points) -> Points {
    let points = among.iter().map(|order| (*order, state.points[order].created, state.points[order].series));
    let mut kept: Points = keep_each_row(rule, points, &state.zone);
    for order in kept.clone() {
        let base = |order: &PointOrder| state.points.get(order).and_then(|row| row.base);
        kept.extend(std::iter::successors(base(&order), base));
    }
    kept
}

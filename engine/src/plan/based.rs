//! A dependent counts as complete only where all that it depends on is complete too.
//!
//! In: a state. Out: the same, where a placement that is complete on anything less is `present`. The planner works on
//! that; the judge has a reading of its own.

use std::borrow::Cow;

use super::state::{Medium, State};
use crate::model::{PointOrder, State as PlacementState};

/// The state with no point complete on a base that is not.
pub(super) fn grounded(state: &State) -> Cow<'_, State> {
    let mut grounded = Cow::Borrowed(state);
    let based: Vec<_> = state.points.iter().filter_map(|(order, point)| Some((*order, point.base?))).collect();
    for id in state.media.keys() {
        // Oldest first, so that what falls takes along all that depends on it.
        for (order, base) in &based {
            let medium = &grounded.media[id];
            if medium.state_of(*order) == PlacementState::Complete && !stands(medium, *base) {
                let medium = grounded.to_mut().media.get_mut(id);
                let row = medium.and_then(|medium| medium.placements.get_mut(order));
                row.into_iter().for_each(|row| row.state = PlacementState::Present);
            }
        }
    }
    grounded
}

fn stands(medium: &Medium, base: PointOrder) -> bool {
    medium.state_of(base) == PlacementState::Complete && !medium.removing.contains(&base)
}

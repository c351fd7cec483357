//! What a point that is built on another one is worth at a medium: no more than what it is built on. The catalog's rows
//! speak of each by itself.

use std::collections::BTreeMap;

use crate::catalog::{PlacementRow, PointRow};
use crate::model::{PointOrder, Proof, State};
use crate::plan::{Unwanted, unwanted_text};

/// Why what passed through home is not there.
const SPOOLED: &str = unwanted_text(Unwanted::Spooled);

/// Points that are built on others, each with its base, the oldest first.
pub(super) fn built_on(points: &[PointRow]) -> Vec<(PointOrder, PointOrder)> {
    points.iter().filter_map(|point| Some((point.order, point.base?))).collect()
}

/// Lowers the rows of one medium to what they are worth with their bases.
pub(super) fn with_bases(built_on: &[(PointOrder, PointOrder)], at: &mut BTreeMap<PointOrder, PlacementRow>) {
    for &(point, base) in built_on {
        // What passed through home is not there, and by itself no loss.
        let has_passed = |row: &PlacementRow| row.state == State::NotWanted && row.reason == SPOOLED;
        let state = |row: &PlacementRow| if has_passed(row) { State::Pending } else { row.state };
        let base = at.get(&base).map(|row| (state(row), row.proof));
        let Some(row) = at.get_mut(&point).filter(|row| row.state.is_there()) else { continue };
        let worth = match base {
            Some((State::Complete, proof)) => {
                row.proof = row.proof.min(proof);
                continue;
            }
            Some((State::Damaged, _)) => State::Damaged,
            Some((State::Present | State::Pending | State::Copying, _)) if row.state != State::Damaged => {
                State::Present
            }
            Some((State::Missing | State::Evicted | State::NotWanted, _)) | None => State::Missing,
            Some(_) => State::Damaged,
        };
        *row = PlacementRow { state: worth, proof: row.proof.min(Proof::Present), verified: None, ..row.clone() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    #[test]
    fn a_point_is_worth_no_more_than_what_it_is_built_on() {
        let cases = [
            (Some(State::Complete), State::Complete, State::Complete),
            (Some(State::Damaged), State::Complete, State::Damaged),
            (Some(State::Present), State::Complete, State::Present),
            (Some(State::Pending), State::Complete, State::Present),
            (Some(State::Missing), State::Complete, State::Missing),
            (None, State::Complete, State::Missing),
            (Some(State::Present), State::Damaged, State::Damaged),
            (Some(State::Damaged), State::Pending, State::Pending),
        ];
        for (base, own, worth) in cases {
            let order = |sequence| PointOrder { epoch: 1, sequence };
            let row = |state| PlacementRow {
                state,
                proof: Proof::Complete,
                verified: None,
                done_bytes: 0,
                total_bytes: 0,
                reason: String::new(),
                manifest: None,
                changed: Time::default(),
            };
            let mut at: BTreeMap<_, _> = base.map(|state| (order(1), row(state))).into_iter().collect();
            at.insert(order(2), row(own));
            at.insert(order(3), row(State::Complete));
            with_bases(&[(order(2), order(1)), (order(3), order(2))], &mut at);
            assert_eq!(at[&order(2)].state, worth, "{base:?} {own:?}");
            assert_eq!(at[&order(3)].state == State::Complete, worth == State::Complete, "and so on along the chain");
        }
    }
}

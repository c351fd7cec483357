//! What a point that is built on another one is worth at a medium: no more than what it is built on. The catalog's rows
//! speak of each by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{PlacementRow, PointRow, Side};
use crate::model::{PointOrder, Proof, State};
use crate::plan::{Unwanted, unwanted_text};

/// Why what passed through home is not there.
const SPOOLED: &str = unwanted_text(Unwanted::Spooled);

/// Why a point is one no more that home gave up, and that lies nowhere.
const GIVEN_UP: &str = unwanted_text(Unwanted::GivenUp);

/// A point that is built on another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct BuiltOn {
    point: PointOrder,
    base: PointOrder,
    /// The base lies nowhere any more.
    is_lost: bool,
}

/// Points that are built on others, each with its base, the oldest first.
pub(super) fn built_on(points: &[PointRow]) -> Vec<BuiltOn> {
    let is_lost = |point: &&PointRow| point.removed.as_deref() == Some(GIVEN_UP);
    let lost: BTreeSet<PointOrder> = points.iter().filter(is_lost).map(|point| point.order).collect();
    let built = |point: &PointRow| {
        let base = point.base?;
        Some(BuiltOn { point: point.order, base, is_lost: lost.contains(&base) })
    };
    points.iter().filter_map(built).collect()
}

/// Lowers the rows of one medium to what they are worth with their bases.
pub(super) fn with_bases(built_on: &[BuiltOn], side: Side, at: &mut BTreeMap<PointOrder, PlacementRow>) {
    for &BuiltOn { point, base, is_lost } in built_on {
        // What passed through home, or made room there, is not there, and by itself no loss.
        let has_left = |row: &PlacementRow| match row.state {
            State::NotWanted => row.reason == SPOOLED,
            State::Evicted => side == Side::Home && !is_lost,
            _ => false,
        };
        let state = |row: &PlacementRow| if has_left(row) { State::Pending } else { row.state };
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
    fn a_base_that_made_room_at_home_is_elsewhere_and_one_that_was_given_up_is_lost() {
        let order = |sequence| PointOrder { epoch: 1, sequence };
        for (side, is_lost, worth) in [
            (Side::Home, false, State::Present),
            (Side::Home, true, State::Missing),
            (Side::Offsite, false, State::Missing),
        ] {
            let mut at = BTreeMap::from([(order(1), row(State::Evicted)), (order(2), row(State::Complete))]);
            with_bases(&[BuiltOn { point: order(2), base: order(1), is_lost }], side, &mut at);
            assert_eq!(at[&order(2)].state, worth, "{side:?} {is_lost}");
        }
    }

    fn row(state: State) -> PlacementRow {
        PlacementRow {
            state,
            proof: Proof::Complete,
            verified: None,
            done_bytes: 0,
            total_bytes: 0,
            reason: String::new(),
            manifest: None,
            changed: Time::default(),
        }
    }

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
            let mut at: BTreeMap<_, _> = base.map(|state| (order(1), row(state))).into_iter().collect();
            at.insert(order(2), row(own));
            at.insert(order(3), row(State::Complete));
            let built = |point, base| BuiltOn { point: order(point), base: order(base), is_lost: false };
            with_bases(&[built(2, 1), built(3, 2)], Side::Offsite, &mut at);
            assert_eq!(at[&order(2)].state, worth, "{base:?} {own:?}");
            assert_eq!(at[&order(3)].state == State::Complete, worth == State::Complete, "and so on along the chain");
        }
    }
}

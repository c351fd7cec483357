//! Which points a `keep` rule wants, with the points that they depend on.

use std::collections::BTreeSet;

use super::keep::keep_each_row;
use super::state::State;
use crate::model::{Keep, PointOrder};

/// The points of `among` that the rule keeps (no rule keeps all), with their bases as far as they are in `among` or
/// in `bases`.
pub(super) fn kept(
    state: &State,
    rule: Option<&Keep>,
    among: &BTreeSet<PointOrder>,
    bases: &BTreeSet<PointOrder>,
) -> BTreeSet<PointOrder> {
    let mut kept = match rule {
        None => among.clone(),
        Some(_) => {
            let points = among.iter().map(|order| (*order, state.points[order].created, state.points[order].series));
            keep_each_row(rule, points, &state.zone)
        }
    };
    // Newest first, so that a base that is pulled in pulls in its own.
    for order in among.iter().chain(bases).collect::<BTreeSet<_>>().into_iter().rev() {
        let base = state.points[order].base.filter(|base| among.contains(base) || bases.contains(base));
        if let Some(base) = base.filter(|_| kept.contains(order)) {
            kept.insert(base);
        }
    }
    kept
}

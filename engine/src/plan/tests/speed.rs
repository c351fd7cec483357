//! The planner's cost grows with the state, not with its square.

use super::worlds::{World, small, vault};
use crate::model::KeepRule;
use crate::plan::{PackNumber, check, propose};

/// Points and packs by the hundred thousand: a full drive that has to make room for many, and one to fill.
#[test]
fn a_hundred_thousand_points_are_planned_in_one_sweep() {
    let n = 100_000;
    let World(mut state) = small(n);
    state.jobs.values_mut().for_each(|job| job.keep = super::worlds::keep(KeepRule::Last, 90_000));
    let usb = state.media.get_mut(&vault(0)).expect("usb");
    for sequence in 95_001..=n {
        usb.placements.remove(&super::worlds::order(sequence));
        usb.packs.remove(&PackNumber(sequence));
    }
    usb.used = 95_000 * 11;
    usb.limit = Some(usb.used);
    let plan = propose(&state);
    let steps: usize = plan.media.values().map(Vec::len).sum();
    assert!(steps >= 95_000, "{steps}");
    assert!(check(&state, plan).is_ok());
}

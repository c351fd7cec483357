//! A part of a plan: the steps that a command asks for, and of the others the removals whose room they count on.

use super::state::Medium;
use super::steps::Step;

/// The wanted ones of a medium's steps. Where a wanted copy would not fit without removals that are not wanted, those
/// before it stay: the plan made the room with them, and limit and reserve hold only so.
pub fn select(medium: &Medium, steps: &[Step], wanted: impl Fn(&Step) -> bool) -> Vec<Step> {
    let mut relied = 0;
    while let Some(index) = first_unfit(medium, steps, &wanted, relied) {
        relied = index;
    }
    let stays = |(index, step): &(usize, &Step)| wanted(step) || (*index < relied && frees(step) > 0);
    steps.iter().enumerate().filter(stays).map(|(_, step)| step.clone()).collect()
}

/// The first wanted copy behind `relied` that does not fit, all removals before `relied` being done.
fn first_unfit(medium: &Medium, steps: &[Step], wanted: &impl Fn(&Step) -> bool, relied: usize) -> Option<usize> {
    let (mut used, mut free) = (medium.used, medium.free);
    for (index, step) in steps.iter().enumerate() {
        if let (Step::Copy { bytes, replaces, peak, .. }, true) = (step, wanted(step)) {
            let grows = bytes.saturating_sub(*replaces);
            let most = grows.max(*peak);
            let over = medium.limit.is_some_and(|limit| used.saturating_add(most) > limit);
            let low = free.is_some_and(|free| free < medium.reserve.saturating_add(most));
            if (over || low) && index > relied {
                return Some(index);
            }
            used = used.saturating_add(grows);
            free = free.map(|free| free.saturating_sub(grows));
        } else if wanted(step) || index < relied {
            used = used.saturating_sub(frees(step));
            free = free.map(|free| free.saturating_add(frees(step)));
        }
    }
    None
}

fn frees(step: &Step) -> u64 {
    match step {
        Step::Finish { bytes, .. } | Step::Remove { bytes, .. } | Step::Sweep { bytes, .. } => *bytes,
        _ => 0,
    }
}

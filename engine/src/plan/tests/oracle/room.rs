//! Making room: for whom, in which order, how much, and what the bytes are.

use std::collections::BTreeSet;

use super::replay::{Moment, each, evicted, made_for};
use super::{Story, Verdict};
use crate::model::PointOrder;
use crate::plan::{PackNumber, PackThere, RemoveReason, Step};

fn goes_for(step: &Step) -> Option<(PointOrder, PointOrder)> {
    Some((step.point()?, made_for(step)?))
}

pub(super) fn room_is_made_for_newer_points_only(story: &Story<'_>) -> Verdict {
    each(story, |it| goes_for(it.step), |_, (point, by)| point < by)
}

pub(super) fn room_is_made_only_for_what_comes(story: &Story<'_>) -> Verdict {
    each(
        story,
        |it| made_for(it.step),
        |it, by| it.steps[it.index..].iter().any(|step| matches!(step, Step::Copy { point, .. } if point == by)),
    )
}

pub(super) fn never_for_a_point_that_never_fits(story: &Story<'_>) -> Verdict {
    each(
        story,
        |it| made_for(it.step),
        |it, by| {
            let chain: Vec<_> = story.bases(*by).into_iter().chain([*by]).collect();
            let packs: BTreeSet<_> = chain.iter().flat_map(|order| it.medium.objects_of(story.point(*order))).collect();
            let packs: u64 = packs.into_iter().map(|pack| story.state.packs[pack].bytes).sum();
            let bytes = packs + chain.iter().map(|order| story.point(*order).manifest_bytes).sum::<u64>();
            let by_limit = it.medium.limit.is_none_or(|limit| bytes <= limit);
            by_limit && it.medium.free.is_none_or(|free| bytes + it.medium.reserve <= it.medium.used + free)
        },
    )
}

pub(super) fn never_for_a_point_not_verified_at_its_origin(story: &Story<'_>) -> Verdict {
    each(
        story,
        |it| made_for(it.step),
        |it, by| {
            let read = it.steps[..it.index].contains(&Step::VerifyOrigin { point: *by });
            let evidence = story.state.media.iter().any(|(id, medium)| {
                let complete = medium.state_of(*by) == crate::model::State::Complete && !medium.removing.contains(by);
                *id != it.id && !medium.is_home() && medium.is_here() && complete
            });
            story.point(*by).origin_verified || read || evidence
        },
    )
}

/// Of what goes for one point: first what `keep` does not want, then the point's own job, then all, the oldest chain
/// first each time.
pub(super) fn room_comes_from_the_unwanted_the_jobs_oldest_the_oldest(story: &Story<'_>) -> Verdict {
    let rank = |step: &Step| {
        let (point, by) = goes_for(step)?;
        let root = story.chain(point).first().copied()?;
        let phase = match step {
            Step::Remove { reason: RemoveReason::Superseded { .. }, .. } => return Some((by, 0, None)),
            _ if story.point(point).job == story.point(by).job => 1,
            _ => 2,
        };
        Some((by, phase, Some(root)))
    };
    each(
        story,
        |it| rank(it.step),
        |it, now| {
            let before = it.steps[..it.index].iter().rev().find_map(rank).filter(|before| before.0 == now.0);
            before.is_none_or(|before| before <= *now)
        },
    )
}

fn unit_needs(it: &Moment<'_>, by: PointOrder) -> u64 {
    let (mut most, mut added) = (0, 0);
    for step in &it.steps[it.index..] {
        if let Step::Copy { point, bytes, replaces, peak, .. } = step {
            most = most.max(added + peak);
            added += bytes - replaces;
            if *point == by {
                break;
            }
        }
    }
    most
}

/// Chains go whole, so the first of one that goes is asked.
pub(super) fn no_more_room_than_needed_is_made(story: &Story<'_>) -> Verdict {
    let first = |it: &Moment<'_>| {
        let (point, by) = goes_for(it.step)?;
        let before = it.index.checked_sub(1).and_then(|index| goes_for(&it.steps[index]));
        let same = before.is_some_and(|(other, for_it)| for_it == by && story.chain(point).contains(&other));
        (!same).then_some(by)
    };
    each(story, first, |it, by| {
        let needs = unit_needs(it, *by);
        let by_limit = it.medium.limit.is_some_and(|limit| it.before.used + needs > limit);
        by_limit || it.before.free.is_some_and(|free| free < it.medium.reserve + needs)
    })
}

pub(super) fn limit_and_reserve_hold_before_during_and_after(story: &Story<'_>) -> Verdict {
    let copied = |step: &Step| match step {
        Step::Copy { peak, bytes, replaces, .. } => Some((*peak).max(bytes - replaces)),
        _ => None,
    };
    each(
        story,
        |it| copied(it.step),
        |it, most| {
            let by_limit = it.medium.limit.is_none_or(|limit| it.before.used + most <= limit);
            by_limit && it.before.free.is_none_or(|free| free >= it.medium.reserve + most)
        },
    )
}

pub(super) fn bytes_are_known_exactly(story: &Story<'_>) -> Verdict {
    let sum = |packs: &[PackNumber]| packs.iter().map(|pack| story.state.packs[pack].bytes).sum::<u64>();
    each(
        story,
        |it| matches!(it.step, Step::Remove { .. } | Step::Sweep { .. } | Step::Copy { .. }).then_some(()),
        |it, ()| {
            let manifest = |point: &PointOrder| story.point(*point).manifest_bytes;
            let lay_there = |packs: &[PackNumber]| packs.iter().all(|pack| it.before.packs.contains_key(pack));
            let damaged = |packs: &[PackNumber]| -> Vec<PackNumber> {
                packs.iter().copied().filter(|pack| it.before.packs.get(pack) == Some(&PackThere::Damaged)).collect()
            };
            match it.step {
                Step::Remove { point, packs, bytes, .. } => {
                    *bytes == manifest(point) + sum(packs) && lay_there(packs) && it.before.has(*point)
                }
                Step::Sweep { packs, bytes } => *bytes == sum(packs) && lay_there(packs),
                Step::Copy { point, packs, bytes, replaces, .. } => {
                    let old = if it.before.has(*point) { manifest(point) } else { 0 };
                    *bytes == manifest(point) + sum(packs) && *replaces == old + sum(&damaged(packs))
                }
                _ => true,
            }
        },
    )
}

/// In a world where no rule is in the way, what goes is exactly the oldest there is.
pub(in crate::plan::tests) fn nothing_older_is_left_out(story: &Story<'_>) -> Verdict {
    each(
        story,
        |it| Some((evicted(it.step)?, made_for(it.step)?)),
        |it, (point, by)| {
            let same_job = |other: &PointOrder| story.point(*other).job == story.point(*by).job;
            let left = it.after.rows.iter().filter(|(_, row)| row.is_there()).map(|(at, _)| *at).filter(|at| at < by);
            let mut older = left.filter(|at| !it.before.brought.contains(at) && !story.chain(*by).contains(at));
            let root = |at: &PointOrder| story.chain(*at).first().copied();
            older.all(|at| match (same_job(point), same_job(&at)) {
                (true, true) | (false, false) => root(&at) >= root(point),
                (true, false) => true,
                (false, true) => false,
            })
        },
    )
}

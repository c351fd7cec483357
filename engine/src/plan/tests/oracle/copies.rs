//! What is copied where, what is not, and what the plan says of that.

use std::collections::BTreeSet;

use super::replay::{Moment, Shelf, each, gives};
use super::{Story, Verdict};
use crate::model::{PointOrder, State as PlacementState, VaultId};
use crate::plan::{Copies, CopyReason, Medium, PackThere, Problem, Step, Unwanted};

fn copied(it: &Moment<'_>) -> Option<PointOrder> {
    match it.step {
        Step::Copy { point, .. } => Some(*point),
        _ => None,
    }
}

/// A copy that is not the repair of what is damaged there.
fn brought(it: &Moment<'_>) -> Option<PointOrder> {
    copied(it).filter(|point| it.medium.state_of(*point) != PlacementState::Damaged)
}

pub(super) fn ancestors_come_first(story: &Story<'_>) -> Verdict {
    let based = |it: &Moment<'_>| story.point(copied(it)?).base;
    each(story, based, |it, base| it.before.is_whole(*base))
}

pub(super) fn a_dependent_is_complete_only_on_a_complete_base(story: &Story<'_>) -> Verdict {
    let made = |it: &Moment<'_>| match it.step {
        Step::Copy { point, .. } | Step::Verify { point } => story.point(*point).base,
        _ => None,
    };
    each(story, made, |it, base| it.before.is(*base) == PlacementState::Complete)
}

pub(super) fn a_copy_has_somewhere_to_come_from(story: &Story<'_>) -> Verdict {
    each(story, copied, |it, point| match it.step {
        Step::Copy { sources, .. } => {
            let has = |id: &VaultId| {
                let source = &story.state.media[id];
                Shelf::of(source).is_whole(*point) && source.is_here() && gives(source, it.medium)
            };
            !sources.is_empty() && sources.iter().all(|id| *id != it.id && has(id))
        }
        _ => true,
    })
}

/// Of `copies = "first"`: an earlier destination that is there, counts, may have the point and has room for it all the time
/// was not passed over. Only where `keep` keeps all, and no newer point waits there.
pub(super) fn the_first_that_can_take_it_is_served(story: &Story<'_>) -> Verdict {
    let chosen = |it: &Moment<'_>| match it.step {
        Step::Copy {
            point,
            reason: CopyReason::Owed | CopyReason::FellThrough { .. } | CopyReason::LostElsewhere,
            ..
        } => {
            let job = story.job(*point);
            (job.copies == Copies::First && job.keep.is_none()).then_some(*point)
        }
        _ => None,
    };
    each(story, chosen, |it, point| {
        let rank = |medium: &Medium| story.job(*point).offsite.iter().position(|name| *name == medium.destination);
        let earlier = story.state.media.iter().filter(|(_, medium)| rank(medium) < rank(it.medium));
        let could = |id: &VaultId, medium: &Medium| {
            let waits = story
                .plan
                .problems
                .iter()
                .any(|problem| matches!(problem, Problem::Full { medium, .. } if medium == id));
            let served = story.end(*id).is_whole(*point);
            medium.is_here()
                && !medium.same_disk
                && !waits
                && !served
                && may_have(story, *point, medium, *id)
                && has_room(story, *point, *id)
        };
        earlier.filter(|(_, medium)| story.goes(*point, medium)).all(|(id, medium)| !could(id, medium))
    })
}

/// Not evicted, not given up for good, not there, and its bases neither; nor does the plan evict what is newer.
fn may_have(story: &Story<'_>, point: PointOrder, medium: &Medium, id: VaultId) -> bool {
    let fine = |order: PointOrder| {
        let row = medium.placements.get(&order);
        let given_up =
            row.is_some_and(|it| it.state == PlacementState::NotWanted && it.unwanted.is_none_or(Unwanted::is_final));
        let newest = story.end(id).newest_evicted.get(&story.point(order).job);
        let evicted = newest.is_some_and(|newest| order <= *newest);
        let gone = given_up || evicted || medium.removing.contains(&order) || was_removed(story, order);
        !gone && story.is_elsewhere(order, id)
    };
    let shelf = Shelf::of(medium);
    fine(point)
        && !shelf.has(point)
        && story.bases(point).into_iter().all(|base| shelf.is_whole(base) || (fine(base) && !shelf.has(base)))
}

/// Of `copies = "first"`: was it given up by rule or by hand where it counted?
fn was_removed(story: &Story<'_>, point: PointOrder) -> bool {
    let gave_up = |medium: &Medium| {
        let unwanted = medium.placements.get(&point).and_then(|it| it.unwanted);
        !medium.same_disk && matches!(unwanted, Some(Unwanted::Removed | Unwanted::Forgotten))
    };
    story.job(point).copies == Copies::First && story.state.media.values().any(gave_up)
}

fn has_room(story: &Story<'_>, point: PointOrder, id: VaultId) -> bool {
    let medium = &story.state.media[&id];
    let shelf = Shelf::of(medium);
    let unit: Vec<_> = story.bases(point).into_iter().chain([point]).filter(|order| !shelf.is_whole(*order)).collect();
    let packs: BTreeSet<_> = unit.iter().flat_map(|order| medium.objects_of(story.point(*order))).collect();
    // A damaged one is replaced beside itself.
    let times = |pack| if medium.packs.get(pack) == Some(&PackThere::Damaged) { 2 } else { 1 };
    let packs: u64 = packs.into_iter().map(|pack| story.state.packs[pack].bytes * times(pack)).sum();
    let bytes = packs + unit.iter().map(|order| story.point(*order).manifest_bytes).sum::<u64>();
    story.shelves(id).all(|shelf| {
        medium.limit.is_none_or(|limit| shelf.used + bytes <= limit)
            && shelf.free.is_none_or(|free| free >= medium.reserve + bytes)
    })
}

pub(super) fn one_copy_is_enough_where_the_first_counts(story: &Story<'_>) -> Verdict {
    let first = |it: &Moment<'_>| {
        let needed = matches!(it.step, Step::Copy { reason: CopyReason::NeededBy(_), .. });
        let based_on = |point: &PointOrder| story.state.points.values().any(|other| other.base == Some(*point));
        let repaired_base = |point: &PointOrder| needed || based_on(point);
        brought(it).filter(|point| story.job(*point).copies == Copies::First && !repaired_base(point))
    };
    each(story, first, |it, point| {
        let counts = |id: &VaultId, medium: &Medium| *id != it.id && !medium.same_disk && story.goes(*point, medium);
        let others = story.state.media.iter().filter(|(id, medium)| counts(id, medium));
        let has =
            |medium: &Medium| medium.state_of(*point) == PlacementState::Complete && !medium.removing.contains(point);
        let gets = |id: &VaultId| {
            let repaired = story.state.media[id].state_of(*point) == PlacementState::Damaged;
            let steps = story.plan.media.get(id).into_iter().flatten();
            !it.medium.same_disk
                && !repaired
                && steps.clone().any(|step| matches!(step, Step::Copy { point: other, .. } if other == point))
        };
        others.into_iter().all(|(id, medium)| !has(medium) && !gets(id))
    })
}

/// Of `copies = "first"` where `keep` keeps all: what only a place on the same disk has goes on to one that counts.
pub(super) fn a_copy_on_the_same_disk_is_not_enough(story: &Story<'_>) -> Verdict {
    let mut applied = 0;
    for point in story.state.points.keys().copied() {
        let job = story.job(point);
        let media = story.state.media.iter().filter(|(_, medium)| story.goes(point, medium));
        let (same, counting): (Vec<_>, Vec<_>) = media.partition(|(_, medium)| medium.same_disk);
        let there = |(id, _): &(&VaultId, &Medium)| story.end(**id).is_whole(point);
        let first = job.copies == Copies::First && job.keep.is_none();
        let had = |(_, medium): &(&VaultId, &Medium)| Shelf::of(medium).is_whole(point);
        let enough = counting.is_empty() || counting.iter().any(|it| had(it) || there(it));
        if !first || !same.iter().any(there) || enough {
            continue;
        }
        applied += 1;
        for (id, medium) in counting {
            let full = |problem: &Problem| matches!(problem, Problem::Full { medium, .. } if medium == id);
            let stuck = story.plan.problems.iter().any(full) || medium.state_of(point) == PlacementState::Copying;
            let source =
                story.state.media.iter().any(|(other, it)| {
                    other != id && it.is_here() && gives(it, medium) && Shelf::of(it).is_whole(point)
                });
            let could =
                medium.is_here() && source && may_have(story, point, medium, *id) && has_room(story, point, *id);
            if could && !stuck && story.bases(point).is_empty() {
                return Err(format!("{point} is not at {id:?}"));
            }
        }
    }
    Ok(applied)
}

/// Of `copies = "all"` where `keep` keeps all: what may be there and is not in the end has a problem or waits.
pub(super) fn what_is_owed_arrives_or_the_plan_says_why(story: &Story<'_>) -> Verdict {
    let mut applied = 0;
    for (id, medium) in story.state.media.iter().filter(|(_, medium)| medium.is_here()) {
        let end = story.end(*id);
        for point in story.state.points.keys().copied() {
            let job = story.job(point);
            let all = job.copies == Copies::All && job.keep.is_none() && story.goes(point, medium);
            let begun = medium.state_of(point) == PlacementState::Copying;
            if !all || begun || !may_have(story, point, medium, *id) {
                continue;
            }
            applied += 1;
            let about = |problem: &Problem| match problem {
                Problem::Full { medium, .. } => medium == id,
                Problem::NeverFits { medium, point: at, .. } => medium == id && story.chain(point).contains(at),
                _ => false,
            };
            let barred = end.newest_evicted.get(&story.point(point).job).is_some_and(|newest| point <= *newest);
            let waits = story.plan.waiting.iter().any(|it| it.medium == *id && it.point >= point);
            if end.is(point) != PlacementState::Complete && !barred && !waits && !story.plan.problems.iter().any(about)
            {
                return Err(format!("{point} at {id:?} is {}", end.is(point)));
            }
        }
    }
    Ok(applied)
}

/// `keep` over what is still there and what comes wants it, or one that depends on it.
pub(super) fn only_what_keep_would_keep_is_copied(story: &Story<'_>) -> Verdict {
    each(story, copied, |it, point| {
        let start = Shelf::of(it.medium);
        let good = |at: &PointOrder| start.is_whole(*at) || (start.has(*at) && story.is_elsewhere(*at, it.id));
        let there = it.before.rows.iter().filter(|(at, row)| row.is_there() && good(at)).map(|(at, _)| *at);
        let comes = it.steps.iter().filter_map(|step| match step {
            Step::Copy { point, .. } => Some(*point),
            _ => None,
        });
        story.keeps(*point, it.medium, &there.chain(comes).collect())
    })
}

pub(super) fn nothing_evicted_comes_back(story: &Story<'_>) -> Verdict {
    each(story, brought, |it, point| {
        let evicted = it.before.newest_evicted.get(&story.point(*point).job);
        it.medium.state_of(*point) != PlacementState::Evicted && evicted.is_none_or(|newest| point > newest)
    })
}

pub(super) fn what_was_given_up_for_good_stays_away(story: &Story<'_>) -> Verdict {
    each(story, brought, |it, point| {
        let row = it.medium.placements.get(point).filter(|row| row.state == PlacementState::NotWanted);
        let for_good = row.is_some_and(|row| row.unwanted.is_none_or(Unwanted::is_final));
        !for_good && story.goes(*point, it.medium)
    })
}

pub(super) fn reasons_for_declining_hold(story: &Story<'_>) -> Verdict {
    let declined = |it: &Moment<'_>| match it.step {
        Step::Decline { point, reason } => Some((*point, *reason)),
        _ => None,
    };
    each(story, declined, |it, (point, reason)| {
        let (row, job) = (story.point(*point), story.job(*point));
        let newest = it.before.newest_evicted.get(&row.job);
        let holds = match reason {
            Unwanted::Keep => job.keep.is_some() && !keep_wants(story, *point, it.medium, it.id),
            Unwanted::OlderThanEvicted => newest.is_some_and(|newest| point <= newest),
            Unwanted::BaseGone => row.base.is_some_and(|base| !it.before.is_whole(base)),
            Unwanted::GaveWay => it.before.is(*point) == PlacementState::Copying && !row.pinned,
            Unwanted::Retired => it.medium.retired,
            Unwanted::Spooled => false,
            Unwanted::GivenUp => {
                let gone = |home: &Medium| home.is_home() && home.state_of(*point) == PlacementState::Evicted;
                let hands_on = |from: &Medium| {
                    from.destination != it.medium.destination
                        && gives(from, it.medium)
                        && Shelf::of(from).is_whole(*point)
                };
                story.state.media.values().any(gone) && !story.state.media.values().any(hands_on)
            }
            Unwanted::NotOffsite => !job.offsite.contains(&it.medium.destination),
            Unwanted::Elsewhere => {
                job.copies == Copies::First
                    && story.state.media.iter().any(|(id, medium)| {
                        *id != it.id
                            && !medium.same_disk
                            && story.goes(*point, medium)
                            && (Shelf::of(medium).is_whole(*point) || story.end(*id).is_whole(*point))
                    })
            }
            Unwanted::Removed => job.copies == Copies::First,
            Unwanted::Forgotten | Unwanted::Unfit => false,
        };
        holds && !it.before.has(*point)
    })
}

/// Is it among what `keep` wants of all that is there or could come?
fn keep_wants(story: &Story<'_>, point: PointOrder, medium: &Medium, id: VaultId) -> bool {
    let shelf = Shelf::of(medium);
    let could = |at: &PointOrder| {
        let row = medium.placements.get(at);
        let final_ =
            row.is_some_and(|it| it.state == PlacementState::NotWanted && it.unwanted.is_none_or(Unwanted::is_final));
        let evicted = medium.newest_evicted.get(&story.point(*at).job).is_some_and(|newest| at <= newest);
        let first = story.job(*at).copies == Copies::First;
        let counts = |other: &Medium| !other.same_disk && story.goes(*at, other) && Shelf::of(other).is_whole(*at);
        let elsewhere = first && story.state.media.iter().any(|(other, medium)| *other != id && counts(medium));
        shelf.is_whole(*at)
            || (elsewhere && *at != point)
            || (!final_ && (shelf.has(*at) || !evicted) && story.is_elsewhere(*at, id))
    };
    let among: Vec<_> =
        story.state.points.keys().filter(|at| story.row(**at) == story.row(point) && could(at)).collect();
    let points: Vec<_> = among.into_iter().map(|at| (*at, story.point(*at).created)).collect();
    crate::plan::keep::keep(story.rule(point, medium), &points, &story.state.zone).contains_key(&point)
}

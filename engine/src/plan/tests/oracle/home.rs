//! What leaves home though `keep` may want it there: what passes through, and what a full home gives up.

use std::collections::BTreeSet;

use super::replay::{Moment, Shelf, each, gives, removed};
use super::{Rule, Story, Verdict};
use crate::model::{PointOrder, State as PlacementState, VaultId};
use crate::plan::{AtHome, Await, Loss, Medium, RemoveReason, Step};

/// Rules of worlds in which home is a spool, or full.
pub(in crate::plan::tests) const HOME_RULES: &[Rule] = &[
    ("what_passes_through_is_offsite_with_evidence", what_passes_through_is_offsite_with_evidence),
    ("who_lacks_what_passed_can_have_it_elsewhere", who_lacks_what_passed_can_have_it_elsewhere),
    ("what_may_pass_does", what_may_pass_does),
    ("a_full_home_gives_up_only_for_a_point_that_then_fits", a_full_home_gives_up_only_for_a_point_that_then_fits),
    ("the_newest_of_a_job_is_never_given_up", the_newest_of_a_job_is_never_given_up),
    ("nothing_is_lost_before_all_that_costs_nothing_went", nothing_is_lost_before_all_that_costs_nothing_went),
    ("the_oldest_owed_goes_first", the_oldest_owed_goes_first),
    ("what_is_lost_is_told_as_lost", what_is_lost_is_told_as_lost),
    ("no_more_is_lost_than_may_be", no_more_is_lost_than_may_be),
    ("what_is_reserved_at_home_stays", what_is_reserved_at_home_stays),
    ("nobody_copies_while_a_capture_waits", nobody_copies_while_a_capture_waits),
];

fn passed(it: &Moment<'_>) -> Option<PointOrder> {
    match it.step {
        Step::Remove { point, reason: RemoveReason::Spooled, .. } => Some(*point),
        _ => None,
    }
}

fn given_up(it: &Moment<'_>) -> Option<(PointOrder, Loss)> {
    match it.step {
        Step::Remove { point, reason: RemoveReason::Overflow(loss), .. } => Some((*point, *loss)),
        _ => None,
    }
}

fn waits(it: &Moment<'_>, id: VaultId, point: PointOrder) -> bool {
    matches!(it.step, Step::Remove { after, .. } if after.contains(&Await { medium: id, point }))
}

/// Media on another disk where it is complete, by what was known before or by what the removal waits for.
fn complete_at(story: &Story<'_>, it: &Moment<'_>, point: PointOrder) -> Vec<VaultId> {
    let counts = |(id, medium): &(&VaultId, &Medium)| {
        let before = Shelf::of(medium).is(point) == PlacementState::Complete;
        let end = story.end(**id).is(point) == PlacementState::Complete;
        story.goes(point, medium) && !medium.same_disk && end && (before || waits(it, **id, point))
    };
    story.state.media.iter().filter(counts).map(|(id, _)| *id).collect()
}

fn what_passes_through_is_offsite_with_evidence(story: &Story<'_>) -> Verdict {
    each(story, passed, |it, point| {
        let here = |id: &VaultId| story.state.media[id].is_here();
        let passes = story.job(*point).at_home == AtHome::Pass && it.medium.is_home();
        passes && complete_at(story, it, *point).iter().any(here)
    })
}

fn who_lacks_what_passed_can_have_it_elsewhere(story: &Story<'_>) -> Verdict {
    each(story, passed, |it, point| {
        let holders = complete_at(story, it, *point);
        let serves = |to: &Medium| {
            let from = |id: &VaultId| &story.state.media[id];
            holders.iter().any(|id| from(id).is_here() && from(id).destination != to.destination)
        };
        let mut lacking = story.state.media.iter().filter(|(id, medium)| {
            let row = story.end(**id).is(*point);
            let begun = matches!(row, PlacementState::Pending | PlacementState::Copying | PlacementState::Missing);
            story.goes(*point, medium) && begun && !medium.removing.contains(point)
        });
        lacking.all(|(_, medium)| serves(medium))
    })
}

/// Nothing of a spool stays that nobody needs: complete at every medium of its job, none of them away, and no rule keeps it.
fn what_may_pass_does(story: &Story<'_>) -> Verdict {
    let Some((id, home)) = story.state.media.iter().find(|(_, medium)| medium.is_home()) else { return Ok(0) };
    let touchable = home.is_here() && home.deletions == crate::plan::Deletions::Allowed;
    let bare = |order: PointOrder| {
        let (point, job) = (story.point(order), story.job(order));
        let alone = story.chain(order).len() == 1;
        let reserved = home.reserved_points.contains(&order);
        let free = job.hold.is_none() && !point.pinned && !story.is_proved(order, home) && alone && !reserved;
        let goes = || story.state.media.values().filter(move |medium| story.goes(order, medium));
        let everywhere = goes().all(|it| Shelf::of(it).is(order) == PlacementState::Complete && it.is_here());
        free && job.at_home == AtHome::Pass && everywhere && goes().any(|medium| !medium.same_disk)
    };
    let mut applied = 0;
    for order in home.placements.keys().filter(|order| touchable && Shelf::of(home).has(**order)) {
        let removed_there = |(id, medium): (&VaultId, &Medium)| {
            story.goes(*order, medium) && story.end(*id).is(*order) != PlacementState::Complete
        };
        if bare(*order) && !story.state.media.iter().any(removed_there) {
            applied += 1;
            if story.end(*id).has(*order) {
                return Err(format!("{order} stays at home"));
            }
        }
    }
    Ok(applied)
}

fn a_full_home_gives_up_only_for_a_point_that_then_fits(story: &Story<'_>) -> Verdict {
    let fits = |shelf: &Shelf, medium: &Medium, bytes: u64| {
        let within = medium.limit.is_none_or(|limit| shelf.used + bytes <= limit);
        within && shelf.free.is_none_or(|free| free >= medium.reserve + bytes)
    };
    each(story, given_up, |it, _| {
        let Some(coming) = story.state.coming else { return false };
        let held = story.state.jobs[&coming.job].hold.is_some();
        !held && fits(story.end(it.id), it.medium, coming.bytes)
    })
}

fn the_newest_of_a_job_is_never_given_up(story: &Story<'_>) -> Verdict {
    each(story, given_up, |it, (point, _)| {
        let newer = |at: &PointOrder| story.row(*at) == story.row(*point) && at > point && it.after.is_whole(*at);
        let newest = it.before.rows.keys().rev().copied().find(newer);
        let seen = |at: PointOrder| story.point(at).origin_verified || verified_before(it, at);
        newest.is_some_and(|newest| seen(newest) && !story.bases(newest).contains(point))
    })
}

fn verified_before(it: &Moment<'_>, point: PointOrder) -> bool {
    it.steps[..it.index].contains(&Step::Verify { point })
}

fn is_safe(story: &Story<'_>, it: &Moment<'_>, point: PointOrder) -> bool {
    let mut whole = story.chain(point).into_iter().filter(|at| it.medium.holds(*at));
    whole.all(|at| loss(story, it, at) == Loss::Nothing)
}

/// By what lies where before the plan: nobody carries out more of it while a capture waits.
fn loss(story: &Story<'_>, it: &Moment<'_>, point: PointOrder) -> Loss {
    let media = &story.state.media;
    let complete: Vec<_> = complete_at(story, it, point).into_iter().map(|id| &media[&id]).collect();
    let lacks = |(id, medium): &(&VaultId, &Medium)| {
        let declined = story.end(**id).is(point) == PlacementState::NotWanted;
        let settled = matches!(medium.state_of(point), PlacementState::Complete | PlacementState::Evicted);
        let unproved = matches!(medium.state_of(point), PlacementState::Present | PlacementState::Damaged);
        let kept = !unproved || story.keeps(point, medium, &all_that_may_be(story, medium));
        story.goes(point, medium) && !declined && !settled && kept && !medium.removing.contains(&point)
    };
    let served = |to: &Medium| complete.iter().any(|from| from.destination != to.destination && gives(from, to));
    match complete.is_empty() {
        true => Loss::ThePoint,
        false if media.iter().filter(lacks).all(|(_, to)| served(to)) => Loss::Nothing,
        false => Loss::Copies,
    }
}

fn all_that_may_be(story: &Story<'_>, medium: &Medium) -> BTreeSet<PointOrder> {
    story.state.points.keys().copied().filter(|at| story.goes(*at, medium)).collect()
}

/// While an old chain lies at home that is complete offsite, and that no rule keeps, nothing that is owed is lost.
fn nothing_is_lost_before_all_that_costs_nothing_went(story: &Story<'_>) -> Verdict {
    let lost = |it: &Moment<'_>| given_up(it).filter(|(_, loss)| *loss == Loss::ThePoint);
    each(story, lost, |it, _| {
        let left: BTreeSet<_> = it.after.rows.keys().copied().filter(|at| it.after.is_whole(*at)).collect();
        let newest = |at: &PointOrder| {
            let of_row = left.iter().filter(|other| story.row(**other) == story.row(*at));
            of_row.max() == Some(at) || it.after.is(*of_job_max(story, &left, *at)) != PlacementState::Complete
        };
        let bare = |at: &PointOrder| {
            let point = story.point(*at);
            let alone = story.chain(*at).len() == 1;
            let free = !it.medium.reserved_points.contains(at) && !story.is_proved(*at, it.medium);
            !point.pinned && story.job(*at).hold.is_none() && alone && free
        };
        !left.iter().any(|at| bare(at) && !newest(at) && is_safe(story, it, *at))
    })
}

fn of_job_max<'s>(story: &Story<'_>, left: &'s BTreeSet<PointOrder>, at: PointOrder) -> &'s PointOrder {
    let of_row = left.iter().filter(|other| story.row(**other) == story.row(at));
    of_row.max().expect("the point itself")
}

fn the_oldest_owed_goes_first(story: &Story<'_>) -> Verdict {
    let root = |at: PointOrder| story.bases(at).last().copied().unwrap_or(at);
    each(story, given_up, |it, (point, loss)| {
        let later = story.moments.iter().filter(|other| other.id == it.id && other.index > it.index);
        let same = |other: &(PointOrder, Loss)| other.1 == *loss && story.point(other.0).job == story.point(*point).job;
        // A chain of which only a part is lost goes whole, in the lost ones' turn.
        let alone = |at: PointOrder| story.chain(at).len() == 1;
        let mut later = later.filter_map(given_up).filter(same).filter(|(at, _)| alone(*at) && alone(*point));
        later.all(|(other, _)| root(other) >= root(*point))
    })
}

fn what_is_lost_is_told_as_lost(story: &Story<'_>) -> Verdict {
    each(story, given_up, |it, (point, told)| {
        let offsite = !complete_at(story, it, *point).is_empty();
        let owed = story.state.media.iter().any(|(id, medium)| {
            story.goes(*point, medium)
                && !matches!(
                    story.end(*id).is(*point),
                    PlacementState::Complete | PlacementState::NotWanted | PlacementState::Evicted
                )
        });
        *told == loss(story, it, *point) && (offsite || owed)
    })
}

fn no_more_is_lost_than_may_be(story: &Story<'_>) -> Verdict {
    each(story, given_up, |_, (_, loss)| story.state.coming.is_some_and(|coming| *loss <= coming.at_most))
}

fn what_is_reserved_at_home_stays(story: &Story<'_>) -> Verdict {
    let reserved = |it: &Moment<'_>| removed(it.step).filter(|_| !it.medium.reserved_points.is_empty());
    each(story, reserved, |it, point| !it.medium.reserved_points.contains(point))
}

fn nobody_copies_while_a_capture_waits(story: &Story<'_>) -> Verdict {
    if story.state.coming.is_none() {
        return Ok(0);
    }
    let carried_out = |step: &Step| matches!(step, Step::Copy { .. } | Step::Remove { .. } | Step::Verify { .. });
    let elsewhere = |it: &Moment<'_>| (!it.medium.is_home() && carried_out(it.step)).then_some(());
    each(story, elsewhere, |_, ()| false).map(|_| 1)
}

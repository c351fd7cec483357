//! What may go, and what never does.

use std::collections::BTreeSet;

use super::replay::{Moment, Shelf, each, evicted, made_for, removed};
use super::{Story, Verdict};
use crate::model::{PointOrder, State as PlacementState};
use crate::plan::{Await, Copies, Evict, Medium, RemoveReason, Step, Unwanted};

fn after_of(step: &Step) -> &[Await] {
    match step {
        Step::Remove { after, .. } => after,
        _ => &[],
    }
}

fn awaited(it: &Moment<'_>, point: PointOrder) -> bool {
    after_of(it.step).contains(&Await { medium: it.id, point })
}

pub(super) fn nothing_is_copied_to_be_removed(story: &Story<'_>) -> Verdict {
    let copied = |it: &Moment<'_>, point: PointOrder| {
        it.steps[..it.index].iter().any(|step| matches!(step, Step::Copy { point: other, .. } if *other == point))
    };
    each(
        story,
        |it| it.step.point().filter(|_| matches!(it.step, Step::Remove { .. })),
        |it, point| !copied(it, *point),
    )
}

/// What is whole at home goes only when every medium in use has it, or has given it up.
pub(super) fn home_never_drops_what_is_owed(story: &Story<'_>) -> Verdict {
    let at_home = |it: &Moment<'_>| removed(it.step).filter(|point| it.medium.is_home() && it.before.is_whole(*point));
    each(story, at_home, |it, point| {
        let owed = |(id, medium): (&crate::model::VaultId, &Medium)| {
            let (start, end) = (Shelf::of(medium), story.end(*id));
            let waits = after_of(it.step).contains(&Await { medium: *id, point: *point });
            match end.is(*point) {
                PlacementState::Complete => start.is(*point) != PlacementState::Complete && !waits,
                PlacementState::NotWanted | PlacementState::Evicted => medium.removing.contains(point),
                PlacementState::Present | PlacementState::Damaged => false,
                _ => !medium.removing.contains(point),
            }
        };
        let media = story.state.media.iter().filter(|(_, medium)| story.goes(*point, medium));
        media.into_iter().all(|medium| !owed(medium))
    })
}

pub(super) fn never_below_keep_at_least(story: &Story<'_>) -> Verdict {
    each(
        story,
        |it| removed(it.step),
        |it, point| {
            let of_job = |at: &PointOrder| story.point(*at).job == story.point(*point).job;
            let counts = |at: &PointOrder| !it.after.brought.contains(at) || awaited(it, *at);
            let complete = it.after.rows.iter().filter(|(_, row)| **row == PlacementState::Complete).map(|(at, _)| at);
            let left = complete.filter(|at| of_job(at) && counts(at)).count();
            left >= usize::try_from(it.medium.keep_at_least).expect("small")
        },
    )
}

pub(super) fn never_the_last_that_a_drill_proved(story: &Story<'_>) -> Verdict {
    let proved_here = |it: &Moment<'_>| removed(it.step).filter(|point| story.is_proved(*point, it.medium));
    each(story, proved_here, |_, point| {
        let media = story.state.media.values().filter(|medium| !medium.retired);
        let newer = |at: &PointOrder| at > point && story.point(*at).job == story.point(*point).job;
        media.into_iter().any(|medium| medium.placements.keys().any(|at| newer(at) && story.is_proved(*at, medium)))
    })
}

pub(super) fn pinned_points_stay(story: &Story<'_>) -> Verdict {
    let goes = |it: &Moment<'_>| it.step.point().filter(|_| matches!(it.step, Step::Remove { .. }));
    each(story, goes, |_, point| !story.point(*point).pinned)
}

pub(super) fn nothing_goes_while_a_job_is_on_hold(story: &Story<'_>) -> Verdict {
    each(
        story,
        |it| removed(it.step),
        |it, point| {
            let favoured = made_for(it.step).is_none_or(|by| story.job(by).hold.is_none());
            favoured && story.job(*point).hold.is_none()
        },
    )
}

pub(super) fn what_is_nowhere_else_offsite_goes_only_if_allowed(story: &Story<'_>) -> Verdict {
    let asked = |it: &Moment<'_>| evicted(it.step).filter(|_| !it.medium.evict_unique);
    each(story, asked, |it, point| {
        let mut others = story.state.media.iter().filter(|(id, _)| **id != it.id);
        others.any(|(id, medium)| {
            let offsite = !medium.is_home() && !medium.retired && !medium.same_disk;
            let stays = story.end(*id).is(*point) == PlacementState::Complete;
            offsite && Shelf::of(medium).is(*point) == PlacementState::Complete && stays
        })
    })
}

/// `keep` over what is shown to be good at this medium, and what the removal waits for there, does not want it; at home
/// good is what was read back.
pub(super) fn retention_counts_on_each_medium_by_itself(story: &Story<'_>) -> Verdict {
    let by_keep = |it: &Moment<'_>| match it.step {
        Step::Remove { point, reason: RemoveReason::Retention, .. } => Some(*point),
        _ => None,
    };
    each(story, by_keep, |it, point| {
        let seen = |at: &PointOrder| !it.medium.is_home() || story.point(*at).origin_verified;
        let good = |at: &PointOrder| (!it.before.brought.contains(at) && seen(at)) || awaited(it, *at);
        let complete = it.before.rows.iter().filter(|(_, row)| **row == PlacementState::Complete).map(|(at, _)| *at);
        let good: BTreeSet<_> = complete.filter(good).chain([*point]).collect();
        story.rule(*point, it.medium).is_some() && !story.keeps(*point, it.medium, &good)
    })
}

pub(super) fn a_base_stays_while_one_that_depends_on_it_stays(story: &Story<'_>) -> Verdict {
    let goes = |it: &Moment<'_>| it.step.point().filter(|_| matches!(it.step, Step::Remove { .. }));
    each(story, goes, |it, point| {
        let there = |row: &PlacementState| row.is_there() || *row == PlacementState::Copying;
        let mut stays = it.after.rows.iter().filter(|(_, row)| there(row)).map(|(at, _)| *at);
        stays.all(|at| !story.bases(at).contains(point))
    })
}

/// Of `copies = "all"` where `keep` keeps all: nothing of the chain is still to come.
pub(super) fn an_unfinished_chain_is_never_evicted(story: &Story<'_>) -> Verdict {
    let of_chain = |it: &Moment<'_>| evicted(it.step).filter(|point| story.chain(*point).len() > 1);
    each(story, of_chain, |it, point| {
        let job = story.job(*point);
        let all = job.copies == Copies::All && job.keep.is_none() && story.goes(*point, it.medium);
        let row = |at: PointOrder| it.medium.placements.get(&at).filter(|row| row.state == PlacementState::NotWanted);
        let for_good = |at: PointOrder| row(at).is_some_and(|row| row.unwanted.is_none_or(Unwanted::is_final));
        let evicted = it.medium.newest_evicted.get(&story.point(*point).job);
        let out = |at: PointOrder| {
            for_good(at) || evicted.is_some_and(|newest| at <= *newest) || it.medium.removing.contains(&at)
        };
        let could = |at: PointOrder| !out(at) && story.is_elsewhere(at, it.id);
        let founded = |at: PointOrder| story.bases(at).into_iter().all(|base| it.before.is_whole(base) || could(base));
        let declined = |at: PointOrder| it.before.is(at) == PlacementState::NotWanted;
        let owed = |at: PointOrder| all && !it.before.has(at) && !declined(at) && could(at) && founded(at);
        let begun = |at: PointOrder| it.before.is(at) == PlacementState::Copying;
        // What goes with it was there when the first of it went.
        let gone = |at: PointOrder| matches!(it.before.is(at), PlacementState::Evicted);
        story.chain(*point).into_iter().all(|at| gone(at) || (!begun(at) && !owed(at)))
    })
}

pub(super) fn evict_never_is_never(story: &Story<'_>) -> Verdict {
    each(story, |it| evicted(it.step), |it, _| it.medium.evict == Evict::Oldest)
}

//! DESIGN 5.2, as far as plans decide it.

use super::replay::{each, made_for};
use super::{Story, Verdict};
use crate::model::State as PlacementState;
use crate::plan::{Deletions, Orphans, PackNumber, PackThere, Step};

fn deleted(step: &Step) -> Option<Vec<PackNumber>> {
    match step {
        Step::Remove { packs, .. } | Step::Sweep { packs, .. } => Some(packs.clone()),
        _ => None,
    }
}

pub(super) fn d1_a_needed_pack_stays(story: &Story<'_>) -> Verdict {
    each(
        story,
        |moment| deleted(moment.step),
        |moment, packs| {
            let stays = |row: &PlacementState| row.is_there() || *row == PlacementState::Copying;
            let mut named = moment
                .after
                .rows
                .iter()
                .filter(|(_, row)| stays(row))
                .flat_map(|(at, _)| moment.medium.objects_of(story.point(*at)));
            let reserved = packs.iter().any(|pack| moment.medium.reserved.contains(pack));
            !reserved && !named.any(|pack| packs.contains(pack))
        },
    )
}

pub(super) fn d3_nothing_is_deleted_where_that_is_refused(story: &Story<'_>) -> Verdict {
    let deletes = |step: &Step| matches!(step, Step::Finish { .. } | Step::Remove { .. } | Step::Sweep { .. });
    each(story, |it| deletes(it.step).then_some(()), |it, ()| it.medium.deletions == Deletions::Allowed)
}

pub(super) fn d5_incoming_packs_are_not_counted_as_freed(story: &Story<'_>) -> Verdict {
    each(
        story,
        |it| made_for(it.step),
        |it, by| {
            let unit = story.bases(*by).into_iter().chain([*by]);
            let incoming: Vec<_> = unit.filter(|order| !it.before.is_whole(*order)).collect();
            let mut needed = incoming.iter().flat_map(|order| it.medium.objects_of(story.point(*order)));
            deleted(it.step).is_some_and(|packs| !needed.any(|pack| packs.contains(pack)))
        },
    )
}

pub(super) fn d8_begun_removals_are_finished_first(story: &Story<'_>) -> Verdict {
    let mut applied = 0;
    for (id, medium) in &story.state.media {
        let marked = medium.packs.iter().filter(|(_, it)| **it == PackThere::Deleting).map(|(pack, _)| *pack);
        let marked: Vec<_> = marked.collect();
        let steps = story.plan.media.get(id).map_or(&[][..], Vec::as_slice);
        let allowed = medium.is_here() && !medium.retired && medium.deletions == Deletions::Allowed;
        if (marked.is_empty() && medium.removing.is_empty()) || !allowed {
            continue;
        }
        applied += 1;
        let finishes = |step: &Step| match step {
            Step::Finish { points, packs, .. } => {
                marked.iter().all(|pack| packs.contains(pack)) && medium.removing.iter().all(|it| points.contains(it))
            }
            _ => false,
        };
        if !steps.first().is_some_and(finishes) {
            return Err(format!("{id:?}: {:?}", steps.first()));
        }
    }
    Ok(applied)
}

pub(super) fn d9_orphans_stay_while_a_seed_is_open(story: &Story<'_>) -> Verdict {
    let sweeps = |step: &Step| matches!(step, Step::Sweep { .. });
    each(story, |it| sweeps(it.step).then_some(()), |it, ()| it.medium.orphans == Orphans::MayGo)
}

pub(super) fn media_away_or_retired_are_not_touched(story: &Story<'_>) -> Verdict {
    let touches = |step: &Step| !matches!(step, Step::Decline { .. } | Step::Owe { .. });
    each(story, |it| touches(it.step).then_some(()), |it, ()| it.medium.is_here() && !it.medium.retired)
}

pub(super) fn every_pack_of_a_complete_point_is_there(story: &Story<'_>) -> Verdict {
    let copied = |step: &Step| match step {
        Step::Copy { point, .. } => Some(*point),
        _ => None,
    };
    each(
        story,
        |it| copied(it.step),
        |it, point| {
            let good =
                |pack: &PackNumber| matches!(it.after.packs.get(pack), Some(PackThere::Present | PackThere::Proved));
            it.medium.objects_of(story.point(*point)).iter().all(good)
        },
    )
}

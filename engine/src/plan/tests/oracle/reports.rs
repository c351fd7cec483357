//! What a plan has to say of what it can't do.

use std::collections::BTreeSet;

use super::{Story, Verdict};
use crate::model::{JobId, PointOrder, State as PlacementState, Time, VaultId};
use crate::plan::{Medium, Problem};

pub(super) fn full_and_stuck_has_a_deadline(story: &Story<'_>) -> Verdict {
    let mut applied = 0;
    for problem in &story.plan.problems {
        let Problem::Full { point, deadline, .. } = problem else { continue };
        applied += 1;
        if *deadline != expected(story, *point) {
            return Err(format!("{problem:?}: {:?} is expected", expected(story, *point)));
        }
    }
    Ok(applied)
}

/// When the job has been without a newer offsite copy for as long as it expects.
fn expected(story: &Story<'_>, point: PointOrder) -> Option<Time> {
    let expect = story.job(point).expect?;
    let points = || story.state.points.keys().copied().filter(|at| story.point(*at).job == story.point(point).job);
    let offsite = |at: PointOrder| {
        let media = story.state.media.iter().filter(|(_, medium)| story.goes(at, medium) && !medium.same_disk);
        media.into_iter().any(|(id, _)| story.end(*id).is(at) == PlacementState::Complete)
    };
    let since = points().filter(|at| offsite(*at)).max().or_else(|| points().min())?;
    Some(story.point(since).created.plus(expect))
}

/// Of a job's newest chain, where its newest point lies when all is done: one more point as large as any of it has room.
pub(super) fn a_chain_is_reported_before_it_no_longer_fits(story: &Story<'_>) -> Verdict {
    let mut applied = 0;
    for (id, medium) in story.state.media.iter().filter(|(_, it)| !it.is_home() && !it.retired && it.is_here()) {
        for job in story.state.jobs.keys() {
            let Some(newest) = newest(story, *job) else { continue };
            let chain = story.chain(newest);
            if chain.len() < 2 || !story.end(*id).is_whole(newest) {
                continue;
            }
            let (needs, next) = sizes(story, &chain, medium);
            let end = story.end(*id);
            let by_free = end.free.map_or(u64::MAX, |free| (end.used + free).saturating_sub(medium.reserve));
            let capacity = by_free.min(medium.limit.unwrap_or(u64::MAX));
            let due = needs <= capacity && needs.saturating_add(next) > capacity;
            let told = says(story, *id, newest);
            applied += usize::from(due);
            if told != due {
                return Err(format!("{newest} at {id:?}: {needs} and {next} of {capacity}, told {told}"));
            }
        }
    }
    Ok(applied)
}

fn newest(story: &Story<'_>, job: JobId) -> Option<PointOrder> {
    story.state.points.iter().rev().find(|(_, point)| point.job == job).map(|(at, _)| *at)
}

/// Bytes of it all, and of the largest point after the first.
fn sizes(story: &Story<'_>, chain: &BTreeSet<PointOrder>, medium: &Medium) -> (u64, u64) {
    let bytes = |upto: usize| {
        let members: Vec<_> = chain.iter().take(upto).collect();
        let packs: BTreeSet<_> = members.iter().flat_map(|at| medium.objects_of(story.point(**at))).collect();
        let manifests: u64 = members.iter().map(|at| story.point(**at).manifest_bytes).sum();
        manifests + packs.into_iter().map(|pack| story.state.packs[pack].bytes).sum::<u64>()
    };
    let largest = (2..=chain.len()).map(|upto| bytes(upto) - bytes(upto - 1)).max();
    (bytes(chain.len()), largest.unwrap_or(0))
}

fn says(story: &Story<'_>, id: VaultId, newest: PointOrder) -> bool {
    let about = |problem: &Problem| matches!(problem, Problem::ChainOutgrows { medium, point, .. } if (*medium, *point) == (id, newest));
    story.plan.problems.iter().any(about)
}

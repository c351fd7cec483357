//! What a plan leaves undone: what is stuck, and what waits for something to come back.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::Bench;
use super::serve::Outcome;
use super::state::Reach;
use super::steps::{Problem, WaitReason, Waiting};
use crate::model::{JobId, PointOrder, State as PlacementState, Time, VaultId};

type Benches<'a> = BTreeMap<VaultId, Bench<'a>>;
type Failed = BTreeMap<(VaultId, PointOrder), Outcome>;

/// What the rules leave stuck, medium by medium.
pub(super) fn problems(benches: &Benches<'_>, failed: &Failed) -> Vec<Problem> {
    let mut problems = Vec::new();
    for bench in benches.values().filter(|bench| !bench.medium.retired) {
        let over = bench.shelf.over();
        if over > 0 {
            problems.push(Problem::OverLimit { medium: bench.id, over });
        }
        let irreparable = bench.goals.values().flat_map(|goal| &goal.irreparable);
        problems.extend(irreparable.map(|point| Problem::Irreparable { medium: bench.id, point: *point }));
        let mine: Vec<_> = failed.iter().filter(|((id, point), _)| *id == bench.id && bench.is_owed(*point)).collect();
        problems.extend(full(benches, bench, &mine));
        problems.extend(bench.goals.keys().filter_map(|job| outgrows(bench, *job)));
        problems.extend(mine.iter().rev().filter_map(|((medium, point), outcome)| match outcome {
            Outcome::NeverFits { needs, capacity, shared } => Some(Problem::NeverFits {
                medium: *medium,
                point: *point,
                needs: *needs,
                capacity: *capacity,
                shared: *shared,
            }),
            _ => None,
        }));
    }
    problems
}

/// One problem for all that does not fit: that of the newest.
fn full(benches: &Benches<'_>, bench: &Bench<'_>, failed: &[(&(VaultId, PointOrder), &Outcome)]) -> Option<Problem> {
    let stuck = failed.iter().rev().filter_map(|((_, point), outcome)| match outcome {
        Outcome::Stuck(stuck) => Some((*point, stuck)),
        _ => None,
    });
    let all: Vec<_> = stuck.collect();
    let behind = failed.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Behind)).count();
    let (point, stuck) = all.first()?;
    Some(Problem::Full {
        medium: bench.id,
        point: *point,
        needs: stuck.needs,
        room: stuck.room,
        freeable: stuck.freeable,
        blocked_by: stuck.blocked_by.clone(),
        others: count(all.len() - 1 + behind),
        deadline: deadline(benches, bench, *point),
    })
}

/// When the `expect` of the point's job passes with what is complete offsite when the plan is done; counted, as `status`
/// does, from the job's first point if nothing is.
fn deadline(benches: &Benches<'_>, bench: &Bench<'_>, point: PointOrder) -> Option<Time> {
    let survey = bench.survey;
    let job = survey.job(point);
    let expect = job.expect?;
    let offsite: Vec<_> = survey.offsite(job).into_iter().filter(|(_, medium)| !medium.same_disk).collect();
    let is_good = |order: &&PointOrder| {
        offsite
            .iter()
            .filter_map(|(id, _)| benches.get(id))
            .any(|bench| bench.shelf.state_of(**order) == PlacementState::Complete && bench.shelf.is_there(**order))
    };
    let points = survey.by_job.get(&survey.point(point).job)?;
    let since = points.iter().rev().find(is_good).or_else(|| points.first())?;
    Some(survey.point(*since).created.plus(expect))
}

/// The job's newest chain, if it is wanted here, fits, and will not with one more point.
fn outgrows(bench: &Bench<'_>, job: JobId) -> Option<Problem> {
    let newest = *bench.survey.by_job.get(&job)?.last()?;
    let chain = bench.survey.chain(bench.survey.root(newest));
    if chain.len() < 2 || bench.medium.is_home() || !bench.medium.is_here() || !bench.is_wanted(newest) {
        return None;
    }
    let (mut packs, mut needs, mut next) = (BTreeSet::new(), 0, 0);
    for (n, order) in chain.iter().enumerate() {
        let point = bench.survey.point(*order);
        let new: Vec<_> = bench.medium.objects_of(point).iter().filter(|pack| packs.insert(**pack)).collect();
        let added = point.manifest_bytes + bench.shelf.bytes_of_all(new);
        needs += added;
        next = if n == 0 { 0 } else { added.max(next) };
    }
    let capacity = bench.shelf.capacity();
    let outgrows = needs <= capacity && next > capacity - needs;
    outgrows.then_some(Problem::ChainOutgrows { medium: bench.id, point: newest, needs, next, capacity })
}

/// What waits, medium by medium.
pub(super) fn waiting(benches: &Benches<'_>, failed: &Failed) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    for bench in benches.values().filter(|bench| !bench.medium.retired) {
        let owed = bench.goals.values().flat_map(|goal| &goal.owed).copied();
        if let Reach::Away(why) = &bench.medium.reach {
            waiting.extend(wait(bench, owed, WaitReason::MediumAway(why.clone())));
        } else {
            let no_source = |point: &PointOrder| matches!(failed.get(&(bench.id, *point)), Some(Outcome::NoSource));
            waiting.extend(wait(bench, owed.clone().filter(no_source), WaitReason::SourceAway));
            let on_seed = |point: &PointOrder| matches!(failed.get(&(bench.id, *point)), Some(Outcome::OnSeed));
            waiting.extend(wait(bench, owed.filter(on_seed), WaitReason::OnSeed));
        }
        let lost = bench.goals.values().flat_map(|goal| &goal.lost).copied();
        waiting.extend(wait(bench, lost, WaitReason::NoGoodCopy));
    }
    waiting
}

fn wait(bench: &Bench<'_>, points: impl Iterator<Item = PointOrder>, reason: WaitReason) -> Option<Waiting> {
    let (count_, newest) = points.fold((0, None), |(n, newest), point| (n + 1, newest.max(Some(point))));
    let destination = bench.medium.destination.clone();
    Some(Waiting { medium: bench.id, destination, point: newest?, points: count_, reason })
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

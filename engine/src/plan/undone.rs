//! What a plan leaves undone: what is stuck, and what waits for something to come back.

use std::collections::BTreeMap;

use super::bench::Bench;
use super::serve::Outcome;
use super::state::Reach;
use super::steps::{Problem, WaitReason, Waiting};
use crate::model::{PointOrder, VaultId};

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
        problems.extend(full(bench.id, &mine));
        problems.extend(mine.iter().rev().filter_map(|((medium, point), outcome)| match outcome {
            Outcome::NeverFits { needs, capacity } => {
                Some(Problem::NeverFits { medium: *medium, point: *point, needs: *needs, capacity: *capacity })
            }
            _ => None,
        }));
    }
    problems
}

/// One problem for all that does not fit: that of the newest.
fn full(medium: VaultId, failed: &[(&(VaultId, PointOrder), &Outcome)]) -> Option<Problem> {
    let stuck = failed.iter().rev().filter_map(|((_, point), outcome)| match outcome {
        Outcome::Stuck(stuck) => Some((*point, stuck)),
        _ => None,
    });
    let all: Vec<_> = stuck.collect();
    let behind = failed.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Behind)).count();
    let (point, stuck) = all.first()?;
    Some(Problem::Full {
        medium,
        point: *point,
        needs: stuck.needs,
        room: stuck.room,
        freeable: stuck.freeable,
        blocked_by: stuck.blocked_by.clone(),
        others: count(all.len() - 1 + behind),
    })
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
            waiting.extend(wait(bench, owed.filter(no_source), WaitReason::SourceAway));
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

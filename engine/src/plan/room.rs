//! Making room at a medium for an incoming unit.
//!
//! First what nothing refers to, then what no `keep` wants, then the oldest chains of the unit's job, then the oldest
//! of all; only what is older than the incoming point; only once its origin was read back. If the rules leave too
//! little, everything is put back and the answer says what was in the way. Bytes that the unit itself needs are not
//! counted as freed (DESIGN D-5).

use std::collections::BTreeSet;

use super::bench::Bench;
use super::shelf::Freed;
use super::state::{Evict, Orphans, PackNumber};
use super::steps::{Await, Blocker, RemoveReason};
use crate::model::{JobId, PointOrder, State as PlacementState, VaultId};

/// Why there is not enough room.
#[derive(Debug, Clone, Default)]
pub(super) struct Stuck {
    pub needs: u64,
    pub room: u64,
    pub freeable: u64,
    pub blocked_by: BTreeSet<Blocker>,
}

/// Removals that were tried, in order.
#[derive(Default)]
struct Trial {
    swept: Freed,
    taken: Vec<(Vec<Freed>, RemoveReason, Vec<Await>)>,
    blocked_by: BTreeSet<Blocker>,
}

/// What room is made for.
pub(super) struct Incoming {
    pub point: PointOrder,
    pub packs: BTreeSet<PackNumber>,
    pub needs: u64,
}

impl Bench<'_> {
    /// Makes room, or says why there is none. The removals become steps.
    pub(super) fn make_room(
        &mut self,
        incoming: &Incoming,
        gone: &impl Fn(VaultId, PointOrder) -> bool,
    ) -> Result<(), Stuck> {
        if self.shelf.fits(incoming.needs) {
            return Ok(());
        }
        let (needs, room) = (incoming.needs, self.shelf.room());
        let refused = |blocker| Stuck { needs, room, freeable: 0, blocked_by: [blocker].into() };
        if let Some(refusal) = self.refusal() {
            return Err(refused(refusal));
        }
        if let Some(hold) = self.survey.job(incoming.point).hold {
            return Err(refused(Blocker::Held(hold)));
        }
        if let Some((_, known)) = self.ceiling.as_ref().filter(|(ceiling, _)| needs > *ceiling) {
            return Err(Stuck { needs, room, ..known.clone() });
        }
        let trial = self.try_removals(incoming, gone);
        if self.shelf.fits(needs) {
            self.settle(trial);
            return Ok(());
        }
        Err(self.give_up(incoming, trial))
    }

    fn settle(&mut self, trial: Trial) {
        _ = self.push_sweep(trial.swept);
        for (taken, reason, after) in trial.taken {
            self.commit(taken, reason, &after);
        }
    }

    fn give_up(&mut self, incoming: &Incoming, trial: Trial) -> Stuck {
        let most = self.shelf.room();
        for (taken, _, _) in trial.taken.iter().rev() {
            self.untake(taken);
        }
        self.shelf.restore(&trial.swept);
        let room = self.shelf.room();
        let ceiling = most.saturating_add(self.shelf.bytes_there(&incoming.packs));
        let freeable = most.saturating_sub(room);
        let stuck = Stuck { needs: incoming.needs, room, freeable, blocked_by: trial.blocked_by };
        self.ceiling = Some((ceiling, stuck.clone()));
        stuck
    }

    fn try_removals(&mut self, incoming: &Incoming, gone: &impl Fn(VaultId, PointOrder) -> bool) -> Trial {
        let mut trial = Trial { blocked_by: self.held_by.clone(), ..Trial::default() };
        if self.medium.orphans == Orphans::MayGo {
            trial.swept = self.shelf.sweep(|pack| incoming.packs.contains(&pack));
        }
        self.try_unwanted(incoming, &mut trial);
        let job = self.survey.point(incoming.point).job;
        self.try_chains(incoming, &[job], gone, &mut trial);
        let all: Vec<_> = self.roots.keys().copied().collect();
        self.try_chains(incoming, &all, gone, &mut trial);
        if self.medium.evict == Evict::Never {
            trial.blocked_by.insert(Blocker::EvictNever);
        }
        trial
    }

    /// What no `keep` will want once newer points are there: the incoming one, or others that are there already.
    fn try_unwanted(&mut self, incoming: &Incoming, trial: &mut Trial) {
        let unwanted: Vec<_> = self.unwanted.iter().copied().collect();
        for order in unwanted {
            if self.shelf.fits(incoming.needs) {
                return;
            }
            let going = self.unwanted_with_dependents(order);
            if going.is_empty() || !self.is_superseded(&going, incoming.point) {
                continue;
            }
            match self.may_go(&going) {
                Ok(after) => {
                    self.try_one(&going, RemoveReason::Superseded { by: incoming.point }, after, incoming, trial)
                }
                Err(blocker) => _ = trial.blocked_by.insert(blocker),
            }
        }
    }

    fn unwanted_with_dependents(&self, order: PointOrder) -> Vec<PointOrder> {
        let chain = self.survey.chain(self.survey.root(order));
        let there = |other: &PointOrder| *other >= order && self.unwanted.contains(other) && self.shelf.is_live(*other);
        chain.into_iter().rev().filter(there).collect()
    }

    /// Older than the incoming point.
    fn is_superseded(&self, going: &[PointOrder], by: PointOrder) -> bool {
        going.iter().all(|order| *order < by)
    }

    /// Evicts whole chains of these jobs, oldest first, until there is enough.
    fn try_chains(
        &mut self,
        incoming: &Incoming,
        jobs: &[JobId],
        gone: &impl Fn(VaultId, PointOrder) -> bool,
        trial: &mut Trial,
    ) {
        if self.medium.evict == Evict::Never {
            return;
        }
        let mut heads: BTreeSet<_> = jobs.iter().filter_map(|job| Some((self.next_root(*job, None)?, *job))).collect();
        while let Some((root, job)) = heads.pop_first() {
            if self.shelf.fits(incoming.needs) || root >= incoming.point {
                return;
            }
            let chain = self.survey.chain(root).into_iter().rev();
            let going: Vec<_> = chain.filter(|order| self.shelf.is_live(*order)).collect();
            match self.may_be_evicted(&going, incoming.point, gone) {
                Ok(_) if going.is_empty() => {}
                Ok(after) => {
                    self.try_one(&going, RemoveReason::Eviction { by: incoming.point }, after, incoming, trial)
                }
                Err(blocker) => _ = trial.blocked_by.insert(blocker),
            }
            heads.extend(self.next_root(job, Some(root)).map(|next| (next, job)));
        }
    }

    fn next_root(&self, job: JobId, after: Option<PointOrder>) -> Option<PointOrder> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.roots.get(&job)?.range((from, Unbounded)).next().copied()
    }

    fn try_one(
        &mut self,
        going: &[PointOrder],
        reason: RemoveReason,
        after: Vec<Await>,
        incoming: &Incoming,
        trial: &mut Trial,
    ) {
        let then = match reason {
            RemoveReason::Eviction { .. } => PlacementState::Evicted,
            _ => PlacementState::NotWanted,
        };
        let taken = self.take(going, then, &|pack| incoming.packs.contains(&pack));
        trial.taken.push((taken, reason, after));
    }
}

//! Making room at a medium for an incoming unit.
//!
//! First what nothing refers to, then what no `keep` wants, then the oldest chains of the unit's job, then the oldest
//! of all; only what is older than the incoming point; only once its origin was read back. An older copy that was begun
//! and broke off is nothing yet, and gives way in its turn. If the rules leave too
//! little, everything is put back and the answer says what was in the way. Bytes that the unit itself needs are not
//! counted as freed (DESIGN D-5).

use std::collections::BTreeSet;

use super::bench::{Bench, Rules};
use super::shelf::Freed;
use super::state::{Evict, Orphans, PackNumber, Unwanted};
use super::steps::{Await, Blocker, RemoveReason, Step};
use super::survey::is_whole;
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
    taken: Vec<(Vec<Freed>, Went, Vec<Await>)>,
    blocked_by: BTreeSet<Blocker>,
}

/// How something leaves.
#[derive(Debug, Clone, Copy)]
enum Went {
    /// A point that is there.
    Removed(RemoveReason),
    /// What there is of a copy that broke off.
    GaveWay,
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
        for (taken, went, after) in trial.taken {
            match went {
                Went::Removed(reason) => self.commit(taken, reason, &after),
                Went::GaveWay => self.give_way(taken),
            }
        }
    }

    fn give_way(&mut self, taken: Vec<Freed>) {
        for freed in taken {
            let Some(point) = freed.point else { continue };
            if let Some(goal) = self.goal_mut(point) {
                goal.wanted.remove(&point);
                goal.owed.remove(&point);
            }
            self.steps.push(Step::Decline { point, reason: Unwanted::GaveWay });
            _ = self.push_sweep(freed);
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
        if self.medium.orphans == Orphans::MayGo || self.rules == Rules::Any {
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
                    let went = Went::Removed(RemoveReason::Superseded { by: incoming.point });
                    self.try_one(&going, went, after, incoming, trial);
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
        self.rules != Rules::Now || going.iter().all(|order| *order < by)
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
            let own = root == self.survey.root(incoming.point);
            let chain = self.survey.chain(root).into_iter().rev();
            let going: Vec<_> = chain.filter(|order| !own && self.shelf.is_live(*order)).collect();
            match self.may_be_evicted(&going, incoming.point, gone) {
                Ok(_) if going.is_empty() => {}
                Ok(after) => {
                    let went = Went::Removed(RemoveReason::Eviction { by: incoming.point });
                    self.try_one(&going, went, after, incoming, trial);
                }
                Err(Blocker::Copying) if self.may_give_way(&going) => {
                    self.try_one(&going, Went::GaveWay, Vec::new(), incoming, trial);
                }
                Err(blocker) => _ = trial.blocked_by.insert(blocker),
            }
            heads.extend(self.next_root(job, Some(root)).map(|next| (next, job)));
        }
    }

    /// A copy that broke off, of a point that stands alone: of a chain, it is a part on its way.
    fn may_give_way(&self, going: &[PointOrder]) -> bool {
        let alone = |order: PointOrder| self.survey.chain(self.survey.root(order)).len() == 1;
        let begun = |order: PointOrder| self.shelf.state_of(order) == PlacementState::Copying;
        self.medium.orphans == Orphans::MayGo && going.iter().all(|order| alone(*order) && begun(*order))
    }

    fn next_root(&self, job: JobId, after: Option<PointOrder>) -> Option<PointOrder> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.roots.get(&job)?.range((from, Unbounded)).next().copied()
    }

    fn try_one(&mut self, going: &[PointOrder], went: Went, after: Vec<Await>, incoming: &Incoming, trial: &mut Trial) {
        let then = match went {
            Went::Removed(RemoveReason::Eviction { .. }) => PlacementState::Evicted,
            _ => PlacementState::NotWanted,
        };
        let taken = self.take(going, then, &|pack| incoming.packs.contains(&pack));
        trial.taken.push((taken, went, after));
    }

    /// What would go for it under these rules, if that is enough.
    pub(super) fn room(
        &self,
        incoming: &Incoming,
        rules: Rules,
        gone: &impl Fn(VaultId, PointOrder) -> bool,
    ) -> Option<BTreeSet<PointOrder>> {
        let mut later = self.clone();
        later.rules = rules;
        for (job, fresh) in std::mem::take(&mut later.fresh) {
            *later.complete.entry(job).or_default() += fresh.len() as u64;
            later.roots.entry(job).or_default().extend(fresh.into_iter().map(|order| self.survey.root(order)));
        }
        for (job, goal) in &mut later.goals {
            // What is newer and lies there will have its evidence; what is newer and does not is stuck itself.
            let newer = goal.owed.split_off(&incoming.point);
            let proved =
                newer.into_iter().filter(|it| later.shelf.is_there(*it) && is_whole(later.shelf.state_of(*it)));
            *later.complete.entry(*job).or_default() += proved.count() as u64;
        }
        if later.refusal().is_some() || self.survey.job(incoming.point).hold.is_some() {
            return None;
        }
        let trial = later.try_removals(incoming, gone);
        let gone = trial.taken.iter().flat_map(|(taken, ..)| taken).filter_map(|freed| freed.point).collect();
        later.shelf.fits(incoming.needs).then_some(gone)
    }
}

//! Copies: newest first over all media, each point with its missing ancestors, ancestors first.
//!
//! With `copies = "all"` each medium is served for itself. With `"first"` the first in the job's order that is there
//! and can take the point gets it, in the same turn, and the others are declined; one that began it goes first, and one
//! that has it damaged before that. A place on the same disk never counts as the one that has it.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::{Bench, Rules};
use super::room::{Incoming, Stuck};
use super::shelf::Load;
use super::state::{Copies, PackNumber, PackThere, Unwanted};
use super::steps::{CopyReason, Step};
use super::survey::{Survey, is_whole};
use crate::model::{PointOrder, State as PlacementState, VaultId};

/// What came of an attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    Copied,
    Declined,
    NoSource,
    NeverFits {
        needs: u64,
        capacity: u64,
        shared: u64,
    },
    Stuck(Stuck),
    /// What is left of it travels there on a seed's drive.
    OnSeed,
    /// It fits, but would have to go again for a newer point that is stuck now.
    Behind,
}

/// Most points that are looked at, in all, to find out whether an older point would have to go again; each time it is
/// all that are at a medium. What is not tried waits.
pub(super) const TRIED_MAX: usize = 1_000_000;

/// Newer points that are stuck at a medium while older ones go ahead.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Plans may find room for these by themselves, now or later.
    maybe: BTreeSet<PointOrder>,
    /// No plan finds room for these, whatever else comes, unless it brings what they lack.
    never: BTreeSet<PointOrder>,
    /// What these lack.
    lacks: BTreeSet<PackNumber>,
}

/// All media in use, and what the attempts of this round came to.
pub(super) struct Service<'b, 'a> {
    pub survey: &'a Survey<'a>,
    pub benches: &'b mut BTreeMap<VaultId, Bench<'a>>,
    pub failed: BTreeMap<(VaultId, PointOrder), Outcome>,
    pub progress: bool,
    /// Media where a newer point found no room in this round: older ones wait, so that none takes what it may get.
    pub blocked: BTreeMap<VaultId, PointOrder>,
    /// Media where what comes next waits for another look at those points.
    pub blocked_after: BTreeSet<VaultId>,
    /// Media where nothing more can be done now for such points: what is older and fits may go ahead, unless it would
    /// have to go again for one of these, as soon as what plans do elsewhere lets it.
    pub released: BTreeMap<VaultId, Behind>,
    /// How many points may still be looked at for that.
    pub tries: usize,
    /// What the plan removes, and where.
    pub gone: BTreeSet<(VaultId, PointOrder)>,
}

impl Service<'_, '_> {
    /// One attempt for everything that is owed where a medium is there.
    pub fn round(&mut self) {
        self.blocked.clear();
        for (point, media) in self.outstanding().into_iter().rev() {
            match self.survey.job(point).copies {
                Copies::All => media.iter().for_each(|id| _ = self.serve(*id, point, 0)),
                Copies::First => self.serve_first(point, &media),
            }
        }
    }

    /// Is there one more round to go: because this one changed something, or because what waited may go ahead now?
    pub fn goes_on(&mut self) -> bool {
        if std::mem::take(&mut self.progress) {
            self.released.clear();
            return true;
        }
        let release = !self.blocked.is_empty();
        for (id, stuck) in std::mem::take(&mut self.blocked) {
            let mut behind = Behind::default();
            behind.note(&self.benches[&id], stuck);
            self.released.insert(id, behind);
        }
        release
    }

    fn outstanding(&self) -> BTreeMap<PointOrder, Vec<VaultId>> {
        let mut outstanding = BTreeMap::<_, Vec<_>>::new();
        for bench in self.benches.values().filter(|bench| bench.medium.is_here()) {
            let owed = bench.goals.values().flat_map(|goal| &goal.owed);
            for point in owed.filter(|point| !is_whole(bench.shelf.state_of(**point))) {
                outstanding.entry(*point).or_default().push(bench.id);
            }
        }
        outstanding
    }

    fn serve_first(&mut self, point: PointOrder, media: &[VaultId]) {
        let offsite = self.survey.offsite(self.survey.job(point));
        let begun = |id: VaultId| match self.benches[&id].shelf.state_of(point) {
            PlacementState::Damaged => 0,
            PlacementState::Copying => 1,
            _ => 2,
        };
        let mut order: Vec<_> = offsite.iter().map(|(id, _)| *id).enumerate().collect();
        order.sort_by_key(|(rank, id)| (begun(*id), *rank));
        let takers = order.into_iter().map(|(_, id)| id).filter(|id| media.contains(id));
        let mut past = 0;
        for id in takers {
            // On the same disk it gets what comes by, and neither satisfies the job nor holds up who does.
            let counts = !self.benches[&id].medium.same_disk;
            if counts && self.blocked.contains_key(&id) {
                return;
            }
            let taken = self.serve(id, point, past);
            if counts && matches!(self.failed.get(&(id, point)), Some(Outcome::OnSeed)) {
                // It is on its way here, and one place is enough.
                return;
            }
            if taken && counts {
                self.decline_elsewhere(point, id);
                return;
            }
            past += u32::from(!taken);
        }
    }

    fn decline_elsewhere(&mut self, point: PointOrder, taken: VaultId) {
        for (id, _) in self.survey.offsite(self.survey.job(point)) {
            let Some(bench) = self.benches.get_mut(&id).filter(|_| id != taken) else { continue };
            let state = bench.shelf.state_of(point);
            if matches!(state, PlacementState::Pending | PlacementState::Copying | PlacementState::Missing) {
                bench.decline(point, Unwanted::Elsewhere);
            } else if state == PlacementState::NotWanted
                && let Some(goal) = bench.goal_mut(point)
            {
                goal.owed.remove(&point);
            }
        }
    }

    fn serve(&mut self, id: VaultId, point: PointOrder, past: u32) -> bool {
        if self.blocked.contains_key(&id) {
            return false;
        }
        if self.would_go_again(id, point) {
            self.failed.insert((id, point), Outcome::Behind);
            return false;
        }
        let gone = |id: VaultId, point: PointOrder| self.gone.contains(&(id, point));
        let Some(bench) = self.benches.get_mut(&id) else { return false };
        let steps = bench.steps.len();
        let outcome = bench.serve(point, past, &gone);
        let changed = bench.steps.len() > steps;
        self.progress |= changed;
        if self.blocked_after.remove(&id) && changed {
            self.blocked.insert(id, point);
        }
        let removed: Vec<_> = bench.removed_since(steps).collect();
        let relies_on_others = !bench.medium.evict_unique;
        for point in removed {
            self.gone.insert((id, point));
            let others = self.survey.holders(point).filter(|holder| *holder != id && relies_on_others);
            others.for_each(|holder| _ = self.benches.get_mut(&holder).map(|other| other.needed.insert(point)));
        }
        let copied = matches!(outcome, Outcome::Copied);
        if copied || matches!(outcome, Outcome::Declined) {
            self.failed.remove(&(id, point));
        } else {
            if matches!(outcome, Outcome::Stuck(_)) {
                self.note_stuck(id, point);
            }
            self.failed.insert((id, point), outcome);
        }
        copied
    }

    fn note_stuck(&mut self, id: VaultId, point: PointOrder) {
        match self.released.get_mut(&id) {
            None => _ = self.blocked.insert(id, point),
            Some(behind) => behind.note(&self.benches[&id], point),
        }
    }

    /// Would the point, copied now, go again for a newer one that is stuck here?
    fn would_go_again(&mut self, id: VaultId, point: PointOrder) -> bool {
        let Some(behind) = self.released.get(&id) else { return false };
        let Some(bench) = self.benches.get(&id) else { return false };
        let waiting = behind.newer_than(bench, point);
        if waiting.is_empty() {
            return false;
        }
        let Some(left) = self.tries.checked_sub(bench.medium.placements.len() + 1) else { return true };
        let gone = |id: VaultId, point: PointOrder| self.gone.contains(&(id, point));
        let again = bench.would_go_again(point, &waiting, &gone);
        self.tries = left;
        if !again {
            // What it changes is looked at before the next one.
            self.blocked_after.insert(id);
        }
        again
    }
}

impl Behind {
    fn note(&mut self, bench: &Bench<'_>, stuck: PointOrder) {
        if bench.may_get_room(stuck) {
            self.maybe.insert(stuck);
            return;
        }
        self.never.insert(stuck);
        let unit = bench.unit(stuck);
        self.lacks.extend(bench.shelf.loads(&unit).into_iter().flat_map(|load| load.packs));
    }

    /// The stuck points that the older one could stand in the way of, newest first; not those that another place took
    /// meanwhile.
    fn newer_than(&self, bench: &Bench<'_>, point: PointOrder) -> Vec<PointOrder> {
        let unit = bench.unit(point);
        let brings = unit
            .iter()
            .flat_map(|order| bench.medium.objects_of(bench.survey.point(*order)))
            .any(|it| self.lacks.contains(it));
        let never = self.never.iter().filter(|_| brings);
        let stuck: BTreeSet<_> =
            self.maybe.iter().chain(never).copied().filter(|it| *it > point && bench.is_owed(*it)).collect();
        stuck.into_iter().rev().collect()
    }
}

impl Bench<'_> {
    fn serve(&mut self, point: PointOrder, past: u32, gone: &impl Fn(VaultId, PointOrder) -> bool) -> Outcome {
        if self.is_fresh(point) {
            return Outcome::Copied;
        }
        if !self.is_owed(point) {
            // It gave way meanwhile.
            return Outcome::Declined;
        }
        let evicted = self.newest_evicted.get(&self.survey.point(point).job);
        let is_there = self.shelf.is_there(point);
        if !is_there && evicted.is_some_and(|newest| point <= *newest) {
            self.decline(point, Unwanted::OlderThanEvicted);
            return Outcome::Declined;
        }
        if self.is_vain(point) {
            if let Some(goal) = self.goal_mut(point) {
                goal.owed.remove(&point);
            }
            return Outcome::Declined;
        }
        let unit = self.unit(point);
        let sources: Vec<_> = unit.iter().map(|order| self.survey.sources(*order, self.id)).collect();
        if sources.iter().any(Vec::is_empty) {
            return Outcome::NoSource;
        }
        let (needs, capacity) = (self.bytes_of_chain(point), self.shelf.capacity());
        if needs > capacity {
            return Outcome::NeverFits { needs, capacity, shared: self.bytes_of_older(point) };
        }
        let loads = self.shelf.loads(&unit);
        if self.waits_for_post(point, &unit, &loads) {
            return Outcome::OnSeed;
        }
        let incoming = self.incoming(point, &unit, &loads);
        let before = self.steps.len();
        if let Err(stuck) = self.make_room(&incoming, gone) {
            return Outcome::Stuck(stuck);
        }
        self.verify_origins(&unit, &sources, before);
        for ((order, load), sources) in unit.iter().zip(loads).zip(sources) {
            self.prove_ancestors(*order);
            let reason = self.reason(*order, point, past);
            self.copy(*order, sources, load, reason);
        }
        Outcome::Copied
    }

    /// Could plans find room for it by themselves?
    fn may_get_room(&self, point: PointOrder) -> bool {
        self.room(&self.incoming_unit(point), Rules::Any, &|_, _| false).is_some()
    }

    /// If the point were copied now, would it, or what should rather stay, go when a stuck one gets its room?
    fn would_go_again(
        &self,
        point: PointOrder,
        stuck: &[PointOrder],
        gone: &impl Fn(VaultId, PointOrder) -> bool,
    ) -> bool {
        let mut then = self.clone();
        let unit = self.unit(point);
        if !matches!(then.serve(point, 0, gone), Outcome::Copied) {
            return false;
        }
        let before = then.steps.len();
        let mut left = stuck.to_vec();
        left.retain(|it| !matches!(then.serve(*it, 0, gone), Outcome::Copied));
        // Neither what the plan brings may go for it, nor what is newer than the point.
        let spares = |removed: &PointOrder| {
            let stays = then.is_fresh(*removed) || unit.contains(removed) || *removed > point;
            !stays || then.unwanted.contains(removed)
        };
        let goes = |it: &PointOrder| {
            let incoming = then.incoming_unit(*it);
            let removed = [Rules::Later, Rules::Ever, Rules::Any]
                .into_iter()
                .filter_map(|rules| then.room(&incoming, rules, gone));
            removed.flatten().any(|removed| !spares(&removed))
        };
        then.removed_since(before).any(|removed| !spares(&removed)) || left.iter().any(goes)
    }

    fn incoming_unit(&self, point: PointOrder) -> Incoming {
        let unit = self.unit(point);
        self.incoming(point, &unit, &self.shelf.loads(&unit))
    }

    /// The point and the ancestors that are not there, ancestors first.
    fn unit(&self, point: PointOrder) -> Vec<PointOrder> {
        let missing = |order: &PointOrder| !is_whole(self.shelf.state_of(*order)) || !self.shelf.is_live(*order);
        let mut unit: Vec<_> = std::iter::once(point).chain(self.survey.ancestors(point).filter(missing)).collect();
        unit.reverse();
        unit
    }

    /// Bytes of the point with all its ancestors, if nothing else were there.
    fn bytes_of_chain(&self, point: PointOrder) -> u64 {
        let chain: Vec<_> = std::iter::once(point).chain(self.survey.ancestors(point)).collect();
        let manifests: u64 = chain.iter().map(|order| self.survey.point(*order).manifest_bytes).sum();
        if let [only] = chain[..] {
            return manifests + self.shelf.bytes_of_all(self.objects(&only));
        }
        let packs: BTreeSet<_> = chain.iter().flat_map(|order| self.objects(order)).collect();
        manifests + self.shelf.bytes_of_all(packs)
    }

    /// Of these, the bytes of packs that were made for points before the chain.
    fn bytes_of_older(&self, point: PointOrder) -> u64 {
        let chain: Vec<_> = std::iter::once(point).chain(self.survey.ancestors(point)).collect();
        let oldest = chain.iter().copied().min().unwrap_or(point);
        let is_older = |pack: &&PackNumber| self.survey.state.packs.get(pack).is_some_and(|row| row.first < oldest);
        let packs: BTreeSet<_> = chain.iter().flat_map(|order| self.objects(order)).filter(is_older).collect();
        self.shelf.bytes_of_all(packs)
    }

    fn incoming(&self, point: PointOrder, unit: &[PointOrder], loads: &[Load]) -> Incoming {
        let (mut needs, mut added) = (0, 0);
        for load in loads {
            needs = needs.max(added + load.peak);
            added += load.bytes - load.replaces;
        }
        let packs = unit.iter().flat_map(|order| self.objects(order)).copied().collect();
        Incoming { point, packs, needs }
    }

    /// Is there nothing to send of it before what travels is here? What does not travel of a single point is sent at
    /// once, of one that is built on others nothing before those are here.
    fn waits_for_post(&self, point: PointOrder, unit: &[PointOrder], loads: &[Load]) -> bool {
        let nothing_to_send = loads.iter().all(|load| load.packs.is_empty());
        unit.iter().any(|order| self.travels(*order) && (nothing_to_send || *order != point))
    }

    /// Does a pack of it travel here on a seed's drive?
    fn travels(&self, point: PointOrder) -> bool {
        let travels = |pack: &PackNumber| self.medium.packs.get(pack) == Some(&PackThere::Travelling);
        self.objects(&point).iter().any(travels)
    }

    fn objects(&self, point: &PointOrder) -> &[PackNumber] {
        self.medium.objects_of(self.survey.point(*point))
    }

    /// Puts the reading back of the unit's origin before the removals that were made in its favour.
    fn verify_origins(&mut self, unit: &[PointOrder], sources: &[Vec<VaultId>], before: usize) {
        let removes = self.steps[before..].iter().any(|step| matches!(step, Step::Remove { .. }));
        for (order, sources) in unit.iter().zip(sources).filter(|_| removes) {
            if !self.survey.is_verified(*order, sources) && self.origins.insert(*order) {
                self.steps.insert(before, Step::VerifyOrigin { point: *order });
            }
        }
    }

    fn reason(&self, order: PointOrder, point: PointOrder, past: u32) -> CopyReason {
        let was = self.medium.placements.get(&order);
        match self.medium.state_of(order) {
            PlacementState::Damaged => CopyReason::Damaged,
            PlacementState::Missing => CopyReason::Missing,
            PlacementState::Copying => CopyReason::Interrupted,
            _ if order != point => CopyReason::NeededBy(point),
            _ if past > 0 => CopyReason::FellThrough { past },
            _ if was.is_some_and(|it| it.unwanted == Some(Unwanted::Elsewhere)) => CopyReason::LostElsewhere,
            _ => CopyReason::Owed,
        }
    }
}

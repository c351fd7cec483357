//! What holds for the whole state while a plan is made: who has which point, chains, proofs. Looked up once.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{Copies, Job, Medium, Point, State};
use crate::model::{JobId, PointOrder, Proof, State as PlacementState, VaultId};

/// Facts about the state that no step changes.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    pub state: &'a State,
    pub by_job: BTreeMap<JobId, BTreeSet<PointOrder>>,
    /// Every chain of more than one point, by its root, oldest first.
    chains: BTreeMap<PointOrder, Vec<PointOrder>>,
    roots: BTreeMap<PointOrder, PointOrder>,
    /// Where a point is whole, as far as is known.
    good: BTreeMap<PointOrder, Vec<VaultId>>,
    /// The newest point of each job that a drill proved.
    proved: BTreeMap<JobId, PointOrder>,
}

impl<'a> Survey<'a> {
    pub fn of(state: &'a State) -> Self {
        let mut survey = Self {
            state,
            by_job: BTreeMap::new(),
            chains: BTreeMap::new(),
            roots: BTreeMap::new(),
            good: BTreeMap::new(),
            proved: BTreeMap::new(),
        };
        state.points.iter().for_each(|(order, point)| survey.note_point(*order, point));
        state.media.iter().for_each(|(id, medium)| survey.note_medium(*id, medium));
        survey
    }

    fn note_point(&mut self, order: PointOrder, point: &Point) {
        self.by_job.entry(point.job).or_default().insert(order);
        if let Some(base) = point.base {
            let root = self.root(base);
            self.roots.insert(order, root);
            self.chains.entry(root).or_insert_with(|| vec![root]).push(order);
        }
    }

    fn note_medium(&mut self, id: VaultId, medium: &Medium) {
        for (order, placement) in medium.placements.iter().filter(|(order, _)| !medium.removing.contains(order)) {
            if is_whole(placement.state) {
                self.good.entry(*order).or_default().push(id);
            }
            if !medium.retired && is_whole(placement.state) && placement.proof >= Proof::Restored {
                let newest = self.proved.entry(self.point(*order).job).or_insert(*order);
                *newest = (*newest).max(*order);
            }
        }
    }

    pub fn point(&self, order: PointOrder) -> &'a Point {
        &self.state.points[&order]
    }

    pub fn job(&self, order: PointOrder) -> &'a Job {
        &self.state.jobs[&self.point(order).job]
    }

    /// The first point of its chain; itself if it depends on none.
    pub fn root(&self, order: PointOrder) -> PointOrder {
        self.roots.get(&order).copied().unwrap_or(order)
    }

    /// All points of the chain, oldest first.
    pub fn chain(&self, root: PointOrder) -> Vec<PointOrder> {
        self.chains.get(&root).cloned().unwrap_or_else(|| vec![root])
    }

    /// What it depends on, nearest first.
    pub fn ancestors(&self, order: PointOrder) -> impl Iterator<Item = PointOrder> {
        std::iter::successors(self.point(order).base, |base| self.point(*base).base)
    }

    /// The points that depend on it directly.
    pub fn dependents(&self, order: PointOrder) -> impl Iterator<Item = PointOrder> {
        let chain = self.chains.get(&self.root(order)).map_or(&[][..], Vec::as_slice);
        chain.iter().copied().filter(move |other| self.point(*other).base == Some(order))
    }

    /// Is it whole somewhere else, from where it could be copied there?
    pub fn is_whole_elsewhere(&self, order: PointOrder, there: VaultId) -> bool {
        self.givers(order, there).next().is_some()
    }

    /// Where it is whole, as far as is known.
    pub fn holders(&self, order: PointOrder) -> impl Iterator<Item = VaultId> {
        self.good.get(&order).into_iter().flatten().copied()
    }

    /// The media but that which must not give it up while it is owed: home if it is whole there, else all that have it.
    pub fn providers(&self, order: PointOrder, there: VaultId) -> Vec<VaultId> {
        let others: Vec<_> = self.givers(order, there).collect();
        let home = others.iter().find(|id| self.state.media[*id].is_home());
        home.map_or_else(|| others.clone(), |home| vec![*home])
    }

    /// Where it can be copied from now: home first, then what has evidence, then the rest.
    pub fn sources(&self, order: PointOrder, there: VaultId) -> Vec<VaultId> {
        let mut sources: Vec<_> = self.givers(order, there).filter(|id| self.state.media[id].is_here()).collect();
        sources.sort_by_key(|id| {
            let medium = &self.state.media[id];
            (!medium.is_home(), medium.state_of(order) != PlacementState::Complete, *id)
        });
        sources
    }

    /// Where it is whole, and could be copied there from.
    fn givers(&self, order: PointOrder, there: VaultId) -> impl Iterator<Item = VaultId> {
        let gives = move |id: &VaultId| *id != there && self.state.media[id].can_give(&self.state.media[&there]);
        self.holders(order).filter(gives)
    }

    /// Were its bytes read back once, at home or wherever it can come from?
    pub fn is_verified(&self, order: PointOrder, sources: &[VaultId]) -> bool {
        let has_evidence = |id: &VaultId| {
            let medium = &self.state.media[id];
            !medium.is_home() && medium.state_of(order) == PlacementState::Complete
        };
        self.point(order).origin_verified || sources.iter().any(has_evidence)
    }

    /// Is it the last point of its job that a drill proved, and was it proved there?
    pub fn is_last_proved(&self, order: PointOrder, there: &Medium) -> bool {
        self.proved.get(&self.point(order).job) == Some(&order)
            && there.placements.get(&order).is_some_and(|it| is_whole(it.state) && it.proof >= Proof::Restored)
    }

    /// The media in use that a job's points go to, in its order of preference.
    pub fn offsite(&self, job: &'a Job) -> Vec<(VaultId, &'a Medium)> {
        let media = self.state.media.iter().filter(|(_, medium)| !medium.retired && !medium.is_home());
        let rank = |medium: &Medium| job.offsite.iter().position(|name| *name == medium.destination);
        let mut ranked: Vec<_> = media.filter_map(|(id, medium)| Some((rank(medium)?, *id, medium))).collect();
        ranked.sort_by_key(|(rank, id, _)| (*rank, *id));
        ranked.into_iter().map(|(_, id, medium)| (id, medium)).collect()
    }

    /// With `copies = "first"`: the medium whose copy is the one that counts, which is none on the same disk.
    pub fn holder(&self, order: PointOrder, offsite: &[(VaultId, &Medium)]) -> Option<VaultId> {
        if self.job(order).copies == Copies::All {
            return None;
        }
        let find = |state: PlacementState, away: Away| {
            let counts = |medium: &Medium| !medium.same_disk && (medium.is_here() || matches!(away, Away::Counts));
            let has = |medium: &Medium| medium.holds(order) && medium.state_of(order) == state && counts(medium);
            offsite.iter().find(|(_, medium)| has(medium)).map(|(id, _)| *id)
        };
        find(PlacementState::Complete, Away::Counts).or_else(|| find(PlacementState::Present, Away::DoesNot))
    }
}

#[derive(Clone, Copy)]
enum Away {
    Counts,
    DoesNot,
}

/// There, and nothing bad is known of it.
pub(super) fn is_whole(state: PlacementState) -> bool {
    matches!(state, PlacementState::Present | PlacementState::Complete)
}

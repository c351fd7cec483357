//! The judge's own picture of the media while it walks through a plan: plain maps, and each question answered from
//! scratch. Shares no code with the planner.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::state::{Medium, PackNumber, PackThere, State, Unwanted};
use crate::model::{GroupId, JobId, PointOrder, State as PlacementState};

/// The state as the design reads it: complete is only what stands on what is complete.
pub(super) fn grounded(state: &State) -> Cow<'_, State> {
    if state.points.values().all(|point| point.base.is_none()) {
        return Cow::Borrowed(state);
    }
    let mut grounded = state.clone();
    for (order, base) in state.points.iter().filter_map(|(order, point)| Some((order, point.base?))) {
        for medium in grounded.media.values_mut() {
            let founded = medium.state_of(base) == PlacementState::Complete && !medium.removing.contains(&base);
            let row = medium.placements.get_mut(order).filter(|row| row.state == PlacementState::Complete && !founded);
            row.into_iter().for_each(|row| row.state = PlacementState::Present);
        }
    }
    Cow::Owned(grounded)
}

/// One medium as the steps so far leave it.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub medium: &'a Medium,
    pub states: BTreeMap<PointOrder, (PlacementState, Option<Unwanted>)>,
    /// Points whose packs are needed, by group.
    needing: BTreeMap<GroupId, BTreeSet<PointOrder>>,
    pub packs: BTreeMap<PackNumber, PackThere>,
    pub used: u64,
    pub free: Option<u64>,
    /// The most that was used, and the least that was free, since what earlier sessions began was finished.
    pub fullest: (u64, Option<u64>),
    /// Points that steps made complete, and at home read back.
    pub made: BTreeSet<PointOrder>,
    /// How many complete points of each job there were and still are.
    pub complete: BTreeMap<JobId, u64>,
    /// Points whose removal was begun and is not finished.
    pub begun: BTreeSet<PointOrder>,
    /// Packs of which that is so.
    pub marked: BTreeSet<PackNumber>,
    pub origins: BTreeSet<PointOrder>,
    pub newest_evicted: BTreeMap<JobId, PointOrder>,
}

impl<'a> Place<'a> {
    pub fn of(state: &State, medium: &'a Medium) -> Self {
        let mut place = Self {
            medium,
            states: medium.placements.iter().map(|(order, it)| (*order, (it.state, it.unwanted))).collect(),
            needing: BTreeMap::new(),
            packs: medium.packs.clone(),
            used: medium.used,
            free: medium.free,
            fullest: (medium.used, medium.free),
            made: BTreeSet::new(),
            complete: BTreeMap::new(),
            begun: medium.removing.clone(),
            marked: BTreeSet::new(),
            origins: BTreeSet::new(),
            newest_evicted: medium.newest_evicted.clone(),
        };
        let marked = medium.packs.iter().filter(|(_, it)| **it == PackThere::Deleting);
        place.marked = marked.map(|(pack, _)| *pack).collect();
        for (order, placement) in medium.placements.iter().filter(|(order, _)| !medium.removing.contains(order)) {
            let Some(point) = state.points.get(order) else { continue };
            if placement.state == PlacementState::Complete {
                *place.complete.entry(point.job).or_default() += 1;
            }
            if placement.state.is_there() || placement.state == PlacementState::Copying {
                place.needing.entry(point.group).or_default().insert(*order);
            }
        }
        place
    }

    pub fn state_of(&self, order: PointOrder) -> PlacementState {
        self.states.get(&order).map_or(PlacementState::Pending, |(state, _)| *state)
    }

    /// There, and not on its way out.
    pub fn has(&self, order: PointOrder) -> bool {
        self.state_of(order).is_there() && !self.medium.removing.contains(&order)
    }

    /// There or being copied.
    pub fn needs(&self, state: &State, order: PointOrder) -> bool {
        let group = state.points.get(&order).and_then(|point| self.needing.get(&point.group));
        group.is_some_and(|needing| needing.contains(&order))
    }

    /// A point there that needs the pack.
    pub fn needed_by(&self, state: &State, pack: PackNumber) -> Option<PointOrder> {
        let row = state.packs.get(&pack)?;
        self.needing.get(&row.group)?.range(row.first..=row.last).next().copied()
    }

    pub fn free_bytes(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
        self.free = self.free.map(|free| free.saturating_add(bytes));
    }

    pub fn take_bytes(&mut self, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
        self.free = self.free.map(|free| free.saturating_sub(bytes));
        let (most, least) = self.fullest;
        self.fullest = (most.max(self.used), least.min(self.free));
    }

    /// Does the point leave, in whatever state it was?
    pub fn leave(&mut self, state: &State, order: PointOrder, then: PlacementState, unwanted: Option<Unwanted>) {
        let Some(point) = state.points.get(&order) else { return };
        if self.state_of(order) == PlacementState::Complete && !self.made.remove(&order) {
            *self.complete.entry(point.job).or_default() -= 1;
        }
        if let Some(needing) = self.needing.get_mut(&point.group) {
            needing.remove(&order);
        }
        self.states.insert(order, (then, unwanted));
    }

    pub fn arrive(&mut self, state: &State, order: PointOrder) {
        let Some(point) = state.points.get(&order) else { return };
        if self.state_of(order) != PlacementState::Complete {
            self.made.insert(order);
        }
        self.needing.entry(point.group).or_default().insert(order);
        self.states.insert(order, (PlacementState::Complete, None));
    }
}

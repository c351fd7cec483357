//! A plan carried out step by step on plain maps.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{JobId, Keep, PointOrder, Proof, State as PlacementState, VaultId};
use crate::plan::keep::keep;
use crate::plan::{Job, Layout, Medium, PackNumber, PackThere, Plan, Point, RemoveReason, State, Step};

/// A state and a plan for it, carried out step by step.
pub(in crate::plan::tests) struct Story<'a> {
    pub state: &'a State,
    pub plan: &'a Plan,
    /// Every step at every medium.
    pub moments: Vec<Moment<'a>>,
    ends: BTreeMap<VaultId, Shelf>,
}

/// One medium between two steps.
#[derive(Clone)]
pub(in crate::plan::tests) struct Shelf {
    pub rows: BTreeMap<PointOrder, PlacementState>,
    pub packs: BTreeMap<PackNumber, PackThere>,
    pub used: u64,
    pub free: Option<u64>,
    /// What the plan made complete.
    pub brought: BTreeSet<PointOrder>,
    pub newest_evicted: BTreeMap<JobId, PointOrder>,
}

/// One step, and the medium before and after it.
pub(in crate::plan::tests) struct Moment<'a> {
    pub id: VaultId,
    pub medium: &'a Medium,
    pub steps: &'a [Step],
    pub index: usize,
    pub step: &'a Step,
    pub before: Shelf,
    pub after: Shelf,
}

impl Shelf {
    pub fn of(medium: &Medium) -> Self {
        let gone = |order: &PointOrder| medium.removing.contains(order);
        Self {
            rows: medium.placements.iter().filter(|(order, _)| !gone(order)).map(|(at, it)| (*at, it.state)).collect(),
            packs: medium.packs.clone(),
            used: medium.used,
            free: medium.free,
            brought: BTreeSet::new(),
            newest_evicted: medium.newest_evicted.clone(),
        }
    }

    pub fn is(&self, order: PointOrder) -> PlacementState {
        self.rows.get(&order).copied().unwrap_or(PlacementState::Pending)
    }

    pub fn has(&self, order: PointOrder) -> bool {
        self.is(order).is_there()
    }

    pub fn is_whole(&self, order: PointOrder) -> bool {
        matches!(self.is(order), PlacementState::Present | PlacementState::Complete)
    }

    fn freed(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
        self.free = self.free.map(|free| free + bytes);
    }

    fn take(&mut self, step: &Step, state: &State) {
        match step {
            Step::Finish { packs, bytes, .. } | Step::Sweep { packs, bytes } => {
                packs.iter().for_each(|pack| _ = self.packs.remove(pack));
                self.freed(*bytes);
            }
            Step::Decline { point, .. } => _ = self.rows.insert(*point, PlacementState::NotWanted),
            Step::Owe { point } => _ = self.rows.insert(*point, PlacementState::Pending),
            Step::Remove { point, reason, packs, bytes, .. } => {
                packs.iter().for_each(|pack| _ = self.packs.remove(pack));
                self.freed(*bytes);
                self.rows.insert(*point, PlacementState::NotWanted);
                if matches!(reason, RemoveReason::Eviction { .. } | RemoveReason::Overflow(_)) {
                    self.rows.insert(*point, PlacementState::Evicted);
                    let newest = self.newest_evicted.entry(state.points[point].job).or_insert(*point);
                    *newest = (*newest).max(*point);
                }
            }
            Step::VerifyOrigin { .. } => {}
            Step::Copy { point, packs, bytes, replaces, .. } => {
                packs.iter().for_each(|pack| _ = self.packs.insert(*pack, PackThere::Proved));
                self.used += bytes - replaces;
                self.free = self.free.map(|free| free.saturating_sub(bytes - replaces));
                self.brought.insert(*point);
                self.rows.insert(*point, PlacementState::Complete);
            }
            Step::Verify { point } => {
                if self.is(*point) != PlacementState::Complete {
                    self.brought.insert(*point);
                }
                self.rows.insert(*point, PlacementState::Complete);
            }
        }
    }
}

/// The state with nothing complete on a base that is not.
pub(in crate::plan::tests) fn founded(mut state: State) -> State {
    let based: Vec<_> = state.points.iter().filter_map(|(at, point)| Some((*at, point.base?))).collect();
    for medium in state.media.values_mut() {
        for (at, base) in &based {
            let stands = medium.state_of(*base) == PlacementState::Complete && !medium.removing.contains(base);
            if medium.state_of(*at) == PlacementState::Complete && !stands {
                medium.placements.get_mut(at).expect("it is complete").state = PlacementState::Present;
            }
        }
    }
    state
}

impl<'a> Story<'a> {
    pub fn of(state: &'a State, plan: &'a Plan) -> Self {
        let ends = state.media.iter().map(|(id, medium)| (*id, Shelf::of(medium))).collect();
        let mut story = Self { state, plan, moments: Vec::new(), ends };
        for (id, steps) in &plan.media {
            let medium = &state.media[id];
            let mut shelf = Shelf::of(medium);
            for (index, step) in steps.iter().enumerate() {
                let before = shelf.clone();
                shelf.take(step, state);
                let after = shelf.clone();
                story.moments.push(Moment { id: *id, medium, steps, index, step, before, after });
            }
            story.ends.insert(*id, shelf);
        }
        story
    }

    /// A medium when all its steps are done.
    pub fn end(&self, id: VaultId) -> &Shelf {
        &self.ends[&id]
    }

    /// A medium before each step and after the last, but not before what earlier sessions began is finished.
    pub fn shelves(&self, id: VaultId) -> impl Iterator<Item = &Shelf> {
        let later = move |it: &&Moment<'_>| it.id == id && !matches!(it.step, Step::Finish { .. });
        self.moments.iter().filter(later).map(|it| &it.before).chain([self.end(id)])
    }

    pub fn point(&self, order: PointOrder) -> &'a Point {
        &self.state.points[&order]
    }

    /// Its job, and which row of that it is one of.
    pub fn row(&self, order: PointOrder) -> (JobId, u64) {
        (self.point(order).job, self.point(order).series)
    }

    pub fn job(&self, order: PointOrder) -> &'a Job {
        &self.state.jobs[&self.point(order).job]
    }

    /// Does the point's job go to that medium, which is in use?
    pub fn goes(&self, order: PointOrder, medium: &Medium) -> bool {
        !medium.retired && !medium.is_home() && self.job(order).offsite.contains(&medium.destination)
    }

    /// Is it whole at another medium, as what it could be copied there from?
    pub fn is_elsewhere(&self, order: PointOrder, id: VaultId) -> bool {
        let there = &self.state.media[&id];
        let has = |medium: &Medium| gives(medium, there) && Shelf::of(medium).is_whole(order);
        self.state.media.iter().any(|(other, medium)| *other != id && has(medium))
    }

    /// The points that it depends on, nearest first.
    pub fn bases(&self, order: PointOrder) -> Vec<PointOrder> {
        std::iter::successors(self.point(order).base, |base| self.point(*base).base).collect()
    }

    /// All that depend on the same first point.
    pub fn chain(&self, order: PointOrder) -> BTreeSet<PointOrder> {
        let root = |order: PointOrder| self.bases(order).last().copied().unwrap_or(order);
        self.state.points.keys().copied().filter(|other| root(*other) == root(order)).collect()
    }

    /// The rule of a point's job at that medium.
    pub fn rule(&self, order: PointOrder, medium: &Medium) -> Option<&'a Keep> {
        let job = self.job(order);
        if medium.is_home() { job.keep_at_home.as_ref() } else { job.keep.as_ref() }
    }

    /// Would `keep` over these want the point, or one of these that depends on it?
    pub fn keeps(&self, order: PointOrder, medium: &Medium, among: &BTreeSet<PointOrder>) -> bool {
        let of_job = among.iter().filter(|other| self.point(**other).job == self.point(order).job);
        let mut rows = BTreeMap::<_, Vec<_>>::new();
        of_job.for_each(|other| rows.entry(self.row(*other)).or_default().push((*other, self.point(*other).created)));
        let kept = rows.values().flat_map(|row| keep(self.rule(order, medium), row, &self.state.zone).into_keys());
        let kept: Vec<_> = kept.collect();
        kept.iter().any(|other| *other == order || self.bases(*other).contains(&order))
    }

    /// Did a drill prove it at that medium, and is it still whole there?
    pub fn is_proved(&self, order: PointOrder, medium: &Medium) -> bool {
        let proof = medium.placements.get(&order).map_or(Proof::None, |it| it.proof);
        proof >= Proof::Restored && Shelf::of(medium).is_whole(order)
    }
}

/// From the files of a mirror no packs can be made.
pub(super) fn gives(source: &Medium, there: &Medium) -> bool {
    source.layout == Layout::Vault || there.layout == Layout::Mirror
}

/// The point that a removal is for.
pub(super) const fn made_for(step: &Step) -> Option<PointOrder> {
    match step {
        Step::Remove { reason: RemoveReason::Eviction { by } | RemoveReason::Superseded { by }, .. } => Some(*by),
        _ => None,
    }
}

/// The point that an eviction takes.
pub(super) const fn evicted(step: &Step) -> Option<PointOrder> {
    match step {
        Step::Remove { point, reason: RemoveReason::Eviction { .. }, .. } => Some(*point),
        _ => None,
    }
}

/// The point that is removed by a rule, not by hand.
pub(super) fn removed(step: &Step) -> Option<PointOrder> {
    match step {
        Step::Remove { point, reason, .. } if *reason != RemoveReason::Forgotten => Some(*point),
        _ => None,
    }
}

/// Applies to every moment for which `asked` gives something, and holds `rule` against it.
pub(super) fn each<T: std::fmt::Debug>(
    story: &Story<'_>,
    asked: impl Fn(&Moment<'_>) -> Option<T>,
    rule: impl Fn(&Moment<'_>, &T) -> bool,
) -> super::Verdict {
    let mut applied = 0;
    for moment in &story.moments {
        let Some(subject) = asked(moment) else { continue };
        applied += 1;
        if !rule(moment, &subject) {
            return Err(format!("{:?} at {:?}: {:?}", subject, moment.id, moment.step));
        }
    }
    Ok(applied)
}

//! What is owed to each destination, as the catalog has it: placements that are not there yet, and points that no
//! placement speaks of at a medium that was enrolled later.
//!
//! Deliberately absent: `keep` over what is there and what is owed; a visit's plan settles that.

use std::collections::{BTreeMap, BTreeSet};

use super::chained::{built_on, with_bases};
use super::{Context, Failure};
use crate::catalog::{Catalog, MediumRow, PlacementRow, PointRow};
use crate::config::{Config, Copies, Job};
use crate::model::{DestinationName, JobId, PointOrder, State, VaultId};

/// The catalog's points and where they are, read once.
pub(super) struct Placed {
    /// All points that were not removed, oldest first.
    pub points: Vec<PointRow>,
    /// All media, home first.
    pub media: Vec<MediumRow>,
    /// Placements by medium.
    pub at: BTreeMap<VaultId, BTreeMap<PointOrder, PlacementRow>>,
    names: BTreeMap<JobId, crate::model::JobName>,
    /// Points that were removed for good; none while nothing may be removed.
    removed: BTreeSet<PointOrder>,
}

impl Placed {
    /// Reads it.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub(super) fn read(catalog: &Catalog) -> Result<Self, Failure> {
        let media = catalog.media()?;
        let points = catalog.points()?;
        let (built_on, mut at) = (built_on(&points), BTreeMap::new());
        for medium in &media {
            let mut rows = catalog.placements_at(medium.vault)?.into_iter().collect();
            with_bases(&built_on, medium.side, &mut rows);
            at.insert(medium.vault, rows);
        }
        let (points, gone): (Vec<_>, Vec<_>) = points.into_iter().partition(|point| point.removed.is_none());
        let removable = !catalog.meta()?.unconfirmed && catalog.fenced()?.is_none();
        let removed = gone.iter().filter(|point| removable && !point.pinned).map(|point| point.order).collect();
        let names = catalog.jobs()?.into_iter().map(|row| (row.id, row.name)).collect();
        Ok(Self { points, media, at, names, removed })
    }

    /// The state of a point at a medium, if anything is known of it there.
    pub(super) fn state(&self, medium: VaultId, point: PointOrder) -> Option<State> {
        Some(self.at.get(&medium)?.get(&point)?.state)
    }

    /// Media of a destination that are in use.
    pub(super) fn in_use<'p>(&'p self, name: &'p DestinationName) -> impl Iterator<Item = &'p MediumRow> {
        self.media.iter().filter(move |row| row.destination == *name && row.retired.is_none())
    }

    /// The configured job that a point is of.
    pub(super) fn job_of<'c>(&self, config: &'c Config, point: &PointRow) -> Option<&'c Job> {
        config.job(self.names.get(&point.job)?)
    }

    /// Points that are owed to media of a destination; to its future first one, if it has none yet.
    pub(super) fn owed(&self, config: &Config, name: &DestinationName) -> BTreeSet<(Option<VaultId>, PointOrder)> {
        let goes_there = |point: &&PointRow| {
            self.job_of(config, point).is_some_and(|job| job.offsite.contains(name) && !self.is_enough(job, point))
        };
        let points: Vec<&PointRow> = self.points.iter().filter(goes_there).collect();
        let media: Vec<&MediumRow> = self.in_use(name).collect();
        if media.is_empty() && self.media.iter().any(|row| row.destination == *name) {
            // All of its media were retired.
            return BTreeSet::new();
        }
        if media.is_empty() {
            return points.iter().filter(|point| self.is_somewhere(point.order)).map(|it| (None, it.order)).collect();
        }
        let mut owed = BTreeSet::new();
        for row in media {
            let here = points.iter().filter(|point| self.is_owed(row, point));
            owed.extend(here.map(|point| (Some(row.vault), point.order)));
        }
        owed
    }

    /// The same without what can wait: of drives that take turns each gets its points when it is there; until then one
    /// that has a point is enough.
    pub(super) fn waits(&self, config: &Config, name: &DestinationName) -> BTreeSet<(Option<VaultId>, PointOrder)> {
        let mut owed = self.owed(config, name);
        owed.retain(|(medium, point)| medium.is_none_or(|medium| !self.waits_its_turn(config, medium, *point)));
        owed
    }

    /// Is the medium one of several that take turns, not the one that was there last, and another one has the point?
    pub(super) fn waits_its_turn(&self, config: &Config, medium: VaultId, point: PointOrder) -> bool {
        let Some(row) = self.media.iter().find(|row| row.vault == medium) else { return false };
        if !config.destination(&row.destination).is_some_and(|destination| destination.rotation) {
            return false;
        }
        let its = || self.in_use(&row.destination);
        let is_in_turn = its().max_by_key(|row| row.last_seen).is_some_and(|last| last.vault == medium);
        !is_in_turn && its().any(|other| self.state(other.vault, point) == Some(State::Complete))
    }

    /// Points that were removed for good and lie at media of a destination all the same: a session there takes them away.
    fn leftovers(&self, name: &DestinationName) -> BTreeSet<(VaultId, PointOrder)> {
        let mut found = BTreeSet::new();
        for row in self.in_use(name) {
            let there = self.at.get(&row.vault).into_iter().flatten().filter(|(_, placed)| placed.state.is_there());
            let left = there.filter(|(order, _)| self.removed.contains(order));
            found.extend(left.map(|(order, _)| (row.vault, *order)));
        }
        found
    }

    /// What is complete at a medium is only present: what lies there is not what the catalog says.
    pub(super) fn doubt(&mut self, medium: VaultId) {
        for placed in self.at.get_mut(&medium).into_iter().flat_map(BTreeMap::values_mut) {
            if placed.state == State::Complete {
                (placed.state, placed.verified) = (State::Present, None);
            }
        }
    }

    fn is_owed(&self, medium: &MediumRow, point: &PointRow) -> bool {
        let evicted = medium.evicted.iter().find(|mark| mark.job == point.job).map(|mark| mark.order);
        match self.state(medium.vault, point.order) {
            Some(State::Complete | State::NotWanted | State::Evicted) => false,
            Some(State::Pending | State::Copying | State::Present | State::Missing | State::Damaged) => true,
            None => evicted.is_none_or(|newest| point.order > newest) && self.is_somewhere(point.order),
        }
    }

    fn is_somewhere(&self, point: PointOrder) -> bool {
        self.at.values().any(|at| at.get(&point).is_some_and(|row| row.state.is_there()))
    }

    /// `copies = "first"` has its one copy.
    fn is_enough(&self, job: &Job, point: &PointRow) -> bool {
        let complete = |row: &MediumRow| self.state(row.vault, point.order) == Some(State::Complete);
        job.copies == Copies::First && job.offsite.iter().any(|name| self.in_use(name).any(complete))
    }
}

/// What is to be done at each destination, what is owed and what was removed and lies there still, as one number that
/// changes with it; 0 for nothing.
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn fingerprints(context: &Context) -> Result<BTreeMap<DestinationName, u64>, Failure> {
    let placed = Placed::read(&context.installation.catalog)?;
    let config = &context.installation.config;
    let names = config.destinations.iter().map(|destination| &destination.name);
    Ok(names.map(|name| (name.clone(), fingerprint(&placed.owed(config, name), &placed.leftovers(name)))).collect())
}

fn fingerprint(owed: &BTreeSet<(Option<VaultId>, PointOrder)>, left: &BTreeSet<(VaultId, PointOrder)>) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    if owed.is_empty() && left.is_empty() {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    (owed, left).hash(&mut hasher);
    hasher.finish().max(1)
}

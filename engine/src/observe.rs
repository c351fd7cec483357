//! Catalog, destinations and configuration to the one value that a plan is made from.
//!
//! In: a snapshot of the catalog, what each place said of itself just now, the configuration. Out: [`plan::State`].
//! Deliberately absent: any decision; any effect but reading manifests' pack lists of points that are owed.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, MediumRow, PackState, Side, Snapshot};
use crate::config::{self, Config, reserve_bytes};
use crate::destination::{ReadStore, Space};
use crate::model::{JobId, PackId, PointName, PointOrder, Proof, State as PlacementState, Time, VaultId};
use crate::plan::{
    self, AtHome, Copies, Deletions, Evict, Hold, Job, Layout, Medium, Orphans, Pack, PackNumber, PackThere, Placement,
    Point, Reach, Unwanted,
};
use crate::seal::Keyring;
use crate::vault::{PackNames, VaultReader};

/// What one medium's place said of itself.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The room there, where it tells, if it is there; else why it is not.
    pub space: Result<Option<Space>, String>,
    /// Bytes of objects that lay there when it said that it is full, where it tells no room: what more it takes has to
    /// be made there first.
    pub full_at: Option<u64>,
    /// May anything be deleted there?
    pub deletions: Deletions,
}

/// Which packs each owed point names: read once from its manifest; and what it is at a mirror.
#[derive(Debug, Default)]
pub struct PointPacks {
    packs: BTreeMap<PointOrder, Vec<PackNumber>>,
    files: BTreeMap<PointOrder, Vec<PackNumber>>,
}

/// What an observation is made from.
pub struct Observed<'o> {
    /// The configuration.
    pub config: &'o Config,
    /// The catalog's state.
    pub snapshot: &'o Snapshot,
    /// Each medium that was looked at.
    pub seen: &'o BTreeMap<VaultId, Seen>,
    /// Now.
    pub now: Time,
}

/// Before every point: a pack that no point uses yet, or that a capture which broke off left, is used from there to
/// there.
const NO_POINT: PointOrder = PointOrder { epoch: 0, sequence: 0 };

/// Puts a state together.
#[must_use]
pub fn observe(observed: &Observed<'_>, packs: &PointPacks) -> plan::State {
    let snapshot = observed.snapshot;
    let is_placed = |order: &PointOrder| snapshot.placements.values().any(|at| at.contains_key(order));
    let points = snapshot.points.iter().filter(|(order, _)| is_placed(order));
    plan::State {
        generation: snapshot.generation.0,
        now: observed.now,
        zone: jiff::tz::TimeZone::system(),
        jobs: snapshot.jobs.keys().map(|id| (*id, job(observed, *id))).collect(),
        points: points.map(|(order, _)| (*order, point(observed, *order, packs))).collect(),
        packs: snapshot
            .packs
            .iter()
            .map(|(number, row)| {
                let (first, last) = row.used.map_or((NO_POINT, NO_POINT), |used| (used.first, used.last));
                (PackNumber(number.0), Pack { bytes: row.bytes, group: row.group, first, last })
            })
            .collect(),
        media: snapshot.media.iter().map(|row| (row.vault, medium(observed, row))).collect(),
        coming: None,
    }
}

fn job(observed: &Observed<'_>, id: JobId) -> Job {
    let row = &observed.snapshot.jobs[&id];
    let configured = observed.config.job(&row.name);
    let hold = match (&row.alarm, &row.clock_jump, observed.snapshot.meta.unconfirmed) {
        (Some(_), ..) => Some(Hold::Alarm),
        (None, Some(_), _) => Some(Hold::ClockJump),
        (None, None, true) => Some(Hold::Rebuilt),
        (None, None, false) => None,
    };
    let keep = configured.and_then(|job| job.keep.clone());
    Job {
        name: row.name.clone(),
        offsite: configured.map(|job| job.offsite.clone()).unwrap_or_default(),
        copies: match configured.map(|job| job.copies) {
            Some(config::Copies::First) => Copies::First,
            _ => Copies::All,
        },
        keep_at_home: configured.and_then(|_| observed.config.home.keep.clone()).or_else(|| keep.clone()),
        keep,
        expect: configured.and_then(|job| job.expect),
        hold,
        at_home: if configured.is_some_and(|job| !job.home) { AtHome::Pass } else { AtHome::Stay },
    }
}

fn point(observed: &Observed<'_>, order: PointOrder, packs: &PointPacks) -> Point {
    let row = &observed.snapshot.points[&order];
    let home = observed.snapshot.meta.home;
    let at_home = home.and_then(|home| observed.snapshot.placements.get(&home)?.get(&order));
    Point {
        id: row.id,
        job: row.job,
        group: row.group,
        created: row.created,
        base: row.base,
        series: observed.snapshot.series.get(&order).map_or(0, |series| row_number(series)),
        pinned: row.pinned,
        origin_verified: at_home.is_some_and(|placement| placement.proof >= Proof::BytesRead),
        manifest_bytes: row.manifest_bytes,
        packs: packs.packs.get(&order).cloned().unwrap_or_default(),
        files: packs.files.get(&order).cloned().unwrap_or_default(),
    }
}

/// A number that stands for a row of points: the same for the same name.
fn row_number(series: &str) -> u64 {
    let digest = blake3::hash(series.as_bytes());
    digest.as_bytes().first_chunk().map_or(0, |front| u64::from_be_bytes(*front))
}

fn medium(observed: &Observed<'_>, row: &MediumRow) -> Medium {
    let (snapshot, vault) = (observed.snapshot, row.vault);
    let destination = observed.config.destination(&row.destination);
    let seen = observed.seen.get(&vault);
    let space = seen.and_then(|seen| seen.space.clone().ok().flatten());
    let is_home = row.destination.is_home();
    let configured =
        if is_home { observed.config.home.limit } else { destination.and_then(|destination| destination.limit) };
    let limit = configured.into_iter().chain(seen.and_then(|seen| seen.full_at)).min();
    let reserve =
        if is_home { observed.config.home.reserve } else { destination.and_then(|destination| destination.reserve) };
    let (reach, mut deletions) = match seen.map(|seen| (&seen.space, &seen.deletions)) {
        Some((Ok(_), deletions)) => (Reach::Here, deletions.clone()),
        Some((Err(why), _)) => (Reach::Away(why.clone()), Deletions::Refused(why.clone())),
        None => (
            Reach::Away("it is not configured, or another medium is there".into()),
            Deletions::Refused("it is not there".into()),
        ),
    };
    if let Some(why) = &snapshot.fenced {
        deletions = Deletions::Refused(why.clone());
    }
    let evict = match destination.map(|destination| destination.evict) {
        Some(config::Evict::Oldest) => Evict::Oldest,
        _ => Evict::Never,
    };
    // What travels there by post takes its room already; while it is being unloaded some is counted twice.
    let travelling = snapshot.travelling.get(&vault).into_iter().flatten();
    let travels: u64 = travelling.filter_map(|number| snapshot.packs.get(number)).map(|row| row.bytes).sum();
    let is_mirror = destination.is_some_and(|destination| destination.layout == config::Layout::Mirror);
    Medium {
        destination: row.destination.clone(),
        layout: if is_mirror { Layout::Mirror } else { Layout::Vault },
        retired: row.retired.is_some(),
        same_disk: row.same_disk,
        reach,
        deletions,
        limit,
        free: space.map(|space: Space| space.free.saturating_sub(travels)),
        reserve: reserve_bytes(reserve, space.map_or(0, |space| space.total)),
        evict,
        keep_at_least: destination.map_or(1, |destination| destination.keep_at_least),
        evict_unique: destination.is_none_or(|destination| destination.evict_unique),
        used: snapshot.usage.get(&vault).map_or(0, crate::catalog::UsageRow::bytes).saturating_add(travels),
        placements: placements(snapshot, vault, is_mirror),
        packs: packs_there(snapshot, row),
        newest_evicted: row.evicted.iter().map(|mark| (mark.job, mark.order)).collect(),
        reserved: reserved(snapshot, vault),
        reserved_points: snapshot
            .reservations
            .values()
            .filter(|row| row.at == vault)
            .flat_map(|row| row.points.iter().copied())
            .collect(),
        removing: snapshot.removals.get(&vault).into_iter().flatten().map(|(order, _)| *order).collect(),
        orphans: if seeding(snapshot, vault) { Orphans::Kept } else { Orphans::MayGo },
    }
}

/// What is known of each point there. One that a person removed for good is owed nowhere, whatever else is known: where
/// it still lies it is removed, anywhere else it is not wanted, at a medium that is enrolled later too.
fn placements(snapshot: &Snapshot, vault: VaultId, is_mirror: bool) -> BTreeMap<PointOrder, Placement> {
    let known = snapshot.placements.get(&vault).into_iter().flatten();
    let placed = |row: &crate::catalog::PlacementRow| if is_mirror && row.is_unfit() { UNFIT } else { placement(row) };
    let mut placements: BTreeMap<_, _> = known.map(|(order, row)| (*order, placed(row))).collect();
    let is_placed = |order: &PointOrder| snapshot.placements.values().any(|at| at.contains_key(order));
    let removed = snapshot.points.iter().filter(|(_, point)| point.removed.is_some() && !point.pinned);
    for (order, _) in removed.filter(|(order, _)| is_placed(order)) {
        let state = placements.get(order).map(|placed| placed.state);
        let lies_there = state.is_some_and(|state| state.is_there() || state == PlacementState::Copying);
        let is_settled = matches!(state, Some(PlacementState::NotWanted | PlacementState::Evicted));
        if !lies_there && !is_settled {
            placements.insert(*order, NEVER);
        }
    }
    placements
}

/// What a point that was removed by hand is where it does not lie.
const NEVER: Placement = Placement {
    state: PlacementState::NotWanted,
    proof: Proof::None,
    verified: None,
    unwanted: Some(Unwanted::Forgotten),
};

/// What a point is at a mirror that can't hold it: no room is made for it, and with `copies = "first"` the next one takes it.
const UNFIT: Placement = Placement { unwanted: Some(Unwanted::Unfit), ..NEVER };

fn placement(row: &crate::catalog::PlacementRow) -> Placement {
    let unwanted = (row.state == PlacementState::NotWanted).then(|| unwanted(&row.reason)).flatten();
    Placement { state: row.state, proof: row.proof, verified: row.verified, unwanted }
}

/// The reason why a point is not wanted, from the words that were recorded with it.
fn unwanted(reason: &str) -> Option<Unwanted> {
    const ALL: [Unwanted; 11] = [
        Unwanted::Keep,
        Unwanted::OlderThanEvicted,
        Unwanted::BaseGone,
        Unwanted::GaveWay,
        Unwanted::Removed,
        Unwanted::Forgotten,
        Unwanted::Retired,
        Unwanted::Elsewhere,
        Unwanted::NotOffsite,
        Unwanted::Spooled,
        Unwanted::GivenUp,
    ];
    let declined = ALL.into_iter().find(|unwanted| plan::unwanted_text(*unwanted) == reason);
    declined.or_else(|| plan::removal_of(reason))
}

fn packs_there(snapshot: &Snapshot, row: &MediumRow) -> BTreeMap<PackNumber, PackThere> {
    let there = snapshot.pack_at.get(&row.vault).into_iter().flatten();
    let travelling = snapshot.travelling.get(&row.vault).into_iter().flatten();
    let travelling = travelling.map(|number| (PackNumber(number.0), PackThere::Travelling));
    there
        .filter_map(|(number, at)| {
            let proved = at.evidence.is_some_and(|evidence| evidence.suffices(row.side));
            let there = match at.state {
                PackState::Present if proved => PackThere::Proved,
                PackState::Present => PackThere::Present,
                PackState::Damaged => PackThere::Damaged,
                PackState::Deleting => PackThere::Deleting,
                PackState::Missing => return None,
            };
            Some((PackNumber(number.0), there))
        })
        .chain(travelling)
        .collect()
}

/// Packs that a reservation names there, one by one or by its points (those of points are kept by their placements),
/// and those that would heal a point whose manifest is missing there: as the catalog counts what is needed.
fn reserved(snapshot: &Snapshot, vault: VaultId) -> BTreeSet<PackNumber> {
    let mut reserved: BTreeSet<PackNumber> =
        snapshot.reserved.get(&vault).into_iter().flatten().map(|number| PackNumber(number.0)).collect();
    let placements = snapshot.placements.get(&vault).into_iter().flatten();
    let missing = placements.filter(|(_, row)| row.state == PlacementState::Missing);
    let missing: Vec<_> = missing.filter_map(|(order, _)| snapshot.points.get(order)).collect();
    for number in snapshot.pack_at.get(&vault).into_iter().flat_map(BTreeMap::keys) {
        let Some(row) = snapshot.packs.get(number) else { continue };
        let heals = |point: &&crate::catalog::PointRow| {
            point.group == row.group && row.used.is_some_and(|used| used.holds(point.order))
        };
        if missing.iter().any(heals) {
            reserved.insert(PackNumber(number.0));
        }
    }
    reserved
}

fn seeding(snapshot: &Snapshot, vault: VaultId) -> bool {
    snapshot.seeds.values().any(|seed| seed.medium == vault && seed.is_open())
}

impl PointPacks {
    /// Reads the pack lists that a plan needs and that are not known yet: of every point that is not whole at each
    /// medium of its job's destinations, and of all that belong to a chain. A manifest that can't be read leaves its point without a list.
    pub fn fill(
        &mut self,
        catalog: &Catalog,
        keyring: &Keyring,
        snapshot: &Snapshot,
        stores: &[(VaultId, &dyn ReadStore)],
    ) {
        let offsite: Vec<&MediumRow> =
            snapshot.media.iter().filter(|row| row.side == Side::Offsite && row.retired.is_none()).collect();
        let bases: BTreeSet<_> = snapshot.points.values().filter_map(|row| row.base).collect();
        for (order, row) in &snapshot.points {
            let is_chained = row.base.is_some() || bases.contains(order);
            let state =
                |row: &MediumRow| snapshot.placements.get(&row.vault).and_then(|at| at.get(order)).map(|row| row.state);
            let settled = |state| {
                matches!(state, Some(PlacementState::Complete | PlacementState::NotWanted | PlacementState::Evicted))
            };
            let wanted = is_chained || offsite.iter().any(|row| !settled(state(row)));
            if wanted && !self.files.contains_key(order) {
                self.files.extend(files(catalog, *order).map(|files| (*order, files)));
            }
            if wanted && !self.packs.contains_key(order) {
                let list = stores
                    .iter()
                    .find_map(|(vault, store)| read_list(catalog, keyring, snapshot, *order, (*vault, *store)));
                self.packs.extend(list.map(|list| (*order, list)));
            }
        }
    }
}

/// What a point is at a mirror, if that was read.
fn files(catalog: &Catalog, order: PointOrder) -> Option<Vec<PackNumber>> {
    let objects = catalog.mirrored(order).ok().flatten()?.objects();
    sorted(catalog, &objects)
}

fn sorted(catalog: &Catalog, objects: &[PackId]) -> Option<Vec<PackNumber>> {
    let number = |id| catalog.pack_by_id(id).ok().flatten().map(|(number, _)| PackNumber(number.0));
    let mut list: Vec<PackNumber> = objects.iter().map(number).collect::<Option<_>>()?;
    list.sort_unstable();
    Some(list)
}

fn read_list(
    catalog: &Catalog,
    keyring: &Keyring,
    snapshot: &Snapshot,
    order: PointOrder,
    (vault, store): (VaultId, &dyn ReadStore),
) -> Option<Vec<PackNumber>> {
    let there = snapshot.placements.get(&vault)?.get(&order)?.state.is_there();
    let row = snapshot.points.get(&order).filter(|_| there)?;
    let reader = VaultReader::new(store, keyring);
    let (manifest, ..) = reader.manifest(row.job, PointName { order, id: row.id }).ok()?;
    let names = PackNames::of(&manifest, &reader).ok()?;
    sorted(catalog, names.all())
}

//! Random worlds that the catalog could have said: jobs, chains, shared packs, media in every condition.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::model::{
    GroupId, JobId, Keep, KeepRule, Name, PointId, PointOrder, Proof, State as PlacementState, Time, VaultId,
};
use crate::plan::{
    AtHome, Copies, Deletions, Evict, Hold, Job, Layout, Medium, Orphans, Pack, PackNumber, PackThere, Placement,
    Point, Reach, State, Unwanted,
};

pub(super) use super::shown::World;

pub(super) const HOME: VaultId = VaultId([0; 16]);

pub(super) fn vault(n: u8) -> VaultId {
    VaultId([n + 1; 16])
}

pub(super) fn job_id(n: usize) -> JobId {
    JobId([u8::try_from(n).expect("few jobs"); 8])
}

pub(super) fn order(sequence: u64) -> PointOrder {
    PointOrder { epoch: 1, sequence }
}

pub(super) fn keep(rule: KeepRule, count: u32) -> Option<Keep> {
    Keep::new([(rule, count)])
}

fn name(text: &str) -> Name {
    text.parse().expect("a valid name")
}

pub(super) fn destination(n: usize) -> Name {
    name(["usb", "office", "cloud"][n % 3])
}

#[derive(Debug, Clone)]
struct PointSpec {
    job: usize,
    based: bool,
    pinned: bool,
    verified: bool,
    manifest: u64,
    fresh: Vec<u64>,
    reused: u8,
    files: Vec<u64>,
    shared: bool,
    hours: i64,
}

#[derive(Debug, Clone)]
struct MediumSpec {
    destination: usize,
    mirror: bool,
    retired: bool,
    here: bool,
    refused: bool,
    room: Option<i64>,
    free: Option<u64>,
    reserve: u64,
    never: bool,
    keep_at_least: u32,
    evict_unique: bool,
    seed_open: bool,
    same_disk: bool,
    rows: Vec<u8>,
    proofs: Vec<u8>,
    strays: Vec<u8>,
}

fn points() -> impl Strategy<Value = Vec<PointSpec>> {
    let one = (0..3usize, any::<bool>(), 0..12u8, 0..4u8, 1..4u64, vec(1..30u64, 0..3), any::<u8>(), 1..40i64);
    let one = (one, vec(1..20u64, 1..3), any::<bool>());
    vec(one, 1..14).prop_map(|all| {
        let spec = |((job, based, pinned, verified, manifest, fresh, reused, hours), files, shared)| PointSpec {
            job,
            files,
            shared,
            based,
            pinned: pinned == 0,
            verified: verified != 0,
            manifest,
            fresh,
            reused,
            hours,
        };
        all.into_iter().map(spec).collect()
    })
}

fn medium() -> impl Strategy<Value = MediumSpec> {
    let flags = (0..3usize, 0..10u8, 0..4u8, 0..8u8, 0..4u8, any::<bool>(), 0..8u8, 0..6u8, 0..4u8);
    let sizes = (option::of(-10..80i64), option::of(0..120u64), 0..10u64, 0..3u32);
    (flags, sizes, vec(any::<u8>(), 14), vec(any::<u8>(), 14), vec(any::<u8>(), 0..3)).prop_map(
        |(
            (destination, retired, away, refused, never, evict_unique, seed, same_disk, mirror),
            sizes,
            rows,
            proofs,
            strays,
        )| {
            MediumSpec {
                destination,
                mirror: mirror == 3,
                retired: retired == 0,
                here: away != 0,
                refused: refused == 0,
                room: sizes.0,
                free: sizes.1,
                reserve: sizes.2,
                never: never == 0,
                keep_at_least: sizes.3,
                evict_unique,
                seed_open: seed == 0,
                same_disk: same_disk == 0,
                rows,
                proofs,
                strays,
            }
        },
    )
}

fn job() -> impl Strategy<Value = Job> {
    let rule = prop_oneof![
        Just(None),
        (1..4u32).prop_map(|n| keep(KeepRule::Last, n)),
        (1..4u32).prop_map(|n| keep(KeepRule::Daily, n)),
    ];
    let offsite = prop_oneof![Just(vec![0, 1, 2]), Just(vec![1, 0]), Just(vec![2, 1, 0]), Just(vec![0])];
    let hold = prop_oneof![12 => Just(None), 1 => Just(Some(Hold::Alarm)), 1 => Just(Some(Hold::ClockJump))];
    let expect = option::of((1..200u64).prop_map(|hours| Duration::from_secs(hours * 3600)));
    (rule.clone(), rule, offsite, any::<bool>(), hold, expect).prop_map(
        |(keep, keep_at_home, offsite, first, hold, expect)| Job {
            name: name("job"),
            offsite: offsite.into_iter().map(destination).collect(),
            copies: if first { Copies::First } else { Copies::All },
            keep,
            keep_at_home,
            expect,
            hold,
            at_home: AtHome::Stay,
        },
    )
}

/// A random world.
pub(super) fn world() -> impl Strategy<Value = World> {
    (vec(job(), 3), points(), vec(medium(), 1..4), medium(), 0..2u8)
        .prop_map(|(jobs, points, media, home, joined)| World(build(jobs, &points, &media, &home, joined == 0)))
}

/// A world in which every medium is there and nothing is in the way.
pub(super) fn open_world() -> impl Strategy<Value = World> {
    world().prop_map(|World(mut state)| {
        for medium in state.media.values_mut() {
            medium.reach = Reach::Here;
            (medium.limit, medium.free, medium.deletions) = (None, None, Deletions::Allowed);
        }
        World(state)
    })
}

/// An open world with limits, where no rule keeps anything from making room.
pub(super) fn plain_world() -> impl Strategy<Value = World> {
    world().prop_map(|World(mut state)| {
        for job in state.jobs.values_mut() {
            (job.hold, job.keep, job.copies) = (None, None, Copies::All);
        }
        state.points.values_mut().for_each(|point| (point.base, point.pinned) = (None, false));
        fill_home(&mut state);
        for medium in state.media.values_mut() {
            medium.reach = Reach::Here;
            (medium.keep_at_least, medium.evict_unique, medium.deletions) = (0, true, Deletions::Allowed);
            medium.placements.values_mut().for_each(|row| row.proof = row.proof.min(Proof::BytesRead));
        }
        World(state)
    })
}

/// A world where what is new finds the media full, removals were begun, and seldom is a rule in the way.
pub(super) fn tight_world() -> impl Strategy<Value = World> {
    let medium = (0..6u64, 1..4usize, any::<bool>(), vec(any::<u8>(), 14));
    (world(), vec(medium, 3)).prop_map(|(World(mut state), media)| {
        fill_home(&mut state);
        state.jobs.values_mut().for_each(|job| job.hold = None);
        let newest: Vec<_> = state.points.keys().rev().copied().collect();
        let State { points, packs, media: places, .. } = &mut state;
        for (medium, (room, new, begun, marks)) in places.values_mut().filter(|it| !it.is_home()).zip(media) {
            (medium.reach, medium.retired, medium.deletions) = (Reach::Here, false, Deletions::Allowed);
            (medium.free, medium.keep_at_least) = (medium.free.map(|free| free.max(60)), medium.keep_at_least.min(1));
            for order in newest.iter().take(new) {
                medium.placements.remove(order);
            }
            medium.newest_evicted = newest_evicted(points, medium);
            if begun {
                begin_removals(points, packs, medium, &marks);
            }
            medium.limit = Some(medium.used + room);
        }
        World(state)
    })
}

fn newest_evicted(points: &BTreeMap<PointOrder, Point>, medium: &Medium) -> BTreeMap<JobId, PointOrder> {
    let evicted = medium.placements.iter().filter(|(_, row)| row.state == PlacementState::Evicted);
    evicted.map(|(order, _)| (points[order].job, *order)).collect()
}

/// Marks points that nothing depends on there, and the packs that then nobody needs.
fn begin_removals(
    points: &BTreeMap<PointOrder, Point>,
    packs: &BTreeMap<PackNumber, Pack>,
    medium: &mut Medium,
    marks: &[u8],
) {
    for (at, mark) in points.keys().zip(marks) {
        let depends = |(other, it): (&PointOrder, &Point)| it.base == Some(*at) && medium.holds(*other);
        if mark % 5 == 0 && medium.state_of(*at).is_there() && !points.iter().any(depends) {
            medium.removing.insert(*at);
        }
    }
    let there = |order: &&PointOrder| medium.holds(**order);
    let needed = |pack: &PackNumber| {
        let row = &packs[pack];
        points.range(row.first..=row.last).filter(|(_, it)| it.group == row.group).any(|(order, _)| there(&order))
    };
    let named: BTreeSet<_> =
        medium.removing.iter().flat_map(|order| medium.objects_of(&points[order])).copied().collect();
    let marked: Vec<_> = named.into_iter().filter(|pack| medium.packs.contains_key(pack) && !needed(pack)).collect();
    medium.packs.extend(marked.into_iter().map(|pack| (pack, PackThere::Deleting)));
}

/// Home has everything whole.
pub(super) fn fill_home(state: &mut State) {
    let home = state.media.get_mut(&HOME).expect("every world has a home");
    for (at, point) in &state.points {
        home.placements.insert(*at, placement(PlacementState::Complete, Proof::Complete));
        home.packs.extend(point.packs.iter().map(|pack| (*pack, PackThere::Proved)));
    }
    let packs: u64 = home.packs.keys().map(|pack| state.packs[pack].bytes).sum();
    home.used = packs + state.points.values().map(|point| point.manifest_bytes).sum::<u64>();
}

fn build(jobs: Vec<Job>, points: &[PointSpec], media: &[MediumSpec], home: &MediumSpec, joined: bool) -> State {
    let mut state = State {
        generation: 7,
        now: Time::from_seconds(1_000_000_000),
        zone: TimeZone::UTC,
        jobs: jobs.into_iter().enumerate().map(|(n, job)| (job_id(n), job)).collect(),
        points: BTreeMap::new(),
        packs: BTreeMap::new(),
        media: BTreeMap::new(),
        coming: None,
    };
    let mut created = 0;
    for (n, spec) in points.iter().enumerate() {
        created += spec.hours * 3600;
        add_point(&mut state, order(n as u64 + 1), spec, created, joined);
    }
    state.media.insert(HOME, build_home(&state, home));
    for (n, spec) in media.iter().enumerate() {
        let medium = build_medium(&state, spec, destination(spec.destination));
        state.media.insert(vault(u8::try_from(n).expect("few media")), medium);
    }
    state
}

fn add_point(state: &mut State, at: PointOrder, spec: &PointSpec, created: i64, joined: bool) {
    let job = job_id(spec.job);
    let group = GroupId([if joined { 0 } else { u8::try_from(spec.job).expect("few jobs") }; 8]);
    let named: BTreeSet<_> = state.points.values().flat_map(|point| &point.packs).copied().collect();
    let reused = |number: &PackNumber| named.contains(number) && spec.reused >> (number.0 % 8) & 1 == 1;
    let old = state.packs.iter().filter(|(number, pack)| pack.group == group && reused(number));
    let mut packs: BTreeSet<_> = old.map(|(number, _)| *number).collect();
    for bytes in &spec.fresh {
        let number = PackNumber(state.packs.len() as u64);
        state.packs.insert(number, Pack { bytes: *bytes, group, first: at, last: at });
        packs.insert(number);
    }
    let files = add_files(state, at, group, spec);
    packs.iter().chain(&files).for_each(|number| state.packs.get_mut(number).expect("known").last = at);
    let base = state.points.iter().rev().find(|(_, point)| point.job == job).map(|(order, _)| *order);
    let point = Point {
        id: PointId(at.sequence.to_be_bytes()),
        job,
        group,
        created: Time::from_seconds(created),
        base: base.filter(|_| spec.based),
        series: 0,
        pinned: spec.pinned,
        origin_verified: spec.verified,
        manifest_bytes: spec.manifest,
        packs: packs.into_iter().collect(),
        files: files.into_iter().collect(),
    };
    state.points.insert(at, point);
}

/// What the point is at a mirror: files of its own, and sometimes one of the point before it.
fn add_files(state: &mut State, at: PointOrder, group: GroupId, spec: &PointSpec) -> BTreeSet<PackNumber> {
    let before = state.points.values().next_back().filter(|before| before.group == group && spec.shared);
    let mut files: BTreeSet<_> = before.and_then(|before| before.files.last()).copied().into_iter().collect();
    for bytes in &spec.files {
        let number = PackNumber(state.packs.len() as u64);
        state.packs.insert(number, Pack { bytes: *bytes, group, first: at, last: at });
        files.insert(number);
    }
    files
}

fn empty(spec: &MediumSpec, destination: Name) -> Medium {
    Medium {
        destination,
        layout: if spec.mirror { Layout::Mirror } else { Layout::Vault },
        retired: spec.retired,
        same_disk: spec.same_disk,
        reach: if spec.here { Reach::Here } else { Reach::Away("not there".to_owned()) },
        deletions: if spec.refused { Deletions::Refused("only adds".to_owned()) } else { Deletions::Allowed },
        limit: None,
        free: spec.free.map(|free| free + spec.reserve),
        reserve: spec.reserve,
        evict: if spec.never { Evict::Never } else { Evict::Oldest },
        keep_at_least: spec.keep_at_least,
        evict_unique: spec.evict_unique,
        used: 0,
        placements: BTreeMap::new(),
        packs: BTreeMap::new(),
        newest_evicted: BTreeMap::new(),
        reserved: BTreeSet::new(),
        reserved_points: BTreeSet::new(),
        removing: BTreeSet::new(),
        orphans: if spec.seed_open { Orphans::Kept } else { Orphans::MayGo },
    }
}

fn build_home(state: &State, spec: &MediumSpec) -> Medium {
    let mut home = empty(
        &MediumSpec { retired: false, never: true, here: true, same_disk: false, mirror: false, ..spec.clone() },
        Name::home(),
    );
    for (index, at) in state.points.keys().enumerate() {
        let row = match spec.rows[index] % 16 {
            0 => PlacementState::Damaged,
            1 => PlacementState::Present,
            2 => continue,
            _ => PlacementState::Complete,
        };
        home.placements.insert(*at, placement(row, Proof::Complete));
    }
    stock(state, &mut home, spec);
    home
}

fn placement(state: PlacementState, proof: Proof) -> Placement {
    Placement { state, proof, verified: None, unwanted: None }
}

fn build_medium(state: &State, spec: &MediumSpec, destination: Name) -> Medium {
    let mut medium = empty(spec, destination);
    for (index, (at, point)) in state.points.iter().enumerate() {
        let mut row = placement(PlacementState::Pending, Proof::None);
        row.state = match spec.rows[index] % 24 {
            0..=7 => PlacementState::Complete,
            8 | 9 => PlacementState::Present,
            10 => PlacementState::Copying,
            11 => PlacementState::Missing,
            12 => PlacementState::NotWanted,
            13 => PlacementState::Evicted,
            14 => PlacementState::Damaged,
            15 => PlacementState::Pending,
            _ => continue,
        };
        if spec.proofs[index].is_multiple_of(4) && row.state == PlacementState::Complete {
            row.proof = Proof::Restored;
        }
        if row.state == PlacementState::NotWanted {
            let reasons = [Unwanted::Elsewhere, Unwanted::Keep, Unwanted::Removed, Unwanted::NotOffsite];
            row.unwanted = Some(reasons[usize::from(spec.proofs[index] % 4)]);
        }
        if row.state == PlacementState::Evicted {
            medium.newest_evicted.insert(point.job, *at);
        }
        medium.placements.insert(*at, row);
    }
    stock(state, &mut medium, spec);
    medium
}

/// Puts the packs there that the placements speak of, and some that nobody does.
fn stock(state: &State, medium: &mut Medium, spec: &MediumSpec) {
    let stands = |medium: &Medium, at: &PointOrder| medium.state_of(*at).is_there();
    for (at, point) in &state.points {
        let broken = point.base.is_some_and(|base| !stands(medium, &base));
        if broken && stands(medium, at) {
            medium.placements.remove(at);
        }
    }
    let rows: Vec<_> = medium.placements.iter().map(|(at, row)| (*at, row.state)).collect();
    let strays = state.packs.keys().filter(|pack| spec.strays.iter().any(|stray| u64::from(stray % 32) == pack.0));
    medium.packs = strays.map(|pack| (*pack, PackThere::Present)).collect();
    for (at, row) in &rows {
        let part = if *row == PlacementState::Copying { 1 } else { usize::MAX };
        if row.is_there() || *row == PlacementState::Copying {
            let packs: Vec<_> = medium.objects_of(&state.points[at]).iter().take(part).copied().collect();
            medium.packs.extend(packs.into_iter().map(|pack| (pack, PackThere::Proved)));
        }
    }
    for (at, _) in rows.iter().filter(|(_, row)| *row == PlacementState::Damaged) {
        let first = medium.objects_of(&state.points[at]).first().copied();
        first.into_iter().for_each(|pack| _ = medium.packs.insert(pack, PackThere::Damaged));
    }
    let bad: BTreeSet<_> =
        medium.packs.iter().filter(|(_, it)| **it == PackThere::Damaged).map(|(it, _)| *it).collect();
    let objects = |at: &PointOrder| medium.objects_of(&state.points[at]).iter().any(|pack| bad.contains(pack));
    let damaged: BTreeSet<_> = medium.placements.keys().copied().filter(objects).collect();
    for (at, row) in &mut medium.placements {
        if damaged.contains(at) && row.state.is_there() {
            row.state = PlacementState::Damaged;
            row.proof = Proof::None;
        }
    }
    let manifests = medium.placements.iter().filter(|(_, row)| row.state.is_there());
    let manifests: u64 = manifests.map(|(at, _)| state.points[at].manifest_bytes).sum();
    medium.used = manifests + medium.packs.keys().map(|pack| state.packs[pack].bytes).sum::<u64>();
    medium.limit = spec.room.map(|room| medium.used.saturating_add_signed(room));
}

/// One job and `n` points that are complete at home and on `usb`, while `office` has nothing.
pub(super) fn small(n: u64) -> World {
    let calm = MediumSpec {
        destination: 0,
        mirror: false,
        retired: false,
        here: true,
        refused: false,
        room: None,
        free: None,
        reserve: 0,
        never: false,
        keep_at_least: 1,
        evict_unique: true,
        seed_open: false,
        same_disk: false,
        rows: Vec::new(),
        proofs: Vec::new(),
        strays: Vec::new(),
    };
    let job = Job {
        name: name("documents"),
        offsite: vec![destination(0), destination(1)],
        copies: Copies::All,
        keep: None,
        keep_at_home: None,
        expect: Some(Duration::from_secs(26 * 3600)),
        hold: None,
        at_home: AtHome::Stay,
    };
    let World(mut state) = World(build(vec![job], &[], &[], &calm, false));
    let mut full = empty(&calm, destination(0));
    let group = GroupId([0; 8]);
    for sequence in 1..=n {
        let (at, pack) = (order(sequence), PackNumber(sequence));
        let point = Point {
            id: PointId(sequence.to_be_bytes()),
            job: job_id(0),
            group,
            created: Time::from_seconds(i64::try_from(sequence).expect("few") * 86_400),
            base: None,
            series: 0,
            pinned: false,
            origin_verified: true,
            manifest_bytes: 1,
            packs: vec![pack],
            files: Vec::new(),
        };
        state.points.insert(at, point);
        state.packs.insert(pack, Pack { bytes: 10, group, first: at, last: at });
        full.placements.insert(at, placement(PlacementState::Complete, Proof::BytesRead));
        full.packs.insert(pack, PackThere::Proved);
        full.used += 11;
    }
    let home = Medium { destination: Name::home(), evict: Evict::Never, ..full.clone() };
    state.media = [(HOME, home), (vault(0), full), (vault(1), empty(&calm, destination(1)))].into();
    World(state)
}

//! What a plan over a large catalog costs: time to propose and to judge it, and the most memory it took.
//!
//!     cargo build --release -p benches
//!     target/release/plan_scale [POINTS]
//!
//! Four jobs, home and four destinations; each point has a pack of its own and shares three with those before it. Each
//! line is one state: all settled, a drive that is new, one that is full, one that is full and stuck, retention that
//! waits for much, a job that needs one copy, chains of ten.
#![allow(clippy::print_stdout, reason = "a benchmark's product is what it prints")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use engine::model::{
    DestinationName, GroupId, JobId, Keep, KeepRule, PointId, PointOrder, Proof, State as PlacementState, Time, VaultId,
};
use engine::plan::{
    AtHome, Copies, Deletions, Evict, Job, Medium, Orphans, Pack, PackNumber, PackThere, Placement, Point, Reach,
    State, check, propose,
};
use jiff::tz::TimeZone;

const JOBS: u64 = 4;
const PACK_BYTES: u64 = 1000;
const MANIFEST_BYTES: u64 = 10;
/// How many points after it still use a point's pack.
const SHARED: u64 = 3;
/// What a new point brings.
const POINT_BYTES: u64 = PACK_BYTES + MANIFEST_BYTES;

type Change = fn(&mut State);

fn main() -> Result<()> {
    let points = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse()).context("a number of points")?;
    let scenes: [(&str, Change); 7] = [
        ("all settled", |_| ()),
        ("a new drive", |state| empty(drive(state))),
        ("a full drive", |state| {
            lacks_newest(state);
            let drive = drive(state);
            drive.limit = Some(drive.used);
        }),
        ("full and stuck", |state| {
            lacks_newest(state);
            state.points.values_mut().for_each(|point| point.pinned = true);
            let drive = drive(state);
            drive.limit = Some(drive.used);
        }),
        ("much retention", |state| {
            let few = Keep::new([(KeepRule::Last, 100), (KeepRule::Daily, 60), (KeepRule::Monthly, 24)]);
            state.jobs.values_mut().for_each(|job| (job.keep, job.keep_at_home) = (few.clone(), few.clone()));
            lacks_newest(state);
        }),
        ("one copy enough", |state| {
            state.jobs.values_mut().for_each(|job| job.copies = Copies::First);
            state.media.values_mut().filter(|medium| !medium.is_home()).for_each(empty);
            let drive = drive(state);
            drive.limit = Some(5000 * POINT_BYTES);
        }),
        ("chains of ten", |state| {
            let based = |order: &PointOrder| !(order.sequence / JOBS).is_multiple_of(10);
            let orders: Vec<_> = state.points.keys().copied().filter(based).collect();
            for order in orders {
                let base = PointOrder { sequence: order.sequence - JOBS, ..order };
                let base = state.points.contains_key(&base).then_some(base);
                state.points.entry(order).and_modify(|point| point.base = base);
            }
            lacks_newest(state);
            let drive = drive(state);
            drive.limit = Some(drive.used);
        }),
    ];
    println!("{points} points at home and four destinations");
    println!(
        "{:<16} {:>8} {:>9} {:>11} {:>9} {:>9}",
        "state", "steps", "problems", "propose ms", "check ms", "peak MiB"
    );
    for (name, change) in scenes {
        let mut state = settled(points)?;
        change(&mut state);
        let begun = Instant::now();
        let plan = propose(&state);
        let (proposed, steps, problems) =
            (begun.elapsed(), plan.media.values().map(Vec::len).sum::<usize>(), plan.problems.len());
        let begun = Instant::now();
        let broken = check(&state, plan).err();
        let checked = begun.elapsed();
        ensure!(broken.is_none(), "{name}: {:?}", broken.iter().flatten().next());
        let (proposed, checked) = (millis(proposed), millis(checked));
        println!("{name:<16} {steps:>8} {problems:>9} {proposed:>11} {checked:>9} {:>9}", peak_mib()?);
    }
    Ok(())
}

const fn millis(time: Duration) -> u128 {
    time.as_millis()
}

/// The most memory that was ever in use.
fn peak_mib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("Linux tells")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().context("a number")?;
    Ok(kib / 1024)
}

/// Everything complete everywhere, and nothing to do.
fn settled(points: u64) -> Result<State> {
    let names = ["usb", "office", "cloud", "nas"].map(str::parse::<DestinationName>);
    let names: Vec<DestinationName> = names.into_iter().collect::<Result<_, _>>().ok().context("good names")?;
    let job = |n: u64| -> Result<(JobId, Job)> {
        let job = Job {
            name: format!("job-{n}").parse().ok().context("a good name")?,
            offsite: names.clone(),
            copies: Copies::All,
            keep: None,
            keep_at_home: None,
            expect: Some(Duration::from_secs(26 * 3600)),
            hold: None,
            at_home: AtHome::Stay,
        };
        Ok((job_id(n), job))
    };
    let mut state = State {
        generation: 1,
        now: Time::from_seconds(2_000_000_000),
        zone: TimeZone::UTC,
        jobs: (0..JOBS).map(job).collect::<Result<_>>()?,
        points: (JOBS..JOBS + points).map(point).collect(),
        packs: (JOBS..JOBS + points).map(pack).collect(),
        media: BTreeMap::new(),
        coming: None,
    };
    let full = medium(&state, &names[0]);
    let media =
        names.iter().zip(1..).map(|(name, n)| (VaultId([n; 16]), Medium { destination: name.clone(), ..full.clone() }));
    state.media = media.collect();
    let home = Medium { destination: DestinationName::home(), evict: Evict::Never, ..full };
    state.media.insert(VaultId([0; 16]), home);
    Ok(state)
}

fn job_id(n: u64) -> JobId {
    JobId((n % JOBS).to_be_bytes())
}

const fn order(sequence: u64) -> PointOrder {
    PointOrder { epoch: 1, sequence }
}

fn point(n: u64) -> (PointOrder, Point) {
    let packs = (0..=SHARED).rev().filter_map(|back| n.checked_sub(back * JOBS)).filter(|pack| *pack >= JOBS);
    let point = Point {
        id: PointId(n.to_be_bytes()),
        job: job_id(n),
        group: GroupId(job_id(n).0),
        created: Time::from_seconds(1_000_000_000 + i64::try_from(n).unwrap_or(i64::MAX) * 600),
        base: None,
        series: 0,
        pinned: false,
        origin_verified: true,
        manifest_bytes: MANIFEST_BYTES,
        packs: packs.map(PackNumber).collect(),
        files: Vec::new(),
    };
    (order(n), point)
}

fn pack(n: u64) -> (PackNumber, Pack) {
    let last = order(n + SHARED * JOBS);
    (PackNumber(n), Pack { bytes: PACK_BYTES, group: GroupId(job_id(n).0), first: order(n), last })
}

fn medium(state: &State, destination: &DestinationName) -> Medium {
    let complete =
        Placement { state: PlacementState::Complete, proof: Proof::BytesRead, verified: None, unwanted: None };
    Medium {
        layout: engine::plan::Layout::Vault,
        destination: destination.clone(),
        retired: false,
        same_disk: false,
        reach: Reach::Here,
        deletions: Deletions::Allowed,
        limit: None,
        free: None,
        reserve: 0,
        evict: Evict::Oldest,
        keep_at_least: 1,
        evict_unique: true,
        used: POINT_BYTES * u64::try_from(state.points.len()).unwrap_or(u64::MAX),
        placements: state.points.keys().map(|order| (*order, complete)).collect(),
        packs: state.packs.keys().map(|pack| (*pack, PackThere::Proved)).collect(),
        newest_evicted: BTreeMap::new(),
        reserved: BTreeSet::new(),
        reserved_points: BTreeSet::new(),
        removing: BTreeSet::new(),
        orphans: Orphans::MayGo,
    }
}

fn drive(state: &mut State) -> &mut Medium {
    state.media.entry(VaultId([1; 16])).or_insert_with(|| unreachable!("it was put there"))
}

fn empty(medium: &mut Medium) {
    medium.placements.clear();
    medium.packs.clear();
    medium.used = 0;
}

/// The drive was away for the newest tenth of all points.
fn lacks_newest(state: &mut State) {
    let newest = state.points.len() / 10;
    let newest: Vec<_> = state.points.keys().rev().take(newest).copied().collect();
    let drive = drive(state);
    for order in newest {
        drive.placements.remove(&order);
        drive.packs.remove(&PackNumber(order.sequence));
        drive.used -= POINT_BYTES;
    }
}

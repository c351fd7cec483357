//! Tests of the catalog as a whole. A small installation to start from; each file below is one kind of claim.

mod crash;
mod d_rules;
mod full;
mod golden;
mod guards;
mod home;
mod life;
mod model;
mod races;
mod rot;
mod seeds;

use std::sync::Arc;
use std::time::Duration;

use super::disk::{CatalogDisk, FileDisk};
use super::*;
use crate::model::{
    ChunkId, Digest, FamilyId, GroupId, JobId, KeyEpoch, Name, ObjectName, PackId, PointId, PointOrder, State, Time,
    VaultId, WriterId,
};

pub const HOME: VaultId = VaultId([1; 16]);
pub const USB: VaultId = VaultId([2; 16]);
pub const OFFICE: VaultId = VaultId([3; 16]);
pub const JOB: JobId = JobId([7; 8]);
pub const GROUP: GroupId = GroupId([8; 8]);

pub fn at(seconds: i64) -> Time {
    Time::from_seconds(seconds)
}

pub fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub fn founding() -> Founding {
    Founding { family: FamilyId([9; 16]), writer: WriterId([10; 16]), epoch: 1, created: at(1) }
}

pub fn options() -> OpenOptions {
    OpenOptions { deadline: Duration::from_secs(20), cache_bytes: 1 << 20 }
}

/// A pack of 100 bytes and two chunks, all told apart by `n`.
pub fn new_pack(n: u64) -> NewPack {
    let chunk = |which: u32| ChunkRow { id: chunk_id(n, which), offset: which * 50, stored: 50, plain: 80 };
    NewPack { id: pack_id(n), bytes: 100, group: GROUP, chunks: vec![chunk(0), chunk(1)] }
}

pub fn pack_id(n: u64) -> PackId {
    PackId(*blake3::hash(&n.to_le_bytes()).as_bytes())
}

pub fn chunk_id(pack: u64, which: u32) -> ChunkId {
    ChunkId(*blake3::hash(format!("{pack} {which}").as_bytes()).as_bytes())
}

pub fn point_row(order: PointOrder, base: Option<PointOrder>) -> PointRow {
    let mut id = [order.epoch.to_le_bytes()[0]; 8];
    id[..4].copy_from_slice(&order.sequence.to_be_bytes()[4..]);
    PointRow {
        order,
        id: PointId(id),
        job: JOB,
        group: GROUP,
        created: at(1000 + i64::try_from(order.sequence).expect("small")),
        files: 3,
        bytes: 300,
        stored_bytes: 200,
        entries: 4,
        base,
        pinned: false,
        manifest_bytes: 10,
        manifest_digest: Digest([5; 32]),
        key_epoch: KeyEpoch(1),
        removed: None,
    }
}

pub fn read_back(seconds: i64) -> Evidence {
    Evidence { kind: EvidenceKind::ReadBack, time: at(seconds) }
}

fn medium(vault: VaultId, destination: Name) -> NewMedium {
    NewMedium {
        vault,
        place: format!("/media/{destination}"),
        destination,
        file_system: String::new(),
        device: 0,
        same_disk: false,
        probe: Vec::new(),
        enrolled: at(1),
    }
}

/// A job, home and two media.
pub fn furnish(catalog: &Catalog) -> Result<()> {
    catalog.enrol(&medium(HOME, Name::home()))?;
    catalog.enrol(&medium(USB, name("usb")))?;
    catalog.enrol(&medium(OFFICE, name("office")))?;
    catalog.ensure_job(&name("documents"), None, &NewJobIds { job: JOB, group: GROUP })?;
    Ok(())
}

/// Makes a point of new packs and some that are known; owed to both media.
pub fn capture(catalog: &Catalog, new: &[u64], known: &[u64], base: Option<PointOrder>) -> Result<PointOrder> {
    let capture = catalog.begin_capture("capture-1")?;
    let order = catalog.take_order()?;
    let mut packs = Vec::new();
    for &n in new {
        packs.push(catalog.add_pack(capture, &new_pack(n), at(5))?);
    }
    let reused = catalog.pack_numbers(&known.iter().map(|&n| pack_id(n)).collect::<Vec<_>>())?;
    assert_eq!(catalog.reserve_packs(capture, &reused)?, []);
    packs.extend(reused);
    let point = point_row(order, base);
    let owed = vec![USB, OFFICE];
    catalog.commit_point(
        capture,
        &NewPoint { point, canaries: 0, packs, owed, declined: Vec::new(), adopted: None, now: at(6) },
    )?;
    Ok(order)
}

/// Copies a point from home, with evidence of everything.
pub fn copy(catalog: &Catalog, to: VaultId, point: PointOrder, packs: &[u64]) -> Result<State> {
    let packs = catalog.pack_numbers(&packs.iter().map(|&n| pack_id(n)).collect::<Vec<_>>())?;
    let new = NewCopy { from: HOME, to, point, packs: &packs, expected: None, now: at(7) };
    let work = catalog.begin_copy(&new)?;
    for pack in work.absent.into_iter().chain(work.unproven) {
        catalog.pack_arrived(to, pack, Some(read_back(8)))?;
    }
    catalog.settle_point(to, point, &packs, Some(read_back(9)), at(9))
}

pub fn removal<'a>(medium: VaultId, points: &'a [PointOrder]) -> NewRemoval<'a> {
    let removal = Removal::Evicted { reason: "full".to_owned() };
    NewRemoval { medium, points, removal, incoming: None, guards: Guards::ByHand, expected: None, now: at(20) }
}

/// Marks what nothing forbids.
#[track_caller]
pub fn mark(catalog: &Catalog, new: &NewRemoval<'_>) -> Marked {
    match catalog.mark_deleting(new).expect("answered") {
        Marking::Marked(marked) => marked,
        Marking::Withheld(why) => panic!("withheld: {why}"),
    }
}

/// Why it is not marked now.
#[track_caller]
pub fn withheld(catalog: &Catalog, new: &NewRemoval<'_>) -> Withheld {
    match catalog.mark_deleting(new).expect("answered") {
        Marking::Marked(marked) => panic!("marked: {marked:?}"),
        Marking::Withheld(why) => why,
    }
}

/// Marks, and does all that follows.
pub fn remove(catalog: &Catalog, medium: VaultId, points: &[PointOrder]) -> Result<Marked> {
    let marked = mark(catalog, &removal(medium, points));
    for &point in &marked.points {
        catalog.point_gone(medium, point)?;
    }
    for &pack in &marked.packs {
        catalog.pack_gone(medium, pack)?;
    }
    Ok(marked)
}

pub fn pack_object(n: u64) -> ObjectName {
    ObjectName::Pack(pack_id(n))
}

/// On a real disk, furnished; the folder goes with the first value.
pub fn on_disk() -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = Catalog::create(folder.path(), &founding(), options()).expect("made");
    furnish(&catalog).expect("furnished");
    (folder, catalog)
}

pub fn disk_of(folder: &tempfile::TempDir) -> Arc<dyn CatalogDisk> {
    Arc::new(FileDisk::new(folder.path()))
}

pub fn is_refused<T: std::fmt::Debug>(result: &Result<T>, rule: &str) -> bool {
    matches!(result, Err(CatalogError::Refused { rule: found, .. }) if *found == rule)
}

//! Signatures, to be moved to the file of each group of operations with their bodies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::error::{CatalogError, Result};
use super::rows::*;
use crate::model::{
    ChunkId, DestinationName, FamilyId, GroupId, JobId, JobName, Name, ObjectName, PackId, PointId, PointOrder, Proof,
    ShortPack, State, Time, VaultId, WriterId,
};

/// What a handle may be told when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// How long a write waits for another process's before [`CatalogError::Busy`]. Default: 30 s.
    pub deadline: Duration,
    /// redb's page cache. Default: 32 MiB.
    pub cache_bytes: usize,
}

/// What a new catalog is founded on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Founding {
    /// The installation's family.
    pub family: FamilyId,
    /// This writer.
    pub writer: WriterId,
    /// 1, or one more than any seen for a rebuild or take-over.
    pub epoch: u32,
    /// Now.
    pub created: Time,
}

/// The catalog, open. Cheap to clone; every clone is the same handle; threads may share it.
#[derive(Debug, Clone)]
pub struct Catalog(Arc<()>);

/// Ids for a job that may be new: used only if it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewJobIds {
    /// The job's.
    pub job: JobId,
    /// Its group's.
    pub group: GroupId,
}

/// A medium to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMedium {
    /// Its id.
    pub vault: VaultId,
    /// The destination that it serves; `home` for home.
    pub destination: DestinationName,
    /// Where it is, for people.
    pub place: String,
    /// The file system's UUID; empty if unknown.
    pub file_system: String,
    /// The device number; 0 if unknown.
    pub device: u64,
    /// On the same device as home or the root.
    pub same_disk: bool,
    /// What its enrolment found out.
    pub probe: Vec<Mark>,
    /// Now.
    pub enrolled: Time,
}

/// A point to be committed at home.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPoint {
    /// The point.
    pub point: PointRow,
    /// Every pack that its manifest names.
    pub packs: Vec<PackNo>,
    /// Media that it is owed to: pending there.
    pub owed: Vec<VaultId>,
    /// Media that the rules do not want it at, with the reason.
    pub declined: Vec<(VaultId, String)>,
    /// Now.
    pub now: Time,
}

/// What a copy still has to move.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyWork {
    /// Packs that are not there.
    pub absent: Vec<PackNo>,
    /// Packs that are there without evidence: to be read back.
    pub unproven: Vec<PackNo>,
}

/// What a removal marked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marked {
    /// The points whose manifests go first.
    pub points: Vec<PointOrder>,
    /// The packs that nothing needs there once they are gone.
    pub packs: Vec<PackNo>,
    /// What goes, in bytes, manifests included: exact.
    pub bytes: u64,
}

/// Why points are removed from a medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// To make room.
    Evicted {
        /// For a person.
        reason: String,
    },
    /// Retention or a person.
    NotWanted {
        /// For a person.
        reason: String,
    },
}

/// What was found wrong with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It is not there.
    Missing,
    /// It is not what its name says.
    Damaged,
}

/// Which points name a damaged pack: the catalog knows only which may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// Their manifests could not be read: all that may.
    All,
    /// These, of those that [`Catalog::may_name`] listed; refused as stale if more have come since.
    Exactly {
        /// Whose manifests name it.
        naming: Vec<PointOrder>,
        /// Whose manifests were looked at.
        looked_at: Vec<PointOrder>,
    },
}

/// All that the planner needs, as of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Names this state.
    pub generation: Generation,
    /// What the catalog is.
    pub meta: MetaRow,
    /// All jobs ever.
    pub jobs: BTreeMap<JobId, JobRow>,
    /// All points ever.
    pub points: BTreeMap<PointOrder, PointRow>,
    /// All media ever, home first.
    pub media: Vec<MediumRow>,
    /// Where each point is, by medium.
    pub placements: BTreeMap<VaultId, BTreeMap<PointOrder, PlacementRow>>,
    /// All packs.
    pub packs: BTreeMap<PackNo, PackRow>,
    /// Where each pack is, by medium.
    pub pack_at: BTreeMap<VaultId, BTreeMap<PackNo, PackAtRow>>,
    /// All reservations.
    pub reservations: BTreeMap<ReservationId, ReservationRow>,
    /// Packs that reservations name one by one, by medium.
    pub reserved: BTreeMap<VaultId, BTreeSet<PackNo>>,
    /// Removals under way, by medium.
    pub removals: BTreeMap<VaultId, BTreeMap<PointOrder, RemovalRow>>,
    /// What each medium holds.
    pub usage: BTreeMap<VaultId, UsageRow>,
}

/// A rebuild under way: holds the catalog's lock exclusively and fills a new file beside the old one.
#[derive(Debug)]
pub struct Rebuild(());

fn unwritten() -> CatalogError {
    CatalogError::Unknown { what: "this operation yet".to_owned() }
}

/// Opening.
impl Catalog {
    /// Makes `state/catalog.redb`. [`CatalogError::Exists`] if there is one.
    pub fn create(state: &Path, founding: &Founding, options: OpenOptions) -> Result<Self> {
        Err(unwritten())
    }
    /// Opens `state/catalog.redb`, migrates it if its schema is older. D-6: [`CatalogError::Missing`], never an empty
    /// one, if it is not there.
    pub fn open(state: &Path, options: OpenOptions) -> Result<Self> {
        Err(unwritten())
    }
    /// Reads every page and every row.
    pub fn check(&self) -> Result<()> {
        Err(unwritten())
    }
    /// Begins a rebuild: a new file, no other transaction until it is finished or dropped.
    pub fn rebuild(state: &Path, founding: &Founding, options: OpenOptions) -> Result<Rebuild> {
        Err(unwritten())
    }
}

impl Rebuild {
    /// The new catalog, to be filled with `read_in_pack` and `read_in_point`.
    pub fn catalog(&self) -> &Catalog {
        unreachable!()
    }
    /// Flushes it and puts it in place of the old one; other handles notice with their next transaction.
    pub fn finish(self) -> Result<Catalog> {
        Err(unwritten())
    }
}

/// Installation, jobs, media and small notes.
impl Catalog {
    /// What the catalog is.
    pub fn meta(&self) -> Result<MetaRow> {
        Err(unwritten())
    }
    /// The state's name.
    pub fn generation(&self) -> Result<Generation> {
        Err(unwritten())
    }
    /// Remembers both clocks.
    pub fn set_clock(&self, mark: &ClockMark) -> Result<()> {
        Err(unwritten())
    }
    /// A head at least as new as the newest point was read, or a person confirms: removals are allowed again.
    pub fn confirm(&self) -> Result<()> {
        Err(unwritten())
    }
    /// The job of that name, made with `ids` if it is new. `group` is the name of the dedup group it shares, if any.
    pub fn ensure_job(&self, name: &JobName, group: Option<&Name>, ids: &NewJobIds) -> Result<JobRow> {
        Err(unwritten())
    }
    /// The job of that name.
    pub fn job_named(&self, name: &JobName) -> Result<Option<JobRow>> {
        Err(unwritten())
    }
    /// All jobs ever.
    pub fn jobs(&self) -> Result<Vec<JobRow>> {
        Err(unwritten())
    }
    /// Changes a job's row in one transaction; id, name and group stay.
    pub fn update_job(&self, job: JobId, change: &dyn Fn(&mut JobRow)) -> Result<JobRow> {
        Err(unwritten())
    }
    /// Records a medium, or what is new about one that is known; its history stays.
    pub fn enrol(&self, medium: &NewMedium) -> Result<MediumRow> {
        Err(unwritten())
    }
    /// One medium.
    pub fn medium(&self, vault: VaultId) -> Result<Option<MediumRow>> {
        Err(unwritten())
    }
    /// All media ever, home first.
    pub fn media(&self) -> Result<Vec<MediumRow>> {
        Err(unwritten())
    }
    /// Changes a medium's row in one transaction; id, number and side stay. Planners' state moves on.
    pub fn update_medium(&self, vault: VaultId, change: &dyn Fn(&mut MediumRow)) -> Result<MediumRow> {
        Err(unwritten())
    }
    /// A small text kept under a name, for the schedule and the like.
    pub fn memo(&self, name: &str) -> Result<Option<String>> {
        Err(unwritten())
    }
    /// Keeps it; an empty text forgets it.
    pub fn set_memo(&self, name: &str, text: &str) -> Result<()> {
        Err(unwritten())
    }
    /// Adds a line to the log; the oldest beyond 10,000 are dropped.
    pub fn note_event(&self, event: &EventRow) -> Result<()> {
        Err(unwritten())
    }
    /// The log, oldest first.
    pub fn events(&self) -> Result<Vec<EventRow>> {
        Err(unwritten())
    }
}

/// Capture.
impl Catalog {
    /// The next place in the order: durable, never given twice.
    pub fn take_order(&self) -> Result<PointOrder> {
        Err(unwritten())
    }
    /// D-2: begins a capture whose process holds `lock` (see `locks`); its reservation lives as long.
    pub fn begin_capture(&self, lock: &str) -> Result<ReservationId> {
        Err(unwritten())
    }
    /// D-2: keeps a point and all that it may use at home while this capture lives.
    pub fn reserve_base(&self, capture: ReservationId, base: PointOrder) -> Result<()> {
        Err(unwritten())
    }
    /// D-2: reserves packs at home before the capture refers to them. Returns those that can't be relied on (not
    /// present there, or marked for deletion): their chunks must be stored again.
    pub fn reserve_packs(&self, capture: ReservationId, packs: &[PackNo]) -> Result<Vec<PackNo>> {
        Err(unwritten())
    }
    /// Where each chunk lies at home, in a pack that is present and not marked for deletion.
    pub fn find_chunks(&self, group: GroupId, ids: &[ChunkId]) -> Result<Vec<Option<ChunkAt>>> {
        Err(unwritten())
    }
    /// Records a pack that was written, flushed and renamed at home, reserved by the capture.
    pub fn add_pack(
        &self,
        capture: ReservationId,
        id: PackId,
        bytes: u64,
        group: GroupId,
        chunks: &[ChunkRow],
        now: Time,
    ) -> Result<PackNo> {
        Err(unwritten())
    }
    /// The point is complete at home; the capture's reservation ends. D-2: every pack must be present at home and
    /// reserved by the capture.
    pub fn commit_point(&self, capture: ReservationId, new: &NewPoint) -> Result<()> {
        Err(unwritten())
    }
    /// Ends a capture that made no point. Packs that it stored stay known until the session's end cleans up (D-9).
    pub fn abandon_capture(&self, capture: ReservationId) -> Result<()> {
        Err(unwritten())
    }
    /// D-2: a restore or drill on this computer keeps a point at a medium while it holds `lock`.
    pub fn begin_restore(&self, lock: &str, medium: VaultId, points: &[PointOrder]) -> Result<ReservationId> {
        Err(unwritten())
    }
    /// Ends it.
    pub fn end_restore(&self, restore: ReservationId) -> Result<()> {
        Err(unwritten())
    }
    /// Drops the reservations of captures and restores whose lock is free: their process is gone.
    pub fn drop_stale(&self, is_held: &dyn Fn(&str) -> bool) -> Result<Vec<ReservationId>> {
        Err(unwritten())
    }
}

/// Copying.
impl Catalog {
    /// The point is owed to the medium.
    pub fn owe(&self, medium: VaultId, points: &[PointOrder], now: Time) -> Result<()> {
        Err(unwritten())
    }
    /// The rules do not want it there.
    pub fn decline(&self, medium: VaultId, points: &[PointOrder], reason: &str, now: Time) -> Result<()> {
        Err(unwritten())
    }
    /// D-2, D-9: the placement is `copying` and with it keeps its packs at both ends. `packs` are all that the
    /// manifest names. Refused while one of them is marked for deletion there (D-8).
    pub fn begin_copy(
        &self,
        from: VaultId,
        medium: VaultId,
        point: PointOrder,
        packs: &[PackNo],
        expected: Option<Generation>,
        now: Time,
    ) -> Result<CopyWork> {
        Err(unwritten())
    }
    /// How far the copy of the whole point came, for people.
    pub fn copy_progress(&self, medium: VaultId, point: PointOrder, done_bytes: u64) -> Result<()> {
        Err(unwritten())
    }
    /// Keeps a hint.
    pub fn checkpoint(&self, medium: VaultId, object: &ObjectName, row: &CheckpointRow) -> Result<()> {
        Err(unwritten())
    }
    /// The hint for an object, if any.
    pub fn checkpoint_of(&self, medium: VaultId, object: &ObjectName) -> Result<Option<CheckpointRow>> {
        Err(unwritten())
    }
    /// All hints for a medium.
    pub fn checkpoints(&self, medium: VaultId) -> Result<Vec<(ObjectName, CheckpointRow)>> {
        Err(unwritten())
    }
    /// A pack is there; with evidence, it is proved. Its checkpoint goes.
    pub fn pack_arrived(&self, medium: VaultId, pack: PackNo, evidence: Option<Evidence>) -> Result<()> {
        Err(unwritten())
    }
    /// Complete if every pack of `packs` and the manifest have evidence there that suffices, else present; the copy's
    /// reservations go in the same transaction (D-9). Also for a `damaged`, `missing` or `present` placement that was
    /// looked at again.
    pub fn settle_point(
        &self,
        medium: VaultId,
        point: PointOrder,
        packs: &[PackNo],
        manifest: Option<Evidence>,
        now: Time,
    ) -> Result<State> {
        Err(unwritten())
    }
    /// The copy ended without success: pending again, with the reason; its reservations go (D-9). Hints stay.
    pub fn fail_copy(&self, medium: VaultId, point: PointOrder, reason: &str, now: Time) -> Result<()> {
        Err(unwritten())
    }
    /// Raises the proof of a placement; a lower one than it has changes nothing but `verified`.
    pub fn set_proof(&self, medium: VaultId, point: PointOrder, proof: Proof, now: Time) -> Result<()> {
        Err(unwritten())
    }
    /// A pinned point is never removed.
    pub fn pin(&self, point: PointOrder) -> Result<()> {
        Err(unwritten())
    }
    /// It may be removed again.
    pub fn unpin(&self, point: PointOrder) -> Result<()> {
        Err(unwritten())
    }
    /// D-3, rebuild: a pack that lies at a medium, read from its footer; present there, without evidence.
    pub fn read_in_pack(
        &self,
        medium: VaultId,
        id: PackId,
        bytes: u64,
        group: GroupId,
        chunks: &[ChunkRow],
    ) -> Result<PackNo> {
        Err(unwritten())
    }
    /// D-3, rebuild: a manifest that lies at a medium; the placement is present there, or missing objects' state.
    pub fn read_in_point(&self, medium: VaultId, point: &PointRow, packs: &[PackNo], now: Time) -> Result<State> {
        Err(unwritten())
    }
    /// Fencing: all that was complete there is only present, all evidence there is gone.
    pub fn distrust(&self, medium: VaultId, reason: &str, now: Time) -> Result<()> {
        Err(unwritten())
    }
}

/// Removal.
impl Catalog {
    /// D-1, D-5: marks points for removal from a medium and, in the same transaction, the packs that nothing needs
    /// there any more; `incoming` is the point that room is made for: its packs are not counted and not marked.
    pub fn mark_deleting(
        &self,
        medium: VaultId,
        points: &[PointOrder],
        removal: &Removal,
        incoming: Option<PointOrder>,
        expected: Option<Generation>,
        now: Time,
    ) -> Result<Marked> {
        Err(unwritten())
    }
    /// What [`Catalog::mark_deleting`] would free, by the same rule.
    pub fn freed_bytes(&self, medium: VaultId, points: &[PointOrder], incoming: Option<PointOrder>) -> Result<u64> {
        Err(unwritten())
    }
    /// The manifest's absence was observed.
    pub fn point_gone(&self, medium: VaultId, point: PointOrder) -> Result<()> {
        Err(unwritten())
    }
    /// D-4: a pack that was marked is deleted there: its checkpoint and evidence go in the same transaction.
    pub fn pack_gone(&self, medium: VaultId, pack: PackNo) -> Result<()> {
        Err(unwritten())
    }
    /// D-8: takes back every removal at the medium whose manifest is still there, and their packs' marks.
    pub fn withdraw_deletion(&self, medium: VaultId, now: Time) -> Result<Vec<PointOrder>> {
        Err(unwritten())
    }
    /// D-8: what an earlier session marked and did not finish.
    pub fn unfinished_removals(&self, medium: VaultId) -> Result<Marked> {
        Err(unwritten())
    }
    /// D-9: packs at a medium that nothing names: no point in any state there, no reservation. Marks them.
    pub fn mark_unreferenced(&self, medium: VaultId) -> Result<Marked> {
        Err(unwritten())
    }
    /// A point was removed everywhere by retention or a person: owed to nobody.
    pub fn retire_point(&self, point: PointOrder, reason: &str, now: Time) -> Result<()> {
        Err(unwritten())
    }
}

/// Damage.
impl Catalog {
    /// Points at a medium that may name the pack.
    pub fn may_name(&self, medium: VaultId, pack: PackNo) -> Result<Vec<PointOrder>> {
        Err(unwritten())
    }
    /// One transaction: the object is damaged or missing there, every point that names it is damaged there; at home
    /// the pack is withdrawn from deduplication. Returns the points that changed.
    pub fn found_damaged(
        &self,
        medium: VaultId,
        object: &ObjectName,
        finding: Finding,
        naming: &Naming,
        now: Time,
    ) -> Result<Vec<PointOrder>> {
        Err(unwritten())
    }
    /// The object is good again there. Returns the damaged points to be settled with [`Catalog::settle_point`].
    pub fn healed(&self, medium: VaultId, object: &ObjectName, evidence: Evidence) -> Result<Vec<PointOrder>> {
        Err(unwritten())
    }
}

/// Reading.
impl Catalog {
    /// All that the planner needs.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Err(unwritten())
    }
    /// All points ever, oldest first.
    pub fn points(&self) -> Result<Vec<PointRow>> {
        Err(unwritten())
    }
    /// One point.
    pub fn point(&self, order: PointOrder) -> Result<Option<PointRow>> {
        Err(unwritten())
    }
    /// Points whose id begins with these hex digits.
    pub fn points_by_prefix(&self, hex: &str) -> Result<Vec<PointRow>> {
        Err(unwritten())
    }
    /// The point of that id.
    pub fn point_by_id(&self, id: PointId) -> Result<Option<PointRow>> {
        Err(unwritten())
    }
    /// Where a point is, home first.
    pub fn placements_of(&self, point: PointOrder) -> Result<Vec<(MediumRow, PlacementRow)>> {
        Err(unwritten())
    }
    /// What is at a medium, oldest first.
    pub fn placements_at(&self, medium: VaultId) -> Result<Vec<(PointOrder, PlacementRow)>> {
        Err(unwritten())
    }
    /// One placement.
    pub fn placement(&self, medium: VaultId, point: PointOrder) -> Result<Option<PlacementRow>> {
        Err(unwritten())
    }
    /// What a medium holds.
    pub fn usage(&self, medium: VaultId) -> Result<UsageRow> {
        Err(unwritten())
    }
    /// A pack by its name.
    pub fn pack_by_id(&self, id: &PackId) -> Result<Option<(PackNo, PackRow)>> {
        Err(unwritten())
    }
    /// Packs by the prefix that manifests hold: nearly always one.
    pub fn packs_by_short(&self, short: ShortPack) -> Result<Vec<(PackNo, PackRow)>> {
        Err(unwritten())
    }
    /// Packs by number, in the order asked for; unknown numbers are an error.
    pub fn packs(&self, numbers: &[PackNo]) -> Result<Vec<PackRow>> {
        Err(unwritten())
    }
    /// What is known of a pack at a medium.
    pub fn pack_at(&self, medium: VaultId, pack: PackNo) -> Result<Option<PackAtRow>> {
        Err(unwritten())
    }
    /// Every pack that a medium should hold, by number.
    pub fn packs_at(&self, medium: VaultId) -> Result<Vec<(PackNo, PackRow, PackAtRow)>> {
        Err(unwritten())
    }
    /// Every reservation.
    pub fn reservations(&self) -> Result<Vec<(ReservationId, ReservationRow)>> {
        Err(unwritten())
    }
}

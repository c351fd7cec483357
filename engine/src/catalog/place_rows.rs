//! Rows about places: media, what lies at each, and what relies on it. Words as in DESIGN 2; units are bytes.
//!
//! Deliberately absent: how they are found and changed, and any rule about them.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::owner::Owner;
use super::stored::{JobIdDef, NameText, PointOrderDef, ProofDef, StateDef, TimeDef, VaultIdDef};
use crate::model::{DestinationName, JobId, PointOrder, Proof, State, Time, VaultId};

/// This computer's vault, or one elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Side {
    /// Where points are made: written and flushed is evidence.
    Home,
    /// Offsite: only what was read back, or the server's own checksum, is evidence.
    Offsite,
}

/// The last head of ours at a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct HeadMark {
    /// The writer's epoch.
    pub epoch: u32,
    /// The session's number.
    pub session: u64,
}

/// The newest point of a job that was evicted at a medium: nothing up to it is owed there again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct EvictedMark {
    /// The job.
    #[rkyv(with = JobIdDef)]
    pub job: JobId,
    /// Its newest evicted point.
    #[rkyv(with = PointOrderDef)]
    pub order: PointOrder,
}

/// A named answer or mark that only its reader interprets.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Mark {
    /// What it says something of.
    pub name: String,
    /// What it says.
    pub value: String,
}

/// One vault that serves a destination, or home.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct MediumRow {
    /// Its id; the key.
    #[rkyv(with = VaultIdDef)]
    pub vault: VaultId,
    /// Its number in this catalog, part of other tables' keys; given by the catalog.
    pub number: u32,
    /// The destination that it serves; `home` for home.
    #[rkyv(with = NameText)]
    pub destination: DestinationName,
    /// Here or elsewhere.
    pub side: Side,
    /// Where it was last, for people: a path or URL.
    pub place: String,
    /// The file system's UUID; empty if it was never known.
    pub file_system: String,
    /// The device number it was last seen on; 0 if unknown.
    pub device: u64,
    /// On the same device as home or the root: never satisfies `expect`.
    pub same_disk: bool,
    /// The last head that we wrote there.
    pub head: Option<HeadMark>,
    /// The fields of the last head read there that we did not understand, as they were.
    pub head_extra: Vec<u8>,
    /// When it was retired: nothing is owed to it any more.
    #[rkyv(with = Map<TimeDef>)]
    pub retired: Option<Time>,
    /// When it was made or enrolled.
    #[rkyv(with = TimeDef)]
    pub enrolled: Time,
    /// When it was last there.
    #[rkyv(with = Map<TimeDef>)]
    pub last_seen: Option<Time>,
    /// One for each job that lost points there, by job.
    pub evicted: Vec<EvictedMark>,
    /// What its enrolment found out about the place.
    pub probe: Vec<Mark>,
    /// Anything else that is remembered of it.
    pub marks: Vec<Mark>,
}

/// The name of the probe's answer that tells whether the place lets us delete: [`DELETES`] if so, else why not.
pub const DELETIONS: &str = "deletions";
/// The name of its answer that tells the bytes of the largest file, if there is a limit that matters.
pub const LARGEST_FILE: &str = "largest-file";
/// The name of its answer that tells whether names that differ in case are two, and the one that says they are not.
pub const CASE: (&str, &str) = ("case", "ignored");
/// It does.
pub const DELETES: &str = "allowed";

impl MediumRow {
    /// Why the place let nothing be deleted when it was enrolled; none if it did, or was not asked.
    #[must_use]
    pub fn only_adds(&self) -> Option<&str> {
        let answer = self.probe.iter().find(|mark| mark.name == DELETIONS)?;
        (answer.value != DELETES).then_some(answer.value.as_str())
    }

    /// Did the place take names that differ in case for one when it was enrolled?
    #[must_use]
    pub fn folds_names(&self) -> bool {
        self.probe.iter().any(|mark| (mark.name.as_str(), mark.value.as_str()) == CASE)
    }

    /// Bytes of the largest file that the place can hold, if it told of a limit when it was enrolled.
    #[must_use]
    pub fn largest_file(&self) -> Option<u64> {
        self.probe.iter().find(|mark| mark.name == LARGEST_FILE)?.value.parse().ok()
    }
}

/// What the reason of a placement at a mirror has in it if the point is owed and one of its files can't lie there.
pub const UNFIT: &str = " does not fit this mirror: ";

impl PlacementRow {
    /// Is the point owed to a mirror that can't hold one of its files?
    #[must_use]
    pub fn is_unfit(&self) -> bool {
        self.state == State::Pending && self.reason.contains(UNFIT)
    }
}

/// How an object was shown to be good where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub enum EvidenceKind {
    /// Every write and flush succeeded: evidence at home only.
    Written,
    /// The server's own checksum of the whole object.
    ServerChecksum,
    /// Its whole hash, read back through a fresh open after the last flush.
    ReadBack,
}

/// That an object was good, how that is known, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Evidence {
    /// How it was shown.
    pub kind: EvidenceKind,
    /// When.
    #[rkyv(with = TimeDef)]
    pub time: Time,
}

impl Evidence {
    /// Is it enough for *complete* on that side (DESIGN 5.2)?
    #[must_use]
    pub fn suffices(&self, side: Side) -> bool {
        side == Side::Home || self.kind != EvidenceKind::Written
    }
}

/// What is known of a pack at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub enum PackState {
    /// There, with its length.
    Present,
    /// About to be deleted: absent to deduplication, skip lists and readers.
    Deleting,
    /// It should be there and is not.
    Missing,
    /// There, and not what its name says.
    Damaged,
}

/// A pack at one medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct PackAtRow {
    /// Its state there.
    pub state: PackState,
    /// How it was shown to be good there.
    pub evidence: Option<Evidence>,
    /// Its size, so that sums need no second look.
    pub bytes: u64,
}

/// One point on one medium.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct PlacementRow {
    /// Its state.
    #[rkyv(with = StateDef)]
    pub state: State,
    /// How far it has been shown to be good.
    #[rkyv(with = ProofDef)]
    pub proof: Proof,
    /// When the evidence was taken.
    #[rkyv(with = Map<TimeDef>)]
    pub verified: Option<Time>,
    /// Bytes of its copy that are done.
    pub done_bytes: u64,
    /// Bytes that the copy takes.
    pub total_bytes: u64,
    /// Why it is in that state, for a person.
    pub reason: String,
    /// The manifest's own evidence there.
    pub manifest: Option<Evidence>,
    /// When the state changed last.
    #[rkyv(with = TimeDef)]
    pub changed: Time,
}

/// How far the copy of one object came: a hint, read back after any reconnect, remount or reboot.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct CheckpointRow {
    /// Bytes that were written and flushed.
    pub done_bytes: u64,
    /// What the place calls the unfinished object, where its temporary name does not say it.
    pub token: String,
    /// XXH3-128 of each whole block so far.
    pub blocks: Vec<u128>,
    /// When.
    #[rkyv(with = TimeDef)]
    pub time: Time,
}

/// A reservation. The packs that it names one by one are a table of their own.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct ReservationRow {
    /// Who relies on it.
    pub owner: Owner,
    /// Where.
    #[rkyv(with = VaultIdDef)]
    pub at: VaultId,
    /// Points whose manifest and packs are kept there.
    #[rkyv(with = Map<PointOrderDef>)]
    pub points: Vec<PointOrder>,
}

/// The intent to remove a point from a medium whose manifest may still be there: a session first finishes or
/// withdraws it (D-8). Once the manifest is gone the row goes, and only marked packs are left to delete.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct RemovalRow {
    /// The placement as it was before.
    pub was: PlacementRow,
    /// When it was marked.
    #[rkyv(with = TimeDef)]
    pub marked: Time,
}

/// What is stored at a medium, as the catalog counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Archive, Serialize, Deserialize)]
pub struct UsageRow {
    /// Packs that are there, damaged ones and those marked for deletion included.
    pub packs: u64,
    /// Their bytes.
    pub pack_bytes: u64,
    /// Manifests that are there.
    pub manifests: u64,
    /// Their bytes.
    pub manifest_bytes: u64,
}

impl UsageRow {
    /// Bytes of objects, as a limit counts them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pack_bytes.saturating_add(self.manifest_bytes)
    }
}

//! The rows of the catalog as values. Words as in DESIGN 2. Units: bytes; times are by the wall clock of the writer.
//!
//! Deliberately absent: how they are found and changed, and any rule about them.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

pub use super::owner::Owner;
pub use super::place_rows::*;
use super::stored::{
    DigestDef, FamilyIdDef, GroupIdDef, JobIdDef, KeyEpochDef, NameText, PackIdDef, PointIdDef, PointOrderDef, TimeDef,
    VaultIdDef, WriterIdDef,
};
use crate::model::{
    Digest, FamilyId, GroupId, JobId, JobName, KeyEpoch, PackId, PointId, PointOrder, Time, VaultId, WriterId,
};

/// Moves on with each change that a plan depends on. A plan names the one it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// A pack's number in this catalog: dense, from 1, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackNo(pub u64);

/// A reservation's number: from 1, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId(pub u64);

/// The wall clock and the clock that never jumps, read together: tells when the wall clock was set.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct ClockMark {
    /// By the wall.
    #[rkyv(with = TimeDef)]
    pub wall: Time,
    /// Nanoseconds by the clock that never goes back.
    pub monotonic_nanos: u64,
    /// Which boot that clock counts from.
    pub boot: String,
}

/// What this catalog is: one row.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct MetaRow {
    /// The installation's family of vaults.
    #[rkyv(with = FamilyIdDef)]
    pub family: FamilyId,
    /// This writer; a rebuild makes a new one.
    #[rkyv(with = WriterIdDef)]
    pub writer: WriterId,
    /// The writer's epoch, from 1.
    pub epoch: u32,
    /// The next point's number in the epoch.
    pub next_sequence: u64,
    /// The next pack's number.
    pub next_pack: u64,
    /// The next reservation's number.
    pub next_reservation: u64,
    /// The next medium's local number.
    pub next_medium: u32,
    /// The next event's number.
    pub next_event: u64,
    /// See [`Generation`].
    pub generation: u64,
    /// When this file was made.
    #[rkyv(with = TimeDef)]
    pub created: Time,
    /// Rebuilt, and no head as new as the newest point was read since: nothing may be removed.
    pub unconfirmed: bool,
    /// The home vault, once it is known.
    #[rkyv(with = Map<VaultIdDef>)]
    pub home: Option<VaultId>,
    /// For the clock-jump rule.
    pub clock: Option<ClockMark>,
}

/// How a run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct RunMark {
    /// When it began.
    #[rkyv(with = TimeDef)]
    pub started: Time,
    /// When it ended; none while it runs, or if it died.
    #[rkyv(with = Map<TimeDef>)]
    pub finished: Option<Time>,
    /// Its exit code as the contract counts, 0 to 4.
    pub outcome: u8,
    /// What it said, for a person.
    pub text: String,
}

/// A job that has or had points here; jobs that left the configuration stay known.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct JobRow {
    /// Its name at destinations.
    #[rkyv(with = JobIdDef)]
    pub id: JobId,
    /// Its name in the configuration.
    #[rkyv(with = NameText)]
    pub name: JobName,
    /// Its dedup group.
    #[rkyv(with = GroupIdDef)]
    pub group: GroupId,
    /// The `created` of its newest point; the next one's is never earlier.
    #[rkyv(with = Map<TimeDef>)]
    pub newest_created: Option<Time>,
    /// The last run.
    pub last_run: Option<RunMark>,
    /// Entries that are regular files in its last point.
    pub last_files: u64,
    /// Their apparent bytes.
    pub last_bytes: u64,
    /// An alarm that stops eviction and retention, for a person.
    pub alarm: Option<String>,
    /// The clock jumped between its points: retention stops until a person confirms. Since schema 2.
    pub clock_jump: Option<String>,
}

/// A recovery point, wherever it lies. It stays known after it was removed everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct PointRow {
    /// Its place in the order; the key.
    #[rkyv(with = PointOrderDef)]
    pub order: PointOrder,
    /// Its random id.
    #[rkyv(with = PointIdDef)]
    pub id: PointId,
    /// Whose data.
    #[rkyv(with = JobIdDef)]
    pub job: JobId,
    /// Where its packs belong.
    #[rkyv(with = GroupIdDef)]
    pub group: GroupId,
    /// As of when.
    #[rkyv(with = TimeDef)]
    pub created: Time,
    /// Entries that are regular files, hard links each.
    pub files: u64,
    /// Apparent bytes, hard links once.
    pub bytes: u64,
    /// Bytes written to the vault for it.
    pub stored_bytes: u64,
    /// All entries.
    pub entries: u64,
    /// The point that it can't be restored without.
    #[rkyv(with = Map<PointOrderDef>)]
    pub base: Option<PointOrder>,
    /// Never removed.
    pub pinned: bool,
    /// The manifest's size.
    pub manifest_bytes: u64,
    /// BLAKE3 of the manifest.
    #[rkyv(with = DigestDef)]
    pub manifest_digest: Digest,
    /// The master key its manifest is sealed with.
    #[rkyv(with = KeyEpochDef)]
    pub key_epoch: KeyEpoch,
    /// Why retention or a person removed it everywhere; it is owed to nobody then.
    pub removed: Option<String>,
}

/// The points of a group that may use a pack: all from `first` to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Interval {
    /// The oldest point that uses it.
    #[rkyv(with = PointOrderDef)]
    pub first: PointOrder,
    /// The newest one.
    #[rkyv(with = PointOrderDef)]
    pub last: PointOrder,
}

/// A pack, wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct PackRow {
    /// Its name.
    #[rkyv(with = PackIdDef)]
    pub id: PackId,
    /// Its size.
    pub bytes: u64,
    /// Where it belongs.
    #[rkyv(with = GroupIdDef)]
    pub group: GroupId,
    /// How many chunks it holds.
    pub chunks: u32,
    /// Who uses it; none until a point that does is committed.
    pub used: Option<Interval>,
}

/// A chunk to be recorded with its pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRow {
    /// Keyed BLAKE3 of the plain bytes.
    pub id: crate::model::ChunkId,
    /// First byte of the sealed chunk in the pack.
    pub offset: u32,
    /// Sealed bytes.
    pub stored: u32,
    /// Plain bytes.
    pub plain: u32,
}

/// Where a known chunk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkAt {
    /// The pack, by number: reserve it before you refer to it.
    pub pack: PackNo,
    /// The pack, by the prefix that a manifest holds.
    pub short: crate::model::ShortPack,
    /// First byte of the sealed chunk in the pack.
    pub offset: u32,
    /// Sealed bytes.
    pub stored: u32,
    /// Plain bytes.
    pub plain: u32,
}

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub enum EventKind {
    /// A point was made.
    Made,
    /// A copy was finished.
    Copied,
    /// A point was evicted to make room.
    Evicted,
    /// Retention or a person removed a point.
    Removed,
    /// The rules did not want it there.
    Declined,
    /// Damage or loss was found.
    Damaged,
    /// Damage was repaired.
    Healed,
    /// Something else that a person may ask about.
    Noted,
}

/// One line of the log that `engine explain` tells from.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct EventRow {
    /// When.
    #[rkyv(with = TimeDef)]
    pub time: Time,
    /// What kind.
    pub kind: EventKind,
    /// The job, if it is about one. Since schema 2.
    #[rkyv(with = Map<JobIdDef>)]
    pub job: Option<JobId>,
    /// The point, if it is about one.
    #[rkyv(with = Map<PointOrderDef>)]
    pub point: Option<PointOrder>,
    /// The medium, if it is about one.
    #[rkyv(with = Map<VaultIdDef>)]
    pub medium: Option<VaultId>,
    /// Bytes freed, sent or found damaged; 0 where that has no meaning.
    pub bytes: u64,
    /// Why, for a person.
    pub reason: String,
}

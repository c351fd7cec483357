//! What a plan is made from: one value with all that the catalog, the media and the configuration said.
//!
//! In: nothing; `observe` fills it. Invariants that the filler keeps: every order named by a placement, an interval
//! or a base is a key of `points` (a point whose row is gone has no placements); a pack's interval holds every point
//! of its group that names it. Deliberately absent: a clock, paths, secrets, anything that can't be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::steps::Loss;
use crate::model::{
    DestinationName, GroupId, JobId, JobName, Keep, PointId, PointOrder, Proof, State as PlacementState, Time, VaultId,
};

/// A pack as the catalog numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackNumber(pub u64);

/// A snapshot of everything that a plan depends on.
#[derive(Debug, Clone)]
pub struct State {
    /// The catalog's generation when the snapshot was taken; a plan of another generation is stale.
    pub generation: u64,
    /// When it was taken.
    pub now: Time,
    /// In whose days, weeks and months `keep` counts.
    pub zone: TimeZone,
    /// Every job that has points, configured or not.
    pub jobs: BTreeMap<JobId, Job>,
    /// Every finished point that has a placement somewhere.
    pub points: BTreeMap<PointOrder, Point>,
    /// Every pack that is at some medium or that an owed point needs.
    pub packs: BTreeMap<PackNumber, Pack>,
    /// Home and all media of all destinations, retired ones included.
    pub media: BTreeMap<VaultId, Medium>,
    /// A capture that waits for room at home. The plan is for home then, and nobody carries out any other: what is not
    /// complete already does not come.
    pub coming: Option<Coming>,
}

/// What a capture that is under way, or about to begin, still needs at home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coming {
    /// Whose point it makes.
    pub job: JobId,
    /// Bytes more than what lies there now.
    pub bytes: u64,
    /// The most that may be lost with a point that goes for it.
    pub at_most: Loss,
}

/// One job, as configured; a job that the configuration no longer has keeps everything and has no `offsite`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name, for people.
    pub name: JobName,
    /// Destinations in order of preference.
    pub offsite: Vec<DestinationName>,
    /// Whether every destination gets each point.
    pub copies: Copies,
    /// The rule at destinations; none keeps everything until it is full.
    pub keep: Option<Keep>,
    /// The rule at home, already resolved: `home.keep`, else the job's.
    pub keep_at_home: Option<Keep>,
    /// For how long it may be without a newer offsite copy.
    pub expect: Option<Duration>,
    /// Why nothing of this job may be removed, and nothing removed in its favour, until a person confirms.
    pub hold: Option<Hold>,
    /// Whether its points stay at home.
    pub at_home: AtHome,
}

/// Do a job's points stay at home?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AtHome {
    /// As long as `keep` at home wants them.
    Stay,
    /// Only until they are offsite (`home = false`): home is a spool.
    Pass,
}

/// How many destinations get a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// Every one, in the end.
    All,
    /// The first that can take it.
    First,
}

/// What stops eviction and retention for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// Files went missing or turned incompressible by the thousand.
    Alarm,
    /// The clock jumped by more than a day.
    ClockJump,
    /// The catalog was rebuilt and no head as new as the newest point was read yet.
    Rebuilt,
}

/// One recovery point. Its place in the order is its key in [`State::points`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Its random id.
    pub id: PointId,
    /// Whose it is.
    pub job: JobId,
    /// The dedup group that its packs belong to, as it was when the point was made.
    pub group: GroupId,
    /// Its time, never earlier than that of the point before it.
    pub created: Time,
    /// The point that it depends on: an older one of the same job.
    pub base: Option<PointOrder>,
    /// Which row of its job's points it stands in: `keep` counts each by itself.
    pub series: u64,
    /// A person pinned it: it is never removed.
    pub pinned: bool,
    /// Its bytes at home were read back once, by a copy or a verify.
    pub origin_verified: bool,
    /// Bytes of the sealed manifest.
    pub manifest_bytes: u64,
    /// The packs that it names, sorted. May be left empty where the point is `complete` at every medium in use of
    /// every destination of its job and stands alone: what may be deleted is decided by intervals alone.
    pub packs: Vec<PackNumber>,
    /// What takes their place at a mirror, sorted: the files that it holds, and the packs with its entries. Empty where no
    /// mirror is to have it, as `packs` may be.
    pub files: Vec<PackNumber>,
}

/// How a medium holds points (DESIGN 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// As packs.
    #[default]
    Vault,
    /// As the files that another program made.
    Mirror,
}

/// One pack, or a file of a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pack {
    /// Its bytes.
    pub bytes: u64,
    /// Its dedup group.
    pub group: GroupId,
    /// The oldest point of the group that uses it.
    pub first: PointOrder,
    /// The newest point of the group that uses it.
    pub last: PointOrder,
}

/// One vault: home, or one that serves a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medium {
    /// The destination that it serves; `home` for the home vault.
    pub destination: DestinationName,
    /// How points lie there.
    pub layout: Layout,
    /// Nothing is owed to it any more, and nothing there is touched.
    pub retired: bool,
    /// It lies on the same device as home or the root: what is only there is not offsite.
    pub same_disk: bool,
    /// Whether its vault was there when looked at now.
    pub reach: Reach,
    /// Whether anything may be deleted there now.
    pub deletions: Deletions,
    /// Most bytes of objects there; none: no limit.
    pub limit: Option<u64>,
    /// Bytes free there, where the place tells.
    pub free: Option<u64>,
    /// Bytes to be left free, where the place tells how many are.
    pub reserve: u64,
    /// Whether old points make room. Always `Never` for home.
    pub evict: Evict,
    /// Complete points of each job that removals leave, always.
    pub keep_at_least: u32,
    /// A point that is complete nowhere else offsite may be evicted.
    pub evict_unique: bool,
    /// Bytes of all objects there, referred to or not.
    pub used: u64,
    /// What is known of each point there; a point without an entry was never looked at for this medium.
    pub placements: BTreeMap<PointOrder, Placement>,
    /// The packs that lie there; one that is missing has no entry.
    pub packs: BTreeMap<PackNumber, PackThere>,
    /// The newest point evicted there, of each job.
    pub newest_evicted: BTreeMap<JobId, PointOrder>,
    /// Packs that a reservation or a seed under way names there.
    pub reserved: BTreeSet<PackNumber>,
    /// Points that a capture, a copy that is under way or broke off, or a restore relies on there: they can't go now.
    pub reserved_points: BTreeSet<PointOrder>,
    /// Points whose removal an earlier session began and did not finish.
    pub removing: BTreeSet<PointOrder>,
    /// Whether objects that nothing refers to may go: not while a seed or a spool is open.
    pub orphans: Orphans,
}

/// Is the medium there?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Its vault was found.
    Here,
    /// It was not; why, for people.
    Away(String),
}

/// May anything be deleted at a medium (DESIGN D-3)?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletions {
    /// Its points were listed and every manifest there is known.
    Allowed,
    /// Something could not be read, or the place only allows adding; why, for people.
    Refused(String),
}

/// Do old points make room for new ones?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evict {
    /// The oldest first.
    Oldest,
    /// They stay.
    Never,
}

/// May objects that nothing refers to be deleted (DESIGN D-9)?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// Yes, where deletions are allowed.
    MayGo,
    /// A seed or a spool is open.
    Kept,
}

/// One point at one medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Its state.
    pub state: PlacementState,
    /// How far it was shown to be good.
    pub proof: Proof,
    /// When the evidence was taken.
    pub verified: Option<Time>,
    /// Why it is `not-wanted`; none for any other state, and for one whose reason was lost, which is then final.
    pub unwanted: Option<Unwanted>,
}

/// Why a point is not wanted at a medium. All but `Elsewhere` and `NotOffsite` are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unwanted {
    /// `keep` would remove it at once.
    Keep,
    /// It is not newer than the newest point of its job that was evicted there.
    OlderThanEvicted,
    /// Its base is not there and won't be.
    BaseGone,
    /// Its copy was begun, and what there was of it had to make room for a newer point.
    GaveWay,
    /// Retention removed it.
    Removed,
    /// A person removed it.
    Forgotten,
    /// The medium is retired.
    Retired,
    /// `copies = "first"`, and another medium has it or gets it. Comes back if that copy is lost.
    Elsewhere,
    /// The job's `offsite` does not name this destination. Comes back if it does again.
    NotOffsite,
    /// A mirror can't hold one of its files, or of what it is built on. For this plan: whether that has changed is looked
    /// at before each.
    Unfit,
    /// At home: it only passed through, and is offsite.
    Spooled,
    /// Home was full and gave it up before it could be copied; no place has it.
    GivenUp,
}

/// A pack that lies at a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackThere {
    /// There, without evidence.
    Present,
    /// There, with durable evidence.
    Proved,
    /// There, and its bytes are wrong; a copy replaces it.
    Damaged,
    /// Not there: it travels there on a seed's drive. Its room is taken; nobody sends it, and no manifest that names it.
    Travelling,
    /// Marked for deletion by an earlier session: absent to every reader, its bytes still count as used.
    Deleting,
}

impl Unwanted {
    /// Can the point be owed there again?
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Elsewhere | Self::NotOffsite)
    }
}

impl Medium {
    /// Is it the home vault?
    #[must_use]
    pub fn is_home(&self) -> bool {
        self.destination.is_home()
    }

    /// The objects that a point is there, but its manifest.
    #[must_use]
    pub fn objects_of<'p>(&self, point: &'p Point) -> &'p [PackNumber] {
        match self.layout {
            Layout::Vault => &point.packs,
            Layout::Mirror => &point.files,
        }
    }

    /// Can a point that lies here be copied there? From files no packs can be made.
    #[must_use]
    pub fn can_give(&self, there: &Self) -> bool {
        self.layout == Layout::Vault || there.layout == Layout::Mirror
    }

    /// Was its vault found?
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.reach == Reach::Here
    }

    /// The state of a point there, `pending` if nothing is known.
    #[must_use]
    pub fn state_of(&self, point: PointOrder) -> PlacementState {
        self.placements.get(&point).map_or(PlacementState::Pending, |placement| placement.state)
    }

    /// Does the point count as there, so that its packs are needed (DESIGN D-1)?
    #[must_use]
    pub fn holds(&self, point: PointOrder) -> bool {
        let state = self.placements.get(&point).map(|placement| placement.state);
        !self.removing.contains(&point) && state.is_some_and(|s| s.is_there() || s == PlacementState::Copying)
    }
}

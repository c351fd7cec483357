//! What a plan is: for each medium the steps in their order, each with its reason, and what stays undone and why.
//!
//! How it is carried out: media in parallel, the steps of a medium in order; home's begin when all others ended. A
//! step that fails does not stop those after it, but a step whose `after` names a placement that is not `complete`
//! by then is skipped. Deliberately absent: any object but the ones named; an executor deletes nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{Hold, PackNumber, Unwanted};
use crate::model::{DestinationName, PointOrder, Time, VaultId};

/// What is to be done, from one state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The generation of the state that it was made from.
    pub generation: u64,
    /// Media that have something to do; home is carried out last, the others in parallel.
    pub media: BTreeMap<VaultId, Vec<Step>>,
    /// What the rules leave stuck.
    pub problems: Vec<Problem>,
    /// What will happen by itself once something comes back.
    pub waiting: Vec<Waiting>,
}

/// One step at one medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Finish the deletions that an earlier session marked (DESIGN D-8).
    Finish {
        /// Points whose manifests go, or are gone already.
        points: Vec<PointOrder>,
        /// Packs that go.
        packs: Vec<PackNumber>,
        /// Bytes that this frees.
        bytes: u64,
    },
    /// The placement becomes `not-wanted`. Touches the catalog only.
    Decline {
        /// The point.
        point: PointOrder,
        /// Why.
        reason: Unwanted,
    },
    /// The placement becomes `pending` again: the copy that made it unwanted is lost. Touches the catalog only.
    Owe {
        /// The point.
        point: PointOrder,
    },
    /// Remove a point: its manifest, then exactly these packs, each if still nothing needs it.
    Remove {
        /// The point.
        point: PointOrder,
        /// Why; decides whether it becomes `evicted` or `not-wanted`.
        reason: RemoveReason,
        /// Packs that go with it.
        packs: Vec<PackNumber>,
        /// Bytes that this frees, the manifest's included.
        bytes: u64,
        /// Only if these are `complete` by then: the plan makes them so, and the removal relies on it.
        after: Vec<Await>,
    },
    /// Delete packs that nothing refers to (DESIGN D-9).
    Sweep {
        /// The packs.
        packs: Vec<PackNumber>,
        /// Bytes that this frees.
        bytes: u64,
    },
    /// Read the point's bytes back where it comes from, before anything is removed in its favour.
    VerifyOrigin {
        /// The point.
        point: PointOrder,
    },
    /// Copy a point: these packs, then the manifest.
    Copy {
        /// The point.
        point: PointOrder,
        /// Where from: the media that have it, best first.
        sources: Vec<VaultId>,
        /// Packs to send: those that are missing there or damaged.
        packs: Vec<PackNumber>,
        /// Bytes to send, the manifest's included.
        bytes: u64,
        /// Bytes of damaged objects there that the sent ones replace.
        replaces: u64,
        /// Room that it takes while it is under way, damaged objects being replaced one at a time.
        peak: u64,
        /// Why.
        reason: CopyReason,
    },
    /// Take the evidence that a `present` placement lacks.
    Verify {
        /// The point.
        point: PointOrder,
    },
}

/// A placement that has to be complete before a step; at home it has to have been read back too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Await {
    /// Where.
    pub medium: VaultId,
    /// What.
    pub point: PointOrder,
}

/// Why a point is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoveReason {
    /// `keep` no longer wants it: what newer points there are is enough.
    Retention,
    /// `keep` won't want it once this point is there, which needs the room now.
    Superseded {
        /// The incoming point.
        by: PointOrder,
    },
    /// It makes room.
    Eviction {
        /// The incoming point.
        by: PointOrder,
    },
    /// A person asked.
    Forgotten,
    /// At home: the job's points only pass through, and this one is offsite.
    Spooled,
    /// At home, which is full: it makes room for a point that is being made.
    Overflow(Loss),
}

/// What is lost with a point that home gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Nothing: it is complete offsite, and who still lacks it can have it from there.
    Nothing,
    /// Copies: it is complete offsite, and a place that still lacks it can't have it from there.
    Copies,
    /// The point: it is still owed, and complete nowhere offsite.
    ThePoint,
}

/// Why a point is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyReason {
    /// It is owed.
    Owed,
    /// A newer point that is owed depends on it.
    NeededBy(PointOrder),
    /// An earlier copy was interrupted.
    Interrupted,
    /// It is damaged there.
    Damaged,
    /// It should be there and is not.
    Missing,
    /// `copies = "first"`: an earlier destination could not take it.
    FellThrough {
        /// How many destinations come before this one.
        past: u32,
    },
    /// `copies = "first"`: the copy elsewhere is lost.
    LostElsewhere,
}

/// What the rules leave stuck at a medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It is full, and nothing more may be removed for this point.
    Full {
        /// The medium.
        medium: VaultId,
        /// The newest point that does not fit.
        point: PointOrder,
        /// Bytes that it and its missing ancestors need there.
        needs: u64,
        /// Bytes that there are for them now.
        room: u64,
        /// Bytes that could be freed at most.
        freeable: u64,
        /// The rules that keep the others there.
        blocked_by: BTreeSet<Blocker>,
        /// How many more, older points wait behind it.
        others: u64,
        /// When the job's `expect` passes if nothing more of it comes offsite than this plan brings; none without an
        /// `expect`.
        deadline: Option<Time>,
    },
    /// A chain that still grows, and that nothing may shorten, fits now and won't with one more point like its largest.
    ChainOutgrows {
        /// The medium.
        medium: VaultId,
        /// The newest point of the chain.
        point: PointOrder,
        /// Bytes of the whole chain.
        needs: u64,
        /// Bytes that the largest point after its first one added.
        next: u64,
        /// Bytes that the medium can hold at most.
        capacity: u64,
    },
    /// It and its ancestors are larger than the medium can hold, whatever else goes from there.
    NeverFits {
        /// The medium.
        medium: VaultId,
        /// The point.
        point: PointOrder,
        /// Bytes of it with all its ancestors.
        needs: u64,
        /// Bytes that the medium can hold at most.
        capacity: u64,
        /// Of these, the bytes of packs that older points began: they may be full of what only those need.
        shared: u64,
    },
    /// More is there than limit or reserve allow, and nothing may be removed for that alone.
    OverLimit {
        /// The medium.
        medium: VaultId,
        /// Bytes too many.
        over: u64,
    },
    /// It is damaged or missing there and no good copy is known anywhere.
    Irreparable {
        /// The medium.
        medium: VaultId,
        /// The point.
        point: PointOrder,
    },
}

/// A rule that keeps a point where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blocker {
    /// `evict = "never"`.
    EvictNever,
    /// Deletions are refused there now (DESIGN D-3).
    DeletionsRefused,
    /// A person pinned it or a point of its chain.
    Pinned,
    /// Its job, or the job that the room is for, is on hold.
    Held(Hold),
    /// `keep-at-least`.
    KeepAtLeast,
    /// It is the last point of its job that a drill proved.
    LastProved,
    /// `evict-unique = false`, and it is complete nowhere else offsite.
    Unique,
    /// It is not older than the incoming point.
    NotOlder,
    /// A point that stays depends on it.
    Dependents,
    /// Its chain is unfinished there.
    Unfinished,
    /// Another place still needs it from here.
    OwedElsewhere,
    /// Its job's points leave home once they are offsite, and this one is not.
    NotOffsiteYet,
    /// It is being copied.
    Copying,
    /// A capture, a copy or a restore relies on it there.
    Reserved,
    /// The medium is retired: what it holds stays.
    Retired,
    /// The medium is not there.
    Away,
}

/// A point that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The medium that it is owed to.
    pub medium: VaultId,
    /// Its destination.
    pub destination: DestinationName,
    /// The newest that waits there for this.
    pub point: PointOrder,
    /// How many points wait there for this, that one included.
    pub points: u64,
    /// For what.
    pub reason: WaitReason,
}

/// What a point waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitReason {
    /// The medium is not there; why, for people.
    MediumAway(String),
    /// No medium that has it is there.
    SourceAway,
    /// No good copy of it is known anywhere.
    NoGoodCopy,
    /// Packs of it travel there on a seed's drive; all else of it is there.
    OnSeed,
}

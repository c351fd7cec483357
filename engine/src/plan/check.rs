//! Judges a plan before anything of it is done: walks through its steps over the state it was made from and holds
//! every rule of the design against each. Execution takes nothing but a [`CheckedPlan`].
//!
//! Written apart from the planner, so that one mistake has to be made twice to matter.

use std::collections::BTreeSet;

use super::judge::Judge;
use super::state::{Hold, PackNumber, State, Unwanted};
use super::steps::{Await, Plan};
use super::world::grounded;
use crate::model::{PointOrder, VaultId};

/// A plan that breaks no rule, for one generation of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPlan(Plan);

impl CheckedPlan {
    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.0
    }

    /// Was it made from another generation than this?
    #[must_use]
    pub const fn is_stale(&self, generation: u64) -> bool {
        self.0.generation != generation
    }
}

/// A rule that a plan breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {medium:?}, {point:?}: {rule}")]
pub struct Violation {
    /// The medium; none for the plan as a whole.
    pub medium: Option<VaultId>,
    /// The point; none for a step that is about none.
    pub point: Option<PointOrder>,
    /// The rule.
    pub rule: Broken,
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Broken {
    /// Made from another state.
    #[error("the plan is of another generation")]
    Stale,
    /// Names something that the state does not have.
    #[error("it names something unknown")]
    Unknown,
    /// Touches a medium that is away or retired.
    #[error("the medium is not there or retired")]
    NotHere,
    /// D-3, or a place that only adds.
    #[error("nothing may be deleted there now")]
    DeletionsRefused,
    /// D-1: a point there or a reservation names the pack.
    #[error("pack {0:?} is needed there")]
    PackNeeded(PackNumber),
    /// A pack is to go that is not there.
    #[error("pack {0:?} is not there")]
    PackNotThere(PackNumber),
    /// D-5: the incoming point needs the pack that is to go for it.
    #[error("the incoming point needs pack {0:?}")]
    PackIncoming(PackNumber),
    /// D-9: nothing that nobody refers to goes now.
    #[error("orphans stay while a seed or a spool is open")]
    OrphansKept,
    /// The step's bytes are wrong.
    #[error("its bytes are not what the packs and the manifest have")]
    WrongBytes,
    /// More than the limit.
    #[error("the limit does not hold")]
    Limit,
    /// Less free than the reserve.
    #[error("the reserve does not hold")]
    Reserve,
    /// The point is not there.
    #[error("the point is not there")]
    NotThere,
    /// A person pinned it.
    #[error("it is pinned")]
    Pinned,
    /// Its job, or the one in whose favour it goes, is on hold.
    #[error("the job is on hold: {0:?}")]
    Held(Hold),
    /// Fewer than `keep-at-least` would be left.
    #[error("fewer than keep-at-least would be left")]
    KeepAtLeast,
    /// The last point that a drill proved.
    #[error("it is the last point of its job that a drill proved")]
    LastProved,
    /// `evict-unique = false`.
    #[error("it is complete nowhere else offsite")]
    Unique,
    /// `evict = "never"`.
    #[error("nothing is evicted there")]
    EvictNever,
    /// Not older than the one in whose favour it goes.
    #[error("it is not older than the incoming point")]
    NotOlder,
    /// Goes in favour of a point that is not copied there.
    #[error("nothing comes in its place")]
    ForNothing,
    /// Another point depends on it.
    #[error("a point that stays depends on it")]
    Dependents,
    /// It is being copied, or was by this plan.
    #[error("it is being copied, or the plan itself copies it")]
    Copying,
    /// A part of its chain is on its way.
    #[error("its chain is unfinished")]
    Unfinished,
    /// The incoming point's bytes were never read back.
    #[error("the incoming point was not verified at its origin")]
    Unverified,
    /// `keep` wants it.
    #[error("keep wants it")]
    Wanted,
    /// Another place needs it from home.
    #[error("it is still owed elsewhere")]
    OwedElsewhere,
    /// The job's points stay at home.
    #[error("the job's points stay at home")]
    StaysHome,
    /// Leaves home, and no medium on another disk that is there has it with evidence.
    #[error("it is complete nowhere offsite")]
    NowhereOffsite,
    /// Home's overflow rule takes the newest point of a job, or one that it depends on.
    #[error("it is the newest of its row of its job at home, or that depends on it")]
    Newest,
    /// It says of a point that home gives up that it is lost where it is not, or the other way round.
    #[error("what is lost with it is not what the step says")]
    WrongLoss,
    /// More is lost with it than the asker allows.
    #[error("more is lost with it than may be")]
    TooMuchLost,
    /// A capture, a copy or a restore relies on it there.
    #[error("it is reserved there")]
    Reserved,
    /// Home's overflow rule is for what is owed.
    #[error("it is owed nowhere, and lies nowhere else")]
    NotOwed,
    /// A placement that the step waits for is not complete by then.
    #[error("it waits for {0:?}, which the plan does not bring about")]
    AwaitBroken(Await),
    /// Would be removed at once, or was removed.
    #[error("it is not wanted there")]
    NotWanted,
    /// The job does not go there.
    #[error("the job does not go there")]
    NotOffsite,
    /// Its base is not there.
    #[error("its base is not there")]
    BaseMissing,
    /// Its base is not complete there.
    #[error("its base is not complete there")]
    BaseIncomplete,
    /// `copies = "first"`, and an earlier destination can take it.
    #[error("an earlier destination can take it")]
    PassedOver,
    /// What is older should go first.
    #[error("what should go before it goes after it")]
    OutOfTurn,
    /// D-8: removals that an earlier session began are finished first.
    #[error("removals that were begun there are not finished")]
    BegunBefore,
    /// No whole copy is there to read.
    #[error("nothing to copy it from")]
    NoSource,
    /// A pack that it names would be missing.
    #[error("pack {0:?} would be missing")]
    PackMissing(PackNumber),
    /// `copies = "first"`, and another medium has it.
    #[error("one copy is enough")]
    SecondCopy,
    /// Declines what is there.
    #[error("it is there")]
    DeclinedThere,
    /// Declines for a reason that does not hold.
    #[error("it is declined for a reason that does not hold: {0:?}")]
    WrongReason(Unwanted),
    /// Makes room where there is enough.
    #[error("there is room enough without it")]
    Needless,
    /// Owes again what was declined for good.
    #[error("it was declined for good")]
    Final,
}

/// Judges a plan medium by medium: what it has for a medium where it breaks a rule is left out, with all that then is
/// wrong without it; the rest may be done. Gives what is left, and every rule that was broken.
#[must_use]
pub fn admit(state: &State, mut plan: Plan) -> (CheckedPlan, Vec<Violation>) {
    let mut refused = Vec::new();
    loop {
        let violations = match check(state, plan.clone()) {
            Ok(checked) => return (checked, refused),
            Err(violations) => violations,
        };
        let wrong: BTreeSet<_> = violations.iter().map(|it| it.medium).collect();
        refused.extend(violations);
        if wrong.contains(&None) {
            // Of another generation: nothing of it counts.
            return (CheckedPlan(Plan { generation: plan.generation, ..Plan::default() }), refused);
        }
        plan.media.retain(|id, _| !wrong.contains(&Some(*id)));
    }
}

/// Judges a plan.
///
/// # Errors
/// Every rule that it breaks; nothing of it may be done then.
pub fn check(state: &State, plan: Plan) -> Result<CheckedPlan, Vec<Violation>> {
    let violations = Judge::of(&grounded(state), &plan).walk(&plan);
    if violations.is_empty() { Ok(CheckedPlan(plan)) } else { Err(violations) }
}

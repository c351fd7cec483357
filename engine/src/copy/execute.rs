//! The steps of one medium, in their order, under one session.

use std::time::Duration;

use super::Told;
use super::error::{CopyError, chain};
use super::flight::{Landed, copy_points};
use super::point::{verify_point, wanted};
use super::remove::{finish_earlier, note, remove_point, sweep};
use super::session::{Session, WhenFull};
use crate::catalog::{EventKind, Guards, LastCopy, NewRemoval, PlacementRow, Removal, RemovalRules, Withheld};
use crate::destination::ReadStore;
use crate::model::{DestinationName, PointOrder, Proof, State, VaultId};
use crate::plan::{self, Await, Loss, RemoveReason, Step};

/// A place that points can come from.
pub struct Origin<'o> {
    /// Its vault.
    pub medium: VaultId,
    /// Its destination.
    pub destination: DestinationName,
    /// The place.
    pub store: &'o dyn ReadStore,
}

/// A copy that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Copied {
    /// The point.
    pub point: PointOrder,
    /// Where to.
    pub medium: VaultId,
    /// Its destination.
    pub destination: DestinationName,
    /// Its state there now.
    pub state: State,
    /// Bytes sent.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// Why it was copied, or why it failed.
    pub reason: String,
    /// Did it fail?
    pub failed: bool,
}

/// A removal that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The point.
    pub point: PointOrder,
    /// Where from.
    pub medium: VaultId,
    /// Its destination.
    pub destination: DestinationName,
    /// Bytes freed.
    pub bytes: u64,
    /// Why.
    pub reason: String,
    /// To make room, or because no rule wants it.
    pub evicted: bool,
    /// What was lost with it.
    pub lost: Loss,
}

/// A removal that had to wait: the catalog knew better than the plan by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The point.
    pub point: PointOrder,
    /// Where it stays.
    pub medium: VaultId,
    /// Why.
    pub why: Withheld,
}

/// What a session did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Copies and evidence taken.
    pub copied: Vec<Copied>,
    /// Removals.
    pub removed: Vec<Removed>,
    /// Removals that had to wait; the next plan decides anew.
    pub kept: Vec<Kept>,
    /// Steps that failed, for people.
    pub failures: Vec<String>,
    /// How many of those only because nothing may be deleted there.
    pub refused: usize,
    /// Did the place say that it is full, and does it tell no room of its own that a plan could have gone by?
    pub full: bool,
    /// Why the session ended early, if it did.
    pub ended: Option<CopyError>,
    /// Was nothing tried, because another process is at work there?
    pub busy: bool,
}

/// What removals at a medium go by, in a plan that was made from that state.
#[must_use]
pub fn removal_rules(state: &plan::State, medium: VaultId) -> RemovalRules {
    let planned = crate::catalog::Generation(state.generation);
    let row = state.media.get(&medium);
    let last_copy = if row.is_none_or(|row| row.evict_unique) { LastCopy::MayGo } else { LastCopy::Stays };
    RemovalRules { keep_at_least: row.map_or(1, |row| row.keep_at_least), last_copy, planned }
}

/// Does a plan's account of the room there still hold?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    AsPlanned,
    /// What nothing refers to could not be deleted.
    Unsure,
    Less,
}

impl Room {
    /// After a step that was to free something.
    fn after(self, step: &Step, done: bool) -> Self {
        match step {
            Step::Remove { .. } if !done => Self::Less,
            Step::Sweep { .. } | Step::Finish { .. } if !done && self == Self::AsPlanned => Self::Unsure,
            _ => self,
        }
    }
}

/// Carries out the steps. A step that fails does not stop those after it, unless the place itself is lost; but once a
/// removal was not done, nothing more is copied, and home gives up nothing more for a point that waits: the room for it may
/// not be there, and the next plan knows.
pub fn execute(
    session: &Session<'_>,
    steps: &[(Step, String)],
    origins: &[Origin<'_>],
    rules: &RemovalRules,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut room = Room::AsPlanned;
    let is_copy = |(step, _): &(Step, String)| matches!(step, Step::Copy { .. });
    for steps in steps.chunk_by(|one, next| is_copy(one) && is_copy(next)) {
        if (session.tools.stop)() {
            outcome.ended = Some(CopyError::Stopped);
            return outcome;
        }
        let ended = match steps {
            [(Step::Remove { reason: RemoveReason::Overflow(_), .. }, _)] if room != Room::AsPlanned => None,
            [(step, reason)] if !is_copy(&steps[0]) => {
                let removed = outcome.removed.len();
                let result = carry_out(session, (step, reason), (origins, rules), &mut outcome);
                let is_removed = !matches!(step, Step::Remove { .. }) || outcome.removed.len() > removed;
                room = room.after(step, result.is_ok() && is_removed);
                result.err().and_then(|error| failed(session, error, &mut outcome))
            }
            _ if room == Room::Less => None,
            copies => copy_all(session, copies, origins, &mut outcome),
        };
        outcome.ended = ended;
        // Nothing more goes either before it shows that this makes room.
        if outcome.ended.is_some() || (outcome.full && session.when_full == WhenFull::Stop) {
            return outcome;
        }
    }
    outcome
}

/// A step that failed is told; gives the error back if it ends the session.
fn failed(session: &Session<'_>, error: CopyError, outcome: &mut Outcome) -> Option<CopyError> {
    session.note_failure();
    let text = format!("{}: {}", session.destination, chain(&error));
    (session.tools.tell)(&Told::Note(text.clone()));
    outcome.failures.push(text);
    outcome.refused += usize::from(matches!(error, CopyError::DeletionsRefused(_)));
    error.ends_session().then_some(error)
}

/// What is said of a point whose manifest is there, and whose packs came by post and were not all read back.
const CAME_BY_POST: &str = "it came by post, and not all of it was read back yet";

/// Copies that follow one another go together; gives the error that ended the session, if one did.
fn copy_all(
    session: &Session<'_>,
    copies: &[(Step, String)],
    origins: &[Origin<'_>],
    outcome: &mut Outcome,
) -> Option<CopyError> {
    let points: Vec<(PointOrder, &[VaultId], &str)> = copies.iter().filter_map(as_copy).collect();
    let mut coming = points.iter();
    let mut next = || {
        let (point, sources, _) = coming.next()?;
        Some(wanted(session, *point, chosen(session, sources, origins)))
    };
    let flown = copy_points(session, &mut next);
    let mut ended = None;
    for ((point, _, why), (landed, took)) in points.iter().zip(flown) {
        let copied = |state, bytes, reason: &str| Copied { took, ..copied(session, *point, state, bytes, reason) };
        match landed {
            Landed::There(state @ (State::Copying | State::Pending), bytes) => {
                outcome.copied.push(copied(state, bytes, plan::ON_SEED));
            }
            Landed::There(State::Present, bytes) => outcome.copied.push(copied(State::Present, bytes, CAME_BY_POST)),
            Landed::There(state, bytes) => outcome.copied.push(copied(state, bytes, why)),
            Landed::Untried => {}
            Landed::Failed(error) if error.ends_session() => ended = ended.or(Some(error)),
            Landed::Failed(error) => {
                outcome.full |= session.lane().is_unforeseen(&error);
                let row = session.tools.catalog.placement(session.medium, *point).ok().flatten();
                let state = row.map_or(State::Pending, |row| row.state);
                outcome.copied.push(Copied { failed: true, ..copied(state, 0, &chain(&error)) });
            }
        }
    }
    if outcome.copied.iter().any(|copied| copied.failed) {
        session.note_failure();
    }
    let ended = ended.or_else(|| (session.tools.stop)().then_some(CopyError::Stopped));
    ended.and_then(|error| failed(session, error, outcome))
}

fn as_copy((step, why): &(Step, String)) -> Option<(PointOrder, &[VaultId], &str)> {
    match step {
        Step::Copy { point, sources, .. } => Some((*point, sources, why)),
        _ => None,
    }
}

fn carry_out(
    session: &Session<'_>,
    (step, why): (&Step, &str),
    (origins, rules): (&[Origin<'_>], &RemovalRules),
    outcome: &mut Outcome,
) -> Result<(), CopyError> {
    let (catalog, now) = (session.tools.catalog, session.tools.clock.now());
    match step {
        Step::Finish { .. } => drop(finish_earlier(session)?),
        Step::Decline { point, .. } => {
            catalog.decline(session.medium, &[*point], why, now)?;
            note(session, EventKind::Declined, Some(*point), 0, why.to_owned())?;
        }
        Step::Owe { point } => catalog.owe(session.medium, &[*point], now)?,
        Step::Remove { point, reason, after, .. } => {
            if all_complete(session, after)? {
                remove(session, (*point, *reason), why, rules, outcome)?;
            }
        }
        Step::Sweep { .. } => drop(sweep(session)?),
        Step::VerifyOrigin { point } => verify_origin(session, *point, origins)?,
        // Copies go together: `copy_all`.
        Step::Copy { .. } => {}
        Step::Verify { point } => {
            let here =
                [Origin { medium: session.medium, destination: session.destination.clone(), store: session.store }];
            let started = session.tools.clock.monotonic();
            let state = verify_point(session, &wanted(session, *point, here.iter().collect())?)?;
            let took = session.tools.clock.monotonic().saturating_sub(started);
            outcome.copied.push(Copied { took, ..copied(session, *point, state, 0, "read back to prove it") });
        }
    }
    Ok(())
}

/// The origins that the plan names, in its order.
fn chosen<'o>(session: &Session<'_>, sources: &[VaultId], origins: &'o [Origin<'o>]) -> Vec<&'o Origin<'o>> {
    let find =
        |medium: &VaultId| origins.iter().find(|origin| origin.medium == *medium && origin.medium != session.medium);
    sources.iter().filter_map(find).collect()
}

fn copied(session: &Session<'_>, point: PointOrder, state: State, bytes: u64, reason: &str) -> Copied {
    Copied {
        point,
        medium: session.medium,
        destination: session.destination.clone(),
        state,
        bytes,
        took: Duration::ZERO,
        reason: reason.to_owned(),
        failed: matches!(state, State::Damaged | State::Missing),
    }
}

fn remove(
    session: &Session<'_>,
    (point, reason): (PointOrder, RemoveReason),
    why: &str,
    rules: &RemovalRules,
    outcome: &mut Outcome,
) -> Result<(), CopyError> {
    let text = why.to_owned();
    let (removal, incoming) = match reason {
        RemoveReason::Eviction { by } => (Removal::Evicted { reason: text.clone() }, Some(by)),
        RemoveReason::Superseded { by } => (Removal::NotWanted { reason: text.clone() }, Some(by)),
        RemoveReason::Retention | RemoveReason::Forgotten => (Removal::NotWanted { reason: text.clone() }, None),
        RemoveReason::Spooled => (Removal::Spooled { reason: text.clone() }, None),
        RemoveReason::Overflow(Loss::Nothing | Loss::Copies) => (Removal::Evicted { reason: text.clone() }, None),
        RemoveReason::Overflow(Loss::ThePoint) => {
            let owed = plan::unwanted_text(plan::Unwanted::GivenUp).to_owned();
            (Removal::GivenUp { reason: text.clone(), owed }, None)
        }
    };
    let guards = guards(reason, rules);
    let evicted = matches!(removal, Removal::Evicted { .. });
    let lost = if let RemoveReason::Overflow(loss) = reason { loss } else { Loss::Nothing };
    let (medium, now) = (session.medium, session.tools.clock.now());
    let new = NewRemoval { medium, points: &[point], removal, incoming, guards, expected: None, now };
    let destination = session.destination.clone();
    match remove_point(session, &new)? {
        Ok(bytes) => outcome.removed.push(Removed { point, medium, destination, bytes, reason: text, evicted, lost }),
        Err(why) => {
            (session.tools.tell)(&Told::Note(format!("{destination}: the point {point} stays for now: {why}")));
            outcome.kept.push(Kept { point, medium, why });
        }
    }
    Ok(())
}

/// What leaves home because it is offsite has to be so still; how many points stay there is no matter then.
fn guards(reason: RemoveReason, rules: &RemovalRules) -> Guards {
    match reason {
        RemoveReason::Forgotten => Guards::ByHand,
        RemoveReason::Spooled | RemoveReason::Overflow(Loss::Nothing | Loss::Copies) => {
            Guards::Rules(RemovalRules { keep_at_least: 0, last_copy: LastCopy::Stays, ..*rules })
        }
        RemoveReason::Overflow(Loss::ThePoint) => {
            Guards::Rules(RemovalRules { keep_at_least: 0, last_copy: LastCopy::MayGo, ..*rules })
        }
        RemoveReason::Retention | RemoveReason::Superseded { .. } | RemoveReason::Eviction { .. } => {
            Guards::Rules(*rules)
        }
    }
}

/// Is what a removal waits for complete, and at home read back?
fn all_complete(session: &Session<'_>, after: &[Await]) -> Result<bool, CopyError> {
    let catalog = session.tools.catalog;
    let home = catalog.meta()?.home;
    for wait in after {
        let is_good = |row: &PlacementRow| {
            row.state == State::Complete && (Some(wait.medium) != home || row.proof >= Proof::BytesRead)
        };
        if !catalog.placement(wait.medium, wait.point)?.as_ref().is_some_and(is_good) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// DESIGN 5.2: nothing is removed in favour of a point whose own bytes were never read back.
fn verify_origin(session: &Session<'_>, point: PointOrder, origins: &[Origin<'_>]) -> Result<(), CopyError> {
    let mut whole = Vec::new();
    for origin in origins.iter().filter(|origin| origin.medium != session.medium) {
        let placed = session.tools.catalog.placement(origin.medium, point)?;
        whole.extend(placed.filter(|row| matches!(row.state, State::Present | State::Complete)).map(|_| origin));
    }
    let wanted = wanted(session, point, whole)?;
    let Some(origin) = wanted.origins.first() else { return Ok(()) };
    super::point::read_origin(session, &wanted, origin)
}

//! The steps of one medium, in their order, under one session.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Told;
use super::error::{CopyError, chain};
use super::point::{copy_point, verify_point, wanted};
use super::remove::{finish_earlier, note, remove_point, sweep};
use super::session::Session;
use crate::catalog::{EventKind, Removal};
use crate::destination::ReadStore;
use crate::model::{DestinationName, PointOrder, State, VaultId};
use crate::plan::{Await, RemoveReason, Step};

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
}

/// What a session did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Copies and evidence taken.
    pub copied: Vec<Copied>,
    /// Removals.
    pub removed: Vec<Removed>,
    /// Steps that failed, for people.
    pub failures: Vec<String>,
    /// Why the session ended early, if it did.
    pub ended: Option<CopyError>,
}

/// Carries out the steps. A step that fails does not stop those after it, unless the place itself is lost.
pub fn execute(session: &Session<'_>, steps: &[(Step, String)], origins: &[Origin<'_>]) -> Outcome {
    let mut outcome = Outcome::default();
    for (step, reason) in steps {
        if (session.tools.stop)() {
            outcome.ended = Some(CopyError::Stopped);
            return outcome;
        }
        let result = carry_out(session, (step, reason), origins, &mut outcome);
        if result.is_err() || outcome.copied.last().is_some_and(|copied| copied.failed) {
            session.note_failure();
        }
        if let Err(error) = result {
            let text = format!("{}: {}", session.destination, chain(&error));
            (session.tools.tell)(&Told::Note(text.clone()));
            outcome.failures.push(text);
            if error.ends_session() {
                outcome.ended = Some(error);
                return outcome;
            }
        }
    }
    outcome
}

fn carry_out(
    session: &Session<'_>,
    (step, why): (&Step, &str),
    origins: &[Origin<'_>],
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
                outcome.removed.push(remove(session, *point, *reason, why)?);
            }
        }
        Step::Sweep { .. } => drop(sweep(session)?),
        Step::VerifyOrigin { point } => verify_origin(session, *point, origins)?,
        Step::Copy { point, sources, .. } => {
            let chosen = chosen(session, sources, origins);
            outcome.copied.push(copy(session, *point, chosen, why.to_owned())?);
        }
        Step::Verify { point } => {
            let here =
                [Origin { medium: session.medium, destination: session.destination.clone(), store: session.store }];
            let started = session.tools.clock.monotonic();
            let state = verify_point(session, &wanted(session, *point, here.iter().collect())?)?;
            outcome.copied.push(copied(session, *point, state, 0, started, "read back to prove it"));
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

fn copy(
    session: &Session<'_>,
    point: PointOrder,
    origins: Vec<&Origin<'_>>,
    reason: String,
) -> Result<Copied, CopyError> {
    let started = session.tools.clock.monotonic();
    let outcome = wanted(session, point, origins).and_then(|wanted| copy_point(session, &wanted));
    match outcome {
        Ok((state, bytes)) => Ok(copied(session, point, state, bytes, started, &reason)),
        Err(error) if error.ends_session() => Err(error),
        Err(error) => {
            let state = session.tools.catalog.placement(session.medium, point)?.map_or(State::Pending, |row| row.state);
            Ok(Copied { failed: true, ..copied(session, point, state, 0, started, &chain(&error)) })
        }
    }
}

fn copied(
    session: &Session<'_>,
    point: PointOrder,
    state: State,
    bytes: u64,
    started: Duration,
    reason: &str,
) -> Copied {
    Copied {
        point,
        medium: session.medium,
        destination: session.destination.clone(),
        state,
        bytes,
        took: session.tools.clock.monotonic().saturating_sub(started),
        reason: reason.to_owned(),
        failed: matches!(state, State::Damaged | State::Missing),
    }
}

fn remove(session: &Session<'_>, point: PointOrder, reason: RemoveReason, why: &str) -> Result<Removed, CopyError> {
    let text = why.to_owned();
    let (removal, incoming) = match reason {
        RemoveReason::Eviction { by } => (Removal::Evicted { reason: text.clone() }, Some(by)),
        RemoveReason::Superseded { by } => (Removal::NotWanted { reason: text.clone() }, Some(by)),
        RemoveReason::Retention | RemoveReason::Forgotten => (Removal::NotWanted { reason: text.clone() }, None),
    };
    let evicted = matches!(removal, Removal::Evicted { .. });
    let bytes = remove_point(session, point, &removal, incoming)?;
    Ok(Removed {
        point,
        medium: session.medium,
        destination: session.destination.clone(),
        bytes,
        reason: text,
        evicted,
    })
}

fn all_complete(session: &Session<'_>, after: &[Await]) -> Result<bool, CopyError> {
    let complete = |wait: &Await| -> Result<bool, CopyError> {
        Ok(session.tools.catalog.placement(wait.medium, wait.point)?.is_some_and(|row| row.state == State::Complete))
    };
    after.iter().map(complete).collect::<Result<BTreeSet<bool>, _>>().map(|all| !all.contains(&false))
}

/// DESIGN 5.2: nothing is removed in favour of a point whose own bytes were never read back.
fn verify_origin(session: &Session<'_>, point: PointOrder, origins: &[Origin<'_>]) -> Result<(), CopyError> {
    let wanted = wanted(session, point, origins.iter().collect())?;
    let Some(origin) = wanted.origins.first() else { return Ok(()) };
    super::point::read_origin(session, &wanted, origin)
}

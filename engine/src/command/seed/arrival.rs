//! What a session does for a seed: before anything is planned it looks into receipts, and at its end it sees whether
//! the seed is over.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::notice::tell_ready;
use crate::catalog::SeedRow;
use crate::command::Context;
use crate::copy::{Arrival, CopyError, Outcome, Session, close_seed, take_seeds};
use crate::doubt::Share;
use crate::model::{DestinationName, chain};
use crate::plan::{Medium, PackThere, State, Step};

/// So much of what a receipt tells of is read back at once, at least one object; the rest with the evidence that is
/// missing of its points.
const SAMPLE: &str = "1%";

/// Looks into receipts at the session's medium; what failed, if anything did.
pub(in crate::command) fn arrive(context: &Context, session: &Session<'_>) -> Option<Outcome> {
    let share: Share = SAMPLE.parse().expect("a share");
    let error = match take_seeds(session, share) {
        Ok(arrivals) => {
            arrivals.iter().for_each(|arrival| context.call.voice.say(&told(session, arrival)));
            return None;
        }
        Err(error) => error,
    };
    let failures = vec![failed(context, session, &error)];
    Some(Outcome { failures, ended: error.ends_session().then_some(error), ..Outcome::default() })
}

/// What was looked at, and no more than that.
fn told(session: &Session<'_>, arrival: &Arrival) -> String {
    let Arrival { drive, packs, read, wrong, .. } = arrival;
    let there = packs.saturating_sub(wrong.len() as u64);
    let name = &session.destination;
    format!("{name}: drive {drive} of the seed came: {there} of its {packs} packs are there, {read} were read back")
}

/// Does the step do no more than to leave a manifest? A point that lacks what an earlier step sends is not one of these.
pub(in crate::command) fn belongs(state: &State, medium: &Medium, step: &Step) -> bool {
    let Step::Copy { point, .. } = step else { return false };
    let lies_there = |pack| matches!(medium.packs.get(pack), Some(PackThere::Present | PackThere::Proved));
    state.points.get(point).is_some_and(|row| medium.objects_of(row).iter().all(lies_there))
}

/// Seeds that are over and of which nobody was told yet.
#[derive(Debug, Default)]
pub(in crate::command) struct Over(Mutex<Vec<(SeedRow, DestinationName)>>);

impl Over {
    fn held(&self) -> MutexGuard<'_, Vec<(SeedRow, DestinationName)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who wait for them hear of it. Not while the medium is locked: what they do may be `engine copy` there.
    pub(in crate::command) fn tell(&self, context: &Context) {
        for (seed, destination) in std::mem::take(&mut *self.held()) {
            if let Err(failure) = tell_ready(context, &seed, &destination) {
                context.call.voice.warn(&failure.to_string());
            }
        }
    }
}

/// A seed whose points are all there and were read back is over.
///
/// # Errors
/// What failed, for people.
pub(in crate::command) fn close(context: &Context, session: &Session<'_>, over: &Over) -> Result<(), String> {
    let closed = close_seed(session).map_err(|error| failed(context, session, &error))?;
    over.held().extend(closed.map(|seed| (seed, session.destination.clone())));
    Ok(())
}

/// Told at once, as a step that fails is.
fn failed(context: &Context, session: &Session<'_>, error: &CopyError) -> String {
    let text = format!("{}: the seed could not be looked into: {}", session.destination, chain(error));
    context.call.voice.warn(&text);
    text
}

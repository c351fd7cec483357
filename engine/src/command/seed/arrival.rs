//! What a session does for a seed: before anything is planned it looks into receipts, and at its end it sees whether
//! the seed is over.

use super::notice::tell_ready;
use crate::command::Context;
use crate::copy::{CopyError, Outcome, Session, close_seed, take_seeds};
use crate::doubt::Share;
use crate::model::{PointOrder, chain};
use crate::plan::Step;

/// So much of what a receipt tells of is read back before it counts; at least one object.
const SAMPLE: &str = "1%";

/// Looks into receipts at the session's medium; what failed, if anything did.
pub(in crate::command) fn arrive(context: &Context, session: &Session<'_>) -> Option<Outcome> {
    let share: Share = SAMPLE.parse().expect("a share");
    let error = take_seeds(session, share).err()?;
    let failures = vec![failed(context, session, &error)];
    Some(Outcome { failures, ended: error.ends_session().then_some(error), ..Outcome::default() })
}

/// Does the step do no more than to make a seed's points count: a manifest, or evidence that a session which broke
/// off did not record?
pub(in crate::command) fn belongs(context: &Context, step: &Step) -> bool {
    let is_of_a_seed = |point: &PointOrder| {
        let seeds = context.installation.catalog.seeds().unwrap_or_default();
        seeds.iter().any(|seed| seed.is_open() && seed.points.contains(point))
    };
    match step {
        Step::Copy { packs, .. } => packs.is_empty(),
        Step::Verify { point } => is_of_a_seed(point),
        _ => false,
    }
}

/// A seed whose points are all there is over, and those who wait for it hear of it.
///
/// # Errors
/// What failed, for people.
pub(in crate::command) fn close(context: &Context, session: &Session<'_>) -> Result<(), String> {
    let closed = close_seed(session).map_err(|error| failed(context, session, &error))?;
    let told = closed.map(|seed| tell_ready(context, &seed, &session.destination));
    told.transpose().map(drop).map_err(|failure| failure.to_string())
}

/// Told at once, as a step that fails is.
fn failed(context: &Context, session: &Session<'_>, error: &CopyError) -> String {
    let text = format!("{}: the seed could not be looked into: {}", session.destination, chain(error));
    context.call.voice.warn(&text);
    text
}

//! What happened to a job or at a destination, and what would be lost.

use std::collections::BTreeSet;

use super::explain::Facts;
use super::explain_point::explain_point;
use super::resolve::resolve;
use crate::catalog::{EventKind, EventRow, MediumRow, PlacementRow, PointRow};
use crate::command::{Failure, last_failure};
use crate::model::{DestinationName, JobId, Name, State};
use crate::report::{ExplainedMedium, ExplainedName, LostPoint, NameKind, SessionFailure};

/// All that is known of a name.
pub(super) fn explain_name(facts: &Facts<'_>, name: &Name) -> Result<ExplainedName, Failure> {
    if facts.is_job(name) { of_job(facts, name) } else { of_destination(facts, name) }
}

fn of_job(facts: &Facts<'_>, name: &Name) -> Result<ExplainedName, Failure> {
    let catalog = &facts.context.installation.catalog;
    let row = catalog.job_named(name)?;
    let job = row.as_ref().map(|row| row.id);
    let is_its = |point: &PointRow| Some(point.job) == job;
    let events = facts
        .events
        .iter()
        .filter(|event| event.point.and_then(|order| facts.names.point(order)).is_some_and(is_its) && tells(event));
    let goes_to = facts.context.installation.config.job(name).map(|job| job.offsite.clone()).unwrap_or_default();
    let media =
        facts.placements.media().iter().map(|medium| counted(facts, medium, job)).collect::<Result<Vec<_>, _>>()?;
    // Of a place that the job does not go to, nothing is told but what it holds.
    let is_its_place = |medium: &ExplainedMedium| medium.destination.is_home() || goes_to.contains(&medium.destination);
    let media = media.into_iter().map(|medium| ExplainedMedium {
        last_failure: medium.last_failure.clone().filter(|_| is_its_place(&medium)),
        ..medium
    });
    let newest = resolve(catalog, name.as_str()).ok().map(|point| explain_point(facts, &point)).transpose()?;
    Ok(ExplainedName {
        name: name.clone(),
        kind: NameKind::Job,
        newest: newest.map(Box::new),
        media: media.filter(|medium| !medium.is_empty()).collect(),
        events: events.map(|event| facts.event(event)).collect(),
        would_be_lost: only_once(facts, is_its, None)?,
        alarm: row
            .and_then(|row| row.alarm.into_iter().chain(row.clock_jump).reduce(|one, other| format!("{one}; {other}"))),
    })
}

fn of_destination(facts: &Facts<'_>, name: &Name) -> Result<ExplainedName, Failure> {
    let vaults: BTreeSet<_> = facts.media_of(name).map(|medium| medium.vault).collect();
    let its = |event: &&EventRow| event.medium.is_some_and(|medium| vaults.contains(&medium)) && tells(event);
    Ok(ExplainedName {
        name: name.clone(),
        kind: NameKind::Destination,
        newest: None,
        media: facts.media_of(name).map(|medium| counted(facts, medium, None)).collect::<Result<_, _>>()?,
        events: facts.events.iter().filter(its).map(|event| facts.event(event)).collect(),
        would_be_lost: only_once(facts, |_| true, Some(name))?,
        alarm: None,
    })
}

/// Is it about something that a person asks why?
fn tells(event: &EventRow) -> bool {
    !matches!(event.kind, EventKind::Made | EventKind::Copied)
}

/// The points at a medium by state, of one job or of all.
fn counted(facts: &Facts<'_>, medium: &MediumRow, job: Option<JobId>) -> Result<ExplainedMedium, Failure> {
    let points = facts.names.points().filter(|point| job.is_none_or(|job| point.job == job));
    let at = |point: &PointRow| {
        facts.placements.rows(point.order).find(|(other, _)| other.vault == medium.vault).map(|(_, row)| row.state)
    };
    let states: Vec<State> = points.filter_map(at).collect();
    let count = |wanted: &[State]| states.iter().filter(|state| wanted.contains(state)).count() as u64;
    let failure = last_failure::of(&facts.context.installation.catalog, medium.vault)?;
    Ok(ExplainedMedium {
        destination: medium.destination.clone(),
        medium: medium.vault,
        place: medium.place.clone(),
        last_seen: medium.last_seen,
        retired: medium.retired,
        complete: count(&[State::Complete]),
        pending: count(&[State::Pending, State::Copying, State::Present]),
        evicted: count(&[State::Evicted]),
        not_wanted: count(&[State::NotWanted]),
        damaged: count(&[State::Damaged, State::Missing]),
        last_failure: failure.map(|failure| SessionFailure { time: failure.time, reason: failure.why }),
    })
}

/// Points that are complete at one destination only, newest first; only those of `at` if it is given.
fn only_once(
    facts: &Facts<'_>,
    wanted: impl Fn(&PointRow) -> bool,
    at: Option<&Name>,
) -> Result<Vec<LostPoint>, Failure> {
    let mut found = Vec::new();
    for point in facts.names.points().rev().filter(|point| wanted(point)) {
        if let Some(only) = only_place(facts, point).filter(|only| at.is_none_or(|at| at == only)) {
            let elsewhere = elsewhere(facts, point, &only);
            let (job, created) = (facts.names.job(point.job)?, point.created);
            found.push(LostPoint { point: point.id, job, created, only, elsewhere });
        }
    }
    Ok(found)
}

fn only_place(facts: &Facts<'_>, point: &PointRow) -> Option<DestinationName> {
    let complete = facts.placements.rows(point.order).filter(|(_, row)| row.state == State::Complete);
    let places: BTreeSet<_> = complete.map(|(medium, _)| &medium.destination).collect();
    if places.len() == 1 { places.first().map(|&only| only.clone()) } else { None }
}

fn elsewhere(facts: &Facts<'_>, point: &PointRow, only: &DestinationName) -> String {
    let is_some = |row: &PlacementRow| !matches!(row.state, State::NotWanted);
    let others = facts.placements.rows(point.order).filter(|(medium, row)| medium.destination != *only && is_some(row));
    let words: Vec<_> = others.map(|(medium, row)| format!("{} {}", medium.destination, row.state)).collect();
    words.join(", ")
}

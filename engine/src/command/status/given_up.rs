//! Points of a job that a full home gave up before they were copied (DESIGN 5.8): told until something newer is where they
//! should have come, or a person has heard of it (`engine alarm clear`). Nothing is stopped by it.

use std::collections::BTreeSet;

use super::{Facts, problem};
use crate::catalog::{Catalog, JobRow, MediumRow, PlacementRow, PointRow};
use crate::command::Failure;
use crate::config::Job;
use crate::model::{JobId, PointOrder, State};
use crate::plan::{Unwanted, unwanted_text};
use crate::report::StatusProblem;

/// So many are named; of more there is the number.
const NAMED_MAX: usize = 3;

const WHAT_TO_DO: &str =
    "bring its destinations back, or raise home.limit and free the disk; `engine alarm clear` ends this";

/// What there is to say of them; `points` are those of the job that were not removed.
pub(super) fn problems(
    facts: &Facts<'_>,
    job: &Job,
    row: Option<&JobRow>,
    points: &[&PointRow],
) -> Result<Vec<StatusProblem>, Failure> {
    let Some(row) = row else { return Ok(Vec::new()) };
    let catalog = &facts.context.installation.catalog;
    let heard = heard(catalog, row.id)?;
    let is_news = |order: PointOrder| heard.as_ref().is_none_or(|heard| order.to_string() > *heard);
    let media: Vec<&MediumRow> = job.offsite.iter().flat_map(|name| facts.placed.in_use(name)).collect();
    let newer = |medium: &MediumRow, than: PointOrder| {
        let complete = |order| facts.placed.state(medium.vault, order) == Some(State::Complete);
        points.iter().any(|point| point.order > than && complete(point.order))
    };
    let told = |lost: &[&PointRow], what: &str| {
        let ids: Vec<String> = lost.iter().rev().take(NAMED_MAX).map(|point| point.id.to_string()).collect();
        let (count, more) = (lost.len(), if lost.len() > NAMED_MAX { ", …" } else { "" });
        let were = if count == 1 { "1 point was".to_owned() } else { format!("{count} points were") };
        let when = lost.last().map(|newest| facts.when(newest.created)).unwrap_or_default();
        let text = format!("home was full: {were} given up {what}, the newest of {when}: {}{more}", ids.join(", "));
        problem(text, WHAT_TO_DO)
    };
    let mut problems = Vec::new();
    let lost = catalog.given_up()?;
    let lost: Vec<&PointRow> = lost.iter().filter(|it| it.job == row.id && is_news(it.order)).collect();
    let is_over = |newest: &&PointRow| media.iter().any(|medium| !medium.same_disk && newer(medium, newest.order));
    if lost.last().is_some_and(|newest| !is_over(newest)) {
        problems.push(told(&lost, "before any place had a whole copy"));
    }
    for medium in &media {
        let here = facts.placed.at.get(&medium.vault);
        let given_up = |point: &&&PointRow| {
            is_news(point.order) && here.and_then(|at| at.get(&point.order)).is_some_and(is_missed)
        };
        let missed: Vec<&PointRow> = points.iter().filter(given_up).copied().collect();
        if missed.last().is_some_and(|newest| !newer(medium, newest.order)) {
            problems.push(told(&missed, &format!("before {} had a copy", medium.destination)));
        }
    }
    Ok(problems)
}

fn memo(job: JobId) -> String {
    format!("given-up-heard-{job}")
}

/// Up to which point a person has heard of it.
fn heard(catalog: &Catalog, job: JobId) -> Result<Option<String>, Failure> {
    Ok(catalog.memo(&memo(job))?)
}

/// A person has heard of all there is; gives what that is.
pub(in crate::command) fn hear(catalog: &Catalog, job: JobId) -> Result<Option<String>, Failure> {
    let heard = heard(catalog, job)?;
    let lost: BTreeSet<PointOrder> = catalog.given_up()?.into_iter().map(|point| point.order).collect();
    let mut news = Vec::new();
    for point in catalog.points()?.into_iter().filter(|point| point.job == job) {
        let is_news = heard.as_ref().is_none_or(|heard| point.order.to_string() > *heard);
        let mut placed = catalog.placements_of(point.order)?.into_iter();
        if is_news && (lost.contains(&point.order) || placed.any(|(_, row)| is_missed(&row))) {
            news.push(point);
        }
    }
    let Some(newest) = news.last() else { return Ok(None) };
    catalog.set_memo(&memo(job), &newest.order.to_string())?;
    let ids: Vec<String> = news.iter().map(|point| point.id.to_string()).collect();
    Ok(Some(format!("points that a full home gave up: {}", ids.join(", "))))
}

/// Home gave it up before it came there.
fn is_missed(row: &PlacementRow) -> bool {
    row.state == State::NotWanted && row.reason == unwanted_text(Unwanted::GivenUp)
}

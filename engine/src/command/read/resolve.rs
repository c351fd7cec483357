//! A point as people name it: `JOB`, `JOB~1`, or the first digits of an id.

use crate::catalog::{Catalog, JobRow, PointRow};
use crate::command::Failure;
use crate::model::{JobId, JobName, PointId, State};

/// So few digits of an id are enough.
const DIGITS_MIN: usize = 4;

/// The point that `text` names. A job's name wins over an id's digits; a job's name alone is its newest point that
/// should be there, damaged and missing ones included.
///
/// # Errors
/// Exit 2 if the text names nothing, or more than one point; exit 1 if the job has no such point.
pub fn resolve(catalog: &Catalog, text: &str) -> Result<PointRow, Failure> {
    let (name, back) = split(text)?;
    let job = name.parse::<JobName>().ok().map(|name| catalog.job_named(&name)).transpose()?.flatten();
    match (job, back) {
        (Some(job), back) => of_job(catalog, &job, back.unwrap_or(0)),
        (None, None) => by_digits(catalog, text),
        (None, Some(_)) => Err(unknown(text)),
    }
}

/// The newest point of the same job that is older than this one and should be there.
///
/// # Errors
/// If the catalog can't be read.
pub fn one_before(catalog: &Catalog, point: &PointRow) -> Result<Option<PointRow>, Failure> {
    let points = catalog.points()?;
    let older = points.into_iter().filter(|other| other.job == point.job && other.order < point.order);
    nth_newest(catalog, older, 0)
}

/// `JOB~1` is `JOB` and 1.
fn split(text: &str) -> Result<(&str, Option<usize>), Failure> {
    let Some((name, back)) = text.rsplit_once('~') else { return Ok((text, None)) };
    let number = Some(back).filter(|back| back.bytes().all(|digit| digit.is_ascii_digit()));
    number.and_then(|back| back.parse().ok()).map(|back| (name, Some(back))).ok_or_else(|| unknown(text))
}

fn of_job(catalog: &Catalog, job: &JobRow, back: usize) -> Result<PointRow, Failure> {
    let points = of(catalog.points()?, job.id);
    nth_newest(catalog, points, back)?.ok_or_else(|| {
        let what = if back == 0 { job.name.to_string() } else { format!("{}~{back}", job.name) };
        let why = if back == 0 { "the job has no recovery point" } else { "the job has not so many recovery points" };
        let advice = format!("`engine points --job {0}` lists them, `engine backup {0}` makes one", job.name);
        Failure::new(format!("there is no point {what}"), why, advice)
    })
}

fn of(points: Vec<PointRow>, job: JobId) -> impl DoubleEndedIterator<Item = PointRow> {
    points.into_iter().filter(move |point| point.job == job)
}

/// Of points, oldest first, the newest that should be there after `back` such ones.
fn nth_newest(
    catalog: &Catalog,
    points: impl DoubleEndedIterator<Item = PointRow>,
    mut back: usize,
) -> Result<Option<PointRow>, Failure> {
    for point in points.rev() {
        if should_be_there(catalog, &point)? {
            if back == 0 {
                return Ok(Some(point));
            }
            back -= 1;
        }
    }
    Ok(None)
}

/// Is there a place that has it, or has lost it against the rules? What a person removed for good is no point any more.
fn should_be_there(catalog: &Catalog, point: &PointRow) -> Result<bool, Failure> {
    if point.removed.is_some() {
        return Ok(false);
    }
    let placements = catalog.placements_of(point.order)?;
    Ok(placements.iter().any(|(_, row)| row.state.is_there() || row.state == State::Missing))
}

fn by_digits(catalog: &Catalog, text: &str) -> Result<PointRow, Failure> {
    let digits = text.to_ascii_lowercase();
    let shape = (DIGITS_MIN..=PointId::BYTES * 2).contains(&digits.len());
    let found = if shape { catalog.points_by_prefix(&digits)? } else { Vec::new() };
    match &found[..] {
        [] => Err(unknown(text)),
        [only] => Ok(only.clone()),
        several => the_one_there(catalog, several, text),
    }
}

/// Of several, the only one that should be there.
fn the_one_there(catalog: &Catalog, several: &[PointRow], text: &str) -> Result<PointRow, Failure> {
    let mut there = Vec::new();
    for point in several {
        if should_be_there(catalog, point)? {
            there.push(point);
        }
    }
    match there[..] {
        [only] => Ok(only.clone()),
        _ => {
            let ids: Vec<_> = several.iter().map(|point| point.id.to_string()).collect();
            let why = format!("{} points begin with these digits: {}", ids.len(), ids.join(", "));
            Err(Failure::usage(format!("`{text}` names more than one point"), why, "give more digits"))
        }
    }
}

fn unknown(text: &str) -> Failure {
    Failure::usage(
        format!("there is no point `{text}`"),
        "a point is a job's name, JOB~1 for the one before its newest, or an id's first 4 to 16 hex digits",
        "`engine points` lists them",
    )
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;

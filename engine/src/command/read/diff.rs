//! `engine diff`.

use super::ls::exit_of;
use super::resolve::resolve;
use super::sources::{Sources, tell_findings};
use crate::browse::{self, list};
use crate::command::{Call, Context, Exit, Failure};
use crate::model::chain;
use crate::report::{DiffEntry, DiffReport, PathProblem, PathText};
use crate::restore::{Cause, Fallover, Lane};

/// What is different in `to`, compared with `from`.
///
/// # Errors
/// Exit 2 if one of them names nothing; exit 1 or 4 if one can't be read at all.
pub fn diff(call: &Call, from: &str, to: &str) -> Result<(DiffReport, Exit), Failure> {
    let context = Context::open(call)?;
    let catalog = &context.installation.catalog;
    let (from, to) = (resolve(catalog, from)?, resolve(catalog, to)?);
    let (keyring, sources) = (context.installation.keyring()?, Sources::look(&context)?);
    let before = Fallover::new(&sources.places(catalog, &from)?, keyring);
    let after = Fallover::new(&sources.places(catalog, &to)?, keyring);
    let (first, second) = (sources.open(&before, &from)?, sources.open(&after, &to)?);
    let mut report = DiffReport { from: from.id, to: to.id, entries: Vec::new(), problems: Vec::new() };
    let mut exit = Exit::Done;
    let (lane_before, lane_after) = (before.lane(Lane::Tree), after.lane(Lane::Tree));
    for change in browse::diff(list(&lane_before, &first.manifest, None), list(&lane_after, &second.manifest, None)) {
        match change {
            Ok(change) => report.entries.push(DiffEntry::from(&change)),
            Err(error) => {
                exit = exit.and(exit_of(Cause::of(&error.source)));
                let problem = format!("not compared: {}", chain(&error));
                report.problems.push(PathProblem { path: PathText::new(b""), problem });
            }
        }
    }
    tell_findings(&context, &before);
    tell_findings(&context, &after);
    Ok((report, exit))
}

//! `engine diff`.

use super::ls::exit_of;
use super::resolve::resolve;
use super::rows::{Give, give};
use super::sources::Sources;
use crate::browse::{self, list};
use crate::command::{Call, Context, Exit, Failure};
use crate::model::chain;
use crate::report::{DiffEntry, DiffReport, PathProblem, PathText};
use crate::restore::{Cause, Lane};

/// What is different in `to`, compared with `from`: each difference is given as it is found.
///
/// # Errors
/// Exit 2 if one of them names nothing; exit 1 or 4 if one can't be read at all; whatever `rows` fails with.
pub fn diff(call: &Call, from: &str, to: &str, rows: Give<'_, DiffEntry>) -> Result<(DiffReport, Exit), Failure> {
    let context = Context::open(call)?;
    let catalog = &context.installation.catalog;
    let (from, to) = (resolve(catalog, from)?, resolve(catalog, to)?);
    let sources = Sources::look(&context)?;
    let looking = sources.begin(&[&from, &to])?;
    let (before, after) = (looking.source(&from)?, looking.source(&to)?);
    let (first, second) = (looking.open(&before, &from)?, looking.open(&after, &to)?);
    let mut report = DiffReport { from: from.id, to: to.id, problems: Vec::new() };
    let mut exit = Exit::Done;
    let (lane_before, lane_after) = (before.lane(Lane::Tree), after.lane(Lane::Tree));
    for change in browse::diff(list(&lane_before, &first.manifest, None), list(&lane_after, &second.manifest, None)) {
        match change {
            Ok(change) => give(call, rows, &DiffEntry::from(&change))?,
            Err(error) => {
                exit = exit.and(exit_of(Cause::of(&error.source)));
                let problem = format!("not compared: {}", chain(&error));
                report.problems.push(PathProblem { path: PathText::new(b""), problem });
            }
        }
    }
    looking.end(&before, &from)?;
    looking.end(&after, &to)?;
    Ok((report, exit))
}

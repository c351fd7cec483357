//! Why the last session at a place failed, if none there has succeeded since. Of one that was full: whether what lies
//! there makes room.

use super::places::Outlook;
use super::{Facts, problem};
use crate::command::last_failure::{self, FailureKind, LastFailure};
use crate::command::{Failure, full};
use crate::config::Evict;
use crate::model::{DestinationName, VaultId, size};
use crate::plan::{Plan, Problem, Step};
use crate::report::StatusProblem;

const AGAIN: &str = "`engine copy` tries again now, the service by itself";

/// It, and what to do.
pub(super) fn failed(
    facts: &Facts<'_>,
    medium: VaultId,
    name: &DestinationName,
    outlook: Option<&Outlook>,
) -> Result<Option<StatusProblem>, Failure> {
    let catalog = &facts.context.installation.catalog;
    let Some(failure) = last_failure::of(catalog, medium)? else { return Ok(None) };
    let LastFailure { time, kind, why } = failure;
    let when = facts.when(time);
    if kind == FailureKind::Other || full::is_vain(catalog, medium)? {
        let text = format!("the last session there failed at {when}: {why}");
        return Ok(Some(problem(text, format!("see to that; {AGAIN}"))));
    }
    let ours = size(catalog.usage(medium)?.bytes());
    let makes_room = room(facts, medium, name, outlook.map(|(_, plan)| plan));
    let text = format!("it had no room left at {when}, with {ours} of ours there{makes_room}; what it said: {why}");
    let advice = format!("free room there, or raise its quota; with a `limit` room is made before it is full; {AGAIN}");
    Ok(Some(problem(text, advice)))
}

/// Whether points that lie there go for what waits.
fn room(facts: &Facts<'_>, medium: VaultId, name: &DestinationName, plan: Option<&Plan>) -> &'static str {
    let config = &facts.context.installation.config;
    if config.destination(name).is_some_and(|it| it.evict == Evict::Never) {
        return "; none of that goes to make room: evict = \"never\"";
    }
    let steps = plan.and_then(|plan| plan.media.get(&medium));
    let removes = steps.is_some_and(|steps| steps.iter().any(|step| matches!(step, Step::Remove { .. })));
    let is_stuck = |problem: &Problem| match problem {
        Problem::Full { medium: at, .. } | Problem::NeverFits { medium: at, .. } => *at == medium,
        _ => false,
    };
    match plan {
        _ if removes => "; the oldest of that makes room with the next copy",
        Some(plan) if plan.problems.iter().any(is_stuck) => "; none of that may go for what waits",
        _ => "",
    }
}

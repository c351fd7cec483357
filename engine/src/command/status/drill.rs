//! Drills that were to happen on schedule.

use super::{Facts, problem};
use crate::command::Failure;
use crate::report::StatusProblem;
use crate::service::{DrillMark, LastRun, due_at, is_missed, noticed};

const BY_HAND: &str = "run `verifier restore-drill` by hand and see";

/// A drill that did not happen is as bad as one that failed.
pub(super) fn problem_of(facts: &Facts<'_>) -> Result<Option<StatusProblem>, Failure> {
    let installation = &facts.context.installation;
    let Some(schedule) = &installation.config.drill.schedule else { return Ok(None) };
    let mark = installation.catalog.memo(DrillMark::MEMO)?.and_then(|text| text.parse::<DrillMark>().ok());
    let last = match mark {
        Some(mark) => mark.began,
        None => installation.catalog.meta()?.created,
    };
    let due = due_at(schedule, LastRun::Began(last), noticed(None, last, facts.now), facts.now, &facts.zone);
    if let Some(due) = due.filter(|due| is_missed(*due, facts.now)) {
        let advice = if facts.served { BY_HAND } else { "start the service (`engine run`)" };
        return Ok(Some(problem(format!("the drill that was due at {} did not happen", facts.when(due)), advice)));
    }
    let Some(mark) = mark else { return Ok(None) };
    let began = facts.when(mark.began);
    Ok(match mark.ended {
        None if facts.served => None,
        None => Some(problem(format!("the drill of {began} broke off"), BY_HAND)),
        Some((_, 0)) => None,
        Some((_, 4)) => {
            Some(problem(format!("the drill of {began} found that something does not restore"), "read its report"))
        }
        Some((_, 3)) => Some(problem(format!("the drill of {began} was incomplete"), "read its report")),
        Some((_, code)) => Some(problem(format!("the drill of {began} did not happen (exit {code})"), BY_HAND)),
    })
}

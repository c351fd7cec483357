//! What all drills of a call came to: what is printed, and the exit code.

use std::path::Path;

use engine::command::{Exit, Failure};

use super::Outcome;
use crate::choose::Wish;
use crate::drill::Drill;
use crate::report::{DrillReport, LedgerBefore, NotBackedUp, Summary, Written};
use crate::verdict::{self, Effort, Strictness};

/// A drill and where its report is.
pub(super) struct Done {
    pub drill: DrillReport,
    /// It was refused before anything was done.
    pub refused: bool,
    /// Bytes of the objects that were read whole.
    pub object_bytes: u64,
    pub report: Option<Written>,
}

impl Done {
    pub(super) fn of(drill: &Drill, report: Option<Written>) -> Self {
        Self { drill: DrillReport::of(drill), refused: drill.refused, object_bytes: drill.object_bytes, report }
    }
}

/// What is told beside the drills.
pub(super) struct Beside<'b> {
    pub wish: &'b Wish,
    pub strictness: Strictness,
    /// Reports are told relative to it.
    pub folder: &'b Path,
    pub outside: NotBackedUp,
    pub ledger_before: LedgerBefore,
    /// Points that a budget left for another call.
    pub left: u64,
    /// What happened after the last report was written.
    pub notes: Vec<String>,
}

/// # Errors
/// If there was nothing to drill.
pub(super) fn outcome(drills: Vec<Done>, beside: Beside<'_>) -> Result<Outcome, Failure> {
    if drills.is_empty() {
        return Err(nothing(beside.wish));
    }
    let verdict = verdict::of_all(drills.iter().map(|done| done.drill.verdict));
    let skipped = drills.iter().map(|done| done.drill.skipped()).sum();
    let refused = drills.iter().all(|done| done.refused);
    let effort = if refused { Effort::Refused } else { Effort::Tried };
    let mut exit = verdict::exit(verdict, skipped, beside.strictness, effort);
    if drills.iter().any(|done| done.report.is_none()) {
        exit = exit.and(Exit::Partial);
    }
    let failure = (exit == Exit::Failed).then(|| refused_failure(&drills));
    let mut reports: Vec<DrillReport> = drills.into_iter().map(|done| told(done, beside.folder)).collect();
    reports.last_mut().into_iter().for_each(|last| last.notes.extend(beside.notes.iter().cloned()));
    let Beside { outside, ledger_before, left, .. } = beside;
    Ok(Outcome { summary: Summary { verdict, drills: reports, left, outside, ledger_before }, exit, failure })
}

fn told(done: Done, folder: &Path) -> DrillReport {
    let relative = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let mut drill = done.drill;
    if let Some(report) = done.report {
        (drill.notes, drill.report) = (report.notes, Some(relative(&report.path)));
    }
    drill
}

fn nothing(wish: &Wish) -> Failure {
    let why = match wish {
        Wish::Named(point) => format!("no destination that is there has a point `{point}`"),
        Wish::Newest | Wish::All => "no destination has a recovery point, and none is expected".to_owned(),
    };
    Failure::new("there is nothing to drill", why, "`engine points` tells what is where")
}

fn refused_failure(drills: &[Done]) -> Failure {
    let reasons = drills.iter().filter_map(|done| done.drill.found().next());
    let mut reasons: Vec<String> = reasons.map(|(_, problem)| problem.to_owned()).collect();
    reasons.dedup();
    Failure::new(
        "no drill could be tried",
        reasons.join("; "),
        "give another folder with --scratch, or see the reasons",
    )
}

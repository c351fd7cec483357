//! Why the last session at a medium failed: kept in the catalog until one there succeeds, for who asks why nothing comes
//! there. A session that was told to stop has not failed.

use std::fmt;
use std::str::FromStr;

use crate::catalog::{self, Catalog, EventKind, EventRow};
use crate::copy::{CopyError, Outcome};
use crate::model::{Time, VaultId, chain};

/// What kind of a failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// There was no room left, as the place said, which tells none of its own.
    Full,
    /// Something else.
    Other,
}

/// It, and when it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastFailure {
    pub time: Time,
    pub kind: FailureKind,
    pub why: String,
}

/// Keeps how a session ended. In the log a reason that was not there before has a line, and so has the end of it.
///
/// # Errors
/// If the catalog can't be written to.
pub(super) fn note(catalog: &Catalog, medium: VaultId, outcome: &Outcome, now: Time) -> catalog::Result<()> {
    if matches!(outcome.ended, Some(CopyError::Stopped)) {
        return Ok(());
    }
    let before = of(catalog, medium)?;
    let failed = why(outcome).map(|why| LastFailure { time: now, kind: kind(outcome), why });
    let reason = match (&before, &failed) {
        (None, None) => return Ok(()),
        (Some(before), Some(failed)) if before.why == failed.why => None,
        (_, Some(failed)) => Some(format!("a session there failed: {}", failed.why)),
        (Some(_), None) => Some("a session there succeeded again".to_owned()),
    };
    catalog.set_memo(&memo(medium), &failed.map_or_else(String::new, |failed| failed.to_string()))?;
    let Some(reason) = reason else { return Ok(()) };
    let kind = EventKind::Noted;
    catalog.note_event(&EventRow { time: now, kind, job: None, point: None, medium: Some(medium), bytes: 0, reason })
}

/// The last failure at a medium, if no session there has succeeded since.
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn of(catalog: &Catalog, medium: VaultId) -> catalog::Result<Option<LastFailure>> {
    Ok(catalog.memo(&memo(medium))?.and_then(|text| text.parse().ok()))
}

/// Behind the seconds.
const FULL: &str = ",full";

fn memo(medium: VaultId) -> String {
    format!("failure-{medium}")
}

fn kind(outcome: &Outcome) -> FailureKind {
    if outcome.full && outcome.ended.is_none() { FailureKind::Full } else { FailureKind::Other }
}

/// One reason of all: why it ended early, else what failed first.
fn why(outcome: &Outcome) -> Option<String> {
    let ended = outcome.ended.as_ref().map(|error| chain(error));
    let copies = || outcome.copied.iter().find(|copied| copied.failed).map(|copied| copied.reason.clone());
    ended.or_else(|| outcome.failures.first().cloned()).or_else(copies)
}

/// `SECONDS WHY`, or `SECONDS,full WHY`
impl fmt::Display for LastFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.kind == FailureKind::Full { FULL } else { "" };
        write!(f, "{}{kind} {}", self.time.seconds, self.why)
    }
}

impl FromStr for LastFailure {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (front, why) = text.split_once(' ').unwrap_or((text, ""));
        let (seconds, kind) = match front.strip_suffix(FULL) {
            Some(seconds) => (seconds, FailureKind::Full),
            None => (front, FailureKind::Other),
        };
        Ok(Self { time: Time::from_seconds(seconds.parse()?), kind, why: why.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_back_as_it_was_kept() {
        for kind in [FailureKind::Full, FailureKind::Other] {
            let failure = LastFailure { time: Time::from_seconds(-7), kind, why: "no room there: 3 bytes".to_owned() };
            assert_eq!(failure.to_string().parse(), Ok(failure));
        }
        assert!("no time".parse::<LastFailure>().is_err());
    }
}

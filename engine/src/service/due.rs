//! When a run is due, by a clock that people and time servers set: never at once again, and never never again.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::model::Time;
use crate::schedule::Schedule;

/// A last run that lies so far in the future is waited for; one that lies farther was told by a wrong clock.
const TOLERANCE: Duration = Duration::from_secs(3600);
/// A run that died is tried again so long after it began.
const AFTER_DEATH: Duration = Duration::from_secs(600);
/// A run that has not begun so long after it was due was missed.
const GRACE: Duration = Duration::from_secs(900);

/// When a job ran last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastRun {
    /// It never did.
    Never,
    /// It began then, and ended or still runs.
    Began(Time),
    /// It began then, and its process ended before it did.
    Died(Time),
}

/// When the next run is due; not after `now` means now. `None` only where the calendar ends.
#[must_use]
pub fn due_at(
    schedule: &Schedule,
    last: LastRun,
    noticed: Option<Noticed>,
    now: Time,
    zone: &TimeZone,
) -> Option<Time> {
    match last {
        LastRun::Never => Some(now),
        LastRun::Died(began) if began <= now => {
            let again = began.plus(AFTER_DEATH);
            Some(schedule.next_after(began, zone).map_or(again, |next| next.min(again)))
        }
        LastRun::Began(last) | LastRun::Died(last) => schedule.next_after(noticed.map_or(last, |it| it.at), zone),
    }
}

/// A last run that lay far in the future when it was first looked at: the clock was wrong then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noticed {
    /// That run.
    pub last: Time,
    /// From when on the schedule counts instead.
    pub at: Time,
}

/// Notices such a run. `before` is the answer of the time before: it holds until another run is the last.
#[must_use]
pub fn noticed(before: Option<Noticed>, last: Time, now: Time) -> Option<Noticed> {
    match before.filter(|before| before.last == last) {
        Some(before) => Some(Noticed { last, at: before.at.min(now) }),
        None => (last.since(now) > TOLERANCE).then_some(Noticed { last, at: now }),
    }
}

/// Should a run have begun long ago?
#[must_use]
pub fn is_missed(due: Time, now: Time) -> bool {
    now.since(due) > GRACE
}

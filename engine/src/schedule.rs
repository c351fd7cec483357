//! When a job is due.
//!
//! In: a schedule's text, when the job last ran, the time, a time zone. Out: the next moment, or whether it is now.
//!
//! Invariants: the next moment is strictly later than the last; a moment that the clocks skip comes once, just after
//! the skip; one that they show twice comes once, the first time, unless the schedule repeats by the hour or minute
//! (`hourly`, cron with `*` for one of them), which goes on through the longer day; however many runs were missed,
//! they are caught up once.
//! Deliberately absent: a clock, sleeping, jobs, what happens when one is due.

mod cron;
mod pattern;
mod words;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::Time;
use pattern::Pattern;
pub(crate) use words::span;

/// A text that is no schedule: what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScheduleError(String);

impl ScheduleError {
    /// The forms that a schedule can take, for people.
    pub const ALLOWED: &str = "`daily 18:00`, `every 15m`, `hourly`, `weekly sun 03:00`, `monthly 1 03:00`, or five \
                               cron fields: minute, hour, day of month, month, day of week";
}

/// A schedule, parsed. Shown as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// By elapsed time, whatever the clocks show.
    Every(Duration),
    /// By what a clock on the wall shows.
    Wall(Pattern),
}

impl Schedule {
    /// The first moment after `last` at which this is due, in `tz`'s local time. `None` only where the calendar ends.
    #[must_use]
    pub fn next_after(&self, last: Time, tz: &TimeZone) -> Option<Time> {
        match &self.rule {
            Rule::Every(span) => Some(last.plus(*span)).filter(|next| *next > last),
            Rule::Wall(pattern) => {
                let last = Timestamp::new(last.seconds, i32::try_from(last.nanos).ok()?).ok()?;
                pattern.next_after(last, tz).map(|next| Time::from_seconds(next.as_second()))
            }
        }
    }

    /// Is a run due at `now`, if the last one began at `last_run`? One that never ran is due at once, and any number
    /// of missed runs is one run. A last run in the future (the clock was set back) is never due.
    #[must_use]
    pub fn due(&self, last_run: Option<Time>, now: Time, tz: &TimeZone) -> bool {
        match last_run {
            None => true,
            Some(last) => self.next_after(last, tz).is_some_and(|next| next <= now),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let rule = words::parse(text)?;
        Ok(Self { text: text.trim().to_owned(), rule })
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

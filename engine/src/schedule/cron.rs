//! Five cron fields: minute, hour, day of month, month, day of week; numbers, names, ranges, lists and steps.
//!
//! As in Vixie's cron (crontab(5)): if both day fields are restricted, a day matches that is in either; a field that
//! begins with `*` restricts nothing by itself, so that its steps must match too. Written here because the rules for
//! changes of the clocks must be those of `pattern`, the same for all schedules.

use super::ScheduleError;
use super::pattern::{Bits, Days, Pattern, Twice, bit, bits};
use super::words::{number, wrong};

/// From Sunday, 0.
pub(super) const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// What one field may hold.
struct Field {
    name: &'static str,
    first: u8,
    last: u8,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
const DAY: Field = Field { name: "day of month", first: 1, last: 31, names: &[] };
const MONTH: Field = Field { name: "month", first: 1, last: 12, names: &MONTHS };
/// Sunday is 0 and 7.
const WEEKDAY: Field = Field { name: "day of week", first: 0, last: 7, names: &WEEKDAYS };

/// Parses the five words; fewer or more are none of ours.
pub(super) fn parse(words: &[&str]) -> Result<Pattern, ScheduleError> {
    let &[minute, hour, day, month, weekday] = words else { return Err(wrong("cron has five fields")) };
    let pattern = Pattern {
        minutes: MINUTE.parse(minute)?,
        hours: HOUR.parse(hour)?,
        months: MONTH.parse(month)?,
        days: days(day, weekday)?,
        twice: if is_open(minute) || is_open(hour) { Twice::Both } else { Twice::First },
    };
    if pattern.ever_comes() { Ok(pattern) } else { Err(wrong(format!("the date `{day} {month}` never comes"))) }
}

fn is_open(field: &str) -> bool {
    field.starts_with('*')
}

fn days(day: &str, weekday: &str) -> Result<Days, ScheduleError> {
    let month = DAY.parse(day)?;
    let week = WEEKDAY.parse(weekday)?;
    let week = (week | if week & bit(7) == 0 { 0 } else { bit(0) }) & bits(0, 6);
    let open = is_open(day) || is_open(weekday);
    Ok(if open { Days::Both { month, week } } else { Days::Either { month, week } })
}

impl Field {
    fn parse(&self, text: &str) -> Result<Bits, ScheduleError> {
        text.split(',').try_fold(0, |all, part| Ok(all | self.part(part)?))
    }

    /// `*`, `a` or `a-b`, the first and the last with a step behind them if wanted.
    fn part(&self, part: &str) -> Result<Bits, ScheduleError> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (part, None),
        };
        let (first, last) = match (range, range.split_once('-')) {
            ("*", _) => (self.first, self.last),
            (_, Some((first, last))) => self.range(first, last)?,
            (_, None) if step.is_some() => return Err(self.wrong(part, "a step needs `*` or a range before it")),
            (_, None) => (self.value(range)?, self.value(range)?),
        };
        Ok((first..=last).step_by(usize::from(step.unwrap_or(1))).fold(0, |all, number| all | bit(number)))
    }

    fn step(&self, text: &str) -> Result<u8, ScheduleError> {
        number(text).filter(|step| *step > 0).ok_or_else(|| self.wrong(text, "a step is a number from 1"))
    }

    fn range(&self, first: &str, last: &str) -> Result<(u8, u8), ScheduleError> {
        let (from, to) = (self.value(first)?, self.value(last)?);
        // A week that ends on Sunday, as in `sat-sun`.
        let to = if self.last == 7 && to == 0 && from > 0 { 7 } else { to };
        let backwards = || self.wrong(&format!("{first}-{last}"), "a range goes up");
        (from <= to).then_some((from, to)).ok_or_else(backwards)
    }

    fn value(&self, text: &str) -> Result<u8, ScheduleError> {
        let named = self.names.iter().position(|name| *name == text.to_ascii_lowercase());
        let named = named.and_then(|at| u8::try_from(at).ok()).and_then(|at| at.checked_add(self.first));
        let in_range = |value: &u8| (self.first..=self.last).contains(value);
        let wanted = format!("{} to {} are allowed", self.first, self.last);
        named.or_else(|| number(text).filter(in_range)).ok_or_else(|| self.wrong(text, &wanted))
    }

    fn wrong(&self, text: &str, why: &str) -> ScheduleError {
        wrong(format!("`{}` is no {}: {why}", text.escape_debug(), self.name))
    }
}

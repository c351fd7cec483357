//! The words of a schedule: `daily 18:00` and its kin; anything of five fields is cron.

use std::time::Duration;

use super::pattern::{Days, Pattern, Twice, bit, bits};
use super::{Rule, ScheduleError, cron};

/// Longer than any schedule: a bound, so that arithmetic on it can't overflow.
const EVERY_SECONDS_MAX: u64 = 10 * 366 * 86_400;

/// Longest text that is looked at, in bytes.
const TEXT_MAX: usize = 256;

pub(super) fn wrong(what: impl Into<String>) -> ScheduleError {
    ScheduleError(what.into())
}

pub(super) fn parse(text: &str) -> Result<Rule, ScheduleError> {
    if text.len() > TEXT_MAX {
        return Err(wrong(format!("a schedule has at most {TEXT_MAX} characters")));
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["hourly"] => Ok(Rule::Wall(hourly())),
        ["every", span] => every(span).map(Rule::Every),
        ["daily", at] => at_time(Days::all(), at),
        ["weekly", day, at] => at_time(Days::Both { month: bits(1, 31), week: weekday(day)? }, at),
        ["monthly", day, at] => at_time(day_of_month(day)?, at),
        [word @ ("hourly" | "every" | "daily" | "weekly" | "monthly"), ..] => Err(form_of(word, text)),
        [_, _, _, _, _] => cron::parse(&words).map(Rule::Wall),
        _ => Err(wrong(format!("`{}` is not a schedule", text.escape_debug()))),
    }
}

fn form_of(word: &str, text: &str) -> ScheduleError {
    let form = match word {
        "hourly" => "hourly",
        "every" => "every 15m",
        "daily" => "daily 18:00",
        "weekly" => "weekly sun 03:00",
        _ => "monthly 1 03:00",
    };
    wrong(format!("`{}` is not of the form `{form}`", text.escape_debug()))
}

fn hourly() -> Pattern {
    Pattern { minutes: bit(0), hours: bits(0, 23), months: bits(1, 12), days: Days::all(), twice: Twice::Both }
}

fn at_time(days: Days, at: &str) -> Result<Rule, ScheduleError> {
    let (hour, minute) = time_of_day(at)?;
    let (minutes, hours) = (bit(minute), bit(hour));
    Ok(Rule::Wall(Pattern { minutes, hours, months: bits(1, 12), days, twice: Twice::First }))
}

fn time_of_day(text: &str) -> Result<(u8, u8), ScheduleError> {
    let parse = || {
        let (hour, minute) = text.split_once(':')?;
        let shape = (1..=2).contains(&hour.len()) && minute.len() == 2;
        let (hour, minute) = (number(hour)?, number(minute)?);
        (shape && hour <= 23 && minute <= 59).then_some((hour, minute))
    };
    parse().ok_or_else(|| wrong(format!("`{}` is not a time of day from 00:00 to 23:59", text.escape_debug())))
}

fn day_of_month(text: &str) -> Result<Days, ScheduleError> {
    let day = number(text).filter(|day| (1..=31).contains(day));
    day.map(Days::OfMonth).ok_or_else(|| wrong(format!("`{}` is not a day from 1 to 31", text.escape_debug())))
}

fn weekday(text: &str) -> Result<u64, ScheduleError> {
    let day = cron::WEEKDAYS.iter().position(|name| *name == text.to_ascii_lowercase());
    let bit_of = |day| u8::try_from(day).ok().map(bit);
    day.and_then(bit_of)
        .ok_or_else(|| wrong(format!("`{}` is not one of mon, tue, wed, thu, fri, sat, sun", text.escape_debug())))
}

fn every(text: &str) -> Result<Duration, ScheduleError> {
    let in_range = |every: &Duration| (1..=EVERY_SECONDS_MAX).contains(&every.as_secs());
    let allowed = "a number and s, m, h, d or w, from 1s to ten years";
    let every = span(text).filter(in_range);
    every.ok_or_else(|| wrong(format!("`{}` is not {allowed}", text.escape_debug())))
}

/// A span of time: digits, then s, m, h, d or w.
pub(crate) fn span(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// Decimal digits only.
pub(super) fn number(text: &str) -> Option<u8> {
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok())?
}

//! A rule over what a clock on the wall shows, and the walk from one moment that it matches to the next.
//!
//! The walk goes from one change of the clocks to the next: between two changes local time is plain arithmetic, and
//! at a change the clock jumps from one local time to another, forwards (a gap) or backwards (a fold).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Years after which a day that did not come is taken never to come: 29 February on a given weekday comes at least
/// once in 40 (across 2100, which is no leap year).
const YEARS_MAX: i16 = 50;

/// Bits of numbers: minutes, hours, days, months, weekdays.
pub(super) type Bits = u64;

/// The bits `first..=last`.
pub(super) fn bits(first: u8, last: u8) -> Bits {
    (first..=last).fold(0, |bits, number| bits | bit(number))
}

/// One bit; none for a number that has no bit.
pub(super) fn bit(number: u8) -> Bits {
    1_u64.checked_shl(u32::from(number)).unwrap_or(0)
}

/// Which days match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// The day of the month and the day of the week both match.
    Both { month: Bits, week: Bits },
    /// One of them does.
    Either { month: Bits, week: Bits },
    /// That day of the month, or its last one if the month is shorter.
    OfMonth(u8),
}

impl Days {
    /// All of them.
    pub(super) fn all() -> Self {
        Self::Both { month: bits(1, 31), week: bits(0, 6) }
    }

    fn matches(self, date: Date) -> bool {
        let has = |bits: Bits, number: i8| bits & u8::try_from(number).map_or(0, bit) != 0;
        let of_week = date.weekday().to_sunday_zero_offset();
        match self {
            Self::Both { month, week } => has(month, date.day()) && has(week, of_week),
            Self::Either { month, week } => has(month, date.day()) || has(week, of_week),
            Self::OfMonth(day) => i8::try_from(day).unwrap_or(i8::MAX).min(date.days_in_month()) == date.day(),
        }
    }
}

/// What happens when the clocks show a time twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twice {
    /// The first time counts.
    First,
    /// Both count.
    Both,
}

/// Minutes of the year at which something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pattern {
    /// 0 to 59; one at least.
    pub minutes: Bits,
    /// 0 to 23; one at least.
    pub hours: Bits,
    /// 1 to 12; one at least.
    pub months: Bits,
    /// Of those months.
    pub days: Days,
    /// Where the clocks go back.
    pub twice: Twice,
}

impl Pattern {
    /// Does a matching day ever come?
    pub(super) fn ever_comes(&self) -> bool {
        self.next_shown(Date::constant(2000, 1, 1).at(0, 0, 0, 0)).is_some()
    }

    /// The first matching moment after `last`.
    pub(super) fn next_after(&self, last: Timestamp, tz: &TimeZone) -> Option<Timestamp> {
        let mut next = self.next_on_the_wall(last, tz)?;
        while self.twice == Twice::First && is_second_showing(next, tz) {
            next = self.next_on_the_wall(next, tz)?;
        }
        Some(next)
    }

    /// The first moment after `last` at which the wall shows a match, or has just skipped one.
    fn next_on_the_wall(&self, last: Timestamp, tz: &TimeZone) -> Option<Timestamp> {
        let mut offset = tz.to_offset(last);
        let mut shown = self.next_shown(offset.to_datetime(last))?;
        for change in tz.following(last) {
            let moment = offset.to_timestamp(shown).ok()?;
            if moment < change.timestamp() {
                return Some(moment);
            }
            let before = offset.to_datetime(change.timestamp());
            offset = change.offset();
            let wall = offset.to_datetime(change.timestamp());
            if wall < before {
                shown = self.next_shown_from(wall)?;
            }
            // Exactly now, or in the gap that was just skipped.
            if shown <= wall {
                return Some(change.timestamp());
            }
        }
        offset.to_timestamp(shown).ok()
    }

    /// The first match at `wall` or after it.
    fn next_shown_from(&self, wall: DateTime) -> Option<DateTime> {
        self.next_shown(wall.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()?)
    }

    /// The first match after `wall`, on a clock that never changes.
    fn next_shown(&self, wall: DateTime) -> Option<DateTime> {
        let mut date = wall.date();
        if self.matches_day(date)
            && let Some(shown) = self.shown_that_day(date, minute_of_day(wall) + 1)
        {
            return Some(shown);
        }
        let last_year = wall.year().saturating_add(YEARS_MAX);
        loop {
            date = if self.matches_month(date) { date.tomorrow() } else { first_of_next_month(date) }.ok()?;
            if date.year() > last_year {
                return None;
            }
            if self.matches_day(date) {
                return self.shown_that_day(date, 0);
            }
        }
    }

    fn matches_month(&self, date: Date) -> bool {
        self.months & u8::try_from(date.month()).map_or(0, bit) != 0
    }

    fn matches_day(&self, date: Date) -> bool {
        self.matches_month(date) && self.days.matches(date)
    }

    /// The first match of that day from its minute `from` on.
    fn shown_that_day(&self, date: Date, from: u16) -> Option<DateTime> {
        let first = (from..24 * 60).find(|minute| {
            let has = |bits: Bits, number: u16| bits & u8::try_from(number).map_or(0, bit) != 0;
            has(self.hours, minute / 60) && has(self.minutes, minute % 60)
        })?;
        let (hour, minute) = (i8::try_from(first / 60).ok()?, i8::try_from(first % 60).ok()?);
        Some(date.to_datetime(time(hour, minute, 0, 0)))
    }
}

fn minute_of_day(wall: DateTime) -> u16 {
    u16::try_from(i16::from(wall.hour()) * 60 + i16::from(wall.minute())).expect("hours and minutes are not negative")
}

fn first_of_next_month(date: Date) -> Result<Date, jiff::Error> {
    date.last_of_month().tomorrow()
}

/// Has the wall shown this local time before?
fn is_second_showing(moment: Timestamp, tz: &TimeZone) -> bool {
    let offset: Offset = tz.to_offset(moment);
    match tz.to_ambiguous_timestamp(offset.to_datetime(moment)).offset() {
        AmbiguousOffset::Fold { before, .. } => offset != before,
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => false,
    }
}

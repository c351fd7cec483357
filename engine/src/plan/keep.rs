//! Retention: which of a job's points its `keep` rule keeps, and why.
//!
//! In: the rule, the points' places in the order and their moments, a time zone. Out: the points that stay, each with
//! every reason. The meaning is that of restic's `forget`: of each period (an hour, a day, an ISO week, …, in local
//! time) the newest point, for the newest N periods that hold points at all, periods without points not counting.
//!
//! Invariants: a point may satisfy several rules; without a rule everything stays; with one the newest point always
//! stays; what was kept is kept again; raising a count never drops a point.
//! Deliberately absent: pins, chains, eviction, media, clocks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::{Keep, KeepRule, PointOrder, Time};

/// Why a point stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeepReason {
    /// The job has no `keep`: everything stays.
    NoRule,
    /// It is the newest of one of that rule's periods.
    Newest(KeepRule),
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => f.pad("no rule"),
            Self::Newest(rule) => rule.fmt(f),
        }
    }
}

/// The points that stay, with their reasons, finest rule first. `points` may come in any order; of two with the same
/// place in the order the later in the slice counts. Newer means later in the order, whatever the clock said.
#[must_use]
pub fn keep(
    rule: Option<&Keep>,
    points: &[(PointOrder, Time)],
    tz: &TimeZone,
) -> BTreeMap<PointOrder, Vec<KeepReason>> {
    let points: BTreeMap<PointOrder, Time> = points.iter().copied().collect();
    let Some(rule) = rule else {
        return points.into_keys().map(|order| (order, vec![KeepReason::NoRule])).collect();
    };
    let newest_first: Vec<_> = points.into_iter().rev().map(|(order, time)| (order, local(time, tz))).collect();
    let mut kept = BTreeMap::<_, Vec<_>>::new();
    for (kind, count) in rule.counts() {
        for order in newest_of_each(kind, count, &newest_first) {
            kept.entry(order).or_default().push(KeepReason::Newest(kind));
        }
    }
    kept
}

/// The same where each row of a job's points counts by itself: each point with its time and its row.
pub(super) fn keep_each_row(
    rule: Option<&Keep>,
    points: impl IntoIterator<Item = (PointOrder, Time, u64)>,
    tz: &TimeZone,
) -> BTreeSet<PointOrder> {
    let mut rows: BTreeMap<u64, Vec<(PointOrder, Time)>> = BTreeMap::new();
    for (order, created, row) in points {
        rows.entry(row).or_default().push((order, created));
    }
    rows.values().flat_map(|points| keep(rule, points, tz).into_keys()).collect()
}

/// The newest point of each of the newest `count` periods.
fn newest_of_each(kind: KeepRule, count: u32, newest_first: &[(PointOrder, DateTime)]) -> Vec<PointOrder> {
    let mut seen = BTreeSet::new();
    let firsts = newest_first.iter().filter(|(order, local)| seen.insert(period(kind, *order, *local)));
    firsts.map(|(order, _)| *order).take(usize::try_from(count).unwrap_or(usize::MAX)).collect()
}

/// What tells one period from the others of its kind.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Period {
    Point(PointOrder),
    Hour(jiff::civil::Date, i8),
    Day(jiff::civil::Date),
    Week(i16, i8),
    Month(i16, i8),
    Year(i16),
}

fn period(kind: KeepRule, order: PointOrder, local: DateTime) -> Period {
    let week = || local.date().iso_week_date();
    match kind {
        KeepRule::Last => Period::Point(order),
        KeepRule::Hourly => Period::Hour(local.date(), local.hour()),
        KeepRule::Daily => Period::Day(local.date()),
        KeepRule::Weekly => Period::Week(week().year(), week().week()),
        KeepRule::Monthly => Period::Month(local.year(), local.month()),
        KeepRule::Yearly => Period::Year(local.year()),
    }
}

/// What a clock on the wall showed; moments that no calendar can express count as its first or last.
fn local(time: Time, tz: &TimeZone) -> DateTime {
    let nearest = if time.seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let nanos = i32::try_from(time.nanos).unwrap_or(0);
    tz.to_datetime(Timestamp::new(time.seconds, nanos).unwrap_or(nearest))
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;

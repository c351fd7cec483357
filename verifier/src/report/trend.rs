//! How long a restore will take, by this drill and those before it of the same job and destination. Pure.
//!
//! Bounds come from the slowest and the fastest rate that was measured; the trend is a straight line through all restore
//! times (least squares), and says when it will cross what the job allows.

use engine::model::Time;
use engine::report::utc;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::facts::Coverage;
use super::summary::moment;
use crate::verdict::Verdict;

/// Fewer drills show no trend.
const TREND_MIN: usize = 3;
/// Older drills are not asked.
const DRILLS_MAX: usize = 60;
const DAY_SECONDS: f64 = 86_400.0;
/// A crossing that is further away is not told: nobody knows so far.
const AHEAD_MAX_DAYS: f64 = 365.0;

/// A restore that was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// When.
    pub at: Time,
    /// How long it took.
    pub seconds: f64,
    /// Bytes of content.
    pub bytes: u64,
}

impl Pace {
    /// Of a drill that passed; none where nothing was measured.
    pub(super) fn of(started: &str, verdict: Verdict, seconds: Option<f64>, coverage: &Coverage) -> Option<Self> {
        let at = started.parse::<Timestamp>().ok().filter(|_| verdict == Verdict::Pass)?;
        Some(Self { at: Time::from_seconds(at.as_second()), seconds: seconds?, bytes: coverage.bytes_compared })
    }
}

/// How long a full restore of this point from this destination will take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Forecast {
    /// At this drill's rate.
    pub seconds: f64,
    /// At the fastest rate of these drills.
    pub seconds_min: f64,
    /// At the slowest.
    pub seconds_max: f64,
    /// So many drills were asked, this one too.
    pub drills: u64,
    /// By so much each day's restore takes longer than that of the day before; none of fewer than three drills, or of one day.
    pub more_each_day: Option<f64>,
    /// When the trend will be above what the job allows, if within a year; in the past if it is.
    pub too_slow_on: Option<String>,
}

impl Forecast {
    /// What a person should know, if restores are or will be too slow.
    pub(super) fn warning(&self) -> Option<String> {
        let day = moment(self.too_slow_on.as_deref()?);
        Some(format!(
            "restores take longer from drill to drill: by their trend they are above the job's rto from {day} on"
        ))
    }

    /// From this drill and those before it, the oldest first; none if nothing was measured now.
    #[must_use]
    pub fn of(before: &[Pace], now: Pace, seconds_max: Option<u64>) -> Option<Self> {
        let measured = |pace: &&Pace| pace.bytes > 0 && pace.seconds > 0.0 && pace.seconds.is_finite();
        Some(&now).filter(measured)?;
        let before = &before[before.len().saturating_sub(DRILLS_MAX - 1)..];
        let all: Vec<Pace> = before.iter().filter(measured).chain([&now]).copied().collect();
        let taking = |pace: &Pace| pace.seconds / figure(pace.bytes) * figure(now.bytes);
        let line = line(&all);
        let crossing = line.zip(seconds_max).and_then(|(line, most)| line.crosses(figure(most)));
        Some(Self {
            seconds: now.seconds,
            seconds_min: all.iter().map(taking).fold(now.seconds, f64::min),
            seconds_max: all.iter().map(taking).fold(now.seconds, f64::max),
            drills: all.len() as u64,
            more_each_day: line.map(|line| line.slope),
            too_slow_on: crossing.map(|days| utc(after(now.at, days))),
        })
    }
}

/// Seconds of a restore, by days from the last drill on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    slope: f64,
    last: f64,
}

impl Line {
    /// In how many days it is at `seconds`, from below; none if never, or too far away.
    fn crosses(self, seconds: f64) -> Option<f64> {
        let days = (seconds - self.last) / self.slope;
        (self.slope > 0.0 && days <= AHEAD_MAX_DAYS).then_some(days.max(-AHEAD_MAX_DAYS))
    }
}

fn line(all: &[Pace]) -> Option<Line> {
    let last = all.last()?.at;
    let days = |pace: &Pace| (pace.at.seconds.saturating_sub(last.seconds)) as f64 / DAY_SECONDS;
    let count = all.len() as f64;
    let (x, y) = (all.iter().map(days).sum::<f64>() / count, all.iter().map(|it| it.seconds).sum::<f64>() / count);
    let spread: f64 = all.iter().map(|it| (days(it) - x).powi(2)).sum();
    let oldest = all.iter().map(days).fold(0.0, f64::min);
    if all.len() < TREND_MIN || oldest > -1.0 || spread <= 0.0 {
        return None;
    }
    let slope = all.iter().map(|it| (days(it) - x) * (it.seconds - y)).sum::<f64>() / spread;
    Some(Line { slope, last: y - slope * x })
}

/// That many days later.
fn after(at: Time, days: f64) -> Time {
    #[allow(clippy::cast_possible_truncation, reason = "within some years: `AHEAD_MAX_DAYS`")]
    let seconds = (days * DAY_SECONDS) as i64;
    Time::from_seconds(at.seconds.saturating_add(seconds))
}

/// Exact as far as a forecast goes.
fn figure(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;

    fn pace(day: i64, seconds: f64, bytes: u64) -> Pace {
        Pace { at: Time::from_seconds(1_700_000_000 + day * DAY), seconds, bytes }
    }

    #[test]
    fn bounds_are_the_slowest_and_the_fastest_rate_at_this_points_size() {
        let told = Forecast::of(&[pace(0, 10.0, 100), pace(0, 4.0, 200)], pace(0, 5.0, 100), None).expect("measured");
        assert_eq!((told.seconds, told.seconds_min, told.seconds_max, told.drills), (5.0, 2.0, 10.0, 3));
        assert_eq!((told.more_each_day, told.too_slow_on), (None, None), "all of one day");
        assert_eq!(Forecast::of(&[pace(0, 1.0, 1)], pace(1, 0.0, 0), None), None, "nothing was measured");
    }

    #[test]
    fn a_growing_time_crosses_the_limit_on_a_day_that_is_told() {
        let before = [pace(0, 100.0, 1), pace(10, 200.0, 1)];
        let told = |most: u64| Forecast::of(&before, pace(20, 300.0, 1), Some(most)).expect("measured");
        assert!((told(400).more_each_day.expect("a trend") - 10.0).abs() < 1e-9);
        assert_eq!(told(400).too_slow_on, Some(utc(pace(30, 0.0, 0).at)), "ten days on");
        assert_eq!(told(250).too_slow_on, Some(utc(pace(15, 0.0, 0).at)), "it is already");
        assert_eq!(told(300 + 10 * 366).too_slow_on, None, "too far away");
        let day = moment(&utc(pace(30, 0.0, 0).at));
        let words = format!(
            "restores take longer from drill to drill: by their trend they are above the job's rto from {day} on"
        );
        assert_eq!((told(400).warning(), told(300 + 10 * 366).warning()), (Some(words), None));
        let falling = Forecast::of(&[pace(0, 300.0, 1), pace(1, 200.0, 1)], pace(2, 100.0, 1), Some(50));
        assert_eq!(falling.expect("measured").too_slow_on, None);
    }

    #[test]
    fn two_drills_are_no_trend() {
        let told = Forecast::of(&[pace(0, 1.0, 1)], pace(5, 9.0, 1), Some(1)).expect("measured");
        assert_eq!((told.more_each_day, told.too_slow_on), (None, None));
    }

    proptest! {
        #[test]
        fn no_figures_make_it_panic_or_wild(
            all in proptest::collection::vec((any::<i64>(), any::<f64>(), any::<u64>()), 1..20),
            most in any::<Option<u64>>(),
        ) {
            let of = |(at, seconds, bytes): &(i64, f64, u64)| {
                Pace { at: Time::from_seconds(*at), seconds: *seconds, bytes: *bytes }
            };
            let all: Vec<Pace> = all.iter().map(of).collect();
            let (now, before) = all.split_last().expect("one at least");
            if let Some(told) = Forecast::of(before, *now, most) {
                prop_assert!(told.seconds_min <= told.seconds && told.seconds <= told.seconds_max);
            }
        }
    }
}

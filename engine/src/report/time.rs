//! Moments as text: RFC 3339 in UTC for scripts, local time for people.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serializer;

use crate::model::Time;

const DAY_SECONDS: i64 = 86_400;

/// RFC 3339 in UTC, with a fraction only where it is not zero: `2026-11-20T09:00:00.5Z`. Years that RFC 3339 can't
/// express are written as ISO 8601 does, with a sign and six digits at least.
#[must_use]
pub fn utc(time: Time) -> String {
    let (days, second) = (time.seconds.div_euclid(DAY_SECONDS), time.seconds.rem_euclid(DAY_SECONDS));
    let (year, month, day) = civil(days);
    let year = if (0..=9999).contains(&year) { format!("{year:04}") } else { format!("{year:+07}") };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{}Z", fraction(time.nanos))
}

/// `2026-11-20 10:00:00` by the clocks of `zone`; by UTC, and said so, where the calendar has no local time.
#[must_use]
pub fn local(time: Time, zone: &TimeZone) -> String {
    match Timestamp::from_second(time.seconds) {
        Ok(stamp) => stamp.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => utc(Time::from_seconds(time.seconds)),
    }
}

/// For `serialize_with`.
pub(super) fn as_utc<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&utc(*time))
}

/// For `serialize_with`.
pub(super) fn as_utc_or_null<S: Serializer>(time: &Option<Time>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_utc(time, to),
        None => to.serialize_none(),
    }
}

fn fraction(nanos: u32) -> String {
    if nanos == 0 {
        return String::new();
    }
    let mut text = String::new();
    let _ = write!(text, ".{nanos:09}");
    text.trim_end_matches('0').to_owned()
}

/// Year, month and day of the day that many days after 1970-01-01, in the proleptic Gregorian calendar: Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fractions_stand_only_where_they_are_not_zero() {
        let time = |seconds, nanos| utc(Time { seconds, nanos });
        assert_eq!(time(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_795_284_000, 0), "2026-11-21T18:00:00Z");
        assert_eq!(time(1_795_284_000, 500_000_000), "2026-11-21T18:00:00.5Z");
        assert_eq!(time(-1, 999_999_999), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn no_moment_is_beyond_words() {
        assert_eq!(utc(Time::from_seconds(253_402_300_800)), "+010000-01-01T00:00:00Z");
        for seconds in [i64::MIN, i64::MAX] {
            let time = Time { seconds, nanos: u32::MAX };
            assert!(utc(time).ends_with('Z'));
            assert!(local(time, &TimeZone::UTC).ends_with('Z'));
        }
    }

    #[test]
    fn people_read_their_own_clock() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        assert_eq!(local(Time::from_seconds(1_795_284_000), &zone), "2026-11-21 19:00:00");
    }

    proptest! {
        #[test]
        fn the_calendar_is_jiffs(seconds in -62_167_219_200_i64..253_402_207_200, nanos in 0_i32..1_000_000_000) {
            let nanos = u32::try_from(nanos).expect("not negative");
            let ours = utc(Time { seconds, nanos }).parse::<Timestamp>().expect("RFC 3339");
            let whole = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
            prop_assert_eq!(ours.as_nanosecond(), whole);
        }
    }
}

//! A time as databases give it → a moment. Pure.
//!
//! What is taken: ISO 8601 with or without a zone, a date (its midnight), numbers of seconds, milliseconds,
//! microseconds or nanoseconds since 1970, and Julian days with a fraction (as SQLite's date functions do).

use engine::model::Time;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const NANOS: i128 = 1_000_000_000;
/// Below it a number counts seconds, below a thousand times that milliseconds, and so on: the year 5138.
const SECONDS_MAX: i128 = 100_000_000_000;
/// A number with a fraction up to here is a Julian day (SQLite, "Date And Time Functions", modifier `auto`).
const JULIAN_MAX: f64 = 5_373_484.499_999;
/// 1970-01-01T00:00:00Z as a Julian day.
const JULIAN_OF_1970: f64 = 2_440_587.5;

/// The moment, if it is one; `zone` is that of times that name none.
pub(super) fn read(text: &str, zone: &TimeZone) -> Option<Time> {
    let text = text.trim();
    if text.starts_with(|one: char| one.is_ascii_digit() || one == '-') && text.parse::<f64>().is_ok() {
        return of_number(text);
    }
    let text = with_zone(text);
    let stamp = text.parse::<Timestamp>().ok();
    stamp.or_else(|| zone.to_timestamp(text.parse::<DateTime>().ok()?).ok()).map(of_stamp)
}

/// As some programs write them: `… UTC`, `… +0000`, `… +0000 UTC`.
fn with_zone(text: &str) -> String {
    match text.strip_suffix(" UTC") {
        Some(text) if text.contains(" +") || text.contains(" -") => with_zone(text),
        Some(text) => format!("{text}Z"),
        None => text.replace(" +", "+").replace(" -", "-"),
    }
}

fn of_stamp(stamp: Timestamp) -> Time {
    of_nanos(stamp.as_nanosecond())
}

fn of_nanos(nanos: i128) -> Time {
    let seconds = i64::try_from(nanos.div_euclid(NANOS)).unwrap_or(i64::MAX);
    Time { seconds, nanos: u32::try_from(nanos.rem_euclid(NANOS)).unwrap_or(0) }
}

fn of_number(text: &str) -> Option<Time> {
    if let Ok(whole) = text.parse::<i128>() {
        return of_count(whole, 1);
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    if (0.0..=JULIAN_MAX).contains(&number) {
        return Timestamp::from_duration(span((number - JULIAN_OF_1970) * 86_400.0)?).ok().map(of_stamp);
    }
    // Thousandths are enough of a number with a fraction.
    of_count(span(number)?.as_millis(), 1000)
}

fn span(seconds: f64) -> Option<jiff::SignedDuration> {
    jiff::SignedDuration::try_from_secs_f64(seconds).ok()
}

/// `count` of what, `parts` of it at a time, is told by how large it is.
fn of_count(count: i128, parts: i128) -> Option<Time> {
    let mut unit = NANOS;
    while unit > 1 && (count / parts).abs() >= SECONDS_MAX * (NANOS / unit) {
        unit /= 1000;
    }
    let nanos = count.checked_mul(unit)? / parts;
    Timestamp::from_nanosecond(nanos).ok().map(of_stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        read(text, &berlin).map(Time::text)
    }

    #[test]
    fn times_of_all_databases_are_read() {
        for (text, moment) in [
            ("2026-11-23 17:58:04.5+00", "2026-11-23T17:58:04.5Z"),
            ("2026-11-23 17:58:04+05:30", "2026-11-23T12:28:04Z"),
            ("2026-11-23T17:58:04Z", "2026-11-23T17:58:04Z"),
            ("2026-11-23 17:58:04 UTC", "2026-11-23T17:58:04Z"),
            ("2026-11-23 17:58:04 +0200", "2026-11-23T15:58:04Z"),
            ("2026-11-23 17:58:04.123456789 -0100 UTC", "2026-11-23T18:58:04.123456789Z"),
            ("2026-11-23 17:58:04.0000", "2026-11-23T16:58:04Z"),
            ("2026-07-23 17:58", "2026-07-23T15:58:00Z"),
            ("2026-11-23", "2026-11-22T23:00:00Z"),
            ("1763920684", "2025-11-23T17:58:04Z"),
            ("1763920684500", "2025-11-23T17:58:04.5Z"),
            ("1763920684500000", "2025-11-23T17:58:04.5Z"),
            ("1763920684500000000", "2025-11-23T17:58:04.5Z"),
            ("1763920684.25", "2025-11-23T17:58:04.25Z"),
            ("1763920684500.0", "2025-11-23T17:58:04.5Z"),
            ("2440588.5", "1970-01-02T00:00:00Z"),
            ("-1", "1969-12-31T23:59:59Z"),
            ("0", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(of(text).as_deref(), Some(moment), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "infinity",
            "-infinity",
            "nan",
            "-",
            "23.11.2026",
            "11/23/2026",
            "0000-00-00 00:00:00",
            "0044-03-15 BC",
            "a word",
            "2026-13-01",
            "\u{0}",
            "1e400",
            "170141183460469231731687303715884105727",
            "t",
            "17:58:04",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text: String, number: f64, whole: i128) {
            let _ = (of(&text), of(&number.to_string()), of(&whole.to_string()));
        }
    }
}

//! Sizes, rates, durations and time windows. Pure: text in, value or what is wrong out.

use std::time::Duration;

use super::error::{Wrong, quoted};
use crate::schedule::span;

/// Longest duration: a bound, so that arithmetic on it can't overflow.
const SECONDS_MAX: u64 = 100 * 366 * 86_400;

const SIZE_ALLOWED: &str = "a size such as \"500 GiB\", \"2 MB\" or plain bytes, less than 16 EiB";

/// Bytes for each unit, lower case; without a unit, bytes.
const UNITS: [(&str, u64); 12] = [
    ("", 1),
    ("b", 1),
    ("kb", 1000),
    ("mb", 1000_u64.pow(2)),
    ("gb", 1000_u64.pow(3)),
    ("tb", 1000_u64.pow(4)),
    ("pb", 1000_u64.pow(5)),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("pib", 1 << 50),
];

/// Bytes: `500 GiB`, `1.5 GiB`, `2 MB`, `1048576`.
pub(super) fn size(text: &str) -> Result<u64, Wrong> {
    bytes(text).ok_or_else(|| Wrong::new(format!("{} is not a size", quoted(text)), SIZE_ALLOWED))
}

/// Bytes for each second: a size and `/s`.
pub(super) fn rate(text: &str) -> Result<u64, Wrong> {
    let size = text.trim().strip_suffix("/s").and_then(bytes).filter(|bytes| *bytes > 0);
    let allowed = "a size for each second, such as \"2 MiB/s\", more than 0";
    size.ok_or_else(|| Wrong::new(format!("{} is not a rate", quoted(text)), allowed))
}

fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = unit.trim_start().to_ascii_lowercase();
    let unit = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, bytes)| u128::from(*bytes))?;
    let (whole, part) = number.split_once('.').map_or((number, None), |(whole, part)| (whole, Some(part)));
    let whole = u128::from(whole.parse::<u64>().ok()?).checked_mul(unit)?;
    let part = part.map_or(Some(0), |part| fraction(part, unit))?;
    u64::try_from(whole.checked_add(part)?).ok()
}

/// That fraction of a unit, rounded down; at most nine digits, and none of a byte.
fn fraction(digits: &str, unit: u128) -> Option<u128> {
    if unit == 1 || !(1..=9).contains(&digits.len()) {
        return None;
    }
    let digits_value = u128::from(digits.parse::<u64>().ok()?);
    Some(digits_value * unit / 10_u128.pow(u32::try_from(digits.len()).ok()?))
}

/// `60s`, `15m`, `36h`, `30d`, `2w`.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let short = |span: &Duration| span.as_secs() <= SECONDS_MAX;
    let allowed = "a number and s, m, h, d or w, such as \"36h\", up to 100 years";
    let span = span(text.trim()).filter(short);
    span.ok_or_else(|| Wrong::new(format!("{} is not a duration", quoted(text)), allowed))
}

/// A duration as the configuration has it, given on the command line.
///
/// # Errors
/// What is wrong with it, and what is allowed.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    match duration(text) {
        Ok(Duration::ZERO) => Err("nothing can be done in no time".to_owned()),
        span => span.map_err(|wrong| format!("{} (allowed: {})", wrong.what, wrong.allowed)),
    }
}

/// A part of the local day, which may cross midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First minute of the day that is inside, `0..1440`.
    pub from: u16,
    /// First minute of the day that is not, `0..1440`; never `from`.
    pub to: u16,
}

impl Window {
    /// Is that minute of the local day, `0..1440`, inside?
    #[must_use]
    pub const fn contains(self, minute: u16) -> bool {
        if self.from < self.to {
            self.from <= minute && minute < self.to
        } else {
            self.from <= minute || minute < self.to
        }
    }

    /// When it opens next, if it is shut at that minute of the local day: minutes from then, `1..1440`.
    #[must_use]
    pub const fn opens_in(self, minute: u16) -> Option<u16> {
        if self.contains(minute) { None } else { Some((self.from + 1440 - minute) % 1440) }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [from, to] = [self.from, self.to].map(|minute| (minute / 60, minute % 60));
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.0, from.1, to.0, to.1)
    }
}

/// `19:00-07:00`.
pub(super) fn window(text: &str) -> Result<Window, Wrong> {
    let parse = || {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute_of_day(from.trim())?, minute_of_day(to.trim())? % 1440);
        (from != to && from < 1440).then_some(Window { from, to })
    };
    let allowed = "two different times of day, such as \"19:00-07:00\"";
    parse().ok_or_else(|| Wrong::new(format!("{} is not a window", quoted(text)), allowed))
}

/// Midnight at the end of a day is 24:00.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let shape = (1..=2).contains(&hour.len()) && minute.len() == 2 && digits(hour) && digits(minute);
    let (hour, minute) = shape.then(|| Some((hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?)))??;
    let total = hour * 60 + minute;
    (minute < 60 && total <= 1440).then_some(total)
}

/// What stays free where the configuration does not say: 1 GiB or 5 % of the disk, the smaller.
#[must_use]
pub fn reserve_bytes(configured: Option<u64>, total_disk_bytes: u64) -> u64 {
    configured.unwrap_or_else(|| (total_disk_bytes / 20).min(1 << 30))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_what_their_units_say() {
        let table = [
            ("0", 0),
            ("1048576", 1 << 20),
            ("500 GiB", 500 << 30),
            ("500GiB", 500 << 30),
            ("2 MB", 2_000_000),
            ("2 mb", 2_000_000),
            ("1.5 GiB", 3 << 29),
            ("0.001 kB", 1),
            ("10 b", 10),
            ("16383 PiB", 16383 << 50),
        ];
        for (text, bytes) in table {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in
            ["", "GiB", "-1", "+1", "1,5 GiB", "1.5", "1. GiB", ".5 GiB", "1 G", "1 GiB/s", "16384 PiB", "1.2.3 MB"]
        {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_and_durations_need_their_units() {
        assert_eq!(rate("2 MiB/s"), Ok(2 << 20));
        for bad in ["2 MiB", "0 B/s", "/s", "2 MiB/h"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
        for (text, seconds) in [("60s", 60), ("15m", 900), ("36h", 129_600), ("30d", 2_592_000), ("2w", 1_209_600)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "15", "m", "1.5h", "-1h", "15 minutes", "1h30m", "99999999999999999999s", "9999999w"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_window_may_cross_midnight() {
        let night = window("19:00-07:00").expect("a window");
        assert_eq!([1139, 1140, 419, 420].map(|minute| night.opens_in(minute)), [Some(1), None, None, Some(720)]);
        assert_eq!(night.to_string(), "19:00-07:00");
        assert!(night.contains(19 * 60) && night.contains(0) && night.contains(7 * 60 - 1));
        assert!(!night.contains(7 * 60) && !night.contains(18 * 60 + 59));
        let evening = window("19:00-24:00").expect("a window");
        assert!(evening.contains(1439) && !evening.contains(0));
        for bad in [
            "",
            "19:00",
            "19:00-19:00",
            "00:00-24:00",
            "24:00-01:00",
            "25:00-07:00",
            "19:60-07:00",
            "19-7",
            "+9:00-1:00",
        ] {
            assert!(window(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_default_reserve_is_the_smaller_of_the_two() {
        assert_eq!(reserve_bytes(None, 1 << 40), 1 << 30);
        assert_eq!(reserve_bytes(None, 1000), 50);
        assert_eq!(reserve_bytes(Some(7), 1 << 40), 7);
    }

    proptest! {
        #[test]
        fn whole_bytes_read_back(bytes: u64) {
            prop_assert_eq!(size(&bytes.to_string()), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in "[0-9.:kKmMgGiIbB/s -]{0,30}|\\PC{0,30}") {
            let _ = (size(&text), rate(&text), duration(&text), window(&text));
        }
    }
}

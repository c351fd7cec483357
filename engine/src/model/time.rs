//! A moment, to the nanosecond, before 1970 and after 2038. No clock here.

use std::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z and the nanoseconds after that second (`0..1_000_000_000`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Whole seconds, rounded down, so negative before 1970.
    pub seconds: i64,
    /// Nanoseconds after `seconds`.
    pub nanos: u32,
}

impl Time {
    /// The moment `seconds` after the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanos: 0 }
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.total_nanos().saturating_sub(earlier.total_nanos());
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(0);
        let rest = u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0);
        if nanos <= 0 { Duration::ZERO } else { Duration::new(seconds, rest) }
    }

    /// This moment and `span` more, kept within what can be expressed.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let nanos = self.nanos + span.subsec_nanos();
        let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        Self {
            seconds: self.seconds.saturating_add(seconds).saturating_add(i64::from(nanos / 1_000_000_000)),
            nanos: nanos % 1_000_000_000,
        }
    }

    /// This moment less `span`, kept within what can be expressed.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let borrow = self.nanos < span.subsec_nanos();
        let nanos = self.nanos + if borrow { 1_000_000_000 } else { 0 } - span.subsec_nanos();
        let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        Self { seconds: self.seconds.saturating_sub(seconds).saturating_sub(i64::from(borrow)), nanos }
    }

    /// RFC 3339 in UTC, with the fraction only where there is one: `2026-11-21T18:00:00.5Z`. Years that RFC 3339 does
    /// not have are given as `@` and the seconds.
    #[must_use]
    pub fn text(self) -> String {
        let nanos = i32::try_from(self.nanos).unwrap_or(0);
        let stamp = jiff::Timestamp::new(self.seconds, 0)
            .ok()
            .and_then(|whole| whole.checked_add(jiff::SignedDuration::from_nanos(i64::from(nanos))).ok());
        stamp.map_or_else(|| format!("@{}.{:09}", self.seconds, self.nanos), |stamp| stamp.to_string())
    }

    fn total_nanos(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_rfc_3339_in_utc() {
        assert_eq!(Time::from_seconds(0).text(), "1970-01-01T00:00:00Z");
        assert_eq!(Time { seconds: -1, nanos: 500_000_000 }.text(), "1969-12-31T23:59:59.5Z");
        assert_eq!(Time::from_seconds(i64::MAX).text(), format!("@{}.000000000", i64::MAX));
    }

    #[test]
    fn spans_cross_seconds_and_the_epoch() {
        let before = Time { seconds: -2, nanos: 900_000_000 };
        let after = Time { seconds: 1, nanos: 100_000_000 };
        assert_eq!(after.since(before), Duration::from_millis(2200));
        assert_eq!(before.since(after), Duration::ZERO);
        assert_eq!(before.plus(Duration::from_millis(2200)), after);
        assert_eq!(after.minus(Duration::from_millis(2200)), before);
    }
}

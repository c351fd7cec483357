//! The hours of the day in which a destination is copied to by itself. By hand it is copied to at any time.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::{Config, Window};
use crate::model::{DestinationName, Time};

/// Whether a round keeps to the hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hours {
    /// It goes by itself.
    Kept,
    /// Somebody asked for it now.
    Ignored,
}

/// When a window opens, if it is shut now.
pub(super) fn opens_in(window: Window, now: Time, zone: &TimeZone) -> Option<Duration> {
    // A time that no calendar has is at no hour, and keeps nobody out.
    let local = Timestamp::from_second(now.seconds).ok()?.to_zoned(zone.clone());
    let [hour, minute, second] = [local.hour(), local.minute(), local.second()].map(|it| u16::from(it.unsigned_abs()));
    let minutes = window.opens_in(hour * 60 + minute)?;
    let since = Duration::from_secs(second.into());
    Some(Duration::from_secs(u64::from(minutes) * 60).saturating_sub(since))
}

/// The window of a destination, if it is shut now.
pub(super) fn shut(config: &Config, name: &DestinationName, now: Time) -> Option<Window> {
    let window = config.destination(name)?.window?;
    opens_in(window, now, &TimeZone::system()).map(|_| window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_opens_at_its_full_minute() {
        let window = Window { from: 19 * 60, to: 7 * 60 };
        let at = |seconds: i64| opens_in(window, Time { seconds, nanos: 0 }, &TimeZone::UTC).map(|it| it.as_secs());
        assert_eq!(
            [at(0), at(7 * 3600 - 1), at(7 * 3600), at(18 * 3600 + 59 * 60 + 59)],
            [None, None, Some(43_200), Some(1)]
        );
    }
}

//! How long something that failed waits: twice as long each time, up to a bound, give or take a quarter so that many
//! installations don't ask one server at the same moment.

use std::time::Duration;

/// A wait that grows. Times are by the clock that never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    first: Duration,
    most: Duration,
    failures: u32,
    until: Duration,
}

impl Pause {
    /// None yet; the first one will be `first`, none longer than `most`, but for the jitter.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0, until: Duration::ZERO }
    }

    /// It failed at `now`; `dice` is any random number.
    pub fn failed(&mut self, now: Duration, dice: u64) {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(self.failures.min(30)).unwrap_or(u32::MAX));
        let span = doubled.min(self.most);
        let half = u64::try_from(span.as_millis() / 2).unwrap_or(u64::MAX).max(1);
        let jitter = Duration::from_millis(dice % half);
        self.failures = self.failures.saturating_add(1);
        self.until = now.saturating_add(span - span / 4).saturating_add(jitter);
    }

    /// Nothing to wait for any more.
    pub fn reset(&mut self) {
        (self.failures, self.until) = (0, Duration::ZERO);
    }

    /// When it is over; in the past if there is none.
    #[must_use]
    pub const fn until(&self) -> Duration {
        self.until
    }

    /// Does it fail?
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST: Duration = Duration::from_secs(5);
    const MOST: Duration = Duration::from_secs(900);

    proptest! {
        #[test]
        fn each_wait_is_twice_the_one_before_up_to_the_bound(dice in any::<u64>(), times in 1_u32..200) {
            let mut pause = Pause::new(FIRST, MOST);
            for time in 0..times {
                let now = Duration::from_secs(u64::from(time) * 1000);
                pause.failed(now, dice);
                let plain = FIRST.saturating_mul(2_u32.saturating_pow(time)).min(MOST);
                let waits = pause.until() - now;
                prop_assert!(waits >= plain * 3 / 4 && waits <= plain * 5 / 4, "{waits:?} of {plain:?}");
            }
            pause.reset();
            prop_assert_eq!(pause, Pause::new(FIRST, MOST));
        }
    }
}

//! A clock that moves on when it is looked at, when somebody sleeps, and when the simulation says so. The wall clock can
//! be set; the other one never goes back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::Time;
use crate::port::{Clock, SinceBoot};

/// See the module.
#[derive(Debug)]
pub struct SimClock(Mutex<Hands>);

#[derive(Debug, Clone, Copy)]
struct Hands {
    wall: Time,
    monotonic: Duration,
    tick: Duration,
}

impl SimClock {
    /// At some moment of 2026.
    #[must_use]
    pub fn new() -> Self {
        let wall = Time { seconds: 1_790_000_000, nanos: 1 };
        Self(Mutex::new(Hands { wall, monotonic: Duration::from_secs(100), tick: Duration::from_millis(1) }))
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        // Hands are moved in one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far each look moves it on.
    pub fn set_tick(&self, tick: Duration) {
        self.hands().tick = tick;
    }

    /// Time passes.
    pub fn pass(&self, span: Duration) {
        self.hands().pass(span);
    }

    /// Somebody sets the wall clock back.
    pub fn set_back(&self, span: Duration) {
        let mut hands = self.hands();
        hands.wall = hands.wall.minus(span);
    }

    /// Somebody sets the wall clock forward.
    pub fn set_forward(&self, span: Duration) {
        let mut hands = self.hands();
        hands.wall = hands.wall.plus(span);
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Hands {
    fn pass(&mut self, span: Duration) {
        self.wall = self.wall.plus(span);
        self.monotonic += span;
    }
}

impl Clock for SimClock {
    fn now(&self) -> Time {
        let mut hands = self.hands();
        let tick = hands.tick;
        hands.pass(tick);
        hands.wall
    }

    fn monotonic(&self) -> Duration {
        let mut hands = self.hands();
        let tick = hands.tick;
        hands.pass(tick);
        hands.monotonic
    }

    fn since_boot(&self) -> Option<SinceBoot> {
        Some(SinceBoot { boot: "simulated".to_owned(), elapsed: self.hands().monotonic })
    }

    fn sleep(&self, span: Duration) {
        self.pass(span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_takes_no_time_and_setting_the_wall_clock_moves_nothing_else() {
        let clock = SimClock::new();
        let (wall, before) = (clock.now(), clock.monotonic());
        clock.sleep(Duration::from_secs(3600));
        clock.set_back(Duration::from_secs(7200));
        assert!(clock.now() < wall);
        assert!(clock.monotonic() - before >= Duration::from_secs(3600));
    }
}

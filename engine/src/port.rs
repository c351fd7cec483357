//! Clock and entropy as ports, so that the same code runs in a simulator under a seed.

use std::time::Duration;

use crate::model::Time;

/// What time it is.
pub trait Clock: Send + Sync {
    /// By the wall.
    fn now(&self) -> Time;
    /// Since some fixed moment; never goes back, whatever the wall clock does.
    fn monotonic(&self) -> Duration;
    /// Since the computer was started, sleep included; none where the system does not tell.
    fn since_boot(&self) -> Option<SinceBoot>;
    /// Waits. A simulated clock moves on instead.
    fn sleep(&self, span: Duration);
}

/// A clock that nobody can set, and that other processes of the same boot read as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinceBoot {
    /// Which boot.
    pub boot: String,
    /// How long ago that was.
    pub elapsed: Duration,
}

/// Where random bytes come from.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with unpredictable bytes.
    ///
    /// # Errors
    /// If the system has none to give; nothing secret may be made then.
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()>;
}

/// The computer's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The system's random number generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let now = jiff::Timestamp::now();
        let nanos = now.subsec_nanosecond();
        // jiff rounds towards zero, Time down.
        let borrow = nanos < 0;
        let nanos = if borrow { nanos + 1_000_000_000 } else { nanos };
        Time { seconds: now.as_second() - i64::from(borrow), nanos: nanos.unsigned_abs() }
    }

    fn monotonic(&self) -> Duration {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed()
    }

    fn since_boot(&self) -> Option<SinceBoot> {
        crate::platform::since_boot().map(|(boot, elapsed)| SinceBoot { boot, elapsed })
    }

    fn sleep(&self, span: Duration) {
        std::thread::sleep(span);
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        getrandom::fill(bytes).map_err(std::io::Error::other)
    }
}

//! A clock for tests, which moves only when someone sleeps.

use std::sync::Mutex;
use std::time::Duration;

use crate::model::Time;
use crate::port::{Clock, SinceBoot};

#[derive(Default)]
pub(super) struct Still(Mutex<Duration>);

impl Clock for Still {
    fn now(&self) -> Time {
        Time::from_seconds(0).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().expect("no panic holds it")
    }

    fn since_boot(&self) -> Option<SinceBoot> {
        None
    }

    fn sleep(&self, span: Duration) {
        *self.0.lock().expect("no panic holds it") += span;
    }
}

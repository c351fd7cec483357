//! How far one point's copy came, told a few times a second at most.

use std::time::Duration;

use super::Told;
use super::send::Passed;
use super::session::Session;
use crate::model::PointOrder;

const TELL_EVERY: Duration = Duration::from_millis(250);

/// See the module.
pub(super) struct Progress<'p> {
    session: &'p Session<'p>,
    order: PointOrder,
    sent: u64,
    done: u64,
    total: u64,
    told: Duration,
}

impl<'p> Progress<'p> {
    /// Of a point of which `total` bytes are to come.
    pub(super) fn new(session: &'p Session<'p>, order: PointOrder, total: u64) -> Self {
        Self { session, order, sent: 0, done: 0, total, told: session.tools.clock.monotonic() }
    }

    /// Bytes that were sent, whatever lay there before.
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn more(&mut self, passed: Passed) {
        if let Passed::Sent(bytes) = passed {
            self.sent += bytes;
        }
        self.done += passed.count();
        let tools = &self.session.tools;
        let now = tools.clock.monotonic();
        if now.saturating_sub(self.told) >= TELL_EVERY {
            self.told = now;
            let destination = self.session.destination.clone();
            (tools.tell)(&Told::Progress { destination, point: self.order, done: self.done, total: self.total });
            // For `status` and `points` only; a copy does not fail for it.
            let _ = tools.catalog.copy_progress(self.session.medium, self.order, self.done);
        }
    }
}

//! What the service tells: each line with its time; and that its configuration has changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use crate::command::{Call, Voice};
use crate::config::{Config, load};
use crate::model::chain;
use crate::port::Clock;
use crate::report::local;

/// Another voice, with the time before each line.
pub(super) struct Timed {
    inner: Arc<dyn Voice>,
    clock: Arc<dyn Clock>,
    zone: TimeZone,
}

impl Timed {
    pub(super) fn new(call: &Call) -> Self {
        Self { inner: Arc::clone(&call.voice), clock: Arc::clone(&call.clock), zone: TimeZone::system() }
    }

    fn line(&self, text: &str) -> String {
        format!("{} {text}", local(self.clock.now(), &self.zone))
    }
}

impl Voice for Timed {
    fn warn(&self, text: &str) {
        self.inner.warn(&self.line(text));
    }

    fn say(&self, text: &str) {
        self.inner.say(&self.line(text));
    }

    fn progress(&self, what: &str, done: u64, total: u64) {
        self.inner.progress(what, done, total);
    }

    fn progress_done(&self, what: &str) {
        self.inner.progress_done(what);
    }
}

/// Looked at no more often.
const EVERY: Duration = Duration::from_secs(30);

/// Notices that the configuration's file is another one than the service began with.
pub(super) struct ConfigWatch {
    file: PathBuf,
    stamp: Option<(SystemTime, u64)>,
    looked: Duration,
}

impl ConfigWatch {
    pub(super) fn of(config: &Config, now: Duration) -> Self {
        let file = config.file.clone();
        Self { stamp: stamp(&file), file, looked: now }
    }

    /// Says once for each change that a restart is needed, or what is wrong with the new one.
    pub(super) fn look(&mut self, call: &Call) {
        let now = call.clock.monotonic();
        if now.saturating_sub(self.looked) < EVERY {
            return;
        }
        self.looked = now;
        let stamp = stamp(&self.file);
        if stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        let text = match load(&self.file) {
            Ok(_) => "the configuration has changed: restart the service for it to take effect".to_owned(),
            Err(error) => format!("the configuration has changed and can't be used: {}", chain(&error)),
        };
        call.voice.warn(&text);
    }
}

fn stamp(file: &std::path::Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

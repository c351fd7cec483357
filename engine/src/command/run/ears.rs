//! Hears of signals and of drives, and tells the loop.

use std::io;

use crossbeam_channel::Sender;

use super::working::Event;
use crate::platform::{MountWatch, StopSignal, Woken};

/// With nothing to hear; only so that a lost word costs no more than this.
const LONG: std::time::Duration = std::time::Duration::from_secs(3600);

/// Listens from now on, in a thread of its own.
///
/// # Errors
/// If the system has no thread. A system without a table of mounts is polled.
pub(super) fn listen(signal: &'static StopSignal, events: Sender<Event>) -> io::Result<()> {
    let watch = MountWatch::new().ok();
    std::thread::Builder::new().name("ears".into()).spawn(move || {
        let poll = watch.as_ref().map_or(Some(super::working::POLL), MountWatch::poll_interval);
        loop {
            let heard = match signal.wait(poll.unwrap_or(LONG), watch.as_ref()) {
                Ok(Woken::Stop) | Err(_) => None,
                Ok(Woken::Mounts) => Some(Event::Mounts),
                Ok(Woken::Time) if poll.is_some() => Some(Event::Mounts),
                Ok(Woken::Time) => continue,
            };
            let ends = heard.is_none();
            if events.send(heard.unwrap_or(Event::Stop)).is_err() || ends {
                return;
            }
        }
    })?;
    Ok(())
}

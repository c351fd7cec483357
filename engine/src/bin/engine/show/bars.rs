//! How far pieces of work came: bars that move on a terminal, elsewhere a line now and then.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use engine::report::size;

/// Between two lines about the same piece of work.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

const KNOWN: &str = "{msg} [{bar:24}] {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
const UNKNOWN: &str = "{spinner} {msg}: {binary_bytes}, {binary_bytes_per_sec}";

/// One bar for each piece of work.
pub struct Bars {
    all: MultiProgress,
    by_work: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Default for Bars {
    fn default() -> Self {
        Self { all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()), by_work: Mutex::default() }
    }
}

impl Bars {
    /// That piece of work came so far; of how much is not known if `total` is 0.
    pub fn progress(&self, what: &str, done: u64, total: u64) {
        let mut bars = lock(&self.by_work);
        if !bars.contains_key(what) {
            bars.insert(what.to_owned(), self.all.add(ProgressBar::no_length().with_message(what.to_owned())));
        }
        let Some(bar) = bars.get(what) else { return };
        let length = (total > 0).then_some(total);
        if bar.length() != length || bar.position() == 0 {
            restyle(bar, length);
        }
        bar.set_position(done);
    }

    /// It is over: its bar goes.
    pub fn done(&self, what: &str) {
        if let Some(bar) = lock(&self.by_work).remove(what) {
            bar.finish_and_clear();
        }
    }

    /// Prints something while no bar is in the way.
    pub fn aside(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    /// All bars go.
    pub fn clear(&self) {
        for bar in std::mem::take(&mut *lock(&self.by_work)).into_values() {
            bar.finish_and_clear();
        }
    }
}

fn restyle(bar: &ProgressBar, length: Option<u64>) {
    let template = if length.is_some() { KNOWN } else { UNKNOWN };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    match length {
        Some(total) => bar.set_length(total),
        None => bar.unset_length(),
    }
}

/// A line for a piece of work every half minute, the first one after half a minute. The time that is left goes by how fast
/// it went lately, not since it began: what was there already, or a cache took, passed by at once.
#[derive(Default)]
pub struct Lines(Mutex<BTreeMap<String, Since>>);

#[derive(Clone, Copy)]
struct Mark {
    at: Instant,
    /// What was done by then: a resumed copy does not begin at 0.
    done: u64,
}

/// The last line, and the one before it; both its beginning at first.
#[derive(Clone, Copy)]
struct Since {
    before: Mark,
    told: Mark,
}

impl Lines {
    /// The line that is due now, if one is.
    pub fn progress(&self, what: &str, done: u64, total: u64, now: Instant) -> Option<String> {
        let mut works = lock(&self.0);
        let mark = Mark { at: now, done };
        let since = works.entry(what.to_owned()).or_insert(Since { before: mark, told: mark });
        if now.saturating_duration_since(since.told.at) < BETWEEN_LINES {
            return None;
        }
        let before = std::mem::replace(since, Since { before: since.told, told: mark }).before;
        let seconds = now.saturating_duration_since(before.at).as_secs().max(1);
        Some(line(what, done, total, done.saturating_sub(before.done) / seconds))
    }

    /// It is over.
    pub fn done(&self, what: &str) {
        lock(&self.0).remove(what);
    }
}

fn line(what: &str, done: u64, total: u64, rate: u64) -> String {
    let left = total.saturating_sub(done).checked_div(rate);
    match (total, left) {
        (0, _) => format!("{what}: {}, {}/s", size(done), size(rate)),
        (_, None) => format!("{what}: {} of {}", size(done), size(total)),
        (_, Some(left)) => {
            format!("{what}: {} of {}, {}/s, {} left", size(done), size(total), size(rate), span(left))
        }
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_every_half_minute_with_rate_and_time_left() {
        let (lines, begin) = (Lines::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(lines.progress("usb", 0, 6 << 20, begin), None);
        assert_eq!(lines.progress("usb", 1 << 20, 6 << 20, at(29)), None);
        let line = lines.progress("usb", 3 << 20, 6 << 20, at(30)).expect("it is due");
        assert_eq!(line, "usb: 3.0 MiB of 6.0 MiB, 102.3 KiB/s, 30 s left");
        assert_eq!(lines.progress("usb", 4 << 20, 6 << 20, at(31)), None);
        lines.done("usb");
        assert_eq!(lines.progress("usb", 1, 0, at(90)), None, "the next piece of work begins anew");
        assert_eq!(lines.progress("usb", 1, 0, at(120)).as_deref(), Some("usb: 1 B, 0 B/s"));
    }

    #[test]
    fn the_time_that_is_left_goes_by_the_last_minute() {
        let (lines, begin) = (Lines::default(), Instant::now());
        let at =
            |done: u64, seconds| lines.progress("usb", done << 20, 900 << 20, begin + Duration::from_secs(seconds));
        let told = [at(0, 0), at(600, 30), at(630, 60), at(660, 90), at(690, 120)].map(Option::unwrap_or_default);
        assert!(told[2].ends_with(", 10.5 MiB/s, 25 s left"), "the burst is within it: {told:?}");
        assert!(told[3].ends_with(", 1.0 MiB/s, 4 min left"), "{told:?}");
        assert!(told[4].ends_with(", 1.0 MiB/s, 3 min left"), "{told:?}");
    }

    #[test]
    fn nothing_is_divided_by_a_rate_of_zero() {
        assert_eq!(line("x", 0, 10, 0), "x: 0 B of 10 B");
        assert_eq!(span(7265), "2 h 1 min");
    }
}

//! How much a probe may read, and for how long: hostile or huge data makes it `skipped`, not endless.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::port::Clock;

use crate::run::StopAsked;

/// Bounds for one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Plain bytes that are read at most: what a bomb unpacks to counts.
    pub bytes: u64,
    /// Longest time.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 40, time: Duration::from_secs(30 * 60) }
    }
}

/// Programs whose last words are kept.
const HEARD_MAX: usize = 3;

/// What is left of the bounds for one file, and what programs said meanwhile.
#[derive(Clone)]
pub struct Budget {
    clock: Arc<dyn Clock>,
    limits: Limits,
    until: Duration,
    left: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    stop: Option<StopAsked>,
    heard: Arc<Mutex<VecDeque<String>>>,
}

impl Budget {
    /// The whole budget, from now on.
    #[must_use]
    pub fn start(clock: &Arc<dyn Clock>, limits: Limits) -> Self {
        let until = clock.monotonic().saturating_add(limits.time);
        let left = Arc::new(AtomicU64::new(limits.bytes));
        Self { clock: Arc::clone(clock), limits, until, left, over: Arc::default(), stop: None, heard: Arc::default() }
    }

    /// It is used up, too, once this says to stop.
    #[must_use]
    pub fn until(mut self, stop: &StopAsked) -> Self {
        self.stop = Some(Arc::clone(stop));
        self
    }

    /// For one question within it: a bound of time of its own, and its own words.
    #[must_use]
    pub(super) fn part(&self, time: Duration) -> Self {
        let until = self.until.min(self.clock.monotonic().saturating_add(time));
        let limits = Limits { time, ..self.limits };
        Self { limits, until, over: Arc::default(), heard: Arc::default(), ..self.clone() }
    }

    fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop())
    }

    /// Takes note of `bytes` more that were read; false once the budget is used up.
    #[must_use]
    pub fn spend(&self, bytes: u64) -> bool {
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        if left.is_err() || self.clock.monotonic() > self.until || self.is_stopped() {
            self.over.store(true, Ordering::Relaxed);
        }
        !self.over.load(Ordering::Relaxed)
    }

    /// Why it was not read to the end, if the budget is used up.
    #[must_use]
    pub fn overrun(&self) -> Option<String> {
        let Limits { bytes, time } = self.limits;
        let text = || match self.is_stopped() {
            true => "not read to the end: told to stop".to_owned(),
            false => format!("not read to the end: more than {bytes} bytes, or longer than {} s", time.as_secs()),
        };
        self.over.load(Ordering::Relaxed).then(text)
    }

    /// What a program said of the data, which may hold some of them: for a terminal, and no report.
    pub(super) fn hear(&self, program: &str, words: &str) {
        let mut heard = self.lock();
        if !words.is_empty() {
            heard.push_back(format!("{program}: {words}"));
        }
        while heard.len() > HEARD_MAX {
            heard.pop_front();
        }
    }

    /// The last words of programs.
    pub(super) fn heard(&self) -> Vec<String> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader whose bytes count.
    pub fn meter<R: Read>(&self, inner: R) -> Metered<'_, R> {
        Metered { inner, budget: self }
    }
}

/// A reader whose bytes count against a budget.
pub struct Metered<'b, R> {
    inner: R,
    budget: &'b Budget,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if self.budget.spend(read as u64) { Ok(read) } else { Err(io::Error::other("the budget is used up")) }
    }
}

//! How many bytes of objects may be on their way at once, and whose come first.
//!
//! In: writers, and how long their requests took. Out: shares of the window.
//! Its size is what the line takes in [`AIM`], by the requests that were answered: more of them make nothing faster, and are
//! what is lost when the process is killed, and what is waited for when it is told to stop.
//! Invariants: shares are never more than the window in all, but for one that is larger alone; the earliest writer that
//! waits is served first, and nobody behind it before it is. So objects end one after the other, and the last requests of one go beside the bytes of the
//! next, where in equal steps all of them would end, and wait, at the same time.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long a request is best under way. Longer than the round trip to any place and a server's work on a part.
const AIM: Duration = Duration::from_secs(2);

/// See the module.
pub(super) struct Window {
    /// Of its size.
    bounds: RangeInclusive<usize>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    size: usize,
    taken: usize,
    /// Writers so far, and those of them that are open.
    writers: u64,
    open: usize,
    turns: u64,
    /// By rank, then in the order in which they came.
    waiting: BTreeMap<(u64, u64), Waiting>,
}

struct Waiting {
    bytes: usize,
    told: oneshot::Sender<Share>,
}

/// A writer's place among the others; lower ones go first.
pub(super) struct Rank {
    window: Arc<Window>,
    number: u64,
}

/// A part of the window, given back when it goes.
pub(super) struct Share {
    window: Arc<Window>,
    bytes: usize,
    since: Instant,
}

impl Window {
    /// Has `size` bytes at first, and never fewer or more than `bounds`.
    pub fn new(size: usize, bounds: RangeInclusive<usize>) -> Arc<Self> {
        Arc::new(Self { bounds, state: Mutex::new(State { size, ..State::default() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new writer's.
    pub fn rank(self: &Arc<Self>) -> Rank {
        let mut state = self.state();
        state.writers = state.writers.saturating_add(1);
        state.open = state.open.saturating_add(1);
        Rank { window: Arc::clone(self), number: state.writers }
    }

    /// Gives what is free to who is first.
    fn serve(self: &Arc<Self>) {
        while let Some((told, share)) = self.next() {
            // Who does not wait any more gives it back here.
            drop(told.send(share));
        }
    }

    fn next(self: &Arc<Self>) -> Option<(oneshot::Sender<Share>, Share)> {
        let mut state = self.state();
        let bytes = state.waiting.first_key_value()?.1.bytes;
        let taken = state.taken.saturating_add(bytes);
        if taken > state.size && state.taken > 0 {
            return None;
        }
        let (_, first) = state.waiting.pop_first()?;
        state.taken = taken;
        Some((first.told, Share { window: Arc::clone(self), bytes, since: Instant::now() }))
    }
}

impl Rank {
    /// Waits for a share of so many bytes.
    pub async fn share(&self, bytes: usize) -> Share {
        let (told, coming) = oneshot::channel();
        {
            let mut state = self.window.state();
            state.turns = state.turns.saturating_add(1);
            let turn = (self.number, state.turns);
            state.waiting.insert(turn, Waiting { bytes, told });
        }
        self.window.serve();
        let window = || Arc::clone(&self.window);
        coming.await.unwrap_or_else(|_| Share { window: window(), bytes: 0, since: Instant::now() })
    }

    /// Its part of so many requests at once, if all writers that are open had the same.
    pub fn part_of(&self, requests: usize) -> usize {
        requests / self.window.state().open.max(1)
    }
}

impl Share {
    /// Its bytes were acknowledged: the window learns from how long that took.
    pub fn acknowledged(self) {
        let mut state = self.window.state();
        state.size = next_size(state.size, state.taken, self.since.elapsed(), &self.window.bounds);
    }
}

/// The size after a request that took so long while so many bytes were under way: by Little's law those are what the line
/// takes in that time. It doubles or halves at most, since one request says little.
fn next_size(size: usize, taken: usize, took: Duration, bounds: &RangeInclusive<usize>) -> usize {
    let in_aim = (taken as u128).saturating_mul(AIM.as_micros()) / took.as_micros().max(1);
    let in_aim = usize::try_from(in_aim).unwrap_or(usize::MAX);
    in_aim.clamp(size / 2, size.saturating_mul(2)).clamp(*bounds.start(), *bounds.end())
}

impl Drop for Rank {
    fn drop(&mut self) {
        let mut state = self.window.state();
        state.open = state.open.saturating_sub(1);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        {
            let mut state = self.window.state();
            state.taken = state.taken.saturating_sub(self.bytes);
        }
        self.window.serve();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Polled once.
    fn come<T>(what: &mut std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match what.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(came) => Some(came),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_earliest_writer_is_served_first_and_nobody_overtakes_it() {
        let window = Window::new(10, 10..=10);
        let (one, two) = (window.rank(), window.rank());
        let held = come(&mut pin!(two.share(8))).expect("free");
        let (mut late, mut first) = (pin!(two.share(1)), pin!(one.share(6)));
        // Two bytes are free: the later writer came while nobody waited before it.
        let small = come(&mut late).expect("there is room");
        assert!(come(&mut first).is_none());
        let mut after = pin!(two.share(1));
        assert!(come(&mut after).is_none(), "it fits, and has to wait all the same");
        drop(held);
        let share = come(&mut first).expect("served");
        assert!(come(&mut after).is_some());
        drop((share, small));
        assert_eq!(window.state().taken, 0);
    }

    #[test]
    fn who_gave_up_keeps_nothing() {
        let window = Window::new(4, 4..=4);
        let (one, two) = (window.rank(), window.rank());
        let held = come(&mut pin!(one.share(4))).expect("free");
        {
            let mut given_up = pin!(one.share(4));
            assert!(come(&mut given_up).is_none());
        }
        let mut next = pin!(two.share(4));
        assert!(come(&mut next).is_none());
        drop(held);
        assert!(come(&mut next).is_some());
        assert_eq!(window.state().taken, 0);
    }

    #[test]
    fn requests_are_divided_among_those_who_are_open() {
        let window = Window::new(4, 4..=4);
        let one = window.rank();
        assert_eq!(one.part_of(12), 12);
        let others = [window.rank(), window.rank(), window.rank()];
        assert_eq!(one.part_of(12), 3);
        drop(others);
        assert_eq!(one.part_of(12), 12);
    }

    #[test]
    fn it_holds_what_the_line_takes_in_two_seconds_between_its_bounds() {
        const MIB: usize = 1 << 20;
        let bounds = 16 * MIB..=64 * MIB;
        let seconds = Duration::from_secs;
        assert_eq!(next_size(32 * MIB, 32 * MIB, seconds(2), &bounds), 32 * MIB);
        assert_eq!(next_size(32 * MIB, 32 * MIB, seconds(32), &bounds), 16 * MIB, "1 MiB a second");
        assert_eq!(next_size(64 * MIB, 64 * MIB, seconds(64), &bounds), 32 * MIB, "at most by half");
        assert_eq!(next_size(32 * MIB, 8 * MIB, Duration::ZERO, &bounds), 64 * MIB);
        assert_eq!(next_size(16 * MIB, 8 * MIB, Duration::from_millis(800), &bounds), 20 * MIB, "not full, and fast");
        assert_eq!(next_size(16 * MIB, 0, seconds(1), &bounds), 16 * MIB);
    }

    #[test]
    fn only_what_was_acknowledged_changes_it() {
        let window = Window::new(4, 2..=8);
        let one = window.rank();
        drop(come(&mut pin!(one.share(4))).expect("free"));
        assert_eq!(window.state().size, 4);
        come(&mut pin!(one.share(4))).expect("free").acknowledged();
        assert_eq!(window.state().size, 8, "at once");
        assert_eq!(window.state().taken, 0);
    }

    #[test]
    fn more_than_there_is_waits_for_all_of_it() {
        let window = Window::new(4, 4..=4);
        let one = window.rank();
        let all = come(&mut pin!(one.share(9))).expect("nothing else is under way");
        assert!(come(&mut pin!(one.share(1))).is_none());
        drop(all);
        assert!(come(&mut pin!(one.share(4))).is_some());
    }
}

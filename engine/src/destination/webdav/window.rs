//! How many bytes of objects may be on their way at once, and whose come first.
//!
//! In: writers. Out: shares of the window.
//! Invariants: shares are never more than the window in all; the earliest writer that waits is served first, and nobody
//! behind it before it is. So objects end one after the other, and the last requests of one go beside the bytes of the
//! next, where in equal steps all of them would end, and wait, at the same time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::failure::Failure;

/// See the module.
pub(super) struct Window {
    bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
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
}

impl Window {
    pub fn of(bytes: usize) -> Arc<Self> {
        Arc::new(Self { bytes, state: Mutex::default() })
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
        if taken > self.bytes {
            return None;
        }
        let (_, first) = state.waiting.pop_first()?;
        state.taken = taken;
        Some((first.told, Share { window: Arc::clone(self), bytes }))
    }
}

impl Rank {
    /// Waits for a share of so many bytes; of more than there are, for all.
    ///
    /// # Errors
    /// None that is expected: the window lives as long as its ranks.
    pub async fn share(&self, bytes: usize) -> Result<Share, Failure> {
        let (told, coming) = oneshot::channel();
        {
            let mut state = self.window.state();
            state.turns = state.turns.saturating_add(1);
            let turn = (self.number, state.turns);
            state.waiting.insert(turn, Waiting { bytes: bytes.min(self.window.bytes), told });
        }
        self.window.serve();
        coming.await.map_err(|error| Failure::Broken(error.to_string()))
    }

    /// Its part of so many requests at once, if all writers that are open had the same.
    pub fn part_of(&self, requests: usize) -> usize {
        requests / self.window.state().open.max(1)
    }
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
    fn come<T>(what: &mut std::pin::Pin<&mut impl Future<Output = Result<T, Failure>>>) -> Option<T> {
        match what.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(came) => came.ok(),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_earliest_writer_is_served_first_and_nobody_overtakes_it() {
        let window = Window::of(10);
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
        let window = Window::of(4);
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
        let window = Window::of(4);
        let one = window.rank();
        assert_eq!(one.part_of(12), 12);
        let others = [window.rank(), window.rank(), window.rank()];
        assert_eq!(one.part_of(12), 3);
        drop(others);
        assert_eq!(one.part_of(12), 12);
    }

    #[test]
    fn more_than_there_is_waits_for_all_of_it() {
        let window = Window::of(4);
        let one = window.rank();
        let all = come(&mut pin!(one.share(9))).expect("free");
        assert!(come(&mut pin!(one.share(1))).is_none());
        drop(all);
        assert!(come(&mut pin!(one.share(4))).is_some());
    }
}

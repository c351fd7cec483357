//! How many bytes of objects may be on their way at once, and whose come first.
//!
//! In: ranks of writers. Out: shares of the window.
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
    ranks: u64,
    turns: u64,
    /// By rank, then in the order in which they came.
    waiting: BTreeMap<(u64, u64), Waiting>,
}

struct Waiting {
    bytes: usize,
    told: oneshot::Sender<Share>,
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

    /// The next writer's; lower ones go first.
    pub fn rank(&self) -> u64 {
        let mut state = self.state();
        state.ranks = state.ranks.saturating_add(1);
        state.ranks
    }

    /// Waits for a share of so many bytes; of more than there are, for all.
    ///
    /// # Errors
    /// None that is expected: the window lives as long as its shares.
    pub async fn share(self: &Arc<Self>, rank: u64, bytes: usize) -> Result<Share, Failure> {
        let (told, coming) = oneshot::channel();
        {
            let mut state = self.state();
            state.turns = state.turns.saturating_add(1);
            let turn = (rank, state.turns);
            state.waiting.insert(turn, Waiting { bytes: bytes.min(self.bytes), told });
        }
        self.serve();
        coming.await.map_err(|error| Failure::Broken(error.to_string()))
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
        let held = come(&mut pin!(window.share(two, 8))).expect("free");
        let (mut late, mut first) = (pin!(window.share(two, 1)), pin!(window.share(one, 6)));
        // Two bytes are free: the later writer came while nobody waited before it.
        let small = come(&mut late).expect("there is room");
        assert!(come(&mut first).is_none());
        let mut after = pin!(window.share(two, 1));
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
        let held = come(&mut pin!(window.share(1, 4))).expect("free");
        {
            let mut given_up = pin!(window.share(1, 4));
            assert!(come(&mut given_up).is_none());
        }
        let mut next = pin!(window.share(2, 4));
        assert!(come(&mut next).is_none());
        drop(held);
        assert!(come(&mut next).is_some());
        assert_eq!(window.state().taken, 0);
    }

    #[test]
    fn more_than_there_is_waits_for_all_of_it() {
        let window = Window::of(4);
        let all = come(&mut pin!(window.share(1, 9))).expect("free");
        assert!(come(&mut pin!(window.share(1, 1))).is_none());
        drop(all);
        assert!(come(&mut pin!(window.share(1, 4))).is_some());
    }
}

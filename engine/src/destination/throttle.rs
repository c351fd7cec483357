//! A store through which only so many bytes pass in a second.
//!
//! A token bucket kept as one moment (the generic cell rate algorithm, ITU-T I.371): the moment up to which all that
//! passed is paid for. It may lie back by one burst at most, so that time spent idle is not saved up.
//!
//! Deliberately absent: time windows and reasons to be slow; who sets the rate knows them.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Finish, Index, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, WriteStore};
use crate::model::{Distance, VaultPath};
use crate::port::Clock;

/// What passes at once at most, in time at the full rate, and in bytes.
const BURST: Duration = Duration::from_millis(100);
const PIECE_BYTES_MAX: u64 = 256 << 10;

/// A rate shared by all that holds a clone of it.
#[derive(Clone)]
pub struct Bandwidth {
    bytes_per_second: NonZeroU64,
    clock: Arc<dyn Clock>,
    paid_until: Arc<Mutex<Duration>>,
}

impl Bandwidth {
    /// `bytes_per_second` from now on.
    #[must_use]
    pub fn new(bytes_per_second: NonZeroU64, clock: Arc<dyn Clock>) -> Self {
        let paid_until = Arc::new(Mutex::new(clock.monotonic()));
        Self { bytes_per_second, clock, paid_until }
    }

    /// Bytes that go in one piece: a tenth of a second's worth, within bounds.
    fn piece(&self) -> usize {
        let piece = (self.bytes_per_second.get() / 10).clamp(1, PIECE_BYTES_MAX);
        usize::try_from(piece).unwrap_or(usize::MAX)
    }

    /// Waits until `bytes` more may have passed.
    fn pay(&self, bytes: usize) {
        let now = self.clock.monotonic();
        let wait = {
            let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
            let from = (*paid_until).max(now.saturating_sub(BURST));
            *paid_until = from.saturating_add(self.time_of(bytes));
            paid_until.saturating_sub(now)
        };
        if !wait.is_zero() {
            self.clock.sleep(wait);
        }
    }

    fn time_of(&self, bytes: usize) -> Duration {
        let nanos = u128::try_from(bytes).unwrap_or(u128::MAX).saturating_mul(1_000_000_000);
        let nanos = nanos.div_ceil(u128::from(self.bytes_per_second.get()));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// A store whose content passes at a bounded rate, reads and writes together.
pub struct Throttled<S> {
    inner: S,
    bandwidth: Bandwidth,
}

impl<S> Throttled<S> {
    /// Bounds what passes to and from `inner`.
    pub fn new(inner: S, bandwidth: Bandwidth) -> Self {
        Self { inner, bandwidth }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReadStore> ReadStore for Throttled<S> {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.inner.stat(path)
    }

    /// One request is one request: it is not cut into pieces, but paid for as a whole once its length is known.
    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        let answer = self.inner.read(path, offset, bytes)?;
        self.bandwidth.pay(answer.len());
        Ok(answer)
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        let inner = self.inner.read_on(path, offset)?;
        Ok(Box::new(ThrottledRead { inner, bandwidth: &self.bandwidth }))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        self.inner.list(folder)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        let inner = self.inner.read_medium(path)?;
        Ok(Box::new(ThrottledRead { inner, bandwidth: &self.bandwidth }))
    }

    /// None: its bytes would not be paid for.
    fn finished_file(&self, _: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        Ok(None)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.inner.space()
    }

    fn distance(&self) -> Distance {
        self.inner.distance()
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.inner.still_there()
    }

    fn mirror(&self) -> Option<&Index> {
        self.inner.mirror()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: WriteStore> WriteStore for Throttled<S> {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        let inner = self.inner.create(path)?;
        Ok(Box::new(ThrottledWrite { inner, bandwidth: &self.bandwidth }))
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        let inner = self.inner.resume(path, left)?;
        Ok(Box::new(ThrottledWrite { inner, bandwidth: &self.bandwidth }))
    }

    fn lanes(&self) -> usize {
        self.inner.lanes()
    }

    fn lanes_max(&self) -> usize {
        self.inner.lanes_max()
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        self.inner.delete(path)
    }
}

struct ThrottledRead<'s> {
    inner: Box<dyn ObjectRead + 's>,
    bandwidth: &'s Bandwidth,
}

#[deny(clippy::missing_trait_methods)]
impl ObjectRead for ThrottledRead<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let piece = buffer.len().min(self.bandwidth.piece());
        let bytes = self.inner.read(&mut buffer[..piece])?;
        self.bandwidth.pay(bytes);
        Ok(bytes)
    }
}

struct ThrottledWrite<'s> {
    inner: Box<dyn ObjectWrite + 's>,
    bandwidth: &'s Bandwidth,
}

#[deny(clippy::missing_trait_methods)]
impl ObjectWrite for ThrottledWrite<'_> {
    fn kept(&self) -> u64 {
        self.inner.kept()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        for piece in bytes.chunks(self.bandwidth.piece()) {
            self.bandwidth.pay(piece.len());
            self.inner.write(piece)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<Resume, StoreError> {
        self.inner.flush()
    }

    fn finish(self: Box<Self>) -> Result<Finish, StoreError> {
        self.inner.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::super::memory::MemoryPlace;
    use super::super::still::Still;
    use super::*;
    use crate::model::Time;
    use crate::port::SinceBoot;

    fn throttled(rate: u64, clock: &Arc<Still>) -> Throttled<impl WriteStore + use<>> {
        let rate = NonZeroU64::new(rate).expect("not zero");
        Throttled::new(MemoryPlace::new(1).open().expect("there"), Bandwidth::new(rate, clock.clone()))
    }

    fn write(store: &impl WriteStore, name: &str, bytes: usize) {
        let mut writer = store.create(&VaultPath::parse(name).expect("valid")).expect("create");
        writer.write(&vec![0; bytes]).expect("write");
        writer.finish().expect("finish");
    }

    #[test]
    fn a_throttled_store_keeps_every_rule() {
        conformance::run(|| throttled(1 << 30, &Arc::default()));
    }

    #[test]
    fn ten_seconds_worth_takes_ten_seconds_each_way() {
        let clock = Arc::new(Still::default());
        let store = throttled(1000, &clock);
        write(&store, "a", 10_000);
        assert_eq!(clock.monotonic(), Duration::from_secs(10));
        store.read(&VaultPath::parse("a").expect("valid"), 0, 10_000).expect("read");
        assert_eq!(clock.monotonic(), Duration::from_secs(20));
    }

    /// A clock that stands at 0 and notes how long everyone would sleep.
    #[derive(Default)]
    struct Standing(Mutex<Vec<Duration>>);

    impl Clock for Standing {
        fn now(&self) -> Time {
            Time::from_seconds(0)
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        fn since_boot(&self) -> Option<SinceBoot> {
            None
        }

        fn sleep(&self, span: Duration) {
            self.0.lock().expect("no panic holds it").push(span);
        }
    }

    /// The eightieth piece goes when eighty are paid for, whoever's it is.
    #[test]
    fn many_objects_at_once_pass_at_one_rate_together() {
        let clock = Arc::new(Standing::default());
        let rate = NonZeroU64::new(1000).expect("not zero");
        let (place, bandwidth) = (MemoryPlace::new(1), Bandwidth::new(rate, clock.clone()));
        let [one, other] = [0, 1].map(|_| Throttled::new(place.open().expect("there"), bandwidth.clone()));
        std::thread::scope(|scope| {
            for lane in 0..8 {
                let store = if lane % 2 == 0 { &one } else { &other };
                scope.spawn(move || write(store, &format!("a{lane}"), 1000));
            }
        });
        let mut waits = std::mem::take(&mut *clock.0.lock().expect("no panic holds it"));
        waits.sort_unstable();
        assert_eq!(waits, (1..=80).map(|piece| bandwidth.time_of(100) * piece).collect::<Vec<_>>());
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let clock = Arc::new(Still::default());
        let store = throttled(1000, &clock);
        clock.sleep(Duration::from_secs(3600));
        write(&store, "a", 1000);
        assert_eq!(clock.monotonic(), Duration::from_secs(3601) - BURST);
    }
}

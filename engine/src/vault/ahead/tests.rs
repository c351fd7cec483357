//! What is asked for, and that the bytes are those that lie there.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::destination::memory::{MemoryPlace, MemoryStore};
use crate::destination::record::{Recorded, Tally};
use crate::destination::{ErrorKind, Listed, Operation, Space, WriteStore};

const PACK: PackId = PackId([7; 32]);
const BYTES: usize = 16 << 20;
const BYTES_32: u32 = 16 << 20;

/// A store as if it were behind a network.
struct Far {
    store: Recorded<MemoryStore>,
    onward: Onward,
}

/// What becomes of reading on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Onward {
    Works,
    /// It ends after so many bytes of each.
    EndsAfter(usize),
    FailsAfter(usize),
}

struct Ending<'s>(Box<dyn ObjectRead + 's>, Onward);

impl ObjectRead for Ending<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let (Onward::EndsAfter(left) | Onward::FailsAfter(left)) = &mut self.1 else { return self.0.read(buffer) };
        let most = buffer.len().min(*left);
        *left -= most;
        match (most, self.1) {
            (0, Onward::FailsAfter(_)) => Err(StoreError::new(ErrorKind::Transient, "read", "there", "it broke")),
            _ => self.0.read(&mut buffer[..most]),
        }
    }
}

impl ReadStore for Far {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.store.stat(path)
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        self.store.read(path, offset, bytes)
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(Box::new(Ending(self.store.read_on(path, offset)?, self.onward)))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        self.store.list(folder)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.store.read_medium(path)
    }

    fn finished_file(&self, _: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        Ok(None)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        Ok(None)
    }

    fn distance(&self) -> Distance {
        Distance::Server
    }

    fn still_there(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Words that are each at one place only.
static CONTENT: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..BYTES_32 / 4).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect());

fn far(onward: Onward) -> (Far, Tally) {
    let store = MemoryPlace::new(1).open().expect("there");
    let mut writer = store.create(&ObjectName::Pack(PACK).path()).expect("create");
    writer.write(&CONTENT).expect("write");
    writer.finish().expect("finish");
    let tally = Tally::default();
    (Far { store: Recorded::new(store, tally.clone()), onward }, tally)
}

#[test]
fn a_pack_that_is_read_in_order_is_asked_for_once() {
    let ((store, tally), content) = (far(Onward::Works), &*CONTENT);
    let ahead = Ahead::of(&store);
    assert_eq!(ahead.begin(&PACK, 100, 100).expect("there"), content[..100]);
    let mut at = 100;
    for bytes in [500_000, 20_000, 300_000, 1_000_000, 5000].into_iter().cycle() {
        if at + bytes > BYTES {
            break;
        }
        let read = ahead.read(&PACK, u32::try_from(at).expect("small"), bytes).expect("there");
        assert!(read == content[at..at + bytes]);
        // Some of what lies between is another file's.
        at += bytes + bytes % 7;
    }
    assert_eq!(tally.of(Operation::Read).requests, 0);
    assert!(tally.of(Operation::ReadMedium).bytes <= BYTES as u64, "nothing is read twice");
}

#[test]
fn a_range_by_itself_is_asked_for_by_itself() {
    let ((store, tally), content) = (far(Onward::Works), &*CONTENT);
    let ahead = Ahead::of(&store);
    for at in [9_000_000, 2_000_000, 15_000_000] {
        let read = ahead.read(&PACK, u32::try_from(at).expect("small"), 600_000).expect("there");
        assert!(read == content[at..at + 600_000]);
    }
    assert_eq!((tally.of(Operation::Read).requests, tally.of(Operation::Read).bytes), (3, 1_800_000));
    assert_eq!(tally.of(Operation::ReadMedium).requests, 0);
}

#[test]
fn what_breaks_or_ends_too_soon_is_asked_for_by_itself() {
    for onward in [Onward::FailsAfter(1_500_000), Onward::EndsAfter(1_500_000), Onward::FailsAfter(0)] {
        let ((store, tally), content) = (far(onward), &*CONTENT);
        let ahead = Ahead::of(&store);
        for at in (0..10).map(|n| n * 600_000) {
            let read = ahead.read(&PACK, u32::try_from(at).expect("small"), 600_000).expect("there");
            assert!(read == content[at..at + 600_000]);
        }
        assert!(tally.of(Operation::Read).requests > 1);
    }
}

#[test]
fn where_the_pack_ends_so_does_the_answer() {
    let ((store, _), end) = (far(Onward::Works), BYTES_32);
    let ahead = Ahead::of(&store);
    for (at, there) in [(end - 900_000, 900_000), (end - 400_000, 400_000), (end, 0), (end + 5000, 0)] {
        assert_eq!(ahead.read(&PACK, at, 1_000_000).expect("there").len(), there);
        assert_eq!(ahead.read(&PACK, at, 1000).expect("there").len(), there.min(1000));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_ranges_in_any_order_are_what_lies_there(
        ranges in prop::collection::vec((0..BYTES, prop_oneof![1..3000_usize, 1..2_000_000_usize]), 1..12),
        most in prop_oneof![Just(usize::MAX), 0..5_000_000_usize],
    ) {
        let ((store, _), content) = (far(Onward::EndsAfter(most)), &*CONTENT);
        let ahead = Ahead::of(&store);
        for (at, bytes) in ranges {
            let read = ahead.read(&PACK, u32::try_from(at).expect("small"), bytes).expect("there");
            prop_assert!(read == content[at..(at + bytes).min(BYTES)]);
        }
    }
}

use super::*;
use crate::destination::memory::{Fault, Faults, MemoryPlace, MemoryStore};
use crate::destination::record::{Recorded, Tally};
use crate::destination::still::Still;
use crate::destination::{Operation, conformance};
use crate::port::SystemEntropy;

struct Bench {
    place: MemoryPlace,
    clock: Arc<Still>,
    tally: Tally,
    store: Retried<Recorded<MemoryStore>>,
}

fn bench(seed: u64) -> Bench {
    let (place, clock, tally) = (MemoryPlace::new(seed), Arc::new(Still::default()), Tally::default());
    let inner = Recorded::new(place.open().expect("there"), tally.clone());
    let store = Retried::new(inner, Arc::clone(&clock) as _, Arc::new(SystemEntropy));
    Bench { place, clock, tally, store }
}

fn path(text: &str) -> VaultPath {
    VaultPath::parse(text).expect("valid")
}

fn put(store: &dyn WriteStore, at: &str) {
    let mut writer = store.create(&path(at)).expect("create");
    writer.write(b"content").expect("write");
    writer.finish().expect("finish");
}

#[test]
fn a_store_that_asks_again_keeps_every_rule() {
    conformance::run(|| bench(1).store);
}

#[test]
fn what_fails_now_and_then_works_in_the_end() {
    let bench = bench(7);
    let often = Operation::ALL
        .into_iter()
        .filter(|operation| !matches!(operation, Operation::Write | Operation::Flush | Operation::Finish));
    put(&bench.store, "a");
    bench
        .place
        .set_faults(often.fold(Faults::none(), |faults, operation| faults.with(operation, Fault::Transient, 400)));
    for _ in 0..20 {
        assert_eq!(bench.store.stat(&path("a")).expect("stat"), Some(7));
        assert_eq!(bench.store.read(&path("a"), 0, 7).expect("read"), b"content");
        assert_eq!(bench.store.list(&VaultPath::root()).expect("list").len(), 1);
    }
}

#[test]
fn a_delete_whose_answer_was_lost_is_done_once_more() {
    let bench = bench(3);
    put(&bench.store, "a");
    bench.place.set_faults(Faults::none().with(Operation::Delete, Fault::LostAcknowledgement, 500));
    bench.store.delete(&path("a")).expect("delete");
    bench.place.set_faults(Faults::none());
    assert_eq!(bench.store.stat(&path("a")).expect("stat"), None);
}

#[test]
fn a_refusal_is_told_at_once() {
    let bench = bench(1);
    put(&bench.store, "a");
    bench.tally.reset();
    bench.place.set_faults(Faults::none().with(Operation::Delete, Fault::Refused, 1000));
    assert_eq!(bench.store.delete(&path("a")).expect_err("refused").kind, ErrorKind::Denied);
    assert_eq!((bench.tally.of(Operation::Delete).requests, bench.clock.monotonic()), (1, Duration::ZERO));
}

#[test]
fn a_lost_server_is_given_up_after_twenty_seconds() {
    let bench = bench(1);
    bench.place.set_faults(Faults::none().with(Operation::Stat, Fault::Transient, 1000));
    assert_eq!(bench.store.stat(&path("a")).expect_err("lost").kind, ErrorKind::Transient);
    let waited = bench.clock.monotonic();
    assert!(waited <= PATIENCE && waited >= PATIENCE / 4, "{waited:?}");
    let asked = bench.tally.of(Operation::Stat).requests;
    assert!((5..=8).contains(&asked), "{asked} requests");
}

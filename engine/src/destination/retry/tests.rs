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

/// The waits before the second request, the third, …
fn waits() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(FIRST_WAIT), |wait| Some(longer(*wait)))
}

#[test]
fn each_wait_is_twice_as_long_up_to_a_bound() {
    let millis: Vec<u128> = waits().take(8).map(|wait| wait.as_millis()).collect();
    assert_eq!(millis, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
}

#[test]
fn chance_spreads_each_wait_over_its_second_half_and_no_further() {
    for wait in waits().take(6) {
        let spread: Vec<Duration> = (0..=u8::MAX).map(|dice| jittered(wait, dice)).collect();
        assert!(spread.is_sorted_by(|one, next| one < next), "each throw has a wait of its own");
        assert_eq!((spread[0], spread[255]), (wait / 2, wait));
    }
}

/// Always the same throw.
struct Thrown(u8);

impl Entropy for Thrown {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        bytes.fill(self.0);
        Ok(())
    }
}

#[test]
fn what_is_waited_is_what_chance_and_attempt_say() {
    for dice in [0, 100, 255] {
        let (place, clock) = (MemoryPlace::new(1), Arc::new(Still::default()));
        let store = Retried::new(place.open().expect("there"), Arc::clone(&clock) as _, Arc::new(Thrown(dice)));
        place.set_faults(Faults::none().with(Operation::Stat, Fault::Transient, 1000));
        store.stat(&path("a")).expect_err("lost");
        let mut spent = Duration::ZERO;
        let expected = waits().map_while(|wait| {
            let waited = (spent + wait <= PATIENCE).then(|| jittered(wait, dice));
            spent += waited.unwrap_or_default();
            waited
        });
        assert_eq!(clock.monotonic(), expected.sum::<Duration>(), "{dice}");
    }
}

/// A wrong password is one refusal, whatever was asked: more of them lock the user out.
#[test]
fn what_is_refused_is_asked_once_whatever_it_is() {
    for operation in Operation::ALL {
        let bench = bench(1);
        put(&bench.store, "a");
        bench.tally.reset();
        bench.place.set_faults(Faults::none().with(operation, Fault::Refused, 1000));
        assert_eq!(ask(&bench.store, operation), Some(ErrorKind::Denied), "{operation:?}");
        assert_eq!((bench.tally.of(operation).requests, bench.clock.monotonic()), (1, Duration::ZERO), "{operation:?}");
    }
}

/// One request of that kind, and how it failed.
fn ask(store: &dyn WriteStore, operation: Operation) -> Option<ErrorKind> {
    let (there, new) = (path("a"), path("b"));
    let write = |writer: Result<Box<dyn ObjectWrite + '_>, StoreError>| -> Result<(), StoreError> {
        let mut writer = writer?;
        writer.write(b"x")?;
        writer.flush()?;
        writer.finish().map(drop)
    };
    let answer = match operation {
        Operation::Stat => store.stat(&there).map(drop),
        Operation::Read => store.read(&there, 0, 1).map(drop),
        Operation::List => store.list(&VaultPath::root()).map(drop),
        Operation::ReadMedium => store.read_medium(&there).map(drop),
        Operation::Space => store.space().map(drop),
        Operation::StillThere => store.still_there(),
        Operation::Resume => write(store.resume(&new, &Resume::at(1))),
        Operation::Create | Operation::Write | Operation::Flush | Operation::Finish => write(store.create(&new)),
        Operation::Delete => store.delete(&there),
    };
    answer.err().map(|error| error.kind)
}

#[test]
fn only_what_may_pass_is_asked_again() {
    let again = |kind: &ErrorKind| may_work_later(*kind);
    let all = [
        ErrorKind::NotFound,
        ErrorKind::Exists,
        ErrorKind::Denied,
        ErrorKind::Full,
        ErrorKind::Gone,
        ErrorKind::Transient,
        ErrorKind::Permanent,
        ErrorKind::Ambiguous,
    ];
    let asked: Vec<ErrorKind> = all.into_iter().filter(again).collect();
    assert_eq!(asked, [ErrorKind::Transient, ErrorKind::Ambiguous]);
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

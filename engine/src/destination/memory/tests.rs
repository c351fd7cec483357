use super::*;
use crate::destination::conformance;

fn path(text: &str) -> VaultPath {
    VaultPath::parse(text).expect("valid")
}

fn put(store: &MemoryStore, at: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let mut writer = store.create(&path(at))?;
    writer.write(bytes)?;
    writer.flush()?;
    writer.finish().map(drop)
}

fn kind<T>(result: Result<T, StoreError>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

fn read_back(store: &MemoryStore, at: &str) -> Vec<u8> {
    let mut bytes = vec![0; 1000];
    let given = store.read_medium(&path(at)).expect("there").read(&mut bytes).expect("read");
    bytes.truncate(given);
    bytes
}

#[test]
fn memory_keeps_every_rule() {
    conformance::run(|| MemoryPlace::new(7).open().expect("there"));
}

#[test]
fn memory_that_lists_in_pages_keeps_every_rule() {
    conformance::run(|| {
        let place = MemoryPlace::new(7);
        place.set_lists(Lists::Late { page: 1, per_mille: 0 });
        place.open().expect("there")
    });
}

/// The names in a folder, as a place lists them.
fn listed(store: &MemoryStore, folder: &str) -> Vec<String> {
    let listed = store.list(&path(folder)).expect("list");
    listed.iter().map(|listed| listed.path.file_name().to_owned()).collect()
}

#[test]
fn a_late_list_lacks_what_is_new_and_shows_what_is_gone_and_a_read_does_neither() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let place = MemoryPlace::new(seed);
        let store = place.open().expect("there");
        put(&store, "f/gone", b"x").expect("put");
        place.settle_lists();
        place.set_lists(Lists::Late { page: 1, per_mille: 1000 });
        put(&store, "f/new", b"x").expect("put");
        store.delete(&path("f/gone")).expect("delete");
        assert_eq!(store.stat(&path("f/new")).expect("stat"), Some(1));
        assert_eq!(store.stat(&path("f/gone")).expect("stat"), None);
        assert_eq!(kind(store.read_medium(&path("f/gone"))), Some(ErrorKind::NotFound));
        let late = listed(&store, "f");
        seen.insert((late.contains(&"new".to_owned()), late.contains(&"gone".to_owned())));
        place.settle_lists();
        assert_eq!(listed(&store, "f"), ["new"], "once time has passed");
    }
    assert_eq!(seen.len(), 4, "each is shown, or not, by itself: {seen:?}");
}

#[test]
fn what_lies_there_by_other_hands_or_for_long_is_always_listed() {
    let place = MemoryPlace::new(1);
    let store = place.open().expect("there");
    place.set_lists(Lists::Late { page: 2, per_mille: 1000 });
    (0..20).for_each(|n| put(&store, &format!("f/{n:02}"), b"x").expect("put"));
    place.plant(&path("f/other"), b"x");
    for _ in 0..20 {
        let late = listed(&store, "f");
        let old = (0..10).all(|n| late.contains(&format!("{n:02}")));
        assert!(old && late.contains(&"other".to_owned()), "{late:?}");
    }
}

#[test]
fn a_list_one_of_whose_pages_fails_is_an_error_and_no_shorter_list() {
    let place = MemoryPlace::new(1);
    let store = place.open().expect("there");
    (0..10).for_each(|n| put(&store, &format!("f/{n}"), b"x").expect("put"));
    place.set_lists(Lists::Late { page: 3, per_mille: 0 });
    place.set_faults(Faults::none().with(Operation::List, Fault::Transient, 200));
    let lists: Vec<_> = (0..60).map(|_| store.list(&path("f"))).collect();
    let failed = lists.iter().filter(|list| list.is_err()).count();
    assert!((20..50).contains(&failed), "four pages each: {failed} failed");
    assert!(lists.iter().flatten().all(|list| list.len() == 10));
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let answers = |seed| {
        let place = MemoryPlace::new(seed);
        place.set_faults(Faults::none().with(Operation::Write, Fault::Transient, 300));
        let store = place.open().expect("there");
        (0..64).map(|n| kind(put(&store, &format!("o{n}"), b"x"))).collect::<Vec<_>>()
    };
    assert_eq!(answers(1), answers(1));
    assert_ne!(answers(1), answers(2));
}

#[test]
fn a_lost_acknowledgement_has_its_effect() {
    let place = MemoryPlace::new(1);
    place.set_faults(Faults::none().with(Operation::Finish, Fault::LostAcknowledgement, 1000));
    let store = place.open().expect("there");
    assert_eq!(kind(put(&store, "a", b"content")), Some(ErrorKind::Ambiguous));
    assert_eq!(store.stat(&path("a")).expect("stat"), Some(7));
}

#[test]
fn a_failed_flush_loses_content_behind_a_cache_that_shows_it() {
    let place = MemoryPlace::new(1);
    place.set_faults(Faults::none().with(Operation::Flush, Fault::Failed, 1000));
    let store = place.open().expect("there");
    let mut writer = store.create(&path("a")).expect("create");
    writer.write(b"content").expect("write");
    assert_eq!(kind(writer.flush()), Some(ErrorKind::Permanent));
    writer.finish().expect("the second flush says nothing");
    assert_eq!(store.read(&path("a"), 0, 7).expect("read"), b"content");
    assert_eq!(read_back(&store, "a"), [0; 7]);
}

#[test]
fn a_refused_delete_leaves_the_object() {
    let place = MemoryPlace::new(1);
    place.set_faults(Faults::none().with(Operation::Delete, Fault::Refused, 1000));
    let store = place.open().expect("there");
    put(&store, "a", b"x").expect("put");
    assert_eq!(kind(store.delete(&path("a"))), Some(ErrorKind::Denied));
    assert_eq!(store.stat(&path("a")).expect("stat"), Some(1));
}

#[test]
fn a_full_disk_takes_what_fits_and_says_so() {
    let place = MemoryPlace::new(1);
    place.set_capacity(Some(10));
    let store = place.open().expect("there");
    put(&store, "a", b"1234567").expect("fits");
    assert_eq!(kind(put(&store, "b", b"12345")), Some(ErrorKind::Full));
    assert_eq!(store.space().expect("space"), Some(Space { free: 0, total: 10 }));
    store.delete(&path(".tmp-b")).expect("delete");
    put(&store, "c", b"123").expect("fits now");
}

#[test]
fn an_unplugged_drive_ends_every_handle_for_good() {
    let place = MemoryPlace::new(1);
    let (one, two) = (place.open().expect("there"), place.open().expect("there"));
    put(&one, "a", b"x").expect("put");
    let mut writer = two.create(&path("b")).expect("create");
    place.unplug();
    assert_eq!(kind(place.open()), Some(ErrorKind::NotFound));
    assert_eq!(kind(one.still_there()), Some(ErrorKind::Gone));
    assert_eq!(kind(writer.write(b"x")), Some(ErrorKind::Gone));
    place.replug();
    assert_eq!(kind(one.stat(&path("a"))), Some(ErrorKind::Gone));
    assert_eq!(place.open().expect("back").stat(&path("a")).expect("stat"), Some(1));
}

#[test]
fn what_one_process_finishes_another_sees() {
    let place = MemoryPlace::new(1);
    let (one, two) = (place.open().expect("there"), place.open().expect("there"));
    put(&one, "a", b"x").expect("put");
    assert_eq!(two.stat(&path("a")).expect("stat"), Some(1));
    assert_eq!(kind(two.create(&path("a"))), Some(ErrorKind::Exists));
}

/// Stopped before every step in turn, under many seeds: an object that was acknowledged is whole after the crash, one
/// that was not is whole or not there at all.
#[test]
fn a_crash_at_any_step_leaves_whole_objects_only() {
    for seed in 0..40 {
        for steps in 0..7 {
            let place = MemoryPlace::new(seed);
            place.stop_after(steps);
            let done = put(&place.open().expect("there"), "packs/ab/one", b"content");
            place.crash();
            let found = place.contents().get(&path("packs/ab/one")).cloned();
            let whole = found.as_deref() == Some(b"content");
            assert!(whole || (found.is_none() && done.is_err()), "seed {seed}, {steps} steps: {found:?}");
        }
    }
}

#[test]
fn a_crash_tears_what_was_not_flushed() {
    let torn = (0..40).map(|seed| {
        let place = MemoryPlace::new(seed);
        let store = place.open().expect("there");
        let mut writer = store.create(&path("a")).expect("create");
        writer.write(b"flushed").expect("write");
        writer.flush().expect("flush");
        writer.write(b"-not-flushed").expect("write");
        place.crash();
        place.contents().remove(&path(".tmp-a")).expect("its name was flushed")
    });
    let torn: std::collections::BTreeSet<_> = torn.collect();
    assert!(torn.iter().all(|left| left.starts_with(b"flushed")));
    assert!(torn.len() > 5, "{} different ends", torn.len());
}

#[test]
fn a_delete_cut_before_its_flush_may_come_back() {
    let outcomes: std::collections::BTreeSet<_> = (0..40)
        .map(|seed| {
            let place = MemoryPlace::new(seed);
            put(&place.open().expect("there"), "a", b"x").expect("put");
            place.stop_after(1);
            assert_eq!(kind(place.open().expect("there").delete(&path("a"))), Some(ErrorKind::Gone));
            place.crash();
            place.contents().len()
        })
        .collect();
    assert_eq!(outcomes, [0, 1].into());
}

#[test]
fn every_kind_of_damage_shows() {
    let place = MemoryPlace::new(1);
    let store = place.open().expect("there");
    put(&store, "a", b"aaaa").expect("put");
    put(&store, "b", b"bbbb").expect("put");
    assert!(place.flip(&path("a"), 0));
    assert_eq!(read_back(&store, "a"), b"`aaa");
    assert!(place.truncate(&path("a"), 2) && place.swap(&path("a"), &path("b")));
    assert_eq!((read_back(&store, "a"), read_back(&store, "b")), (b"bbbb".to_vec(), b"`a".to_vec()));
    assert!(place.lose(&path("b")) && !place.lose(&path("b")));
    place.plant(&path("a"), b"stale");
    assert_eq!(read_back(&store, "a"), b"stale");
    assert!(place.damage_behind_cache(&path("a"), |bytes| bytes[0] = b'S'));
    assert_eq!(store.read(&path("a"), 0, 5).expect("read"), b"stale");
    assert_eq!(read_back(&store, "a"), b"Stale");
    assert!(!place.flip(&path("a"), 40), "beyond its end");
}

//! One small test for each rule that the traits promise (S-1 to S-19 in the parent module), for any store.
//!
//! In: a way to get an empty vault folder. Out: nothing, or a panic that names the rule.
//! Deliberately absent: faults; what a store does when its place fails is tested with the store.

use super::{ErrorKind, Listed, ObjectRead, Resume, StoreError, WriteStore, temporary};
use crate::model::VaultPath;

/// One rule's number and text, and its test on an empty place.
pub type Rule = (&'static str, fn(&dyn WriteStore));

/// Every rule. The texts are those of the parent module.
pub const RULES: [Rule; 19] = [
    ("S-1 a finished object is listed and reads back as written", finished_reads_back),
    ("S-2 what is not finished has its temporary name only", unfinished_has_no_name),
    ("S-3 creating a taken name is refused", taken_name_is_refused),
    ("S-4 the first of two writers wins", first_writer_wins),
    ("S-5 what a dropped writer flushed can be gone on from", dropped_can_be_resumed),
    ("S-6 a resumed writer keeps just the bytes wanted", resumed_keeps_prefix),
    ("S-7 a writer begun at 0 keeps nothing", begun_anew_keeps_nothing),
    ("S-8 resuming at more than is left keeps less", resuming_too_far_keeps_less),
    ("S-9 what is not there", absent_is_absent),
    ("S-10 a read is short only at the end", reads_stop_at_the_end),
    ("S-11 a list is direct, sorted, with folders", lists_are_direct_and_sorted),
    ("S-12 a delete takes just its object and may be repeated", delete_is_exact_and_repeats),
    ("S-13 a deleted name can be written again", deleted_name_is_free),
    ("S-14 an empty object is an object", empty_object_counts),
    ("S-15 looking makes nothing", looking_makes_nothing),
    ("S-16 a read-back gives everything, then nothing", read_back_ends_once),
    ("S-17 uneven pieces of a large object are one object", large_objects_are_whole),
    ("S-18 a place that is there says so", there_says_so),
    ("S-19 writers of two names do not meet", writers_do_not_meet),
];

/// Runs every rule, each on a new empty place.
///
/// # Panics
/// If the store breaks a rule; the rule's text was printed before.
pub fn run<S: WriteStore>(mut empty_place: impl FnMut() -> S) {
    for (rule, test) in RULES {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&empty_place())));
        assert!(outcome.is_ok(), "the store breaks {rule}");
    }
}

fn path(text: &str) -> VaultPath {
    VaultPath::parse(text).expect("the suite's own paths are valid")
}

fn put(store: &dyn WriteStore, at: &str, bytes: &[u8]) {
    let mut writer = store.create(&path(at)).expect("create");
    writer.write(bytes).expect("write");
    writer.finish().expect("finish");
}

fn whole(store: &dyn WriteStore, at: &str) -> Vec<u8> {
    to_its_end(&mut *store.read_medium(&path(at)).expect("read back"))
}

fn to_its_end(reader: &mut dyn ObjectRead) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 777]);
    loop {
        match reader.read(&mut piece).expect("read back") {
            0 => return all,
            bytes => all.extend_from_slice(&piece[..bytes]),
        }
    }
}

fn leave_unfinished(store: &dyn WriteStore, at: &str, bytes: &[u8]) -> Resume {
    let mut writer = store.create(&path(at)).expect("create");
    assert_eq!(writer.kept(), 0, "a new writer keeps nothing");
    writer.write(bytes).expect("write");
    let left = writer.flush().expect("flush");
    assert!(left.bytes <= bytes.len() as u64, "{left:?} of {}", bytes.len());
    left
}

/// Goes on from what is left, keeping `asked` at most, and writes `whole` to its end. How many bytes lay there?
fn complete(store: &dyn WriteStore, at: &str, left: &Resume, whole: &[u8]) -> u64 {
    let mut writer = store.resume(&path(at), left).expect("resume");
    let kept = writer.kept();
    assert!(kept <= left.bytes, "{kept} of {left:?}");
    writer.write(&whole[usize::try_from(kept).expect("small")..]).expect("write");
    writer.finish().expect("finish");
    kept
}

fn names(store: &dyn WriteStore, folder: &VaultPath) -> Vec<String> {
    store.list(folder).expect("list").into_iter().map(|one| one.path.to_string()).collect()
}

fn kind<T>(result: Result<T, StoreError>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

fn finished_reads_back(store: &dyn WriteStore) {
    put(store, "packs/ab/one", b"content");
    assert_eq!(store.stat(&path("packs/ab/one")).expect("stat"), Some(7));
    assert_eq!(store.read(&path("packs/ab/one"), 0, 7).expect("read"), b"content");
    assert_eq!(whole(store, "packs/ab/one"), b"content");
    let listed = vec![Listed { path: path("packs/ab/one"), bytes: Some(7) }];
    assert_eq!(store.list(&path("packs/ab")).expect("list"), listed);
}

fn unfinished_has_no_name(store: &dyn WriteStore) {
    let _ = leave_unfinished(store, "packs/ab/one", b"half");
    assert_eq!(store.stat(&path("packs/ab/one")).expect("stat"), None);
    assert_eq!(kind(store.read(&path("packs/ab/one"), 0, 1)), Some(ErrorKind::NotFound));
    let shown = names(store, &path("packs/ab"));
    assert!(shown.iter().all(|name| name == "packs/ab/.tmp-one") && shown.len() <= 1, "{shown:?}");
    assert_eq!(temporary(&path("packs/ab/one")).expect("short"), path("packs/ab/.tmp-one"));
}

fn taken_name_is_refused(store: &dyn WriteStore) {
    put(store, "a", b"first");
    assert_eq!(kind(store.create(&path("a"))), Some(ErrorKind::Exists));
    assert_eq!(whole(store, "a"), b"first");
}

fn first_writer_wins(store: &dyn WriteStore) {
    let mut late = store.create(&path("a")).expect("create");
    late.write(b"late").expect("write");
    late.flush().expect("flush");
    put(store, "a", b"first");
    assert_eq!(kind(late.finish()), Some(ErrorKind::Exists));
    assert_eq!(whole(store, "a"), b"first");
}

fn dropped_can_be_resumed(store: &dyn WriteStore) {
    let bytes = pattern(12_000_007);
    let left = leave_unfinished(store, "points/j/p", &bytes[..11_000_003]);
    complete(store, "points/j/p", &left, &bytes);
    assert!(whole(store, "points/j/p") == bytes);
    assert_eq!(names(store, &path("points/j")), ["points/j/p"]);
}

fn resumed_keeps_prefix(store: &dyn WriteStore) {
    let left = leave_unfinished(store, "a", b"0123456789");
    let kept = complete(store, "a", &Resume { bytes: left.bytes.min(4), ..left }, b"0123xyz");
    assert!(kept == 4 || kept == 0, "{kept}");
    assert_eq!(whole(store, "a"), b"0123xyz");
}

fn begun_anew_keeps_nothing(store: &dyn WriteStore) {
    let _ = leave_unfinished(store, "a", b"0123456789");
    put(store, "a", b"new");
    assert_eq!(whole(store, "a"), b"new");
}

fn resuming_too_far_keeps_less(store: &dyn WriteStore) {
    assert_eq!(complete(store, "a", &Resume::at(1), b"all"), 0);
    let left = leave_unfinished(store, "b", b"0123");
    assert!(complete(store, "b", &Resume { bytes: 5, ..left }, b"0123456") <= 4);
    assert_eq!((whole(store, "a"), whole(store, "b")), (b"all".to_vec(), b"0123456".to_vec()));
}

fn absent_is_absent(store: &dyn WriteStore) {
    for absent in ["a", "packs/ab/a", "points/j/p/x"].map(path) {
        assert_eq!(store.stat(&absent).expect("stat"), None);
        assert_eq!(kind(store.read(&absent, 0, 1)), Some(ErrorKind::NotFound));
        assert_eq!(kind(store.read_medium(&absent)), Some(ErrorKind::NotFound));
    }
    put(store, "packs/ab/one", b"x");
    assert_eq!(store.stat(&path("packs/ab")).expect("stat"), None, "a folder is no object");
}

fn reads_stop_at_the_end(store: &dyn WriteStore) {
    put(store, "a", b"0123456789");
    let read = |offset, bytes| store.read(&path("a"), offset, bytes).expect("read");
    assert_eq!(read(3, 4), b"3456");
    assert_eq!(read(8, 100), b"89");
    assert_eq!(read(10, 1), b"");
    assert_eq!(read(1 << 40, 5), b"");
    for (offset, rest) in [(0, "0123456789"), (7, "789"), (10, ""), (1 << 40, "")] {
        assert_eq!(to_its_end(&mut *store.read_on(&path("a"), offset).expect("read on")), rest.as_bytes());
    }
}

fn lists_are_direct_and_sorted(store: &dyn WriteStore) {
    for at in ["z", "packs/cd/2", "packs/ab/1", "b", "points/j/p"] {
        put(store, at, b"x");
    }
    assert_eq!(names(store, &VaultPath::root()), ["b", "packs", "points", "z"]);
    let folders = store.list(&path("packs")).expect("list");
    let expected = ["packs/ab", "packs/cd"].map(|at| Listed { path: path(at), bytes: None });
    assert_eq!(folders, expected);
    assert!(names(store, &path("nothing/here")).is_empty());
}

fn delete_is_exact_and_repeats(store: &dyn WriteStore) {
    put(store, "packs/ab/one", b"x");
    put(store, "packs/ab/two", b"x");
    let _ = leave_unfinished(store, "packs/ab/six", b"half");
    let shown = names(store, &path("packs/ab"));
    store.delete(&path("packs/ab/six")).expect("delete");
    assert_eq!(names(store, &path("packs/ab")), shown, "what is not finished has its own, temporary path");
    for gone in ["packs/ab/one", "packs/ab/one", "packs/ab/.tmp-six", "nowhere/one"] {
        store.delete(&path(gone)).expect("delete");
    }
    assert_eq!(names(store, &path("packs/ab")), ["packs/ab/two"]);
}

fn deleted_name_is_free(store: &dyn WriteStore) {
    put(store, "a", b"first");
    store.delete(&path("a")).expect("delete");
    put(store, "a", b"second");
    assert_eq!(whole(store, "a"), b"second");
}

fn empty_object_counts(store: &dyn WriteStore) {
    put(store, "a", b"");
    assert_eq!(store.stat(&path("a")).expect("stat"), Some(0));
    assert_eq!(whole(store, "a"), b"");
}

fn looking_makes_nothing(store: &dyn WriteStore) {
    absent_is_absent_in(store, &path("points/j/p"));
    store.space().expect("space");
    store.still_there().expect("there");
    assert!(names(store, &VaultPath::root()).is_empty());
}

fn absent_is_absent_in(store: &dyn WriteStore, at: &VaultPath) {
    assert_eq!(store.stat(at).expect("stat"), None);
    assert_eq!(store.list(&at.folder()).expect("list"), []);
    assert!(store.read(at, 0, 1).is_err() && store.read_medium(at).is_err());
}

fn read_back_ends_once(store: &dyn WriteStore) {
    put(store, "a", &[7; 5000]);
    let mut reader = store.read_medium(&path("a")).expect("read back");
    let (mut total, mut piece) = (0, [0; 4096]);
    loop {
        match reader.read(&mut piece).expect("read back") {
            0 => break,
            bytes => total += bytes,
        }
    }
    assert_eq!((total, reader.read(&mut piece).expect("read back")), (5000, 0));
}

fn pattern(bytes: u32) -> Vec<u8> {
    (0..bytes).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

fn large_objects_are_whole(store: &dyn WriteStore) {
    let bytes = pattern(9_500_003);
    let mut writer = store.create(&path("large")).expect("create");
    for piece in bytes.chunks(1_000_003) {
        writer.write(piece).expect("write");
    }
    writer.finish().expect("finish");
    assert!(whole(store, "large") == bytes);
}

fn there_says_so(store: &dyn WriteStore) {
    store.still_there().expect("there");
    put(store, "a", b"x");
    store.still_there().expect("there still");
}

fn writers_do_not_meet(store: &dyn WriteStore) {
    let mut one = store.create(&path("packs/ab/one")).expect("create");
    let mut two = store.create(&path("packs/ab/two")).expect("create");
    one.write(b"1").expect("write");
    two.write(b"2").expect("write");
    one.write(b"1").expect("write");
    one.finish().expect("finish");
    two.finish().expect("finish");
    assert_eq!((whole(store, "packs/ab/one"), whole(store, "packs/ab/two")), (b"11".to_vec(), b"2".to_vec()));
}

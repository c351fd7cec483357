//! What is found out of places of every kind.

use super::*;
use crate::destination::Operation;
use crate::destination::memory::{Fault, Faults, MemoryPlace};
use crate::destination::record::{Recorded, Tally};
use crate::port::{SystemClock, SystemEntropy};

fn destination(lines: &str) -> Destination {
    let text = format!(
        "[key]\npassphrase-file = \"p\"\n[destination.usb]\nurl = \"sftp://ann@example.org/srv\"\nknown-hosts = \"k\"\n{lines}"
    );
    let config =
        crate::config::parse(&text, std::path::Path::new("/etc/offsite/offsite.toml")).expect("a configuration");
    config.destinations.into_iter().next().expect("one")
}

fn asked(store: &dyn WriteStore) -> Result<Asked, InstallationError> {
    probe(&destination("").place, store, &SystemClock, &SystemEntropy)
}

fn answers(store: &dyn WriteStore) -> Answers {
    match asked(store).expect("it answers") {
        Asked::Answers(answers) => answers,
        Asked::Unwritable(why) => panic!("{why}"),
    }
}

#[test]
fn a_good_place_answers_in_few_requests_and_is_left_as_it_was() {
    let (place, tally) = (MemoryPlace::new(1), Tally::default());
    let found = answers(&Recorded::new(place.open().expect("there"), tally.clone()));
    assert_eq!((found.only_adds, found.taken, found.folder), (None, Taken::Refused, None));
    assert!(place.contents().is_empty());
    let requests: u64 = tally.all().values().map(|count| count.requests).sum();
    assert!(requests <= 10, "{:?}", tally.all());
}

#[test]
fn a_place_that_only_lets_us_add_is_known_and_keeps_one_temporary_name() {
    let place = MemoryPlace::new(1);
    place.set_faults(Faults::none().with(Operation::Delete, Fault::Refused, 1000));
    let found = Asked::Answers(answers(&place.open().expect("there")));
    let left: Vec<_> = place.contents().into_keys().collect();
    assert!(left.len() == 1 && left[0].file_name().starts_with(".tmp-probe-"), "{left:?}");
    let warnings = found.warnings(&destination(""));
    assert!(warnings.iter().any(|warning| warning.contains("only lets us add")), "{warnings:?}");
    let told = found.marks().into_iter().find(|mark| mark.name == DELETIONS).expect("kept");
    assert_ne!(told.value, DELETES);
}

#[test]
fn a_place_that_refuses_to_be_written_is_not_asked_and_one_that_fails_is_an_error() {
    let place = MemoryPlace::new(1);
    place.set_faults(Faults::none().with(Operation::Create, Fault::Refused, 1000));
    let found = asked(&place.open().expect("there")).expect("it may be full or read-only for now");
    assert!(matches!(&found, Asked::Unwritable(_)) && found.marks().is_empty());
    assert_eq!(found.warnings(&destination("")).len(), 1);
    for operation in [Operation::Finish, Operation::ReadMedium] {
        place.set_faults(Faults::none().with(operation, Fault::Failed, 1000));
        assert!(matches!(asked(&place.open().expect("there")), Err(InstallationError::Store(_))), "{operation:?}");
    }
}

#[test]
fn what_does_not_read_back_as_it_was_written_is_seen() {
    let place = MemoryPlace::new(1);
    let store = place.open().expect("there");
    let (path, content) = spare(&SystemEntropy).expect("entropy");
    put(&store, &path, &content).expect("put");
    assert!(reads_back(&store, &path, &content).expect("there"));
    assert!(place.damage_behind_cache(&path, |bytes| bytes[7] ^= 1));
    assert!(!reads_back(&store, &path, &content).expect("there"), "a cache hides nothing");
    for bytes in [BYTES - 1, BYTES + 1] {
        assert!(place.damage(&path, |held| {
            held[7] = content[7];
            held.resize(bytes, 0);
        }));
        assert!(!reads_back(&store, &path, &content).expect("there"), "{bytes}");
    }
}

#[test]
fn a_reserve_that_can_not_be_kept_and_a_clock_that_is_off_are_warned_of() {
    let quiet = Answers { only_adds: None, taken: Taken::Refused, tells_space: false, folder: None };
    assert_eq!(quiet.warnings(&destination("")), Vec::<String>::new());
    let [warning] = &quiet.warnings(&destination("reserve = \"1 GiB\""))[..] else { panic!("one warning") };
    assert!(warning.contains("give it a `limit`"), "{warning}");
    let manners = Manners {
        names: NamesKept::WhenFlushed,
        renaming: Renaming::Exclusive,
        case: Case::Counts,
        locks: Locks::Offered,
        written: None,
    };
    let off =
        |seconds| Folder { manners: manners.clone(), largest_file: None, clock_ahead: Some(seconds) }.warnings("usb");
    assert_eq!((off(119).len(), off(-119).len()), (0, 0));
    assert!(off(120)[0].contains("2 minutes ahead of") && off(-7200)[0].contains("120 minutes behind"));
}

#[test]
fn the_name_is_longer_than_the_longest_of_ours() {
    let (path, _) = spare(&SystemEntropy).expect("entropy");
    let pack = crate::model::ObjectName::Pack(crate::model::PackId([0xab; 32])).path();
    assert!(path.file_name().len() > pack.file_name().len());
}

#[test]
fn a_folder_tells_more() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = FileStore::open(folder.path(), Privacy::Umask).expect("there");
    let found = probe(&Place::File(folder.path().to_owned()), &store, &SystemClock, &SystemEntropy).expect("asked");
    let Asked::Answers(Answers { folder: Some(told), tells_space: true, .. }) = &found else { panic!("{found:?}") };
    assert!(told.clock_ahead.is_some_and(|seconds| seconds.abs() < 60), "{told:?}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("list").count(), 0);
    assert!(found.marks().len() >= 8, "{:?}", found.marks());
    assert_eq!(largest_file("vfat"), Some(u64::from(u32::MAX)));
    assert_eq!(largest_file("ext4"), None);
}

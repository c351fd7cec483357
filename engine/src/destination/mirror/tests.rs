use super::super::conformance;
use super::super::memory::{MemoryPlace, MemoryStore};
use super::*;
use crate::model::{EntryPath, PointOrder};

fn mirror(place: &MemoryPlace) -> MirrorStore {
    MirrorStore::new(Arc::new(place.open().expect("there")))
}

fn order(sequence: u64) -> PointOrder {
    PointOrder { epoch: 1, sequence }
}

/// A file that a point holds, known to the mirror; its path as a pack.
fn known(store: &MirrorStore, point: u64, path: &str, bytes: &[u8]) -> VaultPath {
    let digest = Digest(*blake3::hash(bytes).as_bytes());
    let id = PackId(*blake3::hash(&[path.as_bytes(), bytes].concat()).as_bytes());
    let path = EntryPath::parse(path.as_bytes()).expect("a path");
    store.index.learn(order(point), [(id, MirrorFile { path, bytes: bytes.len() as u64, digest })]);
    ObjectName::Pack(id).path()
}

fn put(store: &MirrorStore, path: &VaultPath, bytes: &[u8]) -> Result<(), StoreError> {
    let mut writer = store.create(path)?;
    writer.write(bytes)?;
    writer.finish().map(drop)
}

fn whole(store: &dyn ReadStore, path: &VaultPath) -> Option<Vec<u8>> {
    let bytes = store.stat(path).expect("asked")?;
    Some(store.read(path, 0, usize::try_from(bytes).expect("small")).expect("read"))
}

fn named_in(place: &MemoryPlace, name: &str) -> Option<Vec<u8>> {
    let store: MemoryStore = place.open().expect("there");
    whole(&store, &VaultPath::foreign(name.as_bytes()).expect("a name"))
}

#[test]
fn a_mirror_keeps_every_rule() {
    conformance::run(|| mirror(&MemoryPlace::new(1)));
}

#[test]
fn files_lie_under_their_own_names_and_all_else_beside_them() {
    let place = MemoryPlace::new(1);
    let store = mirror(&place);
    let file = known(&store, 1, "Drive C/My image \u{e9}.v2i", b"image");
    put(&store, &file, b"image").expect("written");
    put(&store, &VaultPath::parse("keys/a").expect("a path"), b"k").expect("written");
    assert_eq!(named_in(&place, "Drive C/My image \u{e9}.v2i").as_deref(), Some(&b"image"[..]));
    assert_eq!(named_in(&place, ".offsite/keys/a").as_deref(), Some(&b"k"[..]));
    assert_eq!(whole(&store, &file).as_deref(), Some(&b"image"[..]));
    store.delete(&file).expect("deleted");
    assert_eq!((store.stat(&file).expect("asked"), named_in(&place, ".offsite/keys/a").is_some()), (None, true));
}

#[test]
fn what_another_program_put_there_is_not_replaced() {
    let place = MemoryPlace::new(1);
    let store = mirror(&place);
    let own = place.open().expect("there");
    let mut writer = own.create(&VaultPath::foreign(b"a.v2i").expect("a name")).expect("begun");
    writer.write(b"theirs").expect("written");
    writer.finish().expect("finished");
    let file = known(&store, 1, "a.v2i", b"ours");
    assert_eq!(put(&store, &file, b"ours").expect_err("taken").kind, ErrorKind::Exists);
    assert_eq!(named_in(&place, "a.v2i").as_deref(), Some(&b"theirs"[..]));
}

#[test]
fn a_newer_points_file_takes_the_name_and_the_older_one_stays_readable_to_who_knows_only_it() {
    let place = MemoryPlace::new(1);
    let store = mirror(&place);
    let older = known(&store, 1, "PC.sv2i", b"index 1");
    put(&store, &older, b"index 1").expect("written");
    let newer = known(&store, 2, "PC.sv2i", b"index 2");
    put(&store, &newer, b"index 2").expect("written");
    assert_eq!(named_in(&place, "PC.sv2i").as_deref(), Some(&b"index 2"[..]));
    assert_eq!(whole(&store, &older).as_deref(), Some(&b"index 1"[..]));

    let stranger = mirror(&place);
    assert_eq!(known(&stranger, 1, "PC.sv2i", b"index 1"), older);
    assert_eq!(whole(&stranger, &older).as_deref(), Some(&b"index 1"[..]));

    store.delete(&older).expect("deleted");
    assert_eq!((store.stat(&older).expect("asked"), whole(&store, &newer).is_some()), (None, true));
}

#[test]
fn an_older_points_file_that_comes_later_does_not_take_the_name() {
    let place = MemoryPlace::new(1);
    let store = mirror(&place);
    let older = known(&store, 1, "PC.sv2i", b"index 1");
    let newer = known(&store, 2, "PC.sv2i", b"index 2");
    put(&store, &newer, b"index 2").expect("written");
    assert_eq!(store.stat(&older).expect("asked"), None, "what has its name is the newer one's");
    put(&store, &older, b"index 1").expect("written");
    assert_eq!(named_in(&place, "PC.sv2i").as_deref(), Some(&b"index 2"[..]));
    assert_eq!(whole(&store, &older).as_deref(), Some(&b"index 1"[..]));
    store.delete(&newer).expect("deleted");
    assert_eq!(whole(&store, &older).as_deref(), Some(&b"index 1"[..]), "each goes by itself");
}

#[test]
fn a_file_that_was_set_aside_and_not_yet_removed_is_one_file() {
    let place = MemoryPlace::new(1);
    let store = mirror(&place);
    let older = known(&store, 1, "PC.sv2i", b"index 1");
    put(&store, &older, b"index 1").expect("written");
    let newer = known(&store, 2, "PC.sv2i", b"index 2");
    // Killed between the copy that was set aside and the removal of the name.
    let Spot::File(id, _) = store.spot(&older).expect("a file") else { panic!("it is a file") };
    let raw = place.open().expect("there");
    let mut writer = raw.create(&aside(&id).expect("a path")).expect("begun");
    writer.write(b"index 1").expect("written");
    writer.finish().expect("finished");
    put(&store, &newer, b"index 2").expect("written");
    assert_eq!(named_in(&place, "PC.sv2i").as_deref(), Some(&b"index 2"[..]));
    assert_eq!(whole(&store, &older).as_deref(), Some(&b"index 1"[..]));
}

#[test]
fn names_that_no_mirror_can_hold_are_told() {
    let store = mirror(&MemoryPlace::new(1));
    for name in ["a\nb", ".offsite/VAULT", "x/.tmp-a"] {
        let file = known(&store, 1, name, b"x");
        assert_eq!(put(&store, &file, b"x").expect_err("refused").kind, ErrorKind::Permanent, "{name:?}");
    }
}

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::destination::conformance;

pub(super) fn path(text: &str) -> VaultPath {
    VaultPath::parse(text).expect("valid")
}

pub(super) fn put(store: &FileStore, at: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let mut writer = store.create(&path(at))?;
    writer.write(bytes)?;
    writer.finish().map(drop)
}

pub(super) fn kind<T>(result: Result<T, StoreError>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

pub(super) fn read_back(store: &FileStore, at: &str) -> Result<(Vec<u8>, MediumWay), StoreError> {
    drain(store.open_medium(&path(at))?)
}

pub(super) fn drain(mut reader: MediumReader<'_>) -> Result<(Vec<u8>, MediumWay), StoreError> {
    let (mut all, mut piece) = (Vec::new(), vec![0; 70_001]);
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok((all, reader.way())),
            bytes => all.extend_from_slice(&piece[..bytes]),
        }
    }
}

fn temporary_folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_folder_on_this_disk_keeps_every_rule() {
    let mut kept = Vec::new();
    conformance::run(|| {
        kept.push(temporary_folder());
        FileStore::open(kept.last().expect("just pushed").path(), Privacy::Umask).expect("there")
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_in_memory_keeps_every_rule() {
    let mut kept = Vec::new();
    conformance::run(|| {
        kept.push(tempfile::tempdir_in("/dev/shm").expect("tmpfs"));
        FileStore::open(kept.last().expect("just pushed").path(), Privacy::Private).expect("there")
    });
}

#[test]
fn a_missing_folder_is_not_found_and_not_made() {
    let folder = temporary_folder();
    let address = folder.path().join("a/b");
    assert_eq!(kind(FileStore::open(&address, Privacy::Umask)), Some(ErrorKind::NotFound));
    assert_eq!(kind(FileStore::create_root(&address, Privacy::Umask)), Some(ErrorKind::NotFound));
    assert_eq!(std::fs::read_dir(folder.path()).expect("list").count(), 0);
    std::fs::write(folder.path().join("file"), b"").expect("write");
    assert_eq!(kind(FileStore::open(&folder.path().join("file"), Privacy::Umask)), Some(ErrorKind::NotFound));
}

#[test]
fn a_root_is_made_once_and_private_where_asked() {
    let folder = temporary_folder();
    let address = folder.path().join("vault");
    let store = FileStore::create_root(&address, Privacy::Private).expect("made");
    assert_eq!(kind(FileStore::create_root(&address, Privacy::Private)), Some(ErrorKind::Exists));
    put(&store, "packs/ab/one", b"x").expect("put");
    let mode = |at: &str| std::fs::metadata(address.join(at)).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("packs"), mode("packs/ab"), mode("packs/ab/one")), (0o700, 0o700, 0o700, 0o600));
}

#[test]
fn another_folder_at_the_address_is_gone_and_gets_nothing() {
    let folder = temporary_folder();
    let (address, aside) = (folder.path().join("vault"), folder.path().join("aside"));
    let store = FileStore::create_root(&address, Privacy::Umask).expect("made");
    put(&store, "a", b"x").expect("put");
    std::fs::rename(&address, &aside).expect("rename");
    assert_eq!(kind(store.still_there()), Some(ErrorKind::Gone));
    std::fs::create_dir(&address).expect("mkdir");
    assert_eq!(kind(store.still_there()), Some(ErrorKind::Gone));
    assert_eq!(kind(store.read_medium(&path("a"))), Some(ErrorKind::Gone));
    put(&store, "packs/ab/b", b"x").expect("goes to the folder that was opened");
    assert_eq!(std::fs::read_dir(&address).expect("list").count(), 0);
    assert!(aside.join("packs/ab/b").exists());
}

#[test]
fn links_in_a_vault_are_neither_followed_nor_listed() {
    let folder = temporary_folder();
    let (address, outside) = (folder.path().join("vault"), folder.path().join("outside"));
    let store = FileStore::create_root(&address, Privacy::Umask).expect("made");
    std::fs::create_dir(&outside).expect("mkdir");
    std::fs::write(outside.join("file"), b"precious").expect("write");
    symlink(&outside, address.join("packs")).expect("link");
    symlink(outside.join("file"), address.join("object")).expect("link");
    symlink(outside.join("file"), address.join(".tmp-new")).expect("link");
    assert!(put(&store, "packs/ab", b"x").is_err());
    assert_eq!(kind(put(&store, "object", b"x")), Some(ErrorKind::Exists));
    assert_eq!(store.resume(&path("new"), &Resume::at(3)).expect("anew").kept(), 0);
    put(&store, "new", b"x").expect("the link's name is taken from it");
    assert_eq!(store.stat(&path("object")).expect("stat"), None);
    assert!(store.read(&path("object"), 0, 8).is_err());
    let listed = vec![Listed { path: path("new"), bytes: Some(1) }];
    assert_eq!(store.list(&VaultPath::root()).expect("list"), listed);
    assert_eq!(std::fs::read(outside.join("file")).expect("read"), b"precious");
    assert_eq!(std::fs::read_dir(&outside).expect("list").count(), 1);
}

#[test]
fn names_that_no_vault_path_has_are_left_out_of_lists() {
    use std::os::unix::ffi::OsStrExt;
    let folder = temporary_folder();
    let store = FileStore::open(folder.path(), Privacy::Umask).expect("there");
    std::fs::write(folder.path().join("has space"), b"").expect("write");
    std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"not\xffutf8")), b"").expect("write");
    std::fs::create_dir(folder.path().join("lost+found")).expect("mkdir");
    let listed = vec![Listed { path: path("lost+found"), bytes: None }];
    assert_eq!(store.list(&VaultPath::root()).expect("list"), listed);
}

#[test]
fn each_way_to_rename_refuses_a_taken_name() {
    let folder = temporary_folder();
    let root = Folder::at(folder.path()).expect("there");
    for (ways, rename) in [Folder::rename_by_link, Folder::rename_after_look].into_iter().enumerate() {
        let (free, taken) = (format!("free{ways}"), format!("taken{ways}"));
        for name in ["from", &taken] {
            std::fs::write(folder.path().join(name), name).expect("write");
        }
        assert_eq!(rename(&root, "from", &taken), Err(rustix::io::Errno::EXIST));
        rename(&root, "from", &free).expect("free");
        assert_eq!(std::fs::read(folder.path().join(&free)).expect("read"), b"from");
        assert_eq!(std::fs::read(folder.path().join(&taken)).expect("read"), taken.as_bytes());
        assert!(root.look("from").expect("look").is_none());
    }
}

#[test]
fn an_object_that_took_the_name_meanwhile_is_not_replaced() {
    let folder = temporary_folder();
    let store = FileStore::open(folder.path(), Privacy::Umask).expect("there");
    let mut writer = store.create(&path("a")).expect("create");
    writer.write(b"late").expect("write");
    std::fs::write(folder.path().join("a"), b"first").expect("write");
    assert_eq!(kind(writer.finish()), Some(ErrorKind::Exists));
    assert_eq!(std::fs::read(folder.path().join("a")).expect("read"), b"first");
}

/// A rename by link that was cut short left the object with both names.
#[test]
fn a_new_writer_does_not_write_into_a_finished_object() {
    let folder = temporary_folder();
    let store = FileStore::open(folder.path(), Privacy::Umask).expect("there");
    std::fs::write(folder.path().join("other"), b"finished").expect("write");
    std::fs::hard_link(folder.path().join("other"), folder.path().join(".tmp-a")).expect("link");
    assert_eq!(store.resume(&path("a"), &Resume::at(3)).expect("anew").kept(), 0);
    put(&store, "a", b"x").expect("put");
    assert_eq!(std::fs::read(folder.path().join("other")).expect("read"), b"finished");
}

#[test]
fn resuming_in_the_middle_of_a_large_object_is_exact() {
    let folder = temporary_folder();
    let store = FileStore::open(folder.path(), Privacy::Umask).expect("there");
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let mut writer = store.create(&path("a")).expect("create");
    writer.write(&bytes[..17_000_000]).expect("write");
    writer.flush().expect("flush");
    drop(writer);
    let mut writer = store.resume(&path("a"), &Resume::at(9_000_001)).expect("resume");
    assert_eq!(writer.kept(), 9_000_001);
    writer.write(&bytes[9_000_001..]).expect("write");
    writer.finish().expect("finish");
    let (back, way) = read_back(&store, "a").expect("read back");
    assert!(back == bytes);
    assert_eq!(way, MediumWay::Direct, "the tests' disk takes direct reads");
    assert_eq!(std::fs::metadata(folder.path().join("a")).expect("there").size(), 20_000_000);
}

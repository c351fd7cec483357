//! The rules of every store, on each server; lists; names without replacing; what it costs.

use std::os::unix::fs::PermissionsExt;

use engine::destination::WebDavStore;
use engine::destination::{ErrorKind, ReadStore, Resume, WriteStore, conformance};
use fixtures::Server;

use super::places::{ALL, asked, asked_since, made, opened, pattern, place, put_by_another_program, secure, started};
use crate::common::{kind, path, put, told, whole};

fn conforms(script: &str) {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started(script, folder.path()) else { return };
    let mut places = 0;
    conformance::run(|| {
        places += 1;
        made(&place(&server, &format!("vault-{places}")))
    });
}

#[test]
fn apache_keeps_every_rule() {
    conforms("apache-dav");
}

#[test]
fn nginx_keeps_every_rule() {
    conforms("nginx-dav");
}

#[test]
fn rclone_keeps_every_rule() {
    conforms("rclone-dav");
}

#[test]
fn tls_with_an_authority_of_ones_own_keeps_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let mut places = 0;
    conformance::run(|| {
        places += 1;
        made(&secure(&server, "tls", &format!("vault {places} #ü")))
    });
}

#[test]
fn only_the_last_folder_is_made_and_only_once() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let create = |below: &str| kind(WebDavStore::create_root(&place(&server, below), &|_| {}));
        assert_eq!(kind(opened(&place(&server, "vault"))), Some(ErrorKind::NotFound), "{script}");
        assert_eq!(create("vault/deeper"), Some(ErrorKind::NotFound), "{script}");
        assert_eq!(create("vault"), None, "{script}");
        assert_eq!(create("vault"), Some(ErrorKind::Exists), "{script}");
        assert_eq!(kind(opened(&place(&server, "vault"))), None, "{script}");
        put(&opened(&place(&server, "")).unwrap(), "file", b"x").unwrap();
        assert_eq!(create("file"), Some(ErrorKind::Exists), "{script}");
        let error = opened(&place(&server, "file")).err().unwrap();
        assert!(matches!(error.kind, ErrorKind::NotFound | ErrorKind::Permanent), "{script}: {}", told(&error));
    }
}

#[test]
fn an_object_that_came_meanwhile_is_not_replaced_on_any_server() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        // Another process, that does not know the first one's writer.
        let other = opened(&place(&server, "vault")).unwrap();
        for bytes in [100, 9_000_000] {
            let name = format!("packs/ab/{bytes}");
            let mut late = store.create(&path(&name)).unwrap();
            late.write(&pattern(bytes)).unwrap();
            put_by_another_program(&server, &format!("vault/{name}"), b"first");
            assert_eq!(kind(late.finish()), Some(ErrorKind::Exists), "{script}");
            assert_eq!(whole(&other, &name).unwrap(), b"first", "{script}");
        }
    }
}

#[test]
fn a_folder_is_neither_an_object_nor_deleted() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        // Once before anything is known of the server, and once after.
        for name in ["packs/ab/a", "packs/cd/a"] {
            std::fs::create_dir_all(server.data().join("vault/points/j")).unwrap();
            std::fs::write(server.data().join("vault/points/j/p"), b"x").unwrap();
            assert_eq!(kind(store.delete(&path("points/j"))), Some(ErrorKind::Permanent), "{script}");
            assert_eq!(store.stat(&path("points/j")).unwrap(), None, "{script}");
            assert_eq!(kind(whole(&store, "points/j")), Some(ErrorKind::NotFound), "{script}");
            assert_eq!(kind(store.read(&path("points/j"), 0, 9)), Some(ErrorKind::NotFound), "{script}");
            assert_eq!(whole(&store, "points/j/p").unwrap(), b"x", "{script}");
            put(&store, name, b"x").unwrap();
        }
    }
}

#[test]
fn a_big_folder_is_listed_whole() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        let at = server.data().join("vault/packs/ab");
        std::fs::create_dir_all(&at).unwrap();
        for number in 0..1200 {
            std::fs::write(at.join(format!("{number:05}")), b"22").unwrap();
        }
        std::fs::write(at.join("a%20&<b"), b"333").unwrap();
        // Not ours: no name of a vault.
        std::fs::write(at.join("not ours"), b"").unwrap();
        let listed = store.list(&path("packs/ab")).unwrap();
        assert_eq!((listed.len(), listed[1199].bytes), (1201, Some(2)), "{script}");
        assert_eq!((listed[1200].path.as_str(), listed[1200].bytes), ("packs/ab/a%20&<b", Some(3)), "{script}");
    }
}

#[test]
fn several_threads_use_one_store() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        let bytes = pattern(9_000_000);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (store, bytes) = (&store, &bytes);
                scope.spawn(move || {
                    for turn in 0..2 {
                        let name = format!("packs/{thread}{turn}/x");
                        put(store, &name, &bytes[thread..])
                            .unwrap_or_else(|error| panic!("{script}: {}", told(&error)));
                        assert!(whole(store, &name).unwrap() == bytes[thread..], "{script}");
                    }
                });
            }
        });
    }
}

#[test]
fn a_part_of_an_object_is_read_anywhere() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        let bytes = pattern(3_000_000);
        put(&store, "a", &bytes).unwrap();
        for (offset, wanted) in [(0, 1), (0, 3_000_000), (1_999_999, 500_001), (2_999_999, 9), (3_000_000, 9)] {
            let end = bytes.len().min(offset + wanted);
            let read = store.read(&path("a"), offset as u64, wanted).unwrap();
            assert!(read == bytes[offset..end], "{script}: {wanted} from {offset}");
        }
    }
}

/// Temporary names, as the server's disk has them.
fn temporary(server: &Server) -> Vec<String> {
    let all = std::fs::read_dir(server.data().join("vault")).unwrap();
    let names = all.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".tmp-")).collect()
}

#[test]
fn what_is_tried_out_leaves_nothing() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        put(&store, "a", b"x").unwrap();
        assert_eq!(temporary(&server), Vec::<String>::new(), "{script}");
    }
}

#[test]
fn an_unfinished_object_that_is_too_long_is_written_over_or_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    let bytes = pattern(6_000_000);
    let leave = |junk: usize| {
        let file = server.data().join("vault/.tmp-a");
        std::fs::write(&file, [&bytes[..5_000_000], &vec![b'x'; junk]].concat()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    };
    // What a request that was cut off left behind the bytes that count.
    leave(70_000);
    let mut writer = store.resume(&path("a"), &Resume::at(5_000_000)).unwrap();
    assert_eq!(writer.kept(), 5_000_000);
    writer.write(&bytes[5_000_000..]).unwrap();
    writer.finish().unwrap();
    assert!(whole(&store, "a").unwrap() == bytes);
    store.delete(&path("a")).unwrap();
    // More than the object has.
    leave(2_000_000);
    let mut writer = store.resume(&path("a"), &Resume::at(5_000_000)).unwrap();
    writer.write(&bytes[5_000_000..]).unwrap();
    assert_eq!(kind(writer.finish()), Some(ErrorKind::Transient));
    assert_eq!(store.stat(&path("a")).unwrap(), None);
    let mut writer = store.resume(&path("a"), &Resume::at(5_000_000)).unwrap();
    assert_eq!(writer.kept(), 0, "it is gone");
    writer.write(&bytes).unwrap();
    writer.finish().unwrap();
    assert!(whole(&store, "a").unwrap() == bytes);
}

#[test]
fn an_object_costs_the_requests_that_the_module_states() {
    for (script, small, large, parts) in [("apache-dav", 4, 4, 14), ("nginx-dav", 5, 5, 0)] {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        put(&store, "packs/ab/first", b"makes the folders").unwrap();
        let begun = std::time::Instant::now();
        let noted = |line: &String| line == "PROPFIND 207 /dav/vault/packs/ab/first";
        while !asked(&server).iter().any(noted) && begun.elapsed().as_secs() < 3 {}
        let costs = |what: &str, most: usize, work: &dyn Fn()| {
            let before = asked(&server).len();
            work();
            let all = asked_since(&server, before, most);
            eprintln!("{script}: {what}: {} requests", all.len());
            assert_eq!(all.len(), most, "{script}: {what}: {all:#?}");
        };
        let bytes = pattern(64 << 20);
        costs("put small", small, &|| assert!(put(&store, "packs/ab/x", b"x").is_ok()));
        costs("put 64 MiB", large, &|| assert!(put(&store, "packs/ab/y", &bytes).is_ok()));
        // What follows a look at what is there goes by parts; then there is a look at the length, too.
        costs("put 64 MiB in two", large + parts + usize::from(parts > 0), &|| {
            let mut writer = store.create(&path("packs/ab/v")).unwrap();
            writer.write(&bytes[..9_000_000]).unwrap();
            assert_eq!(writer.flush().unwrap().bytes > 0, parts > 0, "{script}");
            writer.write(&bytes[9_000_000..]).unwrap();
            writer.finish().unwrap();
        });
        costs("read 64 MiB", 1, &|| assert!(whole(&store, "packs/ab/y").unwrap() == bytes));
        costs("stat", 1, &|| assert_eq!(store.stat(&path("packs/ab/x")).unwrap(), Some(1)));
        costs("stat of nothing", 2, &|| assert_eq!(store.stat(&path("packs/ab/z")).unwrap(), None));
        for number in 0..998 {
            std::fs::write(server.data().join(format!("vault/packs/ab/{number}")), b"22").unwrap();
        }
        costs("list 1000", 1, &|| assert_eq!(store.list(&path("packs/ab")).unwrap().len(), 1002));
        costs("delete", 1, &|| store.delete(&path("packs/ab/x")).unwrap());
        costs("still there", 0, &|| store.still_there().unwrap());
        costs("opening and the first delete", 3, &|| {
            opened(&place(&server, "vault")).unwrap().delete(&path("packs/ab/y")).unwrap();
        });
    }
}

//! The rules of every store, on each server; lists; prefixes; what can be gone on from.

use std::sync::atomic::{AtomicU32, Ordering};

use engine::destination::{ErrorKind, Finish, Listed, ReadStore, Resume, WriteStore, conformance};

use super::places::{keyed, made, names, opened, own, place, shared};
use crate::common::{kind, path, pattern, put, told, whole};
use fixtures::Server;

#[test]
fn every_rule_holds_on_the_server() {
    let Some(server) = shared() else { return };
    let number = AtomicU32::new(0);
    conformance::run(|| made(&place(server, &format!("a/vault{}", number.fetch_add(1, Ordering::Relaxed)))));
    // In a bucket that keeps versions they hold, too.
    let Some(versioned) = server.tells("versioned") else { return };
    let number = AtomicU32::new(0);
    conformance::run(|| {
        made(&keyed(server, "", &versioned, &own(&format!("v{}", number.fetch_add(1, Ordering::Relaxed)))))
    });
}

#[test]
fn every_rule_holds_on_rclone() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("rclone-s3", folder.path()) else { return };
    let number = AtomicU32::new(0);
    conformance::run(|| made(&place(&server, &format!("vault{}", number.fetch_add(1, Ordering::Relaxed)))));
}

#[test]
fn an_object_is_confirmed_by_the_servers_checksum_in_one_piece_and_in_parts() {
    let Some(server) = shared() else { return };
    let store = made(&place(server, "vault"));
    for (name, bytes) in [("small", 5_000_000), ("whole-parts", 16 << 20), ("large", 20_000_000), ("empty", 0)] {
        let bytes = pattern(bytes);
        assert_eq!(put(&store, name, &bytes).unwrap_or_else(|error| panic!("{}", told(&error))), Finish::Confirmed);
        assert!(whole(&store, name).unwrap() == bytes, "{name}");
        assert_eq!(store.stat(&path(name)).unwrap(), Some(bytes.len() as u64));
    }
    assert_eq!(store.read(&path("large"), 10_000_000, 3).unwrap(), pattern(20_000_000)[10_000_000..10_000_003]);
}

#[test]
fn an_unfinished_object_is_gone_on_with_listed_and_ended() {
    let Some(server) = shared() else { return };
    let store = made(&place(server, "vault"));
    let bytes = pattern(20_000_000);
    let mut writer = store.create(&path("packs/ab/x")).unwrap();
    writer.write(&bytes[..18_000_000]).unwrap();
    let left = writer.flush().unwrap();
    drop(writer);
    assert_eq!(left.bytes, 16 << 20, "whole parts");
    let unfinished = Listed { path: path("packs/ab/.tmp-x"), bytes: Some(0) };
    assert_eq!(store.list(&path("packs/ab")).unwrap(), [unfinished]);
    assert_eq!(names(&store, ""), ["packs"], "a folder that holds nothing else");

    // Another process, which knows less.
    let again = opened(&place(server, "vault")).unwrap();
    let mut writer = again.resume(&path("packs/ab/x"), &Resume { bytes: 9 << 20, ..left.clone() }).unwrap();
    assert_eq!(writer.kept(), 8 << 20);
    writer.write(&bytes[8 << 20..]).unwrap();
    assert_eq!(writer.finish().unwrap(), Finish::Named, "its first part was not seen by this process");
    assert!(whole(&again, "packs/ab/x").unwrap() == bytes);
    assert_eq!(names(&again, "packs/ab"), ["packs/ab/x"], "no part stays");

    let mut writer = store.resume(&path("packs/ab/y"), &left).unwrap();
    assert_eq!(writer.kept(), 0, "another object's upload is not gone on with");
    writer.write(&bytes).unwrap();
    writer.flush().unwrap();
    drop(writer);
    store.delete(&path("packs/ab/.tmp-y")).unwrap();
    assert_eq!(names(&store, "packs/ab"), ["packs/ab/x"]);
}

#[test]
fn a_place_is_there_with_its_bucket_and_new_while_nothing_lies_below_its_prefix() {
    let Some(server) = shared() else { return };
    assert_eq!(kind(opened(&keyed(server, "", "no-such-bucket", "vault"))), Some(ErrorKind::NotFound));
    let store = opened(&place(server, "vault")).unwrap();
    assert!(names(&store, "").is_empty());
    let store = made(&place(server, "vault"));
    put(&store, "VAULT", b"x").unwrap();
    let again = engine::destination::S3Store::create_root(&place(server, "vault"), &|_| {});
    assert_eq!(kind(again), Some(ErrorKind::Exists));
    made(&place(server, "vau"));
    made(&place(server, "vault/inner"));
}

#[test]
fn a_long_list_is_whole() {
    let Some(server) = shared() else { return };
    let store = made(&place(server, "vault"));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                (0..132).for_each(|n| assert!(put(store, &format!("heads/{thread}-{n:04}&<+"), b"x").is_ok()))
            });
        }
    });
    assert_eq!(names(&store, "heads").len(), 8 * 132, "1,000 are a page");
}

//! What is Garage's own: three nodes that each serve S3, no versions, no locks, no conditions. `scripts/test_garage` runs
//! this, and all else of `s3` on the same server.

use std::process::Command;

use engine::config::{ObjectLock, S3};
use engine::destination::{ErrorKind, ReadStore, WriteStore};
use fixtures::Server;
use rustix::process::Signal;

use super::places::{at_port, made, opened, own, place, set_quota, shared};
use crate::common::{kind, path, pattern, put, told, whole};

/// What curl is answered, asked as the owner.
fn asked(server: &Server, words: &[&str], path: &str) -> String {
    let user = format!("{}:{}", server.told("access_key"), server.told("secret_key"));
    let signed =
        ["-si", "--aws-sigv4", "aws:amz:us-east-1:s3", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-u", &user];
    let url = format!("http://127.0.0.1:{}/{}{path}", server.port(), server.told("bucket"));
    let output = Command::new("curl").args(signed).args(words).arg(url).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "scripts/test_garage runs it"]
fn without_conditions_looks_stand_in_for_them() {
    let Some(server) = shared() else { return };
    let key = format!("/{}", own("vault/a"));
    let store = made(&place(server, "vault"));
    put(&store, "a", b"ours").unwrap();
    let late = asked(server, &["-X", "PUT", "-H", "If-None-Match: *", "-d", "theirs"], &key);
    assert!(late.starts_with("HTTP/1.1 200"), "since it heeds the condition, look at what is said of it: {late}");
    assert_eq!(whole(&store, "a").unwrap(), b"theirs");
    assert_eq!(kind(store.create(&path("a"))), Some(ErrorKind::Exists), "a look, by the engine");
    assert_eq!(whole(&store, "a").unwrap(), b"theirs");
}

#[test]
#[ignore = "scripts/test_garage runs it"]
fn without_versions_a_delete_is_final_and_a_lock_is_refused() {
    let Some(server) = shared() else { return };
    assert!(!asked(server, &[], "?versioning=").contains("Enabled"));
    let store = made(&place(server, "vault"));
    put(&store, "a", &pattern(9_000_000)).unwrap();
    store.delete(&path("a")).unwrap();
    assert_eq!(store.stat(&path("a")).unwrap(), None);
    put(&store, "a", b"anew").unwrap();
    assert_eq!(whole(&store, "a").unwrap(), b"anew");
    for object_lock in [ObjectLock::BucketDefault, ObjectLock::For(std::time::Duration::from_secs(60))] {
        let failed = opened(&S3 { object_lock, ..place(server, "vault") }).err().unwrap();
        assert_eq!(failed.kind, ErrorKind::Denied, "{}", told(&failed));
    }
}

#[test]
#[ignore = "scripts/test_garage runs it"]
fn a_quota_is_a_full_place_for_objects_in_one_piece_and_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("garage", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "a", &pattern(900_000)).unwrap();
    set_quota(&server, 1);
    for size in [900_000, 9_000_000] {
        let failed = put(&store, &format!("b{size}"), &pattern(size)).err().unwrap();
        assert_eq!(failed.kind, ErrorKind::Full, "{}", told(&failed));
        assert_eq!(store.stat(&path(&format!("b{size}"))).unwrap(), None);
    }
    store.delete(&path("a")).unwrap();
    put(&store, "c", &pattern(900_000)).unwrap_or_else(|error| panic!("{}", told(&error)));
}

/// Two of three must agree to everything: with one dead nothing is missed, with two nothing is said that may not hold.
#[test]
#[ignore = "scripts/test_garage runs it"]
fn one_dead_node_is_not_noticed_and_two_are_an_error_that_passes() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = Server::start("garage", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    let bytes = pattern(9_000_000);
    put(&store, "packs/ab/before", &bytes).unwrap();
    rustix::process::kill_process(server.node(3), Signal::KILL).unwrap();
    put(&store, "packs/ab/during", &bytes).unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(whole(&store, "packs/ab/before").unwrap() == bytes);
    let port = server.told("port2").parse().unwrap();
    let other = opened(&at_port(&place(&server, "vault"), port)).unwrap();
    assert!(whole(&other, "packs/ab/during").unwrap() == bytes, "through another node");

    rustix::process::kill_process(server.node(2), Signal::KILL).unwrap();
    for (what, failed) in [
        ("put", put(&store, "packs/ab/none", b"x").err()),
        ("put in parts", put(&store, "packs/ab/large", &bytes).err()),
        ("stat", store.stat(&path("packs/ab/before")).err()),
        ("list", store.list(&path("packs/ab")).err()),
        ("delete", store.delete(&path("packs/ab/before")).err()),
    ] {
        let failed = failed.unwrap_or_else(|| panic!("{what} is done, though two of three are dead"));
        assert!(matches!(failed.kind, ErrorKind::Transient | ErrorKind::Ambiguous), "{what}: {}", told(&failed));
        assert!(told(&failed).contains("503"), "{what}: {}", told(&failed));
    }

    server.start_node(2);
    server.start_node(3);
    assert!(whole(&store, "packs/ab/before").unwrap() == bytes);
    put(&store, "packs/ab/after", &bytes).unwrap_or_else(|error| panic!("{}", told(&error)));
}

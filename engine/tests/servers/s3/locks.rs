//! Buckets that keep versions, and locks.

use std::time::Duration;

use engine::config::{ObjectLock, S3};
use engine::destination::{ErrorKind, Finish, ReadStore, WriteStore};

use super::places::{at_port, keyed, made, opened, place, shared};
use super::proxy::{Deed, Proxy};
use crate::common::{kind, path, pattern, put, told, whole};
use fixtures::Server;

/// Versions and markers that the server has of a name, as the server lists them.
fn versions(server: &Server, key: &str) -> usize {
    let url = format!(
        "http://127.0.0.1:{}/{}?prefix={}&versions=",
        server.port(),
        &server.told("versioned"),
        super::places::own(key).replace('/', "%2F")
    );
    let user = format!("{}:{}", server.told("access_key"), server.told("secret_key"));
    let words =
        ["-s", "--aws-sigv4", "aws:amz:us-east-1:s3", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-u", &user];
    let output = std::process::Command::new("curl").args(words).arg(url).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("<ListVersionsResult"), "{text}");
    text.matches("<VersionId>").count()
}

fn versioned(server: &Server, object_lock: ObjectLock) -> S3 {
    S3 { object_lock, ..keyed(server, "", &server.told("versioned"), &super::places::own("vault")) }
}

#[test]
fn a_delete_in_a_bucket_with_versions_frees_the_room() {
    let Some(server) = shared() else { return };
    let store = made(&versioned(server, ObjectLock::Off));
    for _ in 0..2 {
        put(&store, "a", &pattern(9_000_000)).unwrap();
        put(&store, "ab", b"another").unwrap();
        assert_eq!(versions(server, "vault/a"), 2);
        store.delete(&path("a")).unwrap();
        assert_eq!(versions(server, "vault/a"), 1, "neither a version nor a marker stays");
        assert_eq!(whole(&store, "ab").unwrap(), b"another");
        store.delete(&path("ab")).unwrap();
        store.delete(&path("ab")).unwrap();
    }
    assert_eq!(versions(server, "vault/"), 0);
}

#[test]
fn a_bucket_that_does_not_tell_of_its_versions_is_found_out() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    proxy.choose(|_, line| {
        if line.contains("versioning=") {
            super::proxy::refusal("403 Forbidden", "AccessDenied", "")
        } else {
            Deed::Pass
        }
    });
    let store = made(&at_port(&versioned(server, ObjectLock::Off), proxy.port));
    put(&store, "a", b"x").unwrap();
    store.delete(&path("a")).unwrap();
    assert_eq!(versions(server, "vault/a"), 0);
    // One that does not list them either frees nothing, and says so; the object stays as it was.
    proxy.choose(|_, line| {
        let about = line.contains("versioning=") || line.contains("versions=");
        if about { super::proxy::refusal("403 Forbidden", "AccessDenied", "") } else { Deed::Pass }
    });
    let store = opened(&at_port(&versioned(server, ObjectLock::Off), proxy.port)).unwrap();
    put(&store, "b", b"x").unwrap();
    let failed = store.delete(&path("b")).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Denied);
    assert!(told(&failed).contains("s3:ListBucketVersions"), "{}", told(&failed));
    assert_eq!(whole(&store, "b").unwrap(), b"x");
}

#[test]
fn what_is_locked_stays_and_the_refusal_says_until_when() {
    let Some(server) = shared() else { return };
    let month = ObjectLock::For(Duration::from_secs(30 * 86_400));
    let store = made(&versioned(server, month));
    for (name, bytes) in [("small", 10), ("large", 9_000_000)] {
        assert_eq!(put(&store, name, &pattern(bytes)).unwrap(), Finish::Confirmed);
        let failed = store.delete(&path(name)).err().unwrap();
        assert_eq!(failed.kind, ErrorKind::Denied, "{}", told(&failed));
        assert!(told(&failed).contains("Object Lock keeps it until 20"), "{}", told(&failed));
        assert!(whole(&store, name).unwrap() == pattern(bytes), "nothing is half done");
        assert_eq!(versions(server, &format!("vault/{name}")), 1);
    }
    // What is not finished is no object, and not locked.
    let mut writer = store.create(&path("half")).unwrap();
    writer.write(&pattern(9_000_000)).unwrap();
    writer.flush().unwrap();
    drop(writer);
    store.delete(&path(".tmp-half")).unwrap();
    assert_eq!(store.list(&engine::model::VaultPath::root()).unwrap().len(), 2);
}

#[test]
fn a_bucket_without_object_lock_is_refused_where_it_is_asked_for() {
    let Some(server) = shared() else { return };
    for object_lock in [ObjectLock::BucketDefault, ObjectLock::For(Duration::from_secs(60))] {
        let failed = opened(&S3 { object_lock, ..place(server, "vault") });
        assert_eq!(kind(failed), Some(ErrorKind::Denied));
    }
    let warned = std::cell::RefCell::new(Vec::new());
    let by_default = versioned(server, ObjectLock::BucketDefault);
    engine::destination::S3Store::open(&by_default, &|text| warned.borrow_mut().push(text.to_owned())).unwrap();
    assert!(warned.borrow().iter().any(|text| text.contains("locks nothing by default")), "{warned:?}");
}

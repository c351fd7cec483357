//! What the store does when servers and lines fail.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine::destination::{ErrorKind, Finish, ReadStore, WriteStore};
use fixtures::bench::wait_until;

use super::places::{
    at_port, granted, keyed, made, names, opened, place, remove_bucket, revoke_writing, set_quota, shared, started,
};
use super::proxy::{Deed, Proxy, refusal};
use crate::common::{kind, path, pattern, put, told, whole};
use crate::cuts::{self, Cuts, Line};

#[test]
fn a_server_killed_in_mid_object_is_gone_on_with_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = started(&[], folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    let bytes = pattern(30_000_000);
    let mut writer = store.create(&path("packs/ab/x")).unwrap();
    writer.write(&bytes[..20_000_000]).unwrap();
    let left = writer.flush().unwrap();
    assert_eq!(left.bytes, 16 << 20);
    server.kill();
    let failed = writer.write(&bytes[20_000_000..]).and_then(|()| writer.finish().map(drop)).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Transient, "{}", told(&failed));
    assert_eq!(kind(store.still_there()), Some(ErrorKind::Transient), "nobody listens");

    server.again();
    store.still_there().unwrap();
    let mut writer = store.resume(&path("packs/ab/x"), &left).unwrap();
    assert_eq!(writer.kept(), 16 << 20, "no acknowledged part is sent again");
    writer.write(&bytes[16 << 20..]).unwrap();
    writer.finish().unwrap();
    assert!(whole(&store, "packs/ab/x").unwrap() == bytes);
    assert_eq!(names(&store, "packs/ab"), ["packs/ab/x"], "no part stays");
}

/// Each request of a whole upload in turn is cut before the server sees it, or its answer is.
#[test]
fn a_connection_cut_at_any_request_never_makes_an_object_that_is_not_whole() {
    let Some(server) = shared() else { return };
    let sound = made(&place(server, "vault"));
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let place = at_port(&place(server, "vault"), proxy.port);
    for (size, requests) in [(100_000, 4), (9_000_000, 10)] {
        let bytes = pattern(size);
        for deed in [Deed::Cut, Deed::Lose] {
            let met = Arc::new(AtomicUsize::new(0));
            for turn in 0..requests {
                let name = format!("packs/ab/{size}-{deed:?}-{turn}");
                let deed = deed.clone();
                // The proxy's numbers do not end with a connection, and a part that failed is sent once more.
                let seen = Arc::clone(&met);
                proxy.choose(move |number, _| {
                    if number != turn {
                        return Deed::Pass;
                    }
                    seen.fetch_add(1, Ordering::SeqCst);
                    deed.clone()
                });
                let outcome = opened(&place).and_then(|store| put(&store, &name, &bytes));
                proxy.choose(|_, _| Deed::Pass);
                if let Err(error) = &outcome {
                    let fits = matches!(error.kind, ErrorKind::Transient | ErrorKind::Ambiguous);
                    assert!(fits, "{name}: {}", told(error));
                }
                match sound.stat(&path(&name)).unwrap() {
                    Some(_) => assert!(whole(&sound, &name).unwrap() == bytes, "{name}"),
                    None => assert!(outcome.is_err(), "{name}: said to be done and is not there"),
                }
            }
            let met = met.load(Ordering::SeqCst);
            assert!(met >= 3, "{met} requests were met: fewer than an object takes");
        }
    }
}

#[test]
fn a_connection_cut_with_any_request_loses_nothing_and_doubles_nothing() {
    let Some(server) = shared() else { return };
    let sound = made(&place(server, "vault"));
    for deed in [Deed::Cut, Deed::Lose] {
        let proxy = Proxy::to(server.port(), Duration::ZERO);
        let far = opened(&at_port(&place(server, "vault"), proxy.port)).unwrap();
        let met = Arc::new(AtomicU64::new(0));
        let cut = |request: u64| {
            let (deed, met) = (deed.clone(), Arc::clone(&met));
            proxy.choose(move |number, _| {
                if number as u64 + 1 != request {
                    return Deed::Pass;
                }
                met.fetch_add(1, Ordering::SeqCst);
                deed.clone()
            });
        };
        let line = Line { cut: &cut, asked: &|| proxy.take().len() as u64, cuts: &|| met.load(Ordering::SeqCst) };
        let cuts = cuts::everywhere(&format!("{deed:?}"), &line, &far, &sound);
        let least = Cuts { puts: 2, gets: 1, lists: 2, deletes: 1 };
        assert!(cuts.are_at_least(least), "{deed:?}: {cuts:?}");
    }
}

#[test]
fn a_lost_acknowledgement_is_resolved_by_a_look() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let store = made(&at_port(&place(server, "vault"), proxy.port));
    for (name, size) in [("small", 1_000), ("large", 9_000_000)] {
        proxy.choose(|_, line| {
            let makes = line.starts_with("PUT ") && !line.contains("partNumber")
                || line.starts_with("POST ") && line.contains("/large?uploadId");
            if makes { Deed::Lose } else { Deed::Pass }
        });
        let finish = put(&store, name, &pattern(size)).unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(finish, Finish::Confirmed, "the server's checksum says that it is ours");
    }
    assert_eq!(names(&store, ""), ["large", "small"]);
}

#[test]
fn a_server_that_is_busy_is_asked_again_for_a_part_and_passing_else() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let store = made(&at_port(&place(server, "vault"), proxy.port));
    let slow = || refusal("503 Slow Down", "SlowDown", "Retry-After: 1\r\n");
    // Every part once; each part's first request comes before any other of its number.
    let seen = std::sync::Mutex::new(std::collections::BTreeSet::new());
    proxy.choose(move |_, line| {
        let part = line.contains("partNumber") && seen.lock().unwrap().insert(line.to_owned());
        if part { slow() } else { Deed::Pass }
    });
    let bytes = pattern(20_000_000);
    assert_eq!(put(&store, "a", &bytes).unwrap(), Finish::Confirmed);
    assert!(whole(&store, "a").unwrap() == bytes);
    proxy.choose(move |_, _| slow());
    for failed in [store.stat(&path("a")).err(), put(&store, "b", b"x").err(), store.delete(&path("a")).err()] {
        let failed = failed.unwrap();
        assert_eq!(failed.kind, ErrorKind::Transient);
        assert!(told(&failed).contains("SlowDown"), "{}", told(&failed));
    }
}

#[test]
fn a_server_without_checksums_and_conditions_is_used_without() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let store = made(&at_port(&place(server, "vault"), proxy.port));
    // The first two ways to put it are not understood.
    proxy.choose(|number, line| {
        let first = line.starts_with("PUT ") && number < 3;
        if first { refusal("501 Not Implemented", "NotImplemented", "") } else { Deed::Pass }
    });
    assert_eq!(put(&store, "a", b"x").unwrap(), Finish::Named);
    assert_eq!(whole(&store, "a").unwrap(), b"x");
    proxy.choose(|_, _| Deed::Pass);
    assert_eq!(put(&store, "large", &pattern(9_000_000)).unwrap(), Finish::Named);
    assert_eq!(kind(store.create(&path("a"))), Some(ErrorKind::Exists));
}

#[test]
fn a_full_place_is_full() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let store = made(&at_port(&place(server, "vault"), proxy.port));
    for (status, code) in [("507 Insufficient Storage", "InsufficientStorage"), ("403 Forbidden", "QuotaExceeded")] {
        proxy.choose(move |_, line| if line.starts_with("PUT ") { refusal(status, code, "") } else { Deed::Pass });
        for size in [10, 9_000_000] {
            let failed = put(&store, &format!("a{size}"), &pattern(size)).err().unwrap();
            assert_eq!(failed.kind, ErrorKind::Full, "{}", told(&failed));
        }
    }
}

/// SeaweedFS has no word for it: what a bucket's quota refuses looks like an error that passes.
#[test]
fn a_quota_that_is_reached_is_named_as_far_as_the_server_tells() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started(&[], folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "a", &pattern(3_000_000)).unwrap();
    set_quota(&server, 1);
    let failed = put(&store, "b", b"x").err().unwrap();
    assert!(told(&failed).contains("quota is reached"), "{}", told(&failed));
    assert!(whole(&store, "a").unwrap() == pattern(3_000_000), "it can still be read");
    store.delete(&path("a")).unwrap();
}

#[test]
fn a_permission_that_was_lost_is_denied_and_what_lies_there_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started(&[], folder.path()) else { return };
    let store = made(&keyed(&server, granted(&server), &server.told("bucket"), "vault"));
    put(&store, "a", b"content").unwrap();
    let mut writer = store.create(&path("half")).unwrap();
    writer.write(&pattern(20_000_000)).unwrap();
    revoke_writing(&server);
    wait_until("the right is gone", || put(&store, "new", b"x").is_err() || store.delete(&path("new")).is_err());
    let errors = [
        ("finish", writer.finish().err()),
        ("put", put(&store, "b", b"x").err()),
        ("put in parts", put(&store, "c", &pattern(9_000_000)).err()),
        ("delete", store.delete(&path("a")).err()),
    ];
    for (what, error) in errors {
        let error = error.unwrap_or_else(|| panic!("{what} was done"));
        assert_eq!(error.kind, ErrorKind::Denied, "{what}: {}", told(&error));
        assert!(told(&error).contains("policy does not allow it"), "{what}: {}", told(&error));
    }
    assert_eq!(whole(&store, "a").unwrap(), b"content");
    assert!(names(&store, "").contains(&"a".to_owned()));
}

#[test]
fn a_server_that_freezes_is_given_up_within_a_minute() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let store = made(&at_port(&place(server, "vault"), proxy.port));
    proxy.rules.frozen.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    let failed = store.stat(&path("a")).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Transient, "{}", told(&failed));
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    proxy.rules.frozen.store(false, Ordering::Relaxed);
    store.still_there().unwrap();
    put(&store, "b", b"x").unwrap();
}

#[test]
fn a_bucket_that_vanished_is_gone_and_not_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started(&[], folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "a", b"x").unwrap();
    remove_bucket(&server, &store);
    for (what, gone) in [
        ("stat", kind(store.stat(&path("a")))),
        ("list", kind(store.list(&path("packs")))),
        ("create", kind(store.create(&path("b")))),
        ("read", kind(store.read(&path("a"), 0, 1))),
    ] {
        assert_eq!(gone, Some(ErrorKind::Gone), "{what}");
    }
}

#[test]
fn something_that_listens_and_speaks_no_http_is_no_server() {
    let Some(server) = shared() else { return };
    let other = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = other.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut client in other.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut client, b"220 ftp.example ready\r\n");
        }
    });
    let failed = opened(&at_port(&place(server, "vault"), port)).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Transient, "{}", told(&failed));
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    assert_eq!(kind(opened(&at_port(&place(server, "vault"), nobody))), Some(ErrorKind::Transient));
}

#[test]
fn a_damaged_object_reads_as_it_is() {
    let Some(server) = shared() else { return };
    let store = made(&place(server, "vault"));
    put(&store, "a", &pattern(1_000_000)).unwrap();
    // Someone with the key writes over it.
    let other = opened(&place(server, "vault")).unwrap();
    other.delete(&path("a")).unwrap();
    put(&other, "a", b"short").unwrap();
    assert_eq!(whole(&store, "a").unwrap(), b"short");
    other.delete(&path("a")).unwrap();
    assert_eq!(kind(whole(&store, "a")), Some(ErrorKind::NotFound));
    assert_eq!(store.stat(&path("a")).unwrap(), None);
}

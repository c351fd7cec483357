//! What each operation costs, as the module says; and what latency does.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use engine::destination::{ReadStore, WriteStore};

use super::places::{at_port, keyed, made, names, opened, own, place, shared};
use super::proxy::Proxy;
use crate::common::{TRIP, path, pattern, put, trips, whole};

#[test]
fn an_operation_costs_the_requests_that_the_module_states() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let count = |what: &str, expected: usize| {
        let seen = proxy.take();
        assert_eq!(seen.len(), expected, "{what}: {seen:#?}");
    };
    let store = made(&at_port(&place(server, "vault"), proxy.port));
    count("open", 1);
    put(&store, "packs/ab/small", &pattern(8 << 20)).unwrap();
    count("put 8 MiB", 2);
    put(&store, "packs/ab/large", &pattern(64 << 20)).unwrap();
    count("put 64 MiB", 6 + 8);
    let mut writer = store.create(&path("packs/ab/half")).unwrap();
    writer.write(&pattern(20 << 20)).unwrap();
    let left = writer.flush().unwrap();
    drop(writer);
    count("two parts", 3 + 2);
    let mut writer = store.resume(&path("packs/ab/half"), &left).unwrap();
    count("resume", 2);
    writer.write(&pattern(20 << 20)[16 << 20..]).unwrap();
    writer.finish().unwrap();
    count("its last part", 1 + 3);
    assert_eq!(store.stat(&path("packs/ab/small")).unwrap(), Some(8 << 20));
    assert_eq!(store.stat(&path("packs/ab/none")).unwrap(), None);
    count("two looks", 2);
    store.read(&path("packs/ab/small"), 7, 9).unwrap();
    count("read", 1);
    whole(&store, "packs/ab/large").unwrap();
    count("read back", 1);
    assert_eq!(names(&store, "packs/ab").len(), 3);
    count("list", 2);
    store.still_there().unwrap();
    count("still there", 0);
    store.delete(&path("packs/ab/large")).unwrap();
    count("the first delete, which asks what the bucket keeps", 2);
    store.delete(&path("packs/ab/small")).unwrap();
    count("delete", 1);
    store.delete(&path("packs/ab/.tmp-small")).unwrap();
    count("delete a temporary name", 2);

    let Some(versioned) = server.tells("versioned") else { return };
    let versioned = made(&at_port(&keyed(server, "", &versioned, &own("vault")), proxy.port));
    put(&versioned, "a", b"x").unwrap();
    let _ = proxy.take();
    versioned.delete(&path("b")).unwrap();
    let _ = proxy.take();
    versioned.delete(&path("a")).unwrap();
    count("delete in a bucket with versions", 2);
}

#[test]
fn an_object_costs_a_round_trip_for_each_request() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::to(server.port(), TRIP);
    let store = made(&at_port(&place(server, "vault"), proxy.port));
    let bytes = pattern(100_000);
    put(&store, "packs/ab/first", b"x").unwrap();
    // The first delete asks what the bucket keeps.
    store.delete(&path("packs/ab/none")).unwrap();
    let name = |time: u32| format!("packs/ab/x{time}");
    let so_far = || proxy.rules.trips.load(Ordering::SeqCst);
    trips("put", 2, &so_far, &|time| assert!(put(&store, &name(time), &bytes).is_ok()));
    trips("read back", 1, &so_far, &|time| assert!(whole(&store, &name(time)).unwrap() == bytes));
    trips("stat", 1, &so_far, &|time| assert_eq!(store.stat(&path(&name(time))).unwrap(), Some(100_000)));
    trips("list", 2, &so_far, &|_| assert_eq!(names(&store, "packs/ab").len(), 4));
    trips("delete", 1, &so_far, &|time| store.delete(&path(&name(time))).unwrap());
    trips("still there", 0, &so_far, &|_| store.still_there().unwrap());
    assert_eq!(names(&store, "packs/ab").len(), 1);
}

fn timed(what: &str, bytes: usize, work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    let took = begun.elapsed();
    eprintln!("{what}: {took:?}, {:.1} MB/s", bytes as f64 / took.as_secs_f64() / 1e6);
    took
}

#[test]
fn latency_costs_a_request_each_part_and_no_more() {
    let Some(server) = shared() else { return };
    let bytes = pattern(64 << 20);
    let near = made(&place(server, "vault"));
    timed("write, no latency", bytes.len(), || assert!(put(&near, "near", &bytes).is_ok()));
    timed("read, no latency", bytes.len(), || assert!(whole(&near, "near").unwrap() == bytes));
    let proxy = Proxy::to(server.port(), Duration::from_millis(50));
    let far = opened(&at_port(&place(server, "vault"), proxy.port)).unwrap();
    let plain = timed("write through a proxy, 50 ms", bytes.len(), || assert!(put(&far, "far", &bytes).is_ok()));
    timed("read through a proxy, 50 ms", bytes.len(), || assert!(whole(&far, "far").unwrap() == bytes));
    assert!(plain < Duration::from_secs(10), "{plain:?}");
}

//! A line with latency costs its round trips and no more.

use std::time::Duration;

use engine::destination::{ReadStore, WriteStore};

use super::places::{ALL, at_port, made, opened, pattern, place, started};
use crate::common::{TRIP, path, put, timed, trips, whole};
use fixtures::proxy::Proxy;

#[test]
fn an_object_costs_the_round_trips_that_the_module_states() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let proxy = Proxy::to(server.port(), TRIP / 2);
    let store = made(&at_port(&place(&server, "vault"), proxy.port));
    let bytes = pattern(100_000);
    put(&store, "packs/ab/first", b"makes the folders").unwrap();
    let name = |time: u32| format!("packs/ab/x{time}");
    let so_far = || proxy.rules.trips_so_far();
    trips("put", 4, &so_far, &|time| assert!(put(&store, &name(time), &bytes).is_ok()));
    trips("read back", 1, &so_far, &|time| assert!(whole(&store, &name(time)).unwrap() == bytes));
    trips("stat", 1, &so_far, &|time| assert_eq!(store.stat(&path(&name(time))).unwrap(), Some(100_000)));
    trips("list", 1, &so_far, &|_| assert_eq!(store.list(&path("packs/ab")).unwrap().len(), 4));
    trips("delete", 1, &so_far, &|time| store.delete(&path(&name(time))).unwrap());
    trips("still there", 0, &so_far, &|_| store.still_there().unwrap());
    assert_eq!(store.list(&path("packs/ab")).unwrap().len(), 1);
}

#[test]
fn latency_does_not_stop_the_stream() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let bytes = pattern(40_000_000);
        let near = made(&place(&server, "vault"));
        timed(&format!("{script}: write, no latency"), bytes.len(), || put(&near, "near", &bytes).unwrap());
        timed(&format!("{script}: read, no latency"), bytes.len(), || assert!(whole(&near, "near").unwrap() == bytes));
        let proxy = Proxy::to(server.port(), Duration::from_millis(25));
        let far = opened(&at_port(&place(&server, "vault"), proxy.port)).unwrap();
        put(&far, "first", b"finds out what the server can do").unwrap();
        let write = format!("{script}: write, 50 ms");
        let (_, wrote) = timed(&write, bytes.len(), || put(&far, "far", &bytes).unwrap());
        let read = format!("{script}: read, 50 ms");
        let ((), read) = timed(&read, bytes.len(), || assert!(whole(&far, "far").unwrap() == bytes));
        // A round trip for each 64 KiB would be 30 s.
        assert!(wrote < Duration::from_secs(15) && read < Duration::from_secs(15), "{wrote:?}, {read:?}");
    }
}

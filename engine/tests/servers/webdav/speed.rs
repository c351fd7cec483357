//! A line with latency costs its round trips and no more.

use std::time::Duration;

use engine::destination::{ReadStore, WriteStore};

use super::places::{ALL, at_port, made, opened, pattern, place, started};
use crate::common::{path, put, timed, whole};
use fixtures::proxy::Proxy;

/// Round trips are counted by a line so slow that nothing else counts.
#[test]
fn an_object_costs_the_round_trips_that_the_module_states() {
    const TRIP: Duration = Duration::from_secs(1);
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let store = made(&at_port(&place(&server, "vault"), Proxy::to(server.port(), TRIP / 2).port));
    put(&store, "packs/ab/first", b"makes the folders").unwrap();
    let trips = |what: &str, most: f64, work: &dyn Fn()| {
        let ((), took) = timed(what, 0, work);
        let trips = took.as_secs_f64() / TRIP.as_secs_f64();
        assert!(trips < most + 0.7, "{what}: {trips:.1} round trips");
    };
    trips("put", 4.0, &|| assert!(put(&store, "packs/ab/x", &pattern(100_000)).is_ok()));
    trips("read back", 1.0, &|| assert_eq!(whole(&store, "packs/ab/x").unwrap().len(), 100_000));
    trips("stat", 1.0, &|| assert_eq!(store.stat(&path("packs/ab/x")).unwrap(), Some(100_000)));
    trips("list", 1.0, &|| assert_eq!(store.list(&path("packs/ab")).unwrap().len(), 2));
    trips("delete", 1.0, &|| store.delete(&path("packs/ab/x")).unwrap());
    trips("still there", 0.0, &|| store.still_there().unwrap());
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

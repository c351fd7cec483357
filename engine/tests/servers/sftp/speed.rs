//! A line with latency costs its round trips and no more.

use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::destination::{ReadStore, WriteStore};
use fixtures::Server;

use super::{made, place, through};
use crate::common::{path, pattern, put, timed, whole};
use fixtures::Proxy;

/// Round trips are counted by a line so slow that nothing else counts.
#[test]
fn an_object_costs_the_round_trips_that_the_module_states() {
    const TRIP: Duration = Duration::from_secs(1);
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let store = made(&through(&server, Proxy::to(server.port(), TRIP / 2).port, "vault"));
    put(&store, "packs/ab/first", b"makes the folders").unwrap();
    let trips = |what: &str, most: f64, work: &dyn Fn()| {
        let ((), took) = timed(what, 0, work);
        let trips = took.as_secs_f64() / TRIP.as_secs_f64();
        assert!(trips < most + 0.7, "{what}: {trips:.1} round trips");
    };
    trips("put", 3.0, &|| assert!(put(&store, "packs/ab/x", &pattern(100_000)).is_ok()));
    trips("read back", 2.0, &|| assert_eq!(whole(&store, "packs/ab/x").unwrap().len(), 100_000));
    trips("stat", 1.0, &|| assert_eq!(store.stat(&path("packs/ab/x")).unwrap(), Some(100_000)));
    trips("list", 2.0, &|| assert_eq!(store.list(&path("packs/ab")).unwrap().len(), 2));
    trips("delete", 1.0, &|| store.delete(&path("packs/ab/x")).unwrap());
    trips("still there", 0.0, &|| store.still_there().unwrap());
}

/// 40 MB over 50 ms; one window of the channel (2 MiB, the server's) each round trip is what any client gets.
#[test]
fn latency_does_not_stop_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let bytes = pattern(40_000_000);
    let near = made(&place(&server, "vault"));
    timed("write, no latency", bytes.len(), || put(&near, "near", &bytes).unwrap());
    timed("read, no latency", bytes.len(), || assert!(whole(&near, "near").unwrap() == bytes));
    let proxy = Proxy::to(server.port(), Duration::from_millis(25));
    let far = super::opened(&through(&server, proxy.port, "vault")).unwrap();
    let (_, wrote) = timed("write, 50 ms", bytes.len(), || put(&far, "far", &bytes).unwrap());
    let ((), read) = timed("read, 50 ms", bytes.len(), || assert!(whole(&far, "far").unwrap() == bytes));
    // Without a window of requests it would be 1,200 round trips of 32 KiB: a minute.
    assert!(wrote < Duration::from_secs(15) && read < Duration::from_secs(15), "{wrote:?}, {read:?}");
}

/// A request has 60 bytes or more on the line: so few bytes are some 500 requests at most, where 64 MiB in OpenSSH's
/// packets of 255 KiB take 258, and in those of 32 KiB, which every server takes, 2,048.
#[test]
fn sixty_four_mebibytes_are_read_in_few_requests() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let bytes = pattern(64 << 20);
    put(&made(&place(&server, "vault")), "a", &bytes).unwrap();
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let store = super::opened(&through(&server, proxy.port, "vault")).unwrap();
    assert_eq!(store.stat(&path("a")).unwrap(), Some(64 << 20));
    let before = proxy.rules.sent.load(Ordering::Relaxed);
    let mut reader = store.read_on(&path("a"), 0).unwrap();
    let (mut all, mut piece) = (0, vec![0; 1 << 20]);
    while let read @ 1.. = reader.read(&mut piece).unwrap() {
        assert!(piece[..read] == bytes[all..all + read]);
        all += read;
    }
    let sent = proxy.rules.sent.load(Ordering::Relaxed) - before;
    assert!(all == bytes.len() && sent < 60_000, "{sent} bytes of requests");
}

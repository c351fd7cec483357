//! A line with latency costs its round trips and no more.

use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::destination::{ReadStore, WriteStore};
use fixtures::Server;

use super::{made, place, through};
use crate::common::{TRIP, path, pattern, put, timed, trips, whole};
use fixtures::Proxy;

#[test]
fn an_object_costs_the_round_trips_that_the_module_states() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let proxy = Proxy::to(server.port(), TRIP / 2);
    let store = made(&through(&server, proxy.port, "vault"));
    let bytes = pattern(100_000);
    put(&store, "packs/ab/first", b"makes the folders").unwrap();
    let name = |time: u32| format!("packs/ab/x{time}");
    let so_far = || proxy.rules.trips_so_far();
    trips("put", 3, &so_far, &|time| assert!(put(&store, &name(time), &bytes).is_ok()));
    // The last is the close, whose answer nobody waits for.
    trips("read back", 3, &so_far, &|time| assert!(whole(&store, &name(time)).unwrap() == bytes));
    trips("stat", 1, &so_far, &|time| assert_eq!(store.stat(&path(&name(time))).unwrap(), Some(100_000)));
    trips("list", 2, &so_far, &|_| assert_eq!(store.list(&path("packs/ab")).unwrap().len(), 4));
    trips("delete", 1, &so_far, &|time| store.delete(&path(&name(time))).unwrap());
    trips("still there", 0, &so_far, &|_| store.still_there().unwrap());
    assert_eq!(store.list(&path("packs/ab")).unwrap().len(), 1);
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

/// The server answers each WRITE with some 70 bytes on the line, and widens the channel's window now and then: in
/// OpenSSH's packets of 255 KiB that comes to some 53,000 bytes, in those of 32 KiB to 170,000.
#[test]
fn sixty_four_mebibytes_are_written_in_few_requests() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let bytes = pattern(64 << 20);
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let store = made(&through(&server, proxy.port, "vault"));
    let before = proxy.rules.received.load(Ordering::Relaxed);
    put(&store, "a", &bytes).unwrap();
    let received = proxy.rules.received.load(Ordering::Relaxed) - before;
    eprintln!("64 MiB: {received} bytes of answers");
    assert!(received < 80_000, "{received} bytes of answers");
    assert_eq!(store.stat(&path("a")).unwrap(), Some(64 << 20));
}

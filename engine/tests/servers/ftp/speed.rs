//! Round trips: how many there are, and that throughput does not hang on them.

use std::time::Duration;

use engine::destination::{ReadStore, WriteStore};

use super::proxy::Proxy;
use super::start;
use crate::common::{TRIP, path, pattern, put, timed, trips, whole};

#[test]
fn one_object_costs_the_requests_that_the_module_states() {
    let Some(running) = start("pyftpd", &[]) else { return };
    let proxy = Proxy::to(running.server.port(), Duration::ZERO);
    let store = running.through(&proxy, "vault");
    proxy.requests();
    put(&store, "a", b"content").unwrap();
    assert_eq!(proxy.requests().join(" "), "MLST EPSV STOR MLST MLST RNFR RNTO");
    assert_eq!(whole(&store, "a").unwrap(), b"content");
    assert_eq!(proxy.requests().join(" "), "MLST EPSV RETR");
    assert_eq!(store.read(&path("a"), 2, 3).unwrap(), b"nte");
    assert_eq!(proxy.requests().join(" "), "MLST EPSV REST RETR NOOP");
    assert_eq!(store.list(&path("packs")).unwrap(), []);
    store.delete(&path("a")).unwrap();
    assert_eq!(proxy.requests().join(" "), "EPSV MLSD DELE");
}

/// As large as a pack: no request more than for a byte, and none for a range that follows on the last.
#[test]
fn sixty_four_mebibytes_cost_no_more_requests_than_one_byte() {
    let Some(running) = start("proftpd", &[]) else { return };
    let proxy = Proxy::to(running.server.port(), Duration::ZERO);
    let (store, bytes) = (running.through(&proxy, "vault"), pattern(64 << 20));
    proxy.requests();
    put(&store, "a", &bytes).unwrap();
    let written = proxy.requests();
    assert!(written.len() <= 9, "{written:?}");
    assert!(whole(&store, "a").unwrap() == bytes);
    assert_eq!(proxy.requests().join(" "), "MLST EPSV RETR");
    let mut reader = store.read_on(&path("a"), 1000).unwrap();
    let (mut at, mut piece) = (1000, vec![0; 500_000]);
    while at < bytes.len() {
        let read = reader.read(&mut piece).unwrap();
        assert!(read > 0 && piece[..read] == bytes[at..at + read]);
        at += read;
    }
    assert_eq!(reader.read(&mut piece).unwrap(), 0);
    assert_eq!(proxy.requests().join(" "), "MLST EPSV REST RETR");
}

/// Who reads on keeps nobody from the only connection, and goes on all the same.
#[test]
fn an_object_that_is_read_on_lets_others_have_its_connection() {
    let Some(running) = start("proftpd", &["max=1"]) else { return };
    let (store, bytes) = (running.made("vault"), pattern(20 << 20));
    put(&store, "a", &bytes).unwrap();
    let mut reader = store.read_on(&path("a"), 0).unwrap();
    let (mut at, mut piece) = (0, vec![0; 3 << 20]);
    loop {
        match reader.read(&mut piece).unwrap() {
            0 => break,
            read => {
                assert!(piece[..read] == bytes[at..at + read]);
                if at >> 22 != (at + read) >> 22 {
                    assert_eq!(store.stat(&path("a")).unwrap(), Some(20 << 20));
                }
                at += read;
            }
        }
    }
    assert_eq!(at, bytes.len());
}

/// As the module states them, but for the opening of a data connection, which is none here.
#[test]
fn an_object_costs_the_round_trips_that_the_module_states() {
    let Some(running) = start("proftpd", &[]) else { return };
    let proxy = Proxy::to(running.server.port(), TRIP / 2);
    let (store, bytes) = (running.through(&proxy, "vault"), pattern(100_000));
    put(&store, "packs/ab/first", b"makes the folders").unwrap();
    let name = |time: u32| format!("packs/ab/x{time}");
    let so_far = || proxy.trips();
    trips("put", 5, &so_far, &|time| assert!(put(&store, &name(time), &bytes).is_ok()));
    trips("read back", 3, &so_far, &|time| assert!(whole(&store, &name(time)).unwrap() == bytes));
    trips("stat", 1, &so_far, &|time| assert_eq!(store.stat(&path(&name(time))).unwrap(), Some(100_000)));
    trips("list", 2, &so_far, &|_| assert_eq!(store.list(&path("packs/ab")).unwrap().len(), 4));
    trips("delete", 1, &so_far, &|time| store.delete(&path(&name(time))).unwrap());
    trips("still there", 0, &so_far, &|_| store.still_there().unwrap());
    assert_eq!(store.list(&path("packs/ab")).unwrap().len(), 1);
}

#[test]
fn two_hundred_milliseconds_do_not_slow_one_object() {
    let Some(running) = start("proftpd", &[]) else { return };
    let proxy = Proxy::to(running.server.port(), Duration::from_millis(100));
    let store = running.through(&proxy, "vault");
    let bytes = pattern(16 << 20);
    let (_, wrote) = timed("write, 200 ms", bytes.len(), || put(&store, "a", &bytes).unwrap());
    let ((), read) = timed("read, 200 ms", bytes.len(), || assert!(whole(&store, "a").unwrap() == bytes));
    assert!(wrote < Duration::from_secs(6) && read < Duration::from_secs(5), "{wrote:?}, {read:?}");
}

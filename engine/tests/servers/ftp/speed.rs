//! Round trips: how many there are, and that throughput does not hang on them.

mod common;

use std::time::{Duration, Instant};

use common::proxy::Proxy;
use common::{Server, open, path, pattern, put, whole};
use engine::config::Ftp;
use engine::destination::{ReadStore, WriteStore};
use lab_ftp::FtpStore;

fn slow(server: &Server, one_way: Duration) -> (Proxy, FtpStore) {
    let proxy = Proxy::start(server.port, one_way);
    let mut place: Ftp = server.place("p");
    (place.server.host, place.server.port) = ("127.0.0.1".into(), proxy.port());
    let store = open(&place).expect("open");
    (proxy, store)
}

#[test]
fn one_object_costs_these_requests() {
    let server = Server::start("pyftpd", &[]);
    let (proxy, store) = slow(&server, Duration::ZERO);
    proxy.requests();
    put(&store, "a", b"content").expect("put");
    assert_eq!(proxy.requests().join(" "), "MLST EPSV STOR MLST MLST RNFR RNTO");
    assert_eq!(whole(&store, "a").expect("read"), b"content");
    assert_eq!(proxy.requests().join(" "), "MLST EPSV RETR");
    assert_eq!(store.read(&path("a"), 2, 3).expect("read"), b"nte");
    assert_eq!(proxy.requests().join(" "), "MLST EPSV REST RETR NOOP");
    assert_eq!(store.list(&path("packs")).expect("list"), []);
    store.delete(&path("a")).expect("delete");
    assert_eq!(proxy.requests().join(" "), "EPSV MLSD DELE");
}

#[test]
fn two_hundred_milliseconds_do_not_slow_one_object() {
    let server = Server::start("proftpd", &[]);
    let (_proxy, store) = slow(&server, Duration::from_millis(100));
    let bytes = pattern(16 << 20);
    let begun = Instant::now();
    put(&store, "a", &bytes).expect("put");
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?} to write", begun.elapsed());
    let begun = Instant::now();
    assert!(whole(&store, "a").expect("read") == bytes);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?} to read", begun.elapsed());
}

/// Prints; run it by name, with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn throughput() {
    let bytes = pattern(64 << 20);
    let rate = |what: &str, work: &dyn Fn()| {
        let begun = Instant::now();
        work();
        eprintln!("{what}: {:.0} MiB/s, {:?}", 64.0 / begun.elapsed().as_secs_f64(), begun.elapsed());
    };
    for (options, one_way) in [(&[][..], None), (&["tls=explicit"][..], None), (&[][..], Some(0)), (&[][..], Some(25))]
    {
        let server = Server::start("proftpd", options);
        let (_proxy, store) = match one_way {
            None => (None, open(&server.place("p")).expect("open")),
            Some(time) => {
                let (proxy, store) = slow(&server, Duration::from_millis(time));
                (Some(proxy), store)
            }
        };
        eprintln!("{options:?}, proxied {one_way:?} ms each way");
        rate("  write", &|| assert!(put(&store, "a", &bytes).is_ok()));
        rate("  read", &|| assert!(whole(&store, "a").is_ok()));
    }
}

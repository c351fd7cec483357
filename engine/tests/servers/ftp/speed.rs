//! Round trips: how many there are, and that throughput does not hang on them.

use std::time::Duration;

use engine::destination::{ReadStore, WriteStore};

use super::proxy::Proxy;
use super::start;
use crate::common::{path, pattern, put, timed, whole};

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

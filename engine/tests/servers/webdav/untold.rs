//! Servers that take no body whose length is not told beforehand, and what comes in place of it.

use std::time::Duration;

use engine::destination::{Resume, WriteStore};
use fixtures::proxy::Proxy;

use super::places::{asked, at_port, made, opened, pattern, place, started};
use crate::common::{path, put, whole};

/// Refused, and made an empty file of without a word.
const AVERSE: [&str; 2] = ["by-length", "emptied"];

#[test]
fn what_was_sent_without_its_length_is_sent_once_more_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    // So far that the first bytes go before it is known what the server takes.
    let proxy = Proxy::to(server.port(), Duration::from_millis(25));
    for below in AVERSE {
        drop(made(&place(&server, below)));
        // One that ends before it is known, one that does not, and one that waits to be known.
        for bytes in [4_300_000, 12_000_000, 48_000_000] {
            let bytes = pattern(bytes);
            let far = opened(&at_port(&place(&server, below), proxy.port)).unwrap();
            let name = format!("packs/ab/{}", bytes.len());
            put(&far, &name, &bytes).unwrap();
            assert!(whole(&far, &name).unwrap() == bytes, "{below}: {name}");
        }
    }
    let streams = asked(&server).iter().filter(|line| line.starts_with("PUT 411")).count();
    assert!(streams > 3, "the trial's, and the first bytes of each");
}

#[test]
fn a_checkpoint_before_anything_is_known_is_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let proxy = Proxy::to(server.port(), Duration::from_millis(25));
    for below in ["vault", AVERSE[0], AVERSE[1]] {
        drop(made(&place(&server, below)));
        let far = opened(&at_port(&place(&server, below), proxy.port)).unwrap();
        let bytes = pattern(20_000_000);
        let mut writer = far.create(&path("packs/ab/x")).unwrap();
        writer.write(&bytes[..9_000_000]).unwrap();
        assert_eq!(writer.flush().unwrap(), Resume::at(9_000_000), "{below}");
        writer.write(&bytes[9_000_000..15_000_000]).unwrap();
        assert_eq!(writer.flush().unwrap(), Resume::at(15_000_000), "{below}");
        drop(writer);
        let mut writer = far.resume(&path("packs/ab/x"), &Resume::at(15_000_000)).unwrap();
        assert_eq!(writer.kept(), 15_000_000, "{below}");
        writer.write(&bytes[15_000_000..]).unwrap();
        writer.finish().unwrap();
        assert!(whole(&far, "packs/ab/x").unwrap() == bytes, "{below}");
    }
}

//! The server, or the engine itself, is killed in mid-copy: what was acknowledged is not sent again, and no half stays.

use engine::catalog::{Catalog, OpenOptions};
use fixtures::Bench;
use fixtures::bench::{leftovers, objects, wait_until};
use rustix::process::Signal;

use super::counted::Counted;
use super::{DAVS, FTPS, Kind, S3, SFTP, configure, restores, seen};
use crate::s3::places::uploads;

#[derive(Clone, Copy)]
enum Victim {
    Engine,
    Server,
}

#[test]
fn an_sftp_server_killed_in_mid_copy_gets_the_rest_when_it_is_back() {
    killed_in_mid_copy(SFTP, Victim::Server);
}

#[test]
fn an_ftps_server_killed_in_mid_copy_gets_the_rest_when_it_is_back() {
    killed_in_mid_copy(FTPS, Victim::Server);
}

#[test]
fn a_webdav_server_killed_in_mid_copy_gets_the_rest_when_it_is_back() {
    killed_in_mid_copy(DAVS, Victim::Server);
}

#[test]
fn an_s3_server_killed_in_mid_copy_gets_the_rest_when_it_is_back() {
    killed_in_mid_copy(S3, Victim::Server);
}

#[test]
fn an_engine_killed_in_mid_copy_to_an_sftp_server_goes_on_where_it_was() {
    killed_in_mid_copy(SFTP, Victim::Engine);
}

#[test]
fn an_engine_killed_in_mid_copy_to_an_ftps_server_goes_on_where_it_was() {
    killed_in_mid_copy(FTPS, Victim::Engine);
}

#[test]
fn an_engine_killed_in_mid_copy_to_a_webdav_server_goes_on_where_it_was() {
    killed_in_mid_copy(DAVS, Victim::Engine);
}

#[test]
fn an_engine_killed_in_mid_copy_to_a_bucket_goes_on_where_it_was_and_leaves_no_parts() {
    killed_in_mid_copy(S3, Victim::Engine);
}

fn killed_in_mid_copy(kind: Kind, victim: Victim) {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut far) = Counted::start(kind, folder.path()) else { return };
    let bench = super::bench(&far.server, 100, "");
    // A third of it is acknowledged after some two seconds, and the rest is not on its way by then.
    configure(&bench, "\"office\"", &format!("{}rate = \"4 MiB/s\"\n", far.office));
    bench.done(&["init"]);
    bench.done(&["backup"]);
    let all: u64 = objects(&bench.path("vault")).iter().map(|(_, bytes)| bytes).sum();
    let copying = bench.begin(&["--json", "copy"]);
    wait_until("a part of the pack is acknowledged", || acknowledged(&bench) > 0);
    configure(&bench, "\"office\"", &far.office);
    match victim {
        Victim::Engine => {
            copying.signal(Signal::KILL);
            assert_eq!(copying.end().code, 128 + 9);
        }
        Victim::Server => {
            far.server.kill();
            let broken = copying.end().exits(3).json();
            assert_eq!(broken["copies"][0]["state"], "pending", "{broken}");
            let status = seen(&bench);
            assert_eq!((&status["available"], &status["pending-points"]), (&false.into(), &1.into()), "{status}");
            far.server.again();
        }
    }
    assert_eq!(bench.complete_at("office"), Vec::<String>::new());
    let kept = acknowledged(&bench);
    assert!(kept >= 4 << 20 && kept < all, "{kept} of {all}");

    let before = far.sent();
    let copied = bench.done(&["copy"]);
    let again = far.sent() - before;
    assert_eq!(copied["copies"][0]["state"], "complete", "{copied}");
    // What is around the bytes: heads, the manifest, requests, TLS.
    let most = all - kept + 1_000_000;
    assert!(again > 0 && again < most, "{again} bytes were sent of {all}, though {kept} were there");
    assert_eq!(bench.complete_at("office").len(), 1);
    match kind {
        S3 => assert_eq!(uploads(&far.server), 0, "no part stays"),
        _ => assert_eq!(leftovers(&far.server.data().join("vault")), Vec::<std::path::PathBuf>::new()),
    }
    restores(&bench);
}

/// Bytes of unfinished objects at `office` that the catalog has as acknowledged.
fn acknowledged(bench: &Bench) -> u64 {
    let catalog = Catalog::open(&bench.path("state"), OpenOptions::default()).unwrap();
    let media = catalog.media().unwrap();
    let office = media.iter().find(|row| row.destination.as_str() == "office").unwrap();
    catalog.checkpoints(office.vault).unwrap().iter().map(|(_, left)| left.done_bytes).sum()
}

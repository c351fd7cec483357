//! The rules of every store, on each kind of server, and that small connections and folders do.

use std::process::Command;
use std::time::{Duration, Instant};

use engine::config::{Ftp, FtpData};
use engine::destination::{ErrorKind, Finish, FtpStore, ReadStore, Resume, WriteStore};
use engine::model::VaultPath;

use super::{made, opened, start};
use crate::common::{conforms, kind, path, pattern, put, told, whole};

fn keeps_every_rule(script: &str, words: &[&str], data: FtpData) {
    let Some(running) = start(script, words) else { return };
    conforms(|below| {
        running.folder_by_hand(below);
        opened(&Ftp { data, ..running.place(below) }).unwrap_or_else(|error| panic!("{}", told(&error)))
    });
}

#[test]
fn proftpd_in_clear() {
    keeps_every_rule("proftpd", &[], FtpData::Passive);
}

#[test]
fn proftpd_in_clear_active() {
    keeps_every_rule("proftpd", &[], FtpData::Active);
}

#[test]
fn proftpd_over_ipv6() {
    keeps_every_rule("proftpd", &["address=::1"], FtpData::Passive);
}

#[test]
fn proftpd_with_explicit_tls() {
    keeps_every_rule("proftpd", &["tls=explicit"], FtpData::Passive);
}

#[test]
fn proftpd_with_implicit_tls() {
    keeps_every_rule("proftpd", &["tls=implicit"], FtpData::Passive);
}

#[test]
fn proftpd_with_a_checksum() {
    keeps_every_rule("proftpd", &["tls=explicit", "checksum"], FtpData::Passive);
}

#[test]
fn proftpd_with_one_connection() {
    keeps_every_rule("proftpd", &["max=1"], FtpData::Passive);
}

#[test]
fn vsftpd_that_wants_its_tls_session() {
    keeps_every_rule("vsftpd", &["tls=explicit"], FtpData::Passive);
}

#[test]
fn vsftpd_without_size() {
    keeps_every_rule("vsftpd", &["hide-size"], FtpData::Passive);
}

#[test]
fn a_server_with_hardly_any_command() {
    let few = ["no-size", "no-facts", "no-epsv", "no-feat", "no-rest"];
    keeps_every_rule("pyftpd", &few, FtpData::Passive);
}

#[test]
fn data_goes_to_the_server_itself_whatever_host_it_names() {
    let Some(running) = start("pyftpd", &["no-epsv", "pasv-elsewhere"]) else { return };
    let store = running.made("vault");
    put(&store, "a", b"content").unwrap();
    assert_eq!(whole(&store, "a").unwrap(), b"content");
}

#[test]
fn active_connections_carry_tls_and_ipv6_too() {
    for word in ["tls=explicit", "address=::1"] {
        let Some(running) = start("proftpd", &[word]) else { return };
        let store = made(&Ftp { data: FtpData::Active, ..running.place("vault") });
        put(&store, "packs/ab/one", &pattern(300_000)).unwrap();
        assert!(whole(&store, "packs/ab/one").unwrap() == pattern(300_000), "{word}");
        assert_eq!(store.list(&path("packs/ab")).unwrap().len(), 1, "{word}");
    }
}

#[test]
fn one_connection_is_enough() {
    let Some(running) = start("proftpd", &["max=1"]) else { return };
    let store = running.made("vault");
    let bytes = pattern(3 << 20);
    let mut one = store.create(&path("packs/ab/one")).unwrap();
    let mut two = store.create(&path("packs/ab/two")).unwrap();
    two.write(b"small").unwrap();
    one.write(&bytes[..2 << 20]).unwrap();
    assert_eq!(one.flush().unwrap(), Resume::at(2 << 20));
    two.finish().expect("the other one has paused");
    one.write(&bytes[2 << 20..]).unwrap();
    let begun = Instant::now();
    let error = store.stat(&path("packs/ab/two")).expect_err("the connection is in use");
    assert!(error.kind == ErrorKind::Transient && told(&error).contains("no more connections"), "{}", told(&error));
    assert!(begun.elapsed() < Duration::from_secs(20));
    one.finish().unwrap();
    assert!(whole(&store, "packs/ab/one").unwrap() == bytes);
}

#[test]
fn a_place_that_is_not_there_is_not_made_by_looking() {
    for script in ["proftpd", "vsftpd"] {
        let Some(running) = start(script, &[]) else { return };
        let create = |below: &str| kind(FtpStore::create_root(&running.place(below), &|_| {}));
        assert_eq!(kind(opened(&running.place("new/below"))), Some(ErrorKind::NotFound));
        assert_eq!(create("new/below"), Some(ErrorKind::NotFound));
        let store = running.made("new place");
        put(&store, "a", b"x").unwrap();
        assert_eq!(create("new place"), Some(ErrorKind::Exists));
        assert_eq!(store.list(&VaultPath::root()).unwrap().len(), 1);
    }
}

#[test]
fn the_servers_own_checksum_is_taken() {
    let Some(running) = start("proftpd", &["tls=explicit", "checksum"]) else { return };
    let store = running.made("vault");
    assert_eq!(put(&store, "a", &pattern(3 << 20)).unwrap(), Finish::Confirmed);
    assert_eq!(put(&store, "b", b"").unwrap(), Finish::Confirmed);
}

#[test]
fn tls_sessions_do_not_run_out() {
    let servers = [
        ("vsftpd", &["tls=explicit"][..]),
        ("vsftpd", &["tls=implicit"]),
        ("proftpd", &["tls=explicit"]),
        ("proftpd", &["tls=explicit", "only-tls13"]),
    ];
    for (script, words) in servers {
        let Some(running) = start(script, words) else { return };
        let store = running.made("vault");
        for n in 0..6 {
            put(&store, &format!("a{n}"), b"content").unwrap_or_else(|error| panic!("{words:?}: {}", told(&error)));
        }
        for n in 0..4 {
            assert_eq!(store.list(&VaultPath::root()).unwrap().len(), 6, "{n}");
            assert_eq!(store.read(&path("a1"), 1, 2).unwrap(), b"on");
        }
    }
}

#[test]
fn a_clock_that_is_a_day_off_changes_nothing() {
    for (script, word) in [("pyftpd", "no-facts"), ("proftpd", "tls=explicit")] {
        for clock in ["clock=-1d", "clock=+1d"] {
            let Some(running) = start(script, &[word, clock]) else { return };
            let today = Command::new("date").arg("+%F").output().unwrap().stdout;
            assert_ne!(running.server.log().as_bytes()[..10], today[..10], "{script}'s day in its log");
            let store = running.made("vault");
            put(&store, "packs/ab/one", b"content").unwrap();
            assert_eq!(store.list(&path("packs/ab")).unwrap()[0].bytes, Some(7), "{script} {clock}");
            assert_eq!(whole(&store, "packs/ab/one").unwrap(), b"content");
        }
    }
}

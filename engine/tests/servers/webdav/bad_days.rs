//! What the store does when servers and lines fail.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use engine::config::{Server as Address, Transport, WebDav};
use engine::destination::{ErrorKind, ReadStore, Resume, StoreError, WriteStore};

use super::places::{ALL, at_port, made, opened, pattern, place, started};
use crate::common::{kind, path, put, told, whole};
use crate::cuts::{self, Cuts, Deed};
use fixtures::proxy::Proxy;
use fixtures::{Mounted, Server};

#[test]
fn a_server_killed_in_mid_object_is_gone_on_with_where_it_was_if_it_takes_parts() {
    for (script, acknowledged) in [("apache-dav", 12_000_000), ("nginx-dav", 0), ("rclone-dav", 0)] {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        let bytes = pattern(40_000_000);
        let mut writer = store.create(&path("packs/ab/x")).unwrap();
        writer.write(&bytes[..12_000_000]).unwrap();
        let left = writer.flush().unwrap();
        assert_eq!(left, Resume::at(acknowledged), "{script}");
        server.kill();
        let failed = writer.write(&bytes[12_000_000..]).and_then(|()| writer.finish().map(drop)).err().unwrap();
        assert_eq!(failed.kind, ErrorKind::Transient, "{script}: {}", told(&failed));
        assert_eq!(kind(store.still_there()), Some(ErrorKind::Transient), "{script}: nobody listens");

        server.again();
        store.still_there().unwrap();
        let mut writer = store.resume(&path("packs/ab/x"), &left).unwrap();
        assert_eq!(writer.kept(), acknowledged, "{script}: no acknowledged byte is sent again");
        writer.write(&bytes[usize::try_from(acknowledged).unwrap()..]).unwrap();
        writer.finish().unwrap();
        assert!(whole(&store, "packs/ab/x").unwrap() == bytes, "{script}");
    }
}

/// Cuts by `cut` from 1 on, until nothing is cut any more; after each the object is whole or not there.
fn cut_everywhere(
    script: &str,
    bytes: usize,
    mut cut: impl FnMut(&Proxy, u64),
    turns: impl Iterator<Item = u64>,
) -> u32 {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started(script, folder.path()) else { return 99 };
    let sound = made(&place(&server, "vault"));
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let place = at_port(&place(&server, "vault"), proxy.port);
    let bytes = pattern(bytes);
    let mut cut_off = 0;
    for turn in turns {
        let name = format!("packs/ab/{turn}");
        cut(&proxy, turn);
        let outcome = opened(&place).and_then(|store| put(&store, &name, &bytes));
        cut(&proxy, 0);
        let said_done = outcome.is_ok();
        if let Err(error) = outcome {
            let fits = matches!(error.kind, ErrorKind::Transient | ErrorKind::Ambiguous);
            assert!(fits, "{script}: cut {turn}: {}", told(&error));
            cut_off += 1;
        }
        match sound.stat(&path(&name)).unwrap() {
            Some(_) => assert!(whole(&sound, &name).unwrap() == bytes, "{script}: cut {turn}"),
            None => assert!(!said_done, "{script}: cut {turn}: said to be done and is not there"),
        }
    }
    cut_off
}

#[test]
fn an_answer_lost_anywhere_never_makes_an_object_that_is_not_whole() {
    for script in ALL {
        let lose = |proxy: &Proxy, turn: u64| {
            let so_far = proxy.rules.answers.load(Ordering::Relaxed);
            proxy.rules.lose_answer.store(if turn == 0 { 0 } else { so_far + turn }, Ordering::Relaxed);
        };
        let cut_off = cut_everywhere(script, 9_000_000, lose, 1..=22);
        assert!(cut_off >= 10, "{script}: {cut_off}");
    }
}

/// With each request that is sent: once before the server sees it, and once when it answers.
#[test]
fn a_connection_cut_with_any_request_loses_nothing_and_doubles_nothing() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let sound = made(&place(&server, "vault"));
        for deed in [Deed::Cut, Deed::Lose] {
            let proxy = Proxy::to(server.port(), Duration::ZERO);
            let far = opened(&at_port(&place(&server, "vault"), proxy.port)).unwrap();
            let cuts = cuts::through(&proxy, deed, &far, &sound);
            let least = Cuts { puts: 5, gets: 1, lists: 1, deletes: 1 };
            assert!(cuts.are_at_least(least), "{script}, {deed:?}: {cuts:?}");
        }
    }
}

#[test]
fn a_connection_cut_after_any_byte_never_makes_an_object_that_is_not_whole() {
    for script in ALL {
        let cut = |proxy: &Proxy, turn: u64| proxy.rules.cut_after.store(turn * 7_000, Ordering::Relaxed);
        let cut_off = cut_everywhere(script, 100_000, cut, 1..=17);
        assert!(cut_off >= 12, "{script}: {cut_off}");
    }
}

#[test]
fn a_lost_acknowledgement_of_the_name_is_ambiguous() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let store = made(&at_port(&place(&server, "vault"), proxy.port));
    put(&store, "packs/ab/a", b"x").unwrap();
    let mut writer = store.create(&path("packs/ab/b")).unwrap();
    writer.write(b"x").unwrap();
    // The PUT's comes, the MOVE's does not.
    proxy.rules.lose_answer.store(proxy.rules.answers.load(Ordering::Relaxed) + 2, Ordering::Relaxed);
    let failed = writer.finish().err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Ambiguous, "{}", told(&failed));
    assert_eq!(store.stat(&path("packs/ab/b")).unwrap(), Some(1), "the next operation opens the connection again");
}

#[test]
fn an_answer_that_is_cut_off_is_no_shorter_object_and_no_shorter_list() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        put(&store, "packs/ab/first", &pattern(3_000_000)).unwrap();
        for number in 0..500 {
            std::fs::write(server.data().join(format!("vault/packs/ab/{number}")), b"22").unwrap();
        }
        let proxy = Proxy::to(server.port(), Duration::ZERO);
        let far = opened(&at_port(&place(&server, "vault"), proxy.port)).unwrap();
        // rclone remembers for a second that there is one.
        while far.list(&path("packs/ab")).unwrap().len() < 500 {}
        for bytes in [1_000, 20_000, 60_000] {
            proxy.rules.cut_answer_after.store(bytes, Ordering::Relaxed);
            let list = far.list(&path("packs/ab"));
            assert_eq!(kind(list), Some(ErrorKind::Transient), "{script}: list cut after {bytes}");
            assert_eq!(kind(whole(&far, "packs/ab/first")), Some(ErrorKind::Transient), "{script}: {bytes}");
            let part = far.read(&path("packs/ab/first"), 1000, 2_000_000);
            assert_eq!(kind(part), Some(ErrorKind::Transient), "{script}: {bytes}");
            proxy.rules.cut_answer_after.store(0, Ordering::Relaxed);
            assert!(far.list(&path("packs/ab")).unwrap().len() > 500);
        }
    }
}

#[test]
fn something_that_listens_and_never_speaks_is_no_server() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let server = Address { user: None, host: "127.0.0.1".to_owned(), port, path: "/v".to_owned() };
    for transport in [Transport::Plain, Transport::Tls] {
        let place = WebDav { server: server.clone(), transport, password: None, ca_file: None };
        let begun = Instant::now();
        let failed = opened(&place).err().unwrap();
        assert_eq!(failed.kind, ErrorKind::Transient, "{}", told(&failed));
        assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_full_disk_is_full_and_works_again_when_there_is_room() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let disk = Mounted::small(folder.path(), &server.data().join("disk"));
        let store = made(&place(&server, "disk/vault"));
        put(&store, "a", &pattern(4_000_000)).unwrap();
        let failed = put(&store, "b", &pattern(30_000_000)).err().unwrap();
        // The others don't tell it apart from any error of theirs.
        let expected = if script == "apache-dav" { ErrorKind::Full } else { ErrorKind::Transient };
        assert_eq!(failed.kind, expected, "{script}: {}", told(&failed));
        assert!(script == "apache-dav" || told(&failed).contains("disk"), "{script}: {}", told(&failed));
        assert_eq!(store.stat(&path("b")).unwrap(), None, "{script}");
        store.delete(&path(".tmp-b")).unwrap();
        // nginx, which has to copy from another file system here, leaves its copy, and shows no name that begins so.
        for left in std::fs::read_dir(server.data().join("disk/vault")).unwrap().flatten() {
            if left.file_name().as_encoded_bytes().starts_with(b".tmp-b") {
                std::fs::remove_file(left.path()).unwrap();
            }
        }
        disk.settle();
        put(&store, "c", &pattern(4_000_000)).unwrap();
        assert!(whole(&store, "c").unwrap() == pattern(4_000_000), "{script}");
    }
}

#[test]
fn a_server_that_is_busy_may_work_later_and_nothing_is_taken_for_absent() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("nginx-dav", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "packs/ab/a", b"content").unwrap();
    let busy = server.folder.join("busy");
    std::fs::write(&busy, b"").unwrap();
    let asked: [(&str, Option<StoreError>); 7] = [
        ("stat", store.stat(&path("packs/ab/a")).err()),
        ("read", store.read(&path("packs/ab/a"), 0, 9).err()),
        ("read back", whole(&store, "packs/ab/a").err()),
        ("list", store.list(&path("packs/ab")).err()),
        ("put", put(&store, "packs/ab/b", b"x").err()),
        ("delete", store.delete(&path("packs/ab/a")).err()),
        ("open", opened(&place(&server, "vault")).err()),
    ];
    for (what, failed) in asked {
        let failed = failed.unwrap_or_else(|| panic!("{what}: it is busy"));
        assert!(failed.kind == ErrorKind::Transient && told(&failed).contains("503"), "{what}: {}", told(&failed));
    }
    std::fs::remove_file(&busy).unwrap();
    assert_eq!(whole(&store, "packs/ab/a").unwrap(), b"content");
    assert_eq!(store.stat(&path("packs/ab/b")).unwrap(), None);
    put(&store, "packs/ab/b", b"x").unwrap();
}

#[test]
fn a_clock_that_is_a_day_off_changes_nothing() {
    for clock in ["-1d", "+1d"] {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = Server::start_as("apache-dav", &[&format!("--clock={clock}")], folder.path()) else {
            return;
        };
        let today = Command::new("date").arg("+[%a %b %d").output().unwrap().stdout;
        assert_ne!(server.log().as_bytes()[..11], today[..11], "the server's day in its log");
        let store = made(&place(&server, "vault"));
        put(&store, "packs/ab/one", b"content").unwrap();
        assert_eq!(store.list(&path("packs/ab")).unwrap()[0].bytes, Some(7), "{clock}");
        assert_eq!(whole(&store, "packs/ab/one").unwrap(), b"content");
        store.delete(&path("packs/ab/one")).unwrap();
    }
}

#[test]
fn a_permission_that_was_lost_is_denied() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        put(&store, "packs/ab/one", b"x").unwrap();
        let ab = server.data().join("vault/packs/ab");
        let denied = |what: &str, failed: Option<StoreError>| {
            let text = failed.as_ref().map(told);
            let text = text.unwrap_or_default();
            assert_eq!(failed.map(|error| error.kind), Some(ErrorKind::Denied), "{script}: {what}: {text}");
        };
        std::fs::set_permissions(&ab, std::fs::Permissions::from_mode(0o555)).unwrap();
        let small = put(&store, "packs/ab/two", b"x");
        denied("put", small.err());
        denied("put large", put(&store, "packs/ab/two", &pattern(9_000_000)).err());
        denied("delete", store.delete(&path("packs/ab/one")).err());
        std::fs::set_permissions(ab.join("one"), std::fs::Permissions::from_mode(0o0)).unwrap();
        if script != "rclone-dav" {
            // Which says 200, and breaks off.
            denied("read", whole(&store, "packs/ab/one").err());
        }
    }
}

#[test]
fn a_permission_that_was_lost_before_the_name_is_denied() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    let mut writer = store.create(&path("packs/ab/one")).unwrap();
    writer.write(&pattern(9_000_000)).unwrap();
    writer.flush().unwrap();
    let ab = server.data().join("vault/packs/ab");
    std::fs::set_permissions(&ab, std::fs::Permissions::from_mode(0o555)).unwrap();
    let failed = writer.finish().err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Denied, "{}", told(&failed));
}

#[test]
fn a_folder_that_vanished_is_gone_not_empty() {
    for script in ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let store = made(&place(&server, "vault"));
        put(&store, "points/j/p", b"x").unwrap();
        std::fs::rename(server.data().join("vault"), server.data().join("aside")).unwrap();
        if script == "rclone-dav" {
            // Its memory of folders.
            std::thread::sleep(Duration::from_millis(1100));
        }
        assert_eq!(kind(store.list(&path("points/j"))), Some(ErrorKind::Gone), "{script}");
        assert_eq!(kind(store.stat(&path("points/j/p"))), Some(ErrorKind::Gone), "{script}");
        assert_eq!(kind(store.read(&path("points/j/p"), 0, 1)), Some(ErrorKind::Gone), "{script}");
        assert_eq!(kind(store.delete(&path("points/j/p"))), Some(ErrorKind::Gone), "{script}");
        assert_eq!(kind(put(&store, "points/k/q", b"x")), Some(ErrorKind::Gone), "{script}");
        assert_eq!(kind(store.still_there()), Some(ErrorKind::Gone), "{script}");
        assert!(!server.data().join("vault").exists(), "{script}: the root is never made again");
    }
}

#[test]
fn an_object_damaged_or_removed_behind_our_back_is_seen_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "a", &pattern(1_000_000)).unwrap();
    std::fs::write(server.data().join("vault/a"), b"short").unwrap();
    assert_eq!(whole(&store, "a").unwrap(), b"short");
    std::fs::remove_file(server.data().join("vault/a")).unwrap();
    assert_eq!(kind(whole(&store, "a")), Some(ErrorKind::NotFound));
    assert_eq!(store.stat(&path("a")).unwrap(), None);
}

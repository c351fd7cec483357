//! What the store does when servers and lines fail.

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use engine::destination::{ErrorKind, ReadStore, Resume, WriteStore};
use fixtures::{Mounted, Server};

use super::{at_port, by_password, made, opened, place, through};
use crate::common::{kind, path, pattern, put, told, whole};
use crate::cuts::{self, Cuts, Deed};
use fixtures::Proxy;

#[test]
fn a_server_killed_in_mid_object_is_gone_on_with_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = Server::start("sftp", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    let bytes = pattern(20_000_000);
    let mut writer = store.create(&path("packs/ab/x")).unwrap();
    writer.write(&bytes[..12_000_000]).unwrap();
    let left = writer.flush().unwrap();
    assert_eq!(left, Resume::at(12_000_000));
    server.kill();
    let failed = writer.write(&bytes[12_000_000..]).and_then(|()| writer.finish().map(drop)).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Transient, "{}", told(&failed));
    assert_eq!(kind(store.still_there()), Some(ErrorKind::Transient), "nobody listens");

    server.again();
    store.still_there().unwrap();
    let mut writer = store.resume(&path("packs/ab/x"), &left).unwrap();
    assert_eq!(writer.kept(), 12_000_000, "no acknowledged byte is sent again");
    writer.write(&bytes[12_000_000..]).unwrap();
    writer.finish().unwrap();
    assert!(whole(&store, "packs/ab/x").unwrap() == bytes);
}

#[test]
fn a_connection_cut_anywhere_never_makes_an_object_that_is_not_whole() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let sound = made(&place(&server, "vault"));
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let place = through(&server, proxy.port, "vault");
    let bytes = pattern(100_000);
    // How many bytes a whole upload sends; then each cut shortly before that, and coarser ones further away.
    let before = proxy.rules.sent.load(Ordering::Relaxed);
    put(&opened(&place).unwrap(), "packs/00/whole", &bytes).unwrap();
    let all = proxy.rules.sent.load(Ordering::Relaxed) - before;
    let cuts = (0..40).map(|n| all - n * 24).chain((1..12).map(|n| all * n / 12));
    let (mut cut_off, mut done) = (0, 0);
    for (turn, cut) in cuts.enumerate() {
        let name = format!("packs/ab/{turn}");
        proxy.rules.cut_after.store(cut, Ordering::Relaxed);
        let outcome = opened(&place).and_then(|store| put(&store, &name, &bytes));
        proxy.rules.cut_after.store(0, Ordering::Relaxed);
        let said_done = outcome.is_ok();
        match outcome {
            Ok(_) => done += 1,
            Err(error) => {
                let fits = matches!(error.kind, ErrorKind::Transient | ErrorKind::Ambiguous);
                assert!(fits, "cut after {cut} of {all}: {}", told(&error));
                cut_off += 1;
            }
        }
        match sound.stat(&path(&name)).unwrap() {
            Some(_) => assert!(whole(&sound, &name).unwrap() == bytes, "cut after {cut}"),
            None => assert!(!said_done, "cut after {cut}: said to be done and is not there"),
        }
    }
    assert!(cut_off >= 20, "{cut_off} cut off, {done} done");
}

/// With each request that is sent: once before the server sees it, and once when it answers.
#[test]
fn a_connection_cut_with_any_request_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let sound = made(&place(&server, "vault"));
    for deed in [Deed::Cut, Deed::Lose] {
        let proxy = Proxy::to(server.port(), Duration::ZERO);
        let far = opened(&through(&server, proxy.port, "vault")).unwrap();
        let cuts = cuts::through(&proxy, deed, &far, &sound);
        // Those of a login among them: each cut ends the connection. A put has few: its last bytes, the flush and the close go
        // together.
        let least = Cuts { puts: 4, gets: 6, lists: 6, deletes: 6 };
        assert!(cuts.are_at_least(least), "{deed:?}: {cuts:?}");
    }
}

#[test]
fn a_broken_connection_is_opened_again_by_the_next_operation() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let place = through(&server, proxy.port, "vault");
    let store = made(&place);
    put(&store, "a", b"x").unwrap();
    store.still_there().unwrap();
    assert_eq!(proxy.rules.connections.load(Ordering::Relaxed), 1, "nothing else was opened");
    proxy.rules.cut_after.store(1, Ordering::Relaxed);
    assert_eq!(kind(store.stat(&path("a"))), Some(ErrorKind::Transient));
    assert_eq!(kind(store.stat(&path("a"))), Some(ErrorKind::Transient), "cut as it connects");
    proxy.rules.cut_after.store(0, Ordering::Relaxed);
    assert_eq!(store.stat(&path("a")).unwrap(), Some(1));
}

pub fn a_server_that_freezes_is_given_up_within_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let store = made(&through(&server, proxy.port, "vault"));
    proxy.rules.frozen.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    let failed = put(&store, "a", &pattern(20_000_000)).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Transient, "{}", told(&failed));
    assert!(begun.elapsed() < Duration::from_secs(45), "{:?}", begun.elapsed());
    proxy.rules.frozen.store(false, Ordering::Relaxed);
    store.still_there().unwrap();
    put(&store, "b", b"x").unwrap();
}

pub fn something_that_listens_and_never_speaks_is_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let begun = Instant::now();
    let failed = opened(&at_port(&place(&server, "vault"), silent.local_addr().unwrap().port())).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Transient, "{}", told(&failed));
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    // Its end of the connection was closed, nothing is left behind.
    let (mut connection, _) = silent.accept().unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut sent = Vec::new();
    connection.read_to_end(&mut sent).unwrap();
    assert!(sent.starts_with(b"SSH-2.0-"));
}

#[test]
fn a_full_disk_is_full_and_works_again_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let disk = Mounted::small(folder.path(), &server.data().join("disk"));
    let store = made(&place(&server, "disk/vault"));
    put(&store, "a", &pattern(4_000_000)).unwrap();
    let failed = put(&store, "b", &pattern(30_000_000)).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Full, "{}", told(&failed));
    assert_eq!(store.stat(&path("b")).unwrap(), None);
    store.delete(&path(".tmp-b")).unwrap();
    disk.settle();
    put(&store, "c", &pattern(4_000_000)).unwrap();
    assert!(whole(&store, "c").unwrap() == pattern(4_000_000));
}

#[test]
fn a_quota_that_is_reached_is_full_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start_as("sftp-at-once", &["quota=1000000"], folder.path()) else { return };
    let store = made(&by_password(&server, "data", "ann", "vault"));
    put(&store, "a", &pattern(900_000)).unwrap();
    let failed = put(&store, "b", &pattern(3_000_000)).err().unwrap();
    assert!(failed.kind == ErrorKind::Full && told(&failed).contains("quota"), "{}", told(&failed));
    assert_eq!(store.stat(&path("b")).unwrap(), None);
    put(&store, "c", &pattern(900_000)).unwrap();
    assert!(whole(&store, "a").unwrap() == pattern(900_000));
}

#[test]
fn a_clock_that_is_a_day_off_changes_nothing() {
    for clock in ["clock=-1d", "clock=+1d"] {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = Server::start_as("sftp-at-once", &[clock], folder.path()) else { return };
        let today = Command::new("date").arg("+%F").output().unwrap().stdout;
        assert_ne!(server.log().as_bytes()[..10], today[..10], "the server's day in its log");
        let store = made(&by_password(&server, "data", "ann", "vault"));
        put(&store, "packs/ab/one", b"content").unwrap();
        assert_eq!(store.list(&path("packs/ab")).unwrap()[0].bytes, Some(7), "{clock}");
        assert_eq!(whole(&store, "packs/ab/one").unwrap(), b"content");
        store.delete(&path("packs/ab/one")).unwrap();
    }
}

#[test]
fn another_file_system_in_the_folders_place_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let at = server.data().join("disk");
    std::fs::create_dir(&at).unwrap();
    std::fs::create_dir(at.join("vault")).unwrap();
    let store;
    let mut writer;
    {
        let _disk = Mounted::small(folder.path(), &at);
        store = made(&place(&server, "disk/vault"));
        writer = store.create(&path("a")).unwrap();
        writer.write(b"x").unwrap();
        writer.flush().unwrap();
    }
    std::fs::set_permissions(at.join("vault"), std::fs::Permissions::from_mode(0o777)).unwrap();
    // Its file is on the disk that is gone; the name below the mount point is another place's.
    std::fs::write(at.join("vault/.tmp-a"), b"y").unwrap();
    assert_eq!(kind(writer.finish()), Some(ErrorKind::Gone));
    assert_eq!(kind(store.stat(&path("nothing"))), Some(ErrorKind::Gone));
    assert_eq!(kind(store.create(&path("packs/ab/b"))), Some(ErrorKind::Gone));
    assert!(!at.join("vault/packs").exists(), "nothing is made in an empty mount point");
}

#[test]
fn a_folder_that_vanished_is_gone_not_empty() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "points/j/p", b"x").unwrap();
    std::fs::rename(server.data().join("vault"), server.data().join("aside")).unwrap();
    assert_eq!(kind(store.list(&path("points/j"))), Some(ErrorKind::Gone));
    assert_eq!(kind(store.stat(&path("points/j/p"))), Some(ErrorKind::Gone));
    assert_eq!(kind(store.delete(&path("points/j/p"))), Some(ErrorKind::Gone));
    assert_eq!(kind(store.create(&path("points/j/q"))), Some(ErrorKind::Gone));
    assert!(!server.data().join("vault").exists(), "the root is never made again");
}

#[test]
fn a_permission_that_was_lost_is_denied() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "packs/ab/one", b"x").unwrap();
    let ab = server.data().join("vault/packs/ab");
    std::fs::set_permissions(&ab, std::fs::Permissions::from_mode(0o555)).unwrap();
    assert_eq!(kind(store.create(&path("packs/ab/two"))), Some(ErrorKind::Denied));
    assert_eq!(kind(store.delete(&path("packs/ab/one"))), Some(ErrorKind::Denied));
    std::fs::set_permissions(ab.join("one"), std::fs::Permissions::from_mode(0o0)).unwrap();
    assert_eq!(kind(whole(&store, "packs/ab/one")), Some(ErrorKind::Denied));
}

#[test]
fn an_unfinished_object_is_cut_to_what_counts() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    std::fs::write(server.data().join("vault/.tmp-a"), b"0123junk").unwrap();
    Command::new("chown").arg(server.told("user")).arg(server.data().join("vault/.tmp-a")).status().unwrap();
    let mut writer = store.resume(&path("a"), &Resume::at(4)).unwrap();
    assert_eq!(writer.kept(), 4);
    writer.write(b"45").unwrap();
    writer.finish().unwrap();
    assert_eq!(whole(&store, "a").unwrap(), b"012345");
}

#[test]
fn an_object_damaged_or_removed_behind_our_back_is_seen_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "a", &pattern(1_000_000)).unwrap();
    std::fs::write(server.data().join("vault/a"), b"short").unwrap();
    assert_eq!(whole(&store, "a").unwrap(), b"short");
    std::fs::remove_file(server.data().join("vault/a")).unwrap();
    assert_eq!(kind(whole(&store, "a")), Some(ErrorKind::NotFound));
    assert_eq!(store.stat(&path("a")).unwrap(), None);
}

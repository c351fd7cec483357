//! What real servers do to a store on bad days: gone and back, full, forbidden, too few connections, cut at any point.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use common::proxy::Proxy;
use common::{Server, open, path, pattern, put, told, whole};
use engine::config::{Ftp, FtpTls, SecretSource};
use engine::destination::{ErrorKind, Finish, ReadStore, Resume, WriteStore};
use engine::model::VaultPath;
use lab_ftp::FtpStore;

fn behind(proxy: &Proxy, place: &Ftp) -> Ftp {
    let mut place = place.clone();
    place.server.host = "127.0.0.1".into();
    place.server.port = proxy.port();
    place
}

#[test]
fn a_server_that_died_in_mid_object_is_gone_on_with_where_it_was() {
    for options in [&[][..], &["tls=explicit"][..]] {
        let mut server = Server::start("proftpd", options);
        let place = server.place("p");
        let store = open(&place).expect("open");
        let bytes = pattern(24 << 20);
        let half = bytes.len() / 2;
        let mut writer = store.create(&path("packs/ab/one")).expect("create");
        writer.write(&bytes[..half]).expect("write");
        let left = writer.flush().expect("flush");
        assert_eq!(left.bytes, half as u64, "what the server has is known");
        server.kill();
        let error = (0..200).find_map(|_| writer.write(&bytes[..1 << 20]).err()).expect("it is dead");
        assert_eq!(error.kind, ErrorKind::Transient, "{}", told(&error));
        drop(writer);
        assert_eq!(store.stat(&path("a")).expect_err("it is dead").kind, ErrorKind::Transient);
        server.again();
        store.still_there().expect("it is back");
        let mut writer = store.resume(&path("packs/ab/one"), &left).expect("resume");
        assert_eq!(writer.kept(), left.bytes, "nothing is sent again");
        writer.write(&bytes[half..]).expect("write");
        writer.finish().expect("finish");
        assert!(whole(&store, "packs/ab/one").expect("read") == bytes);
    }
}

#[test]
fn a_longer_rest_of_an_earlier_writer_is_not_taken_for_the_object() {
    let server = Server::start("proftpd", &[]);
    let store = open(&server.place("p")).expect("open");
    let bytes = pattern(4 << 20);
    let mut writer = store.create(&path("a")).expect("create");
    writer.write(&bytes).expect("write");
    writer.flush().expect("flush");
    drop(writer);
    let short = &bytes[..3 << 20];
    let mut writer = store.resume(&path("a"), &Resume::at(2 << 20)).expect("resume");
    assert_eq!(writer.kept(), 2 << 20);
    writer.write(&short[2 << 20..]).expect("write");
    assert_eq!(writer.finish().expect_err("it is longer").kind, ErrorKind::Transient);
    assert_eq!(store.stat(&path("a")).expect("stat"), None);
    let mut writer = store.resume(&path("a"), &Resume::at(2 << 20)).expect("resume");
    assert_eq!(writer.kept(), 0, "it is begun anew");
    writer.write(short).expect("write");
    writer.finish().expect("finish");
    assert!(whole(&store, "a").expect("read") == short);
}

/// A small file system of its own, for as long as it lives.
struct Small(tempfile::TempDir);

impl Small {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = ["-t", "tmpfs", "-o", "size=3m,mode=777", "none"];
        let mounted = Command::new("mount").args(options).arg(folder.path()).status().expect("mount");
        assert!(mounted.success(), "needs root");
        Self(folder)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_full() {
    for (name, tls) in [("proftpd", "tls=none"), ("proftpd", "tls=explicit")] {
        let small = Small::new();
        let data = format!("data={}", small.0.path().display());
        let server = Server::start(name, &[tls, &data]);
        let store = open(&server.place("p")).expect("open");
        let error = put(&store, "packs/ab/one", &pattern(8 << 20)).expect_err("too much");
        assert_eq!(error.kind, ErrorKind::Full, "{}", told(&error));
        assert_eq!(store.stat(&path("packs/ab/one")).expect("stat"), None);
        store.delete(&path("packs/ab/.tmp-one")).expect("delete");
        put(&store, "packs/ab/two", &pattern(1 << 20)).expect("there is room for this");
    }
}

#[test]
fn a_lost_permission_is_denied_and_never_an_absence() {
    for (name, options) in [("proftpd", &[][..]), ("vsftpd", &[][..]), ("vsftpd", &["tls=explicit"][..])] {
        let server = Server::start(name, options);
        let place = server.place("p");
        let store = open(&place).expect("open");
        put(&store, "packs/ab/one", b"content").expect("put");
        let folder = server.on_disk(&place, "packs/ab");
        let mode = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).expect("changed");
        mode(0o555);
        for error in [
            put(&store, "packs/ab/two", b"x").expect_err("put"),
            store.delete(&path("packs/ab/one")).expect_err("delete"),
        ] {
            assert_eq!(error.kind, ErrorKind::Denied, "{name}: {}", told(&error));
        }
        mode(0o000);
        let stat = store.stat(&path("packs/ab/one"));
        assert_eq!(stat.as_ref().map_err(|error| error.kind), Err(ErrorKind::Denied), "{name}: {stat:?}");
        let list = store.list(&path("packs/ab"));
        assert_eq!(list.as_ref().map_err(|error| error.kind), Err(ErrorKind::Denied), "{name}: {list:?}");
        mode(0o755);
        assert_eq!(store.stat(&path("packs/ab/one")).expect("stat"), Some(7));
    }
}

#[test]
fn a_wrong_password_is_tried_once() {
    let log = tempfile::NamedTempFile::new().expect("a log");
    let server = Server::start("pyftpd", &[&format!("log={}", log.path().display())]);
    let wrong = Some(SecretSource::File(server.folder.path().join("wrong")));
    let place = Ftp { password: wrong, ..server.place("p") };
    let error = open(&place).err().expect("denied");
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(told(&error).contains("check the user") && !told(&error).contains("hunter2"), "{}", told(&error));
    let said = std::fs::read_to_string(log.path()).expect("a log");
    assert_eq!(said.lines().filter(|line| line.starts_with("PASS")).count(), 1, "{said}");
}

#[test]
fn a_certificate_that_can_t_be_trusted_is_denied_with_what_to_do() {
    for (cert, advice) in [("expired", "renew it"), ("elsewhere", "another name"), ("server", "`ca-file`")] {
        for tls in ["tls=explicit", "tls=implicit"] {
            let server = Server::start("proftpd", &[tls, &format!("cert={cert}")]);
            let mut place = server.place("p");
            if cert == "server" {
                place.ca_file = None;
            }
            let error = open(&place).err().expect("denied");
            assert_eq!(error.kind, ErrorKind::Denied, "{}", told(&error));
            assert!(told(&error).contains(advice), "{}", told(&error));
        }
    }
}

#[test]
fn a_server_without_tls_is_not_talked_to_in_clear() {
    let log = tempfile::NamedTempFile::new().expect("a log");
    let server = Server::start("pyftpd", &[&format!("log={}", log.path().display())]);
    let error = open(&Ftp { tls: FtpTls::Explicit, ..server.place("p") }).err().expect("denied");
    assert_eq!(error.kind, ErrorKind::Denied, "{}", told(&error));
    assert!(!std::fs::read_to_string(log.path()).expect("a log").contains("USER"));
}

#[test]
fn one_connection_is_enough() {
    let server = Server::start("proftpd", &["max=1"]);
    let store = open(&server.place("p")).expect("open");
    let bytes = pattern(3 << 20);
    let mut one = store.create(&path("packs/ab/one")).expect("create");
    let mut two = store.create(&path("packs/ab/two")).expect("create");
    two.write(b"small").expect("write");
    one.write(&bytes[..2 << 20]).expect("write");
    assert_eq!(one.flush().expect("flush"), Resume::at(2 << 20));
    two.finish().expect("the other one has paused");
    one.write(&bytes[2 << 20..]).expect("write");
    let begun = Instant::now();
    let error = store.stat(&path("packs/ab/two")).expect_err("the connection is in use");
    assert!(error.kind == ErrorKind::Transient && told(&error).contains("no more connections"), "{}", told(&error));
    assert!(begun.elapsed() < Duration::from_secs(20));
    one.finish().expect("finish");
    assert!(whole(&store, "packs/ab/one").expect("read") == bytes);
}

#[test]
fn a_place_that_is_not_there_is_not_made_by_looking() {
    for name in ["proftpd", "vsftpd"] {
        let server = Server::start(name, &[]);
        let mut place = server.place("p");
        let parent = place.server.path.clone();
        place.server.path = format!("{parent}/new/below");
        assert_eq!(open(&place).err().expect("absent").kind, ErrorKind::NotFound);
        let make = |place: &Ftp| FtpStore::create_root(place, &|_| {});
        assert_eq!(make(&place).err().expect("no parent").kind, ErrorKind::NotFound);
        place.server.path = format!("{parent}/new place");
        let store = make(&place).expect("made");
        put(&store, "a", b"x").expect("put");
        assert_eq!(make(&place).err().expect("twice").kind, ErrorKind::Exists);
        assert_eq!(store.list(&VaultPath::root()).expect("list").len(), 1);
    }
}

#[test]
fn a_place_that_goes_is_gone() {
    let mut server = Server::start("proftpd", &[]);
    let place = server.place("p");
    let store = open(&place).expect("open");
    server.kill();
    std::fs::remove_dir(server.on_disk(&place, "")).expect("removed");
    server.again();
    assert_eq!(store.still_there().expect_err("gone").kind, ErrorKind::Gone);
}

/// Puts one object while everything is cut at some point, then again without: what is done is done once.
fn survives(proxy: &Proxy, store: &FtpStore, at: &str, bytes: &[u8], cut: impl Fn()) {
    cut();
    let done = put(store, at, bytes);
    proxy.cut_after_requests(-1);
    proxy.cut_after_bytes(-1);
    let stat = store.stat(&path(at)).expect("it answers again");
    match done {
        Ok(_) => assert_eq!(stat, Some(bytes.len() as u64), "{at}"),
        Err(error) => {
            assert!(matches!(error.kind, ErrorKind::Transient | ErrorKind::Ambiguous), "{at}: {}", told(&error));
            match put(store, at, bytes) {
                Ok(_) => assert_eq!(stat, None, "{at}"),
                Err(error) => {
                    assert_eq!((error.kind, stat.is_some()), (ErrorKind::Exists, true), "{at}: {}", told(&error))
                }
            }
        }
    }
    assert!(whole(store, at).expect("read") == bytes, "{at}");
}

#[test]
fn a_connection_cut_after_any_request_loses_nothing_and_doubles_nothing() {
    let server = Server::start("proftpd", &[]);
    let proxy = Proxy::start(server.port, Duration::ZERO);
    let store = open(&behind(&proxy, &server.place("p"))).expect("open");
    for n in 1..30 {
        survives(&proxy, &store, &format!("a{n}"), b"content", || proxy.cut_after_requests(n));
    }
}

#[test]
fn a_connection_cut_after_any_byte_loses_nothing() {
    let server = Server::start("proftpd", &[]);
    let proxy = Proxy::start(server.port, Duration::ZERO);
    let store = open(&behind(&proxy, &server.place("p"))).expect("open");
    let bytes = pattern(2 << 20);
    for n in [1, 100, 65_535, 65_536, 500_000, 2_097_151, 2_097_152] {
        survives(&proxy, &store, &format!("a{n}"), &bytes, || proxy.cut_after_bytes(n));
    }
}

#[test]
fn a_download_that_is_cut_is_an_error() {
    for tls in ["tls=none", "tls=explicit"] {
        let mut server = Server::start("proftpd", &[tls]);
        let store = open(&server.place("p")).expect("open");
        let bytes = pattern(32 << 20);
        put(&store, "a", &bytes).expect("put");
        let mut reader = store.read_medium(&path("a")).expect("read");
        let mut piece = vec![0; 1 << 20];
        reader.read(&mut piece).expect("read");
        server.kill();
        let error = (0..100_000).find_map(|_| reader.read(&mut piece).err()).expect("never whole");
        assert_eq!(error.kind, ErrorKind::Transient, "{tls}: {}", told(&error));
    }
}

#[test]
fn a_download_that_the_server_calls_complete_and_is_not_is_an_error() {
    let server = Server::start("pyftpd", &["cut-retr"]);
    let store = open(&server.place("p")).expect("open");
    put(&store, "a", &pattern(300_000)).expect("put");
    let error = whole(&store, "a").expect_err("half");
    assert!(told(&error).contains("150000 bytes came of the 300000"), "{}", told(&error));
}

#[test]
fn an_upload_that_the_server_calls_complete_and_is_not_is_an_error() {
    let server = Server::start("pyftpd", &["short"]);
    let store = open(&server.place("p")).expect("open");
    assert_eq!(put(&store, "a", b"content").expect_err("short").kind, ErrorKind::Transient);
    assert_eq!(store.stat(&path("a")).expect("stat"), None);
}

#[test]
fn a_lost_acknowledgement_is_not_uploaded_twice() {
    for fault in ["lost-226", "idle-421", "lost-rnto"] {
        let log = tempfile::NamedTempFile::new().expect("a log");
        let server = Server::start("pyftpd", &[fault, &format!("log={}", log.path().display())]);
        let store = open(&server.place("p")).expect("open");
        put(&store, "a", b"content").unwrap_or_else(|error| panic!("{fault}: {}", told(&error)));
        assert_eq!(whole(&store, "a").expect("read"), b"content");
        let said = std::fs::read_to_string(log.path()).expect("a log");
        assert_eq!(said.lines().filter(|line| line.starts_with("STOR")).count(), 1, "{fault}: {said}");
        assert!(said.lines().filter(|line| line.starts_with("USER")).count() > 1, "{fault}: nothing was lost: {said}");
    }
}

#[test]
fn a_server_that_goes_on_elsewhere_than_asked_is_not_believed() {
    let server = Server::start("pyftpd", &["rest-ignored"]);
    let store = open(&server.place("p")).expect("open");
    let bytes = pattern(4 << 20);
    let mut writer = store.create(&path("a")).expect("create");
    writer.write(&bytes[..3 << 20]).expect("write");
    let left = writer.flush().expect("flush");
    drop(writer);
    let finish = |left: &Resume| {
        let mut writer = store.resume(&path("a"), left).expect("resume");
        let kept = writer.kept();
        writer.write(&bytes[kept as usize..]).expect("write");
        (kept, writer.finish().map_err(|error| error.kind))
    };
    assert!(left.bytes > 2 << 20, "{left:?}");
    assert_eq!(finish(&left), (left.bytes, Err(ErrorKind::Transient)));
    assert_eq!(finish(&left), (0, Ok(Finish::Named)));
    assert!(whole(&store, "a").expect("read") == bytes);
}

#[test]
fn a_refused_rename_is_denied() {
    let server = Server::start("pyftpd", &["no-rnto"]);
    let store = open(&server.place("p")).expect("open");
    assert_eq!(put(&store, "a", b"content").expect_err("refused").kind, ErrorKind::Denied);
}

#[test]
fn the_server_s_own_checksum_is_taken() {
    let server = Server::start("proftpd", &["tls=explicit", "checksum"]);
    let store = open(&server.place("p")).expect("open");
    assert_eq!(put(&store, "a", &pattern(3 << 20)).expect("put"), Finish::Confirmed);
    assert_eq!(put(&store, "b", b"").expect("put"), Finish::Confirmed);
}

#[test]
fn tls_sessions_do_not_run_out() {
    for (name, options) in [
        ("vsftpd", &["tls=explicit"][..]),
        ("vsftpd", &["tls=implicit"][..]),
        ("proftpd", &["tls=explicit"][..]),
        ("proftpd", &["tls=explicit", "only-tls13"][..]),
    ] {
        let server = Server::start(name, options);
        let store = open(&server.place("p")).expect("open");
        for n in 0..6 {
            put(&store, &format!("a{n}"), b"content").unwrap_or_else(|error| panic!("{options:?}: {}", told(&error)));
        }
        for n in 0..4 {
            assert_eq!(store.list(&VaultPath::root()).expect("list").len(), 6, "{n}");
            assert_eq!(store.read(&path("a1"), 1, 2).expect("read"), b"on");
        }
    }
}

#[test]
fn an_idle_connection_that_was_closed_is_opened_again() {
    let server = Server::start("proftpd", &[]);
    let proxy = Proxy::start(server.port, Duration::ZERO);
    let store = open(&behind(&proxy, &server.place("p"))).expect("open");
    proxy.requests();
    store.still_there().expect("there");
    assert_eq!(proxy.requests(), Vec::<String>::new(), "no request while the connection stands");
    proxy.cut();
    assert_eq!(store.stat(&path("a")).expect("stat"), None);
    store.still_there().expect("there");
}

#[test]
fn a_server_that_hangs_is_given_up_within_a_minute() {
    let server = Server::start("proftpd", &[]);
    let proxy = Proxy::start(server.port, Duration::ZERO);
    let store = open(&behind(&proxy, &server.place("p"))).expect("open");
    proxy.hang();
    let begun = Instant::now();
    let error = store.stat(&path("a")).expect_err("it hangs");
    assert!(error.kind == ErrorKind::Transient && told(&error).contains("30 seconds"), "{}", told(&error));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

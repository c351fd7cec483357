//! What the store does when servers and lines fail: gone and back, full, forbidden, cut at any point, too slow.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use engine::destination::{ErrorKind, FtpStore, ReadStore, Resume, WriteStore};

use fixtures::Mounted;

use super::proxy::Proxy;
use super::start;
use crate::common::{kind, path, pattern, put, told, whole};
use crate::cuts::{self, Cuts, Deed, Line};

#[test]
fn a_server_killed_in_mid_object_is_gone_on_with_where_it_was() {
    for words in [&[][..], &["tls=explicit"]] {
        let Some(mut running) = start("proftpd", words) else { return };
        let store = running.made("vault");
        let bytes = pattern(24 << 20);
        let half = bytes.len() / 2;
        let mut writer = store.create(&path("packs/ab/one")).unwrap();
        writer.write(&bytes[..half]).unwrap();
        let left = writer.flush().unwrap();
        assert_eq!(left, Resume::at(half as u64), "what the server has is known");
        running.server.kill();
        let error = (0..200).find_map(|_| writer.write(&bytes[..1 << 20]).err()).expect("it is dead");
        assert_eq!(error.kind, ErrorKind::Transient, "{}", told(&error));
        drop(writer);
        assert_eq!(kind(store.stat(&path("a"))), Some(ErrorKind::Transient), "nobody listens");

        running.server.again();
        store.still_there().unwrap();
        let mut writer = store.resume(&path("packs/ab/one"), &left).unwrap();
        assert_eq!(writer.kept(), left.bytes, "no acknowledged byte is sent again");
        writer.write(&bytes[half..]).unwrap();
        writer.finish().unwrap();
        assert!(whole(&store, "packs/ab/one").unwrap() == bytes);
    }
}

#[test]
fn a_connection_that_the_server_ends_in_mid_object_as_idle_is_gone_on_with() {
    let Some(running) = start("proftpd", &["idle=2"]) else { return };
    let store = running.made("vault");
    let bytes = pattern(6 << 20);
    let mut writer = store.create(&path("a")).unwrap();
    writer.write(&bytes[..3 << 20]).unwrap();
    let left = writer.flush().unwrap();
    assert_eq!(left, Resume::at(3 << 20));
    fixtures::bench::wait_until("the server ends what does not move", || {
        running.server.log().contains("stall timeout")
    });
    let error = (0..3).find_map(|_| writer.write(&bytes[..1 << 20]).err());
    let error = error.or_else(|| writer.finish().err()).expect("it is not whole");
    assert_eq!(error.kind, ErrorKind::Transient, "{}", told(&error));
    let mut writer = store.resume(&path("a"), &left).unwrap();
    assert_eq!(writer.kept(), 3 << 20);
    writer.write(&bytes[3 << 20..]).unwrap();
    writer.finish().unwrap();
    assert!(whole(&store, "a").unwrap() == bytes);
}

#[test]
fn a_longer_rest_of_an_earlier_writer_is_not_taken_for_the_object() {
    let Some(running) = start("proftpd", &[]) else { return };
    let store = running.made("vault");
    let bytes = pattern(4 << 20);
    let mut writer = store.create(&path("a")).unwrap();
    writer.write(&bytes).unwrap();
    writer.flush().unwrap();
    drop(writer);
    let short = &bytes[..3 << 20];
    let mut writer = store.resume(&path("a"), &Resume::at(2 << 20)).unwrap();
    assert_eq!(writer.kept(), 2 << 20);
    writer.write(&short[2 << 20..]).unwrap();
    assert_eq!(kind(writer.finish()), Some(ErrorKind::Transient), "it is longer");
    assert_eq!(store.stat(&path("a")).unwrap(), None);
    let mut writer = store.resume(&path("a"), &Resume::at(2 << 20)).unwrap();
    assert_eq!(writer.kept(), 0, "it is begun anew");
    writer.write(short).unwrap();
    writer.finish().unwrap();
    assert!(whole(&store, "a").unwrap() == short);
}

#[test]
fn a_full_disk_is_full_and_works_again_when_there_is_room() {
    for tls in [&[][..], &["tls=explicit"]] {
        let Some(running) = start("proftpd", tls) else { return };
        let aside = tempfile::tempdir().unwrap();
        let disk = Mounted::small(aside.path(), &running.on_disk("disk"));
        let store = running.made("disk/vault");
        put(&store, "packs/ab/a", &pattern(4_000_000)).unwrap();
        let error = put(&store, "packs/ab/b", &pattern(30_000_000)).expect_err("too much");
        assert_eq!(error.kind, ErrorKind::Full, "{}", told(&error));
        assert_eq!(store.stat(&path("packs/ab/b")).unwrap(), None);
        store.delete(&path("packs/ab/.tmp-b")).unwrap();
        disk.settle();
        put(&store, "packs/ab/c", &pattern(4_000_000)).unwrap();
        assert!(whole(&store, "packs/ab/c").unwrap() == pattern(4_000_000));
    }
}

#[test]
fn a_quota_that_is_reached_is_full_and_what_lies_there_is_read() {
    let Some(running) = start("proftpd", &["quota=3000000"]) else { return };
    let store = running.made("vault");
    put(&store, "a", &pattern(1_000_000)).unwrap();
    for time in 0..2 {
        let error = put(&store, "b", &pattern(6_000_000)).expect_err("too much");
        assert_eq!(error.kind, ErrorKind::Full, "{time}: {}", told(&error));
    }
    assert_eq!(store.stat(&path("b")).unwrap(), None);
    assert!(whole(&store, "a").unwrap() == pattern(1_000_000));
    store.delete(&path("a")).unwrap();
}

#[test]
fn a_permission_that_was_lost_is_denied_and_never_an_absence() {
    for (script, words) in [("proftpd", &[][..]), ("vsftpd", &[]), ("vsftpd", &["tls=explicit"])] {
        let Some(running) = start(script, words) else { return };
        let store = running.made("vault");
        put(&store, "packs/ab/one", b"content").unwrap();
        let folder = running.on_disk("vault/packs/ab");
        let mode = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o555);
        let deleted = store.delete(&path("packs/ab/one"));
        for error in [put(&store, "packs/ab/two", b"x").expect_err("put"), deleted.expect_err("delete")] {
            assert_eq!(error.kind, ErrorKind::Denied, "{script}: {}", told(&error));
        }
        mode(0o000);
        assert_eq!(kind(store.stat(&path("packs/ab/one"))), Some(ErrorKind::Denied), "{script}");
        assert_eq!(kind(store.list(&path("packs/ab"))), Some(ErrorKind::Denied), "{script}");
        mode(0o755);
        assert_eq!(store.stat(&path("packs/ab/one")).unwrap(), Some(7));
    }
}

#[test]
fn a_folder_that_vanished_is_gone_not_empty() {
    let Some(mut running) = start("proftpd", &[]) else { return };
    let store = running.made("vault");
    put(&store, "points/j/p", b"x").unwrap();
    running.server.kill();
    std::fs::rename(running.on_disk("vault"), running.on_disk("aside")).unwrap();
    running.server.again();
    assert_eq!(kind(store.still_there()), Some(ErrorKind::Gone));
    for error in [kind(store.list(&path("points/j"))), kind(put(&store, "points/j/q", b"x"))] {
        assert!(matches!(error, Some(ErrorKind::Gone | ErrorKind::NotFound)), "{error:?}");
    }
    assert!(!running.on_disk("vault").exists(), "the root is never made again");
}

#[test]
fn an_object_damaged_or_removed_behind_our_back_is_seen_as_it_is() {
    for (script, words) in [("proftpd", &["tls=explicit"][..]), ("vsftpd", &["hide-size"])] {
        let Some(running) = start(script, words) else { return };
        let store = running.made("vault");
        put(&store, "a", &pattern(1_000_000)).unwrap();
        std::fs::write(running.on_disk("vault/a"), b"short").unwrap();
        assert_eq!(whole(&store, "a").unwrap(), b"short", "{script}");
        std::fs::remove_file(running.on_disk("vault/a")).unwrap();
        assert_eq!(kind(whole(&store, "a")), Some(ErrorKind::NotFound), "{script}");
        assert_eq!(store.stat(&path("a")).unwrap(), None, "{script}");
    }
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
                    assert_eq!((error.kind, stat.is_some()), (ErrorKind::Exists, true), "{at}: {}", told(&error));
                }
            }
        }
    }
    assert!(whole(store, at).unwrap() == bytes, "{at}");
}

/// Each request is done, and its reply lost with every connection.
#[test]
fn a_connection_cut_after_any_request_loses_nothing_and_doubles_nothing() {
    let Some(running) = start("proftpd", &[]) else { return };
    let proxy = Proxy::to(running.server.port(), Duration::ZERO);
    let far = running.through(&proxy, "vault");
    let sound = super::opened(&running.place("vault")).unwrap();
    let cut = |request: u64| {
        proxy.requests();
        proxy.cut_after_requests(if request == 0 { -1 } else { request as i64 });
    };
    let line = Line { cut: &cut, asked: &|| proxy.requests().len() as u64, cuts: &|| proxy.cuts() };
    let cuts = cuts::everywhere("clear", &line, &far, &sound);
    let least = Cuts { puts: 7, gets: 3, lists: 2, deletes: 1 };
    assert!(cuts.are_at_least(least), "{cuts:?}");
}

/// With each thing that is sent on any of its connections, and each of them by itself: the server does it, and what it
/// answers is lost.
#[test]
fn a_sealed_connection_cut_with_anything_sent_loses_nothing_and_doubles_nothing() {
    let ports = super::free_ports(200);
    let passive = format!("passive={}-{}", ports.start, ports.end - 1);
    let Some(running) = start("proftpd", &["tls=explicit", &passive]) else { return };
    let sound = running.made("vault");
    let proxy = fixtures::Proxy::before(running.server.port(), ports, Duration::ZERO);
    let mut place = running.place("vault");
    place.server.host = fixtures::proxy::SECOND_ADDRESS.to_owned();
    let far = super::opened(&place).unwrap_or_else(|error| panic!("{}", told(&error)));
    let cuts = cuts::through(&proxy, Deed::Lose, &far, &sound);
    let least = Cuts { puts: 5, gets: 5, lists: 3, deletes: 2 };
    assert!(cuts.are_at_least(least), "{cuts:?}");
}

#[test]
fn a_connection_cut_after_any_byte_loses_nothing() {
    let Some(running) = start("proftpd", &[]) else { return };
    let proxy = Proxy::to(running.server.port(), Duration::ZERO);
    let store = running.through(&proxy, "vault");
    let bytes = pattern(2 << 20);
    for n in [1, 100, 65_535, 65_536, 500_000, 2_097_151, 2_097_152] {
        survives(&proxy, &store, &format!("a{n}"), &bytes, || proxy.cut_after_bytes(n));
    }
    assert_eq!(proxy.cuts(), 7, "each was cut");
}

#[test]
fn a_download_that_is_cut_is_an_error() {
    for words in [&[][..], &["tls=explicit"]] {
        let Some(mut running) = start("proftpd", words) else { return };
        let store = running.made("vault");
        put(&store, "a", &pattern(32 << 20)).unwrap();
        let mut reader = store.read_medium(&path("a")).unwrap();
        let mut piece = vec![0; 1 << 20];
        reader.read(&mut piece).unwrap();
        running.server.kill();
        let error = (0..100_000).find_map(|_| reader.read(&mut piece).err()).expect("never whole");
        assert_eq!(error.kind, ErrorKind::Transient, "{words:?}: {}", told(&error));
    }
}

#[test]
fn an_idle_connection_that_was_closed_is_opened_again() {
    let Some(running) = start("proftpd", &[]) else { return };
    let proxy = Proxy::to(running.server.port(), Duration::ZERO);
    let store = running.through(&proxy, "vault");
    proxy.requests();
    store.still_there().unwrap();
    assert_eq!(proxy.requests(), Vec::<String>::new(), "no request while the connection stands");
    proxy.cut();
    assert_eq!(store.stat(&path("a")).unwrap(), None);
    store.still_there().unwrap();
}

pub fn a_server_that_freezes_is_given_up_within_a_minute() {
    let Some(running) = start("proftpd", &[]) else { return };
    let proxy = Proxy::to(running.server.port(), Duration::ZERO);
    let store = running.through(&proxy, "vault");
    proxy.hang();
    let begun = Instant::now();
    let error = store.stat(&path("a")).expect_err("it hangs");
    assert!(error.kind == ErrorKind::Transient && told(&error).contains("30 seconds"), "{}", told(&error));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

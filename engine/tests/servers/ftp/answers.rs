//! Servers whose answers are wrong or lost: neither is an object doubled, nor is what is not whole believed.

use engine::destination::{ErrorKind, Finish, ReadStore, Resume, WriteStore};

use super::start;
use crate::common::{kind, path, pattern, put, told, whole};

#[test]
fn a_download_that_the_server_calls_complete_and_is_not_is_an_error() {
    let Some(running) = start("pyftpd", &["cut-retr"]) else { return };
    let store = running.made("vault");
    put(&store, "a", &pattern(300_000)).unwrap();
    let error = whole(&store, "a").expect_err("half");
    assert!(told(&error).contains("150000 bytes came of the 300000"), "{}", told(&error));
}

#[test]
fn an_upload_that_the_server_calls_complete_and_is_not_is_an_error() {
    let Some(running) = start("pyftpd", &["short"]) else { return };
    let store = running.made("vault");
    assert_eq!(kind(put(&store, "a", b"content")), Some(ErrorKind::Transient));
    assert_eq!(store.stat(&path("a")).unwrap(), None);
}

#[test]
fn a_lost_acknowledgement_is_not_uploaded_twice() {
    for fault in ["lost-226", "idle-421", "lost-rnto"] {
        let Some(running) = start("pyftpd", &[fault]) else { return };
        let store = running.made("vault");
        let before = running.noted("USER");
        put(&store, "a", b"content").unwrap_or_else(|error| panic!("{fault}: {}", told(&error)));
        assert_eq!(whole(&store, "a").unwrap(), b"content");
        assert_eq!(running.noted("STOR"), 1, "{fault}: {}", running.server.log());
        assert!(running.noted("USER") > before, "{fault}: nothing was lost: {}", running.server.log());
    }
}

#[test]
fn a_server_that_goes_on_elsewhere_than_asked_is_not_believed() {
    let Some(running) = start("pyftpd", &["rest-ignored"]) else { return };
    let store = running.made("vault");
    let bytes = pattern(4 << 20);
    let mut writer = store.create(&path("a")).unwrap();
    writer.write(&bytes[..3 << 20]).unwrap();
    let left = writer.flush().unwrap();
    drop(writer);
    let finish = |left: &Resume| {
        let mut writer = store.resume(&path("a"), left).unwrap();
        let kept = writer.kept();
        writer.write(&bytes[kept as usize..]).unwrap();
        (kept, writer.finish().map_err(|error| error.kind))
    };
    assert!(left.bytes > 2 << 20, "{left:?}");
    assert_eq!(finish(&left), (left.bytes, Err(ErrorKind::Transient)));
    assert_eq!(finish(&left), (0, Ok(Finish::Named)));
    assert!(whole(&store, "a").unwrap() == bytes);
}

#[test]
fn a_server_that_loses_requests_that_come_together_is_asked_one_by_one() {
    let Some(running) = start("pyftpd", &["one-by-one"]) else { return };
    running.folder_by_hand("vault");
    let store = super::opened(&running.place("vault")).unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(running.noted("USER"), 2, "it was found out once");
    put(&store, "packs/ab/one", &pattern(300_000)).unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(store.lanes() > 1 && whole(&store, "packs/ab/one").unwrap() == pattern(300_000));
    assert_eq!(running.noted("FEAT"), 2, "what is known is not asked again: {}", running.server.log());
}

#[test]
fn a_refused_rename_is_denied() {
    let Some(running) = start("pyftpd", &["no-rnto"]) else { return };
    assert_eq!(kind(put(&running.made("vault"), "a", b"content")), Some(ErrorKind::Denied));
}

#[test]
fn what_ends_without_the_end_of_tls_may_have_been_cut_off_and_is_an_error() {
    let Some(running) = start("pyftpd", &["tls=explicit"]) else { return };
    let sound = running.made("vault");
    put(&sound, "packs/ab/one", &pattern(300_000)).unwrap();
    assert!(whole(&sound, "packs/ab/one").unwrap() == pattern(300_000));

    let Some(cutting) = start("pyftpd", &["tls=explicit", "truncated"]) else { return };
    std::fs::create_dir_all(cutting.on_disk("vault/packs/ab")).unwrap();
    std::fs::write(cutting.on_disk("vault/packs/ab/one"), pattern(300_000)).unwrap();
    let store = super::opened(&cutting.place("vault")).unwrap();
    let errors = [whole(&store, "packs/ab/one").err(), store.list(&path("packs/ab")).err()];
    for error in errors.into_iter().map(|error| error.expect("it may be a part of it")) {
        let text = told(&error);
        assert!(error.kind == ErrorKind::Transient && text.contains("close_notify"), "{text}");
    }
}

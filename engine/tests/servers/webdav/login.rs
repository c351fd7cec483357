//! Who is trusted and who gets in.

use engine::config::WebDav;
use engine::destination::{ErrorKind, ReadStore};

use fixtures::Server;

use super::places::{asked, asked_since, made, opened, place, secure, started};
use crate::common::{kind, path, put, secret, told};

fn refused(place: &WebDav) -> String {
    let error = opened(place).err().expect("refused");
    assert_eq!(error.kind, ErrorKind::Denied, "{}", told(&error));
    let text = told(&error);
    assert!(!text.contains("wrong-horse"), "{text}");
    text
}

#[test]
fn a_wrong_password_is_tried_once() {
    for script in ["apache-dav", "nginx-dav"] {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = started(script, folder.path()) else { return };
        let wrong = WebDav { password: secret(folder.path(), "wrong-horse"), ..place(&server, "") };
        let text = refused(&wrong);
        assert!(text.contains("refuses the user ann and the password") && text.contains("To do:"), "{text}");
        let all = asked_since(&server, 0, 1);
        assert_eq!(all.len(), 1, "{script}: {all:?}");
    }
}

#[test]
fn a_password_that_was_changed_meanwhile_is_tried_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "a", b"x").unwrap();
    std::fs::write(server.folder.join("users"), "ann:$apr1$x$0000000000000000000000\n").unwrap();
    for _ in 0..3 {
        assert_eq!(kind(store.stat(&path("a"))), Some(ErrorKind::Denied));
        assert_eq!(kind(put(&store, "b", b"x")), Some(ErrorKind::Denied));
    }
    // It is noted late; what came before it is noted by then.
    let begun = std::time::Instant::now();
    while !asked(&server).iter().any(|line| line.contains(" 401 ")) && begun.elapsed().as_secs() < 3 {}
    let all = asked(&server);
    let tried = all.iter().filter(|line| line.contains(" 401 ")).count();
    assert_eq!(tried, 1, "{all:?}");
}

#[test]
fn no_user_and_no_right_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let mut nobody = place(&server, "");
    nobody.server.user = None;
    assert!(refused(&nobody).contains("asks for a login"));
    std::fs::create_dir(server.data().join("forbidden")).unwrap();
    assert!(refused(&place(&server, "forbidden")).contains("403 (forbidden"));
}

#[test]
fn a_certificate_is_trusted_by_its_authority_only() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    made(&secure(&server, "tls", "vault"));
    // A look, MKCOL, a look: waited for, as they are noted late.
    let before = asked_since(&server, 0, 3).len();
    let unknown = refused(&WebDav { ca_file: None, ..secure(&server, "tls", "vault") });
    assert!(unknown.contains("no authority that is trusted here") && unknown.contains("`ca-file`"), "{unknown}");
    let expired = refused(&secure(&server, "expired", "vault"));
    assert!(expired.contains("has expired") && expired.contains("renewed"), "{expired}");
    let elsewhere = refused(&secure(&server, "elsewhere", "vault"));
    assert!(elsewhere.contains("is for another name"), "{elsewhere}");
    let file = folder.path().join("empty");
    std::fs::write(&file, "no certificate").unwrap();
    let empty = refused(&WebDav { ca_file: Some(file), ..secure(&server, "tls", "vault") });
    assert!(empty.contains("holds no certificate"), "{empty}");
    refused(&WebDav { ca_file: Some(folder.path().join("nowhere")), ..secure(&server, "tls", "vault") });
    assert_eq!(asked(&server).len(), before, "nothing was sent to it");
}

#[test]
fn tls_and_no_tls_on_the_wrong_port_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    let plain_port = super::places::at_port(&secure(&server, "tls", ""), server.port());
    let error = opened(&plain_port).err().unwrap();
    assert!(error.kind == ErrorKind::Permanent && told(&error).contains("does not speak TLS"), "{}", told(&error));
    let tls_port = super::places::at_port(&place(&server, ""), server.told("tls").parse().unwrap());
    assert!(matches!(kind(opened(&tls_port)), Some(ErrorKind::Permanent | ErrorKind::Transient)));
}

#[test]
fn a_secret_that_others_can_read_is_used_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started("apache-dav", folder.path()) else { return };
    std::process::Command::new("chmod").arg("644").arg(server.folder.join("password")).status().unwrap();
    let told = std::cell::RefCell::new(String::new());
    let warn = |text: &str| told.borrow_mut().push_str(text);
    engine::destination::WebDavStore::open(&place(&server, ""), &warn).unwrap();
    assert!(told.borrow().contains("chmod 600"), "{told:?}");
}

#[test]
fn nginx_without_its_extension_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start_as("nginx-dav", &["--without-ext"], folder.path()) else { return };
    let error = opened(&place(&server, "")).err().unwrap();
    assert!(error.kind == ErrorKind::Permanent && told(&error).contains("dav_ext"), "{}", told(&error));
}

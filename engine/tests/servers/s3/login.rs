//! Who is let in, by which keys, and what a refusal says.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use engine::config::{S3, S3Credentials};
use engine::destination::{ErrorKind, ReadStore, WriteStore};

use super::places::{at_port, bucket_of, keyed, made, opened, place, secret, shared, started};
use super::proxy::{Proxy, refusal};
use crate::common::{faketime, kind, path, put, told, whole};
use fixtures::Server;

#[test]
fn a_wrong_key_is_denied_with_one_request() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = shared() else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let right = at_port(&place(server, "vault"), proxy.port);
    let keys = right.credentials.clone().unwrap();
    let wrong = |credentials| S3 { credentials: Some(credentials), ..right.clone() };
    for credentials in [
        S3Credentials { access_key_id: secret(folder.path(), "id", "nobody"), ..keys.clone() },
        S3Credentials { secret_access_key: secret(folder.path(), "key", "hunter2"), ..keys.clone() },
    ] {
        let _ = proxy.take();
        let failed = opened(&wrong(credentials)).err().unwrap();
        assert_eq!(failed.kind, ErrorKind::Denied);
        assert!(told(&failed).contains("check the access key and its secret"), "{}", told(&failed));
        assert!(!told(&failed).contains("hunter2"));
        assert_eq!(proxy.take().len(), 1);
    }
    // A key that is revoked while the place is open is tried once more, and never again.
    let store = opened(&right).unwrap();
    proxy.choose(|_, _| refusal("403 Forbidden", "InvalidAccessKeyId", ""));
    for _ in 0..5 {
        assert_eq!(kind(store.stat(&path("a"))), Some(ErrorKind::Denied));
    }
    assert_eq!(proxy.take().len(), 1);
}

#[test]
fn each_installation_sees_its_own_prefix_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started(&["--identities", "10"], folder.path()) else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let own = |n: usize| {
        at_port(&keyed(&server, &n.to_string(), &bucket_of(&server, n), &format!("one{n}/vault")), proxy.port)
    };
    std::thread::scope(|scope| {
        for n in 1..=10 {
            let place = own(n);
            scope.spawn(move || {
                let store = made(&place);
                let bytes = vec![n as u8; 9 << 20];
                put(&store, "packs/ab/x", &bytes).unwrap();
                put(&store, "heads/1", b"x").unwrap();
                assert!(whole(&store, "packs/ab/x").unwrap() == bytes);
                store.delete(&path("heads/1")).unwrap();
                assert_eq!(store.list(&path("heads")).unwrap(), []);
            });
        }
    });
    // Open 1, put 9 MiB 8, put 2, read back 1, delete 3 (2 if it may ask for versions), list 2.
    let own_bucket = server.tells("bucket1").is_some();
    assert_eq!(proxy.take().len(), 10 * if own_bucket { 16 } else { 17 });
    let others = S3 { prefix: "one2/vault".into(), bucket: bucket_of(&server, 2), ..own(1) };
    assert_eq!(kind(opened(&others)), Some(ErrorKind::Denied));
    let all = S3 { prefix: String::new(), ..others };
    assert_eq!(kind(opened(&all)), Some(ErrorKind::Denied));
}

/// Runs one test of this program again, in an environment of its own.
fn again(name: &str, of: &S3, home: &Path, set: &[(&str, &str)]) -> String {
    let endpoint = of.endpoint.as_ref().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--ignored", "--nocapture"]).env_clear();
    command.env("HOME", home).env("OFFSITE_TEST_PORT", endpoint.port.to_string());
    command.envs(set.iter().copied()).env("PATH", std::env::var("PATH").unwrap());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text.into_owned()
}

#[test]
#[ignore = "a part of the tests below, in a process of its own"]
fn opens_by_the_chain() {
    let port = std::env::var("OFFSITE_TEST_PORT").unwrap().parse().unwrap();
    let place = S3 {
        bucket: "vaults".into(),
        prefix: "chain".into(),
        endpoint: Some(engine::config::Endpoint { tls: false, host: "127.0.0.1".into(), port, path: "/".into() }),
        region: None,
        path_style: true,
        credentials: None,
        ca_file: None,
        object_lock: engine::config::ObjectLock::Off,
    };
    let begun = Instant::now();
    match opened(&place) {
        Ok(_) => println!("\nIT OPENED"),
        Err(error) => println!("\nREFUSED {:?} {}", begun.elapsed(), told(&error)),
    }
}

#[test]
fn keys_come_from_the_usual_chain_and_none_is_known_soon() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = shared() else { return };
    let place = place(server, "vault");
    let (id, key) = (server.told("access_key"), server.told("secret_key"));
    let home = folder.path().join("home");
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    let again = |set: &[(&str, &str)]| again("s3::login::opens_by_the_chain", &place, &home, set);

    let none = again(&[]);
    assert!(none.contains("Denied") && none.contains("no credentials were found: set `access-key-id"), "{none}");
    let variables = again(&[("AWS_ACCESS_KEY_ID", &id), ("AWS_SECRET_ACCESS_KEY", &key)]);
    assert!(variables.contains("IT OPENED"), "{variables}");
    let profile = format!(
        "[default]\naws_access_key_id = no\naws_secret_access_key = no\n[b]\naws_access_key_id = {id}\naws_secret_access_key = {key}\n"
    );
    std::fs::write(home.join(".aws/credentials"), profile).unwrap();
    let by_profile = again(&[("AWS_PROFILE", "b")]);
    assert!(by_profile.contains("IT OPENED"), "{by_profile}");
    let wrong = again(&[]);
    assert!(wrong.contains("InvalidAccessKeyId"), "{wrong}");
    std::fs::remove_file(home.join(".aws/credentials")).unwrap();
    let answer = format!("{{\"Version\": 1, \"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"{key}\"}}");
    std::fs::write(home.join("answer"), answer).unwrap();
    let process = format!("[default]\ncredential_process = cat {}\n", home.join("answer").display());
    std::fs::write(home.join(".aws/config"), process).unwrap();
    let by_process = again(&[]);
    assert!(by_process.contains("IT OPENED"), "{by_process}");
}

/// The server's own answer to a signature of another day: the process runs with a clock that is wrong.
#[test]
fn a_clock_that_is_wrong_is_named() {
    let faketime = faketime();
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = shared() else { return };
    let (id, key) = (server.told("access_key"), server.told("secret_key"));
    let set = [
        ("AWS_ACCESS_KEY_ID", &*id),
        ("AWS_SECRET_ACCESS_KEY", &*key),
        ("LD_PRELOAD", &*faketime),
        ("FAKETIME", "-25h"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let text = again("s3::login::opens_by_the_chain", &place(server, "vault"), folder.path(), &set);
    assert!(text.contains("Denied") && text.contains("RequestTimeTooSkewed"), "{text}");
    assert!(
        text.contains("clock is 25 hours behind the server's") || text.contains("clock is 24 hours behind"),
        "{text}"
    );
}

#[test]
fn a_certificate_that_has_expired_is_denied_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start_as("rclone-s3", &["--expired"], folder.path()) else { return };
    let plain = place(&server, "vault");
    let endpoint = plain.endpoint.clone().map(|endpoint| engine::config::Endpoint { tls: true, ..endpoint });
    let failed = opened(&S3 { endpoint, ca_file: Some(server.folder.join("ca.pem")), ..plain }).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Denied, "{}", told(&failed));
    assert!(told(&failed).contains("expired"), "{}", told(&failed));
}

#[test]
fn a_wrong_clock_is_named_where_the_server_names_its_own() {
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let proxy = Proxy::to(nobody.local_addr().unwrap().port(), Duration::ZERO);
    proxy.choose(|_, _| refusal("403 Forbidden", "RequestTimeTooSkewed", "Date: Wed, 01 Jan 2020 00:00:00 GMT\r\n"));
    let folder = tempfile::tempdir().unwrap();
    let file = |name| secret(folder.path(), name, "key");
    let place = S3 {
        bucket: "bucket".into(),
        prefix: String::new(),
        endpoint: Some(engine::config::Endpoint {
            tls: false,
            host: "127.0.0.1".into(),
            port: proxy.port,
            path: "/".into(),
        }),
        region: None,
        path_style: true,
        credentials: Some(S3Credentials { access_key_id: file("id"), secret_access_key: file("key") }),
        ca_file: None,
        object_lock: engine::config::ObjectLock::Off,
    };
    let failed = opened(&place).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Denied);
    assert!(told(&failed).contains("days ahead of the server's"), "{}", told(&failed));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_denied_and_one_of_the_ca_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start_as("rclone-s3", &["--tls"], folder.path()) else { return };
    let plain = place(&server, "vault");
    let endpoint = plain.endpoint.clone().map(|endpoint| engine::config::Endpoint { tls: true, ..endpoint });
    let unknown = S3 { endpoint, ..plain };
    let failed = opened(&unknown).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Denied, "{}", told(&failed));
    assert!(told(&failed).contains("`ca-file`"), "{}", told(&failed));
    let known = S3 { ca_file: Some(server.folder.join("ca.pem")), ..unknown.clone() };
    put(&made(&known), "a", b"x").unwrap();
    let no_file = S3 { ca_file: Some(server.folder.join("key.pem")), ..unknown };
    assert_eq!(kind(opened(&no_file)), Some(ErrorKind::Denied));
}

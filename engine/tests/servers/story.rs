//! A job whose only destination is a server, through the binary, from `init` to a computer that has nothing.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fixtures::bench::{objects, text, wait_until};
use fixtures::data::noisy_files;
use fixtures::server::Options;
use fixtures::{Bench, Server, same};
use serde_json::Value;

use crate::places::through;
use crate::proxy::Proxy;

/// A bench with so many files of noise and one job for them, whose destination `office` is on the server.
fn bench(server: &Server, files: u64, login: &str) -> Bench {
    let bench = Bench::new(env!("CARGO_BIN_EXE_engine"));
    noisy_files(&bench.path("data"), 1, files, 200_000).unwrap();
    configure(&bench, server, login);
    bench
}

fn configure(bench: &Bench, server: &Server, login: &str) {
    configure_at(bench, &url(server, server.port()), &server.folder.join("known_hosts"), login);
}

fn configure_at(bench: &Bench, url: &str, known_hosts: &Path, login: &str) {
    let known = text(known_hosts);
    bench.configure(&format!(
        "[job.data]\nsource = {{ folders = [\"data\"] }}\noffsite = [\"office\"]\n\n[destination.office]\n\
         url = \"{url}\"\nknown-hosts = \"{known}\"\n{login}\n",
    ));
}

fn url(server: &Server, port: u16) -> String {
    format!("sftp://{}@127.0.0.1:{port}{}/vault", server.told("user"), server.told("data"))
}

fn by_key(server: &Server) -> String {
    format!("identity-file = \"{}\"", server.folder.join("id_ed25519").display())
}

fn office(bench: &Bench) -> Value {
    bench.done(&["status"])["destinations"][0].clone()
}

/// Restored from the server alone, all is as it was.
fn restores(bench: &Bench) {
    let restored = bench.restored("data", "office", &bench.path("data"));
    assert_eq!(same(&bench.path("data"), &restored.path), Vec::<String>::new());
}

#[test]
fn a_job_goes_to_a_server_and_comes_back_on_a_computer_that_has_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let bench = bench(&server, 20, &by_key(&server));
    let made = bench.done(&["init"]);
    assert!(made.to_string().contains("\"made\":\"made\""), "{made}");
    bench.done(&["run", "--once"]);
    let status = office(&bench);
    assert_eq!(
        (&status["available"], &status["same-disk"], &status["points"]),
        (&true.into(), &false.into(), &1.into())
    );
    assert!(status["free-bytes"].as_u64() > Some(0) && status["problems"] == Value::Array(vec![]), "{status}");
    assert_eq!(bench.done(&["status"])["jobs"][0]["offsite"], "complete");
    assert_eq!(bench.complete_at("office").len(), 1);
    assert_eq!(bench.engine(&["init"]).exits(0).code, 0, "once more changes nothing");
    restores(&bench);
    let verified = bench.done(&["verify", "office"]);
    assert_eq!(verified["places"][0]["damaged"], Value::Array(vec![]), "{verified}");

    let nothing = tempfile::tempdir().unwrap();
    let to = nothing.path().join("to");
    let server_keys = [server.folder.join("id_ed25519"), server.folder.join("known_hosts")].map(|file| text(&file));
    let (passphrase, to_text, url) = (bench.text("passphrase"), text(&to), url(&server, server.port()));
    let [key, known] = &server_keys;
    let words =
        ["recover", "--from", &url, "--identity-file", key, "--known-hosts", known, "--passphrase-file", &passphrase];
    let mut recover = bench.command(&[&words[..], &["--to", &to_text]].concat());
    let _ = fixtures::Ran::of(recover.env("HOME", nothing.path())).exits(0);
    let data = bench.path("data");
    assert_eq!(same(&data, &to.join(data.strip_prefix("/").unwrap())), Vec::<String>::new());
}

#[test]
fn a_server_killed_in_mid_copy_gets_the_rest_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let known = through(&server, proxy.port, "vault").known_hosts.unwrap();
    let bench = bench(&server, 100, "");
    let set =
        |more: &str| configure_at(&bench, &url(&server, proxy.port), &known, &format!("{}\n{more}", by_key(&server)));
    set("rate = \"4 MiB/s\"");
    bench.done(&["init"]);
    bench.done(&["backup"]);
    let vault = server.data().join("vault");
    let copying = bench.begin(&["copy"]);
    let bytes = || objects(&vault).iter().map(|(_, bytes)| bytes).sum::<u64>();
    // Checkpoints lie at 4, 8 or 12 MiB, as the limit lets them.
    wait_until("more than half of it is on the server", || bytes() > 13_000_000);
    set("");
    let port = server.port();
    let kept = server.kill();
    let broken = copying.end().exits(3);
    assert!(!broken.out.contains("complete"), "{broken}");
    assert_eq!(bench.complete_at("office"), Vec::<String>::new());
    let status = office(&bench);
    assert!(status["reason"].as_str().unwrap().contains("can't be reached"), "{status}");

    let again = Options { port: Some(port), ..Options::default() };
    let Some(_server) = Server::start_with("sftp", &kept, &again) else { return };
    let before = proxy.rules.sent.load(Ordering::Relaxed);
    let copied = bench.done(&["copy"]);
    let sent = proxy.rules.sent.load(Ordering::Relaxed) - before;
    assert_eq!(copied["copies"][0]["state"], "complete", "{copied}");
    assert!(sent < 13_000_000, "{sent} bytes of {} were sent though 13,000,000 were there", bytes());
    assert_eq!(bench.complete_at("office").len(), 1);
    assert_eq!(fixtures::bench::leftovers(&vault), Vec::<std::path::PathBuf>::new());
    restores(&bench);
}

#[test]
fn a_wrong_password_is_told_in_status_and_tried_once_for_each_look() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let bench = bench(&server, 2, "password-file = \"secret\"");
    fs::copy(server.folder.join("password"), bench.path("secret")).unwrap();
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);

    fs::write(bench.path("secret"), "no password of theirs").unwrap();
    let status = office(&bench);
    let reason = status["reason"].as_str().unwrap();
    assert!(reason.contains("refuses the password") && reason.contains("To do:"), "{reason}");
    assert_eq!(server.log().matches("Failed password").count(), 1, "{}", server.log());
    let ran = bench.engine(&["copy"]);
    assert!(!format!("{ran}").contains("no password of theirs"), "{ran}");
    assert_eq!(server.log().matches("Failed password").count(), 2, "{}", server.log());
}

#[test]
fn a_service_asks_a_server_that_refuses_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let bench = bench(&server, 2, "password-file = \"secret\"");
    fs::copy(server.folder.join("password"), bench.path("secret")).unwrap();
    bench.done(&["init"]);
    fs::write(bench.path("secret"), "no password of theirs").unwrap();
    let service = bench.begin(&["run"]);
    wait_until("it was refused", || server.log().contains("Failed password"));
    // Longer than the pause between looks at what is away on this computer.
    std::thread::sleep(Duration::from_secs(7));
    service.signal(rustix::process::Signal::TERM);
    let ended = service.end().exits(0).says("refuses the password").says("quarter of an hour");
    assert_eq!(server.log().matches("Failed password").count(), 1, "{ended}");
}

#[test]
fn a_secret_that_others_can_read_is_told_once() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let bench = bench(&server, 2, "password-file = \"secret\"");
    fs::copy(server.folder.join("password"), bench.path("secret")).unwrap();
    fs::set_permissions(bench.path("secret"), fs::Permissions::from_mode(0o644)).unwrap();
    bench.done(&["init"]);
    let ran = bench.engine(&["run", "--once"]).exits(0);
    assert_eq!(ran.err.matches("others can read the secret in").count(), 1, "{ran}");
}

#[test]
fn init_makes_nothing_where_it_is_not_let_in_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let bench = bench(&server, 2, &by_key(&server));
    fs::write(bench.path("nobody"), "").unwrap();
    let known = text(&server.folder.join("known_hosts"));
    let config = fs::read_to_string(bench.path("offsite.toml")).unwrap();
    fs::write(bench.path("offsite.toml"), config.replace(&known, &bench.text("nobody"))).unwrap();
    let _ = bench.engine(&["init"]).exits(3).says("ssh-keyscan");
    assert!(!server.data().join("vault").exists());
    fs::write(bench.path("offsite.toml"), config).unwrap();
    bench.done(&["init"]);
    assert!(server.data().join("vault/VAULT").exists());
}

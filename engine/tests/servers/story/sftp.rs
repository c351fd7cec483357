//! What is told and asked where an SFTP server is concerned; one kind of server stands for all here.

use std::fs;
use std::time::Duration;

use fixtures::bench::{text, wait_until};

use super::{SFTP, bench, right, start};

#[test]
fn a_service_asks_a_server_that_refuses_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(SFTP, folder.path()) else { return };
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
    let Some(server) = start(SFTP, folder.path()) else { return };
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
    let Some(server) = start(SFTP, folder.path()) else { return };
    let bench = bench(&server, 2, &right(&server));
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

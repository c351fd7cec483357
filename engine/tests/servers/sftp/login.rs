//! Who is trusted and who gets in.

use std::path::Path;
use std::process::Command;

use engine::config::{SecretSource, Sftp};
use engine::destination::{ErrorKind, ReadStore};
use fixtures::Server;

use super::{by_password, made, opened, place};
use crate::common::{put, secret, told};

fn refused(place: &Sftp) -> String {
    let error = opened(place).err().expect("refused");
    assert_eq!(error.kind, ErrorKind::Denied, "{}", told(&error));
    let text = told(&error);
    assert!(!text.contains("wrong-horse"), "{text}");
    text
}

#[test]
fn each_kind_of_key_and_the_password_get_in() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    made(&place(&server, "vault"));
    let by =
        |key: &str| Sftp { identity_file: Some(server.folder.join(key)), password: None, ..place(&server, "vault") };
    for key in ["id_ed25519", "id_ecdsa", "id_rsa"] {
        assert!(opened(&by(key)).is_ok(), "{key}");
    }
    assert!(server.log().contains(&format!("Accepted publickey for {} from 127.0.0.1", server.told("user"))));
    let passphrase = Some(SecretSource::File(server.folder.join("passphrase")));
    assert!(opened(&Sftp { passphrase, ..by("id_locked") }).is_ok());
    assert!(
        refused(&Sftp { passphrase: secret(folder.path(), "wrong-horse"), ..by("id_locked") }).contains("passphrase")
    );
    assert!(refused(&by("id_locked")).contains("has a passphrase"));
    assert!(refused(&by("id_nowhere")).contains("is not there"));
    assert!(opened(&Sftp { identity_file: None, ..place(&server, "vault") }).is_ok(), "the password");
}

#[test]
fn rsa_does_not_sign_with_sha_1() {
    let folder = tempfile::tempdir().unwrap();
    let newer = "more=PubkeyAcceptedAlgorithms rsa-sha2-512";
    let Some(server) = Server::start_as("sftp", &[newer], folder.path()) else { return };
    made(&Sftp { identity_file: Some(server.folder.join("id_rsa")), password: None, ..place(&server, "vault") });
}

#[test]
fn a_wrong_password_is_tried_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let wrong = secret(folder.path(), "wrong-horse");
    let text = refused(&Sftp { identity_file: None, password: wrong, ..place(&server, "vault") });
    assert!(text.contains("refuses the password") && text.contains("To do:"), "{text}");
    assert_eq!(server.log().matches("Failed password").count(), 1, "{}", server.log());
}

#[test]
fn a_wrong_key_is_tried_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let key = folder.path().join("stranger");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    let text = refused(&Sftp { identity_file: Some(key), password: None, ..place(&server, "vault") });
    assert!(text.contains("stranger (SHA256:") && text.contains("authorized_keys"), "{text}");
    assert_eq!(server.log().matches("Failed publickey").count(), 1, "{}", server.log());
}

#[test]
fn a_server_that_asks_for_the_password_in_a_dialogue_gets_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp-at-once", folder.path()) else { return };
    let place = |password| Sftp { password, ..by_password(&server, "data", "kim", "vault") };
    made(&place(Some(SecretSource::File(server.folder.join("password")))));
    refused(&place(secret(folder.path(), "wrong-horse")));
    assert_eq!(server.log().matches("dialogue: wrong").count(), 1, "{}", server.log());
}

#[test]
fn an_unknown_changed_or_revoked_host_key_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    made(&place(&server, "vault"));
    let known = std::fs::read_to_string(server.folder.join("known_hosts")).unwrap();
    let file = folder.path().join("mine");
    let place = Sftp { known_hosts: Some(file.clone()), ..place(&server, "vault") };
    let line = format!("`ssh-keyscan -p {} 127.0.0.1 >> {}`", server.port(), file.display());
    let fingerprint = |key: &str| {
        let output = Command::new("ssh-keygen").arg("-lf").arg(server.folder.join(key)).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    let unknown = refused(&place);
    assert!(unknown.contains(&line) && unknown.contains(&fingerprint("host_ed25519.pub")), "{unknown}");

    let other = std::fs::read_to_string(server.folder.join("id_ed25519.pub")).unwrap();
    std::fs::write(&file, format!("[127.0.0.1]:{} {other}", server.port())).unwrap();
    let changed = refused(&place);
    assert!(
        changed.contains("has changed") && changed.contains("ssh-keygen -R") && changed.contains(&line),
        "{changed}"
    );

    let revoked: String = known.lines().map(|line| format!("@revoked {line}\n")).collect();
    std::fs::write(&file, format!("{known}{revoked}")).unwrap();
    assert!(refused(&place).contains("revoked"));
    assert!(!server.log().contains("Accepted password"), "nothing was sent to it");
}

#[test]
fn the_key_type_that_is_known_is_the_one_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    made(&place(&server, "vault"));
    let known = std::fs::read_to_string(server.folder.join("known_hosts")).unwrap();
    for line in known.lines() {
        let file = folder.path().join("one");
        std::fs::write(&file, format!("{line}\n")).unwrap();
        assert!(opened(&Sftp { known_hosts: Some(file), ..place(&server, "vault") }).is_ok(), "{line}");
    }
}

#[test]
fn hashed_names_as_ssh_keygen_writes_them_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let hashed = Command::new("ssh-keygen").arg("-Hf").arg(server.folder.join("known_hosts")).output().unwrap();
    assert!(hashed.status.success());
    assert!(std::fs::read_to_string(server.folder.join("known_hosts")).unwrap().starts_with("|1|"));
    made(&place(&server, "vault"));
}

/// Runs this test's binary again with another environment: a home and an agent are the process's.
fn in_environment(test: &str, variables: &[(&str, &Path)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    for name in ["SSH_AUTH_SOCK", "SSH_AGENT_PID"] {
        command.env_remove(name);
    }
    for (name, value) in variables {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// For the process that is run in another environment.
fn note_server(server: &Server) {
    std::fs::write(server.folder.join("port"), server.port().to_string()).unwrap();
    std::fs::write(server.folder.join("user"), server.told("user")).unwrap();
}

#[test]
fn keys_of_the_agent_get_in() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    made(&place(&server, "vault"));
    let socket = folder.path().join("agent");
    let mut agent = Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).spawn().unwrap();
    fixtures::bench::wait_until("the agent answers", || socket.exists());
    let add = |key: &str| {
        let status =
            Command::new("ssh-add").arg("-q").arg(server.folder.join(key)).env("SSH_AUTH_SOCK", &socket).status();
        assert!(status.unwrap().success());
    };
    add("id_rsa");
    note_server(&server);
    let home = folder.path().join("empty");
    std::fs::create_dir(&home).unwrap();
    in_environment(
        "sftp::login::with_what_the_environment_has",
        &[("SSH_AUTH_SOCK", &socket), ("HOME", &home), ("TEST_SERVER", folder.path())],
    );
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[test]
fn the_default_keys_and_known_hosts_of_the_user_get_in() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    made(&place(&server, "vault"));
    note_server(&server);
    for key in ["id_ed25519", "id_ecdsa", "id_rsa"] {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        for file in [key, "known_hosts"] {
            std::fs::copy(server.folder.join(file), home.path().join(".ssh").join(file)).unwrap();
        }
        in_environment(
            "sftp::login::with_what_the_environment_has",
            &[("HOME", home.path()), ("TEST_SERVER", folder.path())],
        );
    }
}

#[test]
#[ignore = "run by the tests above, in an environment of its own"]
fn with_what_the_environment_has() {
    let folder = std::path::PathBuf::from(std::env::var_os("TEST_SERVER").unwrap());
    let port = std::fs::read_to_string(folder.join("port")).unwrap().parse().unwrap();
    let own = std::env::home_dir().unwrap().join(".ssh/known_hosts");
    let server = engine::config::Server {
        user: Some(std::fs::read_to_string(folder.join("user")).unwrap()),
        host: "127.0.0.1".to_owned(),
        port,
        path: format!("{}/data/vault", folder.display()),
    };
    let known_hosts = if own.exists() { None } else { Some(folder.join("known_hosts")) };
    let place = Sftp { server, identity_file: None, known_hosts, password: None, passphrase: None };
    let store = opened(&place).unwrap_or_else(|error| panic!("{}", told(&error)));
    put(&store, "a", b"x").map_or_else(|error| assert_eq!(error.kind, ErrorKind::Exists), |_| {});
    store.still_there().unwrap();
}

//! A job whose destination is a server, through the binary, from `init` to a computer that has nothing: each story on
//! each kind of server.

mod behind;
mod counted;
mod full;
mod killed;
mod many;
mod media;
mod mirror;
mod seed;
mod sftp;
mod told;

use std::fs;
use std::path::Path;
use std::time::Duration;

use behind::Behind;
use fixtures::bench::text;
use fixtures::data::noisy_files;
use fixtures::{Bench, Server, same};
use serde_json::Value;

/// A script of a server and its options.
type Kind = (&'static str, &'static [&'static str]);
const SFTP: Kind = ("sftp", &[]);
const FTPS: Kind = ("proftpd", &["tls=explicit"]);
const DAVS: Kind = ("apache-dav", &[]);
const S3: Kind = ("seaweedfs", &[]);

fn start((script, words): Kind, folder: &Path) -> Option<Server> {
    Server::start_as(script, words, folder)
}

/// A bench with so many files of noise and one job for them, whose destination `office` is on the server.
fn bench(server: &Server, files: u64, login: &str) -> Bench {
    let bench = Bench::new(env!("CARGO_BIN_EXE_engine"));
    noisy_files(&bench.path("data"), 1, files, 200_000).unwrap();
    configure(&bench, "\"office\"", &office_at(&server.url(), server, login));
    bench
}

/// The only job goes to these destinations.
fn configure(bench: &Bench, offsite: &str, destinations: &str) {
    bench.configure(&format!(
        "[job.data]\nsource = {{ folders = [\"data\"] }}\noffsite = [{offsite}]\n\n{destinations}"
    ));
}

/// The destination `office`, with these lines for the login.
fn office_at(url: &str, server: &Server, login: &str) -> String {
    format!("[destination.office]\nurl = \"{url}\"\n{}\n{login}\n", Server::lines(&server.trust()))
}

/// How the server lets us in.
fn right(server: &Server) -> String {
    Server::lines(&server.login())
}

fn seen(bench: &Bench) -> Value {
    bench.done(&["status"])["destinations"][0].clone()
}

/// Restored from the server alone, all is as it was.
fn restores(bench: &Bench) {
    let restored = bench.restored("data", "office", &bench.path("data"));
    assert_eq!(same(&bench.path("data"), &restored.path), Vec::<String>::new());
}

#[test]
fn a_job_goes_to_an_sftp_server_and_comes_back_on_a_computer_that_has_nothing() {
    goes_and_comes_back(SFTP);
}

#[test]
fn a_job_goes_to_an_ftps_server_and_comes_back_on_a_computer_that_has_nothing() {
    goes_and_comes_back(FTPS);
}

#[test]
fn a_job_goes_to_a_webdav_server_and_comes_back_on_a_computer_that_has_nothing() {
    goes_and_comes_back(DAVS);
}

#[test]
fn a_job_goes_to_a_bucket_and_comes_back_on_a_computer_that_has_nothing() {
    goes_and_comes_back(S3);
}

fn goes_and_comes_back(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(kind, folder.path()) else { return };
    let bench = bench(&server, 20, &right(&server));
    let made = bench.done(&["init"]);
    assert!(made.to_string().contains("\"made\":\"made\""), "{made}");
    answers_as_it_is(kind, &made["vaults"][1]["probe"]);
    bench.done(&["run", "--once"]);
    let status = bench.done(&["status"]);
    let there = &status["destinations"][0];
    let expected = (&true.into(), &false.into(), &1.into());
    assert_eq!((&there["available"], &there["same-disk"], &there["points"]), expected, "{status}");
    assert_eq!(there["free-bytes"].is_u64(), kind == SFTP, "only SFTP tells here: {status}");
    assert_eq!((&there["problems"], &status["jobs"][0]["offsite"]), (&Value::Array(vec![]), &"complete".into()));
    assert_eq!(bench.complete_at("office").len(), 1);
    assert_eq!(bench.engine(&["init"]).exits(0).code, 0, "once more changes nothing");
    restores(&bench);
    let verified = bench.done(&["verify", "office"]);
    assert_eq!(verified["places"][0]["damaged"], Value::Array(vec![]), "{verified}");
    recovers(&bench, &server);
}

/// What enrolment found out of it: what was put goes again, no name is taken twice, and only SFTP tells its room here.
fn answers_as_it_is(kind: Kind, probe: &Value) {
    let space = if kind == SFTP { "told" } else { "not told" };
    let expected = serde_json::json!({ "deletions": "allowed", "taken-names": "refused", "free-space": space });
    assert_eq!(probe, &expected, "{kind:?}: a server is asked no more than that");
}

/// On a computer that has nothing but the address, the login and the passphrase.
fn recovers(bench: &Bench, server: &Server) {
    let nothing = tempfile::tempdir().unwrap();
    let to = nothing.path().join("to");
    let mut words = vec!["recover".to_owned(), "--from".to_owned(), server.url()];
    let ours = vec![("passphrase-file", bench.text("passphrase")), ("to", text(&to))];
    for (key, value) in [server.trust(), server.login(), ours].concat() {
        words.push(format!("--{key}"));
        words.extend(Some(value).filter(|value| value != "true"));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let _ = fixtures::Ran::of(bench.command(&words).env("HOME", nothing.path())).exits(0);
    let data = bench.path("data");
    assert_eq!(same(&data, &to.join(data.strip_prefix("/").unwrap())), Vec::<String>::new());
}

#[test]
fn damage_and_loss_on_an_sftp_server_are_found_and_healed() {
    damage_is_found(SFTP);
}

#[test]
fn damage_and_loss_on_an_ftps_server_are_found_and_healed() {
    damage_is_found(FTPS);
}

#[test]
fn damage_and_loss_on_a_webdav_server_are_found_and_healed() {
    damage_is_found(DAVS);
}

#[test]
fn damage_and_loss_in_a_bucket_are_found_and_healed() {
    damage_is_found(S3);
}

fn damage_is_found(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(kind, folder.path()) else { return };
    let bench = bench(&server, 5, &right(&server));
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    let vault = Behind::of(&server);
    let pack = vault.pack();
    let mut content = vault.read(&pack);
    let middle = content.len() / 2;
    content[middle] ^= 1;
    vault.write(&pack, &content);
    let _ = bench.engine(&["verify", "office"]).exits(4);
    assert_eq!(bench.complete_at("office"), Vec::<String>::new());
    let _ = bench.engine(&["verify", "office", "--repair"]).exits(0);
    restores(&bench);
    vault.remove(&pack);
    let _ = bench.engine(&["verify", "office"]).exits(4);
    let _ = bench.engine(&["verify", "office", "--repair"]).exits(0);
    restores(&bench);
}

/// Nothing is due, and nobody asked for the vault: it is missed all the same.
#[test]
fn a_vault_that_vanished_from_a_server_is_told_of_by_status_and_by_copy() {
    for kind in [SFTP, FTPS, DAVS, S3] {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = start(kind, folder.path()) else { return };
        let bench = bench(&server, 3, &right(&server));
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
        Behind::of(&server).remove_all();
        let status = bench.done(&["status"]);
        assert_ne!(status["jobs"][0]["offsite"], "complete", "{status}");
        let problems = status["destinations"][0]["problems"].to_string();
        assert!(problems.contains("is not there now") && problems.contains("engine enrol office"), "{problems}");
        let _ = bench.engine(&["copy"]).exits(3).says("no vault at");
        bench.done(&["enrol", "office"]);
        let old = seen(&bench)["media"][0]["medium"].as_str().unwrap().to_owned();
        bench.done(&["retire", "office", "--medium", &old]);
        let _ = bench.engine(&["copy"]).exits(0);
        restores(&bench);
    }
}

#[test]
fn while_an_sftp_server_is_away_the_next_destination_is_served() {
    next_is_served(SFTP);
}

#[test]
fn while_an_ftps_server_is_away_the_next_destination_is_served() {
    next_is_served(FTPS);
}

#[test]
fn while_a_webdav_server_is_away_the_next_destination_is_served() {
    next_is_served(DAVS);
}

#[test]
fn while_a_bucket_is_away_the_next_destination_is_served() {
    next_is_served(S3);
}

fn next_is_served(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = start(kind, folder.path()) else { return };
    let bench = bench(&server, 5, "");
    let usb = format!("[destination.usb]\nurl = \"file://{}\"\n", bench.text("usb"));
    let both = format!("{}\n{usb}", office_at(&server.url(), &server, &right(&server)));
    configure(&bench, "\"office\", \"usb\"", &both);
    bench.done(&["init"]);
    server.kill();
    let _ = bench.engine(&["run", "--once"]).exits(3);
    assert_eq!((bench.complete_at("office").len(), bench.complete_at("usb").len()), (0, 1));
    let status = seen(&bench);
    assert_eq!((&status["available"], &status["pending-points"]), (&false.into(), &1.into()), "{status}");
    assert!(status["reason"].as_str().unwrap().contains("can't be reached"), "{status}");
    server.again();
    bench.done(&["copy"]);
    assert_eq!((bench.complete_at("office").len(), bench.complete_at("usb").len()), (1, 1));
    restores(&bench);
}

#[test]
fn a_wrong_password_is_told_in_status_and_an_sftp_server_is_asked_once_for_each_command() {
    a_wrong_password_is_tried_once(SFTP, "Failed password");
}

#[test]
fn a_wrong_password_is_told_in_status_and_an_ftps_server_is_asked_once_for_each_command() {
    a_wrong_password_is_tried_once(FTPS, "Login failed");
}

#[test]
fn a_wrong_password_is_told_in_status_and_a_webdav_server_is_asked_once_for_each_command() {
    a_wrong_password_is_tried_once(DAVS, "Password Mismatch");
}

fn a_wrong_password_is_tried_once(kind: Kind, noted: &str) {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(kind, folder.path()) else { return };
    let bench = bench(&server, 2, "password-file = \"secret\"");
    fs::copy(server.folder.join("password"), bench.path("secret")).unwrap();
    let tries = || server.log().matches(noted).count();
    refused_once(&bench, &tries, &["refuses the ", "password"]);
}

/// SeaweedFS notes no refusal: those that pass are counted.
#[test]
fn a_wrong_key_is_told_in_status_and_an_s3_server_is_asked_once_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(S3, folder.path()) else { return };
    let proxy = crate::s3::proxy::Proxy::to(server.port(), Duration::ZERO);
    let login = Server::lines(&[("access-key-id-file", server.login()[0].1.clone())]);
    let bench = bench(&server, 2, "");
    let office = office_at(&server.url(), &server, &format!("{login}\nsecret-access-key-file = \"secret\""));
    configure(&bench, "\"office\"", &office.replace(&at(server.port()), &at(proxy.port)));
    fs::copy(server.folder.join("secret_key"), bench.path("secret")).unwrap();
    let tries = || proxy.answered().iter().filter(|(_, status)| *status == 403).count();
    refused_once(&bench, &tries, &["SignatureDoesNotMatch", "check the access key and its secret"]);
}

fn at(port: u16) -> String {
    format!("127.0.0.1:{port}\"")
}

/// A bench whose login needs what is in the file `secret`, until that is changed.
fn refused_once(bench: &Bench, tries: &dyn Fn() -> usize, told: &[&str]) {
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    assert_eq!(tries(), 0);
    fs::write(bench.path("secret"), "NoPasswordOfTheirs").unwrap();
    let status = seen(bench);
    let reason = status["reason"].as_str().unwrap();
    assert!(told.iter().all(|words| reason.contains(words)), "{reason}");
    assert_eq!(tries(), 1);
    let only_told: [&[&str]; 4] = [&["status"], &["explain", "office"], &["copy", "--dry-run"], &["backup"]];
    for command in only_told {
        let ran = bench.engine(command);
        assert_eq!((ran.code, tries()), (0, 1), "{command:?}: {ran}");
    }
    let reason = seen(bench)["reason"].as_str().unwrap().to_owned();
    let stands = |words: &&&str| reason.contains(**words);
    assert!(told.iter().chain(&["it is not asked again before", "`engine copy`"]).all(|it| stands(&it)), "{reason}");
    for (command, so_far) in [(&["copy"][..], 2), (&["run", "--once"], 3), (&["status"], 3)] {
        let ran = bench.engine(command);
        assert!(!format!("{ran}").contains("NoPasswordOfTheirs"), "{ran}");
        assert_eq!(tries(), so_far, "{command:?}: {ran}");
    }
    assert_eq!(bench.engine(&["run", "--once"]).code, 3);
    fs::write(bench.path("secret"), "AnotherOneAndWrongToo").unwrap();
    assert!(!seen(bench)["reason"].as_str().unwrap().contains("it is not asked again before"));
    assert_eq!(tries(), 5, "another password is another question");
}

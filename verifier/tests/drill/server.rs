//! A drill from a server, with nothing but its address, the login and the passphrase.

use std::fs;

use fixtures::Server;
use fixtures::data::noisy_files;

use crate::harness::{bare, drill};

#[test]
fn a_point_on_an_sftp_server_is_drilled_without_home_or_catalog_and_damage_there_is_found() {
    is_drilled("sftp", &[]);
}

#[test]
fn a_point_on_an_ftps_server_is_drilled_without_home_or_catalog_and_damage_there_is_found() {
    is_drilled("proftpd", &["tls=explicit"]);
}

#[test]
fn a_point_on_a_webdav_server_is_drilled_without_home_or_catalog_and_damage_there_is_found() {
    is_drilled("apache-dav", &[]);
}

fn is_drilled(script: &str, words: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start_as(script, words, folder.path()) else { return };
    let bench = bare();
    noisy_files(&bench.path("data"), 1, 5, 100_000).expect("writable");
    let keys = Server::lines(&[server.trust(), server.login()].concat());
    bench.configure(&format!(
        "[job.data]\nsource = {{ folders = [\"data\"] }}\noffsite = [\"office\"]\n\n[destination.office]\n\
         url = \"{}\"\n{keys}\n",
        server.url(),
    ));
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    for gone in ["vault", "state", "data"] {
        fs::remove_dir_all(bench.path(gone)).expect("ours");
    }
    let ran = drill(&bench, &[]).exits(0);
    let document = ran.json();
    let found = &document["drills"][0];
    assert_eq!((&document["verdict"], &found["destination"]), (&"pass".into(), &"office".into()), "{ran}");
    assert_eq!((&found["files"], &found["negative-control"]), (&5.into(), &"pass".into()), "{ran}");

    let ledgers = fs::read_dir(server.data().join("vault/drills")).expect("a head of the ledger lies there").count();
    assert_eq!(ledgers, 1);
    assert_eq!(found["notes"], serde_json::json!([]), "{ran}");

    let packs = fixtures::bench::objects(&server.data().join("vault"));
    let (pack, bytes) = packs.iter().max_by_key(|(_, bytes)| *bytes).expect("a pack");
    let mut content = fs::read(pack).expect("there");
    content[usize::try_from(bytes / 2).expect("small")] ^= 1;
    fs::write(pack, content).expect("writable");
    let ran = drill(&bench, &[]).exits(4);
    assert_eq!(ran.json()["verdict"], "fail", "{ran}");
}

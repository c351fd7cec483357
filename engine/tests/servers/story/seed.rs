//! A seed into a vault on each kind of server: pulled in the middle, absorbed by a stranger with nothing but a login.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use fixtures::bench::{as_text, objects, text, wait_until};
use fixtures::data::noise;
use fixtures::{Bench, Drive, Ran, Server};

use super::{DAVS, FTPS, Kind, S3, SFTP, bench, recovers, restores, right, start};

#[test]
fn a_seed_arrives_at_an_sftp_server() {
    arrives(SFTP);
}

#[test]
fn a_seed_arrives_at_an_ftps_server() {
    arrives(FTPS);
}

#[test]
fn a_seed_arrives_at_a_webdav_server() {
    arrives(DAVS);
}

#[test]
fn a_seed_arrives_in_a_bucket() {
    arrives(S3);
}

fn arrives(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = start(kind, folder.path()) else { return };
    let Some(drive) = Drive::new("ext4") else { return };
    let bench = bench(&server, 4, &right(&server));
    bench.done(&["init"]);
    for point in 0..8 {
        std::fs::write(bench.path("data").join(format!("more {point}")), noise(90 + point, 700_000)).unwrap();
        bench.done(&["backup"]);
    }
    let export = ["seed", "export", "--destination", "office", "--to", &text(&drive.path())];
    let exporting = bench.begin(&export);
    wait_until("the middle of the export", || packs(&drive.path()).len() > 2);
    drive.pull();
    let _ = exporting.end();
    drive.plug();
    let exported = bench.done(&export);
    assert_eq!(exported["left-packs"], 0, "{exported}");
    let pack = &packs(&drive.path())[3];
    let whole = std::fs::read(pack).unwrap();
    let mut flipped = whole.clone();
    flipped[100] ^= 1;
    std::fs::write(pack, flipped).unwrap();
    let refused = Ran::of(&mut absorb(&bench, &server, &drive.path())).exits(4).json();
    assert_eq!(refused["problems"].as_array().map(Vec::len), Some(1), "{refused}");
    let name = pack.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(as_text(&refused["problems"][0]["object"]), format!("packs/{name}"));
    assert_ne!(as_text(&bench.done(&["seed", "status"])["seeds"][0]["state"]), "verified");
    std::fs::write(pack, whole).unwrap();
    fails_in_the_middle(&bench, (&mut server, folder.path()), &drive.path());
    let absorbed = Ran::of(&mut absorb(&bench, &server, &drive.path())).exits(0).json();
    let sent = exported["packs"].as_u64().unwrap();
    assert_eq!(absorbed["packs"].as_u64(), Some(sent), "{absorbed}");
    assert!(absorbed["lay-there"].as_u64() >= Some(2), "{absorbed}");
    assert_eq!(bench.complete_at("office"), Vec::<String>::new());
    drive.unplug();
    let status = bench.done(&["seed", "status"]);
    assert_eq!(as_text(&status["seeds"][0]["state"]), "verified", "{status}");
    let copied = bench.done(&["copy"]);
    let copies = copied["copies"].as_array().unwrap();
    assert!(copies.iter().all(|copy| copy["bytes"] == 0), "all is read and nothing sent: {copied}");
    assert_eq!(bench.complete_at("office").len(), 8);
    restores(&bench);
    recovers(&bench, &server);
}

/// The server goes away in the middle of an absorption, and comes back.
fn fails_in_the_middle(bench: &Bench, (server, holds): (&mut Server, &Path), from: &Path) {
    let filled = || bytes(holds);
    let before = filled();
    let mut child = absorb(bench, server, from).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the middle of it", || filled() > before + 1_000_000 || child.try_wait().unwrap().is_some());
    server.kill();
    let ended = child.wait().unwrap();
    assert!(matches!(ended.code(), Some(0 | 1)), "{ended}");
    server.again();
}

/// Bytes of all files below.
fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sized = entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)));
    sized.map(|(path, known)| if known.is_dir() { bytes(&path) } else { known.len() }).sum()
}

fn packs(vault: &Path) -> Vec<PathBuf> {
    objects(vault).into_iter().map(|(path, _)| path).filter(|path| text(path).contains("/packs/")).collect()
}

/// As whoever receives the drive does: an address, a login, and nothing of ours.
fn absorb(bench: &Bench, server: &Server, from: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_engine"));
    command.current_dir("/").env_remove("OFFSITE_CONFIG").env("HOME", bench.text("nobody"));
    command.args(["--json", "seed", "absorb", "--from", &text(from), "--into", &server.url()]);
    for (key, value) in [server.trust(), server.login()].concat() {
        command.arg(format!("--{key}"));
        command.args(Some(value).filter(|value| value != "true"));
    }
    command
}

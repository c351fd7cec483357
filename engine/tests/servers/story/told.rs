//! What `engine status` says on bad days, in the words that a person needs: what is wrong, and what to do.

use std::fs;
use std::time::Duration;

use fixtures::bench::text;
use fixtures::data::noisy_files;
use fixtures::{Bench, Ran, Server};

use super::full::Small;
use super::{DAVS, FTPS, Kind, S3, SFTP, bench, configure, office_at, right, start};
use crate::common::faketime;
use crate::s3::proxy::{Deed, Proxy, refusal};

/// `engine status`, by this computer's clock and so much.
fn status_in(bench: &Bench, offset: &str) -> Ran {
    let mut command = bench.command(&["status"]);
    let _ = command.env("LD_PRELOAD", faketime()).env("FAKETIME", offset).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Ran::of(&mut command).exits(0)
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    words.iter().for_each(|word| assert!(ran.out.contains(word), "`{word}` is not in {ran}"));
}

/// A job that was copied, and that has one more point since.
fn copied_once(server: &Server) -> Bench {
    let bench = bench(server, 2, &right(server));
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    bench.done(&["backup"]);
    bench
}

#[test]
fn a_host_key_that_changed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = start(SFTP, folder.path()) else { return };
    let bench = copied_once(&server);
    let config = fs::read_to_string(bench.path("offsite.toml")).unwrap();
    let (known, kept) = (server.folder.join("known_hosts"), bench.path("known_hosts"));
    fs::copy(&known, &kept).unwrap();
    fs::write(bench.path("offsite.toml"), config.replace(&text(&known), &text(&kept))).unwrap();
    server.kill();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        fs::remove_file(server.folder.join(format!("host_{kind}"))).unwrap();
    }
    server.again();
    let status = bench.engine(&["status"]).exits(0);
    says(&status, &["no: ", "has changed", "ssh-keygen -R", "ssh-keyscan", "1 point waits for it"]);
    let _ = bench.engine(&["copy"]).exits(3).says("has changed");
}

#[test]
fn a_certificate_that_has_expired() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(DAVS, folder.path()) else { return };
    let bench = copied_once(&server);
    let url = server.url_at(server.told("expired").parse().unwrap());
    configure(&bench, "\"office\"", &office_at(&url, &server, &right(&server)));
    let status = bench.engine(&["status"]).exits(0);
    says(&status, &["no: ", "has expired", "renewed", "1 point waits for it"]);

    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(FTPS, folder.path()) else { return };
    let bench = copied_once(&server);
    drop(server);
    let Some(server) = start(("proftpd", &["tls=explicit", "cert=expired"]), folder.path()) else { return };
    configure(&bench, "\"office\"", &office_at(&server.url(), &server, &right(&server)));
    let status = bench.engine(&["status"]).exits(0);
    says(&status, &["no: ", "has expired", "renew it", "1 point waits for it"]);
}

#[test]
fn a_disk_that_is_full_behind_sftp() {
    let words = ["office is full", "0 B could be freed", "in the way: evict = \"never\"", "free room there"];
    a_disk_that_is_full(SFTP, &words);
}

/// Of a place that tells no room, once it has said that there is none.
const UNFORESEEN: &[&str] = &[
    "it had no room left at",
    "of ours there; none of that goes to make room: evict = \"never\"; what it said",
    "free room there, or raise its quota",
    "0 B could be freed; in the way: evict = \"never\"",
];

/// It tells no room beforehand: what it says once there is none.
#[test]
fn a_disk_that_is_full_behind_ftps() {
    a_disk_that_is_full(FTPS, &[UNFORESEEN, &["No space left on device"]].concat());
}

/// The same.
#[test]
fn a_disk_that_is_full_behind_webdav() {
    a_disk_that_is_full(DAVS, &[UNFORESEEN, &["507 (no room, or a quota is reached)"]].concat());
}

/// By another program; nothing of ours may go to make room.
fn a_disk_that_is_full(kind: Kind, words: &[&str]) {
    let Some(small) = Small::with(kind, "evict = \"never\"\n") else { return };
    small.point(1);
    small.bench.done(&["copy"]);
    let other = small.mounted.fill();
    small.point(2);
    for _ in 0..2 {
        let _ = small.bench.engine(&["copy"]).exits(3);
        let status = small.bench.engine(&["status"]).exits(0);
        says(&status, &[words, &["not yet: "]].concat());
    }
    assert_eq!(small.bench.complete_at("office").len(), 1);
    fs::remove_file(other).unwrap();
    small.mounted.settle();
    small.bench.done(&["copy"]);
    assert_eq!(small.bench.complete_at("office").len(), 2);
    assert_eq!(super::seen(&small.bench)["problems"], serde_json::json!([]));
    super::restores(&small.bench);
}

/// As most servers answer. SeaweedFS has no word for it: what it says is in `scale`, and is told as well.
#[test]
fn a_bucket_without_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(S3, folder.path()) else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let bench = bench(&server, 2, "");
    let office = office_at(&server.url(), &server, &right(&server));
    let own = format!(":{}\"", server.port());
    configure(&bench, "\"office\"", &office.replace(&own, &format!(":{}\"", proxy.port)));
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    noisy_files(&bench.path("data/more"), 9_000, 2, 200_000).unwrap();
    bench.done(&["backup"]);
    proxy.choose(|_, line| match line.starts_with("PUT ") && line.contains("/packs/") {
        true => refusal("507 Insufficient Storage", "InsufficientStorage", ""),
        false => Deed::Pass,
    });
    let _ = bench.engine(&["copy"]).exits(3);
    let status = bench.engine(&["status"]).exits(0);
    says(&status, &["it had no room left at", "507 InsufficientStorage", "there is no room left, or a quota"]);
}

/// rclone answers 405 to all that can't be written, which is no advice to make a folder or to switch something on.
#[test]
fn a_webdav_server_that_is_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(("rclone-dav", &[]), folder.path()) else { return };
    let bench = bench(&server, 2, &right(&server));
    let may = |folder: &std::path::Path, mode| fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    may(&server.data(), 0o555);
    let made = bench.engine(&["init"]).exits(3);
    says(&made, &["makes none: it is read only, or its user has no right to write there"]);
    assert!(!made.out.contains("make it first"), "{made}");

    may(&server.data(), 0o755);
    bench.done(&["init"]);
    may(&server.data().join("vault"), 0o555);
    bench.done(&["backup"]);
    let _ = bench.engine(&["copy"]).exits(3).says("read only");
    says(&bench.engine(&["status"]).exits(0), &["the last session there failed", "read only"]);
    may(&server.data().join("vault"), 0o755);
    bench.done(&["copy"]);
    super::restores(&bench);
}

#[test]
fn a_server_that_was_not_seen_for_long() {
    for kind in [SFTP, FTPS, DAVS, S3] {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut server) = start(kind, folder.path()) else { return };
        let bench = bench(&server, 2, &right(&server));
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
        server.kill();
        for (offset, is_long) in [("+20d", false), ("+40d", true)] {
            let status = status_in(&bench, offset);
            says(&status, &["can't be reached"]);
            assert_eq!(status.out.contains("it was not there for 40 days, since"), is_long, "{kind:?}: {status}");
            assert_eq!(status.out.contains("engine retire office --medium"), is_long, "{kind:?}: {status}");
        }
    }
}

/// Ours against the server's, which is as good as the server's against ours. Only S3 has a time in its requests; of TLS
/// the certificate is of some time; SFTP has none.
#[test]
fn a_clock_that_is_wrong() {
    type Wrong = (&'static str, [&'static str; 2]);
    let all: [(Kind, [Wrong; 2]); 3] = [
        (S3, [("+25h", ["25 hours ahead of", "set this"]), ("-25h", ["25 hours behind", "set this computer's clock"])]),
        (FTPS, [("+60d", ["has expired", "set this"]), ("-60d", ["is not valid yet", "set this computer's clock"])]),
        (
            DAVS,
            [("+60d", ["has expired", "this computer's clock is wrong"]), ("-60d", ["is not valid yet", "the clocks"])],
        ),
    ];
    for (kind, wrong) in all {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = start(kind, folder.path()) else { return };
        let bench = copied_once(&server);
        for (offset, words) in wrong {
            says(&status_in(&bench, offset), &words);
        }
        let status = bench.engine(&["status"]).exits(0);
        assert!(!status.out.contains("clock"), "{status}");
    }
}

#[test]
fn nothing_of_an_ftps_servers_wrong_clock() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(("proftpd", &["tls=explicit", "clock=+3d"]), folder.path()) else { return };
    let bench = copied_once(&server);
    bench.done(&["copy"]);
    assert_eq!(super::seen(&bench)["problems"], serde_json::json!([]));
}

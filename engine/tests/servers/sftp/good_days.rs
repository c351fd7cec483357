//! The rules of every store, on each server; lists; names without replacing.

use engine::config::Sftp;
use engine::destination::{ErrorKind, ReadStore, Resume, WriteStore};
use fixtures::Server;

use super::{by_password, made, opened, place};
use crate::common::{conforms, kind, path, pattern, put, whole};

#[test]
fn openssh_keeps_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    conforms(|below| made(&place(&server, below)));
}

#[test]
fn a_chrooted_user_without_a_shell_keeps_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start_as("sftp", &["--jail"], folder.path()) else { return };
    conforms(|below| {
        let mut place = by_password(&server, "jail", &server.told("jailed"), below);
        place.server.path = format!("/data/{below}");
        made(&place)
    });
}

#[test]
fn a_server_that_works_on_several_requests_at_once_keeps_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp-at-once", folder.path()) else { return };
    conforms(|below| made(&by_password(&server, "data", "ann", below)));
}

#[test]
fn handles_that_are_not_text_are_handles() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp-at-once", folder.path()) else { return };
    let store = made(&by_password(&server, "data", "ann", "vault"));
    put(&store, "a", b"content").unwrap();
    for time in 0..300 {
        assert_eq!(store.read(&path("a"), 0, 10).unwrap(), b"content", "{time}");
    }
}

#[test]
fn only_the_last_folder_is_made_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    assert_eq!(kind(opened(&place(&server, "vault"))), Some(ErrorKind::NotFound));
    let create = |below: &str| engine_create(&place(&server, below));
    assert_eq!(create("vault/deeper"), Some(ErrorKind::NotFound));
    assert_eq!(create("vault"), None);
    assert_eq!(create("vault"), Some(ErrorKind::Exists));
    assert_eq!(kind(opened(&place(&server, "vault"))), None);
    std::fs::write(server.data().join("file"), "x").unwrap();
    assert_eq!(kind(opened(&place(&server, "file"))), Some(ErrorKind::NotFound));
}

fn engine_create(place: &Sftp) -> Option<ErrorKind> {
    kind(engine::destination::SftpStore::create_root(place, &|_| {}))
}

#[test]
fn a_big_folder_is_listed_whole() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "packs/ab/first", b"1").unwrap();
    for number in 0..5000 {
        std::fs::write(server.data().join(format!("vault/packs/ab/{number:05}")), b"22").unwrap();
    }
    // Not ours: neither a name of a vault nor a file.
    std::fs::write(server.data().join("vault/packs/ab/not ours"), b"").unwrap();
    std::os::unix::fs::symlink("/etc", server.data().join("vault/packs/ab/link")).unwrap();
    let listed = store.list(&path("packs/ab")).unwrap();
    assert_eq!((listed.len(), listed[4999].bytes, listed[5000].path.as_str()), (5001, Some(2), "packs/ab/first"));
    assert_eq!(store.stat(&path("packs/ab/link")).unwrap(), None, "a link is no object");
}

#[test]
fn an_object_that_came_meanwhile_is_not_replaced_on_any_server() {
    for script in ["sftp", "sftp-at-once"] {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = Server::start(script, folder.path()) else { return };
        let user = server.told("user");
        let store = made(&by_password(&server, "data", &user, "vault"));
        let other = opened(&by_password(&server, "data", &user, "vault")).unwrap();
        let mut late = store.create(&path("a")).unwrap();
        late.write(b"late").unwrap();
        late.flush().unwrap();
        // Another process, that does not know the first one's writer.
        let root = if script == "sftp" { server.data() } else { server.folder.join("data") };
        std::fs::write(root.join("vault/a"), b"first").unwrap();
        assert_eq!(kind(late.finish()), Some(ErrorKind::Exists), "{script}");
        assert_eq!(whole(&other, "a").unwrap(), b"first", "{script}");
    }
}

#[test]
fn a_rename_that_was_cut_short_is_not_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    put(&store, "a", b"finished").unwrap();
    let at = |name: &str| server.data().join("vault").join(name);
    std::fs::hard_link(at("a"), at(".tmp-a")).unwrap();
    assert_eq!(kind(store.create(&path("a"))), Some(ErrorKind::Exists));
    assert_eq!(kind(store.resume(&path("a"), &Resume::at(3))), Some(ErrorKind::Exists));
    assert_eq!(whole(&store, "a").unwrap(), b"finished");
}

#[test]
fn several_threads_use_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    let bytes = pattern(9_000_000);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, bytes) = (&store, &bytes);
            scope.spawn(move || {
                for turn in 0..2 {
                    let name = format!("packs/{thread}{turn}/x");
                    put(store, &name, &bytes[thread..]).unwrap();
                    assert!(whole(store, &name).unwrap() == bytes[thread..]);
                }
            });
        }
    });
}

#[test]
fn space_is_what_the_servers_file_system_has() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Server::start("sftp", folder.path()) else { return };
    let space = made(&place(&server, "vault")).space().unwrap().unwrap();
    assert!(space.free > 0 && space.free < space.total);
}

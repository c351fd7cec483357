//! SFTP servers: the store against OpenSSH and asyncssh. Here: places on them.

pub mod bad_days;
mod good_days;
mod login;
mod speed;

use std::path::PathBuf;

use engine::config::{SecretSource, Server as Address, Sftp};
use engine::destination::{SftpStore, StoreError};
use fixtures::Server;

use crate::common::told;

/// A place below the server's data folder, logged in to by key.
pub fn place(server: &Server, below: &str) -> Sftp {
    let identity_file = Some(server.folder.join("id_ed25519"));
    Sftp { identity_file, ..by_password(server, "data", &server.told("user"), below) }
}

/// The same by password, below another of the server's folders.
pub fn by_password(server: &Server, root: &str, user: &str, below: &str) -> Sftp {
    let path = format!("{}/{below}", server.told(root).trim_end_matches('/'));
    Sftp {
        server: Address { user: Some(user.to_owned()), host: "127.0.0.1".to_owned(), port: server.port(), path },
        identity_file: None,
        known_hosts: Some(server.folder.join("known_hosts")),
        password: Some(SecretSource::File(server.folder.join("password"))),
        passphrase: None,
    }
}

/// The same place through a proxy, which the server's known hosts do not name.
pub fn through(server: &Server, port: u16, below: &str) -> Sftp {
    Sftp { known_hosts: Some(known_hosts_at(server, port)), ..at_port(&place(server, below), port) }
}

/// The known hosts of the server as it is seen through a proxy.
pub fn known_hosts_at(server: &Server, port: u16) -> PathBuf {
    let known = std::fs::read_to_string(server.folder.join("known_hosts")).unwrap();
    let file = server.folder.join(format!("known_hosts-{port}"));
    std::fs::write(&file, known.replace(&format!(":{} ", server.port()), &format!(":{port} "))).unwrap();
    file
}

/// The same place, elsewhere or with something changed.
pub fn at_port(place: &Sftp, port: u16) -> Sftp {
    let server = Address { port, ..place.server.clone() };
    Sftp { server, ..place.clone() }
}

pub fn made(place: &Sftp) -> SftpStore {
    SftpStore::create_root(place, &|_| {}).unwrap_or_else(|error| panic!("{}", told(&error)))
}

pub fn opened(place: &Sftp) -> Result<SftpStore, StoreError> {
    SftpStore::open(place, &|_| {})
}

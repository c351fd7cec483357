//! Places on the servers, and what is put there and read.

use std::path::Path;

use engine::config::{SecretSource, Server as Address, Sftp};
use engine::destination::{ErrorKind, ReadStore, SftpStore, StoreError, WriteStore};
use engine::model::VaultPath;
use fixtures::Server;

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
    let known = std::fs::read_to_string(server.folder.join("known_hosts")).unwrap();
    let file = server.folder.join(format!("known_hosts-{port}"));
    std::fs::write(&file, known.replace(&format!(":{} ", server.port()), &format!(":{port} "))).unwrap();
    Sftp { known_hosts: Some(file), ..at_port(&place(server, below), port) }
}

/// A secret in a file.
pub fn secret(folder: &Path, text: &str) -> Option<SecretSource> {
    let file = folder.join(format!("secret-{}", text.len()));
    std::fs::write(&file, text).unwrap();
    Some(SecretSource::File(file))
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

pub fn told(error: &StoreError) -> String {
    format!("{:?}: {error}: {}", error.kind, error.source)
}

pub fn kind<T>(result: Result<T, StoreError>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

pub fn path(text: &str) -> VaultPath {
    VaultPath::parse(text).expect("a path")
}

pub fn pattern(bytes: usize) -> Vec<u8> {
    (0..u32::try_from(bytes).expect("small")).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

pub fn put(store: &SftpStore, at: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let mut writer = store.create(&path(at))?;
    for piece in bytes.chunks(1 << 20) {
        writer.write(piece)?;
    }
    writer.finish().map(drop)
}

pub fn whole(store: &SftpStore, at: &str) -> Result<Vec<u8>, StoreError> {
    let mut reader = store.read_medium(&path(at))?;
    let (mut all, mut piece) = (Vec::new(), vec![0; 1 << 20]);
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(all),
            bytes => all.extend_from_slice(&piece[..bytes]),
        }
    }
}

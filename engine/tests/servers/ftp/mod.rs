//! FTP servers: the store against ProFTPD, vsftpd and one that misbehaves as it is told. Here: places on them.

mod answers;
pub mod bad_days;
mod conforms;
mod proxy;
mod speed;
mod trust;

use std::net::TcpListener;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::PathBuf;

use engine::config::{Ftp, FtpData, FtpTls, SecretSource, Server as Address};
use engine::destination::{FtpStore, StoreError};
use fixtures::Server;
use fixtures::proxy::SECOND_ADDRESS;
use tempfile::TempDir;

use crate::common::told;
use proxy::Proxy;

/// A server in a folder of its own.
pub struct Running {
    pub server: Server,
    words: Vec<String>,
    folder: TempDir,
}

/// None, and it says SKIPPED, where only root could.
pub fn start(script: &str, words: &[&str]) -> Option<Running> {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_as(script, words, folder.path())?;
    Some(Running { server, words: words.iter().map(|word| (*word).to_owned()).collect(), folder })
}

impl Running {
    /// The place below the folder that the server's user may write.
    pub fn place(&self, below: &str) -> Ftp {
        let with = |word: &str| self.words.iter().any(|given| given == word);
        let server = &self.server;
        Ftp {
            server: Address {
                user: Some(server.told("user")),
                host: if with("address=::1") { "::1" } else { "localhost" }.to_owned(),
                port: server.port(),
                path: format!("{}/{below}", server.told("root").trim_end_matches('/')),
            },
            tls: match (with("tls=explicit"), with("tls=implicit")) {
                (true, _) => FtpTls::Explicit,
                (_, true) => FtpTls::Implicit,
                _ => FtpTls::None,
            },
            password: Some(SecretSource::File(self.folder.path().join("password"))),
            ca_file: Some(server.told("ca").into()),
            data: FtpData::Passive,
        }
    }

    /// A new vault's folder there.
    pub fn made(&self, below: &str) -> FtpStore {
        made(&self.place(below))
    }

    /// An empty folder that the server's user may write, without a connection.
    pub fn folder_by_hand(&self, below: &str) {
        let folder = self.on_disk(below);
        std::fs::create_dir(&folder).unwrap();
        let owner = std::fs::metadata(self.server.data()).unwrap().uid();
        chown(folder, Some(owner), None).unwrap();
    }

    /// A new vault's folder there, through a proxy.
    pub fn through(&self, proxy: &Proxy, below: &str) -> FtpStore {
        let mut place = self.place(below);
        (place.server.host, place.server.port) = ("127.0.0.1".to_owned(), proxy.port());
        made(&place)
    }

    /// Where that lies on the server's disk.
    pub fn on_disk(&self, path: &str) -> PathBuf {
        self.server.data().join(path)
    }

    /// How often this request stands in the log of a server that notes them all.
    pub fn noted(&self, request: &str) -> usize {
        self.server.log().lines().filter(|line| line.split(' ').next() == Some(request)).count()
    }
}

pub fn made(place: &Ftp) -> FtpStore {
    FtpStore::create_root(place, &|warning| panic!("{warning}")).unwrap_or_else(|error| panic!("{}", told(&error)))
}

pub fn opened(place: &Ftp) -> Result<FtpStore, StoreError> {
    FtpStore::open(place, &|warning| panic!("{warning}"))
}

/// So many ports in a row that are free at both addresses, below those that the system gives to connections.
pub fn free_ports(ports: u16) -> Range<u16> {
    let is_free = |port: &u16| ["127.0.0.1", SECOND_ADDRESS].iter().all(|at| TcpListener::bind((*at, *port)).is_ok());
    let first = 12_000 + (std::process::id() % 90) as u16 * ports;
    let mut rows = (first..31_000).step_by(ports.into()).map(|first| first..first + ports);
    rows.find(|row| row.clone().all(|port| is_free(&port))).expect("free ports")
}

//! Places on the servers, and what is put there and read.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::config::{SecretSource, Server as Address, Transport, WebDav};
use engine::destination::StoreError;
use engine::destination::WebDavStore;
use fixtures::Server;

use crate::common::told;

pub const ALL: [&str; 3] = ["apache-dav", "nginx-dav", "rclone-dav"];

pub fn started(script: &str, folder: &Path) -> Option<Server> {
    Server::start(script, folder)
}

/// A place below the server's folder, without TLS.
pub fn place(server: &Server, below: &str) -> WebDav {
    WebDav {
        server: Address {
            user: Some(server.told("user")),
            host: "127.0.0.1".to_owned(),
            port: server.port(),
            path: format!("{}/{below}", server.told("root")),
        },
        transport: Transport::Plain,
        password: Some(SecretSource::File(server.folder.join("password"))),
        ca_file: None,
    }
}

/// The same place with TLS, on the port of that name.
pub fn secure(server: &Server, port: &str, below: &str) -> WebDav {
    let place = at_port(&place(server, below), server.told(port).parse().unwrap());
    WebDav { transport: Transport::Tls, ca_file: Some(server.told("ca").into()), ..place }
}

/// The same place, elsewhere.
pub fn at_port(place: &WebDav, port: u16) -> WebDav {
    WebDav { server: Address { port, ..place.server.clone() }, ..place.clone() }
}

/// What it was asked so far: method, status and path.
pub fn asked(server: &Server) -> Vec<String> {
    let log = std::fs::read_to_string(server.folder.join("access")).unwrap();
    log.lines().map(str::to_owned).collect()
}

/// The same from the `before`th on; servers note a request after they have answered it, so that `most` are waited for.
pub fn asked_since(server: &Server, before: usize, most: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let all = asked(server).split_off(before);
        if all.len() >= most || begun.elapsed() > Duration::from_secs(3) {
            return all;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn made(place: &WebDav) -> WebDavStore {
    WebDavStore::create_root(place, &|_| {}).unwrap_or_else(|error| panic!("{}", told(&error)))
}

pub fn opened(place: &WebDav) -> Result<WebDavStore, StoreError> {
    WebDavStore::open(place, &|_| {})
}

/// Bytes that tell where they belong; quickly, as there are many.
pub fn pattern(bytes: usize) -> Vec<u8> {
    let block: Vec<u8> = (0..100_003_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let mut all = block.repeat(bytes / block.len() + 1);
    all.truncate(bytes);
    all
}

/// An object written by the protocol, but not by us.
pub fn put_by_another_program(server: &Server, below: &str, bytes: &[u8]) {
    let login = format!("{}:{}", server.told("user"), server.told("password"));
    let mut connection = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    write!(
        connection,
        "PUT {}/{below} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic {}\r\nContent-Length: {}\r\n\r\n",
        server.told("root"),
        data_encoding::BASE64.encode(login.as_bytes()),
        bytes.len()
    )
    .unwrap();
    connection.write_all(bytes).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
}

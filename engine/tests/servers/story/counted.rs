//! A server behind a proxy that counts: what of a job really goes over the line.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use fixtures::bench::text;
use fixtures::proxy::{Rules, SECOND_ADDRESS};
use fixtures::{Proxy, Server};

use super::{Kind, right};

/// Ports for data connections, of a server that has a line of its own for each of them.
const PASSIVE: u16 = 40;

pub struct Counted {
    pub server: Server,
    /// The destination `office` on it, as it is reached through the proxy.
    pub office: String,
    rules: Arc<Rules>,
}

impl Counted {
    pub fn start((script, words): Kind, folder: &Path) -> Option<Self> {
        let (first, is_ftp) = (free_ports(), script == "proftpd");
        let passive = format!("passive={first}-{}", first + PASSIVE - 1);
        let words: Vec<&str> = words.iter().copied().chain(Some(passive.as_str()).filter(|_| is_ftp)).collect();
        let server = Server::start_as(script, &words, folder)?;
        let own = server.tells("tls").map_or(server.port(), |tls| tls.parse().unwrap());
        let (proxy, host) = match is_ftp {
            true => (Proxy::before(own, first..first + PASSIVE, Duration::ZERO), SECOND_ADDRESS),
            false => (Proxy::to(own, Duration::ZERO), "127.0.0.1"),
        };
        let url = server.url_at(proxy.port).replace("127.0.0.1", host);
        let trust = server.trust().into_iter().map(|(key, value)| match key {
            "known-hosts" => (key, text(&crate::sftp::known_hosts_at(&server, proxy.port))),
            "endpoint" => (key, format!("http://127.0.0.1:{}", proxy.port)),
            _ => (key, value),
        });
        let trust = Server::lines(&trust.collect::<Vec<_>>());
        let office = format!("[destination.office]\nurl = \"{url}\"\n{trust}\n{}\n", right(&server));
        Some(Self { server, office, rules: proxy.rules })
    }

    /// Round trips of programs that have ended, by a protocol whose connections all go through the proxy.
    pub fn trips(&self) -> u64 {
        self.rules.trips_of_those_gone()
    }

    /// Bytes that it was sent so far, by whatever protocol.
    pub fn sent(&self) -> u64 {
        self.rules.sent.load(Ordering::Relaxed)
    }
}

/// The first of so many ports that are free, other ones at each call, and below those that others choose from.
fn free_ports() -> u16 {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    const RANGES: u16 = 50;
    let is_free = |port: u16| ["127.0.0.1", SECOND_ADDRESS].iter().all(|at| TcpListener::bind((*at, port)).is_ok());
    let begin = u16::try_from(std::process::id() % u32::from(RANGES)).unwrap();
    let mut firsts = (0..RANGES).map(|_| {
        let number = (begin + CALLS.fetch_add(1, Ordering::Relaxed)) % RANGES;
        10_000 + number * PASSIVE
    });
    firsts.find(|first| (*first..first + PASSIVE).all(is_free)).expect("free ports")
}

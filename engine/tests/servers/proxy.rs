//! A TCP proxy that delays, cuts or freezes a connection.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Rules {
    /// Each way.
    pub delay: Duration,
    /// Bytes from the client, of one connection, after which it is cut; 0: never.
    pub cut_after: AtomicU64,
    pub frozen: AtomicBool,
    /// Bytes from the client, of all connections.
    pub sent: AtomicU64,
    pub connections: AtomicU64,
}

pub struct Proxy {
    pub port: u16,
    pub rules: Arc<Rules>,
}

impl Proxy {
    /// Runs as long as the process; connections end with their ends.
    pub fn to(port: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let own = listener.local_addr().expect("bound").port();
        let rules = Arc::new(Rules { delay, ..Rules::default() });
        let shared = Arc::clone(&rules);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                carry(&client, &server, &shared, true);
                carry(&server, &client, &shared, false);
            }
        });
        Self { port: own, rules }
    }
}

fn carry(from: &TcpStream, to: &TcpStream, rules: &Arc<Rules>, upward: bool) {
    let _ = (from.set_nodelay(true), to.set_nodelay(true));
    let (mut from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
    // Unbounded: a line holds as much as is under way on it.
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    let (reading, rules_then) = (Arc::clone(rules), Arc::clone(rules));
    std::thread::spawn(move || {
        let (mut buffer, mut seen) = (vec![0; 64 << 10], 0);
        while let Ok(bytes @ 1..) = from.read(&mut buffer) {
            seen += bytes as u64;
            if upward {
                reading.sent.fetch_add(bytes as u64, Ordering::Relaxed);
                let limit = reading.cut_after.load(Ordering::Relaxed);
                if limit > 0 && seen >= limit {
                    let _ = from.shutdown(Shutdown::Both);
                    break;
                }
            }
            if sender.send((Instant::now(), buffer[..bytes].to_vec())).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        let mut to = to;
        for (came, bytes) in receiver {
            std::thread::sleep((came + rules_then.delay).saturating_duration_since(Instant::now()));
            while rules_then.frozen.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
            }
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}

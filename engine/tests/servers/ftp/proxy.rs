//! A proxy before a server in clear: slow, or cutting all connections after so many requests or bytes.
//!
//! It understands as much FTP as it needs to lead passive data connections through itself too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use fixtures::bench::wait_until;

#[derive(Clone)]
pub struct Proxy(Arc<Shared>);

/// What a stream carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    /// Replies to requests.
    Replies,
    /// Anything else.
    Bytes,
}

struct Shared {
    port: u16,
    delay: Duration,
    /// Requests, or bytes of uploads, until everything is cut; negative: never.
    requests: AtomicI64,
    bytes: AtomicI64,
    silent: AtomicBool,
    /// How often these rules cut.
    cuts: AtomicU64,
    /// How often a request came after something was answered, or as the first.
    trips: AtomicU64,
    waiting: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    seen: Mutex<Vec<String>>,
}

impl Proxy {
    /// Before the server on that port.
    pub fn to(server: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let shared = Shared {
            port: listener.local_addr().expect("bound").port(),
            delay,
            requests: AtomicI64::new(-1),
            bytes: AtomicI64::new(-1),
            silent: AtomicBool::new(false),
            cuts: AtomicU64::new(0),
            trips: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            open: Mutex::default(),
            seen: Mutex::default(),
        };
        let proxy = Self(Arc::new(shared));
        let own = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                own.control(client, server);
            }
        });
        proxy
    }

    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// From now on everything is cut once, after that many requests: they are still passed on, their replies are not.
    pub fn cut_after_requests(&self, requests: i64) {
        self.0.requests.store(requests, Ordering::SeqCst);
    }

    /// From now on everything is cut once, after that many bytes of uploads.
    pub fn cut_after_bytes(&self, bytes: i64) {
        self.0.bytes.store(bytes, Ordering::SeqCst);
    }

    /// From now on nothing is passed on, and nothing closed.
    pub fn hang(&self) {
        self.0.silent.store(true, Ordering::SeqCst);
    }

    /// The requests so far, without their arguments.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.0.seen.lock().expect("no panic"))
    }

    /// How often everything was cut by a rule so far.
    pub fn cuts(&self) -> u64 {
        self.0.cuts.load(Ordering::SeqCst)
    }

    /// Round trips of requests so far. Opening a connection is none here: the proxy answers it at once.
    pub fn trips(&self) -> u64 {
        wait_until("all is answered", || !self.0.waiting.load(Ordering::SeqCst));
        self.0.trips.load(Ordering::SeqCst)
    }

    fn cut_by_rule(&self) {
        self.0.cuts.fetch_add(1, Ordering::SeqCst);
        self.cut();
    }

    /// Closes every connection.
    pub fn cut(&self) {
        for stream in self.0.open.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn connect(&self, client: TcpStream, port: u16) -> Option<[TcpStream; 4]> {
        let server = TcpStream::connect(("127.0.0.1", port)).ok()?;
        for stream in [&client, &server] {
            stream.set_nodelay(true).ok()?;
            self.0.open.lock().expect("no panic").push(stream.try_clone().ok()?);
        }
        Some([client.try_clone().ok()?, client, server.try_clone().ok()?, server])
    }

    fn control(&self, client: TcpStream, port: u16) {
        let Some([from_client, to_client, from_server, to_server]) = self.connect(client, port) else { return };
        let (up, down) = (self.clone(), self.clone());
        let (to_server, to_client) = (self.delayed(to_server, Says::Bytes), self.delayed(to_client, Says::Replies));
        std::thread::spawn(move || up.requests_from(from_client, &to_server));
        std::thread::spawn(move || down.replies_from(from_server, &to_client));
    }

    fn requests_from(&self, client: TcpStream, to: &mpsc::Sender<(Instant, Vec<u8>)>) {
        for line in BufReader::new(client).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&line);
            let verb = text.split_whitespace().next().unwrap_or_default().to_owned();
            self.0.seen.lock().expect("no panic").push(verb);
            if !self.0.waiting.swap(true, Ordering::SeqCst) {
                self.0.trips.fetch_add(1, Ordering::SeqCst);
            }
            if self.0.silent.load(Ordering::SeqCst) {
                continue;
            }
            let last = self.0.requests.fetch_sub(1, Ordering::SeqCst) == 1;
            if to.send((Instant::now() + self.0.delay, [&line[..], b"\n"].concat())).is_err() {
                return;
            }
            if last {
                // Time to arrive, and none for the reply.
                self.0.silent.store(true, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(30));
                self.cut_by_rule();
                self.0.silent.store(false, Ordering::SeqCst);
            }
        }
    }

    fn replies_from(&self, server: TcpStream, to: &mpsc::Sender<(Instant, Vec<u8>)>) {
        for line in BufReader::new(server).split(b'\n').map_while(Result::ok) {
            if self.0.silent.load(Ordering::SeqCst) {
                continue;
            }
            let text = String::from_utf8_lossy(&line).into_owned();
            let line = if text.starts_with("229 ") { self.led_through(&text) } else { text };
            if to.send((Instant::now() + self.0.delay, format!("{line}\n").into_bytes())).is_err() {
                return;
            }
        }
    }

    /// The reply to EPSV with a port of ours that leads to the server's.
    fn led_through(&self, reply: &str) -> String {
        let port: u16 = reply.split('|').nth(3).and_then(|port| port.parse().ok()).expect("a port");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("bound").port();
        let proxy = self.clone();
        std::thread::spawn(move || {
            let Ok((client, _)) = listener.accept() else { return };
            let Some([from_client, to_client, from_server, to_server]) = proxy.connect(client, port) else { return };
            let (to_server, to_client) = (proxy.delayed(to_server, Says::Bytes), proxy.delayed(to_client, Says::Bytes));
            let up = proxy.clone();
            std::thread::spawn(move || up.bytes_from(from_client, &to_server, true));
            proxy.bytes_from(from_server, &to_client, false);
        });
        reply.replace(&format!("|{port}|"), &format!("|{own}|"))
    }

    fn bytes_from(&self, mut from: TcpStream, to: &mpsc::Sender<(Instant, Vec<u8>)>, counted: bool) {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(bytes @ 1..) = from.read(&mut buffer) {
            while self.0.silent.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let mut pass = bytes;
            if counted {
                let left = self.0.bytes.fetch_sub(bytes as i64, Ordering::SeqCst);
                if left > 0 && left <= bytes as i64 {
                    pass = left as usize;
                    let _ = to.send((Instant::now(), buffer[..pass].to_vec()));
                    std::thread::sleep(Duration::from_millis(30));
                    self.cut_by_rule();
                    return;
                }
            }
            if to.send((Instant::now() + self.0.delay, buffer[..pass].to_vec())).is_err() {
                return;
            }
        }
    }

    /// What is sent into it arrives later. At its end the stream is closed for writing.
    fn delayed(&self, mut to: TcpStream, says: Says) -> mpsc::Sender<(Instant, Vec<u8>)> {
        let (send, receive) = mpsc::channel::<(Instant, Vec<u8>)>();
        let (delay, proxy) = (self.0.delay, self.clone());
        std::thread::spawn(move || {
            for (due, bytes) in receive {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if says == Says::Replies {
                    proxy.0.waiting.store(false, Ordering::SeqCst);
                }
                if to.write_all(&bytes).is_err() {
                    break;
                }
            }
            std::thread::sleep(delay);
            let _ = to.shutdown(Shutdown::Write);
        });
        send
    }
}

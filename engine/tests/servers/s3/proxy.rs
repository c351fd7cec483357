//! A proxy that reads HTTP requests as they pass: counts them, answers some itself, cuts, delays, freezes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the proxy does with a request.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Passes it on, and its answer back.
    Pass,
    /// Answers it itself; the server never sees it.
    Answer(String),
    /// Cuts the connection before the server has seen it.
    Cut,
    /// Lets the server do it, and cuts the connection before its answer comes.
    Lose,
}

type Choice = Box<dyn Fn(usize, &str) -> Deed + Send>;

pub struct Rules {
    /// Chooses by the request's number, from 0, and its first line.
    choice: Mutex<Choice>,
    /// First lines of the requests.
    seen: Mutex<Vec<String>>,
    /// First lines of those that were answered, with the answer's status.
    answered: Mutex<Vec<(String, u16)>>,
    pub frozen: AtomicBool,
    /// Bytes of requests' bodies that came.
    pub sent: AtomicU64,
    /// Round trips so far: how often something was asked after something had been answered.
    pub trips: AtomicU64,
    waiting: AtomicBool,
    delay: Duration,
}

pub struct Proxy {
    pub port: u16,
    pub rules: Arc<Rules>,
}

impl Proxy {
    /// Runs as long as the process. `delay` is a whole round trip.
    pub fn to(port: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let own = listener.local_addr().expect("bound").port();
        let rules = Arc::new(Rules {
            choice: Mutex::new(Box::new(|_, _| Deed::Pass)),
            seen: Mutex::default(),
            answered: Mutex::default(),
            frozen: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            trips: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            delay,
        });
        let shared = Arc::clone(&rules);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let rules = Arc::clone(&shared);
                std::thread::spawn(move || serve(&client, port, &rules));
            }
        });
        Self { port: own, rules }
    }

    /// From now on. Numbers begin at 0 again.
    pub fn choose(&self, choice: impl Fn(usize, &str) -> Deed + Send + 'static) {
        let _ = self.take();
        *self.rules.choice.lock().expect("no panic") = Box::new(choice);
    }

    /// First lines of the requests since this was asked last.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.rules.seen.lock().expect("no panic"))
    }

    /// First lines of all requests that the server answered, and its statuses.
    pub fn answered(&self) -> Vec<(String, u16)> {
        self.rules.answered.lock().expect("no panic").clone()
    }
}

/// A refusal as S3 servers write it.
pub fn refusal(status: &str, code: &str, headers: &str) -> Deed {
    let body = format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>as told</Message></Error>");
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Type: application/xml\r\nConnection: close\r\n");
    Deed::Answer(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))
}

fn serve(client: &TcpStream, port: u16, rules: &Rules) {
    let _ = client.set_nodelay(true);
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let _ = server.set_nodelay(true);
    let mut from_client = BufReader::new(client.try_clone().expect("a socket"));
    let mut from_server = BufReader::new(server.try_clone().expect("a socket"));
    while let Some((head, length)) = head(&mut from_client) {
        let first = head.lines().next().unwrap_or_default().to_owned();
        let number = {
            let mut seen = rules.seen.lock().expect("no panic");
            seen.push(first.clone());
            seen.len() - 1
        };
        if !rules.waiting.swap(true, Ordering::SeqCst) {
            rules.trips.fetch_add(1, Ordering::SeqCst);
        }
        let deed = (rules.choice.lock().expect("no panic"))(number, &first);
        std::thread::sleep(rules.delay);
        match deed {
            Deed::Cut => break,
            Deed::Answer(text) => {
                let _ = body(&mut from_client, length, None, rules);
                let _ = (&*client).write_all(text.as_bytes());
                break;
            }
            Deed::Pass | Deed::Lose => {
                let passed = server.write_all(head.as_bytes()).is_ok()
                    && body(&mut from_client, length, Some(&mut server), rules);
                if !passed {
                    break;
                }
            }
        }
        let Some((head, length)) = self::head(&mut from_server) else { break };
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        rules.waiting.store(false, Ordering::SeqCst);
        rules.answered.lock().expect("no panic").push((first.clone(), status));
        while rules.frozen.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
        if matches!(deed, Deed::Lose) {
            break;
        }
        let length = if first.starts_with("HEAD ") { 0 } else { length };
        let mut to_client = client;
        if to_client.write_all(head.as_bytes()).is_err() || !body(&mut from_server, length, Some(&mut to_client), &NONE)
        {
            break;
        }
    }
    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
}

trait Count {
    fn count(&self, bytes: u64);
}

impl Count for Rules {
    fn count(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        while self.frozen.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

struct Nobody;
const NONE: Nobody = Nobody;

impl Count for Nobody {
    fn count(&self, _: u64) {}
}

/// A head with its blank line, and the length of what follows.
fn head(from: &mut impl BufRead) -> Option<(String, u64)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
        if line == "\r\n" {
            return Some((head, length));
        }
    }
}

fn body(from: &mut impl Read, length: u64, mut to: Option<&mut dyn Write>, count: &dyn Count) -> bool {
    let (mut left, mut buffer) = (length, vec![0; 64 << 10]);
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Ok(bytes @ 1..) = from.read(&mut buffer[..most]) else { return false };
        count.count(bytes as u64);
        if to.as_mut().is_some_and(|to| to.write_all(&buffer[..bytes]).is_err()) {
            return false;
        }
        left -= bytes as u64;
    }
    true
}

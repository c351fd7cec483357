//! One connection as the client sees it, in clear or with TLS, on which requests can be sent ahead of their turn.
//!
//! In: bytes of requests. Out: the same bytes, in the same order, some of them sooner: so several requests cost one round
//! trip. The client goes on writing each request and reading its reply, one after the other; what was sent already is not
//! sent again.
//! Invariant: what was sent ahead is what the client writes next, or the connection is of no use any more.
//! Deliberately absent: which servers stand that (`session`).

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use suppaftp::{FtpResult, ImplFtpStream, TlsStream};

use super::tls::RustlsStream;

/// The client of one control connection.
pub(super) type Control = ImplFtpStream<Channel>;

/// Requests that go with the next one; shared by a session and its channel.
#[derive(Debug, Clone, Default)]
pub(super) struct Ahead(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    /// To be sent with the next request.
    next: Vec<u8>,
    /// Sent already, and still to be written by the client.
    sent: VecDeque<u8>,
}

impl Ahead {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client's next request takes these with it, which are its next ones then.
    pub fn take_along(&self, requests: &[String]) {
        self.lines().next = requests.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Channel {
    flow: Flow,
    /// Of a control connection only.
    ahead: Option<Ahead>,
}

/// How bytes go.
#[derive(Debug)]
pub(super) enum Flow {
    Clear(TcpStream),
    Tls(Box<RustlsStream>),
}

impl Channel {
    pub fn new(flow: Flow, ahead: Option<Ahead>) -> Self {
        Self { flow, ahead }
    }

    /// With TLS, its stream.
    pub fn tls(&mut self) -> Option<&mut <RustlsStream as TlsStream>::InnerStream> {
        if let Flow::Tls(stream) = &mut self.flow { Some(stream.mut_ref()) } else { None }
    }
}

impl TlsStream for Channel {
    type InnerStream = Self;

    fn tcp_stream(self) -> FtpResult<TcpStream> {
        match self.flow {
            Flow::Clear(stream) => Ok(stream),
            Flow::Tls(stream) => stream.tcp_stream(),
        }
    }

    fn get_ref(&self) -> &TcpStream {
        match &self.flow {
            Flow::Clear(stream) => stream,
            Flow::Tls(stream) => stream.get_ref(),
        }
    }

    fn mut_ref(&mut self) -> &mut Self {
        self
    }
}

impl Read for Flow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.mut_ref().read(buffer),
        }
    }
}

impl Write for Flow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.mut_ref().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush(),
            Self::Tls(stream) => stream.mut_ref().flush(),
        }
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.flow.read(buffer)
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.ahead {
            Some(ahead) => ahead.lines().write(bytes, &mut self.flow),
            None => self.flow.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flow.flush()
    }
}

impl Lines {
    fn write(&mut self, bytes: &[u8], to: &mut impl Write) -> io::Result<usize> {
        if !self.sent.is_empty() {
            let in_turn = self.sent.len() >= bytes.len() && self.sent.iter().zip(bytes).all(|(sent, now)| sent == now);
            if !in_turn {
                return Err(io::Error::other("a request out of its turn"));
            }
            self.sent.drain(..bytes.len());
            return Ok(bytes.len());
        }
        if self.next.is_empty() {
            return to.write(bytes);
        }
        let next = std::mem::take(&mut self.next);
        to.write_all(&[bytes, &next].concat())?;
        self.sent = next.into();
        Ok(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_ahead_is_sent_once_and_in_turn() {
        let (ahead, mut line) = (Ahead::default(), Vec::new());
        ahead.lines().write_all_to(b"A\r\n", &mut line);
        ahead.take_along(&["C c".to_owned(), "D".to_owned()]);
        for request in [&b"B\r\n"[..], b"C c\r\n", b"D\r\n", b"E\r\n"] {
            ahead.lines().write_all_to(request, &mut line);
        }
        assert_eq!(line, b"A\r\nB\r\nC c\r\nD\r\nE\r\n");
        ahead.take_along(&["G".to_owned()]);
        ahead.lines().write_all_to(b"F\r\n", &mut line);
        assert!(ahead.lines().write(b"QUIT\r\n", &mut line).is_err(), "the reply to G would be taken for its own");
    }

    impl Lines {
        fn write_all_to(&mut self, bytes: &[u8], to: &mut Vec<u8>) {
            assert_eq!(self.write(bytes, to).expect("in turn"), bytes.len());
        }
    }
}

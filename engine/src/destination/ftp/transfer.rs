//! One data connection: opened, written or read, ended.
//!
//! In: a session and what is to move. Out: bytes, and whether the server says that all of them moved.
//!
//! A download is whole only if the data connection ended as it should (with TLS: by a close_notify; the TLS library
//! makes anything else an error) and the server then said 226 or 250. An upload counts only after the same reply;
//! its length is the writer's business.
//!
//! EPSV is asked where the server announces it, or over IPv6, and PASV where it refuses.
//! Deliberately absent: objects, names, what to do after a failure.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use suppaftp::{DataStream, FtpResult, Mode, Status, TransferStream};

use super::channel::Channel;
use super::connect::CONNECT;
use super::reply::{Failure, Reply};
use super::session::{PROGRESS, Session, bound};

/// Longest list of a folder, in bytes: some half a million names, a hundred times what a folder of a vault holds.
const LIST_MAX: u64 = 64 << 20;
/// How long a server may take to close a data connection that we closed.
const CLOSING: Duration = Duration::from_secs(5);

/// What is to move.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// Up, from this offset on.
    Store(u64),
    /// Up, behind what is there.
    Append,
    /// Down, from this offset on.
    Retrieve(u64),
    /// Down: a list, by this command.
    List(&'static str),
}

/// A data connection. Ended by [`Session::end`] or [`Session::cut`]; one that is dropped closes as if it had ended.
pub(super) struct Transfer(TransferStream<Channel>);

impl Session {
    /// Opens a data connection.
    pub fn begin(&mut self, way: Way, path: &str) -> Result<Transfer, Failure> {
        let opened = match self.start(way, path) {
            Err(Failure::Refused(reply)) if self.may_be_passive(&reply) => self.start_passive(way, path),
            opened => opened,
        };
        let stream = opened.map_err(|failure| self.judge(failure))?;
        bound(stream.get_ref().get_ref()).map_err(|error| self.judge(error.into()))?;
        Ok(Transfer(stream))
    }

    /// Can the refusal have been meant for EPSV?
    fn may_be_passive(&self, reply: &Reply) -> bool {
        let v4 = self.ftp.get_ref().peer_addr().is_ok_and(|peer| peer.is_ipv4());
        !self.active && self.features.epsv && v4 && (reply.is_unknown_command() || matches!(reply.code, 227 | 522))
    }

    fn start_passive(&mut self, way: Way, path: &str) -> Result<TransferStream<Channel>, Failure> {
        self.ftp.set_mode(Mode::Passive);
        let opened = self.start(way, path);
        match opened {
            Ok(_) => self.features.epsv = false,
            Err(_) => self.ftp.set_mode(Mode::ExtendedPassive),
        }
        opened
    }

    fn start(&mut self, way: Way, path: &str) -> Result<TransferStream<Channel>, Failure> {
        let offset = match way {
            Way::Store(offset) | Way::Retrieve(offset) => offset,
            Way::Append | Way::List(_) => 0,
        };
        self.ftp.resume_transfer(usize::try_from(offset).map_err(io::Error::other)?)?;
        Ok(match way {
            Way::Store(_) => self.ftp.put_with_stream(path),
            Way::Append => self.ftp.append_with_stream(path),
            Way::Retrieve(_) => self.ftp.retr_as_stream(path),
            Way::List(command) => self.list_stream(command, path),
        }?)
    }

    fn list_stream(&mut self, command: &str, path: &str) -> FtpResult<TransferStream<Channel>> {
        let line = if path.is_empty() { command.to_owned() } else { format!("{command} {path}") };
        let (_, stream) = self.ftp.custom_data_command(line, &[Status::AboutToSend, Status::AlreadyOpen])?;
        Ok(stream)
    }

    /// Ends a transfer that is done, and hears what the server says of it.
    pub fn end(&mut self, mut transfer: Transfer) -> Result<(), Failure> {
        let closed = transfer.close();
        self.finish(transfer)?;
        closed.map_err(|error| self.judge(error.into()))
    }

    fn finish(&mut self, transfer: Transfer) -> Result<(), Failure> {
        transfer.0.finish().map_err(|error| self.judge(error.into()))
    }

    /// After an error of the data connection: what the server has to say about it, if it says so soon; else the error.
    pub fn explain(&mut self, transfer: Transfer, error: io::Error) -> Failure {
        transfer.shut();
        self.wait_at_most(CLOSING);
        let said = self.finish(transfer);
        self.wait_at_most(PROGRESS);
        match said {
            // Its own connection may have stayed good, or not; it is cheaper to open another than to find out.
            Err(Failure::Refused(reply)) => {
                self.broken = true;
                Failure::Refused(reply)
            }
            _ => self.judge(error.into()),
        }
    }

    /// Ends a download of which no more is wanted. Servers answer this in several ways, some twice; a NOOP tells
    /// whether the connection is in step again.
    pub fn cut(&mut self, transfer: Transfer) {
        transfer.shut();
        self.wait_at_most(CLOSING);
        let lost = matches!(self.finish(transfer), Err(failure) if failure.ends_connection());
        let in_step = !lost && self.ask("NOOP").is_ok_and(|reply| reply.code == 200);
        self.broken |= !in_step;
        self.wait_at_most(PROGRESS);
    }

    /// Ends an upload that nobody waits for: what was sent shall stay, and the wait is short.
    pub fn leave(&mut self, transfer: Transfer) {
        let _ = transfer.0.get_ref().get_ref().set_write_timeout(Some(CLOSING));
        self.wait_at_most(CLOSING);
        let _ = self.end(transfer);
        self.wait_at_most(PROGRESS);
    }

    /// Throws a transfer and its connection away, without any wait.
    pub fn abandon(&mut self, transfer: Transfer) {
        self.broken = true;
        let _ = self.ftp.get_ref().shutdown(Shutdown::Both);
        transfer.shut();
    }

    /// Everything that a command for lists gives, as lines.
    pub fn lines(&mut self, command: &'static str, path: &str) -> Result<Vec<String>, Failure> {
        let mut transfer = self.begin(Way::List(command), path)?;
        let mut bytes = Vec::new();
        if let Err(error) = (&mut transfer).take(LIST_MAX).read_to_end(&mut bytes) {
            return Err(self.explain(transfer, error));
        }
        if bytes.len() as u64 == LIST_MAX {
            self.abandon(transfer);
            return Err(Failure::lost("the list is longer than any folder of a vault"));
        }
        self.end(transfer)?;
        Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    }
}

impl Transfer {
    /// Closes our side, and with TLS reads the server's: behind an upload come the tickets that the next data
    /// connection resumes with.
    fn close(&mut self) -> io::Result<()> {
        let DataStream::Ssl(stream) = self.0.get_mut() else { return Ok(()) };
        let Some(tls) = stream.tls() else { return Ok(()) };
        tls.flush()?;
        tls.conn.send_close_notify();
        while tls.conn.wants_write() {
            tls.conn.write_tls(&mut tls.sock)?;
        }
        let _ = tls.sock.shutdown(Shutdown::Write);
        let _ = tls.sock.set_read_timeout(Some(CLOSING));
        // What comes here is no content. That the server closes without a word is no harm to an upload, and an
        // ended download was read to its end before.
        let mut rest = [0; 1024];
        while tls.read(&mut rest).is_ok_and(|bytes| bytes > 0) {}
        Ok(())
    }

    /// Closes the socket both ways at once, so that nothing waits for it any more.
    fn shut(&self) {
        let _ = self.0.get_ref().get_ref().shutdown(Shutdown::Both);
    }
}

impl Read for Transfer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Transfer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Opens the data connections that we open.
pub(super) fn dial_data(address: std::net::SocketAddr) -> FtpResult<std::net::TcpStream> {
    let opened = std::net::TcpStream::connect_timeout(&address, CONNECT);
    opened.and_then(|stream| bound(&stream).map(|()| stream)).map_err(suppaftp::FtpError::ConnectionError)
}

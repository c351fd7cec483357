//! One control connection: protected, logged in, in the vault's folder, its data binary.
//!
//! In: what `connect` opened. Out: answers to one request after another.
//! Invariants: every wait is bounded; after a failure that ends the connection it is marked, and not used again. Paths
//! given to a session are relative to the vault's folder, which is its working folder: so a folder's name with spaces
//! never stands in a request for a list.
//! Deliberately absent: transfers (`transfer`), what replies mean for objects (`look`), who uses it when (`pool`).

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use suppaftp::types::FileType;
use suppaftp::{Mode, RustlsFtpStream};

use super::FtpData;
use super::features::Features;
use super::reply::{Failure, Reply};
use super::tls::Sessions;

/// Longest wait for any progress.
pub(super) const PROGRESS: Duration = Duration::from_secs(30);

/// Bounds every wait on a socket.
pub(super) fn bound(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PROGRESS))?;
    stream.set_write_timeout(Some(PROGRESS))?;
    stream.set_nodelay(true)
}

/// See the module.
pub(super) struct Session {
    pub ftp: RustlsFtpStream,
    pub features: Features,
    pub active: bool,
    /// TLS sessions that data connections resume, where the server has them.
    sessions: Option<Arc<Sessions>>,
    /// Is it of no use any more?
    pub broken: bool,
}

impl Session {
    /// Of a connection that is not logged in yet.
    pub fn new(ftp: RustlsFtpStream, data: FtpData, sessions: Option<Arc<Sessions>>) -> Self {
        Self { ftp, features: Features::default(), active: data == FtpData::Active, sessions, broken: false }
    }

    /// After the login: what the server can do, and how data moves. `known` is what an earlier connection learnt.
    pub fn prepare(&mut self, known: Option<Features>) -> Result<(), Failure> {
        self.features = match known {
            Some(features) => features,
            None => Features::read(&self.ask("FEAT")?),
        };
        if self.features.utf8 {
            // Some servers answer that it is always on, or that they do not know it: names are ASCII here anyway.
            self.ask("OPTS UTF8 ON")?;
        }
        if let Some(choice) = self.features.checksum_choice() {
            self.ask(choice)?;
        }
        self.ftp.transfer_type(FileType::Binary)?;
        self.mode();
        // A server that has sessions to resume may ask for them; one that has none can't.
        self.sessions.take_if(|sessions| !sessions.can_resume());
        Ok(())
    }

    fn mode(&mut self) {
        // Only the port of a PASV answer is believed: its address may be one behind a router, or a stranger's.
        self.ftp.set_passive_nat_workaround(true);
        let v6 = self.ftp.get_ref().peer_addr().is_ok_and(|peer| peer.is_ipv6());
        let passive = if self.features.epsv || v6 { Mode::ExtendedPassive } else { Mode::Passive };
        self.ftp.set_mode(if self.active { Mode::Active } else { passive });
    }

    /// Sends one line and gives the reply, whatever it says.
    pub fn ask(&mut self, line: &str) -> Result<Reply, Failure> {
        match self.ftp.custom_command(line, &[]) {
            Ok(response) => Ok(Reply::parse(&response.body)),
            Err(error) => match error.into() {
                Failure::Refused(reply) if reply.code != 421 => Ok(reply),
                failure => Err(self.judge(failure)),
            },
        }
    }

    /// Sends one line, which must succeed.
    pub fn done(&mut self, line: &str) -> Result<Reply, Failure> {
        let reply = self.ask(line)?;
        if reply.is_done() { Ok(reply) } else { Err(Failure::Refused(reply)) }
    }

    /// Notes what a failure means for the connection.
    pub fn judge(&mut self, failure: Failure) -> Failure {
        self.broken |= failure.ends_connection();
        failure
    }

    /// Has the server closed it, or said something unasked, since its last reply? Costs no request.
    pub fn is_alive(&self) -> bool {
        let socket = self.ftp.get_ref();
        let peeked = socket.set_nonblocking(true).and_then(|()| socket.peek(&mut [0]));
        let quiet = peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        !self.broken && socket.set_nonblocking(false).is_ok() && quiet
    }

    /// Is there no TLS session left that a data connection could resume?
    pub fn is_spent(&self) -> bool {
        self.sessions.as_ref().is_some_and(|sessions| !sessions.can_resume())
    }

    /// Bounds the wait for replies otherwise than usual.
    pub fn wait_at_most(&self, time: Duration) {
        // Where that fails the usual bound holds.
        let _ = self.ftp.get_ref().set_read_timeout(Some(time));
    }

    /// Says good-bye, so that the server counts one connection less at once.
    pub fn quit(mut self) {
        self.wait_at_most(Duration::from_secs(1));
        if !self.broken {
            let _ = self.ftp.quit();
        }
    }
}

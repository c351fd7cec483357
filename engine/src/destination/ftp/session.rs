//! One control connection: opened, protected, logged in, in the vault's folder, its data binary.
//!
//! In: an [`Endpoint`]. Out: a [`Session`] that answers one request after another.
//! Invariants: every wait is bounded; the password goes into `PASS` and nowhere else, and only once; after a failure
//! that ends the connection it is marked, and not used again. Paths given to a session are relative to the vault's
//! folder, which is its working folder: so a folder's name with spaces never stands in a request for a list.
//! Deliberately absent: transfers (`transfer`), what replies mean for objects (`look`), who uses it when (`pool`).

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use suppaftp::types::FileType;
use suppaftp::{FtpError, Mode, RustlsFtpStream};
use zeroize::Zeroizing;

use super::features::Features;
use super::reply::{Failure, Reply};
use super::tls::{Connector, Sessions, Trust, Versions};
use super::transfer::dial_data;
use super::{ErrorKind, Ftp, FtpData, FtpTls, StoreError};

/// Longest wait for a connection.
pub(super) const CONNECT: Duration = Duration::from_secs(20);
/// Longest wait for any progress.
pub(super) const PROGRESS: Duration = Duration::from_secs(30);

/// A server and how to get in.
pub(super) struct Endpoint {
    pub place: Ftp,
    pub trust: Option<Trust>,
    pub password: Option<Zeroizing<String>>,
}

/// Why there is no session.
pub(super) enum Refusal {
    /// The server has too many connections; what it said.
    Crowded(String),
    /// They have no version or cipher of TLS in common.
    NoTls(StoreError),
    /// Another reason.
    Failed(StoreError),
}

/// A connection with TLS, and its sessions.
type Protected = (RustlsFtpStream, Option<Arc<Sessions>>);

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Bounds every wait on a socket.
pub(super) fn bound(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PROGRESS))?;
    stream.set_write_timeout(Some(PROGRESS))?;
    stream.set_nodelay(true)
}

impl Endpoint {
    /// The address of a path at this server, for people.
    pub fn shown(&self, path: &str) -> String {
        let server = &self.place.server;
        let scheme = if self.place.tls == FtpTls::None { "ftp" } else { "ftps" };
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let slash = if path.is_empty() || server.path.ends_with('/') { "" } else { "/" };
        format!("{scheme}://{host}:{}{}{slash}{path}", server.port, server.path)
    }

    fn fail(&self, failure: Failure) -> Refusal {
        match failure {
            Failure::Refused(reply) if reply.says_crowded() => Refusal::Crowded(reply.shown()),
            failure if failure.is_tls() => Refusal::NoTls(failure.into_error("open", self.shown(""))),
            failure => Refusal::Failed(failure.into_error("open", self.shown(""))),
        }
    }

    fn refuse(&self, kind: ErrorKind, why: impl Into<String>) -> Refusal {
        Refusal::Failed(StoreError::new(kind, "open", self.shown(""), why))
    }

    /// Opens a connection, as far as the login; not yet in any folder. `features` are those that an earlier one learnt.
    pub fn connect(&self, features: Option<Features>, versions: Versions) -> Result<Session, Refusal> {
        let (ftp, sessions) = match self.place.tls {
            FtpTls::None => (self.plain()?, None),
            FtpTls::Explicit => self.explicit(versions)?,
            FtpTls::Implicit => self.implicit(versions)?,
        };
        let ftp = ftp.active_mode(CONNECT).passive_stream_builder(dial_data);
        let mut session =
            Session { ftp, features: Features::default(), active: self.is_active(), sessions, broken: false };
        self.log_in(&mut session)?;
        session.prepare(features).map_err(|failure| self.fail(failure))?;
        // A server that has sessions to resume may ask for them; one that has none can't.
        session.sessions.take_if(|sessions| !sessions.can_resume());
        Ok(session)
    }

    fn is_active(&self) -> bool {
        self.place.data == FtpData::Active
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, Refusal> {
        let server = &self.place.server;
        let found = (server.host.as_str(), server.port).to_socket_addrs();
        let found = found.map_err(|error| {
            self.refuse(ErrorKind::Transient, format!("the server's name can't be resolved ({error}): check the URL"))
        })?;
        Ok(found.collect())
    }

    fn dial(&self) -> Result<TcpStream, Refusal> {
        let until = Instant::now() + CONNECT;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in self.addresses()? {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(&address, left).and_then(|stream| bound(&stream).map(|()| stream)) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(self.unreachable(&last))
    }

    fn unreachable(&self, error: &io::Error) -> Refusal {
        self.refuse(
            ErrorKind::Transient,
            format!("the server can't be reached ({error}): is it running, is its port right?"),
        )
    }

    fn plain(&self) -> Result<RustlsFtpStream, Refusal> {
        let stream = self.dial()?;
        RustlsFtpStream::connect_with_stream(stream).map_err(|error| self.fail(error.into()))
    }

    fn connector(&self, versions: Versions) -> Result<(Connector, Arc<Sessions>), Refusal> {
        let none = || self.refuse(ErrorKind::Permanent, "there is no TLS configuration");
        self.trust.as_ref().map(|trust| Connector::new(trust, versions)).ok_or_else(none)
    }

    fn explicit(&self, versions: Versions) -> Result<Protected, Refusal> {
        let ((connector, sessions), plain) = (self.connector(versions)?, self.plain()?);
        let secure = plain.into_secure(connector, &self.place.server.host).map_err(|error| match error.into() {
            Failure::Refused(reply) if !reply.says_crowded() => {
                let why = format!(
                    "the server refuses TLS ({}): let it offer `AUTH TLS`, or say `tls = \"implicit\"` for its port 990",
                    reply.shown()
                );
                self.refuse(ErrorKind::Denied, why)
            }
            failure => self.fail(failure),
        });
        Ok((secure?, Some(sessions)))
    }

    /// The client connects by itself here and has no bound for it, so that another thread does, and is left behind
    /// until the system gives up if it hangs.
    fn implicit(&self, versions: Versions) -> Result<Protected, Refusal> {
        let ((connector, sessions), addresses) = (self.connector(versions)?, self.addresses()?);
        let (tell, told) = mpsc::channel();
        let host = self.place.server.host.clone();
        std::thread::spawn(move || {
            let opened = RustlsFtpStream::connect_secure_implicit(&addresses[..], connector, &host);
            let _ = tell.send(opened);
        });
        match told.recv_timeout(CONNECT + PROGRESS) {
            Ok(Err(FtpError::ConnectionError(error))) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Err(self.unreachable(&error))
            }
            Ok(opened) => Ok((opened.map_err(|error| self.fail(error.into()))?, Some(sessions))),
            Err(_) => Err(self.unreachable(&io::ErrorKind::TimedOut.into())),
        }
    }

    /// One try.
    fn log_in(&self, session: &mut Session) -> Result<(), Refusal> {
        let user = self.place.server.user.as_deref().unwrap_or("anonymous");
        let password = match (&self.password, &self.place.server.user) {
            (Some(password), _) => password.as_str(),
            (None, None) => "anonymous@",
            (None, Some(_)) => "",
        };
        session.ftp.login(user, password).map_err(|error| match error.into() {
            Failure::Refused(reply) if !reply.says_crowded() => self.denied(&reply, password),
            failure => self.fail(failure),
        })?;
        if self.place.tls == FtpTls::Implicit {
            for line in ["PBSZ 0", "PROT P"] {
                session.done(line).map_err(|failure| self.fail(failure))?;
            }
        }
        Ok(())
    }

    fn denied(&self, reply: &Reply, password: &str) -> Refusal {
        let given = if self.password.is_some() {
            "check the user in the URL and the password's file"
        } else {
            "no password is given: say `password-file`"
        };
        let said = if password.is_empty() { reply.shown() } else { reply.shown().replace(password, "…") };
        self.refuse(
            ErrorKind::Denied,
            format!("the server refuses the login ({said}): {given}; nothing is tried again until then"),
        )
    }
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
    fn prepare(&mut self, known: Option<Features>) -> Result<(), Failure> {
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

//! From an address to a session: name, TCP, TLS, login.
//!
//! In: an [`Endpoint`]. Out: a [`Session`], or why there is none and what to do.
//! Invariants: every wait is bounded, name resolution too; one login is tried; the password goes into `PASS` and nowhere
//! else, and to nobody whose certificate was not trusted where TLS is asked for.
//!
//! What has no limit of its own (the resolver; the client's way of opening all but explicit TLS) runs in a thread that is left
//! behind at the limit. It ends by itself: the resolver with its own tries; TCP when the system gives up, some two
//! minutes for each address; and what was connected by then is cut off.
//!
//! Deliberately absent: trying again, folders.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use suppaftp::FtpError;
use zeroize::Zeroizing;

use super::channel::{Ahead, Control};
use super::cut::Cut;
use super::features::Features;
use super::reply::{Failure, Reply};
use super::session::{PROGRESS, Pace, Session, bound};
use super::tls::{Connector, Sessions, Trust, Versions};
use super::transfer::dial_data;
use super::{ErrorKind, Ftp, FtpTls, StoreError};

/// Longest wait for a connection.
pub(super) const CONNECT: Duration = Duration::from_secs(20);

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
    /// It does not answer what is sent before its last reply was read.
    OneByOne(StoreError),
    /// Another reason.
    Failed(StoreError),
}

/// A connection, and its sessions where it has TLS.
type Opened = (Control, Option<Arc<Sessions>>);

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
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

    /// Opens a connection, logs in and asks for that folder: what it says is given. `features` are those that an earlier
    /// one learnt.
    pub fn connect(
        &self,
        folder: &str,
        features: Option<Features>,
        (versions, pace): (Versions, Pace),
    ) -> Result<(Session, Reply), Refusal> {
        let ahead = Ahead::default();
        let (ftp, sessions) = match self.place.tls {
            FtpTls::None => (self.by_client(Connector::clear(&ahead))?, None),
            FtpTls::Explicit => self.explicit(versions, &ahead)?,
            FtpTls::Implicit => self.implicit(versions, &ahead)?,
        };
        let ftp = ftp.active_mode(CONNECT).passive_stream_builder(dial_data);
        let mut session = Session::new(ftp, self.place.data, sessions, ahead);
        self.log_in(&mut session)?;
        let entered = session.prepare(folder, features, pace);
        let entered = entered.map_err(|failure| match session.is_out_of_step {
            true => Refusal::OneByOne(failure.into_error("open", self.shown(""))),
            false => self.fail(failure),
        })?;
        Ok((session, entered))
    }

    /// The system's resolver has no limit of its own.
    fn addresses(&self) -> Result<Vec<SocketAddr>, Refusal> {
        let (host, port) = (self.place.server.host.clone(), self.place.server.port);
        let found = within(CONNECT, move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect));
        found.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())).map_err(|error| {
            self.refuse(ErrorKind::Transient, format!("the server's name can't be resolved ({error}): check the URL"))
        })
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

    fn plain(&self) -> Result<Control, Refusal> {
        let stream = self.dial()?;
        Control::connect_with_stream(stream).map_err(|error| self.fail(error.into()))
    }

    fn connector(&self, versions: Versions, ahead: &Ahead) -> Result<(Connector, Arc<Sessions>), Refusal> {
        let none = || self.refuse(ErrorKind::Permanent, "there is no TLS configuration");
        self.trust.as_ref().map(|trust| Connector::new(trust, versions, ahead)).ok_or_else(none)
    }

    fn explicit(&self, versions: Versions, ahead: &Ahead) -> Result<Opened, Refusal> {
        let ((connector, sessions), plain) = (self.connector(versions, ahead)?, self.plain()?);
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

    fn implicit(&self, versions: Versions, ahead: &Ahead) -> Result<Opened, Refusal> {
        let (connector, sessions) = self.connector(versions, ahead)?;
        Ok((self.by_client(connector)?, Some(sessions)))
    }

    /// The client connects by itself here, and has no limit for it.
    fn by_client(&self, connector: Connector) -> Result<Control, Refusal> {
        let addresses = self.addresses()?;
        let (host, cut) = (self.place.server.host.clone(), Cut::default());
        let connector = connector.with_cut(&cut);
        let open = move || Control::connect_secure_implicit(&addresses[..], connector, &host);
        let opened = within(CONNECT + PROGRESS, open);
        if opened.is_some() {
            cut.done()
        } else {
            cut.off()
        }
        match opened {
            Some(Err(FtpError::ConnectionError(error))) if is_nobody_there(&error) => Err(self.unreachable(&error)),
            Some(opened) => opened.map_err(|error| self.fail(error.into())),
            None => Err(self.unreachable(&io::ErrorKind::TimedOut.into())),
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
        let given = if self.place.tls == FtpTls::None && reply.wants_tls() {
            "it wants TLS: say `ftps://` in place of `ftp://`"
        } else if self.password.is_some() {
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

fn is_nobody_there(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable | TimedOut)
}

/// Does what has no limit of its own, in a thread that is left behind after `limit`; none then, or without a thread.
fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (tell, told) = mpsc::channel();
    let spawned = thread::Builder::new().name("ftp-connect".to_owned()).spawn(move || {
        // Nobody may listen any more.
        let _ = tell.send(work());
    });
    spawned.ok().and_then(|_| told.recv_timeout(limit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_come_back_is_left_behind() {
        let (end, ended) = mpsc::channel::<()>();
        assert_eq!(within(Duration::from_millis(20), move || ended.recv().is_ok()), None);
        drop(end);
        assert_eq!(within(PROGRESS, || 7), Some(7));
    }
}

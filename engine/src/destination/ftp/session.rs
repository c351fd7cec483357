//! One control connection: protected, logged in, in the vault's folder, its data binary.
//!
//! In: what `connect` opened. Out: answers to one request after another.
//!
//! Requests that change nothing are sent together where the server stands that, which not every server does, and some
//! routers do not. That is tried with the first requests after the login, none of which does harm when it is repeated:
//! where a reply stays away, the connection is opened once more, and all goes one by one.
//!
//! Invariants: every wait is bounded; after a failure that ends the connection it is marked, and not used again. Paths
//! given to a session are relative to the vault's folder, which is its working folder: so a folder's name with spaces
//! never stands in a request for a list.
//! Deliberately absent: transfers (`transfer`), what replies mean for objects (`look`), who uses it when (`pool`).

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use suppaftp::Mode;

use super::FtpData;
use super::channel::{Ahead, Control};
use super::features::Features;
use super::reply::{Failure, Reply};
use super::tls::Sessions;

/// Longest wait for any progress.
pub(super) const PROGRESS: Duration = Duration::from_secs(30);

/// How long the reply to a request that was sent ahead may take when that is tried: these need no disk.
const IN_STEP: Duration = Duration::from_secs(5);

/// How requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Several at once, if the server turns out to stand it.
    Tried,
    OneByOne,
}

/// Bounds every wait on a socket.
pub(super) fn bound(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PROGRESS))?;
    stream.set_write_timeout(Some(PROGRESS))?;
    stream.set_nodelay(true)
}

/// See the module.
pub(super) struct Session {
    pub ftp: Control,
    pub features: Features,
    pub active: bool,
    /// TLS sessions that data connections resume, where the server has them.
    sessions: Option<Arc<Sessions>>,
    /// Is it of no use any more?
    pub broken: bool,
    /// Did it not answer all that was sent at once?
    pub is_out_of_step: bool,
    ahead: Ahead,
}

impl Session {
    /// Of a connection that is not logged in yet.
    pub fn new(ftp: Control, data: FtpData, sessions: Option<Arc<Sessions>>, ahead: Ahead) -> Self {
        let (features, active) = (Features::default(), data == FtpData::Active);
        Self { ftp, features, active, sessions, broken: false, is_out_of_step: false, ahead }
    }

    /// After the login: what the server can do, how data moves, and what it says to that folder. `known` is what an
    /// earlier connection learnt.
    pub fn prepare(&mut self, folder: &str, known: Option<Features>, pace: Pace) -> Result<Reply, Failure> {
        let entering = ["TYPE I".to_owned(), format!("CWD {folder}")];
        let entered = match known {
            Some(features) => {
                self.features = features;
                self.enter(folder, &entering)?
            }
            None if pace == Pace::Tried && folder.is_ascii() => self.learn_ahead(&entering)?,
            None => {
                self.features = Features::read(&self.ask("FEAT")?);
                self.enter(folder, &entering)?
            }
        };
        self.mode();
        // A server that has sessions to resume may ask for them; one that has none can't.
        self.sessions.take_if(|sessions| !sessions.can_resume());
        Ok(entered)
    }

    fn enter(&mut self, folder: &str, entering: &[String; 2]) -> Result<Reply, Failure> {
        // Some servers answer that it is always on, or that they do not know it; the names of a vault need none of it.
        let utf8 = (self.features.utf8 && !folder.is_ascii()).then_some("OPTS UTF8 ON");
        let choices = utf8.into_iter().chain(self.features.checksum_choice()).map(ToOwned::to_owned);
        let mut replies = self.ask_all(&choices.chain(entering.iter().cloned()).collect::<Vec<_>>())?;
        let entered = replies.pop().ok_or_else(|| Failure::lost("no reply"))?;
        let binary = replies.pop().filter(|reply| !reply.is_done());
        binary.map_or(Ok(entered), |refused| Err(Failure::Refused(refused)))
    }

    /// The same where nothing is known yet: is all of it answered that is sent at once?
    fn learn_ahead(&mut self, entering: &[String; 2]) -> Result<Reply, Failure> {
        self.ahead.take_along(entering);
        self.features = Features::read(&self.ask("FEAT")?);
        self.wait_at_most(IN_STEP);
        let answered = entering.iter().map(|line| self.ask(line)).collect::<Result<Vec<_>, _>>();
        self.wait_at_most(PROGRESS);
        let [binary, entered] = match answered {
            Ok(replies) => <[Reply; 2]>::try_from(replies).map_err(|_| Failure::lost("no reply"))?,
            Err(failure) => {
                self.is_out_of_step = true;
                return Err(failure);
            }
        };
        if !binary.is_done() || entered.is_unknown_command() {
            (self.is_out_of_step, self.broken) = (true, true);
            return Err(Failure::Refused(binary));
        }
        self.features.ahead = true;
        if let Some(choice) = self.features.checksum_choice() {
            self.ask(choice)?;
        }
        Ok(entered)
    }

    /// Sends these lines, at once where the server stands that, and gives the replies. None may change anything.
    pub fn ask_all(&mut self, lines: &[String]) -> Result<Vec<Reply>, Failure> {
        if let Some((_, later)) = lines.split_first().filter(|_| self.features.ahead) {
            self.ahead.take_along(later);
        }
        lines.iter().map(|line| self.ask(line)).collect()
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

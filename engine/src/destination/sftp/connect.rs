//! From an address to a session: TCP, SSH with a trusted host key, login, the `sftp` subsystem, greetings.
//!
//! In: a place. Out: a session, or why not and what to do. Round trips: 1 TCP, 3 to 4 SSH, 2 to 3 login, 2 channel and
//! subsystem, 1 greeting, 1 for the limits.
//! Invariants: no secret is sent to a server whose key was not trusted; all of it ends within [`CONNECT`],
//! [`LOGIN`] and [`GREETING`] together (55 s); a login that was refused was tried once with each key and once with the
//! password.
//!
//! Deliberately absent: trying again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{self, DisconnectReason, Handle};
use russh::keys::PublicKeyOrCertificate;
use russh::{ChannelMsg, ChannelReadHalf, Preferred, cipher};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::failure::Failure;
use super::login;
use super::means::Means;
use super::packet::{self, Assembly, Rest};
use super::session::{Cut, Line, Offer, Parts, Session, Sizes};
use super::trust::{Known, Verdict};
use crate::config::{Server, Sftp};
use crate::destination::ErrorKind;

/// Longest time until the server's key is known.
const CONNECT: Duration = Duration::from_secs(20);
/// Longest time for a login: agents may ask a person.
const LOGIN: Duration = Duration::from_secs(25);
/// Longest time from there to the first request.
const GREETING: Duration = Duration::from_secs(10);
/// An idle connection is kept open, and one that died is noticed, by asking for a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Bytes of answers that a server may send ahead.
const CHANNEL_WINDOW: u32 = 8 << 20;
/// What every server of version 3 takes, and what is asked of one that told its limits.
const DATA_BYTES: u32 = 32 << 10;
const DATA_BYTES_MAX: u64 = 255 << 10;

/// What the server said of itself and why it went, beside its answers.
#[derive(Debug, Default, Clone)]
pub(super) struct Heard(Arc<Mutex<Said>>);

#[derive(Debug, Default)]
struct Said {
    refusal: Option<String>,
    farewell: Option<String>,
    software: String,
}

impl Heard {
    fn with<T>(&self, use_it: impl FnOnce(&mut Said) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Its last words, if it had any.
    pub fn farewell(&self) -> Option<String> {
        self.with(|said| said.farewell.clone())
    }
}

/// The client's side of the SSH session.
pub(super) struct Host {
    known: Known,
    heard: Heard,
}

impl client::Handler for Host {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let refusal = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => match self.known.judge(key) {
                Verdict::Trusted => return Ok(true),
                verdict => self.known.refusal(&verdict, key),
            },
            PublicKeyOrCertificate::Certificate(_) => "it shows a certificate, which was not asked for".to_owned(),
        };
        self.heard.with(|said| said.refusal = Some(refusal));
        Ok(false)
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        _: &russh::Names,
        session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        let software = String::from_utf8_lossy(session.remote_sshid()).into_owned();
        self.heard.with(|said| said.software = software);
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        let words = match reason {
            DisconnectReason::ReceivedDisconnect(info) => info.message,
            DisconnectReason::Error(error) => error.to_string(),
        };
        self.heard.with(|said| said.farewell = Some(words));
        Ok(())
    }
}

/// Opens a session.
pub(super) async fn connect(place: &Sftp, user: &str, means: Means) -> Result<Session, Failure> {
    let server = &place.server;
    let heard = Heard::default();
    let (mut ssh, cut) = secure(place, &heard).await?;
    timeout(LOGIN, login::log_in(&mut ssh, user, means, &heard))
        .await
        .map_err(|_| slow("the login did not end", LOGIN))??;
    greeted(server, Arc::new(Line { ssh, heard, _cut: cut }), None).await
}

/// A session over the connection of one that stands. Each has a window of its own at the server, so that several objects
/// go faster over several. 2 round trips.
pub(super) async fn another(server: &Server, first: &Session) -> Result<Session, Failure> {
    greeted(server, first.line(), Some(first.sizes)).await
}

async fn greeted(server: &Server, line: Arc<Line>, sizes: Option<Sizes>) -> Result<Session, Failure> {
    let greeted = timeout(GREETING, greet(line, sizes)).await;
    greeted.map_err(|_| slow(&format!("{} gives no SFTP session", server.host), GREETING))?
}

fn slow(what: &str, limit: Duration) -> Failure {
    Failure::Broken(format!("{what} within {} s", limit.as_secs()))
}

fn away(server: &Server, why: &dyn std::fmt::Display) -> Failure {
    Failure::Broken(format!("{} port {} can't be reached: {why}", server.host, server.port))
}

/// TCP, and SSH up to the keys; the server's own was trusted.
async fn secure(place: &Sftp, heard: &Heard) -> Result<(Handle<Host>, Cut), Failure> {
    let server = &place.server;
    let known = Known::read(place)
        .map_err(|error| Failure::Found(ErrorKind::Denied, format!("the known hosts can't be read: {error}")))?;
    let end = Instant::now() + CONNECT;
    let stream = reach(server, end).await?;
    // Nagle's algorithm would hold small requests back. Without it the connection is slower, no worse.
    let _ = stream.set_nodelay(true);
    let (stream, cut) = with_cut(stream).map_err(|error| away(server, &error))?;
    let config = Arc::new(config(&known));
    let handler = Host { known, heard: heard.clone() };
    let shaken = timeout_at(end, client::connect_stream(config, stream, handler)).await;
    match shaken.map_err(|_| away(server, &format!("no SSH server answers within {} s", CONNECT.as_secs())))? {
        Ok(ssh) => Ok((ssh, cut)),
        Err(error) => Err(not_shaken(server, heard, &error)),
    }
}

fn not_shaken(server: &Server, heard: &Heard, error: &russh::Error) -> Failure {
    match (heard.with(|said| said.refusal.take()), error) {
        (Some(refusal), _) => {
            Failure::Found(ErrorKind::Denied, format!("{} port {} is not trusted: {refusal}", server.host, server.port))
        }
        (None, russh::Error::NoCommonAlgo { kind, theirs, .. }) => Failure::Found(
            ErrorKind::Permanent,
            format!("no common {kind:?} algorithm with {}; it has {}", server.host, theirs.join(", ")),
        ),
        (None, error) => away(server, error),
    }
}

/// The first address that answers; each has its share of the time.
async fn reach(server: &Server, end: Instant) -> Result<TcpStream, Failure> {
    let looked_up = timeout_at(end, tokio::net::lookup_host((server.host.as_str(), server.port))).await;
    let addresses: Vec<_> =
        looked_up.map_err(|_| away(server, &"its name is not found"))?.map_err(|error| away(server, &error))?.collect();
    let mut why = "its name has no address".to_owned();
    for (tried, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len().saturating_sub(tried)).unwrap_or(u32::MAX).max(1);
        let share = end.saturating_duration_since(Instant::now()) / left;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => why = "no answer".to_owned(),
        }
    }
    Err(away(server, &why))
}

fn with_cut(stream: TcpStream) -> std::io::Result<(TcpStream, Cut)> {
    let stream = stream.into_std()?;
    let cut = Cut(stream.try_clone()?);
    Ok((TcpStream::from_std(stream)?, cut))
}

fn config(known: &Known) -> client::Config {
    let mut ciphers = vec![cipher::AES_256_GCM, cipher::CHACHA20_POLY1305];
    ciphers.extend([cipher::AES_256_CTR, cipher::AES_192_CTR, cipher::AES_128_CTR]);
    client::Config {
        client_id: russh::SshId::Standard("SSH-2.0-offsite".into()),
        window_size: CHANNEL_WINDOW,
        preferred: Preferred { key: known.algorithms().into(), cipher: ciphers.into(), ..Preferred::DEFAULT },
        keepalive_interval: Some(KEEP_ALIVE),
        // Ends the task of a connection that nobody holds any more; one that lives answers the signs of life.
        inactivity_timeout: Some(Duration::from_secs(90)),
        ..client::Config::default()
    }
}

/// The channel, the subsystem, and what both sides speak. `known`: what the server said before that it takes.
async fn greet(line: Arc<Line>, known: Option<Sizes>) -> Result<Session, Failure> {
    let lost = |error: russh::Error| Failure::Broken(line.heard.farewell().unwrap_or_else(|| error.to_string()));
    let refused = |error: russh::Error| match error {
        russh::Error::ChannelOpenFailure(_) => denied("the server opens no session for this user"),
        error => lost(error),
    };
    let (mut reading, writing) = line.ssh.channel_open_session().await.map_err(refused)?.split();
    writing.request_subsystem(true, "sftp").await.map_err(lost)?;
    // As ssh does it, without waiting for the answer.
    writing.data_bytes(packet::hello()).await.map_err(lost)?;
    let mut assembly = Assembly::default();
    granted(&mut reading, &mut assembly).await?;
    let first = first_packet(&mut reading, &mut assembly).await?;
    let (version, offers) = packet::decode_version(&first).map_err(strange)?;
    if version < 3 {
        return Err(Failure::Found(
            ErrorKind::Permanent,
            format!("the server speaks SFTP version {version} only, not 3"),
        ));
    }
    let offer = offer(&offers, &line.heard.with(|said| said.software.clone()));
    let sizes = known.unwrap_or(Sizes { read: DATA_BYTES, write: DATA_BYTES });
    let mut session = Session::begin(Parts { line, reading, writing, assembly, offer, sizes });
    if session.offer.limits && known.is_none() {
        let sizes = limits(&session).await?;
        session.set_sizes(sizes);
    }
    Ok(session)
}

fn denied(why: &str) -> Failure {
    Failure::Found(ErrorKind::Denied, why.to_owned())
}

fn strange(strange: packet::Strange) -> Failure {
    let hint = "does its shell print something when a user logs in?";
    Failure::Found(ErrorKind::Permanent, format!("{strange}; {hint}"))
}

async fn granted(reading: &mut ChannelReadHalf, assembly: &mut Assembly) -> Result<(), Failure> {
    loop {
        match reading.wait().await {
            Some(ChannelMsg::Success) => return Ok(()),
            // The subsystem was faster than the word that it was begun.
            Some(ChannelMsg::Data { data }) => {
                assembly.push(&data);
                return Ok(());
            }
            Some(ChannelMsg::Failure) => return Err(denied("the server has no SFTP for this user")),
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => return Err(closed()),
            Some(_) => {}
        }
    }
}

fn closed() -> Failure {
    Failure::Broken("the server closed the SFTP session as it began".to_owned())
}

async fn first_packet(reading: &mut ChannelReadHalf, assembly: &mut Assembly) -> Result<Vec<u8>, Failure> {
    loop {
        if let Some(packet) = assembly.next().map_err(strange)? {
            return Ok(packet);
        }
        assembly.push(&super::session::next(reading).await.ok_or_else(closed)?);
    }
}

fn offer(offers: &[packet::Extension], software: &str) -> Offer {
    let has = |name: &str| offers.iter().any(|(offered, _)| offered == name.as_bytes());
    Offer {
        fsync: has("fsync@openssh.com").into(),
        statvfs: has("statvfs@openssh.com").into(),
        hardlink: has("hardlink@openssh.com").into(),
        limits: has("limits@openssh.com"),
        openssh: software.starts_with("SSH-2.0-OpenSSH") && has("lsetstat@openssh.com"),
    }
}

/// What the server takes and gives in one request, within reason; its defaults where it does not tell.
async fn limits(session: &Session) -> Result<Sizes, Failure> {
    let (id, request) = session.request(packet::EXTENDED);
    let ticket = session.ask((id, request.text("limits@openssh.com"))).await?;
    let told = match session.answer(ticket).await? {
        packet::Answer::Extended(bytes) => bytes,
        _ => return Ok(session.sizes),
    };
    let mut rest = Rest(&told);
    let (_packet, read, write) = (rest.long(), rest.long(), rest.long());
    Ok(Sizes { read: bounded(read), write: bounded(write) })
}

fn bounded(told: Option<u64>) -> u32 {
    let bytes = told.filter(|bytes| *bytes > 0).unwrap_or(u64::from(DATA_BYTES));
    u32::try_from(bytes.min(DATA_BYTES_MAX)).unwrap_or(DATA_BYTES)
}

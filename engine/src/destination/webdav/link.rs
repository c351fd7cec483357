//! Requests to a place and their answers.
//!
//! In: a place. Out: answers within bounded time.
//! Invariants: nobody waits longer than [`PATIENCE`] without a byte going or coming; after a login was refused nothing
//! more is asked, the place must be opened anew; bytes on their way are [`IN_FLIGHT_BYTES_MAX`] at most, of all writers
//! together.
//!
//! Deliberately absent: what requests mean (`look`, `writer`, `reader`), trying again.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Client, Method, RequestBuilder, Response};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::body::{Outgoing, Progress};
use super::dial;
use super::failure::Failure;
use super::href::encoded;
use super::offer::Offer;
use crate::config::{Transport, WebDav};
use crate::destination::ErrorKind;
use crate::destination::window::Window;
use crate::model::VaultPath;

/// Longest wait without progress.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_secs(3);
/// Bytes of objects that were taken and not acknowledged, or are not on the line yet: what a line of 200 MiB/s holds in
/// the 50 ms of a round trip, and four times that for the server's work. They are memory of ours, dirty nowhere.
pub(super) const IN_FLIGHT_BYTES_MAX: usize = 48 << 20;
const IN_FLIGHT_BYTES: usize = 16 << 20;
const IN_FLIGHT_BYTES_MIN: usize = 8 << 20;
/// An answer that is no object's bytes is not longer: some 500,000 names in a folder.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Bytes of all writers that are kept while it is not known whether the server takes them as they were sent.
const UNSURE_BYTES_MAX: usize = 32 << 20;
/// While answers are not older, the place need not be looked at.
const FRESH: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Link {
    place: WebDav,
    client: Client,
    login: Option<HeaderValue>,
    /// What the server can do; found out while the first object is begun.
    pub offer: OnceCell<Offer>,
    pub window: Arc<Window>,
    unsure: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    answered: Option<Instant>,
    /// Something went wrong since the folder was seen; answers alone do not end that.
    doubted: bool,
    refused: Option<String>,
    /// Folders that were seen.
    folders: BTreeSet<VaultPath>,
}

impl Link {
    pub fn new(place: &WebDav, warn: &dyn Fn(&str)) -> Result<Self, Failure> {
        Ok(Self {
            place: place.clone(),
            client: dial::client(place)?,
            login: dial::login(place, warn)?,
            offer: OnceCell::new(),
            window: Window::new(IN_FLIGHT_BYTES, IN_FLIGHT_BYTES_MIN..=IN_FLIGHT_BYTES_MAX),
            unsure: Arc::new(Semaphore::new(UNSURE_BYTES_MAX)),
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder on the server, decoded, without a slash at its end.
    pub fn root(&self) -> &str {
        self.place.server.path.trim_end_matches('/')
    }

    pub fn remote(&self, path: &VaultPath) -> String {
        if path.as_str().is_empty() { self.root().to_owned() } else { format!("{}/{path}", self.root()) }
    }

    fn host(&self) -> String {
        let host = &self.place.server.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("{host}:{}", self.place.server.port)
    }

    /// The place as its URL; for the user, there is no secret in it.
    pub fn address(&self) -> String {
        let scheme = if self.place.transport == Transport::Tls { "webdavs" } else { "webdav" };
        let user = self.place.server.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
        format!("{scheme}://{user}{}{}", self.host(), self.place.server.path)
    }

    /// A URL for a decoded path.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.place.transport == Transport::Tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.host(), encoded(path))
    }

    /// A request for a decoded path, without a body.
    pub fn request(&self, method: &'static str, path: &str) -> Result<Request<'_>, Failure> {
        let verb = Method::from_bytes(method.as_bytes()).map_err(|error| Failure::permanent(error.to_string()))?;
        let path = if path.is_empty() { "/" } else { path };
        let builder = self.client.request(verb, self.url(path));
        let builder = match &self.login {
            Some(login) => builder.header(AUTHORIZATION, login.clone()),
            None => builder,
        };
        Ok(Request { link: self, method, builder, progress: Arc::default() })
    }

    /// Room for so many bytes to be kept until the server is known; none where others have it all.
    pub fn room_for_unsure(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.unsure).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    /// Was the place answered from just now?
    pub fn is_fresh(&self) -> bool {
        let state = self.state();
        !state.doubted && state.answered.is_some_and(|at| at.elapsed() < FRESH)
    }

    /// The next `still_there` looks again.
    pub fn doubt(&self) {
        let mut state = self.state();
        state.doubted = true;
        state.folders.clear();
    }

    /// The folder was seen.
    pub fn trust(&self) {
        self.state().doubted = false;
    }

    pub fn has_seen_folder(&self, folder: &VaultPath) -> bool {
        self.state().folders.contains(folder)
    }

    pub fn saw_folder(&self, folder: &VaultPath) {
        self.state().folders.insert(folder.clone());
    }

    fn still_let_in(&self) -> Result<(), Failure> {
        self.state().refused.clone().map_or(Ok(()), |why| Err(Failure::Found(ErrorKind::Denied, why)))
    }

    /// 401: who asks again with the same password is locked out by many servers.
    fn let_out(&self, headers: &HeaderMap) -> Failure {
        let offered = text_of(headers, &WWW_AUTHENTICATE);
        let why = match &self.place.server.user {
            None => "the server asks for a login. To do: write the user into the URL (webdavs://USER@host/…) and give \
                `password-file`"
                .to_owned(),
            Some(_) if !offered.to_lowercase().contains("basic") => {
                format!("the server offers no Basic login, only `{offered}`. To do: switch Basic on for this folder")
            }
            Some(user) => format!(
                "the server refuses the user {user} and the password; it was tried once. To do: check both, and that the user \
                may use this folder"
            ),
        };
        self.state().refused = Some(why.clone());
        Failure::Found(ErrorKind::Denied, why)
    }
}

fn text_of(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> String {
    let all = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    all.collect::<Vec<_>>().join(", ").chars().take(200).collect()
}

/// What else an answer's headers say, for people.
fn note(headers: &HeaderMap) -> String {
    let part = |name, before: &str| {
        let text = text_of(headers, name);
        if text.is_empty() { text } else { format!("; {before} {text}") }
    };
    part(&LOCATION, "it names") + &part(&RETRY_AFTER, "it asks to wait, in seconds or until:")
}

/// A request on its way out.
pub(super) struct Request<'l> {
    link: &'l Link,
    method: &'static str,
    builder: RequestBuilder,
    progress: Arc<Progress>,
}

impl Request<'_> {
    pub fn header(self, name: &'static str, value: impl AsRef<str>) -> Self {
        Self { builder: self.builder.header(name, value.as_ref()), ..self }
    }

    /// With these bytes.
    pub fn bytes(self, bytes: Bytes) -> Self {
        // Said even of no bytes: nginx makes no file of a PUT that says nothing of its length.
        let length = bytes.len().to_string();
        let body = Outgoing::ready(bytes, Arc::clone(&self.progress));
        self.header("content-length", length).body(body)
    }

    /// With these bytes, whose number is not told (chunked).
    pub fn chunked(self, bytes: Bytes) -> Self {
        let body = Outgoing::untold(bytes, Arc::clone(&self.progress));
        self.body(body)
    }

    /// With a body whose progress is watched by its own.
    pub fn watched(self, body: Outgoing, progress: Arc<Progress>) -> Self {
        Self { progress, ..self }.body(body)
    }

    fn body(self, body: Outgoing) -> Self {
        Self { builder: self.builder.body(reqwest::Body::wrap(body)), ..self }
    }

    /// The answer, whatever it says, except that the login is refused.
    pub async fn answer(self) -> Result<Answer, Failure> {
        let Self { link, method, builder, progress } = self;
        link.still_let_in()?;
        let answered = patiently(builder.send(), &progress).await;
        let response = answered.and_then(|sent| sent.map_err(Failure::from)).inspect_err(|_| link.doubt())?;
        if response.status().as_u16() == 401 {
            return Err(link.let_out(response.headers()));
        }
        link.state().answered = Some(Instant::now());
        Ok(Answer { method, response })
    }

    /// The answer's status, if it is one of success; its body is of no interest.
    pub async fn done(self) -> Result<u16, Failure> {
        let answer = self.answer().await?;
        match answer.code() {
            // A multistatus tells of parts that failed.
            code @ (200..=206 | 208..=299) => answer.drained().await.map(|()| code),
            _ => Err(answer.refused().await),
        }
    }
}

/// The beginning of an answer.
pub(super) struct Answer {
    method: &'static str,
    response: Response,
}

impl Answer {
    pub fn code(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Bytes of the body, where they were told beforehand.
    pub fn bytes(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next bytes of the body; none at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let got = patiently(self.response.chunk(), &Progress::default()).await?;
        got.map_err(Failure::from)
    }

    /// The whole body.
    pub async fn whole(mut self) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            if all.len().saturating_add(piece.len()) > ANSWER_BYTES_MAX {
                return Err(Failure::permanent("the server's answer does not end"));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// Reads the body away, so that the connection can be used again.
    async fn drained(self) -> Result<(), Failure> {
        self.whole().await.map(drop)
    }

    /// As the refusal that it is.
    pub async fn refused(self) -> Failure {
        let (method, code, note) = (self.method, self.code(), note(self.response.headers()));
        // What it says at length is for browsers.
        let _ = self.drained().await;
        Failure::Refused { method, code, note }
    }
}

/// What comes of it, unless nothing moves for too long.
pub(super) async fn patiently<T>(what: impl Future<Output = T>, progress: &Progress) -> Result<T, Failure> {
    let mut what = pin!(what);
    let (mut seen, mut since) = (progress.seen(), Instant::now());
    loop {
        if let Ok(came) = timeout(TICK, &mut what).await {
            return Ok(came);
        }
        let now = progress.seen();
        if now.is_none() || now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() >= PATIENCE {
            let seconds = PATIENCE.as_secs();
            return Err(Failure::Broken(format!("the server has not moved for {seconds} s")));
        }
    }
}

/// What comes of a request that is repeated a few times while the server says `locked`, which means that it did nothing:
/// some lock what a request works on, and one that was cut off keeps its lock until the server notices.
pub(super) async fn unlocked<'l>(request: impl Fn() -> Result<Request<'l>, Failure>) -> Result<u16, Failure> {
    for milliseconds in [50, 100, 200, 400, 800, 1600] {
        match request()?.done().await {
            Err(Failure::Refused { code: 423, .. }) => sleep(Duration::from_millis(milliseconds)).await,
            came => return came,
        }
    }
    request()?.done().await
}

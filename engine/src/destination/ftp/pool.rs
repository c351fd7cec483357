//! The connections of one store: opened when needed, kept while they are good, shared by all threads.
//!
//! In: requests for a connection. Out: a [`Lease`] of one, which gives it back when dropped.
//! Invariants: no lock is held while the network is waited for; what broke is not used again; a login that was refused
//! is not tried again by this store; a server that allows fewer connections is taken at its word, and whoever wants
//! one more waits for one that is given back.
//! Deliberately absent: what connections are used for.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use super::connect::{Endpoint, Refusal};
use super::features::Features;
use super::reply::{Failure, Reply};
use super::session::{Pace, Session};
use super::tls::Versions;
use super::transfer::Transfer;
use super::{ErrorKind, StoreError};

/// Connections of one store, at most.
const MOST: usize = 17;
/// How long a connection that others use is waited for.
const WAIT: Duration = Duration::from_secs(10);
/// How long a server is given to notice that an earlier connection of ours has ended, and how often it is asked.
const NOTICE: Duration = Duration::from_secs(3);
const NOTICE_STEP: Duration = Duration::from_millis(500);

pub(super) struct Pool {
    endpoint: Endpoint,
    state: Mutex<State>,
    returned: Condvar,
    /// Was it tried how many the server allows?
    tried: Once,
}

struct State {
    idle: Vec<Session>,
    /// In the middle of a download that may be gone on with, or given up for another purpose; by their tickets.
    standing: BTreeMap<u64, (Session, Transfer)>,
    tickets: u64,
    /// Idle and standing ones, those in use, and those being opened.
    open: usize,
    most: usize,
    features: Option<Features>,
    /// Why the login was refused.
    denied: Option<String>,
    /// Of TLS, and whether the server was seen not to have the older one.
    versions: Versions,
    only_newest: bool,
    pace: Pace,
    /// Did all connections stay good since the place was last seen?
    steady: bool,
}

/// One connection, for as long as it is held.
pub(super) struct Lease<'p> {
    pool: &'p Pool,
    /// Taken by `drop` only.
    session: Option<Session>,
    /// Was it opened for this lease?
    pub is_new: bool,
}

enum Next {
    Idle(Session),
    Open(Option<Features>),
    /// One that is to be cut off what it stands in.
    Standing(Session, Transfer),
    Wait,
}

impl Pool {
    pub fn new(endpoint: Endpoint) -> Self {
        let state = State {
            idle: Vec::new(),
            standing: BTreeMap::new(),
            tickets: 0,
            open: 0,
            most: MOST,
            features: None,
            denied: None,
            versions: Versions::Newest,
            only_newest: false,
            pace: Pace::Tried,
            steady: true,
        };
        Self { endpoint, state: Mutex::new(state), returned: Condvar::new(), tried: Once::new() }
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the server have a checksum of whole objects?
    pub fn has_checksum(&self) -> bool {
        self.state().features.as_ref().is_some_and(|features| features.checksum.is_some())
    }

    /// How many of so many connections the server allows at once. They are opened, once, and kept: whoever finds out only
    /// when all are in use by long uploads would fail for it. Who asks meanwhile waits.
    pub fn allowed(&self, wanted: usize) -> usize {
        self.tried.call_once(|| {
            std::thread::scope(|scope| {
                let opened: Vec<_> = (0..wanted).map(|_| scope.spawn(|| self.try_take())).collect();
                // One that can't be had for another reason fails again for who needs it.
                let _leases: Vec<_> = opened.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            });
        });
        self.most(wanted)
    }

    /// The same as far as it is known.
    pub fn most(&self, wanted: usize) -> usize {
        self.state().most.min(wanted)
    }

    /// Did every connection stay good since the place was last seen?
    pub fn is_steady(&self) -> bool {
        let mut state = self.state();
        state.forget_dead();
        state.steady && state.open > 0
    }

    /// The place was seen just now.
    pub fn seen(&self) {
        self.state().steady = true;
    }

    /// A connection in the vault's folder; waits for one if the server allows no more.
    pub fn take(&self) -> Result<Lease<'_>, StoreError> {
        let until = Instant::now() + WAIT;
        loop {
            if let Some(lease) = self.try_take()? {
                return Ok(lease);
            }
            let state = self.state();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.crowded(&format!("it allows {} at once, and all of ours are in use", state.most)));
            }
            // Woken for nothing it looks again.
            drop(self.returned.wait_timeout(state, left.min(Duration::from_millis(100))));
        }
    }

    /// The same without a wait for others: none if the server allows no more.
    pub fn try_take(&self) -> Result<Option<Lease<'_>>, StoreError> {
        loop {
            let next = self.state().next(&self.endpoint)?;
            match next {
                Next::Idle(session) => return Ok(Some(self.lease(session))),
                Next::Wait => return Ok(None),
                Next::Open(features) => return self.open(features),
                // It is idle then, or gone.
                Next::Standing(session, transfer) => self.lease(session).cut(transfer),
            }
        }
    }

    fn lease(&self, session: Session) -> Lease<'_> {
        Lease { pool: self, session: Some(session), is_new: false }
    }

    /// A download that was left standing, unless its connection was needed.
    pub fn take_standing(&self, ticket: u64) -> Option<(Lease<'_>, Transfer)> {
        let (session, transfer) = self.state().standing.remove(&ticket)?;
        Some((self.lease(session), transfer))
    }

    fn open(&self, features: Option<Features>) -> Result<Option<Lease<'_>>, StoreError> {
        let until = Instant::now() + NOTICE;
        loop {
            let (versions, pace) = {
                let state = self.state();
                (state.versions, state.pace)
            };
            match self.endpoint.connect(&self.endpoint.place.server.path, features.clone(), (versions, pace)) {
                Ok((session, entered)) => return self.opened(session, entered).map(Some),
                Err(Refusal::Crowded(said)) => {
                    if self.state().allow_fewer() {
                        return Ok(None);
                    }
                    if Instant::now() >= until {
                        self.state().open -= 1;
                        return Err(self.crowded(&said));
                    }
                    std::thread::sleep(NOTICE_STEP);
                }
                Err(Refusal::NoTls(_)) if versions == Versions::Tls12 => {
                    // It was let in with the newest before: that will do.
                    self.state().only_newest();
                }
                Err(Refusal::OneByOne(_)) if pace == Pace::Tried => self.state().pace = Pace::OneByOne,
                Err(Refusal::Failed(error) | Refusal::NoTls(error) | Refusal::OneByOne(error)) => {
                    self.state().failed(&error);
                    return Err(error);
                }
            }
        }
    }

    fn opened(&self, session: Session, entered: Reply) -> Result<Lease<'_>, StoreError> {
        self.state().features.get_or_insert_with(|| session.features.clone());
        let mut lease = Lease { pool: self, session: Some(session), is_new: true };
        let entered = self.is_in(Ok(entered));
        lease.broken |= entered.is_err();
        entered.map(|()| lease)
    }

    fn crowded(&self, said: &str) -> StoreError {
        let why = format!(
            "the server takes no more connections ({said}): this is tried again later; let it allow more, or end others"
        );
        StoreError::new(ErrorKind::Transient, "open", self.endpoint.shown(""), why)
    }

    /// Goes into the vault's folder.
    pub fn enter(&self, session: &mut Session) -> Result<(), StoreError> {
        self.is_in(session.ask(&format!("CWD {}", self.endpoint.place.server.path)))
    }

    fn is_in(&self, entered: Result<Reply, Failure>) -> Result<(), StoreError> {
        match entered {
            Ok(reply) if reply.is_done() => Ok(()),
            Ok(reply) => {
                let kind = match Failure::Refused(reply.clone()).into_error("open", "").kind {
                    ErrorKind::Denied if !reply.says_denied() => ErrorKind::NotFound,
                    kind => kind,
                };
                let why = format!("the server does not go into the folder ({}): is it there?", reply.shown());
                Err(StoreError::new(kind, "open", self.endpoint.shown(""), why))
            }
            Err(failure) => Err(failure.into_error("open", self.endpoint.shown(""))),
        }
    }
}

impl State {
    /// Ends idle connections that the server has closed.
    fn forget_dead(&mut self) {
        let before = self.idle.len();
        self.idle.retain(Session::is_alive);
        let dead = before - self.idle.len();
        self.open -= dead;
        self.steady &= dead == 0;
    }

    fn next(&mut self, endpoint: &Endpoint) -> Result<Next, StoreError> {
        if let Some(why) = &self.denied {
            return Err(StoreError::new(ErrorKind::Denied, "open", endpoint.shown(""), why.clone()));
        }
        self.forget_dead();
        while let Some(mut session) = self.idle.pop() {
            session.features.vague_facts |= self.features.as_ref().is_some_and(|features| features.vague_facts);
            if !session.is_spent() {
                return Ok(Next::Idle(session));
            }
            self.open -= 1;
            self.versions = if self.only_newest { Versions::Newest } else { Versions::Tls12 };
        }
        if self.open >= self.most {
            let standing = self.standing.pop_first();
            return Ok(standing.map_or(Next::Wait, |(_, (session, transfer))| Next::Standing(session, transfer)));
        }
        self.open += 1;
        Ok(Next::Open(self.features.clone()))
    }

    /// A connection was refused as one too many: are others of ours the reason? Then there will be no more than those.
    fn allow_fewer(&mut self) -> bool {
        let others = self.open > 1;
        if others {
            self.open -= 1;
            self.most = self.open;
        }
        others
    }

    fn only_newest(&mut self) {
        self.only_newest = true;
        self.versions = Versions::Newest;
    }

    fn failed(&mut self, error: &StoreError) {
        self.open -= 1;
        self.steady = false;
        if error.kind == ErrorKind::Denied {
            self.denied = Some(error.source.to_string());
        }
    }
}

impl Lease<'_> {
    /// Leaves the connection in the middle of a download, to be taken again by this ticket.
    pub fn stand(mut self, transfer: Transfer) -> u64 {
        let session = self.session.take().expect("held until it is dropped");
        let mut state = self.pool.state();
        state.tickets += 1;
        let ticket = state.tickets;
        state.standing.insert(ticket, (session, transfer));
        drop(state);
        self.pool.returned.notify_one();
        ticket
    }
}

impl Deref for Lease<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().expect("held until it is dropped")
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("held until it is dropped")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let mut state = self.pool.state();
        state.features.iter_mut().for_each(|known| known.vague_facts |= session.features.vague_facts);
        if session.broken {
            state.open -= 1;
            state.steady = false;
            drop(state);
            drop(session);
        } else {
            state.idle.push(session);
        }
        self.pool.returned.notify_one();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut self.state().idle);
        idle.into_iter().for_each(Session::quit);
    }
}

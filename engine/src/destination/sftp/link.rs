//! The connection of a store, and the sessions over it: kept while it works, opened again by the next operation when it broke.
//!
//! In: a place. Out: a session whose folder is there.
//! Invariants: a folder that is on another file system than when the place was opened is `Gone`; after a login or a
//! host key was refused there is no second try, the place must be opened anew.
//!
//! Deliberately absent: trying an operation again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SESSIONS;
use super::connect::{another, connect};
use super::failure::Failure;
use super::means::Means;
use super::packet::{self, Kind};
use super::session::Session;
use crate::config::Sftp;
use crate::destination::runtime::runtime;
use crate::destination::{ErrorKind, StoreError};

/// See the module.
pub(super) struct Link {
    place: Sftp,
    user: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    /// More over the same connection, for objects that go at the same time.
    beside: Vec<Arc<Session>>,
    /// So many of them are being opened.
    opening: usize,
    /// The server gives no more.
    alone: bool,
    /// The file system's id when the place was opened; the server may not tell.
    file_system: Option<u64>,
    refused: Option<String>,
}

impl Link {
    pub fn new(place: &Sftp) -> Result<Self, StoreError> {
        let user = place.server.user.clone().or_else(own_name).ok_or_else(|| {
            let why = "no user is named: write sftp://USER@host/path";
            StoreError::new(ErrorKind::Permanent, "open", place.server.host.as_str(), why)
        })?;
        Ok(Self { place: place.clone(), user, state: Mutex::default() })
    }

    /// The place as its URL; for the user, there is no secret in it.
    pub fn address(&self) -> String {
        let server = &self.place.server;
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let port = if server.port == 22 { String::new() } else { format!(":{}", server.port) };
        format!("sftp://{}@{host}{port}{}", self.user, server.path)
    }

    /// The folder on the server, without a slash at its end.
    pub fn root(&self) -> &str {
        self.place.server.path.trim_end_matches('/')
    }

    /// The folder as a path to ask about.
    pub fn root_path(&self) -> &str {
        if self.root().is_empty() { "/" } else { self.root() }
    }

    /// A new session, whatever is at the folder.
    pub fn connect(&self, warn: &dyn Fn(&str)) -> Result<Session, Failure> {
        let means = Means::gather(&self.place, warn)?;
        let runtime = runtime().map_err(|error| Failure::Found(error.kind, error.source.to_string()))?;
        runtime.block_on(connect(&self.place, &self.user, means))
    }

    /// Takes a new session into use, if the folder is there.
    pub fn take(&self, session: Session) -> Result<Arc<Session>, Failure> {
        self.taken(&mut self.state(), session)
    }

    fn taken(&self, state: &mut State, session: Session) -> Result<Arc<Session>, Failure> {
        let runtime = runtime().map_err(|error| Failure::Found(error.kind, error.source.to_string()))?;
        let found = runtime.block_on(self.root_there(&session))?;
        same(state.file_system, found)?;
        state.file_system = state.file_system.or(found);
        let session = Arc::new(session);
        state.session = Some(Arc::clone(&session));
        (state.beside, state.alone) = (Vec::new(), false);
        Ok(session)
    }

    /// The id of the folder's file system, if the server tells; `NotFound` if there is no folder. 1 round trip.
    async fn root_there(&self, session: &Session) -> Result<Option<u64>, Failure> {
        let folder = session.ask_path(packet::STAT, self.root_path()).await?;
        let below = session.ask_file_system(self.root_path()).await?;
        let below = session.file_system_told(below).await;
        match session.looked(folder).await? {
            Some(found) if found.kind() == Some(Kind::Folder) => Ok(below.ok().flatten().map(|below| below.id)),
            Some(_) => Err(Failure::Found(ErrorKind::NotFound, "what is there is no folder".to_owned())),
            None => Err(Failure::Found(ErrorKind::NotFound, "no such folder".to_owned())),
        }
    }

    /// Is the folder where it was? `Gone` if not. 1 round trip.
    pub async fn still_root(&self, session: &Session) -> Result<(), Failure> {
        let found = self.root_there(session).await.map_err(gone_if_missing)?;
        self.same_file_system(found)
    }

    /// Is the folder on the file system that it was on when the place was opened, as far as the server tells?
    pub fn same_file_system(&self, now: Option<u64>) -> Result<(), Failure> {
        same(self.state().file_system, now)
    }

    /// The session in use, or a new one.
    pub fn session(&self) -> Result<Arc<Session>, Failure> {
        self.first(&mut self.state())
    }

    /// A session that no other object uses now, as long as the server gives one; else the one that the fewest use.
    pub fn own_session(&self) -> Result<Arc<Session>, Failure> {
        let mut state = self.state();
        let first = self.first(&mut state)?;
        state.beside.retain(|session| session.is_whole());
        // The first one is held here, too.
        let users = |session: &Arc<Session>| Arc::strong_count(session) - usize::from(Arc::ptr_eq(session, &first));
        let least = state.beside.iter().chain([&first]).min_by_key(|session| users(session)).cloned();
        let least = least.unwrap_or_else(|| Arc::clone(&first));
        // The list's hold and this one's are no use.
        let is_free = users(&least) <= 2;
        if is_free || state.alone || state.beside.len() + state.opening + 1 >= SESSIONS {
            return Ok(least);
        }
        state.opening += 1;
        drop(state);
        // Others don't wait for that.
        let opened = runtime().ok().and_then(|runtime| runtime.block_on(another(&self.place.server, &first)).ok());
        let mut state = self.state();
        state.opening = state.opening.saturating_sub(1);
        let is_ours = state.session.as_ref().is_some_and(|now| Arc::ptr_eq(now, &first));
        let Some(session) = opened.map(Arc::new) else {
            // Its connection may have broken with that; who uses it sees.
            state.alone |= is_ours;
            return Ok(least);
        };
        if is_ours {
            state.beside.push(Arc::clone(&session));
        }
        Ok(session)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first(&self, state: &mut State) -> Result<Arc<Session>, Failure> {
        if let Some(session) = state.session.as_ref().filter(|session| session.is_whole()) {
            return Ok(Arc::clone(session));
        }
        state.session = None;
        state.beside.clear();
        if let Some(why) = &state.refused {
            return Err(Failure::Found(ErrorKind::Denied, why.clone()));
        }
        let session = self.connect(&|_| {}).inspect_err(|failure| {
            if failure.kind() == ErrorKind::Denied {
                state.refused = Some(failure.to_string());
            }
        })?;
        self.taken(state, session).map_err(gone_if_missing)
    }
}

fn same(before: Option<u64>, now: Option<u64>) -> Result<(), Failure> {
    match (before, now) {
        (Some(before), Some(now)) if before != now => {
            Err(Failure::Found(ErrorKind::Gone, "another file system is mounted there now".to_owned()))
        }
        _ => Ok(()),
    }
}

fn gone_if_missing(failure: Failure) -> Failure {
    let text = failure.to_string();
    if failure.kind() == ErrorKind::NotFound { Failure::Found(ErrorKind::Gone, text) } else { failure }
}

/// The user that runs this program, as ssh takes it.
fn own_name() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty())
}

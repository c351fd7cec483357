//! An object on its way to the server: temporary name, a window of WRITE requests, fsync, close, a name of its own.
//!
//! In: bytes. Out: acknowledged bytes, then a finished object.
//! Round trips: see the store's module. Invariants: the temporary file is never opened for writing while it may be the
//! finished object, too (a rename by link that was cut short); what `flush` tells was acknowledged, and is on the
//! server's medium if it offers fsync; of two writers of one name the later one owns the temporary file.
//!
//! Deliberately absent: flushing folders (SFTP has no request for it).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::failure::Failure;
use super::finish::{self, Naming};
use super::link::Link;
use super::look::withdraws;
use super::packet;
use super::reader::close;
use super::session::{Session, Ticket};
use crate::destination::claims::Claim;
use crate::destination::runtime::runtime;
use crate::destination::{ErrorKind, Finish, ObjectWrite, Resume, StoreError};

/// Where an object goes, as paths on the server.
pub(super) struct Target {
    /// For the user.
    pub address: String,
    pub path: String,
    pub temporary: String,
    /// The folders on the way, the topmost first.
    pub folders: Vec<String>,
}

/// See the module.
pub(super) struct Writer<'s> {
    link: &'s Link,
    session: Arc<Session>,
    target: Target,
    claim: Claim<'s>,
    /// None once it was given back.
    handle: Option<Vec<u8>>,
    kept: u64,
    /// Bytes of the object that were sent, and those that wait for a full packet.
    sent: u64,
    waiting: Vec<u8>,
    unanswered: VecDeque<Ticket>,
}

/// A file that was opened, and its length.
struct Opened {
    handle: Vec<u8>,
    kept: u64,
}

impl<'s> Writer<'s> {
    /// Begins, keeping at most `left` bytes of what lies there.
    pub async fn begin(
        link: &'s Link,
        session: Arc<Session>,
        target: Target,
        claim: Claim<'s>,
        left: u64,
    ) -> Result<Self, Failure> {
        let resumed = if left > 0 { resumed(&session, &target, left).await? } else { None };
        let Opened { handle, kept } = match resumed {
            Some(opened) => opened,
            None => anew(link, &session, &target).await?,
        };
        let (waiting, unanswered) = (Vec::new(), VecDeque::new());
        let handle = Some(handle);
        Ok(Self { link, session, target, claim, handle, kept, sent: kept, waiting, unanswered })
    }

    fn give_back(&mut self) {
        if let Some(handle) = self.handle.take() {
            close(&self.session, &handle);
        }
    }

    fn packet_bytes(&self) -> usize {
        usize::try_from(self.session.sizes.write).unwrap_or(usize::MAX)
    }

    fn handle(&self) -> Result<&[u8], Failure> {
        let given_back = || Failure::Found(ErrorKind::Permanent, "an earlier request failed".to_owned());
        self.handle.as_deref().ok_or_else(given_back)
    }

    /// Takes bytes, and sends each full packet.
    async fn take(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        holds(&self.claim)?;
        while !bytes.is_empty() {
            let room = self.packet_bytes().saturating_sub(self.waiting.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.waiting.extend_from_slice(now);
            bytes = later;
            if self.waiting.len() >= self.packet_bytes() {
                self.send().await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Failure> {
        if !self.waiting.is_empty() {
            let ticket = self.session.ask_write(self.handle()?, self.sent, &self.waiting).await?;
            self.unanswered.push_back(ticket);
            self.sent = self.sent.saturating_add(u64::try_from(self.waiting.len()).unwrap_or(u64::MAX));
            self.waiting.clear();
        }
        self.look_at_answers()
    }

    /// Takes the answers that are there: an error is told soon.
    fn look_at_answers(&mut self) -> Result<(), Failure> {
        while let Some(answer) = self.unanswered.front_mut().and_then(Ticket::done_already) {
            self.unanswered.pop_front();
            answer?;
        }
        Ok(())
    }

    /// Everything taken so far is acknowledged.
    async fn settle(&mut self) -> Result<(), Failure> {
        self.send().await?;
        while let Some(ticket) = self.unanswered.pop_front() {
            self.session.done(ticket).await?;
        }
        Ok(())
    }

    async fn flushed(&mut self) -> Result<u64, Failure> {
        holds(&self.claim)?;
        self.settle().await?;
        let sync = self.ask_sync().await?;
        self.synced(sync).await?;
        Ok(self.sent)
    }

    async fn ask_sync(&self) -> Result<Option<Ticket>, Failure> {
        if !self.session.offer.fsync.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let (id, request) = self.session.request(packet::EXTENDED);
        Ok(Some(self.session.ask((id, request.text("fsync@openssh.com").bytes(self.handle()?))).await?))
    }

    /// A flush that failed condemns the file (D-7).
    async fn synced(&self, sync: Option<Ticket>) -> Result<(), Failure> {
        let Some(sync) = sync else { return Ok(()) };
        match self.session.done(sync).await {
            Err(refused) if withdraws(&self.session.offer.fsync, &refused) => Ok(()),
            Err(refused @ Failure::Refused { .. }) => {
                self.condemn().await;
                Err(refused)
            }
            answered => answered,
        }
    }

    /// The caller forgets its checkpoint on any error here; that the file goes too only saves room.
    async fn condemn(&self) {
        let _ = self.session.remove(&self.target.temporary).await;
    }

    /// The last bytes, flush, length and close, then the name.
    async fn finished(&mut self) -> Result<(), Failure> {
        holds(&self.claim)?;
        if self.session.offer.openssh { self.finished_in_order().await } else { self.finished_one_by_one().await }
    }

    /// For a server that does one request after the other: 1 round trip, and that of the name.
    async fn finished_in_order(&mut self) -> Result<(), Failure> {
        self.send().await?;
        let (sync, length) = (self.ask_sync().await?, self.ask_length().await?);
        let closed = self.ask_close().await?;
        self.settle().await?;
        self.synced(sync).await?;
        let length = self.length(length).await?;
        self.closed(closed, length).await
    }

    /// For one that works on several requests at once, and may flush or close the file below the others.
    async fn finished_one_by_one(&mut self) -> Result<(), Failure> {
        self.settle().await?;
        let (sync, length) = (self.ask_sync().await?, self.ask_length().await?);
        self.synced(sync).await?;
        let length = self.length(length).await?;
        let closed = self.ask_close().await?;
        self.closed(closed, length).await
    }

    async fn ask_length(&self) -> Result<Ticket, Failure> {
        let (id, request) = self.session.request(packet::FSTAT);
        self.session.ask((id, request.bytes(self.handle()?))).await
    }

    async fn ask_close(&mut self) -> Result<Ticket, Failure> {
        let (id, request) = self.session.request(packet::CLOSE);
        let ticket = self.session.ask((id, request.bytes(self.handle()?))).await?;
        self.handle = None;
        Ok(ticket)
    }

    /// Where the server won't tell, the look under the final name does.
    async fn length(&self, asked: Ticket) -> Result<Option<u64>, Failure> {
        match self.session.attributes(asked).await {
            Ok(attributes) => Ok(attributes.size),
            Err(Failure::Refused { .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The file is closed; it is looked at and named.
    async fn closed(&mut self, closed: Ticket, length: Option<u64>) -> Result<(), Failure> {
        // Some servers write when they close.
        self.session.done(closed).await?;
        self.as_long_as_sent(length).await?;
        holds(&self.claim)?;
        finish::name(&Naming { link: self.link, session: &self.session, target: &self.target, bytes: self.sent }).await
    }

    async fn as_long_as_sent(&self, length: Option<u64>) -> Result<(), Failure> {
        if length.is_none_or(|length| length == self.sent) {
            return Ok(());
        }
        self.condemn().await;
        let why = format!("it has {} bytes, not the {} that were sent", length.unwrap_or(0), self.sent);
        Err(Failure::Found(ErrorKind::Transient, why))
    }

    /// The error for the user, after a look at what a vague answer meant. The writer does nothing more.
    fn fail(&mut self, operation: &'static str, failure: Failure) -> StoreError {
        self.give_back();
        explained(&self.session, failure, self.link.root_path()).at(operation, &self.target.address)
    }
}

/// See [`Session::explain`].
pub(super) fn explained(session: &Session, failure: Failure, root: &str) -> Failure {
    match runtime() {
        Ok(runtime) => runtime.block_on(session.explain(failure, root)),
        Err(_) => failure,
    }
}

fn taken() -> Failure {
    Failure::Found(ErrorKind::Exists, "an object has this name already".to_owned())
}

async fn ask_open(session: &Session, path: &str, how: u32) -> Result<Ticket, Failure> {
    let (id, request) = session.request(packet::OPEN);
    session.ask((id, request.text(path).number(how).no_attributes())).await
}

/// A new temporary file: made beside the look at the final name, 1 round trip; 2 more if an old one lies there, 2 and
/// more where folders are missing.
async fn anew(link: &Link, session: &Arc<Session>, target: &Target) -> Result<Opened, Failure> {
    let look = session.ask_path(packet::LSTAT, &target.path).await?;
    let open = ask_open(session, &target.temporary, packet::FOR_WRITING | packet::MAKE | packet::ONLY_NEW).await?;
    let found = session.looked(look).await;
    let opened = session.handle(open).await;
    if !matches!(found, Ok(None)) {
        if let Ok(handle) = &opened {
            close(session, handle);
            session.remove(&target.temporary).await?;
        }
        return Err(found.err().unwrap_or_else(taken));
    }
    let handle = match opened {
        Ok(handle) => handle,
        Err(failure @ Failure::Refused { .. }) => again(link, session, target, failure).await?,
        Err(failure) => return Err(failure),
    };
    Ok(Opened { handle, kept: 0 })
}

/// What stood in the way goes, what is missing is made; an old file loses its name, but is not written to.
async fn again(link: &Link, session: &Arc<Session>, target: &Target, failure: Failure) -> Result<Vec<u8>, Failure> {
    if failure.kind() == ErrorKind::NotFound {
        link.still_root(session).await?;
        for folder in &target.folders {
            session.make_folder(folder).await?;
        }
    } else if session.look(packet::LSTAT, &target.temporary).await?.is_some() {
        session.remove(&target.temporary).await?;
    } else {
        return Err(failure);
    }
    let open = ask_open(session, &target.temporary, packet::FOR_WRITING | packet::MAKE | packet::ONLY_NEW).await?;
    session.handle(open).await
}

/// The temporary file cut to what is to be kept; none if there is nothing. 1 round trip, 2 if it is longer.
async fn resumed(session: &Arc<Session>, target: &Target, left: u64) -> Result<Option<Opened>, Failure> {
    let look = session.ask_path(packet::LSTAT, &target.path).await?;
    let length = session.ask_path(packet::LSTAT, &target.temporary).await?;
    let open = ask_open(session, &target.temporary, packet::FOR_WRITING).await?;
    let found = session.looked(look).await;
    let length = session.looked(length).await;
    let handle = match session.handle(open).await {
        Ok(handle) => handle,
        Err(broken @ Failure::Broken(_)) => return Err(broken),
        Err(_) => return found?.map_or(Ok(None), |_| Err(taken())),
    };
    let kept = match (found, length) {
        (Ok(None), Ok(Some(length))) => cut(session, &handle, length.size.unwrap_or(0), left).await,
        (Ok(None), Ok(None)) => Ok(0),
        (Ok(Some(_)), _) => Err(taken()),
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    };
    match kept {
        Ok(kept) if kept > 0 => Ok(Some(Opened { handle, kept })),
        other => {
            close(session, &handle);
            other.map(|_| None)
        }
    }
}

/// Cuts the file to `left` bytes. 0 if it can't be cut: then it is begun anew.
async fn cut(session: &Session, handle: &[u8], length: u64, left: u64) -> Result<u64, Failure> {
    if length <= left {
        return Ok(length);
    }
    let (id, request) = session.request(packet::FSETSTAT);
    let change = session.ask((id, request.bytes(handle).size(left))).await?;
    let (id, request) = session.request(packet::FSTAT);
    let look = session.ask((id, request.bytes(handle))).await?;
    let changed = session.done(change).await;
    let now = session.attributes(look).await;
    match (changed, now) {
        (Err(broken @ Failure::Broken(_)), _) | (_, Err(broken @ Failure::Broken(_))) => Err(broken),
        (Ok(()), Ok(now)) if now.size == Some(left) => Ok(left),
        _ => Ok(0),
    }
}

fn holds(claim: &Claim<'_>) -> Result<(), Failure> {
    let why = "another writer of the same object took its place";
    if claim.is_held() { Ok(()) } else { Err(Failure::Found(ErrorKind::Exists, why.to_owned())) }
}

impl ObjectWrite for Writer<'_> {
    fn kept(&self) -> u64 {
        self.kept
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        runtime()?.block_on(self.take(bytes)).map_err(|failure| self.fail("write", failure))
    }

    fn flush(&mut self) -> Result<Resume, StoreError> {
        runtime()?.block_on(self.flushed()).map(Resume::at).map_err(|failure| self.fail("flush", failure))
    }

    fn finish(mut self: Box<Self>) -> Result<Finish, StoreError> {
        let finished = runtime()?.block_on(self.finished());
        finished.map(|()| Finish::Named).map_err(|failure| self.fail("finish", failure))
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

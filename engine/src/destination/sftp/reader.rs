//! Bytes of one object, from a fresh open, read ahead.
//!
//! In: a path on the server and a range. Out: its bytes in order.
//! Round trips: 1 to open, and look at the length beside it; from then on [`AHEAD_BYTES_MAX`] are always asked for.
//! Invariant: the end is where the server says so: one request behind the length it told is answered by the end, or
//! reading goes on.

use std::collections::VecDeque;
use std::sync::Arc;

use super::failure::{END, Failure};
use super::packet::{self, Answer, Kind};
use super::session::{Session, Ticket, unfit};
use crate::destination::runtime::runtime;
use crate::destination::{ErrorKind, ObjectRead, StoreError};

/// Bytes asked for and not yet taken.
const AHEAD_BYTES_MAX: u64 = 8 << 20;

/// See the module.
pub(super) struct Reader {
    session: Arc<Session>,
    address: String,
    handle: Vec<u8>,
    asked: VecDeque<Piece>,
    /// Where the next request begins.
    next: u64,
    /// Where the caller wants no more.
    wanted: u64,
    /// How long the object is, as told.
    told: u64,
    ahead: u64,
    have: Vec<u8>,
    taken: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// The end was seen.
    Ended,
    Failed,
}

struct Piece {
    offset: u64,
    bytes: u32,
    ticket: Ticket,
}

impl Reader {
    /// Opens the object for `bytes` bytes from `offset`. 1 round trip.
    pub async fn open(
        session: Arc<Session>,
        address: String,
        path: &str,
        offset: u64,
        bytes: u64,
    ) -> Result<Self, Failure> {
        let look = session.ask_path(packet::LSTAT, path).await?;
        let (id, request) = session.request(packet::OPEN);
        let open = session.ask((id, request.text(path).number(packet::FOR_READING).no_attributes())).await?;
        let found = session.looked(look).await;
        let handle = session.handle(open).await;
        let handle =
            opened(found.as_ref().ok().and_then(Option::as_ref).and_then(packet::Attributes::kind), &session, handle)?;
        let mut reader = Self {
            session,
            address,
            handle,
            asked: VecDeque::new(),
            next: offset,
            wanted: offset.saturating_add(bytes),
            told: 0,
            ahead: 0,
            have: Vec::new(),
            taken: 0,
            state: State::Reading,
        };
        // From here on the handle is closed by the reader's end.
        let found = found?.ok_or_else(|| Failure::Found(ErrorKind::NotFound, "no such file".to_owned()))?;
        reader.told = found.size.unwrap_or(0);
        Ok(reader)
    }

    /// Where the next request ends at most: the told end, or one byte behind it, for which the server answers that the
    /// object ends there.
    fn stop(&self) -> u64 {
        let behind = u64::from(self.next >= self.told);
        self.told.saturating_add(behind).min(self.wanted)
    }

    /// Asks for as much as may be under way.
    async fn ask_ahead(&mut self) -> Result<(), Failure> {
        while self.next < self.stop() && self.ahead < AHEAD_BYTES_MAX {
            let bytes = u32::try_from(self.stop() - self.next).unwrap_or(u32::MAX).min(self.session.sizes.read);
            let ticket = self.ask(self.next, bytes).await?;
            self.asked.push_back(Piece { offset: self.next, bytes, ticket });
            self.next = self.next.saturating_add(u64::from(bytes));
            self.ahead = self.ahead.saturating_add(u64::from(bytes));
        }
        Ok(())
    }

    async fn ask(&self, offset: u64, bytes: u32) -> Result<Ticket, Failure> {
        let (id, request) = self.session.request(packet::READ);
        self.session.ask((id, request.bytes(&self.handle).long(offset).number(bytes))).await
    }

    /// The bytes of the next piece, or none at the end.
    async fn fetch(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.ask_ahead().await?;
        let Some(Piece { offset, bytes, ticket }) = self.asked.pop_front() else { return Ok(None) };
        self.ahead = self.ahead.saturating_sub(u64::from(bytes));
        let got = self.data(ticket, bytes).await?;
        if let Some(got) = &got {
            if offset >= self.told {
                // It is longer than was told.
                self.told = self.told.saturating_add(u64::from(self.session.sizes.read));
            }
            self.ask_rest(offset, bytes, got.len()).await?;
        }
        Ok(got)
    }

    /// A server may give less than was asked for; the rest is asked for again, and comes before what is under way.
    async fn ask_rest(&mut self, offset: u64, bytes: u32, got: usize) -> Result<(), Failure> {
        let got = u32::try_from(got).unwrap_or(u32::MAX);
        let missing = bytes.saturating_sub(got);
        if missing > 0 {
            let offset = offset.saturating_add(u64::from(got));
            let ticket = self.ask(offset, missing).await?;
            self.asked.push_front(Piece { offset, bytes: missing, ticket });
            self.ahead = self.ahead.saturating_add(u64::from(missing));
        }
        Ok(())
    }

    async fn data(&self, ticket: Ticket, wanted: u32) -> Result<Option<Vec<u8>>, Failure> {
        match self.session.answer(ticket).await? {
            Answer::Data(bytes) if bytes.is_empty() || u32::try_from(bytes.len()).is_ok_and(|got| got > wanted) => {
                Err(Failure::Unfit)
            }
            Answer::Data(bytes) => Ok(Some(bytes)),
            Answer::Status { code: END, .. } => Ok(None),
            other => Err(unfit(other)),
        }
    }

    /// All that was asked for, in one piece.
    pub async fn whole(mut self) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        while let Some(bytes) = self.fetch().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    fn refill(&mut self) -> Result<(), StoreError> {
        let fetched = runtime()?.block_on(self.fetch());
        match fetched {
            Ok(Some(bytes)) => (self.have, self.taken) = (bytes, 0),
            Ok(None) => self.state = State::Ended,
            Err(failure) => {
                self.state = State::Failed;
                return Err(failure.at("read", &self.address));
            }
        }
        Ok(())
    }
}

/// A folder can be opened on some servers, and is no object.
fn opened(kind: Option<Kind>, session: &Arc<Session>, handle: Result<Vec<u8>, Failure>) -> Result<Vec<u8>, Failure> {
    match (kind, handle) {
        (Some(Kind::Folder | Kind::Other), Ok(handle)) => {
            close(session, &handle);
            Err(Failure::Found(ErrorKind::NotFound, "what is there is no file".to_owned()))
        }
        (_, handle) => handle,
    }
}

/// Gives a handle back; nobody waits for the answer.
pub(super) fn close(session: &Arc<Session>, handle: &[u8]) {
    if let Ok(runtime) = runtime() {
        let _inside = runtime.enter();
        let (id, request) = session.request(packet::CLOSE);
        session.tell((id, request.bytes(handle)));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        close(&self.session, &self.handle);
    }
}

impl ObjectRead for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        if self.state == State::Failed {
            return Err(StoreError::new(ErrorKind::Transient, "read", self.address.as_str(), "an earlier read failed"));
        }
        if self.taken == self.have.len() && self.state == State::Reading && !buffer.is_empty() {
            self.refill()?;
        }
        let left = self.have.get(self.taken..).unwrap_or_default();
        let bytes = if self.state == State::Reading { left.len().min(buffer.len()) } else { 0 };
        buffer[..bytes].copy_from_slice(&left[..bytes]);
        self.taken = self.taken.saturating_add(bytes);
        Ok(bytes)
    }
}

//! An object on its way to the server: temporary name, its bytes, a look at the length, a name of its own.
//!
//! In: bytes. Out: acknowledged bytes, then a finished object.
//! Three ways, chosen as bytes come: an object of [`PART_BYTES`] at most is one PUT of known length; a longer one is a
//! PUT and then parts, where the server takes them, [`PARTS_AT_ONCE_MAX`] on the way at once; else one PUT whose length is
//! not known beforehand (chunked). What the server takes may not be known yet when the first bytes come: then they go as
//! a whole file, and once more where it takes no parts.
//! Invariants: the first bytes of an object replace whatever lay under the temporary name; what `flush` tells was
//! acknowledged, without a hole; of two writers of one name the later one owns the temporary file.
//!
//! Deliberately absent: making anything durable (WebDAV has no request for it); cutting a file (neither): what lies
//! behind the bytes kept must be written over, or the object is begun anew.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::body::{Outgoing, Piece, Progress};
use super::failure::Failure;
use super::finish::{self, taken};
use super::link::Link;
use super::look::Found;
use super::offer::{Offer, Part};
use super::trial::Server;
use super::window::{Rank, Share};
use crate::destination::claims::Claim;
use crate::destination::runtime::{both, runtime};
use crate::destination::{ErrorKind, Finish, ObjectWrite, Resume, StoreError};
use crate::model::VaultPath;

/// Bytes of one part.
const PART_BYTES: usize = 4 << 20;
/// Of all objects together, at least [`PARTS_AT_ONCE_MIN`] and at most [`PARTS_AT_ONCE_MAX`] of each: one alone fills most of
/// the window; beside others few are best, since they wait for each other where the server writes them into one file.
const PARTS_AT_ONCE: usize = 12;
const PARTS_AT_ONCE_MIN: usize = 2;
const PARTS_AT_ONCE_MAX: usize = 8;
/// Bytes handed to a PUT of unknown length at once.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces ready for it.
const PIECES_MAX: usize = 4;
/// Less than that is sent again where something lies behind it, which could not be cut off.
const WORTH_KEEPING_BYTES: u64 = 1 << 20;

/// Where an object goes, as decoded paths on the server.
pub(super) struct Target {
    /// For the user.
    pub address: String,
    pub path: String,
    pub temporary: String,
    pub folder: VaultPath,
}

/// See the module.
pub(super) struct Writer<'s> {
    link: Arc<Link>,
    server: Server,
    target: Arc<Target>,
    claim: Claim<'s>,
    /// Of the window.
    rank: Rank,
    kept: u64,
    /// Bytes of the object that requests carry or carried; those that wait are behind them.
    sent: u64,
    waiting: BytesMut,
    way: Way,
}

enum Way {
    /// Nothing was sent, nothing of an earlier writer is kept.
    Unsent,
    /// The file is there and grows by parts.
    Parts(VecDeque<JoinHandle<Result<(), Failure>>>),
    /// One request is under way.
    Stream(mpsc::Sender<Piece>, JoinHandle<Result<(), Failure>>),
}

impl<'s> Writer<'s> {
    /// Begins, keeping at most `left` bytes of what lies there. 1 round trip, or 4 where something may be left and it is
    /// not known yet what the server can do.
    pub async fn begin(link: Arc<Link>, target: Target, claim: Claim<'s>, left: u64) -> Result<Self, Failure> {
        let mut server = Server::begin(&link);
        let begun = begun(&link, &mut server, &target, left).await;
        if begun.is_err() {
            server.settle().await;
        }
        let kept = begun?;
        let way = if kept > 0 { Way::Parts(VecDeque::new()) } else { Way::Unsent };
        let (rank, target) = (link.window.rank(), Arc::new(target));
        Ok(Self { link, server, target, claim, rank, kept, sent: kept, waiting: BytesMut::new(), way })
    }

    /// Takes bytes, and sends what is enough for a request.
    async fn take(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        holds(&self.claim)?;
        while !bytes.is_empty() {
            let whole_part = self.waiting.is_empty() && bytes.len() >= PART_BYTES;
            if let Some(how) = self.server.part().filter(|_| whole_part) {
                let (part, later) = bytes.split_at(PART_BYTES);
                // Nothing is copied while others have the window.
                let share = self.share(part).await?;
                self.send_part(how, Bytes::copy_from_slice(part), share).await?;
                bytes = later;
                continue;
            }
            let room = self.enough().saturating_sub(self.waiting.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.waiting.extend_from_slice(now);
            bytes = later;
            if self.waiting.len() >= self.enough() {
                self.send().await?;
            }
        }
        Ok(())
    }

    fn enough(&self) -> usize {
        if matches!(self.way, Way::Stream(..)) { PIECE_BYTES } else { PART_BYTES }
    }

    /// Sends all that waits, in the way that the server takes.
    async fn send(&mut self) -> Result<(), Failure> {
        match &self.server {
            _ if self.waiting.is_empty() => Ok(()),
            Server::Tried(_) | Server::Failed => self.send_first().await,
            Server::Known(Offer { part: Some(how), .. }, _) => {
                let (how, (bytes, share)) = (*how, self.shared().await?);
                self.send_part(how, bytes, share).await
            }
            Server::Known(..) => self.stream().await,
        }
    }

    /// Sends the first bytes while it is found out how others may follow.
    async fn send_first(&mut self) -> Result<(), Failure> {
        let (bytes, share) = self.shared().await?;
        let (link, temporary) = (Arc::clone(&self.link), self.target.temporary.clone());
        let (put, offer) = both(link.put(&temporary, bytes.clone()), self.server.known()).await;
        put?;
        if offer?.part.is_some() {
            self.sent = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            self.way = Way::Parts(VecDeque::new());
            return Ok(());
        }
        // One request has to carry all of it, from the beginning.
        link.remove(&temporary).await?;
        self.waiting = BytesMut::from(&bytes[..]);
        drop(share);
        self.stream().await
    }

    async fn send_part(&mut self, how: Part, bytes: Bytes, share: Share) -> Result<(), Failure> {
        let offset = self.sent;
        self.sent = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let Way::Parts(flying) = &mut self.way else {
            // The file must be there, and empty, before parts are put into it.
            self.link.put(&self.target.temporary, bytes).await?;
            self.way = Way::Parts(VecDeque::new());
            return Ok(());
        };
        let (link, target) = (Arc::clone(&self.link), Arc::clone(&self.target));
        flying.push_back(tokio::spawn(async move {
            let _share = share;
            link.put_part(&target.temporary, offset, bytes, how).await
        }));
        // A PATCH behind the end of the file is refused by some.
        let share = self.rank.part_of(PARTS_AT_ONCE).clamp(PARTS_AT_ONCE_MIN, PARTS_AT_ONCE_MAX);
        let at_once = if how == Part::ContentRange { share } else { 1 };
        while flying.len() > at_once || flying.front().is_some_and(JoinHandle::is_finished) {
            let Some(oldest) = flying.pop_front() else { break };
            ended(oldest).await?;
        }
        Ok(())
    }

    /// What waits, with its share of the window.
    async fn shared(&mut self) -> Result<(Bytes, Share), Failure> {
        let bytes = self.waiting.split().freeze();
        let share = self.share(&bytes).await?;
        Ok((bytes, share))
    }

    async fn share(&self, bytes: &[u8]) -> Result<Share, Failure> {
        self.rank.share(bytes.len()).await
    }

    async fn stream(&mut self) -> Result<(), Failure> {
        if !matches!(self.way, Way::Stream(..)) {
            self.way = stream(&self.link, &self.target);
        }
        let mut all = self.waiting.split();
        while !all.is_empty() {
            self.waiting = all.split_to(all.len().min(PIECE_BYTES));
            let (bytes, share) = self.shared().await?;
            self.sent = self.sent.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            self.hand_over(Some((bytes, share))).await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self, piece: Piece) -> Result<(), Failure> {
        let Way::Stream(pieces, put) = &mut self.way else { return Ok(()) };
        if pieces.send(piece).await.is_err() {
            // The server answered before the end, or the line broke.
            ended(put).await?;
            return Err(Failure::Broken("the server took the object for whole before its end".to_owned()));
        }
        Ok(())
    }

    /// Everything sent so far is acknowledged.
    async fn settle(&mut self) -> Result<(), Failure> {
        match &mut self.way {
            Way::Unsent => Ok(()),
            Way::Parts(flying) => {
                while let Some(oldest) = flying.pop_front() {
                    ended(oldest).await?;
                }
                Ok(())
            }
            Way::Stream(..) => {
                self.hand_over(None).await?;
                let Way::Stream(_, put) = &mut self.way else { return Ok(()) };
                ended(put).await
            }
        }
    }

    /// Where the server takes no parts, there is nothing to go on from, and nothing is waited for.
    async fn flushed(&mut self) -> Result<u64, Failure> {
        holds(&self.claim)?;
        if self.server.known().await?.part.is_none() {
            return Ok(0);
        }
        self.send().await?;
        self.settle().await?;
        Ok(self.sent)
    }

    async fn finished(&mut self) -> Result<(), Failure> {
        holds(&self.claim)?;
        if let Way::Unsent = self.way {
            let (bytes, _share) = self.shared().await?;
            self.sent = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let (put, offer) = both(self.link.put(&self.target.temporary, bytes), self.server.known()).await;
            put?;
            offer?;
        } else {
            self.send().await?;
            self.settle().await?;
            self.as_long_as_sent().await?;
        }
        holds(&self.claim)?;
        let (offer, target) = (self.server.known().await?, &*self.target);
        finish::name(&self.link, &offer, &target.temporary, &target.path, self.sent).await
    }

    async fn as_long_as_sent(&self) -> Result<(), Failure> {
        let length = match self.link.look(&self.target.temporary).await? {
            Found::File(length) if length == self.sent => return Ok(()),
            Found::File(length) => length,
            Found::Folder | Found::Nothing => 0,
        };
        // The caller forgets its checkpoint on any error here; that the file goes too only saves room.
        let _ = self.link.remove(&self.target.temporary).await;
        let why = format!("it has {length} bytes, not the {} that were sent", self.sent);
        match self.way {
            Way::Stream(..) if length == 0 => {
                let why = format!("{why}: the server, or a proxy before it, takes no PUT of unknown length (chunked)");
                Err(Failure::permanent(why))
            }
            _ => Err(Failure::Found(ErrorKind::Transient, why)),
        }
    }

    /// The error for the user, after a look at what a vague answer meant. The writer does nothing more.
    fn fail(&mut self, operation: &'static str, failure: Failure) -> StoreError {
        self.give_up();
        let failure = match runtime() {
            Ok(runtime) => runtime.block_on(self.link.why_not_written(&self.target.folder, failure)),
            Err(_) => failure,
        };
        failure.at(operation, &self.target.address)
    }

    fn give_up(&mut self) {
        match std::mem::replace(&mut self.way, Way::Unsent) {
            Way::Unsent => {}
            Way::Parts(flying) => flying.iter().for_each(JoinHandle::abort),
            Way::Stream(_, put) => put.abort(),
        }
    }
}

/// A PUT that carries what comes.
fn stream(link: &Arc<Link>, target: &Arc<Target>) -> Way {
    let (pieces, coming) = mpsc::channel(PIECES_MAX);
    let (link, target) = (Arc::clone(link), Arc::clone(target));
    let put = tokio::spawn(async move {
        let progress = Arc::<Progress>::default();
        let body = Outgoing::coming(coming, Arc::clone(&progress));
        link.request("PUT", &target.temporary)?.watched(body, progress).done().await.map(drop)
    });
    Way::Stream(pieces, put)
}

async fn ended(task: impl Future<Output = Result<Result<(), Failure>, tokio::task::JoinError>>) -> Result<(), Failure> {
    task.await.unwrap_or_else(|error| Err(Failure::Broken(error.to_string())))
}

/// How many bytes of an earlier writer are kept; where none are, the folder is made ready.
async fn begun(link: &Link, server: &mut Server, target: &Target, left: u64) -> Result<u64, Failure> {
    let offer = match server {
        Server::Tried(_) if left == 0 => None,
        server => Some(server.known().await?),
    };
    let (found, kept) = both(link.look(&target.path), kept(link, offer, target, left)).await;
    if found? == Found::Nothing { kept } else { Err(taken()) }
}

/// What is kept of an earlier writer's bytes; where nothing is, the folder is made ready.
///
/// Where there are no parts, what is left goes now: it may still be locked by the request that left it, and a long PUT
/// can't be repeated.
async fn kept(link: &Link, offer: Option<Offer>, target: &Target, left: u64) -> Result<u64, Failure> {
    if let Some(offer) = offer.filter(|offer| left > 0 || offer.part.is_none()) {
        match link.look(&target.temporary).await? {
            Found::File(_) if offer.part.is_none() => drop(link.remove(&target.temporary).await?),
            Found::File(length) if length <= left => return Ok(length),
            Found::File(_) if left >= WORTH_KEEPING_BYTES => return Ok(left),
            _ => {}
        }
    }
    link.ensure_folder(&target.folder).await.map(|()| 0)
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
        let finished = runtime()?.block_on(async {
            let finished = self.finished().await;
            self.server.settle().await;
            finished
        });
        finished.map(|()| Finish::Named).map_err(|failure| self.fail("finish", failure))
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

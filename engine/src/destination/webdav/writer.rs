//! An object on its way to the server: temporary name, its bytes, a look at the length, a name of its own.
//!
//! In: bytes. Out: acknowledged bytes, then a finished object.
//! Three ways, chosen as bytes come: an object of less than [`PART_BYTES`] is one PUT of known length; a longer one is one
//! PUT whose length is not known beforehand (chunked) until somebody asks what of it is there; what follows that is written
//! by parts, where the server takes them, [`PARTS_AT_ONCE_MAX`] on the way at once. Where it takes parts and no PUT of
//! unknown length, all but the first bytes are parts. What it takes may not be known yet when the first bytes come: they go
//! as a stream, and are kept until it is known, for then they may have to go once more.
//! Invariants: the first bytes of an object replace whatever lay under the temporary name; what `flush` tells was
//! acknowledged, without a hole; of two writers of one name the later one owns the temporary file.
//!
//! Deliberately absent: making anything durable (WebDAV has no request for it); cutting a file (neither): what lies
//! behind the bytes kept must be written over, or the object is begun anew.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;

use super::body::{Outgoing, Piece, Progress};
use super::failure::Failure;
use super::finish::{self, taken};
use super::link::Link;
use super::look::Found;
use super::offer::{Offer, Part};
use super::trial::Server;
use crate::destination::claims::Claim;
use crate::destination::runtime::{both, runtime};
use crate::destination::window::{Rank, Share};
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
    /// All that was sent, while it is not known whether the server takes it so.
    unsure: Vec<(Bytes, OwnedSemaphorePermit)>,
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
        let (waiting, unsure) = (BytesMut::new(), Vec::new());
        Ok(Self { link, server, target, claim, rank, kept, sent: kept, waiting, unsure, way })
    }

    /// Takes bytes, and sends what is enough for a request.
    async fn take(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        holds(&self.claim)?;
        while !bytes.is_empty() {
            let whole_part = self.waiting.is_empty() && bytes.len() >= PART_BYTES;
            if let Some(how) = self.by_parts().await?.filter(|_| whole_part) {
                let (part, later) = bytes.split_at(PART_BYTES);
                // Nothing is copied while others have the window.
                let share = self.share(part).await;
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

    /// How the next bytes are written, if by parts.
    async fn by_parts(&mut self) -> Result<Option<Part>, Failure> {
        let Some(offer) = self.server.by_now().await? else { return Ok(None) };
        self.is_begun_anew().await?;
        let by_parts = matches!(self.way, Way::Parts(_)) || !offer.stream && matches!(self.way, Way::Unsent);
        Ok(offer.part.filter(|_| by_parts))
    }

    /// Waits until it is known whether the server takes what was sent as it was. Where it does not, all of that waits
    /// again.
    async fn is_begun_anew(&mut self) -> Result<bool, Failure> {
        if self.unsure.is_empty() {
            return Ok(false);
        }
        let offer = self.server.known().await?;
        let sent = std::mem::take(&mut self.unsure);
        if offer.stream || offer.part.is_none() {
            return Ok(false);
        }
        // Its end is waited for: what it still does must not happen to what follows it.
        let _ = self.settle().await;
        let later = self.waiting.split();
        sent.iter().for_each(|(bytes, _)| self.waiting.extend_from_slice(bytes));
        self.waiting.unsplit(later);
        (self.way, self.sent) = (Way::Unsent, 0);
        Ok(true)
    }

    /// Sends all that waits, in the way that the server takes.
    async fn send(&mut self) -> Result<(), Failure> {
        while !self.waiting.is_empty() {
            match self.by_parts().await? {
                Some(how) => {
                    let (bytes, share) = self.shared(PART_BYTES).await;
                    self.send_part(how, bytes, share).await?;
                }
                None => self.stream().await?,
            }
        }
        Ok(())
    }

    /// Sends the next piece of what waits.
    async fn stream(&mut self) -> Result<(), Failure> {
        if !matches!(self.way, Way::Stream(..)) {
            self.way = stream(&self.link, &self.target);
        }
        let length = self.waiting.len().min(PIECE_BYTES);
        let room = match self.server {
            Server::Known(..) => None,
            _ => match self.link.room_for_unsure(length) {
                None => return self.server.known().await.map(drop),
                room => room,
            },
        };
        let (bytes, share) = self.shared(PIECE_BYTES).await;
        self.unsure.extend(room.map(|room| (bytes.clone(), room)));
        self.sent = self.sent.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        match self.hand_over(Some((bytes, share))).await {
            Err(failure) => {
                if self.is_begun_anew().await? {
                    Ok(())
                } else {
                    Err(failure)
                }
            }
            handed_over => handed_over,
        }
    }

    /// Sends all that waits, and waits until it is acknowledged.
    async fn all_sent(&mut self) -> Result<(), Failure> {
        self.send().await?;
        let settled = self.settle().await;
        if self.is_begun_anew().await? {
            self.send().await?;
            return self.settle().await;
        }
        settled
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
            link.put_part(&target.temporary, offset, bytes, how).await.map(|()| share.acknowledged())
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

    /// The next bytes of what waits, so many at most, with their share of the window.
    async fn shared(&mut self, most: usize) -> (Bytes, Share) {
        let bytes = self.waiting.split_to(self.waiting.len().min(most)).freeze();
        let share = self.share(&bytes).await;
        (bytes, share)
    }

    async fn share(&self, bytes: &[u8]) -> Share {
        self.rank.share(bytes.len()).await
    }

    async fn hand_over(&mut self, piece: Piece) -> Result<(), Failure> {
        let Way::Stream(pieces, _) = &mut self.way else { return Ok(()) };
        if pieces.send(piece).await.is_ok() {
            return Ok(());
        }
        // The server answered before the end, or the line broke.
        if let Way::Stream(_, put) = self.ended_way() {
            ended(put).await?;
        }
        Err(Failure::Broken("the server took the object for whole before its end".to_owned()))
    }

    fn ended_way(&mut self) -> Way {
        std::mem::replace(&mut self.way, Way::Unsent)
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
                if let Way::Stream(_, put) = self.ended_way() {
                    ended(put).await?;
                }
                self.way = Way::Parts(VecDeque::new());
                Ok(())
            }
        }
    }

    /// Where the server takes no parts, there is nothing to go on from, and nothing is waited for.
    async fn flushed(&mut self) -> Result<u64, Failure> {
        holds(&self.claim)?;
        if self.server.known().await?.part.is_none() {
            return Ok(0);
        }
        self.all_sent().await?;
        Ok(self.sent)
    }

    async fn finished(&mut self) -> Result<(), Failure> {
        holds(&self.claim)?;
        if let Way::Unsent = self.way {
            let (bytes, _share) = self.shared(usize::MAX).await;
            self.sent = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let (put, offer) = both(self.link.put(&self.target.temporary, bytes), self.server.known()).await;
            put?;
            offer?;
        } else {
            let in_one = matches!(self.way, Way::Stream(..));
            self.all_sent().await?;
            // A PUT that is known to arrive whole was acknowledged whole.
            if !in_one || !self.server.known().await?.stream {
                self.as_long_as_sent().await?;
            }
        }
        holds(&self.claim)?;
        let (offer, target) = (self.server.known().await?, &*self.target);
        finish::name(&self.link, &offer, &target.temporary, &target.path, self.sent).await
    }

    async fn as_long_as_sent(&mut self) -> Result<(), Failure> {
        let length = match self.link.look(&self.target.temporary).await? {
            Found::File(length) if length == self.sent => return Ok(()),
            Found::File(length) => length,
            Found::Folder | Found::Nothing => 0,
        };
        // The caller forgets its checkpoint on any error here; that the file goes too only saves room.
        let _ = self.link.remove(&self.target.temporary).await;
        let why = format!("it has {length} bytes, not the {} that were sent", self.sent);
        if length == 0 && !self.server.known().await?.stream {
            let why = format!("{why}: the server, or a proxy before it, takes no PUT of unknown length (chunked)");
            return Err(Failure::permanent(why));
        }
        Err(Failure::Found(ErrorKind::Transient, why))
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
        match self.ended_way() {
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

//! An object on its way to the bucket: one PUT, or an upload in parts that goes up while the next part is filled.
//!
//! In: bytes. Out: parts that the server acknowledged, then an object.
//! Invariants: parts have the sizes of [`part_bytes`], so that a later process knows what it finds; at most
//! [`PARTS_AT_ONCE`] are under way, with their share of the store's window, and one is being filled; what `flush` tells
//! was acknowledged, all parts of it from the first one on; of two writers of one object in a store the later one counts.
//!
//! Deliberately absent: the requests themselves (`object`, `upload`).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::checksum::Digest;
use super::client::Client;
use super::failure::Failure;
use super::object;
use super::upload::{self, By, Part};
use crate::destination::claims::Claim;
use crate::destination::runtime::runtime;
use crate::destination::window::Rank;
use crate::destination::{ErrorKind, Finish, ObjectWrite, Resume, StoreError};

/// Bytes of a part; an object up to this is one PUT.
const PART: u64 = 8 << 20;
/// Bytes of the parts from the 5,001st on: an upload has 10,000 at most, and what comes is not known beforehand.
const LATE_PART: u64 = 64 << 20;
const EARLY_PARTS: u32 = 5_000;
const PARTS_MAX: u32 = 10_000;
/// Parts whose checksums a flush tells beside the upload's id: not every server tells them again, and all are asked for
/// in the end. What lies behind them is sent again where the server tells none.
const REMEMBERED_MAX: usize = 256;
/// One object alone fills the window with them.
const PARTS_AT_ONCE: usize = 8;

/// Size of a part that is not the last one.
const fn part_bytes(number: u32) -> u64 {
    if number <= EARLY_PARTS { PART } else { LATE_PART }
}

/// Where an object goes.
pub(super) struct Target {
    /// For the user.
    pub address: String,
    pub key: String,
}

/// See the module.
pub(super) struct Writer<'s> {
    client: Arc<Client>,
    target: Target,
    claim: Claim<'s>,
    /// Of the window.
    rank: Rank,
    /// The upload's id, once there is one.
    upload: Option<String>,
    kept: u64,
    /// Number of the part that is being filled, and its bytes.
    number: u32,
    filling: Vec<u8>,
    under_way: VecDeque<UnderWay>,
    done: BTreeMap<u32, Part>,
}

struct UnderWay {
    number: u32,
    task: JoinHandle<Result<Part, Failure>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<'s> Writer<'s> {
    /// Begins, keeping the whole parts of what is left, `left.bytes` at most. 1 request; 2 and more to go on.
    pub async fn begin(client: Arc<Client>, target: Target, claim: Claim<'s>, left: &Resume) -> Result<Self, Failure> {
        object::absent(&client, &target.key).await?;
        let mut writer = Self {
            rank: client.window.rank(),
            client,
            target,
            claim,
            upload: None,
            kept: 0,
            number: 1,
            filling: Vec::new(),
            under_way: VecDeque::new(),
            done: BTreeMap::new(),
        };
        if !left.token.is_empty() {
            writer.go_on(left).await?;
        }
        Ok(writer)
    }

    async fn go_on(&mut self, left: &Resume) -> Result<(), Failure> {
        let (id, known) = left.token.rsplit_once(' ').unwrap_or((&left.token, ""));
        let known = Digest::split(known);
        let Some(found) = upload::parts(&self.client, &self.target.key, id).await? else { return Ok(()) };
        for (part, known) in found.into_iter().zip(known.into_iter().map(Some).chain(std::iter::repeat(None))) {
            let fits = part.part_number == self.number && part.size == part_bytes(self.number);
            let kept = self.kept.saturating_add(part.size);
            let told = part.checksum.as_deref().and_then(Digest::of_base64);
            let differs = told.is_some() && known.is_some() && told != known;
            let digest = told.or(known);
            if !fits || kept > left.bytes || part.etag.is_empty() || differs || digest.is_none() {
                break;
            }
            self.done.insert(self.number, Part { bytes: part.size, etag: part.etag, digest, by: By::Earlier });
            (self.kept, self.number) = (kept, self.number.saturating_add(1));
        }
        if self.kept == 0 {
            return upload::abort(&self.client, &self.target.key, id).await;
        }
        self.upload = Some(id.to_owned());
        Ok(())
    }

    fn holds(&self) -> Result<(), Failure> {
        let why = "another writer of the same object took its place";
        if self.claim.is_held() { Ok(()) } else { Err(Failure::Found(ErrorKind::Exists, why.to_owned())) }
    }

    /// Takes bytes; a full part is sent once more bytes come, as the last one may be all there is.
    async fn take(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        self.holds()?;
        while !bytes.is_empty() {
            let room = self.room();
            if room == 0 {
                self.send().await?;
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.filling.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Bytes that the part can still take.
    fn room(&self) -> usize {
        usize::try_from(part_bytes(self.number)).unwrap_or(usize::MAX).saturating_sub(self.filling.len())
    }

    /// Sends the part that was filled.
    async fn send(&mut self) -> Result<(), Failure> {
        if self.number > PARTS_MAX {
            let why = "the object is longer than an upload in parts can be (352 GB)";
            return Err(Failure::Found(ErrorKind::Permanent, why.to_owned()));
        }
        let id = match &self.upload {
            Some(id) => id.clone(),
            None => self.upload.insert(upload::begin(&self.client, &self.target.key).await?).clone(),
        };
        let body = Bytes::from(std::mem::take(&mut self.filling));
        self.settle(PARTS_AT_ONCE - 1).await?;
        let share = self.rank.share(body.len()).await;
        let (client, key, number) = (Arc::clone(&self.client), self.target.key.clone(), self.number);
        let task = tokio::spawn(async move {
            upload::send(&client, &key, &id, number, &body).await.inspect(|_| share.acknowledged())
        });
        self.under_way.push_back(UnderWay { number, task });
        self.number = number.saturating_add(1);
        Ok(())
    }

    /// Waits until at most `most` parts are under way; takes every answer that is there.
    async fn settle(&mut self, most: usize) -> Result<(), Failure> {
        while let Some(first) = self.under_way.front_mut() {
            let (number, done_already) = (first.number, first.task.is_finished());
            if self.under_way.len() <= most && !done_already {
                break;
            }
            let Some(first) = self.under_way.front_mut() else { break };
            let sent = (&mut first.task).await;
            self.under_way.pop_front();
            let lost = |_| Failure::Broken("the part's task ended".to_owned());
            self.done.insert(number, sent.map_err(lost)??);
        }
        Ok(())
    }

    async fn flushed(&mut self) -> Result<Resume, Failure> {
        self.holds()?;
        if self.room() == 0 {
            self.send().await?;
        }
        self.settle(0).await?;
        let Some(id) = &self.upload else { return Ok(Resume::default()) };
        let bytes = self.done.values().fold(0_u64, |sum, part| sum.saturating_add(part.bytes));
        let digests = self.done.values().map_while(|part| part.digest).take(REMEMBERED_MAX);
        Ok(Resume { bytes, token: format!("{id} {}", Digest::join(digests)) })
    }

    async fn finished(&mut self) -> Result<Finish, Failure> {
        self.holds()?;
        if self.upload.is_none() {
            let body = Bytes::from(std::mem::take(&mut self.filling));
            return object::put(&self.client, &self.target.key, body).await;
        }
        if !self.filling.is_empty() {
            self.send().await?;
        }
        self.settle(0).await?;
        self.holds()?;
        let Some(id) = &self.upload else { return Err(Failure::Broken("its upload is gone".to_owned())) };
        let parts: Vec<Part> = self.done.values().cloned().collect();
        let completed = upload::complete(&self.client, &self.target.key, id, &parts).await;
        if completed.as_ref().is_err_and(|failure| failure.kind() == ErrorKind::Exists) {
            // Nobody goes on with it: its parts would stay, and be paid for.
            let _ = upload::abort(&self.client, &self.target.key, id).await;
        }
        completed
    }

    fn fail(&mut self, operation: &'static str, failure: Failure) -> StoreError {
        self.under_way.clear();
        failure.of_open_place().at(operation, &self.target.address)
    }
}

impl ObjectWrite for Writer<'_> {
    fn kept(&self) -> u64 {
        self.kept
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let taken = runtime()?.block_on(self.take(bytes));
        taken.map_err(|failure| self.fail("write", failure))
    }

    fn flush(&mut self) -> Result<Resume, StoreError> {
        let flushed = runtime()?.block_on(self.flushed());
        flushed.map_err(|failure| self.fail("flush", failure))
    }

    fn finish(mut self: Box<Self>) -> Result<Finish, StoreError> {
        let finished = runtime()?.block_on(self.finished());
        finished.map_err(|failure| self.fail("finish", failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_upload_needs_more_parts_than_servers_allow() {
        let all: u64 = (1..=PARTS_MAX).map(part_bytes).sum();
        assert_eq!(all, 5_000 * (8 << 20) + 5_000 * (64 << 20));
        assert!((1..=PARTS_MAX).all(|number| part_bytes(number) >= 5 << 20), "smaller ones are refused");
    }
}

//! What the server can do, found out by trying it on small objects of our own, once for each opened place, before its
//! first object is written.
//!
//! In: a place. Out: how a part of a file is written there, if at all; whether MOVE and DELETE spare what they should.
//! Why it is tried and not believed: a server that does not know `Content-Range` (rclone) answers 201 and cuts the file
//! to the part. Requests: 10 to 12, in 6 round trips; all of it lies under temporary names and is deleted again.
//!
//! Deliberately absent: the names of servers, which say little about their settings and the proxies before them.

use bytes::Bytes;

use super::failure::Failure;
use super::link::{Link, Request, unlocked};
use crate::destination::{ErrorKind, TEMPORARY_PREFIX};

/// How bytes are written into the middle of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// PUT with `Content-Range`: Apache.
    ContentRange,
    /// PATCH with `X-Update-Range`: SabreDAV, dufs.
    UpdateRange,
}

/// Does MOVE with `Overwrite: F` keep what has the name?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overwrite {
    Keeps,
    LookFirst,
}

/// How the target of a MOVE is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// As all clients do.
    Url,
    /// For servers behind a proxy that know neither their name nor that there is TLS.
    Path,
}

/// Does DELETE with `Depth: 0` spare a folder?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delete {
    SparesFolders,
    LookFirst,
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub part: Option<Part>,
    pub overwrite: Overwrite,
    pub destination: Destination,
    pub delete: Delete,
}

const BEFORE: &[u8] = b"0123456789";
/// Overlaps the end, so that overwriting and appending are both tried.
const WRITTEN: &[u8] = b"abcdef";
const WRITTEN_AT: u64 = 8;
const AFTER: &[u8] = b"01234567abcdef";

impl Link {
    /// What the server can do. No request but the first time.
    pub async fn offer(&self) -> Result<&Offer, Failure> {
        self.offer.get_or_try_init(|| probe(self)).await
    }

    /// Writes a whole file. 1 request.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<(), Failure> {
        unlocked(|| Ok(self.request("PUT", path)?.bytes(bytes.clone()))).await.map(drop)
    }

    /// Writes bytes into a file that is there. 1 request.
    pub async fn put_part(&self, path: &str, offset: u64, bytes: Bytes, how: Part) -> Result<(), Failure> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let Some(last) = offset.checked_add(length).and_then(|end| end.checked_sub(1)) else { return Ok(()) };
        unlocked(|| Ok(self.part_request(path, offset, last, how)?.bytes(bytes.clone()))).await.map(drop)
    }

    fn part_request(&self, path: &str, offset: u64, last: u64, how: Part) -> Result<Request<'_>, Failure> {
        Ok(match how {
            Part::ContentRange => {
                self.request("PUT", path)?.header("content-range", format!("bytes {offset}-{last}/*"))
            }
            Part::UpdateRange => {
                let request = self.request("PATCH", path)?.header("x-update-range", format!("bytes={offset}-{last}"));
                request.header("content-type", "application/x-sabredav-partialupdate")
            }
        })
    }

    /// Gives a file another name, which nothing must have. 1 request.
    pub async fn rename(&self, from: &str, to: &str, how: Destination) -> Result<(), Failure> {
        let to = match how {
            Destination::Url => self.url(to),
            Destination::Path => super::href::encoded(to),
        };
        let request = || self.request("MOVE", from).map(|it| it.header("destination", &to).header("overwrite", "F"));
        unlocked(request).await.map(drop)
    }

    /// Deletes what may only be a file. 1 request. Some servers delete folders all the same: [`Delete`].
    pub async fn remove(&self, path: &str) -> Result<u16, Failure> {
        unlocked(|| Ok(self.request("DELETE", path)?.header("depth", "0"))).await
    }

    /// A name in a folder that nobody has.
    pub fn own_name(&self, folder: &str) -> Result<String, Failure> {
        let mut dice = [0; 8];
        getrandom::fill(&mut dice).map_err(|error| Failure::Found(ErrorKind::Transient, error.to_string()))?;
        Ok(format!("{folder}/{TEMPORARY_PREFIX}probe-{:016x}", u64::from_be_bytes(dice)))
    }
}

async fn probe(link: &Link) -> Result<Offer, Failure> {
    let name = link.own_name(link.root())?;
    let (one, two, folder) = (format!("{name}-1"), format!("{name}-2"), format!("{name}-3"));
    let tried = tried(link, &one, &two, &folder).await;
    // What stays goes with the other temporary files.
    let _ = both(link.remove(&one), link.remove(&two)).await;
    tried
}

async fn tried(link: &Link, one: &str, two: &str, folder: &str) -> Result<Offer, Failure> {
    let put = |path| link.put(path, Bytes::from_static(BEFORE));
    let (first, second) = both(put(one), put(two)).await;
    if let Some(failure) = first.and(second).err() {
        link.still_root().await?;
        return Err(failure);
    }
    let (part, delete) = both(part(link, one), delete(link, folder)).await;
    let (overwrite, destination) = overwrite(link, one, two).await?;
    Ok(Offer { part: part?, delete: delete?, overwrite, destination })
}

async fn part(link: &Link, path: &str) -> Result<Option<Part>, Failure> {
    for how in [Part::ContentRange, Part::UpdateRange] {
        match link.put_part(path, WRITTEN_AT, Bytes::from_static(WRITTEN), how).await {
            Ok(()) if link.small(path).await? == AFTER => return Ok(Some(how)),
            Ok(()) => link.put(path, Bytes::from_static(BEFORE)).await?,
            Err(Failure::Refused { .. }) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(None)
}

async fn overwrite(link: &Link, one: &str, two: &str) -> Result<(Overwrite, Destination), Failure> {
    let mut last = None;
    for how in [Destination::Url, Destination::Path] {
        match link.rename(one, two, how).await {
            Ok(()) => return Ok((Overwrite::LookFirst, how)),
            Err(Failure::Refused { code: 412, .. }) => return Ok((Overwrite::Keeps, how)),
            Err(refused @ Failure::Refused { code: 400 | 502, .. }) => last = last.or(Some(refused)),
            Err(failure) => return Err(failure),
        }
    }
    Err(last.unwrap_or_else(|| Failure::permanent("the server does not rename")))
}

async fn delete(link: &Link, folder: &str) -> Result<Delete, Failure> {
    link.make_folder(folder).await?;
    match link.remove(folder).await {
        Ok(_) => Ok(Delete::LookFirst),
        Err(Failure::Refused { .. }) => {
            let _ = link.request("DELETE", &format!("{folder}/"))?.done().await;
            Ok(Delete::SparesFolders)
        }
        Err(failure) => Err(failure),
    }
}

/// What comes of both, at the same time.
pub(super) async fn both<A, B>(one: impl Future<Output = A>, two: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut two) = (std::pin::pin!(one), std::pin::pin!(two));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(move |context| {
        if first.is_none() {
            first = ready(one.as_mut().poll(context));
        }
        if second.is_none() {
            second = ready(two.as_mut().poll(context));
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => std::task::Poll::Ready((first, second)),
            unfinished => {
                (first, second) = unfinished;
                std::task::Poll::Pending
            }
        }
    })
    .await
}

fn ready<T>(poll: std::task::Poll<T>) -> Option<T> {
    if let std::task::Poll::Ready(came) = poll { Some(came) } else { None }
}

impl Link {
    /// The bytes of a file that is no longer than the probe's. 1 request.
    async fn small(&self, path: &str) -> Result<Vec<u8>, Failure> {
        super::reader::range(self, path, 0, AFTER.len().saturating_add(1)).await
    }
}

//! What the server can do, found out by trying it on small objects of our own, once for each opened place, while its
//! first object is begun.
//!
//! In: a place. Out: whether a file may come without its length, and how a part of one is written, if at all; whether MOVE
//! and DELETE spare what they should.
//! Why it is tried and not believed: a server that does not know `Content-Range` (rclone) answers 201 and cuts the file
//! to the part; many that run behind FastCGI make an empty file of what came without its length.
//! Requests: 14 to 16, in 3 round trips, and 1 to clear away: all of it lies under temporary names and is
//! deleted before the first object has its name.
//!
//! Deliberately absent: the names of servers, which say little about their settings and the proxies before them.

use bytes::Bytes;

use super::failure::Failure;
use super::link::{Link, Request, unlocked};
use crate::destination::runtime::both;
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
    /// A PUT whose length is not told beforehand (chunked) arrives whole.
    pub stream: bool,
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
    /// Writes a whole file. 1 request.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<(), Failure> {
        unlocked(|| Ok(self.request("PUT", path)?.bytes(bytes.clone()))).await.map(drop)
    }

    /// Does a file arrive whole whose length was not told? 2 requests.
    async fn takes_stream(&self, path: &str) -> bool {
        let Ok(request) = self.request("PUT", path) else { return false };
        request.chunked(Bytes::from_static(BEFORE)).done().await.is_ok()
            && matches!(self.small(path).await, Ok(bytes) if bytes == BEFORE)
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

/// Parts are tried on the first file, MOVE with the others.
pub(super) async fn tried(link: &Link, [one, two, three, four]: &[String; 4], folder: &str) -> Result<Offer, Failure> {
    let (stream, rest) = both(link.takes_stream(four), tried_by_length(link, [one, two, three], folder)).await;
    rest.map(|offer| Offer { stream, ..offer })
}

async fn tried_by_length(link: &Link, [one, two, three]: [&String; 3], folder: &str) -> Result<Offer, Failure> {
    let put = |path| link.put(path, Bytes::from_static(BEFORE));
    let (first, (second, third)) = both(put(one), both(put(two), put(three))).await;
    if let Some(failure) = first.and(second).and(third).err() {
        link.still_root().await?;
        return Err(failure);
    }
    let (part, (moved, delete)) = both(part(link, one), both(overwrite(link, three, two), delete(link, folder))).await;
    let (overwrite, destination) = moved?;
    Ok(Offer { stream: false, part: part?, delete: delete?, overwrite, destination })
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

impl Link {
    /// The bytes of a file that is no longer than the probe's. 1 request.
    async fn small(&self, path: &str) -> Result<Vec<u8>, Failure> {
        super::reader::range(self, path, 0, AFTER.len().saturating_add(1)).await
    }
}

//! Bytes of one object, from a fresh GET.
//!
//! In: a path on the server and a range. Out: its bytes in order, as the server holds them: nothing is unpacked.
//! Round trips: 1; the line and the system's buffers read ahead, as one answer carries all.
//! Invariants: bytes are never of another range than was asked for; an answer that ends before or behind the length
//! that was told is an error. Where an answer tells no length, or a packed one, the length is looked at: 1 request.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::failure::Failure;
use super::link::{Answer, Link};
use super::look::Found;
use crate::destination::runtime::runtime;
use crate::destination::{ErrorKind, ObjectRead, StoreError};

/// An object that is being read.
pub(super) struct Reader {
    address: String,
    body: Option<Body>,
    failed: bool,
}

/// An answer's bytes, counted.
struct Body {
    answer: Answer,
    have: Bytes,
    /// Bytes that must still come.
    missing: u64,
}

fn cut_off() -> Failure {
    Failure::Broken("the answer is not as long as the object".to_owned())
}

fn nothing() -> Failure {
    Failure::Found(ErrorKind::NotFound, "there is no such file".to_owned())
}

impl Reader {
    /// Opens the whole object.
    pub async fn open(link: Arc<Link>, address: String, path: &str) -> Result<Self, Failure> {
        let answer = get(&link, path, None).await?;
        let body = match answer.code() {
            200 => Body::whole(&link, path, answer).await?,
            206 => return Err(Failure::permanent("the server answers with a part where the whole was asked for")),
            _ => return Err(refused(&link, path, answer).await),
        };
        Ok(Self { address, body: Some(body), failed: false })
    }

    /// Opens what lies from `offset` to the object's end.
    pub async fn open_at(link: Arc<Link>, address: String, path: &str, offset: u64) -> Result<Self, Failure> {
        let answer = get(&link, path, Some((offset, None))).await?;
        let body = match answer.code() {
            206 => Some(Body::rest(&link, answer, offset)?),
            200 => {
                let mut body = Body::whole(&link, path, answer).await?;
                body.skip(offset).await?;
                Some(body)
            }
            416 => behind(&link, path, answer, offset).await.map(|()| None)?,
            _ => return Err(refused(&link, path, answer).await),
        };
        Ok(Self { address, body, failed: false })
    }

    async fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let Some(body) = &mut self.body else { return Ok(0) };
        if !body.has_more().await? {
            self.body = None;
            return Ok(0);
        }
        let bytes = body.have.len().min(buffer.len());
        body.have.copy_to_slice(&mut buffer[..bytes]);
        Ok(bytes)
    }
}

impl Body {
    fn new(answer: Answer, bytes: u64) -> Self {
        Self { answer, have: Bytes::new(), missing: bytes }
    }

    /// Of an answer to be taken whole.
    async fn whole(link: &Link, path: &str, answer: Answer) -> Result<Self, Failure> {
        let packed = answer.header("content-encoding").is_some_and(|how| how != "identity");
        let bytes = match answer.bytes().filter(|_| !packed) {
            Some(bytes) => bytes,
            None => match link.look(path).await? {
                Found::File(bytes) => bytes,
                Found::Folder | Found::Nothing => return Err(nothing()),
            },
        };
        Ok(Self::new(answer, bytes))
    }

    /// Of an answer that must reach from `first` to the object's end.
    fn rest(link: &Link, answer: Answer, first: u64) -> Result<Self, Failure> {
        let told = answer.header("content-range").and_then(content_range);
        let reaches = |told: &Told| told.first == first && told.total == told.last.checked_add(1);
        let Some(told) = told.filter(reaches) else {
            link.doubt();
            return Err(Failure::permanent("the server answers with another part than was asked for"));
        };
        Ok(Self::new(answer, told.last.saturating_sub(first).saturating_add(1)))
    }

    /// Is there at least one byte to take? At the end the lengths are compared.
    async fn has_more(&mut self) -> Result<bool, Failure> {
        while self.have.is_empty() {
            let Some(next) = self.answer.next().await? else {
                return if self.missing == 0 { Ok(false) } else { Err(cut_off()) };
            };
            self.missing =
                self.missing.checked_sub(u64::try_from(next.len()).unwrap_or(u64::MAX)).ok_or_else(cut_off)?;
            self.have = next;
        }
        Ok(true)
    }

    /// Passes over bytes; fewer where it ends.
    async fn skip(&mut self, mut bytes: u64) -> Result<(), Failure> {
        while bytes > 0 && self.has_more().await? {
            let now = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.have.len());
            self.have.advance(now);
            bytes = bytes.saturating_sub(u64::try_from(now).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    async fn append_to(&mut self, all: &mut Vec<u8>, wanted: usize) -> Result<(), Failure> {
        while all.len() < wanted && self.has_more().await? {
            let now = self.have.split_to(self.have.len().min(wanted.saturating_sub(all.len())));
            all.extend_from_slice(&now);
        }
        // An answer that is to end here must: the rest of it is nobody's.
        if self.missing == 0 && self.have.is_empty() && self.has_more().await? {
            return Err(cut_off());
        }
        Ok(())
    }
}

/// Of a range its first byte, and its last, if that is not the object's.
async fn get(link: &Link, path: &str, range: Option<(u64, Option<u64>)>) -> Result<Answer, Failure> {
    let request = link.request("GET", path)?.header("accept-encoding", "identity");
    match range {
        Some((first, None)) => request.header("range", format!("bytes={first}-")).answer().await,
        Some((first, Some(last))) => request.header("range", format!("bytes={first}-{last}")).answer().await,
        None => request.answer().await,
    }
}

/// A folder is no file, whatever the server answers to a GET of it.
async fn refused(link: &Link, path: &str, answer: Answer) -> Failure {
    let refused = answer.refused().await;
    let vague = matches!(refused.code(), Some(300..=399 | 405));
    if vague && matches!(link.look(path).await, Ok(Found::Folder)) { nothing() } else { refused }
}

/// The `wanted` bytes from `offset`; fewer where the object ends.
pub(super) async fn range(link: &Link, path: &str, offset: u64, wanted: usize) -> Result<Vec<u8>, Failure> {
    let mut all = Vec::new();
    while all.len() < wanted {
        let have = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let left = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_sub(have);
        let Some(first) = offset.checked_add(have) else { return Ok(all) };
        let last = first.saturating_add(left.saturating_sub(1));
        let answer = get(link, path, Some((first, Some(last)))).await?;
        match answer.code() {
            206 => match part(link, answer, (first, last), &mut all, wanted).await? {
                Part::More => {}
                Part::End => return Ok(all),
            },
            // It gives the whole all the same.
            200 => {
                let mut body = Body::whole(link, path, answer).await?;
                body.skip(first).await?;
                return body.append_to(&mut all, wanted).await.map(|()| all);
            }
            416 => return behind(link, path, answer, first).await.map(|()| all),
            _ => return Err(refused(link, path, answer).await),
        }
    }
    if wanted == 0 && !matches!(link.look(path).await?, Found::File(_)) {
        return Err(nothing());
    }
    Ok(all)
}

enum Part {
    End,
    More,
}

/// Takes a part, which may be shorter than was asked for.
async fn part(
    link: &Link,
    answer: Answer,
    (first, last): (u64, u64),
    all: &mut Vec<u8>,
    wanted: usize,
) -> Result<Part, Failure> {
    let told = answer.header("content-range").and_then(content_range);
    let fits = |told: &Told| told.first == first && told.last <= last;
    let Some(told) = told.filter(fits) else {
        link.doubt();
        return Err(Failure::permanent("the server answers with another part than was asked for"));
    };
    let bytes = told.last.saturating_sub(told.first).saturating_add(1);
    Body::new(answer, bytes).append_to(all, wanted).await?;
    let ends = told.last >= last || told.total.is_some_and(|total| told.last.saturating_add(1) >= total);
    Ok(if ends { Part::End } else { Part::More })
}

/// Nothing lies that far: is that so?
async fn behind(link: &Link, path: &str, answer: Answer, first: u64) -> Result<(), Failure> {
    let refused = answer.refused().await;
    match link.look(path).await? {
        Found::File(length) if length <= first => Ok(()),
        Found::File(_) => Err(refused),
        Found::Folder | Found::Nothing => Err(nothing()),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Told {
    first: u64,
    last: u64,
    total: Option<u64>,
}

/// `bytes 0-99/200`
fn content_range(text: &str) -> Option<Told> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = if total.trim() == "*" { None } else { Some(total.trim().parse().ok()?) };
    (first <= last && total.is_none_or(|total| last < total)).then_some(Told { first, last, total })
}

impl ObjectRead for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        if self.failed {
            return Err(StoreError::new(ErrorKind::Transient, "read", self.address.as_str(), "an earlier read failed"));
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        let filled = runtime()?.block_on(self.fill(buffer));
        self.failed = filled.is_err();
        filled.map_err(|failure| failure.at("read", &self.address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_that_was_told_is_read_or_refused() {
        let told = |first, last, total| Some(Told { first, last, total });
        assert_eq!(content_range("bytes 0-99/200"), told(0, 99, Some(200)));
        assert_eq!(content_range(" bytes 5-5/* "), told(5, 5, None));
        for bad in ["", "bytes */200", "bytes 9-8/20", "bytes 0-20/20", "items 0-1/2", "bytes a-b/c", "bytes -1/2"] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}

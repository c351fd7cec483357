//! Single requests about one object: is it there, its bytes, and putting a small one.
//!
//! Each function says its requests. Invariant: a put is only said to be done when the server's own checksum, or a look
//! at the length, says so; an answer that was lost is resolved by a look, or `Ambiguous`.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::Method;
use jiff::{SignedDuration, Timestamp};

use super::checksum::Digest;
use super::client::{Answer, Client, Request};
use super::failure::Failure;
use crate::config::ObjectLock;
use crate::destination::{ErrorKind, Finish};

pub(super) const CHECKSUM: &str = "x-amz-checksum-sha256";

/// Bytes of the object; none if it is not there, an error if its bucket is not. 1 request.
///
/// A GET of one byte, as the answer to a HEAD can't tell a missing object from a missing bucket.
pub(super) async fn look(client: &Client, key: &str) -> Result<Option<u64>, Failure> {
    match get(client, key, Some((0, Some(0)))).await {
        Ok(answer) => {
            let bytes = length(&answer)?;
            if is_range(&answer) {
                // Read to its end, the connection can be used again.
                answer.whole(1).await?;
            }
            Ok(Some(bytes))
        }
        Err(failure) if failure.is("InvalidRange") => Ok(Some(0)),
        Err(failure) if failure.kind() == ErrorKind::NotFound && !failure.is("NoSuchBucket") => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The object's bytes, or those from the first to the last of a range, which may be its end. 1 request.
pub(super) async fn get(client: &Client, key: &str, range: Option<(u64, Option<u64>)>) -> Result<Answer, Failure> {
    let last = |last: Option<u64>| last.map_or_else(String::new, |last| last.to_string());
    let range = range.map(|(first, end)| ("range", format!("bytes={first}-{}", last(end))));
    let headers = range.into_iter().collect();
    client.send(Request { method: Method::GET, key: Some(key), headers, ..Request::default() }).await
}

/// Is it a part of the object? Not every server says so by its status.
fn is_range(answer: &Answer) -> bool {
    answer.status() == 206 || answer.header("content-range").is_some()
}

/// Length of the whole object, as the answer to a GET tells it.
fn length(answer: &Answer) -> Result<u64, Failure> {
    let told = if is_range(answer) {
        answer.header("content-range").and_then(|range| range.rsplit_once('/')?.1.trim().parse().ok())
    } else {
        answer.content_length()
    };
    told.ok_or_else(|| Failure::Unfit("it tells no length".to_owned()))
}

/// Where the bytes of an answer begin in the object.
pub(super) fn begins_at(answer: &Answer) -> Result<u64, Failure> {
    if !is_range(answer) {
        return Ok(0);
    }
    let range = answer.header("content-range").and_then(|range| range.trim().strip_prefix("bytes "));
    let first = range.and_then(|range| range.split_once('-')?.0.trim().parse().ok());
    first.ok_or_else(|| Failure::Unfit("it does not tell which bytes it gives".to_owned()))
}

/// What HEAD tells of an object.
struct Seen {
    bytes: Option<u64>,
    checksum: Option<String>,
}

/// 1 request.
async fn head(client: &Client, key: &str) -> Result<Option<Seen>, Failure> {
    let headers = vec![("x-amz-checksum-mode", "ENABLED".to_owned())];
    match client.send(Request { method: Method::HEAD, key: Some(key), headers, ..Request::default() }).await {
        Ok(answer) => {
            let checksum = answer.header(CHECKSUM).map(ToOwned::to_owned);
            Ok(Some(Seen { bytes: answer.content_length(), checksum }))
        }
        Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// An object as it should be at the server.
pub(super) struct Expected<'e> {
    pub key: &'e str,
    pub bytes: u64,
    /// None where not all of its bytes passed through our hands.
    pub checksum: Option<&'e str>,
}

/// What became of an object that the server was told to make, and answered about, or did not. At most 1 request.
pub(super) async fn made(
    client: &Client,
    expected: &Expected<'_>,
    answered: Result<Option<String>, Failure>,
) -> Result<Finish, Failure> {
    let lost = match answered {
        Err(failure) if !failure.leaves_open() => return Err(failure),
        Err(failure) => Some(failure),
        Ok(_) => None,
    };
    let ambiguous = |why: String| Failure::Found(ErrorKind::Ambiguous, why);
    let seen = head(client, expected.key).await;
    let seen = seen.map_err(|failure| ambiguous(format!("it can't be seen whether it is there: {failure}")))?;
    let Some(seen) = seen else {
        let why = lost
            .map_or_else(|| "the server says that it is there, and shows nothing".to_owned(), |lost| lost.to_string());
        return Err(ambiguous(why));
    };
    if seen.bytes.is_some_and(|bytes| bytes != expected.bytes) {
        return Err(ambiguous(format!("{} bytes lie there, not {}", seen.bytes.unwrap_or(0), expected.bytes)));
    }
    match (same(expected, seen.checksum.as_deref())?, lost) {
        (Finish::Named, Some(lost)) => Err(ambiguous(lost.to_string())),
        (finish, _) => Ok(finish),
    }
}

/// Is the server's checksum ours?
fn same(expected: &Expected<'_>, theirs: Option<&str>) -> Result<Finish, Failure> {
    match (expected.checksum, theirs) {
        (Some(ours), Some(theirs)) if ours == theirs => Ok(Finish::Confirmed),
        (Some(_), Some(_)) => {
            let why = "the server's checksum of it is not that of what was sent: what lies there is damaged";
            Err(Failure::Found(ErrorKind::Ambiguous, why.to_owned()))
        }
        _ => Ok(Finish::Named),
    }
}

/// Puts a whole object where none is. 1 request; 1 more where the server tells no checksum or its answer was lost.
pub(super) async fn put(client: &Client, key: &str, body: Bytes) -> Result<Finish, Failure> {
    let (digest, bytes) = (Digest::of(&body), u64::try_from(body.len()).unwrap_or(u64::MAX));
    let checksum = digest.base64();
    let expected = Expected { key, bytes, checksum: Some(&checksum) };
    let mut answered = put_once(client, &expected, &body, digest).await;
    while let Err(failure) = &answered {
        if !client.offer.withdraws_header(failure) {
            break;
        }
        answered = put_once(client, &expected, &body, digest).await;
    }
    match answered {
        Ok(Some(theirs)) => same(&expected, Some(&theirs)),
        answered => made(client, &expected, answered).await,
    }
}

async fn put_once(
    client: &Client,
    expected: &Expected<'_>,
    body: &Bytes,
    digest: Digest,
) -> Result<Option<String>, Failure> {
    let mut headers = new_object(client, expected.key).await?;
    if client.offer.checksums.load(Ordering::Relaxed) {
        headers.push((CHECKSUM, digest.base64()));
    }
    let (method, body, digest) = (Method::PUT, body.clone(), Some(digest));
    let request = Request { method, key: Some(expected.key), headers, body, digest, ..Request::default() };
    let request = Request { headers: with_lock(client, request.headers), ..request };
    let answer = client.send(request).await?;
    let checksum = answer.header(CHECKSUM).map(ToOwned::to_owned);
    answer.whole(1 << 20).await?;
    Ok(checksum)
}

/// Headers that keep an object from being replaced; where the server has none, a look. At most 1 request.
pub(super) async fn new_object(client: &Client, key: &str) -> Result<Vec<(&'static str, String)>, Failure> {
    if client.offer.conditions.load(Ordering::Relaxed) {
        return Ok(vec![("if-none-match", "*".to_owned())]);
    }
    absent(client, key).await.map(|()| Vec::new())
}

/// No object has this name. 1 request.
pub(super) async fn absent(client: &Client, key: &str) -> Result<(), Failure> {
    look(client, key).await?.map_or(Ok(()), |_| Err(taken()))
}

pub(super) fn taken() -> Failure {
    Failure::Found(ErrorKind::Exists, "an object has this name already, and stays".to_owned())
}

/// The same headers, and the lock that the configuration asks for.
pub(super) fn with_lock(client: &Client, mut headers: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    if let ObjectLock::For(span) = client.object_lock {
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        let until = Timestamp::now().saturating_add(span).unwrap_or(Timestamp::MAX);
        headers.push(("x-amz-object-lock-mode", "COMPLIANCE".to_owned()));
        headers.push(("x-amz-object-lock-retain-until-date", format!("{until:.0}")));
    }
    headers
}

//! Requests about one upload in parts.
//!
//! In: a key, an upload's id, bytes. Out: what the server has of it. Each function says its requests.
//! Deliberately absent: which parts go when (`writer`).

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use super::checksum::Digest;
use super::client::{Client, Request};
use super::failure::Failure;
use super::list;
use super::object::{self, CHECKSUM, Expected};
use super::xml;
use crate::destination::runtime::both;
use crate::destination::{ErrorKind, Finish};

/// Waits before a part that failed for a passing reason is sent again.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// A server that wants to be left alone for longer is.
const LEFT_ALONE_MAX: Duration = Duration::from_secs(10);

/// A part that the server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub bytes: u64,
    pub etag: String,
    /// A server that was told to expect checksums wants those of all parts in the end.
    pub digest: Option<Digest>,
    pub by: By,
}

/// Who sent a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    This,
    /// An earlier writer: its bytes did not pass through our hands.
    Earlier,
}

/// Begins an upload, and ends those that earlier writers of the object left. 2 requests in 1 round trip, 1 more for each
/// of those.
pub(super) async fn begin(client: &Client, key: &str) -> Result<String, Failure> {
    let (left, begun) = both(list::uploads_of(client, key), begin_new(client, key)).await;
    let (left, begun) = match (left, begun) {
        (Ok(left), Ok(begun)) => (left, begun),
        (Err(failure), Ok(begun)) => {
            // Nobody would know of it.
            let _ = abort(client, key, &begun).await;
            return Err(failure);
        }
        (_, Err(failure)) => return Err(failure),
    };
    for earlier in left.iter().filter(|id| **id != begun) {
        abort(client, key, earlier).await?;
    }
    Ok(begun)
}

async fn begin_new(client: &Client, key: &str) -> Result<String, Failure> {
    let mut begun = begin_once(client, key).await;
    while let Err(failure) = &begun {
        if !client.offer.withdraws_header(failure) {
            break;
        }
        begun = begin_once(client, key).await;
    }
    begun
}

async fn begin_once(client: &Client, key: &str) -> Result<String, Failure> {
    let checksums = client.offer.checksums.load(Ordering::Relaxed);
    let headers = checksums.then(|| ("x-amz-checksum-algorithm", "SHA256".to_owned())).into_iter().collect();
    let headers = object::with_lock(client, headers);
    let query = vec![("uploads", String::new())];
    let request = Request { method: Method::POST, key: Some(key), query, headers, ..Request::default() };
    let begun: xml::Begun = xml::read(&client.send(request).await?.document().await?)?;
    if begun.upload_id.is_empty() {
        return Err(Failure::Unfit("the upload that it began has no id".to_owned()));
    }
    Ok(begun.upload_id)
}

/// Sends one part. 1 request; up to 2 more, after a wait, where it failed for a passing reason.
pub(super) async fn send(client: &Client, key: &str, id: &str, number: u32, bytes: &Bytes) -> Result<Part, Failure> {
    for wait in AGAIN_AFTER {
        match send_once(client, key, id, number, bytes).await {
            Err(failure) if failure.kind() == ErrorKind::Transient => match pause(&failure, wait) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(failure),
            },
            sent => return sent,
        }
    }
    send_once(client, key, id, number, bytes).await
}

/// How long to wait; none if it would be too long.
fn pause(failure: &Failure, wait: Duration) -> Option<Duration> {
    let asked = match failure {
        Failure::Refused(refusal) => refusal.retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    Some(wait.max(asked)).filter(|wait| *wait <= LEFT_ALONE_MAX)
}

async fn send_once(client: &Client, key: &str, id: &str, number: u32, body: &Bytes) -> Result<Part, Failure> {
    let digest = Digest::of(body);
    let checksums = client.offer.checksums.load(Ordering::Relaxed);
    let headers = checksums.then(|| (CHECKSUM, digest.base64())).into_iter().collect();
    let query = vec![("partNumber", number.to_string()), ("uploadId", id.to_owned())];
    let (method, body, digest) = (Method::PUT, body.clone(), Some(digest));
    let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let answer = client.send(Request { method, key: Some(key), query, headers, body, digest }).await?;
    if answer.header(CHECKSUM).is_some_and(|theirs| digest.is_some_and(|ours| ours.base64() != theirs)) {
        let why = "the server's checksum of a part is not that of what was sent";
        return Err(Failure::Found(ErrorKind::Transient, why.to_owned()));
    }
    let etag = answer.header("etag").filter(|etag| !etag.is_empty()).map(ToOwned::to_owned);
    let etag = etag.ok_or_else(|| Failure::Unfit("a part has no ETag".to_owned()))?;
    answer.whole(1 << 20).await?;
    Ok(Part { bytes, etag, digest, by: By::This })
}

/// The parts that the server has, by number; none if it knows of no such upload. 1 request for each 1,000.
pub(super) async fn parts(client: &Client, key: &str, id: &str) -> Result<Option<Vec<xml::Part>>, Failure> {
    let (mut all, mut behind) = (Vec::new(), 0);
    loop {
        let query = vec![("uploadId", id.to_owned()), ("part-number-marker", behind.to_string())];
        let request = Request { key: Some(key), query, ..Request::default() };
        let page = match client.send(request).await {
            Ok(answer) => xml::read::<xml::Parts>(&answer.document().await?)?,
            Err(failure) if failure.is("NoSuchUpload") || failure.is("NotFound") => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let last = page.next_part_number_marker.or_else(|| page.part.iter().map(|part| part.part_number).max());
        all.extend(page.part);
        if !page.is_truncated {
            all.sort_by_key(|part| part.part_number);
            return Ok(Some(all));
        }
        match last {
            Some(last) if last > behind => behind = last,
            _ => return Err(Failure::Unfit("its list of parts does not go on".to_owned())),
        }
    }
}

/// Makes the object of its parts, of which there is one at least. 3 requests: a look, since not every server keeps to
/// the condition, the completion, and a look at what it made.
pub(super) async fn complete(client: &Client, key: &str, id: &str, parts: &[Part]) -> Result<Finish, Failure> {
    object::absent(client, key).await?;
    let bytes = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.bytes));
    let ours = |part: &Part| part.digest.filter(|_| part.by == By::This);
    let digests: Option<Vec<Digest>> = parts.iter().map(ours).collect();
    let checksum = digests.map(|digests| Digest::composite(&digests));
    let expected = Expected { key, bytes, checksum: checksum.as_deref() };
    let mut answered = complete_once(client, key, id, parts).await;
    while let Err(failure) = &answered {
        if !client.offer.withdraws_header(failure) {
            break;
        }
        answered = complete_once(client, key, id, parts).await;
    }
    // An earlier completion whose answer was lost made the object, or someone ended the upload: only a look tells.
    if answered.as_ref().is_err_and(|failure| failure.is("NoSuchUpload")) {
        let why = "its upload is gone: it must be written again";
        answered = match object::look(client, key).await? {
            Some(_) => Err(Failure::Broken("its upload is gone".to_owned())),
            None => Err(Failure::Found(ErrorKind::Transient, why.to_owned())),
        };
    }
    object::made(client, &expected, answered).await
}

async fn complete_once(client: &Client, key: &str, id: &str, parts: &[Part]) -> Result<Option<String>, Failure> {
    let checksums = client.offer.checksums.load(Ordering::Relaxed);
    let told: Vec<Option<String>> =
        parts.iter().map(|part| part.digest.filter(|_| checksums).map(|digest| digest.base64())).collect();
    let rows = (1_u32..).zip(parts).zip(&told);
    let body = xml::completion(rows.map(|((number, part), sum)| (number, part.etag.as_str(), sum.as_deref())));
    let headers = object::new_object(client, key).await?;
    let query = vec![("uploadId", id.to_owned())];
    let method = Method::POST;
    let request = Request { method, key: Some(key), query, headers, body: body.into(), digest: None };
    let completed: xml::Completed = xml::read(&client.send(request).await?.document().await?)?;
    Ok(completed.checksum_sha256)
}

/// Ends an upload; its parts go. 1 request.
pub(super) async fn abort(client: &Client, key: &str, id: &str) -> Result<(), Failure> {
    let query = vec![("uploadId", id.to_owned())];
    match client.send(Request { method: Method::DELETE, key: Some(key), query, ..Request::default() }).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.is("NoSuchUpload") || failure.is("NotFound") => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Ends every upload of an object. 1 request, and 1 for each.
pub(super) async fn abort_all(client: &Client, key: &str) -> Result<(), Failure> {
    for id in list::uploads_of(client, key).await? {
        abort(client, key, &id).await?;
    }
    Ok(())
}

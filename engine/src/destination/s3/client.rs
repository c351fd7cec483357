//! One request after the other to a bucket: signed, bounded in time, its refusal read.
//!
//! In: a method, a key, a query, headers, bytes. Out: an answer that says success, or a failure.
//! Invariants: the bytes' SHA-256 is part of the signature, so that a server which checks signatures notices a change on
//! the way; after a key was refused no further request is sent; nothing is tried twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;

use super::address::Address;
use super::checksum::Digest;
use super::credentials::Signature;
use super::failure::{Failure, Head, Refusal};
use super::progress::{Progress, Sent};
use super::tls;
use crate::config::{ObjectLock, S3};
use crate::destination::ErrorKind;
use crate::destination::window::Window;
use crate::model::VaultPath;

/// Bytes of parts under way, of all writers together: memory of ours, dirty nowhere. One of the largest parts has it all.
const UNDER_WAY_MAX: usize = 64 << 20;
const UNDER_WAY: usize = 32 << 20;
const UNDER_WAY_MIN: usize = 16 << 20;
/// Longest document of a server, in bytes: a page of a list has a thousand names of a thousand bytes.
const DOCUMENT_MAX: usize = 8 << 20;

/// See the module.
pub(super) struct Client {
    pub address: Address,
    pub object_lock: ObjectLock,
    /// What was found out about the server; shared by all threads.
    pub offer: Offer,
    pub window: Arc<Window>,
    http: reqwest::Client,
    signature: Signature,
    refused: Mutex<Option<String>>,
    /// Did a connection break since the bucket was last seen?
    broke: AtomicBool,
}

/// What the server can do, until it says that it can't.
#[derive(Debug)]
pub(super) struct Offer {
    /// Takes and tells checksums of objects.
    pub checksums: AtomicBool,
    /// Refuses to replace an object if it is asked to.
    pub conditions: AtomicBool,
    /// Lists unfinished uploads.
    pub uploads: AtomicBool,
}

impl Offer {
    fn all() -> Self {
        Self { checksums: AtomicBool::new(true), conditions: AtomicBool::new(true), uploads: AtomicBool::new(true) }
    }

    /// Does the refusal mean that the server does not know one of a request's headers? Then it is not sent any more, and
    /// the request can be made again.
    pub fn withdraws_header(&self, failure: &Failure) -> bool {
        let Failure::Refused(refusal) = failure else { return false };
        let named = refusal.status == 400 && refusal.message.to_lowercase().contains("checksum");
        let of_checksum = named && refusal.kind() == ErrorKind::Permanent;
        if !of_checksum && !refusal.is_not_offered() {
            return false;
        }
        self.checksums.swap(false, Ordering::Relaxed) || self.conditions.swap(false, Ordering::Relaxed)
    }

    /// The same for the list of uploads.
    pub fn withdraws_uploads(&self, failure: &Failure) -> bool {
        let Failure::Refused(refusal) = failure else { return false };
        let gone = refusal.is_not_offered() || refusal.code == "AccessDenied";
        if gone {
            self.uploads.store(false, Ordering::Relaxed);
        }
        gone
    }
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Request<'r> {
    pub method: Method,
    /// None for the bucket itself.
    pub key: Option<&'r str>,
    pub query: Vec<(&'static str, String)>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    /// Of the body.
    pub digest: Option<Digest>,
}

/// An answer that says success, its body not yet read.
pub(super) struct Answer {
    response: reqwest::Response,
    progress: Arc<Progress>,
}

impl Client {
    /// Reads keys and authorities; sends nothing.
    pub fn new(place: &S3, warn: &dyn Fn(&str)) -> Result<Self, Failure> {
        let address = Address::of(place, |name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        let http = tls::client(place.ca_file.as_deref())?;
        let signature = Signature::of(place.credentials.as_ref(), &address.region, &http, warn)?;
        let offer = Offer::all();
        let (refused, broke) = (Mutex::default(), AtomicBool::new(false));
        let window = Window::new(UNDER_WAY, UNDER_WAY_MIN..=UNDER_WAY_MAX);
        Ok(Self { address, object_lock: place.object_lock, offer, window, http, signature, refused, broke })
    }

    /// Sends one request.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, Failure> {
        if let Some(why) = &*self.refused.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Failure::Found(ErrorKind::Denied, why.clone()));
        }
        let sent = self.sent(request).await;
        match &sent {
            Err(Failure::Broken(_)) => self.broke.store(true, Ordering::Relaxed),
            Err(refused @ Failure::Refused(refusal)) if is_about_key(refusal) => {
                let mut kept = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                *kept = Some(refused.to_string());
            }
            _ => {}
        }
        sent
    }

    async fn sent(&self, request: Request<'_>) -> Result<Answer, Failure> {
        let progress = Progress::new();
        let request = self.signed(request, &progress).await?;
        let response = progress.watch(self.http.execute(request)).await?;
        let answer = Answer { response, progress };
        if answer.response.status().is_success() { Ok(answer) } else { Err(answer.refusal().await) }
    }

    async fn signed(&self, request: Request<'_>, progress: &Arc<Progress>) -> Result<reqwest::Request, Failure> {
        let unfit = |error: String| Failure::Found(ErrorKind::Permanent, format!("the request can't be made: {error}"));
        let digest = request.digest.unwrap_or_else(|| Digest::of(&request.body));
        let mut head = http::Request::builder().method(request.method);
        head = head.uri(self.address.url(request.key, &request.query));
        for (name, value) in request.headers {
            head = head.header(name, value);
        }
        head = head.header("x-amz-content-sha256", digest.hex());
        let (mut head, ()) = head.body(()).map_err(|error| unfit(error.to_string()))?.into_parts();
        self.signature.sign(&mut head).await?;
        if head.method == Method::PUT || head.method == Method::POST {
            // Of an empty body none would be sent, and servers insist on it.
            head.headers.insert(http::header::CONTENT_LENGTH, request.body.len().into());
        }
        let body = reqwest::Body::wrap(Sent { rest: request.body, progress: Arc::clone(progress) });
        let request = reqwest::Request::try_from(http::Request::from_parts(head, body));
        request.map_err(|error| unfit(error.without_url().to_string()))
    }

    /// Has every connection since the bucket was seen ended well?
    pub fn stands(&self) -> bool {
        !self.broke.load(Ordering::Relaxed)
    }

    /// The bucket was seen.
    pub fn seen(&self) {
        self.broke.store(false, Ordering::Relaxed);
    }

    pub fn named(&self, path: &VaultPath) -> String {
        self.address.named(path)
    }
}

/// A key that the server does not accept stays so: asking again would only look like an attack.
fn is_about_key(refusal: &Refusal) -> bool {
    matches!(refusal.code.as_str(), "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "Unauthorized")
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The length that its head tells.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(|text| text.trim().parse().ok())
    }

    /// The next bytes of the body; none at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        self.progress.watch(self.response.chunk()).await
    }

    /// The whole body, of `most` bytes at most.
    pub async fn whole(mut self, most: usize) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            if all.len().saturating_add(piece.len()) > most {
                return Err(Failure::Unfit(format!("it is longer than {most} bytes")));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// The document. One that tells an error is a failure, whatever the status said.
    pub async fn document(self) -> Result<String, Failure> {
        let head = self.head();
        let text = String::from_utf8_lossy(&self.whole(DOCUMENT_MAX).await?).into_owned();
        if super::xml::is_error(&text) {
            return Err(Failure::Refused(Box::new(Refusal::read(&head, &text, Timestamp::now()))));
        }
        Ok(text)
    }

    fn head(&self) -> Head {
        let header = |name| self.header(name).map(ToOwned::to_owned);
        Head {
            status: self.status(),
            retry_after: header("retry-after"),
            date: header("date"),
            region: header("x-amz-bucket-region"),
            server: header("server"),
        }
    }

    async fn refusal(self) -> Failure {
        let head = self.head();
        let body = self.whole(DOCUMENT_MAX).await.unwrap_or_default();
        Failure::Refused(Box::new(Refusal::read(&head, &String::from_utf8_lossy(&body), Timestamp::now())))
    }
}

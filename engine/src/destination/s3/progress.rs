//! Bounds each wait: a request that moves no bytes for too long is given up.
//!
//! In: a future and what tells of its movement. Out: what it gives, or that it stood still.
//! Invariant: a slow line that moves is never given up.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use super::failure::{Failure, UNREACHED};

/// Without a byte for so long a request is given up.
const STILL_MAX: Duration = Duration::from_secs(30);
/// The same once all was given to the system, which may still have much of it to send.
const ANSWER_MAX: Duration = Duration::from_secs(45);
/// Bytes given to the connection at once: each piece is a sign of life.
const PIECE: usize = 64 << 10;

/// When a request moved last.
#[derive(Debug)]
pub(super) struct Progress {
    begun: Instant,
    /// Milliseconds from the beginning to where it counts as standing still.
    until: AtomicU64,
}

impl Progress {
    pub fn new() -> Arc<Self> {
        let progress = Self { begun: Instant::now(), until: AtomicU64::new(0) };
        progress.moved(STILL_MAX);
        Arc::new(progress)
    }

    fn moved(&self, patience: Duration) {
        let until = self.begun.elapsed().saturating_add(patience).as_millis();
        self.until.store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn deadline(&self) -> Instant {
        self.begun + Duration::from_millis(self.until.load(Ordering::Relaxed))
    }

    /// Waits for a step of the request, as long as it moves.
    pub async fn watch<T>(&self, step: impl Future<Output = Result<T, reqwest::Error>>) -> Result<T, Failure> {
        let mut step = pin!(step);
        // Whoever wants the bytes may have let us wait; that is not the server's fault.
        self.moved(STILL_MAX);
        loop {
            match timeout_at(self.deadline(), step.as_mut()).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error)) => return Err(broken(&error)),
                Err(_) if self.deadline() > Instant::now() => {}
                Err(_) => return Err(Failure::Broken(format!("nothing moved for {} s", STILL_MAX.as_secs()))),
            }
        }
    }
}

/// The whole chain in one line, without the URL, which is told elsewhere.
fn broken(error: &reqwest::Error) -> Failure {
    let mut text = String::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = if text.is_empty() { cause_text } else { format!("{text}: {cause_text}") };
        }
        next = cause.source();
    }
    let text = if text.is_empty() { "no reason was given".to_owned() } else { text };
    match () {
        () if text.contains("certificate") => untrusted(&text),
        () if error.is_connect() => Failure::Broken(format!("{UNREACHED}{text}")),
        () => Failure::Broken(text),
    }
}

fn untrusted(text: &str) -> Failure {
    let why = format!(
        "the server's certificate is not trusted: {text}; if it is yours, name the authority that signed it with `ca-file`"
    );
    Failure::Found(crate::destination::ErrorKind::Denied, why)
}

/// The bytes of a request, which tell that they are taken.
pub(super) struct Sent {
    pub rest: Bytes,
    pub progress: Arc<Progress>,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let bytes = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(bytes);
        self.progress.moved(if self.rest.is_empty() { ANSWER_MAX } else { STILL_MAX });
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}

//! What a request carries, handed on in small pieces so that it is seen whether the line takes them.
//!
//! Invariant: a body whose giver vanished before its end breaks the connection, so that no server takes it for whole.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::destination::window::Share;

/// Bytes handed on at once.
const PIECE_BYTES: usize = 64 << 10;

/// How far a request's body went.
#[derive(Debug, Default)]
pub(super) struct Progress {
    taken: AtomicU64,
    /// The line would take more than we have.
    hungry: AtomicBool,
}

impl Progress {
    /// Pieces taken so far; none while it is us who are waited for.
    pub fn seen(&self) -> Option<u64> {
        (!self.hungry.load(Ordering::Relaxed)).then(|| self.taken.load(Ordering::Relaxed))
    }

    fn took(&self) {
        self.hungry.store(false, Ordering::Relaxed);
        self.taken.fetch_add(1, Ordering::Relaxed);
    }
}

/// What comes through a channel: bytes with their share of the window, or none at the end.
pub(super) type Piece = Option<(Bytes, Share)>;

/// See the module.
pub(super) struct Outgoing {
    source: Source,
    progress: Arc<Progress>,
}

enum Source {
    Ready(Bytes),
    /// Its length is not told (chunked).
    Untold(Bytes),
    Coming(mpsc::Receiver<Piece>),
    Ended,
}

impl Outgoing {
    /// All of it is here: its length is told beforehand.
    pub fn ready(bytes: Bytes, progress: Arc<Progress>) -> Self {
        Self { source: Source::Ready(bytes), progress }
    }

    /// All of it is here, and its length is kept to ourselves.
    pub fn untold(bytes: Bytes, progress: Arc<Progress>) -> Self {
        Self { source: Source::Untold(bytes), progress }
    }

    /// It comes, its length is not known.
    pub fn coming(pieces: mpsc::Receiver<Piece>, progress: Arc<Progress>) -> Self {
        Self { source: Source::Coming(pieces), progress }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = match &mut self.source {
            Source::Ready(bytes) | Source::Untold(bytes) if bytes.is_empty() => None,
            Source::Ready(bytes) | Source::Untold(bytes) => Some(Ok(bytes.split_to(bytes.len().min(PIECE_BYTES)))),
            Source::Ended => None,
            Source::Coming(pieces) => match pieces.poll_recv(context) {
                Poll::Pending => {
                    self.progress.hungry.store(true, Ordering::Relaxed);
                    return Poll::Pending;
                }
                // Its share of the window is given back: it is the line's now.
                Poll::Ready(Some(Some((bytes, _share)))) => Some(Ok(bytes)),
                Poll::Ready(Some(None)) => None,
                Poll::Ready(None) => Some(Err(io::Error::other("the object was given up"))),
            },
        };
        if next.is_none() {
            self.source = Source::Ended;
        }
        self.progress.took();
        Poll::Ready(next.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.source, Source::Ended) || matches!(&self.source, Source::Ready(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Ready(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Source::Coming(_) | Source::Untold(_) => SizeHint::new(),
            Source::Ended => SizeHint::with_exact(0),
        }
    }
}

//! The bytes of one object, read ahead by a task of their own.
//!
//! In: an answer whose head says success. Out: its body in order.
//! Invariants: at most [`PIECES_AHEAD`] pieces (of the connection's buffer, 400 KiB at most) wait; an answer that ends
//! before the length it told is an error, not an end.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::client::Answer;
use super::failure::Failure;
use crate::destination::runtime::runtime;
use crate::destination::{ObjectRead, StoreError};

const PIECES_AHEAD: usize = 18;

/// See the module.
pub(super) struct Reader {
    address: String,
    pieces: mpsc::Receiver<Result<Bytes, Failure>>,
    task: Option<JoinHandle<()>>,
    have: Bytes,
}

impl Reader {
    /// Must be called on the runtime.
    pub fn of(answer: Answer, address: String) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let task = Some(tokio::spawn(read_ahead(answer, sender)));
        Self { address, pieces, task, have: Bytes::new() }
    }

    /// Where nothing lies behind the offset.
    pub fn of_nothing(address: String) -> Self {
        let (_, pieces) = mpsc::channel(1);
        Self { address, pieces, task: None, have: Bytes::new() }
    }
}

async fn read_ahead(mut answer: Answer, sender: mpsc::Sender<Result<Bytes, Failure>>) {
    let told = answer.content_length();
    let mut got = 0_u64;
    loop {
        let piece = match answer.next().await {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) if told.is_some_and(|told| told != got) => {
                Err(Failure::Broken(format!("it ended after {got} of {} bytes", told.unwrap_or(0))))
            }
            Ok(None) => return,
            Err(failure) => Err(failure),
        };
        got = got.saturating_add(piece.as_ref().map_or(0, |piece| u64::try_from(piece.len()).unwrap_or(0)));
        let failed = piece.is_err();
        if sender.send(piece).await.is_err() || failed {
            return;
        }
    }
}

impl ObjectRead for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        while self.have.is_empty() {
            match runtime()?.block_on(self.pieces.recv()) {
                Some(Ok(piece)) => self.have = piece,
                Some(Err(failure)) => return Err(failure.of_open_place().at("read back", &self.address)),
                None => return Ok(0),
            }
        }
        let bytes = self.have.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&self.have.split_to(bytes));
        Ok(bytes)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.iter().for_each(JoinHandle::abort);
    }
}

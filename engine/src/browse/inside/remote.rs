//! An image's bytes for a reader that wants to own what it reads from: asked for over a channel, answered by a thread
//! that may borrow the point's chunks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};

use ext4_view::Ext4Read;

use super::InsideError;
use super::window::Bytes;
use crate::model::EntryPath;
use crate::vault::VaultError;

/// Asked for at once: a reader takes a block after the other.
const WINDOW: usize = 64 << 10;

/// As the reader wants its errors.
type BoxedError = Box<dyn std::error::Error + Send + Sync>;

type Answer = Result<Vec<u8>, &'static str>;

/// Reads a part of an image.
pub(super) struct Remote {
    ask: Sender<(u64, usize)>,
    answers: Receiver<Answer>,
    bytes: u64,
    window_at: u64,
    window: Vec<u8>,
}

impl Ext4Read for Remote {
    fn read(&mut self, start: u64, into: &mut [u8]) -> Result<(), BoxedError> {
        let end = start.checked_add(into.len() as u64).filter(|end| *end <= self.bytes);
        end.ok_or("it lies beyond the file system's place")?;
        let inside = |window: &[u8], window_at: u64| {
            let from = usize::try_from(start.checked_sub(window_at)?).ok()?;
            window.get(from..from.checked_add(into.len())?).map(<[u8]>::to_vec)
        };
        let known = inside(&self.window, self.window_at);
        let found = match known {
            Some(found) => found,
            None => {
                let most = usize::try_from(self.bytes - start).unwrap_or(usize::MAX);
                self.ask.send((start, into.len().max(WINDOW).min(most)))?;
                self.window = self.answers.recv()??;
                self.window_at = start;
                inside(&self.window, start).ok_or("too little was read")?
            }
        };
        into.copy_from_slice(&found);
        Ok(())
    }
}

/// Lets `work` read a part of the image; also gives what the vault could not give. Where `work` failed, that is told
/// rather than what came of it.
pub(super) fn with<T>(
    mut bytes: Bytes<'_>,
    offset: u64,
    size: u64,
    image: &EntryPath,
    work: impl FnOnce(Remote) -> Result<T, InsideError>,
) -> Result<(T, Option<VaultError>), InsideError> {
    let ((ask, asked), (answer, answers)) = (channel::<(u64, usize)>(), channel());
    std::thread::scope(|scope| {
        let serving = scope.spawn(move || {
            let mut failure: Option<VaultError> = None;
            for (at, wanted) in asked {
                let mut block = vec![0; wanted];
                let filled = offset.checked_add(at).map(|at| bytes.fill(at, &mut block));
                let given =
                    if matches!(filled, Some(Ok(()))) { Ok(block) } else { Err("the image can't be read there") };
                if given.is_err() {
                    failure.get_or_insert_with(|| bytes.take_failure());
                }
                if answer.send(given).is_err() {
                    break;
                }
            }
            failure
        });
        let remote = Remote { ask, answers, bytes: size, window_at: 0, window: Vec::new() };
        // The reader of the file system may meet what it thought impossible: that is the file system's fault.
        let done = catch_unwind(AssertUnwindSafe(|| work(remote))).unwrap_or_else(|_| {
            Err(InsideError::Damaged { image: image.clone(), why: "it contradicts itself".to_owned() })
        });
        match (serving.join(), done) {
            (Ok(Some(source)), Err(_)) => Err(InsideError::Read { image: image.clone(), source }),
            (Ok(unread), Ok(done)) => Ok((done, unread)),
            (_, Err(error)) => Err(error),
            (Err(_), Ok(_)) => {
                Err(InsideError::Damaged { image: image.clone(), why: "it can't be read on".to_owned() })
            }
        }
    })
}

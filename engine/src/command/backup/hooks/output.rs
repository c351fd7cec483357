//! What a command prints: its end, whatever the amount.
//!
//! Invariants: no more than twice [`KEPT_MAX`] is held, and no more than that kept. Who holds the pipe after the command
//! itself has ended, a program that it left behind, holds nobody up: what it prints is read and dropped.

use std::fs::{self, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::platform;

/// So much of its end is kept.
pub(super) const KEPT_MAX: usize = 1 << 20;
/// So long after the command's end the end of its output is waited for.
const WAITED_FOR: Duration = Duration::from_secs(2);

/// What was printed so far; none once nobody asks for it any more.
type Shared = Arc<Mutex<Option<Vec<u8>>>>;

/// The output of a command that runs.
pub(super) struct Output {
    printed: Shared,
    /// Closed at the output's end.
    open: Receiver<()>,
}

impl Output {
    /// Listens, in a thread that ends with the last holder of the pipe.
    pub(super) fn begin() -> io::Result<(Self, PipeWriter)> {
        let (from, pipe) = io::pipe()?;
        let (printed, (held, open)) = (Shared::new(Mutex::new(Some(Vec::new()))), channel());
        let listening = Arc::clone(&printed);
        std::thread::Builder::new().name("hook-output".to_owned()).spawn(move || {
            listen(from, &listening);
            drop::<std::sync::mpsc::Sender<()>>(held);
        })?;
        Ok((Self { printed, open }, pipe))
    }

    /// What the command printed, or its last [`KEPT_MAX`] bytes. Called when it has ended.
    pub(super) fn end(self) -> Vec<u8> {
        let _ = self.open.recv_timeout(WAITED_FOR);
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        shorten(&mut printed);
        printed
    }
}

fn listen(mut from: PipeReader, printed: &Shared) {
    let mut block = vec![0; 64 << 10];
    loop {
        match from.read(&mut block) {
            Ok(0) => return,
            Ok(bytes) => {
                if let Some(printed) = &mut *printed.lock().unwrap_or_else(PoisonError::into_inner) {
                    printed.extend_from_slice(&block[..bytes]);
                    if printed.len() >= 2 * KEPT_MAX {
                        shorten(printed);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn shorten(printed: &mut Vec<u8>) {
    printed.drain(..printed.len().saturating_sub(KEPT_MAX));
}

/// Keeps it at that path, private, in place of what was kept there before.
pub(super) fn keep(printed: &[u8], at: &Path) -> io::Result<()> {
    platform::make_private_folders(at.parent().unwrap_or(Path::new(".")))?;
    let new = at.with_extension("log.new");
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // One that a crash left may be anybody's to read.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = options.create_new(true).write(true).open(&new).and_then(|mut file| file.write_all(printed));
    let kept = written.and_then(|()| fs::rename(&new, at));
    if kept.is_err() {
        let _ = fs::remove_file(&new);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_much_output_the_end_is_kept_and_of_little_all() {
        let (output, mut pipe) = Output::begin().expect("a pipe");
        (0..5_000_u32).for_each(|_| pipe.write_all(&[b'x'; 1_000]).expect("read"));
        pipe.write_all(b"the end").expect("read");
        drop(pipe);
        let printed = output.end();
        assert_eq!(printed.len(), KEPT_MAX);
        assert!(printed.ends_with(b"xthe end"));
        let (output, mut pipe) = Output::begin().expect("a pipe");
        pipe.write_all(b"all of it").expect("read");
        drop(pipe);
        assert_eq!(output.end(), b"all of it");
    }

    #[test]
    fn who_holds_the_pipe_holds_nobody_up() {
        let (output, mut pipe) = Output::begin().expect("a pipe");
        pipe.write_all(b"before").expect("read");
        assert_eq!(output.end(), b"before", "the pipe is still open");
        (0..1_000).for_each(|_| pipe.write_all(&[b'x'; 1_000]).expect("read and dropped"));
    }
}

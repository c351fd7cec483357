//! One after the other: drills of this installation that restore to one file system, so that the room that was looked
//! for is still there when it is needed.
//!
//! The lock lies in `state/locks`, its file holds the process id of its holder, and it goes with that process. Nothing
//! else is waited for: a drill only reads where the engine is at work.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use engine::command::{Failure, Wait};

use super::{Asked, Ports};
use crate::private;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Held as long as drills are made.
#[derive(Debug)]
pub(super) struct Turn {
    _lock: Option<File>,
}

/// Waits for the turn of this file system, which its device number names. Where it was told to stop meanwhile, the turn
/// is had too: nothing is restored then.
///
/// # Errors
/// Exit 1 with `--no-wait`, or if the lock can't be used.
pub(super) fn take(state: &Path, device: u64, asked: &Asked, ports: &Ports<'_>) -> Result<Turn, Failure> {
    let path = state.join("locks").join(format!("drills-on-{device:x}"));
    let mut file = open(&path).map_err(|error| unusable(&path, &error))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(unusable(&path, &error)),
            Err(TryLockError::WouldBlock) => {}
        }
        let by = holder(&path).map_or_else(String::new, |process| format!(" (process {process})"));
        let held = format!("another drill{by} restores to the same file system");
        if asked.wait == Wait::No {
            let advice = "wait until it has finished, leave out --no-wait, or give --scratch on another disk";
            return Err(Failure::new("the drill can't begin", held, advice));
        }
        if (ports.stop)() {
            return Ok(Turn { _lock: None });
        }
        if !std::mem::replace(&mut told, true) {
            ports.voice.warn(&format!("waiting: {held}"));
        }
        ports.clock.sleep(LOOK_EVERY);
    }
    sign(&mut file).map_err(|error| unusable(&path, &error))?;
    Ok(Turn { _lock: Some(file) })
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        private::folder(folder)?;
    }
    private::options().create(true).truncate(false).open(path)
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(path: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(path).ok()?.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    let why = format!("the lock {} can't be used: {error}", path.display());
    Failure::new("the drill can't begin", why, "make the state folder writable for whoever drills")
}

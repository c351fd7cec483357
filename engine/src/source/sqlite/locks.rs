//! SQLite's locks on a database that is in use: those that a reader takes, and no others.
//!
//! Invariant: who holds [`Held`] reads what no client changes. Clients with a write-ahead log go on writing it, and only
//! don't move it into the database meanwhile; clients without one finish their transactions afterwards.
//! The places of the locks are those of SQLite's own sources (`os.h`, `wal.c`), as its documentation of the file format
//! names them.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::wal;
use crate::platform::{self, Folder, Links, Stat};

const PENDING: i64 = 0x4000_0000;
const RESERVED: i64 = PENDING + 1;
const SHARED: (i64, i64) = (PENDING + 2, 510);
/// Of the log's index: who holds this moves the log into the database.
const CHECKPOINT: i64 = 121;
/// Of the log's index: its two headers, and how far the log was moved.
const INDEX: usize = 100;
/// What a rollback journal begins with.
const JOURNAL: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// A client finishes or lets go within so many tries.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// A database that stands still as long as this lives.
pub(super) struct Held {
    /// The database.
    pub database: File,
    /// Its log, and where its pages lie in it, if some of them are newer there.
    pub log: Option<(File, wal::Logged)>,
    /// Keeps the log from being moved.
    _index: Option<File>,
}

impl Held {
    /// Lets the clients go on; the descriptor may have another name elsewhere, so dropping it is not enough.
    pub fn release(self) -> io::Result<()> {
        platform::unlock_range(&self.database, SHARED.0, SHARED.1)
    }
}

/// The database's companions.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Waits for its moment, and holds it. `stop` is asked while it waits.
pub(super) fn hold(path: &Path, database: File, stop: &dyn Fn() -> bool) -> io::Result<Held> {
    patiently(stop, || share(&database))?;
    if is_broken_off(path, &database)? {
        let why = "its last transaction broke off: its program has to open it once, to roll that back";
        return Err(io::Error::other(why));
    }
    let Some(log) = there(&beside(path, "-wal"))?.filter(|log| log.metadata().is_ok_and(|log| log.len() > 0)) else {
        return Ok(Held { database, log: None, _index: None });
    };
    let index = there(&beside(path, "-shm"))?;
    if let Some(index) = &index {
        patiently(stop, || platform::lock_shared(index, CHECKPOINT, 1))?;
    }
    // Where all of it is in the database already, the next writer begins it anew, over what would be read.
    let is_moved = index.as_ref().map(is_moved).transpose()?.unwrap_or(false);
    let logged = if is_moved { None } else { wal::read(io::BufReader::new(&log))? };
    Ok(Held { database, log: logged.map(|logged| (log, logged)), _index: index })
}

/// As every reader does: not while a writer waits for the readers to go.
fn share(database: &File) -> io::Result<()> {
    platform::lock_shared(database, PENDING, 1)?;
    let shared = platform::lock_shared(database, SHARED.0, SHARED.1);
    platform::unlock_range(database, PENDING, 1)?;
    shared
}

fn patiently(stop: &dyn Fn() -> bool, mut take: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    for _ in 0..TRIES {
        match take() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !stop() => std::thread::sleep(PAUSE),
            taken => return taken,
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another program holds it locked"))
}

/// Opens it without a new access time, where that is permitted.
pub(super) fn open(path: &Path) -> io::Result<(File, Stat)> {
    let (folder, name) = path.parent().zip(path.file_name()).ok_or(io::ErrorKind::InvalidInput)?;
    let name = CString::new(name.as_encoded_bytes())?;
    Folder::open(folder)?.open_file(&name, Links::Followed)
}

fn there(path: &Path) -> io::Result<Option<File>> {
    match open(path) {
        Ok((file, _)) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A journal that nobody works with holds what has to be put back first.
fn is_broken_off(path: &Path, database: &File) -> io::Result<bool> {
    let Some(mut journal) = there(&beside(path, "-journal"))? else { return Ok(false) };
    let mut begin = [0; JOURNAL.len()];
    let is_one = journal.read_exact(&mut begin).is_ok() && begin == JOURNAL;
    Ok(is_one && !platform::is_locked_for_writing(database, RESERVED, 1)?)
}

/// Is all of the log in the database? Numbers of the index are in the computer's own order; what can't be understood is
/// no reason to leave the log out.
fn is_moved(index: &File) -> io::Result<bool> {
    let mut bytes = Vec::new();
    platform::read_at(index, 0, INDEX, &mut bytes)?;
    let number = |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_ne_bytes);
    Ok(matches!((number(16), number(96)), (Some(frames), Some(moved)) if frames == moved))
}

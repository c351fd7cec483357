//! What a place can do, found out when it is enrolled (DESIGN 5.7), and what is made of the answers.
//!
//! In: a place that was opened. Out: answers, which the catalog keeps with the medium; or that it can't hold a backup.
//! One object of 4 KiB under a temporary name of its own, in at most nine requests to a server: create, write, finish,
//! create again, read back (open, read), delete, look, measure. What can't be deleted again stays under that name, once
//! for each enrolment: no list of objects shows it, `verify` asks for none of it.
//!
//! | answer | who acts on it |
//! | --- | --- |
//! | what was written does not read back | enrolment ends here, nothing is recorded |
//! | a name longer than the longest of ours, and its temporary form, can be written | enrolment ends where not |
//! | a taken name is replaced | a warning; stores look before they write (S-3), one writer for each vault |
//! | nothing can be deleted | `copy::refused`: sessions know it from the start, so plans evict and remove nothing; a warning |
//! | free space is not told | the planner goes by `limit` alone; a warning if `reserve` is configured |
//! | names are durable later than bytes | `destination::file` does not ask for it; a warning |
//! | a free name is taken by a look and a rename | nobody: one writer for each vault; the store finds out each time |
//! | locks | nobody: the engine's locks lie in `state`; told for who puts `state` on such a place |
//! | case is ignored | nobody: our names are lower-case hex digits |
//! | the largest file | nobody: a pack has 64 MiB, a manifest less than 256 MiB; FAT ends below 4 GiB |
//! | its clock | a warning from two minutes on: times there can't be compared with those here |
//!
//! The last five are asked of folders of this computer only; a server's store tells no time. Deliberately absent: which
//! disk it is on (`sight`), and anything that is asked again later.

use std::time::{Duration, UNIX_EPOCH};

use super::error::InstallationError;
use super::place::place_text;
use crate::catalog::{DELETES, DELETIONS, LARGEST_FILE, Mark};
use crate::config::{Destination, ObjectLock, Place};
use crate::destination::{
    Case, ErrorKind, FileStore, Locks, MIRROR_FOLDER, Manners, NamesKept, Privacy, ReadStore, Renaming, StoreError,
    WriteStore,
};
use crate::model::{Time, VaultPath, chain};
use crate::port::{Clock, Entropy};

/// What is written.
const BYTES: usize = 4096;
/// Digits in its name: with them it is longer than the longest of ours, a pack's.
const DIGITS: usize = 64;
/// A clock that differs by less may be the answer's own delay, or a file system's two seconds.
const CLOCK_TOLERATED: Duration = Duration::from_secs(120);

/// What a place came to when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It answered.
    Answers(Answers),
    /// Nothing can be written there now: why.
    Unwritable(String),
}

/// What a place can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Why nothing can be deleted; none if it can.
    pub only_adds: Option<String>,
    /// Is a taken name refused?
    pub taken: Taken,
    /// Does it tell its free space?
    pub tells_space: bool,
    /// Of a folder of this computer.
    pub folder: Option<Folder>,
}

/// Whether a taken name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is.
    Refused,
    /// What has it is replaced.
    Replaced,
}

/// What is asked of a folder of this computer only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// How it behaves.
    pub manners: Manners,
    /// Bytes of the largest file; none if there is no limit that matters, or none is known.
    pub largest_file: Option<u64>,
    /// Seconds that its clock is ahead of this computer's, below zero behind; none if it tells no time.
    pub clock_ahead: Option<i64>,
}

/// Asks.
///
/// # Errors
/// [`InstallationError::Unfit`], or as the place answers.
pub(super) fn probe(
    place: &Place,
    store: &dyn WriteStore,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Asked, InstallationError> {
    let (path, content) = spare(entropy)?;
    match put(store, &path, &content) {
        Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Full) => {
            return Ok(Asked::Unwritable(chain(&error)));
        }
        written => written?,
    }
    let now = clock.now();
    let taken = is_taken(store, &path)?;
    if !reads_back(store, &path, &content)? {
        // It is of no use there, and of no harm if it has to stay.
        let _ = store.delete(&path);
        return Err(InstallationError::Unfit { place: place_text(place) });
    }
    let folder = match place {
        Place::File(at) if store.mirror().is_some() => asked_of_folder(&at.join(MIRROR_FOLDER), &path, now),
        Place::File(at) => asked_of_folder(at, &path, now),
        _ => None,
    };
    // What a lock keeps for a while can be deleted after it: each session finds out for itself.
    let only_adds = kept(store, &path)?.filter(|_| !locks(place));
    let tells_space = store.space()?.is_some();
    Ok(Asked::Answers(Answers { only_adds, taken, tells_space, folder }))
}

/// A name that nothing has, and bytes that stand nowhere else.
fn spare(entropy: &dyn Entropy) -> Result<(VaultPath, Vec<u8>), InstallationError> {
    let mut content = vec![0; BYTES];
    entropy.fill(&mut content).map_err(|error| InstallationError::Slot(crate::seal::SlotError::Entropy(error)))?;
    let digits: String = content[..DIGITS / 2].iter().map(|byte| format!("{byte:02x}")).collect();
    let path = VaultPath::parse(&format!(".tmp-probe-{digits}")).expect("a name of our own");
    Ok((path, content))
}

fn put(store: &dyn WriteStore, path: &VaultPath, content: &[u8]) -> Result<(), StoreError> {
    let mut writer = store.create(path)?;
    writer.write(content)?;
    writer.finish().map(drop)
}

fn is_taken(store: &dyn WriteStore, path: &VaultPath) -> Result<Taken, StoreError> {
    match store.create(path) {
        Ok(_) => Ok(Taken::Replaced),
        Err(error) if error.kind == ErrorKind::Exists => Ok(Taken::Refused),
        Err(error) => Err(error),
    }
}

/// From the medium. One byte more than there should be is enough to know.
fn reads_back(store: &dyn ReadStore, path: &VaultPath, content: &[u8]) -> Result<bool, StoreError> {
    let mut reader = store.read_medium(path)?;
    let (mut back, mut buffer) = (Vec::new(), vec![0; content.len() + 1]);
    while back.len() <= content.len() {
        match reader.read(&mut buffer)? {
            0 => break,
            bytes => back.extend_from_slice(&buffer[..bytes]),
        }
    }
    Ok(back == content)
}

/// Why it can't be deleted; none if it is gone.
fn kept(store: &dyn WriteStore, path: &VaultPath) -> Result<Option<String>, StoreError> {
    match store.delete(path) {
        Err(error) if error.kind == ErrorKind::Denied => return Ok(Some(chain(&error))),
        done => done?,
    }
    Ok(store.stat(path)?.map(|_| "what was deleted is still there".to_owned()))
}

/// Does the configuration ask for a lock on each object?
fn locks(place: &Place) -> bool {
    matches!(place, Place::S3(s3) if s3.object_lock != ObjectLock::Off)
}

/// What fails here is not known, and no reason to fail.
fn asked_of_folder(at: &std::path::Path, path: &VaultPath, now: Time) -> Option<Folder> {
    let manners = FileStore::open(at, Privacy::Umask).and_then(|store| store.manners(path)).ok()?;
    let kind = crate::platform::file_system(at).ok().and_then(|found| found.kind);
    let written = manners.written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let clock_ahead = written.and_then(|since| i64::try_from(since.as_secs()).ok()).map(|there| there - now.seconds);
    Some(Folder { manners, largest_file: kind.as_deref().and_then(largest_file), clock_ahead })
}

/// Bytes of the largest file of file systems that end where one of ours could be.
fn largest_file(kind: &str) -> Option<u64> {
    match kind {
        "vfat" | "msdos" => Some((4 << 30) - 1),
        // Its library counts in 32 bits with a sign.
        "fuse.fusefat" => Some((2 << 30) - 1),
        _ => None,
    }
}

impl Asked {
    /// As the catalog keeps it; nothing of a place that did not answer.
    #[must_use]
    pub fn marks(&self) -> Vec<Mark> {
        let Self::Answers(answers) = self else { return Vec::new() };
        let folder = answers.folder.iter().flat_map(Folder::marks);
        answers
            .own_marks()
            .into_iter()
            .chain(folder)
            .map(|(name, value)| Mark { name: name.to_owned(), value })
            .collect()
    }

    /// What a person should know of a destination's place.
    #[must_use]
    pub fn warnings(&self, destination: &Destination) -> Vec<String> {
        let name = &destination.name;
        match self {
            Self::Unwritable(why) => {
                vec![format!("{name} can't be written to now, so it was not asked what it can do: {why}")]
            }
            Self::Answers(answers) => answers.warnings(destination),
        }
    }
}

impl Answers {
    fn own_marks(&self) -> [(&'static str, String); 3] {
        let taken = if self.taken == Taken::Refused { "refused" } else { "replaced" };
        let space = if self.tells_space { "told" } else { "not told" };
        let deletions = self.only_adds.clone().unwrap_or_else(|| DELETES.to_owned());
        [(DELETIONS, deletions), ("taken-names", taken.to_owned()), ("free-space", space.to_owned())]
    }

    fn warnings(&self, destination: &Destination) -> Vec<String> {
        let name = &destination.name;
        let adds = self.only_adds.as_ref().map(|why| {
            format!(
                "{name} only lets us add, so nothing goes there to make room ({why}); `engine enrol {name}` asks again"
            )
        });
        let replaced = (self.taken == Taken::Replaced)
            .then(|| format!("{name} replaces what has a name: never let two computers write there"));
        let space = (!self.tells_space && destination.reserve.is_some()).then(|| {
            let bound = if destination.limit.is_some() { "`limit` is what bounds it" } else { "give it a `limit`" };
            format!("{name} does not tell its free space, so `reserve` can't be kept there: {bound}")
        });
        let folder = self.folder.iter().flat_map(|folder| folder.warnings(name.as_str()));
        [adds, replaced, space].into_iter().flatten().chain(folder).collect()
    }
}

impl Folder {
    fn marks(&self) -> Vec<(&'static str, String)> {
        let names = if self.manners.names == NamesKept::WhenFlushed { "when flushed" } else { "later" };
        let renaming = match self.manners.renaming {
            Renaming::Exclusive => "exclusive",
            Renaming::ByLink => "by link",
            Renaming::AfterLook => "after a look",
        };
        let locks = if self.manners.locks == Locks::Offered { "offered" } else { "not offered" };
        let case = if self.manners.case == Case::Counts { "counts" } else { "ignored" };
        let told = [("names-durable", names), ("renaming", renaming), ("locks", locks), ("case", case)];
        let largest = self.largest_file.map(|bytes| (LARGEST_FILE, bytes.to_string()));
        let clock = self.clock_ahead.map(|seconds| ("clock-ahead-seconds", seconds.to_string()));
        told.map(|(name, value)| (name, value.to_owned())).into_iter().chain(largest).chain(clock).collect()
    }

    fn warnings(&self, name: &str) -> Vec<String> {
        let later = (self.manners.names == NamesKept::Later).then(|| {
            format!(
                "{name} can't be asked to make names durable: if its server stops just after a copy, the last files of it may \
                 be gone; `engine verify {name}` finds that"
            )
        });
        let clock =
            self.clock_ahead.filter(|seconds| seconds.unsigned_abs() >= CLOCK_TOLERATED.as_secs()).map(|seconds| {
                let way = if seconds > 0 { "ahead of" } else { "behind" };
                format!(
                    "the clock of {name} is {} minutes {way} this computer's: set the wrong one",
                    seconds.unsigned_abs() / 60
                )
            });
        later.into_iter().chain(clock).collect()
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;

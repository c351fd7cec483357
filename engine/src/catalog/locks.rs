//! Advisory locks on work: one for each job, each medium and home, so that two processes don't do the same; and one for
//! each capture or restore under way, by which the catalog knows whether its process still lives.
//!
//! In: a folder and a name. Out: a lock that the system frees when its process ends, however it ends. A lock's file
//! holds the process id of its holder, for the message to whoever waits. Deliberately absent: the lock on the catalog's
//! own file (`disk.rs`).

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};

use super::disk::open_lock_file;
use crate::model::{JobName, VaultId};

const PAUSE: Duration = Duration::from_millis(50);
const CAPTURE: &str = "capture-";
const RESTORE: &str = "restore-";

/// What is locked. Its text is the lock's file name, and what a reservation remembers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockName {
    /// One job: captures of it are made one after the other.
    Job(JobName),
    /// One medium: one session there at a time.
    Medium(VaultId),
    /// Removal at home.
    Home,
    /// The family's key slots: one change after the other.
    Keys,
    /// The seed to one medium: one export at a time.
    Seed(VaultId),
    /// The service: one for each installation.
    Service,
    /// One capture's process, by a random number of its own.
    Capture(u64),
    /// One restore's or drill's process, by a random number of its own.
    Restore(u64),
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(name) => write!(f, "job-{name}"),
            Self::Medium(vault) => write!(f, "medium-{vault}"),
            Self::Home => f.write_str("home"),
            Self::Keys => f.write_str("keys"),
            Self::Seed(vault) => write!(f, "seed-{vault}"),
            Self::Service => f.write_str("service"),
            Self::Capture(number) => write!(f, "{CAPTURE}{number:016x}"),
            Self::Restore(number) => write!(f, "{RESTORE}{number:016x}"),
        }
    }
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it, and waiting was not wanted or was given up.
    #[error("{name} is in use{}", by(*.holder))]
    Held {
        /// The lock.
        name: String,
        /// The process that has it, if its file says so.
        holder: Option<u32>,
    },
    /// The lock file can't be used.
    #[error("the lock file {} can't be used", path.display())]
    Io {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

fn by(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

/// What is told to whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The process that has the lock, if its file says so.
    pub holder: Option<u32>,
    /// How long it has been waited for; zero the first time.
    pub waited: Duration,
}

/// Whether to wait for a lock that another one has.
pub enum Wait<'a> {
    /// No: it is an error.
    No,
    /// Yes. Called before the first pause, and again after each one, until the lock is had or it says to give up.
    Yes(&'a mut dyn FnMut(&Waiting) -> ControlFlow<()>),
}

/// A lock that is held until it is dropped, or the process ends.
#[derive(Debug)]
pub struct WorkLock {
    file: File,
    path: PathBuf,
    name: LockName,
}

impl WorkLock {
    /// Takes the lock of that name; `folder` is `state/locks`.
    ///
    /// # Errors
    /// [`LockError::Held`] if another one, in this process too, has it and does not give it up; [`LockError::Io`].
    pub fn acquire(folder: &Path, name: &LockName, mut wait: Wait<'_>) -> Result<Self, LockError> {
        let path = folder.join(name.to_string());
        let start = Instant::now();
        let mut waited = Duration::ZERO;
        loop {
            if let Some(file) = try_lock(&path)? {
                return Self { file, path, name: name.clone() }.signed();
            }
            let waiting = Waiting { holder: holder(&path), waited };
            let go_on = match &mut wait {
                Wait::No => ControlFlow::Break(()),
                Wait::Yes(on_wait) => on_wait(&waiting),
            };
            if go_on.is_break() {
                return Err(LockError::Held { name: name.to_string(), holder: waiting.holder });
            }
            std::thread::sleep(PAUSE);
            waited = start.elapsed();
        }
    }

    /// Its name; as text, what a reservation is made with.
    #[must_use]
    pub fn name(&self) -> &LockName {
        &self.name
    }

    fn signed(mut self) -> Result<Self, LockError> {
        let sign = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        sign(&mut self.file).map_err(|source| LockError::Io { path: self.path.clone(), source })?;
        Ok(self)
    }
}

impl Drop for WorkLock {
    fn drop(&mut self) {
        if matches!(self.name, LockName::Capture(_) | LockName::Restore(_)) {
            // Nobody waits for these; a file that stays is removed by `remove_free`.
            let _ = fs::remove_file(&self.path);
        }
        // Dropping the file frees the lock in any case.
        let _ = FileExt::unlock(&self.file);
    }
}

/// Does a living process hold the lock of that file name? One that can't be looked at counts as held.
#[must_use]
pub fn is_held(folder: &Path, file_name: &str) -> bool {
    let path = folder.join(file_name);
    if file_name.contains(['/', '\\']) || !path.exists() {
        return false;
    }
    !matches!(try_lock(&path), Ok(Some(_)))
}

/// Removes what dead captures and restores left. Do it after the catalog has dropped their reservations.
///
/// # Errors
/// If the folder can't be read.
pub fn remove_free(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if (name.starts_with(CAPTURE) || name.starts_with(RESTORE)) && !is_held(folder, &name) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn try_lock(path: &Path) -> Result<Option<File>, LockError> {
    let failed = |source| LockError::Io { path: path.to_owned(), source };
    let file = open_lock_file(path).map_err(failed)?;
    match FileExt::try_lock(&file) {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn holder(path: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(path).ok()?.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn a_lock_is_had_once_and_says_who_has_it() {
        let folder = folder();
        let locks = folder.path().join("locks");
        let first = WorkLock::acquire(&locks, &LockName::Home, Wait::No).expect("free");
        let second = WorkLock::acquire(&locks, &LockName::Home, Wait::No);
        let Err(LockError::Held { holder, .. }) = &second else { panic!("{second:?}") };
        assert_eq!(*holder, Some(std::process::id()));
        assert!(
            WorkLock::acquire(&locks, &LockName::Medium(VaultId([1; 16])), Wait::No).is_ok(),
            "another one is free"
        );
        drop(first);
        assert!(WorkLock::acquire(&locks, &LockName::Home, Wait::No).is_ok());
    }

    #[test]
    fn who_waits_is_told_and_gets_it_when_it_is_free() {
        let folder = folder();
        let mut first = WorkLock::acquire(folder.path(), &LockName::Home, Wait::No).ok();
        let mut told = Vec::new();
        let mut on_wait = |waiting: &Waiting| {
            told.push(*waiting);
            if told.len() == 2 {
                first = None;
            }
            ControlFlow::Continue(())
        };
        WorkLock::acquire(folder.path(), &LockName::Home, Wait::Yes(&mut on_wait)).expect("free in the end");
        assert_eq!(told.len(), 2);
        assert_eq!(told[0], Waiting { holder: Some(std::process::id()), waited: Duration::ZERO });
    }

    #[test]
    fn waiting_can_be_given_up() {
        let folder = folder();
        let _first = WorkLock::acquire(folder.path(), &LockName::Home, Wait::No).expect("free");
        let mut give_up = |_: &Waiting| ControlFlow::Break(());
        let second = WorkLock::acquire(folder.path(), &LockName::Home, Wait::Yes(&mut give_up));
        assert!(matches!(second, Err(LockError::Held { .. })));
    }

    #[test]
    fn a_capture_is_alive_while_its_lock_is_held() {
        let folder = folder();
        let lock = WorkLock::acquire(folder.path(), &LockName::Capture(7), Wait::No).expect("free");
        let name = lock.name().to_string();
        assert!(is_held(folder.path(), &name));
        drop(lock);
        assert!(!is_held(folder.path(), &name));
        assert!(!folder.path().join(&name).exists(), "nothing of it stays");
        fs::write(folder.path().join("capture-dead"), "1").expect("written");
        assert!(!is_held(folder.path(), "capture-dead"));
        remove_free(folder.path()).expect("removed");
        assert!(!folder.path().join("capture-dead").exists());
    }
}

//! The folder that a drill restores into: fresh, private, big enough, and gone afterwards.
//!
//! Each drill has its own `offsite-drill-<random>` with a lock that its process holds; one whose lock is free was left
//! by a drill that crashed, and is removed by the next one, unless it was to be kept: that is for a person to remove.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::port::Entropy;

use crate::private;

const PREFIX: &str = "offsite-drill-";
const LOCK: &str = "lock";
/// The lock's name once the folder is kept.
const KEPT: &str = "kept";
/// A folder without a lock is one that another drill is just making, unless it is older than this.
const LOCKLESS_MAX: Duration = Duration::from_secs(3600);

/// Why nothing can be restored there.
#[derive(Debug, thiserror::Error)]
pub enum ScratchError {
    /// It can't be used.
    #[error("the scratch folder {} can't be used", path.display())]
    Unusable {
        /// As configured.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It lies where nothing may be restored.
    #[error("the scratch folder {} lies in {what}, {}", path.display(), inside.display())]
    Inside {
        /// As configured.
        path: PathBuf,
        /// What it lies in, for people.
        what: String,
        /// Where that is.
        inside: PathBuf,
    },
}

/// A place where nothing may be restored, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// For people, as `a source of the job documents`.
    pub what: String,
    /// Where.
    pub path: PathBuf,
}

/// A scratch folder that may be used.
#[derive(Debug)]
pub struct Scratch(PathBuf, u64);

impl Scratch {
    /// Looks at the folder; makes nothing.
    ///
    /// # Errors
    /// [`ScratchError`].
    pub fn open(path: &Path, forbidden: &[Forbidden]) -> Result<Self, ScratchError> {
        let unusable = |source| ScratchError::Unusable { path: path.to_owned(), source };
        let real = path.canonicalize().map_err(unusable)?;
        if !real.is_dir() {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        for place in forbidden {
            // What is not there can't hold the scratch folder.
            if place.path.canonicalize().is_ok_and(|place| real.starts_with(place)) {
                let Forbidden { what, path: inside } = place.clone();
                return Err(ScratchError::Inside { path: path.to_owned(), what, inside });
            }
        }
        let device = real.metadata().map_err(unusable)?.dev();
        Ok(Self(real, device))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The number of the device that its file system is on.
    #[must_use]
    pub const fn device(&self) -> u64 {
        self.1
    }

    /// Bytes that can be written there now.
    ///
    /// # Errors
    /// [`ScratchError::Unusable`].
    pub fn free(&self) -> Result<u64, ScratchError> {
        let stat = rustix::fs::statvfs(&self.0).map_err(|error| self.unusable(error.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Makes a fresh folder for one drill.
    ///
    /// # Errors
    /// [`ScratchError::Unusable`].
    pub fn fresh(&self, entropy: &dyn Entropy) -> Result<Fresh, ScratchError> {
        let mut random = [0; 8];
        entropy.fill(&mut random).map_err(|error| self.unusable(error))?;
        let path = self.0.join(format!("{PREFIX}{}", data_encoding::HEXLOWER.encode(&random)));
        let make = || {
            private::new_folder(&path)?;
            let lock = private::options().create_new(true).open(path.join(LOCK))?;
            lock.lock()?;
            Fresh::furnish(path.clone(), lock)
        };
        make().map_err(|error| self.unusable(error))
    }

    /// Removes what drills that crashed have left; gives what could not be removed, for people.
    #[must_use]
    pub fn sweep(&self) -> Vec<String> {
        let mut told = Vec::new();
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let is_drill = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
            if is_drill && is_abandoned(&entry.path()) {
                told.extend(remove(&entry.path()).err().map(|error| left(&entry.path(), &error)));
            }
        }
        told
    }

    fn unusable(&self, source: io::Error) -> ScratchError {
        ScratchError::Unusable { path: self.0.clone(), source }
    }
}

fn left(path: &Path, error: &io::Error) -> String {
    format!("{} could not be removed: {error}", path.display())
}

/// Ours, a folder, and nobody holds its lock.
fn is_abandoned(path: &Path) -> bool {
    let uid = rustix::process::geteuid().as_raw();
    let Ok(meta) = path.symlink_metadata() else { return false };
    if !meta.is_dir() || meta.uid() != uid || path.join(KEPT).exists() {
        return false;
    }
    match private::options().open(path.join(LOCK)) {
        Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        Err(_) => meta.modified().is_ok_and(|time| time.elapsed().is_ok_and(|age| age > LOCKLESS_MAX)),
    }
}

/// One drill's folder, removed when it is dropped unless it is kept.
#[derive(Debug)]
pub struct Fresh {
    path: PathBuf,
    keep: bool,
    _lock: File,
}

impl Fresh {
    fn furnish(path: PathBuf, lock: File) -> io::Result<Self> {
        let fresh = Self { path, keep: false, _lock: lock };
        for folder in ["work", "ability", "control"] {
            private::new_folder(&fresh.path.join(folder))?;
        }
        Ok(fresh)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the point is restored to; not made yet.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.path.join("tree")
    }

    /// Where the oldest, second oldest and so on of what the point is built on is restored to; not made yet.
    #[must_use]
    pub fn base(&self, number: usize) -> PathBuf {
        self.path.join(format!("base {number}"))
    }

    /// For copies that probes make.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    /// For trying what the file system can hold.
    #[must_use]
    pub fn ability(&self) -> PathBuf {
        self.path.join("ability")
    }

    /// For the negative control.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.path.join("control")
    }

    /// It stays (`--keep-scratch`).
    pub fn keep(&mut self) {
        self.keep = true;
        // Where it can't be marked, a later drill takes it for one that crashed.
        let _ = fs::rename(self.path.join(LOCK), self.path.join(KEPT));
    }

    /// Removes it, unless it is kept.
    ///
    /// # Errors
    /// For people: what stays.
    pub fn clean(mut self) -> Result<(), String> {
        let keep = std::mem::replace(&mut self.keep, true);
        if keep { Ok(()) } else { remove(&self.path).map_err(|error| left(&self.path, &error)) }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.keep {
            let _ = remove(&self.path);
        }
    }
}

/// Removes a folder and all below it, be its modes what they may. No link is followed.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            unlock(path)?;
            fs::remove_dir_all(path)
        }
        answer => answer,
    }
}

fn unlock(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use engine::port::SystemEntropy;

    use super::*;

    fn place() -> (tempfile::TempDir, Scratch) {
        let held = tempfile::tempdir().expect("a temporary folder");
        let scratch = Scratch::open(held.path(), &[]).expect("usable");
        (held, scratch)
    }

    fn names(path: &Path) -> usize {
        fs::read_dir(path).expect("there").count()
    }

    #[test]
    fn a_drills_folder_is_private_and_gone_afterwards() {
        let (held, scratch) = place();
        let fresh = scratch.fresh(&SystemEntropy).expect("made");
        let path = fresh.path().to_owned();
        assert_eq!(path.metadata().expect("there").mode() & 0o7777, 0o700);
        fs::create_dir_all(fresh.tree().join("locked/in")).expect("writable");
        fs::set_permissions(fresh.tree().join("locked"), fs::Permissions::from_mode(0o000)).expect("ours");
        fresh.clean().expect("removed");
        assert_eq!(names(held.path()), 0);
        let mut kept = scratch.fresh(&SystemEntropy).expect("made");
        kept.keep();
        drop(kept);
        assert_eq!(names(held.path()), 1);
        assert!(scratch.sweep().is_empty());
        assert_eq!(names(held.path()), 1, "the next drill leaves it alone");
    }

    #[test]
    fn what_a_crash_left_is_swept_and_what_runs_is_not() {
        let (held, scratch) = place();
        let running = scratch.fresh(&SystemEntropy).expect("made");
        let mut crashed = scratch.fresh(&SystemEntropy).expect("made");
        // Not removed, and not marked as kept.
        crashed.keep = true;
        let left = crashed.path().to_owned();
        drop(crashed);
        fs::create_dir(held.path().join("offsite-drill-new")).expect("writable");
        fs::create_dir(held.path().join("other")).expect("writable");
        assert_eq!(scratch.sweep(), Vec::<String>::new());
        assert!(!left.exists() && running.path().exists());
        assert!(held.path().join("offsite-drill-new").exists(), "it may be in the making");
        assert!(held.path().join("other").exists());
    }

    #[test]
    fn scratch_is_never_inside_a_source() {
        let (held, _) = place();
        let source = held.path().join("source");
        fs::create_dir_all(source.join("deep")).expect("writable");
        std::os::unix::fs::symlink(source.join("deep"), held.path().join("link")).expect("writable");
        let forbidden = [Forbidden { what: "a source".into(), path: source.clone() }];
        for path in [source.clone(), source.join("deep"), held.path().join("link")] {
            assert!(matches!(Scratch::open(&path, &forbidden), Err(ScratchError::Inside { .. })), "{path:?}");
        }
        assert!(Scratch::open(held.path(), &forbidden).is_ok());
        assert!(matches!(Scratch::open(&held.path().join("no"), &[]), Err(ScratchError::Unusable { .. })));
    }
}

//! What the scratch folder's file system can hold, and what whoever restores may set there: tried out on a fresh name,
//! only where something came back different, so that a weak scratch folder is no false alarm and no blind eye.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, lchown, symlink};
use std::path::{Path, PathBuf};

use engine::model::Time;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, makedev};
use rustix::io::Errno;

use crate::compare::{Abilities, Wanted};
use crate::tree::FoundKind;

/// Tries it out in a folder of its own.
#[derive(Debug)]
pub struct Tried {
    folder: PathBuf,
    next: Cell<u64>,
}

impl Tried {
    /// Tries things out in `folder`, which lies in scratch.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, next: Cell::new(0) }
    }

    fn name(&self) -> PathBuf {
        let number = self.next.get();
        self.next.set(number + 1);
        self.folder.join(number.to_string())
    }
}

impl Abilities for Tried {
    fn holds(&self, found: &FoundKind, wanted: Wanted<'_>) -> bool {
        let path = self.name();
        let held = make(&path, found).and_then(|()| set(&path, wanted));
        let _ = if *found == FoundKind::Folder { fs::remove_dir(&path) } else { fs::remove_file(&path) };
        // Only an answer that says "never" excuses a difference: a full or broken scratch folder must hide nothing.
        held.unwrap_or_else(|error| !says_never(&error, wanted))
    }
}

/// Does the file system not know such a thing, or may this user never set it?
fn says_never(error: &io::Error, wanted: Wanted<'_>) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    let too_much = matches!(number, Some(Errno::NOSPC | Errno::TOOBIG | Errno::RANGE));
    match number {
        Some(Errno::PERM | Errno::ACCESS | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL | Errno::OVERFLOW) => true,
        // Attributes have bounds of their own, and ext4 says so with the words of a full disk.
        _ => too_much && matches!(wanted, Wanted::Xattr(_)),
    }
}

/// Makes something of that kind.
fn make(path: &Path, kind: &FoundKind) -> io::Result<()> {
    let node = |kind, device| Ok(rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(0o600), device)?);
    match kind {
        FoundKind::File => fs::write(path, b""),
        FoundKind::Folder => crate::private::new_folder(path),
        FoundKind::Symlink(target) => symlink(OsStr::from_bytes(target), path),
        FoundKind::Fifo => node(FileType::Fifo, 0),
        FoundKind::Socket => node(FileType::Socket, 0),
        FoundKind::Character(major, minor) => node(FileType::CharacterDevice, makedev(*major, *minor)),
        FoundKind::Block(major, minor) => node(FileType::BlockDevice, makedev(*major, *minor)),
    }
}

/// Sets it and looks whether it is there.
fn set(path: &Path, wanted: Wanted<'_>) -> io::Result<bool> {
    match wanted {
        Wanted::Node => Ok(true),
        Wanted::Owner(uid, gid) => {
            lchown(path, Some(uid), Some(gid))?;
            let meta = path.symlink_metadata()?;
            Ok((meta.uid(), meta.gid()) == (uid, gid))
        }
        Wanted::Time(time) => {
            set_time(path, time)?;
            let meta = path.symlink_metadata()?;
            Ok((meta.mtime(), meta.mtime_nsec()) == (time.seconds, i64::from(time.nanos)))
        }
        Wanted::Xattr(xattr) => {
            let name = OsStr::from_bytes(&xattr.name);
            rustix::fs::lsetxattr(path, name, &xattr.value, XattrFlags::empty())?;
            let there = crate::tree::attributes(path)?;
            Ok(there.iter().any(|(name, value)| **name == *xattr.name && **value == *xattr.value))
        }
    }
}

/// Sets the time of change of a name, be it a link.
///
/// # Errors
/// Of the system.
pub(crate) fn set_time(path: &Path, time: Time) -> io::Result<()> {
    let moment = Timespec { tv_sec: time.seconds, tv_nsec: time.nanos.into() };
    let times = Timestamps { last_access: moment, last_modification: moment };
    Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(test)]
mod tests {
    use engine::model::Xattr;

    use super::*;

    #[test]
    fn what_can_be_held_is_and_what_can_not_is_not() {
        let held = tempfile::tempdir().expect("a temporary folder");
        let tried = Tried::in_folder(held.path().to_owned());
        let nonsense = Xattr { name: (*b"nonsense.name").into(), value: (*b"x").into() };
        for kind in [FoundKind::File, FoundKind::Folder, FoundKind::Fifo, FoundKind::Symlink(b"x".to_vec())] {
            assert!(tried.holds(&kind, Wanted::Node), "{kind:?}");
            assert!(tried.holds(&kind, Wanted::Time(Time { seconds: 1_000_000_000, nanos: 0 })), "{kind:?}");
            assert!(!tried.holds(&kind, Wanted::Xattr(&nonsense)), "{kind:?}");
        }
        let mine = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        assert!(tried.holds(&FoundKind::File, Wanted::Owner(mine.0, mine.1)));
        assert_eq!(fs::read_dir(held.path()).expect("there").count(), 0);
    }

    #[test]
    fn a_scratch_folder_that_fails_excuses_nothing() {
        let tried = Tried::in_folder(PathBuf::from("/nowhere/at all"));
        let xattr = Xattr { name: (*b"user.name").into(), value: (*b"x").into() };
        assert!(tried.holds(&FoundKind::Fifo, Wanted::Node), "that it can't be made here says nothing of pipes");
        assert!(tried.holds(&FoundKind::File, Wanted::Owner(1, 1)));
        assert!(tried.holds(&FoundKind::File, Wanted::Xattr(&xattr)));
    }
}

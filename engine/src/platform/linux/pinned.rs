//! A name held fast, to dress it: whatever takes the name meanwhile is not dressed in its place.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};

use super::super::stat::{FileKind, Stat};
use super::super::unix::Subject;
use super::calls::{SEARCH, empty_path, stat, with_path};

/// A link or a special file, opened without any right to it.
pub(in super::super) struct Pinned<'a> {
    folder: BorrowedFd<'a>,
    name: &'a CStr,
    fd: OwnedFd,
}

impl<'a> Pinned<'a> {
    pub(in super::super) fn open(folder: BorrowedFd<'a>, name: &'a CStr) -> io::Result<Self> {
        let fd = rustix::fs::openat(folder, name, SEARCH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { folder, name, fd })
    }

    pub(in super::super) fn stat(&self) -> io::Result<Stat> {
        Ok(stat(self.fd.as_fd(), c"", AtFlags::EMPTY_PATH)?)
    }

    pub(in super::super) fn set_owner(&self, uid: Uid, gid: Gid) -> rustix::io::Result<()> {
        rustix::fs::chownat(&self.fd, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
    }

    /// Not for links.
    pub(in super::super) fn set_mode(&self, mode: Mode) -> io::Result<()> {
        Ok(empty_path(self.fd.as_fd(), |path| rustix::fs::chmod(path, mode))??)
    }

    /// Its attributes; those of a link only by name, but never of what it leads to.
    pub(in super::super) fn with_subject(&self, kind: FileKind, call: impl FnOnce(&Subject<'_>)) -> io::Result<()> {
        if kind == FileKind::Symlink {
            with_path(self.folder, self.name, |path| {
                call(&Subject::Link(path));
                Ok(())
            })
        } else {
            empty_path(self.fd.as_fd(), |path| call(&Subject::Path(path)))
        }
    }
}

//! An open folder and what can be asked of the names in it. Every call is relative to the descriptor and takes one
//! name, so that nothing that is moved or swapped for a link meanwhile can lead elsewhere.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::super::linux::{self, NO_ATIME, SEARCH};
use super::super::stat::{FileKind, Links, Stat};
use super::xattr::{self, Subject};
use crate::model::Xattr;

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    pub(super) fd: OwnedFd,
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

fn links_flag(links: Links) -> OFlags {
    match links {
        Links::Kept => OFlags::NOFOLLOW,
        Links::Followed => OFlags::empty(),
    }
}

/// Opens without touching the access time where that is permitted: to owners and to root.
fn open_quietly(at: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    match rustix::fs::openat(at, name, flags | NO_ATIME, Mode::empty()) {
        Err(Errno::PERM) if !NO_ATIME.is_empty() => rustix::fs::openat(at, name, flags, Mode::empty()),
        answer => answer,
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Folder {
    /// Opens the folder at `path`, links followed.
    ///
    /// # Errors
    /// Of the system.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { fd: rustix::fs::openat(CWD, path, FOLDER | OFlags::RDONLY, Mode::empty())? })
    }

    /// Opens the folder `name` in this one, to list it.
    ///
    /// # Errors
    /// Of the system; [`is_loop`] tells a link, `NotADirectory` something else in its place.
    pub fn child(&self, name: &CStr, links: Links) -> io::Result<Self> {
        let flags = FOLDER | OFlags::RDONLY | links_flag(links);
        Ok(Self { fd: open_quietly(self.fd.as_fd(), name, flags)? })
    }

    /// Opens the folder `name` in this one only to reach what is in it: needs no right to list it.
    ///
    /// # Errors
    /// As [`Folder::child`].
    pub fn passage(&self, name: &CStr, links: Links) -> io::Result<Self> {
        let flags = FOLDER | SEARCH | links_flag(links);
        Ok(Self { fd: rustix::fs::openat(&self.fd, name, flags, Mode::empty())? })
    }

    /// Opens the folder that holds this one now.
    ///
    /// # Errors
    /// Of the system.
    pub fn parent(&self) -> io::Result<Self> {
        Ok(Self { fd: rustix::fs::openat(&self.fd, c"..", FOLDER | SEARCH, Mode::empty())? })
    }

    /// What the system says of the folder itself.
    ///
    /// # Errors
    /// Of the system.
    pub fn stat(&self) -> io::Result<Stat> {
        Ok(linux::stat(self.fd.as_fd(), c"", AtFlags::EMPTY_PATH)?)
    }

    /// What the system says of `name`.
    ///
    /// # Errors
    /// Of the system.
    pub fn stat_of(&self, name: &CStr, links: Links) -> io::Result<Stat> {
        let flags = match links {
            Links::Kept => AtFlags::SYMLINK_NOFOLLOW,
            Links::Followed => AtFlags::empty(),
        };
        Ok(linux::stat(self.fd.as_fd(), name, flags)?)
    }

    /// Calls `each` with every name in the folder but `.` and `..`, in no order.
    ///
    /// # Errors
    /// Of the system; the names before it were given.
    pub fn each_name(&self, each: &mut dyn FnMut(&CStr)) -> io::Result<()> {
        linux::each_name(self.fd.as_fd(), &mut |name| {
            if !matches!(name.to_bytes(), b"." | b"..") {
                each(name);
            }
        })
    }

    /// Opens the regular file `name` to read it. Never waits: not for the writer of a pipe, not for a device.
    ///
    /// # Errors
    /// Of the system; `InvalidInput` if it is no regular file.
    pub fn open_file(&self, name: &CStr, links: Links) -> io::Result<(File, Stat)> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | links_flag(links);
        let file = File::from(open_quietly(self.fd.as_fd(), name, flags)?);
        let stat = super::stat_file(&file)?;
        if stat.kind == FileKind::File {
            Ok((file, stat))
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file any more"))
        }
    }

    /// The bytes the symbolic link `name` points to.
    ///
    /// # Errors
    /// Of the system; `InvalidInput` if it is no link.
    pub fn link_target(&self, name: &CStr) -> io::Result<Box<[u8]>> {
        Ok(rustix::fs::readlinkat(&self.fd, name, Vec::new())?.into_bytes().into())
    }

    /// The extended attributes of the folder itself, sorted.
    ///
    /// # Errors
    /// Of the system.
    pub fn xattrs(&self) -> io::Result<Vec<Xattr>> {
        xattr::read(&Subject::Open(self.fd.as_fd()))
    }

    /// The extended attributes of `name`, sorted.
    ///
    /// # Errors
    /// Of the system. Linux needs `/proc` for this, as it had no call relative to a folder before 6.13.
    pub fn xattrs_of(&self, name: &CStr, links: Links) -> io::Result<Vec<Xattr>> {
        linux::with_path(self.fd.as_fd(), name, |path| match links {
            Links::Kept => xattr::read(&Subject::Link(path)),
            Links::Followed => xattr::read(&Subject::Path(path)),
        })
    }
}

/// Was a folder asked for and a symbolic link found?
#[must_use]
pub fn is_loop(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::LOOP))
}

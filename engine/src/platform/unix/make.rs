//! Making names in an open folder, and dressing what was made: owner, then mode, then attributes, then time, for each
//! of them undoes part of the one before (a new owner drops set-id bits and capabilities, an ACL follows the mode).
//! Attributes of users come first, while the file may still be written.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid};

use super::super::linux;
use super::super::stat::{FileKind, Links};
use super::folder::Folder;
use super::xattr::{self, Part, Subject};
use crate::model::{DeviceKind, Meta, Time};

/// Whether owners are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// To those of the entry. An ordinary user may not give files away: what he makes stays his, which is no failure.
    Recorded,
    /// Not at all: what is made belongs to who makes it.
    Maker,
}

/// Whose an entry is, once it was dressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owned {
    /// As it should be, or what keeps it from that was told.
    AsTold,
    /// An ordinary user's who made it, and not its recorded owner's.
    ByMaker,
}

/// A special file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// A named pipe.
    Fifo,
    /// A socket's name, with nobody listening.
    Socket,
    /// A device node.
    Device(DeviceKind, u32, u32),
}

/// Told of each part of the metadata that could not be set.
type Failed<'a> = &'a mut dyn FnMut(String);

/// The set-id bits: they are given to nobody but the recorded owner.
const SET_ID: u32 = 0o6000;

impl Folder {
    /// Makes a folder that only we may enter.
    pub(crate) fn make_folder(&self, name: &CStr) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.fd, name, Mode::RWXU)?)
    }

    /// Makes a file that was not there, open to write.
    pub(crate) fn make_file(&self, name: &CStr) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Makes a symbolic link that was not there.
    pub(crate) fn make_link(&self, name: &CStr, target: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(OsStr::from_bytes(target), &self.fd, name)?)
    }

    /// Makes one more name in this folder, that was not there, for `first` in the folder `of`; a link is not followed.
    pub(crate) fn make_hard_link(&self, name: &CStr, of: &Self, first: &CStr) -> io::Result<()> {
        Ok(rustix::fs::linkat(&of.fd, first, &self.fd, name, AtFlags::empty())?)
    }

    /// Makes a special file that was not there.
    pub(crate) fn make_node(&self, name: &CStr, kind: NodeKind) -> io::Result<()> {
        let (kind, device) = match kind {
            NodeKind::Fifo => (FileType::Fifo, 0),
            NodeKind::Socket => (FileType::Socket, 0),
            NodeKind::Device(DeviceKind::Character, major, minor) => {
                (FileType::CharacterDevice, rustix::fs::makedev(major, minor))
            }
            NodeKind::Device(DeviceKind::Block, major, minor) => {
                (FileType::BlockDevice, rustix::fs::makedev(major, minor))
            }
        };
        Ok(linux::make_node(self.fd.as_fd(), name, kind, device)?)
    }

    /// Gives `from` the name `to`, in place of whatever but a folder has it. Links are replaced, not followed.
    pub(crate) fn rename_over(&self, from: &CStr, to: &CStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Gives `from` the name `to` if nothing has it.
    pub(crate) fn rename_new(&self, from: &CStr, to: &CStr) -> io::Result<()> {
        linux::rename_new(self.fd.as_fd(), from, to)
    }

    /// Removes a name that is no folder's.
    pub(crate) fn remove(&self, name: &CStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Puts the folder's names on the medium, where its file system can do that by itself.
    pub(crate) fn flush(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    /// One more descriptor of the same folder.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()? })
    }

    /// Gives ourselves every right to the folder, to be able to fill it; its own mode comes last.
    pub(crate) fn unlock(&self) -> io::Result<()> {
        let mode = self.stat()?.mode;
        if mode & 0o700 == 0o700 {
            return Ok(());
        }
        Ok(rustix::fs::fchmod(&self.fd, Mode::from_raw_mode(raw_mode(mode | 0o700)))?)
    }

    /// As [`Folder::unlock`] for a folder in this one that can't even be opened yet.
    pub(crate) fn unlock_child(&self, name: &CStr) -> io::Result<()> {
        let child = self.passage(name, Links::Kept)?;
        let mode = Mode::from_raw_mode(raw_mode(child.stat()?.mode | 0o700));
        linux::empty_path(child.fd.as_fd(), |path| rustix::fs::chmod(path, mode))??;
        Ok(())
    }

    /// Dresses the folder itself.
    pub(crate) fn dress(&self, meta: &Meta, owner: Ownership, failed: Failed<'_>) -> Owned {
        dress_open(self.fd.as_fd(), meta, owner, failed)
    }

    /// Dresses a link or a special file in this folder, if `name` is still a `kind`.
    pub(crate) fn dress_name(
        &self,
        name: &CStr,
        kind: FileKind,
        meta: &Meta,
        owner: Ownership,
        failed: Failed<'_>,
    ) -> Owned {
        self.dress_name_tried(name, kind, meta, owner, failed).unwrap_or_else(|error| {
            failed(format!("metadata not set: {error}"));
            Owned::AsTold
        })
    }

    fn dress_name_tried(
        &self,
        name: &CStr,
        kind: FileKind,
        meta: &Meta,
        owner: Ownership,
        failed: Failed<'_>,
    ) -> io::Result<Owned> {
        let pinned = linux::Pinned::open(self.fd.as_fd(), name)?;
        let found = pinned.stat()?;
        if found.kind != kind {
            return Err(io::Error::other("something else took its name"));
        }
        let change = |uid, gid| pinned.set_owner(uid, gid);
        let (mode, owned) = set_owner(meta, owner, (found.uid, found.gid), change, failed);
        // A link has no mode of its own.
        if kind != FileKind::Symlink {
            pinned.set_mode(mode)?;
        }
        let mut attribute_failed = |name: &[u8], error| failed(attribute_text(name, &error));
        pinned.with_subject(kind, |subject| {
            xattr::write(subject, Part::Users, &meta.xattrs, &mut attribute_failed);
            xattr::write(subject, Part::Systems, &meta.xattrs, &mut attribute_failed);
        })?;
        rustix::fs::utimensat(&self.fd, name, &times(meta.modified), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(owned)
    }
}

/// Dresses an open file.
pub(crate) fn dress_file(file: &File, meta: &Meta, owner: Ownership, failed: Failed<'_>) -> Owned {
    dress_open(file.as_fd(), meta, owner, failed)
}

/// Makes the folder at `path` and what is missing above it, for their owner only.
pub(crate) fn make_private_folders(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Puts all that was written below `folder` on the medium.
pub(crate) fn flush_all(folder: &Folder) -> io::Result<()> {
    linux::flush_all(folder.fd.as_fd())
}

fn dress_open(fd: BorrowedFd<'_>, meta: &Meta, owner: Ownership, failed: Failed<'_>) -> Owned {
    let attributes = |part, failed: Failed<'_>| {
        let mut failed = |name: &[u8], error| failed(attribute_text(name, &error));
        xattr::write(&Subject::Open(fd), part, &meta.xattrs, &mut failed);
    };
    attributes(Part::Users, failed);
    let found = linux::stat(fd, c"", AtFlags::EMPTY_PATH).map_or((u32::MAX, u32::MAX), |s| (s.uid, s.gid));
    let change = |uid, gid| rustix::fs::fchown(fd, Some(uid), Some(gid));
    let (mode, owned) = set_owner(meta, owner, found, change, failed);
    if let Err(error) = rustix::fs::fchmod(fd, mode) {
        failed(format!("mode not set: {error}"));
    }
    attributes(Part::Systems, failed);
    if let Err(error) = rustix::fs::futimens(fd, &times(meta.modified)) {
        failed(format!("time not set: {error}"));
    }
    owned
}

/// Sets the owner where that is wanted and needed; gives the mode that may be set then.
fn set_owner(
    meta: &Meta,
    owner: Ownership,
    found: (u32, u32),
    change: impl FnOnce(Uid, Gid) -> rustix::io::Result<()>,
    failed: Failed<'_>,
) -> (Mode, Owned) {
    let wanted = (meta.uid, meta.gid);
    let set = match owner {
        _ if wanted == found => OwnerSet::Right,
        Ownership::Recorded => change_owner(wanted, change, failed),
        Ownership::Maker => OwnerSet::Wrong,
    };
    let mode = if set == OwnerSet::Right { meta.mode } else { meta.mode & !SET_ID };
    // Where owners can't be set at all, that their bits are not is part of what is told once.
    if set == OwnerSet::Wrong && meta.mode & SET_ID != 0 {
        failed("set-id bits left out, for the owner is not the recorded one".to_owned());
    }
    let owned = if set == OwnerSet::NotOurs { Owned::ByMaker } else { Owned::AsTold };
    (Mode::from_raw_mode(raw_mode(mode & 0o7777)), owned)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OwnerSet {
    Right,
    Wrong,
    /// The system lets only root do that, and we are not.
    NotOurs,
}

fn change_owner(
    (uid, gid): (u32, u32),
    change: impl FnOnce(Uid, Gid) -> rustix::io::Result<()>,
    failed: Failed<'_>,
) -> OwnerSet {
    // All ones means "leave it" to the system, and is nobody's number.
    if uid == u32::MAX || gid == u32::MAX {
        failed(format!("owner not set: {uid}:{gid} is no owner"));
        return OwnerSet::Wrong;
    }
    match change(Uid::from_raw(uid), Gid::from_raw(gid)) {
        Ok(()) => OwnerSet::Right,
        Err(rustix::io::Errno::PERM) if !rustix::process::geteuid().is_root() => OwnerSet::NotOurs,
        Err(error) => {
            failed(format!("owner {uid}:{gid} not set: {error}"));
            OwnerSet::Wrong
        }
    }
}

fn attribute_text(name: &[u8], error: &io::Error) -> String {
    format!("attribute {} not set: {error}", String::from_utf8_lossy(name))
}

fn times(modified: Time) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: modified.seconds, tv_nsec: modified.nanos.into() },
    }
}

/// The system's width for a mode: 16 bits on some.
#[allow(clippy::unnecessary_cast, clippy::cast_possible_truncation)]
const fn raw_mode(mode: u32) -> rustix::fs::RawMode {
    (mode & 0o7777) as rustix::fs::RawMode
}

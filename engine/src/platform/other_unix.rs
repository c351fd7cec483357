//! Unix systems that are not Linux: the same calls from the portable set. Not tried on such a machine yet.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Dir, FileType, OFlags};
use rustix::io::Errno;

use super::stat::{FileKind, Stat};
use crate::model::{DeviceKind, Time};

/// There is no such flag.
pub(super) const NO_ATIME: OFlags = OFlags::empty();
/// A folder that may only be passed through is opened as any other.
pub(super) const SEARCH: OFlags = OFlags::RDONLY;
/// What a missing extended attribute answers.
#[cfg(target_vendor = "apple")]
pub(super) const NO_ATTRIBUTE: Errno = Errno::NOATTR;
/// What a missing extended attribute answers.
#[cfg(not(target_vendor = "apple"))]
pub(super) const NO_ATTRIBUTE: Errno = Errno::NODATA;

/// Calls `each` with every name, `.` and `..` too.
pub(super) fn each_name(folder: BorrowedFd<'_>, each: &mut dyn FnMut(&CStr)) -> io::Result<()> {
    for entry in Dir::read_from(folder)? {
        each(entry?.file_name());
    }
    Ok(())
}

/// One look.
pub(super) fn stat(at: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> rustix::io::Result<Stat> {
    let s = if name.is_empty() { rustix::fs::fstat(at)? } else { rustix::fs::statat(at, name, flags)? };
    Ok(from_stat(&s))
}

#[allow(clippy::unnecessary_cast, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn from_stat(s: &rustix::fs::Stat) -> Stat {
    let device = |kind| FileKind::Device {
        kind,
        major: rustix::fs::major(s.st_rdev as _) as u32,
        minor: rustix::fs::minor(s.st_rdev as _) as u32,
    };
    let time = |seconds, nanos| Time { seconds, nanos };
    Stat {
        kind: match FileType::from_raw_mode(s.st_mode as _) {
            FileType::Directory => FileKind::Folder,
            FileType::Symlink => FileKind::Symlink,
            FileType::Fifo => FileKind::Fifo,
            FileType::Socket => FileKind::Socket,
            FileType::CharacterDevice => device(DeviceKind::Character),
            FileType::BlockDevice => device(DeviceKind::Block),
            _ => FileKind::File,
        },
        mode: s.st_mode as u32 & 0o7777,
        uid: s.st_uid,
        gid: s.st_gid,
        bytes: s.st_size as u64,
        blocks: s.st_blocks as u64,
        modified: time(s.st_mtime as i64, s.st_mtime_nsec as u32),
        changed: time(s.st_ctime as i64, s.st_ctime_nsec as u32),
        device: s.st_dev as u64,
        inode: s.st_ino as u64,
        links: s.st_nlink as u64,
    }
}

/// The path of `name`, through the path that the folder has now: there is nothing better.
pub(super) fn with_path<T>(
    folder: BorrowedFd<'_>,
    name: &CStr,
    call: impl FnOnce(&CStr) -> io::Result<T>,
) -> io::Result<T> {
    let mut path = folder_path(folder)?;
    path.push(b'/');
    path.extend_from_slice(name.to_bytes());
    call(&CString::new(path)?)
}

/// The path that the open file has now.
pub(super) fn empty_path<T>(file: BorrowedFd<'_>, call: impl FnOnce(&CStr) -> T) -> io::Result<T> {
    Ok(call(&CString::new(folder_path(file)?)?))
}

#[cfg(target_vendor = "apple")]
fn folder_path(folder: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    Ok(rustix::fs::getpath(folder)?.into_bytes())
}

#[cfg(not(target_vendor = "apple"))]
fn folder_path(folder: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    let path = std::fs::read_link(format!("/dev/fd/{}", folder.as_raw_fd()))?;
    Ok(path.as_os_str().as_bytes().to_vec())
}

/// Makes a special file.
pub(super) fn make_node(folder: BorrowedFd<'_>, name: &CStr, kind: FileType, device: u64) -> rustix::io::Result<()> {
    #[cfg(not(target_vendor = "apple"))]
    return rustix::fs::mknodat(folder, name, kind, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, device as _);
    #[cfg(target_vendor = "apple")]
    {
        let _ = (folder, name, kind, device);
        Err(Errno::NOTSUP)
    }
}

/// Renames where nothing has the new name, as far as a look before tells.
pub(super) fn rename_new(folder: BorrowedFd<'_>, from: &CStr, to: &CStr) -> io::Result<()> {
    match stat(folder, to, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST.into()),
        Err(Errno::NOENT) => Ok(rustix::fs::renameat(folder, from, folder, to)?),
        Err(error) => Err(error.into()),
    }
}

/// Flushes everything.
pub(super) fn flush_all(_: BorrowedFd<'_>) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

/// The page cache can't be asked: nothing is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheWatch {
    /// The only answer.
    Leave,
}

impl CacheWatch {
    /// Looks before the read.
    pub(crate) const fn before(_: &File) -> Self {
        Self::Leave
    }

    /// Does nothing.
    pub(crate) const fn after(self, _: &File) {}
}

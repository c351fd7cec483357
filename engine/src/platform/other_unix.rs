//! Unix systems that are not Linux: the same calls from the portable set. Not tried on such a machine yet.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
#[cfg(not(target_vendor = "apple"))]
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
#[cfg(not(target_vendor = "apple"))]
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::Unquiet;
use super::space::FileSystem;
use super::stat::{FileKind, Stat};
use super::unix::Subject;
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

/// A name to dress. There is nothing here to hold it fast with: each call goes by the name, and follows no link.
pub(super) struct Pinned<'a> {
    folder: BorrowedFd<'a>,
    name: &'a CStr,
}

impl<'a> Pinned<'a> {
    pub(super) fn open(folder: BorrowedFd<'a>, name: &'a CStr) -> io::Result<Self> {
        Ok(Self { folder, name })
    }

    pub(super) fn stat(&self) -> io::Result<Stat> {
        Ok(stat(self.folder, self.name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    pub(super) fn set_owner(&self, uid: Uid, gid: Gid) -> rustix::io::Result<()> {
        rustix::fs::chownat(self.folder, self.name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
    }

    pub(super) fn set_mode(&self, mode: Mode) -> io::Result<()> {
        Ok(rustix::fs::chmodat(self.folder, self.name, mode, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    pub(super) fn with_subject(&self, _: FileKind, call: impl FnOnce(&Subject<'_>)) -> io::Result<()> {
        with_path(self.folder, self.name, |path| {
            call(&Subject::Link(path));
            Ok(())
        })
    }
}

/// Makes a special file.
pub(super) fn make_node(folder: BorrowedFd<'_>, name: &CStr, kind: FileType, device: u64) -> rustix::io::Result<()> {
    #[cfg(not(target_vendor = "apple"))]
    return rustix::fs::mknodat(folder, name, kind, Mode::RUSR | Mode::WUSR, device as _);
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

/// No word of mounts: the service looks at an interval.
#[derive(Debug)]
pub struct MountWatch;

impl MountWatch {
    /// Never fails.
    ///
    /// # Errors
    /// None.
    pub const fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Nothing to wait on.
    pub(super) const fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// How often to look: a drive is to be noticed within two seconds.
    #[must_use]
    pub const fn poll_interval(&self) -> Option<std::time::Duration> {
        Some(std::time::Duration::from_secs(1))
    }
}

/// Lowers the niceness; the disk's priority is not asked for.
#[must_use]
pub fn be_quiet() -> Vec<Unquiet> {
    let refused = |source: Errno| Unquiet { what: "niceness", source: source.into() };
    rustix::process::setpriority_process(None, 19).err().map(refused).into_iter().collect()
}

/// The device number of what `path` is on; no lasting name.
///
/// # Errors
/// If the path can't be looked at.
pub fn file_system(path: &Path) -> io::Result<FileSystem> {
    Ok(FileSystem { device: std::fs::metadata(path)?.dev(), ..FileSystem::default() })
}

/// Not told.
pub(super) const fn process_started(_: u32) -> Option<u64> {
    None
}

/// Not told.
pub(super) const fn boot_id() -> String {
    String::new()
}

/// Not told.
pub const fn free_memory() -> Option<u64> {
    None
}

/// Not told.
pub const fn since_boot() -> Option<(String, std::time::Duration)> {
    None
}

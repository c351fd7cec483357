//! Listing, looking and naming, as only Linux does them.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, RenameFlags, Statx, StatxFlags, StatxTimestamp};
use rustix::io::Errno;

use super::super::stat::{FileKind, Stat};
use crate::model::{DeviceKind, Time};

/// Leaves the access time alone.
pub(in super::super) const NO_ATIME: OFlags = OFlags::NOATIME;
/// Opens a folder only to pass through it.
pub(in super::super) const SEARCH: OFlags = OFlags::PATH;
/// What a missing extended attribute answers.
pub(in super::super) const NO_ATTRIBUTE: Errno = Errno::NODATA;

/// Bytes of names asked for at once.
const LIST_BYTES: usize = 64 << 10;

/// Calls `each` with every name, `.` and `..` too.
pub(in super::super) fn each_name(folder: BorrowedFd<'_>, each: &mut dyn FnMut(&CStr)) -> io::Result<()> {
    let mut buffer = vec![MaybeUninit::uninit(); LIST_BYTES];
    let mut entries = RawDir::new(folder, &mut buffer);
    while let Some(entry) = entries.next() {
        each(entry?.file_name());
    }
    Ok(())
}

/// One look, without waking an automounter.
pub(in super::super) fn stat(at: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> rustix::io::Result<Stat> {
    rustix::fs::statx(at, name, flags | AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS).map(|s| from_statx(&s))
}

fn from_statx(s: &Statx) -> Stat {
    let time = |t: StatxTimestamp| Time { seconds: t.tv_sec, nanos: t.tv_nsec };
    Stat {
        kind: kind(s),
        mode: u32::from(s.stx_mode) & 0o7777,
        uid: s.stx_uid,
        gid: s.stx_gid,
        bytes: s.stx_size,
        blocks: s.stx_blocks,
        modified: time(s.stx_mtime),
        changed: time(s.stx_ctime),
        device: rustix::fs::makedev(s.stx_dev_major, s.stx_dev_minor),
        inode: s.stx_ino,
        links: u64::from(s.stx_nlink),
    }
}

fn kind(s: &Statx) -> FileKind {
    let device = |kind| FileKind::Device { kind, major: s.stx_rdev_major, minor: s.stx_rdev_minor };
    match FileType::from_raw_mode(s.stx_mode.into()) {
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => FileKind::Symlink,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::CharacterDevice => device(DeviceKind::Character),
        FileType::BlockDevice => device(DeviceKind::Block),
        FileType::RegularFile | FileType::Unknown => FileKind::File,
    }
}

/// A path of `name` that is pinned to the open folder, for calls that take nothing but paths.
pub(in super::super) fn with_path<T>(
    folder: BorrowedFd<'_>,
    name: &CStr,
    call: impl FnOnce(&CStr) -> io::Result<T>,
) -> io::Result<T> {
    let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    call(&CString::new(path)?)
}

/// A path that is the open file itself, whatever its name is by now; also of one opened without any right.
pub(in super::super) fn empty_path<T>(file: BorrowedFd<'_>, call: impl FnOnce(&CStr) -> T) -> io::Result<T> {
    Ok(call(&CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?))
}

/// Makes a special file. The mode comes later.
pub(in super::super) fn make_node(
    folder: BorrowedFd<'_>,
    name: &CStr,
    kind: FileType,
    device: u64,
) -> rustix::io::Result<()> {
    rustix::fs::mknodat(folder, name, kind, Mode::RUSR | Mode::WUSR, device)
}

/// Renames where nothing has the new name; a file system without the call for it is asked first.
pub(in super::super) fn rename_new(folder: BorrowedFd<'_>, from: &CStr, to: &CStr) -> io::Result<()> {
    match rustix::fs::renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => match stat(folder, to, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Err(Errno::EXIST.into()),
            Err(Errno::NOENT) => Ok(rustix::fs::renameat(folder, from, folder, to)?),
            Err(error) => Err(error.into()),
        },
        answer => Ok(answer?),
    }
}

/// Flushes the whole file system that `folder` is on.
pub(in super::super) fn flush_all(folder: BorrowedFd<'_>) -> io::Result<()> {
    // A folder opened only to pass through can't be flushed by.
    let open = rustix::fs::openat(folder, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(rustix::fs::syncfs(open)?)
}

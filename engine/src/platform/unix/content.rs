//! Reading an open regular file: where its data is, what is in it, what the system says of it.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::super::linux;
use super::super::stat::Stat;
use super::xattr::{self, Subject};
use crate::model::Xattr;

/// What the system says of an open file.
///
/// # Errors
/// Of the system.
pub fn stat_file(file: &File) -> io::Result<Stat> {
    Ok(linux::stat(file.as_fd(), c"", AtFlags::EMPTY_PATH)?)
}

/// What the system says of `path`, links followed.
///
/// # Errors
/// Of the system.
pub fn stat_path(path: &Path) -> io::Result<Stat> {
    let at = rustix::fs::openat(CWD, path, linux::SEARCH | OFlags::CLOEXEC, Mode::empty())?;
    Ok(linux::stat(at.as_fd(), c"", AtFlags::EMPTY_PATH)?)
}

/// The extended attributes of an open file, sorted.
///
/// # Errors
/// Of the system.
pub fn xattrs_of_file(file: &File) -> io::Result<Vec<Xattr>> {
    xattr::read(&Subject::Open(file.as_fd()))
}

/// The first byte at or after `from` that is data; none if only a hole follows. Moves the file's position. Where the
/// file system can't tell, all is data.
///
/// # Errors
/// Of the system.
pub fn next_data(file: &File, from: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Data(from)) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(Some(from)),
        Err(error) => Err(error.into()),
    }
}

/// The first byte at or after `from` that is in a hole; the file's end is one. None if the file ends before, or if
/// the file system can't tell. Moves the file's position.
///
/// # Errors
/// Of the system.
pub fn next_hole(file: &File, from: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Hole(from)) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO | Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Appends up to `bytes` bytes from `offset` on to `block`, in as many reads as it takes. Fewer: the file ended.
///
/// # Errors
/// Of the system.
pub fn read_at(file: &File, offset: u64, bytes: usize, block: &mut Vec<u8>) -> io::Result<usize> {
    let start = block.len();
    block.resize(start + bytes, 0);
    let mut done = 0;
    while done < bytes {
        match rustix::io::pread(file, &mut block[start + done..], offset + done as u64) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    block.truncate(start + done);
    Ok(done)
}

/// Writes all of `data` from `offset` on.
///
/// # Errors
/// Of the system; some of it may be written then.
pub fn write_at(file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, data, offset)
}

//! Reading an open file.

use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::stat::{FileKind, Stat};
use crate::model::{Time, Xattr};

/// What the system says of an open file. Its identity is not told.
///
/// # Errors
/// Of the system.
pub fn stat_file(file: &File) -> io::Result<Stat> {
    file.metadata().map(|meta| stat(&meta, 0))
}

/// What the system says of `path`, links followed.
///
/// # Errors
/// Of the system.
pub fn stat_path(path: &Path) -> io::Result<Stat> {
    Ok(stat(&std::fs::metadata(path)?, identity(path)))
}

/// A number for a path, the same for all ways to write it: stands for the inode that is not told.
pub(super) fn identity(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).hash(&mut hasher);
    hasher.finish()
}

pub(super) fn stat(meta: &Metadata, inode: u64) -> Stat {
    let kind = if meta.is_symlink() {
        FileKind::Symlink
    } else if meta.is_dir() {
        FileKind::Folder
    } else {
        FileKind::File
    };
    let writable = if meta.permissions().readonly() { 0o555 } else { 0o755 };
    let mode = if kind == FileKind::File { writable & 0o666 } else { writable };
    let modified = meta.modified().map(time).unwrap_or_default();
    let blocks = meta.len().div_ceil(512);
    Stat {
        kind,
        mode,
        uid: 0,
        gid: 0,
        bytes: meta.len(),
        blocks,
        modified,
        changed: modified,
        device: 0,
        inode,
        links: 1,
    }
}

fn time(at: SystemTime) -> Time {
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => Time::from_seconds(0).plus(since),
        Err(before) => Time::from_seconds(0).minus(before.duration()),
    }
}

/// None are read.
///
/// # Errors
/// None.
pub fn xattrs_of_file(_: &File) -> io::Result<Vec<Xattr>> {
    Ok(Vec::new())
}

/// All is data.
///
/// # Errors
/// None.
pub fn next_data(_: &File, from: u64) -> io::Result<Option<u64>> {
    Ok(Some(from))
}

/// Holes are not told.
///
/// # Errors
/// None.
pub fn next_hole(_: &File, _: u64) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Appends up to `bytes` bytes from `offset` on to `block`. Fewer: the file ended. Moves the file's position.
///
/// # Errors
/// Of the system.
pub fn read_at(mut file: &File, offset: u64, bytes: usize, block: &mut Vec<u8>) -> io::Result<usize> {
    file.seek(SeekFrom::Start(offset))?;
    file.take(bytes as u64).read_to_end(block)
}

/// Writes all of `data` from `offset` on. Moves the file's position.
///
/// # Errors
/// Of the system; some of it may be written then.
pub fn write_at(mut file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(data)
}

//! A restored folder → a copy of it that programs may change. Links and special files are left out.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::private;

const BLOCK: usize = 1 << 20;

/// Bytes of all files below a folder.
pub(super) fn bytes_below(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0_u64;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            bytes = bytes.saturating_add(bytes_below(&entry.path())?);
        } else if kind.is_file() {
            bytes = bytes.saturating_add(entry.metadata()?.len());
        }
    }
    Ok(bytes)
}

/// Copies what lies in `from` into `to`, which is there; each thing made is `given`, each block asks whether to
/// `go_on`.
pub(super) fn copy_below(
    from: &Path,
    to: &Path,
    given: &dyn Fn(&Path) -> io::Result<()>,
    go_on: &dyn Fn(u64) -> bool,
) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            private::new_folder(&path)?;
            copy_below(&entry.path(), &path, given, go_on)?;
        } else if kind.is_file() {
            copy_file(super::open(&entry.path())?, &path, go_on)?;
        } else {
            continue;
        }
        given(&path)?;
    }
    Ok(())
}

/// Copies a file; blocks of zeros become holes.
pub(super) fn copy_file(mut from: impl Read, to: &Path, go_on: &dyn Fn(u64) -> bool) -> io::Result<()> {
    let mut file: File = private::options().create_new(true).open(to)?;
    let (mut block, mut bytes) = (vec![0; BLOCK], 0_u64);
    loop {
        let read = from.read(&mut block)?;
        if read == 0 {
            return file.set_len(bytes);
        }
        if !go_on(read as u64) {
            return Err(io::Error::other("the budget is used up"));
        }
        if block[..read].iter().all(|byte| *byte == 0) {
            io::Seek::seek_relative(&mut file, i64::try_from(read).unwrap_or(0))?;
        } else {
            file.write_all(&block[..read])?;
        }
        bytes += read as u64;
    }
}

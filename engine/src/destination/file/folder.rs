//! One open folder, and what can be done directly in it: every step relative to its descriptor, no link followed.
//!
//! Deliberately absent: paths of more than one name, and any idea of vaults or objects.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Found, Privacy};
use crate::destination::Space;

impl Privacy {
    fn folder_mode(self) -> Mode {
        Mode::from_raw_mode(if self == Self::Private { 0o700 } else { 0o777 })
    }

    fn file_mode(self) -> Mode {
        Mode::from_raw_mode(if self == Self::Private { 0o600 } else { 0o666 })
    }
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder(pub(super) OwnedFd);

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the folder at an address outside; links on the way are the user's own, and followed.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, FOLDER, Mode::empty())?))
    }

    /// Makes the last folder of `path`, and flushes the one that holds it.
    pub fn make_at(path: &Path, privacy: Privacy) -> io::Result<Self> {
        rustix::fs::mkdir(path, privacy.folder_mode())?;
        let above = match path.parent() {
            Some(above) if !above.as_os_str().is_empty() => Self::at(above)?,
            _ => Self::at(Path::new("."))?,
        };
        above.flush()?;
        Self::at(path)
    }

    /// The same folder once more.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Room on its file system. Some network mounts answer with zeros: they do not tell.
    pub fn space(&self) -> io::Result<Option<Space>> {
        let told = rustix::fs::fstatvfs(&self.0)?;
        let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
        Ok((told.f_blocks != 0).then(|| Space { free: bytes(told.f_bavail), total: bytes(told.f_blocks) }))
    }

    /// Opens a folder in this one.
    pub fn folder(&self, name: &str) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// Opens a folder in this one, made first if it is missing.
    pub fn folder_or_make(&self, name: &str, privacy: Privacy) -> io::Result<Self> {
        match self.folder(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        match rustix::fs::mkdirat(&self.0, name, privacy.folder_mode()) {
            Ok(()) | Err(Errno::EXIST) => self.folder(name),
            Err(error) => Err(error.into()),
        }
    }

    /// What lies under `name`; `None` if nothing does.
    pub fn look(&self, name: &str) -> io::Result<Option<Found>> {
        let stat = match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Found::File {
                bytes: u64::try_from(stat.st_size).map_err(|_| io::Error::from(Errno::OVERFLOW))?,
                #[allow(clippy::useless_conversion)] // the width differs by system
                links: u64::from(stat.st_nlink),
            },
            FileType::Directory => Found::Folder,
            _ => Found::Other,
        }))
    }

    /// Opens a file to read.
    pub fn read(&self, name: &str) -> io::Result<File> {
        self.read_with(name, OFlags::empty())
    }

    /// Opens a file to read past the page cache, if that is offered here.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    pub fn read_direct(&self, name: &str) -> Option<File> {
        self.read_with(name, OFlags::DIRECT).ok()
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    pub fn read_direct(&self, _: &str) -> Option<File> {
        None
    }

    /// A pipe under the name does not block.
    fn read_with(&self, name: &str, more: OFlags) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | more;
        let file = File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(Errno::NOENT.into()) }
    }

    /// Opens a file that is there to write on.
    pub fn append(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Makes a new file; one that is there already is an error, and stays as it is.
    pub fn make_file(&self, name: &str, privacy: Privacy) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.0, name, flags, privacy.file_mode())?))
    }

    /// Takes a file's name away; one that is not there is no error.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a file another name that is free.
    ///
    /// Three ways, each tried where the one before is not offered. The third, for file systems with neither an
    /// exclusive rename nor hard links (FAT, exFAT and some network mounts), looks and then renames: a file that takes
    /// the name between the two is replaced. One writer for each vault (DESIGN 5.1) is what keeps that from happening.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        match self.rename_exclusive(from, to) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            done => return Ok(done?),
        }
        match self.rename_by_link(from, to) {
            Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::MLINK | Errno::INVAL) => {}
            done => return Ok(done?),
        }
        Ok(self.rename_after_look(from, to)?)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_exclusive(&self, from: &str, to: &str) -> rustix::io::Result<()> {
        rustix::fs::renameat_with(&self.0, from, &self.0, to, rustix::fs::RenameFlags::NOREPLACE)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_exclusive(&self, _: &str, _: &str) -> rustix::io::Result<()> {
        Err(Errno::NOSYS)
    }

    /// Between the two steps the file has both names; a crash there leaves a temporary name to be swept up.
    pub(super) fn rename_by_link(&self, from: &str, to: &str) -> rustix::io::Result<()> {
        rustix::fs::linkat(&self.0, from, &self.0, to, AtFlags::empty())?;
        rustix::fs::unlinkat(&self.0, from, AtFlags::empty())
    }

    pub(super) fn rename_after_look(&self, from: &str, to: &str) -> rustix::io::Result<()> {
        match rustix::fs::statat(&self.0, to, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => rustix::fs::renameat(&self.0, from, &self.0, to),
            Ok(_) => Err(Errno::EXIST),
            Err(error) => Err(error),
        }
    }

    /// All names in this folder as bytes, `.` and `..` left out, in no order.
    pub fn names(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Makes this folder's names durable. A file system that can't flush folders says `EINVAL`; there the system's own
    /// write-back, a few seconds, decides.
    pub fn flush(&self) -> io::Result<()> {
        match rustix::fs::fsync(&self.0) {
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

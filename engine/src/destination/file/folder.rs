//! One open folder, and what can be done directly in it: every step relative to its descriptor, no link followed.
//!
//! Whether names can be made durable differs by file system. `EINVAL` always says that folders have no flush. What a
//! share or a FUSE daemon answers in its place (`EIO`, `ENOSYS`, `EBADF`, …) is an error like any other, unless the same
//! file system answered so when it was asked with nothing to flush: [`Folder::knowing`].
//!
//! Deliberately absent: paths of more than one name, and any idea of vaults or objects.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Found, NamesKept, Privacy, Renaming};
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
pub(super) struct Folder {
    pub(super) fd: OwnedFd,
    names: NamesKept,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the folder at an address outside; links on the way are the user's own, and followed.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { fd: rustix::fs::open(path, FOLDER, Mode::empty())?, names: NamesKept::WhenFlushed })
    }

    /// Makes the last folder of `path`, and flushes the one that holds it.
    pub fn make_at(path: &Path, privacy: Privacy) -> io::Result<Self> {
        let above = match path.parent() {
            Some(above) if !above.as_os_str().is_empty() => Self::at(above)?,
            _ => Self::at(Path::new("."))?,
        };
        let above = above.knowing();
        rustix::fs::mkdir(path, privacy.folder_mode())?;
        above.flush()?;
        Self::at(path)
    }

    /// The same, knowing whether its file system can flush folders: on a share or a FUSE daemon's it is asked, before
    /// anything was written through this handle. What has a block device of this computer is never asked: an error of a
    /// flush is the device's there (D-7).
    pub fn knowing(self) -> Self {
        let names = if is_served(&self.fd) { kept_by(rustix::fs::fsync(&self.fd)) } else { NamesKept::WhenFlushed };
        Self { names, ..self }
    }

    /// When its names are durable.
    pub fn names_kept(&self) -> NamesKept {
        self.names
    }

    /// The same folder once more.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()?, names: self.names })
    }

    /// Room on its file system. Some network mounts answer with zeros: they do not tell.
    pub fn space(&self) -> io::Result<Option<Space>> {
        let told = rustix::fs::fstatvfs(&self.fd)?;
        let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
        Ok((told.f_blocks != 0).then(|| Space { free: bytes(told.f_bavail), total: bytes(told.f_blocks) }))
    }

    /// Opens a folder in this one.
    pub fn folder(&self, name: &str) -> io::Result<Self> {
        let fd = rustix::fs::openat(&self.fd, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self { fd, names: self.names })
    }

    /// Opens a folder in this one, made first if it is missing.
    pub fn folder_or_make(&self, name: &str, privacy: Privacy) -> io::Result<Self> {
        match self.folder(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
        match rustix::fs::mkdirat(&self.fd, name, privacy.folder_mode()) {
            Ok(()) | Err(Errno::EXIST) => self.folder(name),
            Err(error) => Err(error.into()),
        }
    }

    /// What lies under `name`; `None` if nothing does.
    pub fn look(&self, name: &str) -> io::Result<Option<Found>> {
        let stat = match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
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
        let file = File::from(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(Errno::NOENT.into()) }
    }

    /// Opens a file that is there to write on.
    pub fn append(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(File::from(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?))
    }

    /// Makes a new file; one that is there already is an error, and stays as it is.
    pub fn make_file(&self, name: &str, privacy: Privacy) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.fd, name, flags, privacy.file_mode())?))
    }

    /// Takes a file's name away; one that is not there is no error.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match once_closed(|| rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a file another name that is free, and tells in which way.
    ///
    /// Three ways, each tried where the one before is not offered. The third, for file systems with neither an
    /// exclusive rename nor hard links (FAT, exFAT and some network mounts), looks and then renames: a file that takes
    /// the name between the two is replaced. One writer for each vault (DESIGN 5.1) is what keeps that from happening.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<Renaming> {
        match self.rename_exclusive(from, to) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            done => return Ok(done.map(|()| Renaming::Exclusive)?),
        }
        match self.rename_by_link(from, to) {
            Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::MLINK | Errno::INVAL) => {}
            done => return Ok(done.map(|()| Renaming::ByLink)?),
        }
        Ok(once_closed(|| self.rename_after_look(from, to)).map(|()| Renaming::AfterLook)?)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_exclusive(&self, from: &str, to: &str) -> rustix::io::Result<()> {
        rustix::fs::renameat_with(&self.fd, from, &self.fd, to, rustix::fs::RenameFlags::NOREPLACE)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_exclusive(&self, _: &str, _: &str) -> rustix::io::Result<()> {
        Err(Errno::NOSYS)
    }

    /// Between the two steps the file has both names; a crash there leaves a temporary name to be swept up.
    pub(super) fn rename_by_link(&self, from: &str, to: &str) -> rustix::io::Result<()> {
        rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty())?;
        rustix::fs::unlinkat(&self.fd, from, AtFlags::empty())
    }

    pub(super) fn rename_after_look(&self, from: &str, to: &str) -> rustix::io::Result<()> {
        match rustix::fs::statat(&self.fd, to, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => rustix::fs::renameat(&self.fd, from, &self.fd, to),
            Ok(_) => Err(Errno::EXIST),
            Err(error) => Err(error),
        }
    }

    /// All names in this folder as bytes, `.` and `..` left out, in no order.
    pub fn names(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Makes this folder's names durable. Where folders can't be flushed, the write-back of the system, or of the server
    /// behind it, decides: a few seconds.
    pub fn flush(&self) -> io::Result<()> {
        if self.names == NamesKept::Later {
            return Ok(());
        }
        match rustix::fs::fsync(&self.fd) {
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What was closed may still be open behind a FUSE daemon, which hears of it later; a share refuses to rename or remove
/// what is open. That is waited for, a second at most; what is in use for longer is told.
fn once_closed<T>(mut change: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    for _ in 0..50 {
        match change() {
            Err(Errno::BUSY | Errno::TXTBSY) => std::thread::sleep(std::time::Duration::from_millis(20)),
            done => return done,
        }
    }
    change()
}

/// Is the file system another computer's, or a FUSE daemon's that has no block device of this one?
#[cfg(target_os = "linux")]
fn is_served(fd: &OwnedFd) -> bool {
    // NFS, SMB before 2, CIFS, SMB 2, 9P, AFS, Ceph, Coda, FUSE (virtio-fs too), VirtualBox's and VMware's folders.
    const SERVED: [u64; 11] = [
        0x6969,
        0x517B,
        0xFF53_4D42,
        0xFE53_4D42,
        0x0102_1997,
        0x5346_414F,
        0x00C3_6400,
        0x7375_7245,
        0x6573_5546,
        0x786F_4256,
        0xBACB_ACBC,
    ];
    let (Ok(told), Ok(stat)) = (rustix::fs::fstatfs(fd), rustix::fs::fstat(fd)) else { return false };
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, clippy::cast_possible_truncation)]
    // The type's width differs by architecture; each of these numbers has 32 bits.
    let kind = u64::from(told.f_type as u32);
    // A FUSE daemon with a block device of its own (exFAT, NTFS) has that device's number.
    rustix::fs::major(stat.st_dev) == 0 && SERVED.contains(&kind)
}

#[cfg(not(target_os = "linux"))]
fn is_served(_: &OwnedFd) -> bool {
    false
}

/// What a flush with nothing to flush says of those to come. `ESTALE` and the like are no answer to that.
fn kept_by(asked: rustix::io::Result<()>) -> NamesKept {
    match asked {
        Err(Errno::INVAL | Errno::IO | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BADF | Errno::ACCESS | Errno::PERM) => {
            NamesKept::Later
        }
        Ok(()) | Err(_) => NamesKept::WhenFlushed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_never_could_be_flushed_is_not_asked_again() {
        for errno in [Errno::INVAL, Errno::IO, Errno::NOSYS, Errno::OPNOTSUPP, Errno::BADF] {
            assert_eq!(kept_by(Err(errno)), NamesKept::Later, "{errno}");
        }
        for answer in [Ok(()), Err(Errno::STALE), Err(Errno::NOTCONN), Err(Errno::NOSPC)] {
            assert_eq!(kept_by(answer), NamesKept::WhenFlushed, "{answer:?}");
        }
    }

    #[test]
    fn a_name_that_is_in_use_is_waited_for() {
        let mut busy = 3;
        let mut change = || {
            busy -= 1;
            if busy > 0 { Err(Errno::BUSY) } else { Ok(()) }
        };
        assert_eq!(once_closed(&mut change), Ok(()));
        assert_eq!(once_closed(|| -> rustix::io::Result<()> { Err(Errno::BUSY) }), Err(Errno::BUSY), "not for ever");
        assert_eq!(once_closed(|| -> rustix::io::Result<()> { Err(Errno::IO) }), Err(Errno::IO));
    }

    /// The descriptor is of a kind that no flush takes, so that only the knowledge can make it succeed.
    #[test]
    fn an_error_counts_where_folders_could_be_flushed_before() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path_only = |names| {
            let flags = FOLDER | OFlags::PATH;
            Folder { fd: rustix::fs::open(folder.path(), flags, Mode::empty()).expect("there"), names }
        };
        assert!(path_only(NamesKept::WhenFlushed).flush().is_err());
        path_only(NamesKept::Later).flush().expect("it is not asked");
    }

    #[test]
    fn a_file_system_of_this_computer_is_never_asked() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = Folder::at(folder.path()).expect("there");
        assert!(!is_served(&open.fd));
        assert_eq!(open.knowing().names_kept(), NamesKept::WhenFlushed);
    }
}

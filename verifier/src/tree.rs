//! What lies in a restored tree: the drill's own look at it, sharing no code with the restore.
//!
//! In: a folder. Out: all below it in the order of entries (a folder is followed by all below it, names by their
//! bytes), each as the system describes it. Nothing is changed but the modes of what its owner could not read
//! otherwise, after they were looked at. No link is followed, and no path is too long.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use engine::model::{Digest, EntryPath, Time};
use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// One thing that lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Below the tree's folder.
    pub path: EntryPath,
    /// What it is.
    pub kind: FoundKind,
    /// Apparent size.
    pub bytes: u64,
    /// `0..=0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the content.
    pub modified: Time,
    /// Device and inode: the same for all names of one thing.
    pub inode: (u64, u64),
    /// How many names it has.
    pub links: u64,
    /// By name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device: major, minor.
    Character(u32, u32),
    /// A block device: major, minor.
    Block(u32, u32),
}

impl FoundKind {
    /// The contract's word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
            Self::Symlink(_) => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Character(..) | Self::Block(..) => "device",
        }
    }
}

/// A tree that is looked at in the order of entries.
pub trait Tree {
    /// The next thing; none at the end. After an error the walk goes on behind what could not be looked at.
    fn next(&mut self) -> Option<Result<Found, Unseen>>;
    /// BLAKE3 of the content of the regular file that [`Tree::next`] gave last.
    ///
    /// # Errors
    /// If it can't be read.
    fn digest(&mut self) -> io::Result<Digest>;
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// Where.
    pub path: Vec<u8>,
    /// Why.
    pub why: String,
}

/// A tree on disk.
pub struct DiskTree<'t> {
    stop: &'t dyn Fn() -> bool,
    /// The folders that lead to the last thing.
    open: Vec<Level>,
    /// The last thing, if it is a folder that was not gone into yet.
    enter: bool,
    buffer: Vec<u8>,
}

struct Level {
    fd: OwnedFd,
    path: Vec<u8>,
    /// Names that are left, the next one last.
    names: Vec<CString>,
    /// The last name that was taken.
    name: CString,
}

impl<'t> DiskTree<'t> {
    /// All below `folder`. Once `stop` says so, no content is read to its end any more.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn open(folder: &Path, stop: &'t dyn Fn() -> bool) -> io::Result<Self> {
        let name = CString::new(folder.as_os_str().as_bytes())?;
        let top = Level::open(CWD, &name, Vec::new())?;
        Ok(Self { stop, open: vec![top], enter: false, buffer: vec![0; 1 << 20] })
    }

    fn go_into(&mut self) -> Result<(), Unseen> {
        let Some(level) = self.open.last() else { return Ok(()) };
        let path = level.path_of(&level.name);
        let below = Level::open(level.fd.as_fd(), &level.name, path.clone());
        let below = below.map_err(|error| Unseen { path, why: format!("it can't be listed: {error}") })?;
        self.open.push(below);
        Ok(())
    }

    fn look(&mut self) -> Option<Result<Found, Unseen>> {
        loop {
            let level = self.open.last_mut()?;
            let Some(name) = level.names.pop() else {
                self.open.pop();
                continue;
            };
            level.name = name;
            let path = level.path_of(&level.name);
            let found = level.look(&path).map_err(|error| Unseen { path, why: error.to_string() });
            self.enter = found.as_ref().is_ok_and(|found| found.kind == FoundKind::Folder);
            return Some(found);
        }
    }
}

impl Tree for DiskTree<'_> {
    fn next(&mut self) -> Option<Result<Found, Unseen>> {
        if std::mem::take(&mut self.enter)
            && let Err(unseen) = self.go_into()
        {
            return Some(Err(unseen));
        }
        self.look()
    }

    fn digest(&mut self) -> io::Result<Digest> {
        let level = self.open.last().ok_or(io::ErrorKind::NotFound)?;
        let fd = open_own(level.fd.as_fd(), &level.name, OFlags::empty(), Mode::RUSR)?;
        let mut file = File::from(fd);
        let mut hasher = blake3::Hasher::new();
        loop {
            match file.read(&mut self.buffer) {
                _ if (self.stop)() => return Err(io::Error::other("told to stop")),
                Ok(0) => return Ok(Digest(*hasher.finalize().as_bytes())),
                Ok(read) => {
                    hasher.update_rayon(&self.buffer[..read]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Level {
    fn open(at: impl AsFd, name: &CStr, path: Vec<u8>) -> io::Result<Self> {
        let fd = open_own(at.as_fd(), name, OFlags::DIRECTORY, Mode::RWXU)?;
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&fd)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Self { fd, path, names, name: CString::default() })
    }

    fn path_of(&self, name: &CStr) -> Vec<u8> {
        match &self.path[..] {
            b"" => name.to_bytes().to_vec(),
            above => [above, b"/", name.to_bytes()].concat(),
        }
    }

    fn look(&self, path: &[u8]) -> io::Result<Found> {
        let stat = fs::statat(&self.fd, &*self.name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Found {
            path: EntryPath::parse(path).map_err(io::Error::other)?,
            kind: self.kind(&stat)?,
            bytes: u64::try_from(stat.st_size).map_err(io::Error::other)?,
            mode: Mode::from_raw_mode(stat.st_mode).as_raw_mode() & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            modified: modified(&stat),
            inode: (stat.st_dev, stat.st_ino),
            links: links(&stat),
            xattrs: attributes(&self.address())?,
        })
    }

    fn kind(&self, stat: &Stat) -> io::Result<FoundKind> {
        let device = |make: fn(u32, u32) -> FoundKind| make(fs::major(stat.st_rdev), fs::minor(stat.st_rdev));
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FoundKind::File,
            FileType::Directory => FoundKind::Folder,
            FileType::Symlink => FoundKind::Symlink(fs::readlinkat(&self.fd, &*self.name, Vec::new())?.into_bytes()),
            FileType::Fifo => FoundKind::Fifo,
            FileType::Socket => FoundKind::Socket,
            FileType::CharacterDevice => device(FoundKind::Character),
            FileType::BlockDevice => device(FoundKind::Block),
            FileType::Unknown => return Err(io::Error::other("it is of no known kind")),
        })
    }

    /// A short path to the last name, for calls that take no descriptor.
    fn address(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd())).join(OsStr::from_bytes(self.name.to_bytes()))
    }
}

/// Opens to read what is ours, even if its mode locks its owner out.
fn open_own(at: impl AsFd, name: &CStr, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match fs::openat(&at, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            fs::chmodat(&at, name, mode, AtFlags::empty())?;
            Ok(fs::openat(&at, name, flags, Mode::empty())?)
        }
        answer => Ok(answer?),
    }
}

fn modified(stat: &Stat) -> Time {
    Time { seconds: stat.st_mtime, nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) }
}

// The field is narrower on some systems.
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
fn links(stat: &Stat) -> u64 {
    u64::try_from(stat.st_nlink).unwrap_or(u64::MAX)
}

/// All extended attributes of a name, sorted.
///
/// # Errors
/// If they can't be read; a file system without any has none.
pub(crate) fn attributes(path: &Path) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let names = match growing(|into| fs::llistxattr(path, into)) {
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        answer => answer?,
    };
    let mut found = Vec::new();
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        let value = growing(|into| fs::lgetxattr(path, OsStr::from_bytes(name), into))?;
        found.push((name.to_vec(), value));
    }
    found.sort();
    Ok(found)
}

fn growing(mut ask: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 1 << 10];
    loop {
        match ask(&mut buffer) {
            Err(Errno::RANGE) if buffer.len() < 1 << 26 => buffer.resize(buffer.len() * 4, 0),
            answer => {
                buffer.truncate(answer?);
                return Ok(buffer);
            }
        }
    }
}

//! A folder by its path, and the names in it.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::super::stat::{FileKind, Links, Stat};
use super::content::{identity, stat, stat_file, stat_path};
use crate::model::{DeviceKind, Meta, Time, Xattr};

/// A folder. The one above all drives has an empty path.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

/// Whether owners are set: never, here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// To those of the entry.
    Recorded,
    /// Not at all.
    Maker,
}

/// Whose an entry is, once it was dressed.
#[allow(dead_code, reason = "owners are set elsewhere")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owned {
    /// As it should be, or what keeps it from that was told.
    AsTold,
    /// An ordinary user's who made it, and not its recorded owner's.
    ByMaker,
}

/// A special file: can't be made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
    /// A device node.
    #[allow(dead_code)]
    Device(DeviceKind, u32, u32),
}

type Failed<'a> = &'a mut dyn FnMut(String);

impl Folder {
    /// The folder at `path`; `/` is what is above all drives.
    ///
    /// # Errors
    /// Of the system; `NotADirectory`.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("/") {
            return Ok(Self { path: PathBuf::new() });
        }
        Self::checked(path.to_owned(), Links::Followed)
    }

    fn checked(path: PathBuf, links: Links) -> io::Result<Self> {
        let meta = if links == Links::Kept { fs::symlink_metadata(&path)? } else { fs::metadata(&path)? };
        if meta.is_dir() { Ok(Self { path }) } else { Err(ErrorKind::NotADirectory.into()) }
    }

    fn at(&self, name: &CStr) -> io::Result<PathBuf> {
        let name = name.to_str().map_err(|_| io::Error::new(ErrorKind::InvalidInput, "not a name on this system"))?;
        let is_top = self.path.as_os_str().is_empty();
        if name.contains(['\\', '/']) || (!is_top && name.contains(':')) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not a name on this system"));
        }
        Ok(if is_top { PathBuf::from(format!("{name}\\")) } else { self.path.join(name) })
    }

    /// The folder `name` in this one.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn child(&self, name: &CStr, links: Links) -> io::Result<Self> {
        Self::checked(self.at(name)?, links)
    }

    /// The same as [`Folder::child`].
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn passage(&self, name: &CStr, links: Links) -> io::Result<Self> {
        self.child(name, links)
    }

    /// The folder that holds this one.
    ///
    /// # Errors
    /// None.
    pub fn parent(&self) -> io::Result<Self> {
        Ok(Self { path: self.path.parent().map(Path::to_owned).unwrap_or_default() })
    }

    /// What the system says of it.
    ///
    /// # Errors
    /// Of the system.
    pub fn stat(&self) -> io::Result<Stat> {
        if self.path.as_os_str().is_empty() { stat_path(Path::new("\\")) } else { stat_path(&self.path) }
    }

    /// What the system says of `name`.
    ///
    /// # Errors
    /// Of the system.
    pub fn stat_of(&self, name: &CStr, links: Links) -> io::Result<Stat> {
        let path = self.at(name)?;
        match links {
            Links::Followed => stat_path(&path),
            Links::Kept => Ok(stat(&fs::symlink_metadata(&path)?, identity(&path))),
        }
    }

    /// Calls `each` with every name, in no order. A name that is not Unicode ends it.
    ///
    /// # Errors
    /// Of the system.
    pub fn each_name(&self, each: &mut dyn FnMut(&CStr)) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name().into_string().map_err(|_| io::Error::other("a name is not Unicode"))?;
            each(&CString::new(name)?);
        }
        Ok(())
    }

    /// Opens the regular file `name` to read it.
    ///
    /// # Errors
    /// Of the system; `InvalidInput` if it is no regular file.
    pub fn open_file(&self, name: &CStr, links: Links) -> io::Result<(File, Stat)> {
        if self.stat_of(name, links)?.kind != FileKind::File {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file any more"));
        }
        let file = File::open(self.at(name)?)?;
        let stat = stat_file(&file)?;
        Ok((file, Stat { inode: identity(&self.at(name)?), ..stat }))
    }

    /// What the link `name` points to.
    ///
    /// # Errors
    /// Of the system.
    pub fn link_target(&self, name: &CStr) -> io::Result<Box<[u8]>> {
        Ok(fs::read_link(self.at(name)?)?.into_os_string().into_encoded_bytes().into())
    }

    /// None are read.
    ///
    /// # Errors
    /// None.
    pub fn xattrs(&self) -> io::Result<Vec<Xattr>> {
        Ok(Vec::new())
    }

    /// None are read.
    ///
    /// # Errors
    /// None.
    pub fn xattrs_of(&self, _: &CStr, _: Links) -> io::Result<Vec<Xattr>> {
        Ok(Vec::new())
    }

    pub(crate) fn make_folder(&self, name: &CStr) -> io::Result<()> {
        fs::create_dir(self.at(name)?)
    }

    pub(crate) fn make_file(&self, name: &CStr) -> io::Result<File> {
        File::create_new(self.at(name)?)
    }

    pub(crate) fn make_link(&self, _: &CStr, _: &[u8]) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    pub(crate) fn make_hard_link(&self, name: &CStr, of: &Self, first: &CStr) -> io::Result<()> {
        fs::hard_link(of.at(first)?, self.at(name)?)
    }

    pub(crate) fn make_node(&self, _: &CStr, _: NodeKind) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    pub(crate) fn rename_over(&self, from: &CStr, to: &CStr) -> io::Result<()> {
        fs::rename(self.at(from)?, self.at(to)?)
    }

    pub(crate) fn rename_new(&self, from: &CStr, to: &CStr) -> io::Result<()> {
        match fs::symlink_metadata(self.at(to)?) {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => self.rename_over(from, to),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn remove(&self, name: &CStr) -> io::Result<()> {
        fs::remove_file(self.at(name)?)
    }

    pub(crate) fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { path: self.path.clone() })
    }

    pub(crate) fn unlock(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn unlock_child(&self, _: &CStr) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    /// The time of a folder can't be set through the standard library.
    pub(crate) fn dress(&self, _: &Meta, _: Ownership, _: Failed<'_>) -> Owned {
        Owned::AsTold
    }

    pub(crate) fn dress_name(&self, _: &CStr, _: FileKind, _: &Meta, _: Ownership, _: Failed<'_>) -> Owned {
        Owned::AsTold
    }
}

/// Sets the time, and puts the file on the medium, for there is no call for all of them at the end.
pub(crate) fn dress_file(file: &File, meta: &Meta, _: Ownership, failed: Failed<'_>) -> Owned {
    let at = UNIX_EPOCH.checked_add(meta.modified.since(Time::default()));
    let before = UNIX_EPOCH.checked_sub(Time::default().since(meta.modified));
    let moment = if meta.modified.seconds < 0 { before } else { at };
    let set = moment.ok_or_else(|| io::Error::other("out of range")).and_then(|moment| file.set_modified(moment));
    if let Err(error) = set {
        failed(format!("time not set: {error}"));
    }
    if let Err(error) = file.sync_all() {
        failed(format!("it may not be on the disk: {error}"));
    }
    Owned::AsTold
}

/// Each file was flushed already.
pub(crate) fn flush_all(_: &Folder) -> io::Result<()> {
    Ok(())
}

/// Makes the folder at `path` and what is missing above it; rights are inherited.
pub(crate) fn make_private_folders(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Never told apart.
#[must_use]
pub fn is_loop(_: &io::Error) -> bool {
    false
}

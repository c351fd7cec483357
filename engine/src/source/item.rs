//! The rest of one entry of a folder, read while that folder is still open.

use std::ffi::CStr;
use std::io;

use super::content::FileContent;
use super::view::View;
use super::{Content, Item};
use crate::model::{Time, Xattr};
use crate::platform::Links;

/// A name in an open folder.
pub(super) struct FolderItem<'a> {
    pub(super) within: &'a View,
    pub(super) name: &'a CStr,
    pub(super) links: Links,
}

impl FolderItem<'_> {
    /// A name that is there is not gone, whatever a call says: `/proc`, which some calls need, may be missing, or the
    /// file system contradict itself. What is gone is passed over without a word, so that must be sure.
    fn surely<T>(&self, answer: io::Result<T>) -> io::Result<T> {
        answer.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound if self.within.stat_of(self.name, self.links).is_ok() => {
                io::Error::other(format!("it is there, and can't be reached: {error}"))
            }
            _ => error,
        })
    }
}

impl Item for FolderItem<'_> {
    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        self.surely(self.within.xattrs_of(self.name, self.links))
    }

    fn link_target(&mut self) -> io::Result<Box<[u8]>> {
        self.surely(self.within.link_target(self.name))
    }

    fn as_of(&self) -> Option<Time> {
        self.within.as_of()
    }

    fn open(&mut self) -> io::Result<Box<dyn Content>> {
        let (file, stat) = self.surely(self.within.open_file(self.name, self.links))?;
        Ok(Box::new(FileContent::new(file, stat)))
    }
}

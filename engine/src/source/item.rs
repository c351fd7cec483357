//! The rest of one entry of a folder, read while that folder is still open.

use std::ffi::CStr;
use std::io;

use super::content::FileContent;
use super::{Content, Item};
use crate::model::Xattr;
use crate::platform::{Folder, Links};

/// A name in an open folder.
pub(super) struct FolderItem<'a> {
    pub(super) within: &'a Folder,
    pub(super) name: &'a CStr,
    pub(super) links: Links,
}

impl Item for FolderItem<'_> {
    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        self.within.xattrs_of(self.name, self.links)
    }

    fn link_target(&mut self) -> io::Result<Box<[u8]>> {
        self.within.link_target(self.name)
    }

    fn open(&mut self) -> io::Result<Box<dyn Content>> {
        let (file, stat) = self.within.open_file(self.name, self.links)?;
        Ok(Box::new(FileContent::new(file, stat)))
    }
}

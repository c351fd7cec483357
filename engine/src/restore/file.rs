//! One regular file being restored: written under a name of its own, dressed, then given its place.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;

use super::tree::{Existing, TreeError, TreeWriter};
use crate::model::{Entry, EntryPath, Meta};
use crate::platform;

/// Tries for a temporary name before something is plainly wrong.
const NAMES_MAX: u32 = 1000;

/// Takes the bytes of one file, in any order; what is not written stays a hole. Dropped unfinished, it leaves nothing.
pub struct FileWriter<'a> {
    tree: &'a mut TreeWriter,
    path: EntryPath,
    meta: Meta,
    name: CString,
    /// None once it has its place.
    temporary: Option<CString>,
    file: File,
    bytes: u64,
}

impl<'a> FileWriter<'a> {
    pub(super) fn begin<C>(tree: &'a mut TreeWriter, entry: &Entry<C>, name: CString, bytes: u64) -> io::Result<Self> {
        if tree.existing() == Existing::Keep && tree.has(&name)? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (file, temporary) = make_temporary(tree)?;
        let (path, meta) = (entry.path.clone(), entry.meta.clone());
        let writer = Self { tree, path, meta, name, temporary: Some(temporary), file, bytes };
        writer.file.set_len(bytes)?;
        Ok(writer)
    }

    /// Writes `data` at `offset`.
    ///
    /// # Errors
    /// [`TreeError::Make`]: of the system, or if it reaches beyond the size of the file.
    pub fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), TreeError> {
        let end = offset.checked_add(data.len() as u64);
        let inside = end.is_some_and(|end| end <= self.bytes);
        let beyond = || Err(io::Error::new(io::ErrorKind::InvalidInput, "a run reaches beyond the size of the file"));
        let written = if inside { platform::write_at(&self.file, offset, data) } else { beyond() };
        written.map_err(|source| self.failed(source))
    }

    /// Sets the metadata and gives the file its name. Metadata that can't be set is a problem of the tree's.
    ///
    /// # Errors
    /// [`TreeError::Make`]: nothing of it is left then.
    pub fn finish(mut self) -> Result<(), TreeError> {
        let mut failed = Vec::new();
        let owner = self.tree.ownership();
        let owned = platform::dress_file(&self.file, &self.meta, owner, &mut |problem| failed.push(problem));
        self.tree.count(owned);
        failed.into_iter().for_each(|problem| self.tree.problem(self.path.as_bytes(), problem));
        let Some(temporary) = &self.temporary else { return Ok(()) };
        let place = match self.tree.existing() {
            Existing::Keep => self.tree.here().rename_new(temporary, &self.name),
            Existing::Replace => self.tree.here().rename_over(temporary, &self.name),
        };
        place.map_err(|source| self.failed(source))?;
        self.temporary = None;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> TreeError {
        TreeError::Make { path: self.path.clone(), source }
    }
}

impl Drop for FileWriter<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Nobody is left to be told; the name says that it is nothing.
            let _ = self.tree.here().remove(temporary);
        }
    }
}

fn make_temporary(tree: &TreeWriter) -> io::Result<(File, CString)> {
    for number in 0..NAMES_MAX {
        let name = CString::new(format!(".tmp-restore-{}-{number}", std::process::id()))?;
        match tree.here().make_file(&name) {
            Ok(file) => return Ok((file, name)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no temporary name is free"))
}

impl TreeWriter {
    fn has(&self, name: &CStr) -> io::Result<bool> {
        match self.here().stat_of(name, platform::Links::Kept) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

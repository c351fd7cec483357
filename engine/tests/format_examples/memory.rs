//! A store of the document's files.

use std::collections::BTreeMap;
use std::io;

use engine::destination::{ErrorKind, Listed, ObjectRead, ReadStore, Space, StoreError};
use engine::model::VaultPath;

use crate::document::Document;

/// Files by path; nothing can be written.
pub struct Memory(BTreeMap<String, Vec<u8>>);

struct Reading(io::Cursor<Vec<u8>>);

impl Memory {
    /// The files of the document at the paths of its block `names`: one line each, label and path.
    pub fn of(document: &Document) -> Self {
        let line = |line: &str| {
            let (label, path) = line.split_once(' ').expect("a label and a path");
            (path.trim().to_owned(), document.bytes(label))
        };
        Self(document.text("names").lines().map(line).collect())
    }

    /// The same files, the one with `from` in its path under another.
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        let old = self.0.keys().find(|path| path.contains(from)).expect("a path of the document").clone();
        let bytes = self.0.remove(&old).expect("found");
        self.0.insert(old.replace(from, to), bytes);
        self
    }

    /// The same files and one more.
    pub fn with(mut self, path: &str, bytes: Vec<u8>) -> Self {
        self.0.insert(path.to_owned(), bytes);
        self
    }

    fn file(&self, path: &VaultPath) -> Result<&Vec<u8>, StoreError> {
        let missing = || StoreError::new(ErrorKind::NotFound, "read", path.to_string(), "not in the document");
        self.0.get(path.as_str()).ok_or_else(missing)
    }
}

impl ReadStore for Memory {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        Ok(self.0.get(path.as_str()).map(|bytes| bytes.len() as u64))
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        let rest = self.file(path)?.iter().skip(usize::try_from(offset).expect("small"));
        Ok(rest.take(bytes).copied().collect())
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        let here = |path: &String| VaultPath::parse(path).expect("a path of the document");
        let listed = self.0.iter().map(|(path, bytes)| Listed { path: here(path), bytes: Some(bytes.len() as u64) });
        Ok(listed.filter(|listed| listed.path.folder() == *folder).collect())
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(Box::new(Reading(io::Cursor::new(self.file(path)?.clone()))))
    }

    fn finished_file(&self, _: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        Ok(None)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        Ok(None)
    }

    fn still_there(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl ObjectRead for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        io::Read::read(&mut self.0, buffer).map_err(|error| StoreError::from_io("read", "memory", error))
    }
}

//! What the file system behind a folder can do, tried on one object that its owner can spare.
//!
//! In: an object that was just finished. Out: answers; the object has its name again. Deliberately absent: what follows
//! from them, and what every store is asked.

use std::io;
use std::time::SystemTime;

use super::{FileStore, NamesKept, Renaming};
use crate::destination::StoreError;
use crate::model::VaultPath;

/// How a folder behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manners {
    /// When names are durable.
    pub names: NamesKept,
    /// How a file is given a free name.
    pub renaming: Renaming,
    /// Are names that differ by case only the same?
    pub case: Case,
    /// Can files be locked against other processes?
    pub locks: Locks,
    /// When the object was written, by the clock of the place.
    pub written: Option<SystemTime>,
}

/// Whether upper and lower case count in names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They do.
    Counts,
    /// They do not.
    Ignored,
}

/// Whether files can be locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// They can.
    Offered,
    /// They can't.
    NotOffered,
}

impl FileStore {
    /// Tries what can be done with the object at `path`, whose name has a letter.
    ///
    /// # Errors
    /// As the place answers; the object may then lie under its name with `-renamed` behind it.
    pub fn manners(&self, path: &VaultPath) -> Result<Manners, StoreError> {
        self.tried(path).map_err(|error| self.fail("try", path, error))
    }

    fn tried(&self, path: &VaultPath) -> io::Result<Manners> {
        let (folder, name) = (self.folder(&path.folder())?, path.file_name());
        let file = folder.append(name)?;
        let written = file.metadata()?.modified().ok();
        let locks = if file.try_lock().is_ok() { Locks::Offered } else { Locks::NotOffered };
        drop(file);
        let other = folder.look(&name.to_ascii_uppercase())?;
        let case = if other.is_some() { Case::Ignored } else { Case::Counts };
        let elsewhere = format!("{name}-renamed");
        let renaming = folder.rename(name, &elsewhere)?;
        folder.rename(&elsewhere, name)?;
        Ok(Manners { names: self.names_kept(), renaming, case, locks, written })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{path, put};
    use super::*;
    use crate::destination::Privacy;

    #[test]
    fn the_disk_of_the_tests_has_good_manners_and_the_object_keeps_its_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = FileStore::open(folder.path(), Privacy::Umask).expect("there");
        put(&store, "spare", b"x").expect("put");
        let manners = store.manners(&path("spare")).expect("tried");
        assert_eq!((manners.case, manners.locks), (Case::Counts, Locks::Offered));
        assert_eq!((manners.names, manners.renaming), (NamesKept::WhenFlushed, Renaming::Exclusive));
        let age = SystemTime::now().duration_since(manners.written.expect("told")).unwrap_or_default();
        assert!(age.as_secs() < 60, "{age:?}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("list").count(), 1);
        assert_eq!(std::fs::read(folder.path().join("spare")).expect("there"), b"x");
    }
}

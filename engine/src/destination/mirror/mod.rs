//! A place of layout `mirror` as a store: files lie under the names that the program which made them gave them, and
//! everything else of a vault lies in `.offsite/` beside them.
//!
//! In: paths in a vault, and an [`Index`] that tells which of its packs are files. Out: the same of the place below. Every
//! rule of `destination` holds. Nothing that lies at a file's place is replaced: `create` is `Exists`, whoever wrote it.
//!
//! Two points may hold different files of one name (an index that the program writes anew with each image). The newest
//! one lies under the name; those before it are set aside in `.offsite/older/`, copied and read back there before they go.
//! Deliberately absent: what the files are, whose they are, empty folders.

mod index;

pub use index::Index;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    ErrorKind, Finish, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, TEMPORARY_PREFIX,
    WriteStore, temporary,
};
use crate::model::{Digest, Distance, MirrorFile, ObjectName, PackId, VaultPath};

/// The folder beside the files.
pub const FOLDER: &str = ".offsite";
/// What is read and written at once where a file is set aside.
const BLOCK: usize = 1 << 20;

/// See the module.
pub struct MirrorStore {
    inner: Arc<dyn WriteStore>,
    index: Index,
    /// What is known to be set aside at a server, where each look is a round trip.
    older: Mutex<Option<BTreeSet<PackId>>>,
}

/// Where a path of the vault lies.
enum Spot {
    /// In the folder beside the files, by the path that it has in a vault.
    Beside(VaultPath),
    /// A file.
    File(PackId, MirrorFile),
    /// What was written of a file that is not finished.
    Unfinished(PackId, MirrorFile),
}

impl MirrorStore {
    /// The mirror at a place.
    #[must_use]
    pub fn new(inner: Arc<dyn WriteStore>) -> Self {
        Self { inner, index: Index::default(), older: Mutex::default() }
    }

    fn spot(&self, path: &VaultPath) -> Result<Spot, StoreError> {
        let file = |path: &VaultPath| match ObjectName::at(path) {
            Some(ObjectName::Pack(id)) => self.index.file(&id).map(|file| (id, file)),
            _ => None,
        };
        if let Some((id, file)) = file(path) {
            return Ok(Spot::File(id, file));
        }
        let finished = path.file_name().strip_prefix(TEMPORARY_PREFIX).and_then(|name| path.folder().child(name).ok());
        if let Some((id, file)) = finished.and_then(|path| file(&path)) {
            return Ok(Spot::Unfinished(id, file));
        }
        Ok(Spot::Beside(beside(path)?))
    }

    /// Where it lies, or would.
    fn lies_at(&self, path: &VaultPath) -> Result<VaultPath, StoreError> {
        match self.spot(path)? {
            Spot::Beside(path) => Ok(path),
            Spot::File(id, file) => self.place_of(&id, &file),
            Spot::Unfinished(id, file) => temporary(&match self.coming(&id, &file)? {
                Coming::Aside => aside(&id)?,
                Coming::Named | Coming::InPlaceOf(_) => named(&file)?,
            }),
        }
    }

    /// Where a file lies: set aside, or under its name, if what lies there is not another point's.
    fn place_of(&self, id: &PackId, file: &MirrorFile) -> Result<VaultPath, StoreError> {
        let (named, aside) = (named(file)?, aside(id)?);
        if self.is_aside(id, &aside)? {
            return Ok(aside);
        }
        let rivals = self.index.rivals(id);
        if rivals.is_empty() {
            return Ok(named);
        }
        let is_its_own = match self.owner(&named, (id, file), &rivals)? {
            Owner::Nobody => true,
            Owner::Is(owner) => owner == *id,
            // Ours, and no longer what it was: of the newest that was put there.
            Owner::Unknown => {
                self.index.holds(id) && self.not_aside(&rivals)?.is_none_or(|it| self.index.is_newer(id, &it))
            }
        };
        Ok(if is_its_own { named } else { aside })
    }

    /// What has to be done before a file can be written that is not there.
    fn coming(&self, id: &PackId, file: &MirrorFile) -> Result<Coming, StoreError> {
        let rivals = self.index.rivals(id);
        if rivals.is_empty() {
            return Ok(Coming::Named);
        }
        let owner = match self.owner(&named(file)?, (id, file), &rivals)? {
            Owner::Nobody => None,
            Owner::Is(owner) => Some(owner).filter(|owner| owner != id),
            Owner::Unknown => self.not_aside(&rivals)?,
        };
        Ok(match owner {
            Some(owner) if self.index.is_newer(id, &owner) => Coming::InPlaceOf(owner),
            Some(_) => Coming::Aside,
            None => Coming::Named,
        })
    }

    /// The newest of these that lies under its name, or should.
    fn not_aside(&self, rivals: &[(PackId, MirrorFile)]) -> Result<Option<PackId>, StoreError> {
        for (id, _) in rivals {
            if !self.is_aside(id, &aside(id)?)? {
                return Ok(Some(*id));
            }
        }
        Ok(None)
    }

    /// Which of the files of one name lies under it: the one that is asked for, if it has the same bytes.
    fn owner(
        &self,
        at: &VaultPath,
        (id, file): (&PackId, &MirrorFile),
        rivals: &[(PackId, MirrorFile)],
    ) -> Result<Owner, StoreError> {
        let Some(bytes) = self.inner.stat(at)? else { return Ok(Owner::Nobody) };
        let claims = std::iter::once((id, file)).chain(rivals.iter().map(|(id, file)| (id, file)));
        let claims: Vec<_> = claims.filter(|(_, file)| file.bytes == bytes).collect();
        if claims.is_empty() {
            return Ok(Owner::Unknown);
        }
        let digest = self.digest(at)?;
        Ok(claims.into_iter().find(|(_, file)| file.digest == digest).map_or(Owner::Unknown, |(id, _)| Owner::Is(*id)))
    }

    /// Does another file that was put there share its place, with the same bytes?
    fn is_shared(&self, id: &PackId, file: &MirrorFile) -> Result<bool, StoreError> {
        for (rival, other) in self.index.rivals(id) {
            if other.digest == file.digest && !self.is_aside(&rival, &aside(&rival)?)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes a file away wherever it lies: twice, where setting it aside broke off.
    fn remove(&self, id: &PackId, file: &MirrorFile) -> Result<(), StoreError> {
        let (named, aside) = (named(file)?, aside(id)?);
        let place = self.place_of(id, file)?;
        let rivals = self.index.rivals(id);
        let lies_named = place == named || self.owner(&named, (id, file), &rivals)? == Owner::Is(*id);
        if lies_named && self.index.holds(id) && !self.is_shared(id, file)? {
            self.inner.delete(&named)?;
        }
        if place == aside {
            self.inner.delete(&aside)?;
            self.older().as_mut().map(|older| older.remove(id));
        }
        self.index.hold(id, false);
        Ok(())
    }

    /// Was it set aside? Asked also where no other file of its name is known: who restores one point knows no others.
    fn is_aside(&self, id: &PackId, aside: &VaultPath) -> Result<bool, StoreError> {
        if self.inner.distance() == Distance::Local {
            return Ok(self.inner.stat(aside)?.is_some());
        }
        let mut older = self.older();
        let listed = match older.take() {
            Some(listed) => listed,
            None => {
                self.inner.list(&aside.folder())?.iter().filter_map(|it| it.path.file_name().parse().ok()).collect()
            }
        };
        Ok(older.insert(listed).contains(id))
    }

    fn older(&self) -> MutexGuard<'_, Option<BTreeSet<PackId>>> {
        self.older.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn digest(&self, at: &VaultPath) -> Result<Digest, StoreError> {
        let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; BLOCK]);
        let mut read = self.inner.read_medium(at)?;
        loop {
            match read.read(&mut buffer)? {
                0 => return Ok(Digest(*hasher.finalize().as_bytes())),
                bytes => hasher.update(&buffer[..bytes]),
            };
        }
    }

    /// Keeps an older point's file, as it is, for its restore. It goes from under its name only when it reads back there.
    fn set_aside(&self, owner: &PackId, named: &VaultPath) -> Result<(), StoreError> {
        let aside = aside(owner)?;
        if self.inner.stat(&aside)?.is_none() {
            self.copied(named, &aside).inspect_err(|_| {
                // A place that is full has its room back.
                let _ = temporary(&aside).and_then(|left| self.inner.delete(&left));
            })?;
        }
        self.older().as_mut().map(|older| older.insert(*owner));
        if self.digest(named)? == self.digest(&aside)? {
            return self.inner.delete(named);
        }
        let why = "what was set aside does not read back as it was";
        Err(StoreError::new(ErrorKind::Permanent, "set aside", named.as_str(), why))
    }

    fn copied(&self, from: &VaultPath, to: &VaultPath) -> Result<(), StoreError> {
        let mut writer = self.inner.create(to)?;
        let (mut read, mut buffer) = (self.inner.read_on(from, 0)?, vec![0; BLOCK]);
        loop {
            match read.read(&mut buffer)? {
                0 => return writer.finish().map(drop),
                bytes => writer.write(&buffer[..bytes])?,
            }
        }
    }
}

/// Whose the bytes under a name are.
#[derive(PartialEq, Eq)]
enum Owner {
    /// Nothing lies there.
    Nobody,
    /// This file, as it should be.
    Is(PackId),
    /// None of those that have the name.
    Unknown,
}

/// How a file gets its place.
enum Coming {
    /// Under its name: nothing of ours has it.
    Named,
    /// Under its name, once this one is set aside.
    InPlaceOf(PackId),
    /// Set aside: a newer point's has the name.
    Aside,
}

/// A file on its way, that is held once it is finished.
struct Writing<'m> {
    inner: Box<dyn ObjectWrite + 'm>,
    index: &'m Index,
    id: PackId,
}

#[deny(clippy::missing_trait_methods)]
impl ObjectWrite for Writing<'_> {
    fn kept(&self) -> u64 {
        self.inner.kept()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> Result<Resume, StoreError> {
        self.inner.flush()
    }

    fn finish(self: Box<Self>) -> Result<Finish, StoreError> {
        let finished = self.inner.finish()?;
        self.index.hold(&self.id, true);
        Ok(finished)
    }
}

/// Has a folder on the way given way to something else, a link say? Then nothing of ours lies behind it.
fn is_behind_another(error: &StoreError) -> bool {
    const TOO_MANY_LINKS: i32 = 40;
    error.source.kind() == io::ErrorKind::NotADirectory || error.source.raw_os_error() == Some(TOO_MANY_LINKS)
}

/// What lies in the folder beside the files.
fn beside(path: &VaultPath) -> Result<VaultPath, StoreError> {
    let folder = VaultPath::foreign(FOLDER.as_bytes()).map_err(|error| unfit(path.as_str(), &error))?;
    if path.as_str().is_empty() {
        return Ok(folder);
    }
    folder.foreign_child(path.as_str()).map_err(|error| unfit(path.as_str(), &error))
}

/// Where older points' files are kept whose names newer ones have.
fn aside(id: &PackId) -> Result<VaultPath, StoreError> {
    let name = format!("older/{id}");
    beside(&VaultPath::parse(&name).map_err(|error| unfit(&name, &error))?)
}

/// Where the program that made it left it.
fn named(file: &MirrorFile) -> Result<VaultPath, StoreError> {
    let text = file.path.to_string();
    if file.path.parts().next() == Some(FOLDER.as_bytes()) {
        return Err(unfit(&text, &"the folder of that name is the engine's own"));
    }
    if file.path.file_name().starts_with(TEMPORARY_PREFIX.as_bytes()) {
        return Err(unfit(&text, &"names that begin so are the engine's own"));
    }
    VaultPath::foreign(file.path.as_bytes())
        .map_err(|_| unfit(&text, &"its name is not UTF-8, or has control characters"))
}

/// Why no mirror can hold a file under its name, if that is so.
#[must_use]
pub fn unfit_name(file: &MirrorFile) -> Option<String> {
    named(file).err().map(|error| error.source.to_string())
}

fn unfit(path: &str, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::new(ErrorKind::Permanent, "keep in a mirror", path, why.to_string())
}

#[deny(clippy::missing_trait_methods)]
impl ReadStore for MirrorStore {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        let found = self.lies_at(path).and_then(|at| self.inner.stat(&at));
        if found.as_ref().is_err_and(is_behind_another) { Ok(None) } else { found }
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        self.inner.read(&self.lies_at(path)?, offset, bytes)
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.inner.read_on(&self.lies_at(path)?, offset)
    }

    /// Files are not listed: what else lies beside them is nobody's business here.
    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        let own = |listed: Listed| {
            let path = listed.path.as_str().strip_prefix(FOLDER)?.strip_prefix('/')?;
            Some(Listed { path: VaultPath::parse(path).ok()?, ..listed })
        };
        Ok(self.inner.list(&beside(folder)?)?.into_iter().filter_map(own).collect())
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.inner.read_medium(&self.lies_at(path)?)
    }

    fn finished_file(&self, _: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        Ok(None)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.inner.space()
    }

    fn distance(&self) -> Distance {
        self.inner.distance()
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.inner.still_there()
    }

    fn mirror(&self) -> Option<&Index> {
        Some(&self.index)
    }
}

#[deny(clippy::missing_trait_methods)]
impl WriteStore for MirrorStore {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.resume(path, &Resume::default())
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        let (id, at) = match self.spot(path)? {
            Spot::Beside(path) => (None, path),
            Spot::File(id, file) | Spot::Unfinished(id, file) => {
                let named = named(&file)?;
                let at = match self.coming(&id, &file)? {
                    Coming::Named => named,
                    Coming::Aside => aside(&id)?,
                    Coming::InPlaceOf(owner) => {
                        self.set_aside(&owner, &named)?;
                        named
                    }
                };
                (Some(id), at)
            }
        };
        let inner = if *left == Resume::default() { self.inner.create(&at) } else { self.inner.resume(&at, left) }?;
        Ok(match id {
            Some(id) => Box::new(Writing { inner, index: &self.index, id }),
            None => inner,
        })
    }

    /// Files of one name are told apart by what lies there: one after the other.
    fn lanes(&self) -> usize {
        if self.index.has_rivals() { 1 } else { self.inner.lanes() }
    }

    fn lanes_max(&self) -> usize {
        if self.index.has_rivals() { 1 } else { self.inner.lanes_max() }
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        let deleted = match self.spot(path)? {
            Spot::File(id, file) => self.remove(&id, &file),
            Spot::Beside(_) | Spot::Unfinished(..) => self.inner.delete(&self.lies_at(path)?),
        };
        if deleted.as_ref().is_err_and(is_behind_another) { Ok(()) } else { deleted }
    }
}

#[cfg(test)]
mod tests;

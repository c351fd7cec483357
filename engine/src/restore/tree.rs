//! Entries and bytes → a tree below a target folder, never anything outside it.
//!
//! In: entries in their order, whole or some of them; missing folders above them are made. Out: files, folders, links
//! and special files with all their metadata; what could not be set, as [`Problem`]s.
//!
//! Every name is made, opened or replaced through the descriptor of the folder it stands in, one part at a time, and no
//! symbolic link is ever followed: neither `..` (which an [`EntryPath`] can't have), nor a link that lay there before,
//! nor one from the same restore leads out. Folders get their metadata when the order leaves them, the deepest first.
//! Deliberately absent: reading packs, choosing a placement, deciding what to restore.

use std::ffi::{CStr, CString};
use std::io;
use std::path::{Path, PathBuf};

use super::file::FileWriter;
use crate::model::{Entry, EntryPath, Kind, Meta, Problem};
use crate::platform::{self, FileKind, Folder, Links, NodeKind, Owned, Ownership};

/// What becomes of things that lie in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They stay, and the entry fails.
    Keep,
    /// They are replaced, links and all; a folder never is by something else.
    Replace,
}

/// Whose the entries become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// The recorded owners'. For root one that can't be set is a problem; an ordinary user may not give files away, and
    /// keeps what he restores, without set-id bits of others: that is counted, and no problem.
    Recorded,
    /// Of whoever restores (`--no-owner`). Set-id bits of others are left out then.
    Restorer,
}

/// How to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeOptions {
    /// What becomes of things in the way.
    pub existing: Existing,
    /// Whose the entries become.
    pub owners: Owners,
}

/// One entry that could not be made; the next one may be given all the same.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The target can't be made or opened.
    #[error("{} can't be used", path.display())]
    Target {
        /// As it was given.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Entries out of order, or one below something that is no folder: not a manifest that we wrote.
    #[error("{path} does not follow the entry before it")]
    Order {
        /// The entry.
        path: EntryPath,
    },
    /// The system refused to make it.
    #[error("{path} can't be restored")]
    Make {
        /// The entry.
        path: EntryPath,
        /// Why; `AlreadyExists` if something is in the way.
        #[source]
        source: io::Error,
    },
    /// The first name of a further one can't be reached or linked to: restore the content again instead.
    #[error("{path} can't be made one more name of {first}")]
    Link {
        /// The entry.
        path: EntryPath,
        /// The first name.
        first: EntryPath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file was given as something else, or the other way round.
    #[error("{path} is a {kind}")]
    Kind {
        /// The entry.
        path: EntryPath,
        /// What it is.
        kind: &'static str,
    },
}

/// Problems that are kept one by one; more are only counted.
const PROBLEMS_MAX: usize = 10_000;

/// A folder that is being filled.
struct Open {
    /// The whole path; none for the target.
    path: Option<EntryPath>,
    folder: Folder,
    /// What it gets when it is left; none if it is not an entry of the point.
    meta: Option<Meta>,
}

/// Recreates entries below a target.
pub struct TreeWriter {
    target: Folder,
    options: TreeOptions,
    /// The folders that lead to the last entry, the target first.
    open: Vec<Open>,
    last: Option<EntryPath>,
    last_is_folder: bool,
    pub(super) problems: Vec<Problem>,
    more_problems: u64,
    /// Entries that are the restorer's for want of the right to give them away.
    kept: u64,
}

/// What a tree came to.
pub(super) struct Ended {
    /// What could not be set.
    pub problems: Vec<Problem>,
    /// Entries that are the restorer's for want of the right to give them away.
    pub kept: u64,
}

impl TreeWriter {
    /// Opens the target, and makes it where it is missing, for its owner only.
    ///
    /// # Errors
    /// [`TreeError::Target`].
    pub fn begin(target: &Path, options: TreeOptions) -> Result<Self, TreeError> {
        let opened = || -> io::Result<(Folder, Folder)> {
            platform::make_private_folders(target)?;
            let folder = Folder::open(target)?;
            Ok((folder.try_clone()?, folder))
        };
        let (target, top) = opened().map_err(|source| TreeError::Target { path: target.to_owned(), source })?;
        let open = vec![Open { path: None, folder: top, meta: None }];
        Ok(Self {
            target,
            options,
            open,
            last: None,
            last_is_folder: true,
            problems: Vec::new(),
            more_problems: 0,
            kept: 0,
        })
    }

    /// Makes a folder, or takes the one that is there; its metadata comes when the entries leave it.
    ///
    /// # Errors
    /// [`TreeError::Order`], [`TreeError::Make`], [`TreeError::Kind`].
    pub fn folder<C>(&mut self, entry: &Entry<C>) -> Result<(), TreeError> {
        if !matches!(entry.kind, Kind::Folder) {
            return Err(wrong_kind(entry));
        }
        let name = self.arrive(entry)?;
        self.descend(&name, &entry.path)?;
        if let Some(open) = self.open.last_mut() {
            open.meta = Some(entry.meta.clone());
        }
        Ok(())
    }

    /// Begins a regular file, of the size of its content, all hole; the data is written next. It has its name only
    /// when it is finished.
    ///
    /// # Errors
    /// [`TreeError::Order`], [`TreeError::Make`], [`TreeError::Kind`].
    pub fn file<C>(&mut self, entry: &Entry<C>) -> Result<FileWriter<'_>, TreeError> {
        let Kind::File(content) = &entry.kind else { return Err(wrong_kind(entry)) };
        let name = self.arrive(entry)?;
        FileWriter::begin(self, entry, name, content.bytes).map_err(|source| made(&entry.path, source))
    }

    /// Makes anything that is neither a folder nor a regular file. For a further name of an entry, that entry must
    /// have been restored here before; that this is so, the caller knows.
    ///
    /// # Errors
    /// [`TreeError::Order`], [`TreeError::Make`], [`TreeError::Link`], [`TreeError::Kind`].
    pub fn other<C>(&mut self, entry: &Entry<C>) -> Result<(), TreeError> {
        let (kind, node) = match &entry.kind {
            Kind::File(_) | Kind::Folder => return Err(wrong_kind(entry)),
            Kind::Hardlink(first) => return self.hard_link(entry, first),
            Kind::Symlink(target) => {
                let name = self.arrive(entry)?;
                self.make(entry, &name, |folder, name| folder.make_link(name, target))?;
                self.dress(entry, &name, FileKind::Symlink);
                return Ok(());
            }
            Kind::Fifo => (FileKind::Fifo, NodeKind::Fifo),
            Kind::Socket => (FileKind::Socket, NodeKind::Socket),
            &Kind::Device { kind, major, minor } => {
                (FileKind::Device { kind, major, minor }, NodeKind::Device(kind, major, minor))
            }
        };
        let name = self.arrive(entry)?;
        self.make(entry, &name, |folder, name| folder.make_node(name, node))?;
        self.dress(entry, &name, kind);
        Ok(())
    }

    /// Leaves all folders and flushes what was written. Gives what could not be set.
    #[must_use]
    pub fn finish(self) -> Vec<Problem> {
        self.end().problems
    }

    /// The same, and whose the entries are.
    pub(super) fn end(mut self) -> Ended {
        self.leave_until(|_| false);
        if let Err(error) = platform::flush_all(&self.target) {
            self.problem(b"", format!("not all may be on the disk: {error}"));
        }
        if self.more_problems > 0 {
            self.problems.push(Problem::new(b"", format!("and {} more problems", self.more_problems)));
        }
        Ended { problems: self.problems, kept: self.kept }
    }

    /// An entry was dressed.
    pub(super) fn count(&mut self, owned: Owned) {
        self.kept += u64::from(owned == Owned::ByMaker);
    }

    pub(super) fn problem(&mut self, path: &[u8], problem: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem::new(path, problem));
        } else {
            self.more_problems += 1;
        }
    }

    pub(super) const fn ownership(&self) -> Ownership {
        match self.options.owners {
            Owners::Recorded => Ownership::Recorded,
            Owners::Restorer => Ownership::Maker,
        }
    }

    pub(super) const fn existing(&self) -> Existing {
        self.options.existing
    }

    /// The folder that the last entry stands in.
    pub(super) fn here(&self) -> &Folder {
        self.open.last().map_or(&self.target, |open| &open.folder)
    }

    /// Goes to the folder of `entry`, through the order's only way; gives the last part of its name.
    fn arrive<C>(&mut self, entry: &Entry<C>) -> Result<CString, TreeError> {
        let path = &entry.path;
        let follows =
            self.last.as_ref().is_none_or(|last| last < path && (self.last_is_folder || !path.is_within(last)));
        if !follows {
            return Err(TreeError::Order { path: path.clone() });
        }
        self.last = Some(path.clone());
        self.last_is_folder = matches!(entry.kind, Kind::Folder);
        self.leave_until(|open| path.is_within(open) && path != open);
        let have = self.open.last().and_then(|open| open.path.as_ref()).map_or(0, |open| open.parts().count());
        let parts: Vec<&[u8]> = path.parts().collect();
        let (&name, above) = parts.split_last().ok_or_else(|| TreeError::Order { path: path.clone() })?;
        for depth in have..above.len() {
            let missing = EntryPath::parse(&parts[..=depth].join(&b'/')).map_err(|_| order(path))?;
            self.descend(&c_name(parts[depth]).map_err(|source| made(path, source))?, &missing)?;
        }
        c_name(name).map_err(|source| made(path, source))
    }

    /// Opens the folder `name` of the folder at hand, made if it is missing, and makes it the one at hand.
    fn descend(&mut self, name: &CStr, path: &EntryPath) -> Result<(), TreeError> {
        let folder = self.open_or_make(name).map_err(|source| made(path, source))?;
        self.open.push(Open { path: Some(path.clone()), folder, meta: None });
        Ok(())
    }

    fn open_or_make(&self, name: &CStr) -> io::Result<Folder> {
        let here = self.here();
        match here.make_folder(name) {
            Ok(()) => return here.child(name, Links::Kept),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let is_folder = here.stat_of(name, Links::Kept)?.kind == FileKind::Folder;
        if !is_folder {
            if self.options.existing == Existing::Keep {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            here.remove(name)?;
            here.make_folder(name)?;
        }
        let folder = match here.child(name, Links::Kept) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                here.unlock_child(name)?;
                here.child(name, Links::Kept)?
            }
            answer => answer?,
        };
        // It may be ours and locked, or another's and open to us: what can't be made in it will say so.
        let _ = folder.unlock();
        Ok(folder)
    }

    /// Leaves folders, the deepest first, until one is the target or the order's `stay`; each gets its metadata.
    fn leave_until(&mut self, stay: impl Fn(&EntryPath) -> bool) {
        while let Some(Open { path: Some(path), .. }) = self.open.last() {
            if stay(path) {
                return;
            }
            let Some(Open { path: Some(path), folder, meta: Some(meta) }) = self.open.pop() else { continue };
            let mut failed = Vec::new();
            let owned = folder.dress(&meta, self.ownership(), &mut |problem| failed.push(problem));
            self.count(owned);
            failed.into_iter().for_each(|problem| self.problem(path.as_bytes(), problem));
        }
    }

    /// Makes a name that is no folder's; what has it is removed first where that is wanted.
    fn make<C>(
        &self,
        entry: &Entry<C>,
        name: &CStr,
        make: impl Fn(&Folder, &CStr) -> io::Result<()>,
    ) -> Result<(), TreeError> {
        replacing(self.here(), self.options.existing, name, make).map_err(|source| made(&entry.path, source))
    }

    fn dress<C>(&mut self, entry: &Entry<C>, name: &CStr, kind: FileKind) {
        let mut failed = Vec::new();
        let owner = self.ownership();
        let owned = self.here().dress_name(name, kind, &entry.meta, owner, &mut |problem| failed.push(problem));
        self.count(owned);
        failed.into_iter().for_each(|problem| self.problem(entry.path.as_bytes(), problem));
    }

    fn hard_link<C>(&mut self, entry: &Entry<C>, first: &EntryPath) -> Result<(), TreeError> {
        if *first >= entry.path {
            return Err(order(&entry.path));
        }
        let name = self.arrive(entry)?;
        let link = |source| TreeError::Link { path: entry.path.clone(), first: first.clone(), source };
        let (of, first_name) = self.find(first).map_err(link)?;
        replacing(self.here(), self.options.existing, &name, |folder, name| {
            folder.make_hard_link(name, &of, &first_name)
        })
        .map_err(link)
    }

    /// The folder of an entry restored before, and its name there.
    fn find(&self, path: &EntryPath) -> io::Result<(Folder, CString)> {
        let mut folder = self.target.try_clone()?;
        let parts: Vec<&[u8]> = path.parts().collect();
        let Some((name, above)) = parts.split_last() else { return Err(io::ErrorKind::InvalidInput.into()) };
        for part in above {
            folder = folder.passage(&c_name(part)?, Links::Kept)?;
        }
        Ok((folder, c_name(name)?))
    }
}

fn replacing(
    folder: &Folder,
    existing: Existing,
    name: &CStr,
    make: impl Fn(&Folder, &CStr) -> io::Result<()>,
) -> io::Result<()> {
    match make(folder, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && existing == Existing::Replace => {
            // Fails for a folder: nothing but a folder ever takes the place of one.
            folder.remove(name)?;
            make(folder, name)
        }
        answer => answer,
    }
}

fn c_name(part: &[u8]) -> io::Result<CString> {
    Ok(CString::new(part)?)
}

fn order(path: &EntryPath) -> TreeError {
    TreeError::Order { path: path.clone() }
}

fn made(path: &EntryPath, source: io::Error) -> TreeError {
    TreeError::Make { path: path.clone(), source }
}

fn wrong_kind<C>(entry: &Entry<C>) -> TreeError {
    TreeError::Kind { path: entry.path.clone(), kind: entry.kind.as_str() }
}

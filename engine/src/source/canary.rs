//! Canaries (`canary = true`) at the source: a file of known content in each configured folder.
//!
//! In: configured folders. Out: what stands at each canary's place, or a plot to plant one on. Invariants: every name
//! is reached through the open folder above it, no link is followed; what stands there is never replaced or removed,
//! nor what stands under the name of an unfinished one, unless it is the beginning of ours;
//! nothing is written where the walk would not take it from: the engine's own folders, what the patterns leave out.
//! Deliberately absent: whether one should be planted. What the job's point before says of that is not known here.

use std::ffi::{CStr, CString};
use std::io::{self, Read, Write};
use std::path::{Component, Path};

use super::exclude::Asked;
use super::folders::Folders;
use super::own;
use crate::model::{
    CANARY, CANARY_UNFINISHED, EntryPath, JobName, Meta, Time, canary, canary_in, is_canary, is_canary_path,
};
use crate::platform::{FileKind, Folder, Links, Ownership, Stat, dress_file};

/// A longer file is no canary.
const BYTES_MAX: u64 = 64 << 10;
/// What `mkfs` leaves in a folder that holds nothing.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// A place for a canary.
#[derive(Debug)]
pub struct CanarySpot {
    /// Where it stands in a point.
    pub path: EntryPath,
    /// The file system that the folder lies on, if it could be looked at.
    pub device: Option<u64>,
    /// What is there.
    pub found: CanaryFound,
}

/// What stands at a canary's place.
#[derive(Debug)]
pub enum CanaryFound {
    /// A canary as it was planted, by whichever job.
    Whole,
    /// Something else.
    Rewritten,
    /// Nothing.
    Nothing(Plot),
    /// That can't be told, or none can stand there.
    Unknown(String),
}

/// A folder without a canary.
#[derive(Debug)]
pub struct Plot {
    folder: Folder,
    stat: Stat,
    /// Is there nothing else in it either?
    pub bare: bool,
}

impl Folders {
    /// The places of canaries, one in each of the folders that are there; a configured file has none.
    #[must_use]
    pub fn canaries(&self) -> Vec<CanarySpot> {
        let own = own::ids(&self.own, &self.root_paths);
        let mut spots: Vec<CanarySpot> =
            self.root_paths.iter().filter_map(|root| self.canary_spot(root, &own)).collect();
        spots.sort_by(|one, other| one.path.cmp(&other.path));
        spots.dedup_by(|one, other| one.path == other.path);
        spots
    }

    /// None where a walk tells by itself why nothing of the folder is protected.
    fn canary_spot(&self, root: &Path, own: &[own::Id]) -> Option<CanarySpot> {
        let path = canary_in(root)?;
        let (device, found) = match reach(root, own) {
            Ok(folder) => {
                let device = folder.stat().ok().map(|stat| stat.device);
                let left_out = self.excludes.leave_out(path.as_bytes(), Asked::Other);
                let unknown = |why: io::Error| CanaryFound::Unknown(why.to_string());
                let left_out = left_out.then(|| io::Error::other("the patterns of the job leave it out"));
                (device, left_out.map_or_else(|| look(folder), Err).unwrap_or_else(unknown))
            }
            Err(Unreached::Untold) => return None,
            Err(Unreached::Told(why)) => (None, CanaryFound::Unknown(why)),
        };
        Some(CanarySpot { path, device, found })
    }
}

enum Unreached {
    /// The walk tells, or it is no folder.
    Untold,
    Told(String),
}

impl From<io::Error> for Unreached {
    fn from(error: io::Error) -> Self {
        Self::Told(error.to_string())
    }
}

/// Opens the folder, name by name, through no link.
fn reach(root: &Path, own: &[own::Id]) -> Result<Folder, Unreached> {
    let mut folder = Folder::open(Path::new("/"))?;
    for part in root.components() {
        let Component::Normal(name) = part else { continue };
        let name = CString::new(name.as_encoded_bytes()).map_err(io::Error::other)?;
        let stat = match folder.stat_of(&name, Links::Kept) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unreached::Untold),
            stat => stat?,
        };
        match stat.kind {
            FileKind::Folder if own.contains(&(stat.device, stat.inode)) => return Err(Unreached::Untold),
            FileKind::Folder => folder = folder.passage(&name, Links::Kept)?,
            FileKind::Symlink => {
                let name = name.to_string_lossy().into_owned();
                return Err(Unreached::Told(format!("`{name}` is a link: name the folder that it leads to")));
            }
            _ => return Err(Unreached::Untold),
        }
    }
    Ok(folder.child(c".", Links::Kept)?)
}

fn look(folder: Folder) -> io::Result<CanaryFound> {
    let name = &CString::new(CANARY)?;
    match folder.stat_of(name, Links::Kept) {
        Ok(stat) if stat.kind == FileKind::File => {
            let whole = is_canary(&read(&folder, name)?);
            Ok(if whole { CanaryFound::Whole } else { CanaryFound::Rewritten })
        }
        Ok(_) => Ok(CanaryFound::Rewritten),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bare = true;
            folder.each_name(&mut |name| bare &= is_nothing(name))?;
            Ok(CanaryFound::Nothing(Plot { stat: folder.stat()?, folder, bare }))
        }
        Err(error) => Err(error),
    }
}

fn taken(unfinished: &CStr) -> String {
    format!("`{}` is there, is no canary and is needed as a name: call it something else", unfinished.to_string_lossy())
}

fn is_nothing(name: &CStr) -> bool {
    is_canary_path(name.to_bytes()) || name.to_bytes() == LOST_AND_FOUND
}

fn read(folder: &Folder, name: &CStr) -> io::Result<Vec<u8>> {
    let (file, _) = folder.open_file(name, Links::Kept)?;
    let mut content = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut content)?;
    Ok(content)
}

impl Plot {
    /// Plants a canary of the job; the folder's owner gets it, so that whoever may rewrite what is beside it may
    /// rewrite it too. It has its name once it is whole and flushed. Where another has the name by then, that one stays.
    ///
    /// # Errors
    /// Of the system; nothing stays then. A user's file of the name that an unfinished one has is left, and one more.
    pub fn plant(self, job: &JobName, now: Time) -> io::Result<()> {
        let name = CString::new(CANARY)?;
        let unfinished = CString::new(format!("{CANARY_UNFINISHED}{job}"))?;
        self.clear_away(&unfinished, job)?;
        let planted = self.write(&unfinished, job, now).and_then(|()| self.folder.rename_new(&unfinished, &name));
        match planted {
            // What makes it lost is a power cut, and then it is planted again.
            Ok(()) => drop(self.folder.flush()),
            Err(_) => drop(self.folder.remove(&unfinished)),
        }
        planted.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
    }

    /// What a planting that was killed left goes: it has the job's name, and is a beginning of the job's canary.
    /// Whatever else is called so is the user's.
    fn clear_away(&self, unfinished: &CStr, job: &JobName) -> io::Result<()> {
        let begun = match self.folder.stat_of(unfinished, Links::Kept) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            stat => {
                stat?.kind == FileKind::File && canary(job).as_bytes().starts_with(&read(&self.folder, unfinished)?)
            }
        };
        if begun { self.folder.remove(unfinished) } else { Err(io::Error::other(taken(unfinished))) }
    }

    fn write(&self, name: &CStr, job: &JobName, now: Time) -> io::Result<()> {
        let mut file = self.folder.make_file(name)?;
        file.write_all(canary(job).as_bytes())?;
        let Stat { uid, gid, .. } = self.stat;
        let meta = Meta { mode: 0o644, uid, gid, modified: now, xattrs: Vec::new() };
        // Not every file system has owners and modes.
        let _ = dress_file(&file, &meta, Ownership::Recorded, &mut |_| ());
        file.sync_all()
    }
}

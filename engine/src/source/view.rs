//! An open folder as the walk sees it: itself, or the same folder in a snapshot with what the snapshot lacks beside it.
//!
//! In a snapshot, all reads come from there, and device numbers are told as those of the live files, for a file is the
//! same in the next snapshot. What is another file system or subvolume at that place is not in a snapshot: it is reached
//! through the live folder, which is kept open beside, and read as it is. Invariant: nothing that a snapshot holds an
//! empty folder for is taken for empty.
//! Deliberately absent: a single *file* that something is mounted over is read as it lies below the mount.

use std::ffi::CStr;
use std::fs::File;
use std::io;

use crate::model::{Time, Xattr};
use crate::platform::{self, FileKind, Folder, Links, PLACEHOLDER_INODE, Stat};

/// See the module.
#[derive(Debug)]
pub(super) struct View {
    folder: Folder,
    snapshot: Option<InSnapshot>,
}

#[derive(Debug)]
struct InSnapshot {
    /// The live folder; none if it is not where it was.
    live: Option<Folder>,
    made: Made,
}

/// What a snapshot stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made {
    /// The snapshot's own device number.
    pub(super) device: u64,
    /// Of the live files.
    pub(super) live_device: u64,
    /// It was made no earlier than this.
    pub(super) as_of: Time,
}

/// Where a name is read.
enum Found {
    Here(Stat),
    Live(Stat),
}

impl View {
    /// A folder as it is.
    pub(super) const fn live(folder: Folder) -> Self {
        Self { folder, snapshot: None }
    }

    /// The folder in a snapshot, and the live one.
    pub(super) const fn snapshot(folder: Folder, live: Folder, made: Made) -> Self {
        Self { folder, snapshot: Some(InSnapshot { live: Some(live), made }) }
    }

    /// The folder itself, if it is live.
    pub(super) fn into_live(self) -> Result<Folder, Self> {
        if self.is_live() { Ok(self.folder) } else { Err(self) }
    }

    pub(super) const fn is_live(&self) -> bool {
        self.snapshot.is_none()
    }

    /// The moment that its files are of, if not the one at hand.
    pub(super) fn as_of(&self) -> Option<Time> {
        self.snapshot.as_ref().map(|snapshot| snapshot.made.as_of)
    }

    pub(super) fn stat(&self) -> io::Result<Stat> {
        Ok(self.told(self.folder.stat()?))
    }

    pub(super) fn stat_of(&self, name: &CStr, links: Links) -> io::Result<Stat> {
        match self.find(name, links)? {
            Found::Here(stat) | Found::Live(stat) => Ok(stat),
        }
    }

    pub(super) fn each_name(&self, each: &mut dyn FnMut(&CStr)) -> io::Result<()> {
        self.folder.each_name(each)
    }

    pub(super) fn child(&self, name: &CStr, links: Links) -> io::Result<Self> {
        self.below(name, links, Folder::child)
    }

    pub(super) fn passage(&self, name: &CStr, links: Links) -> io::Result<Self> {
        self.below(name, links, Folder::passage)
    }

    /// The folder above, in the same snapshot if this is in one: only asked where the walk came from there.
    pub(super) fn parent(&self) -> io::Result<Self> {
        let folder = self.folder.parent()?;
        let Some(InSnapshot { live, made }) = &self.snapshot else { return Ok(Self::live(folder)) };
        let stat = self.told(folder.stat()?);
        let live = live.as_ref().and_then(|live| same(live.parent(), &stat));
        Ok(Self { folder, snapshot: Some(InSnapshot { live, made: *made }) })
    }

    pub(super) fn open_file(&self, name: &CStr, links: Links) -> io::Result<(File, Stat)> {
        let (file, stat) = self.place(name, links)?.open_file(name, links)?;
        Ok((file, self.told(stat)))
    }

    pub(super) fn link_target(&self, name: &CStr) -> io::Result<Box<[u8]>> {
        self.folder.link_target(name)
    }

    pub(super) fn xattrs_of(&self, name: &CStr, links: Links) -> io::Result<Vec<Xattr>> {
        self.place(name, links)?.xattrs_of(name, links)
    }

    fn below(
        &self,
        name: &CStr,
        links: Links,
        open: fn(&Folder, &CStr, Links) -> io::Result<Folder>,
    ) -> io::Result<Self> {
        let Some(InSnapshot { live, made }) = &self.snapshot else {
            return Ok(Self::live(open(&self.folder, name, links)?));
        };
        match (self.find(name, links)?, live) {
            (Found::Live(_), Some(live)) => Ok(Self::live(open(live, name, links)?)),
            (Found::Here(stat), _) => {
                let folder = open(&self.folder, name, Links::Kept)?;
                let live = live.as_ref().and_then(|live| same(live.passage(name, Links::Kept), &stat));
                Ok(Self { folder, snapshot: Some(InSnapshot { live, made: *made }) })
            }
            (Found::Live(_), None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The folder that a name is to be read in.
    fn place(&self, name: &CStr, links: Links) -> io::Result<&Folder> {
        let live = self.snapshot.as_ref().and_then(|snapshot| snapshot.live.as_ref());
        match (self.find(name, links)?, live) {
            (Found::Live(_), Some(live)) => Ok(live),
            _ => Ok(&self.folder),
        }
    }

    fn find(&self, name: &CStr, links: Links) -> io::Result<Found> {
        let Some(InSnapshot { live, made }) = &self.snapshot else {
            return Ok(Found::Here(self.folder.stat_of(name, links)?));
        };
        let stat = self.folder.stat_of(name, Links::Kept)?;
        let found = match stat.kind {
            // A link that a person named leads where it leads for that person.
            FileKind::Symlink if links == Links::Followed => {
                let live = live.as_ref().ok_or(io::ErrorKind::NotFound)?;
                Found::Live(live.stat_of(name, links)?)
            }
            FileKind::Folder => find_folder(name, self.told(stat), live.as_ref(), *made)?,
            _ => Found::Here(self.told(stat)),
        };
        Ok(found)
    }

    /// As if it were of the live files.
    fn told(&self, stat: Stat) -> Stat {
        match &self.snapshot {
            Some(InSnapshot { made, .. }) if stat.device == made.device => Stat { device: made.live_device, ..stat },
            _ => stat,
        }
    }
}

/// Where a folder of a snapshot is read; `stat` is as if it were live.
fn find_folder(name: &CStr, stat: Stat, live: Option<&Folder>, made: Made) -> io::Result<Found> {
    let now = live.map(|live| live.stat_of(name, Links::Kept)).transpose();
    match (now, live) {
        (Ok(Some(now)), Some(live)) if now.kind == FileKind::Folder => {
            let is_elsewhere = now.device != made.live_device
                || (now.inode != stat.inode && platform::is_mount_point(live, name).unwrap_or(false));
            if is_elsewhere {
                return Ok(Found::Live(now));
            }
        }
        // A subvolume was there, and can't be looked at.
        (Err(error), _) if is_placeholder(&stat) && error.kind() != io::ErrorKind::NotFound => return Err(error),
        (Ok(None), _) if is_placeholder(&stat) => {
            let why = "a subvolume stands here, and the folder that holds it was moved while it was read";
            return Err(io::Error::other(why));
        }
        _ => {}
    }
    Ok(Found::Here(stat))
}

/// Does this empty folder stand for a subvolume?
pub(super) const fn is_placeholder(stat: &Stat) -> bool {
    stat.inode == PLACEHOLDER_INODE
}

/// The live folder, if it is the one that the snapshot holds.
fn same(live: io::Result<Folder>, stat: &Stat) -> Option<Folder> {
    live.ok().filter(|live| live.stat().is_ok_and(|now| now.is_same_inode(stat)))
}

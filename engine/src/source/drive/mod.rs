//! A drive → one file: the image of it, block by block.
//!
//! In: a block device, a file that holds an image, or a mount point. Out: one entry of the drive's whole size; what its
//! file systems do not use is a hole, and so is what is zero. Invariants: what is not certainly unused is read; a drive
//! that can't be read whole makes no point; one that is mounted neither, but where the job says `live`.
//! Deliberately absent: freezing, snapshots, going on after read errors.

mod content;
mod target;
mod unused;

use std::path::PathBuf;

use content::Image;
use target::{Target, Use};
use unused::{Looking, unused};

use super::outputs::Failed;
use super::program::Stop;
use super::{FileKind, Source, SourceFailed, Stat, Verdict, Visitor, Walked};
use crate::model::{Problem, Time};
use crate::platform;

/// May a drive be read while it is mounted?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// No: then there is no point.
    Refused,
    /// Yes, and what that risks is told.
    Allowed,
}

/// See the module.
pub struct Drive {
    path: PathBuf,
    live: Live,
    stop: Stop,
    now: Time,
}

const RISK: &str = "it is mounted and was read while it may have been written to: what was restored from this point may \
                    need its file system's repair, as after a power cut, and files that were written meanwhile may mix \
                    old and new";

impl Drive {
    /// A source of the drive at `path`, as of `now`.
    pub fn new(path: PathBuf, live: Live, stop: Stop, now: Time) -> Self {
        Self { path, live, stop, now }
    }

    /// Of a device all is as of now, so that it is never unchanged; an image file says itself when it changed.
    fn stat(&self, target: &Target, mounted: Mounted) -> Result<Stat, SourceFailed> {
        let failed = |error| target.failed(&error);
        if let (Some(file), Mounted::No) = (target.image(), mounted) {
            let stat = platform::stat_path(file).map_err(failed)?;
            return Ok(Stat { links: 1, ..stat });
        }
        let (uid, gid) = platform::user_and_group();
        let (now, kind) = (self.now, FileKind::File);
        let bytes = target.bytes;
        Ok(Stat {
            kind,
            mode: 0o600,
            uid,
            gid,
            bytes,
            blocks: 0,
            modified: now,
            changed: now,
            device: 0,
            inode: 0,
            links: 1,
        })
    }
}

/// Is the drive mounted, or otherwise in use?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mounted {
    No,
    Yes,
}

impl Source for Drive {
    fn walk(&mut self, visitor: &mut dyn Visitor) -> Result<(), SourceFailed> {
        let target = Target::resolve(&self.path)?;
        let in_use = target.in_use()?;
        let mounted = if in_use.is_some() { Mounted::Yes } else { Mounted::No };
        if let Some(used) = &in_use {
            self.allow(&target, used)?;
            visitor.warning(Problem::new(target.entry.as_bytes(), RISK));
            used.mounts.iter().for_each(|mount| platform::flush_mounted(mount));
        }
        let looking = Looking { target: &target, mounted, stop: &self.stop };
        let found = unused(&looking).map_err(|error| target.failed(&error))?;
        for note in found.notes {
            visitor.warning(Problem::new(target.entry.as_bytes(), note));
        }
        let empty: u64 = found.runs.iter().map(|run| run.end - run.start).sum();
        let stat = self.stat(&target, mounted)?;
        let stat = Stat { blocks: stat.blocks.max(target.bytes.saturating_sub(empty) / 512), ..stat };
        let walked = Walked { path: target.entry.clone(), stat, first_name: None };
        let failed = Failed::default();
        let mut image = Image { target: &target, stat, mounted, unused: found.runs.into(), failed: failed.clone() };
        let verdict = visitor.entry(&walked, &mut image);
        if let Some(why) = failed.take() {
            return Err(SourceFailed::new(why, "a drive with bad blocks: rescue it first, as with `ddrescue`"));
        }
        // Mounted after we looked, it is no less torn than one that was mounted before.
        match target.in_use()? {
            Some(used) if mounted == Mounted::No && verdict != Verdict::Stop => self.allow(&target, &used),
            _ => Ok(()),
        }
    }
}

impl Drive {
    fn allow(&self, target: &Target, used: &Use) -> Result<(), SourceFailed> {
        if self.live == Live::Allowed {
            return Ok(());
        }
        let why = format!("{} is in use: {}", target.node.display(), used.why);
        let advice = "unmount it, or say `live = true` beside `drive`: then it is read as it is, and what is restored \
                      may need its file system's repair, as after a power cut";
        Err(SourceFailed::new(why, advice))
    }
}

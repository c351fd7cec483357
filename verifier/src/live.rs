//! Is the right thing in the backup? A job's folders as they are now, beside its newest point.
//!
//! In: what the point holds, the job's folders and patterns. Out: what of the source is in no point, what the patterns
//! hide, what nobody can read, and whether a sample of files still has the content that the point has.
//! The folders are looked at with the system's calls alone; the engine's own walk is asked only for what it leaves out,
//! and why. Nothing is written, no link is followed below a folder that the job names.
//! Deliberately absent: sources that are no folders; whether any of it fails a drill: it does not, the copy is as it is.

mod known;
mod look;

use std::path::PathBuf;

use engine::config::Folders;
use engine::model::Time;
use engine::source::LeftOut;

pub use known::Known;
pub use look::look;

/// Files whose content is compared, at most.
pub(crate) const SAMPLE_FILES: usize = 32;
/// Their bytes, at most.
pub(crate) const SAMPLE_BYTES: u64 = 64 << 20;

/// Findings of one kind that are kept; more are only counted.
const KEPT_MAX: usize = 20;

/// What is looked at.
pub struct Asked<'a> {
    /// The job's folders.
    pub folders: &'a Folders,
    /// Folders of the engine's own.
    pub own: Vec<PathBuf>,
    /// As of when the point is.
    pub created: Time,
    /// Draws the sample.
    pub seed: u64,
    /// Asked all the time: stop, or no time left?
    pub stop: &'a dyn Fn() -> bool,
}

/// Paths with their bytes, the first or largest of them, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// Some of them.
    pub some: Vec<(PathBuf, u64)>,
    /// All.
    pub count: u64,
    /// Of all.
    pub bytes: u64,
}

impl Paths {
    fn add(&mut self, path: PathBuf, bytes: u64) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.some.len() < KEPT_MAX {
            self.some.push((path, bytes));
        }
    }
}

/// What is left out of points on purpose, by the topmost name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// The folder or file.
    pub path: PathBuf,
    /// Why.
    pub why: LeftOut,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What the source holds that the point does not, as far as it was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// Regular files there now.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that came, changed or moved since the point was made: the next one has them.
    pub newer: Paths,
    /// Files that were there already, and are not in the point.
    pub in_no_point: Paths,
    /// Files whose content is not what the point has, though nothing says that they changed.
    pub differs: Paths,
    /// What could not be read.
    pub unreadable: Paths,
    /// What is left out on purpose, the largest first, and how many there are in all.
    pub hidden: Vec<Hidden>,
    /// Of all that is hidden.
    pub hidden_bytes: u64,
    /// Files whose content was compared, and their bytes.
    pub sampled: (u64, u64),
    /// It was not looked at to the end.
    pub unfinished: bool,
}

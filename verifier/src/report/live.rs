//! What a drill says of a job's live source, as JSON and in lines for people.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use engine::report::{Page, PathText, size, utc};
use engine::source::LeftOut;
use serde::{Deserialize, Serialize};

use crate::live::{Live, Paths};
use crate::outside::Outside;

/// Paths of one kind that people are shown.
const SHOWN_MAX: usize = 5;

/// The live source beside the point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LiveReport {
    files: u64,
    bytes: u64,
    newer: PathsReport,
    in_no_point: PathsReport,
    differs: PathsReport,
    unreadable: PathsReport,
    hidden: Vec<HiddenReport>,
    hidden_bytes: u64,
    sampled_files: u64,
    sampled_bytes: u64,
    finished: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PathsReport {
    count: u64,
    bytes: u64,
    some: Vec<SizedPath>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SizedPath {
    #[serde(flatten)]
    path: PathText,
    bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct HiddenReport {
    #[serde(flatten)]
    path: SizedPath,
    files: u64,
    why: String,
}

/// A folder that no job has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OutsideReport {
    #[serde(flatten)]
    folder: SizedPath,
    files: u64,
    newest: String,
    at_least: bool,
}

impl OutsideReport {
    /// Of one of them.
    #[must_use]
    pub fn of(outside: &Outside) -> Self {
        let folder = sized(&outside.folder, outside.bytes);
        Self { folder, files: outside.files, newest: utc(outside.newest), at_least: outside.at_least }
    }

    /// The sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let more = if self.at_least { "at least " } else { "" };
        format!("You are not backing up {} ({more}{})", self.folder.path, size(self.folder.bytes))
    }
}

fn sized(path: &Path, bytes: u64) -> SizedPath {
    SizedPath { path: PathText::new(path.as_os_str().as_bytes()), bytes }
}

const fn why(left_out: LeftOut) -> &'static str {
    match left_out {
        LeftOut::Excluded => "excluded",
        LeftOut::CacheTag => "CACHEDIR.TAG",
        LeftOut::NoBackup => ".nobackup",
        LeftOut::OtherFileSystem => "another file system",
        LeftOut::OwnFolder => "the engine's own",
    }
}

impl PathsReport {
    fn of(paths: &Paths) -> Self {
        let some = paths.some.iter().map(|(path, bytes)| sized(path, *bytes)).collect();
        Self { count: paths.count, bytes: paths.bytes, some }
    }

    fn people(&self, page: &mut Page, what: &str) {
        if self.count == 0 {
            return;
        }
        page.line(format!("  source: {} files ({}) {what}", self.count, size(self.bytes)));
        self.some.iter().take(SHOWN_MAX).for_each(|path| page.line(format!("    {}", path.path)));
    }
}

impl LiveReport {
    /// Of one look.
    #[must_use]
    pub fn of(live: &Live) -> Self {
        let hidden = live.hidden.iter().map(|hidden| HiddenReport {
            path: sized(&hidden.path, hidden.bytes),
            files: hidden.files,
            why: why(hidden.why).to_owned(),
        });
        Self {
            files: live.files,
            bytes: live.bytes,
            newer: PathsReport::of(&live.newer),
            in_no_point: PathsReport::of(&live.in_no_point),
            differs: PathsReport::of(&live.differs),
            unreadable: PathsReport::of(&live.unreadable),
            hidden: hidden.collect(),
            hidden_bytes: live.hidden_bytes,
            sampled_files: live.sampled.0,
            sampled_bytes: live.sampled.1,
            finished: !live.unfinished,
        }
    }

    pub(super) fn people(&self, page: &mut Page) {
        if self.files == 0 && self.finished {
            page.line("  source: there is no file in it now: is that what should be protected?");
        }
        self.in_no_point.people(page, "were there when the point was made, and are not in it:");
        self.differs.people(page, "differ from the point, and nothing says that they changed since:");
        self.unreadable.people(page, "can't be read, or are not there:");
        let hidden = self.hidden.iter().filter(|hidden| hidden.path.bytes > 0 && hidden.why != why(LeftOut::OwnFolder));
        for hidden in hidden.take(SHOWN_MAX) {
            let (path, bytes) = (&hidden.path.path, size(hidden.path.bytes));
            page.line(format!("  source: {path} ({bytes}) is left out: {}", hidden.why));
        }
        if !self.finished {
            page.line("  source: there was no time to look at all of it");
        }
    }
}

//! What a drill says of a job's live source, as JSON and in lines for people.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use engine::report::{Page, PathText, size, utc};
use engine::source::LeftOut;
use serde::{Deserialize, Serialize};

use super::summary::number;
use crate::live::{Live, Paths, SAMPLE_BYTES, SAMPLE_FILES};
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
    /// Only what lies in it directly: what is below is told by itself, or a job has it.
    #[serde(default)]
    directly: bool,
}

/// What no job has, as it stands in a report; null where it was not looked for, or the reason why not all was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NotBackedUp {
    /// The largest first.
    pub not_backed_up: Option<Vec<OutsideReport>>,
    /// Why it was not looked for, or not to the end.
    pub not_backed_up_reason: Option<String>,
}

impl NotBackedUp {
    /// For people, a sentence each: what was found, and whether that is all.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let told = self.not_backed_up.iter().flatten().map(OutsideReport::sentence);
        let more = if self.not_backed_up.is_some() { "all " } else { "" };
        let reason = self.not_backed_up_reason.iter();
        told.chain(reason.map(|why| format!("What no job has was not {more}looked for: {why}"))).collect()
    }
}

impl OutsideReport {
    /// Of one of them.
    #[must_use]
    pub fn of(outside: &Outside) -> Self {
        let folder = sized(&outside.folder, outside.bytes);
        let Outside { files, at_least, directly, .. } = *outside;
        Self { folder, files, newest: utc(outside.newest), at_least, directly }
    }

    /// The sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let more = if self.at_least { "at least " } else { "" };
        let (path, bytes) = (&self.folder.path, size(self.folder.bytes));
        if self.directly {
            return format!("You are not backing up {more}{} directly in {path} ({bytes})", number(self.files, "file"));
        }
        format!("You are not backing up {path} ({more}{bytes})")
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

    fn lines(&self, what: &str, lines: &mut Vec<String>) {
        if self.count == 0 {
            return;
        }
        lines.push(format!("{} ({}) {what}", number(self.count, "file"), size(self.bytes)));
        lines.extend(self.some.iter().take(SHOWN_MAX).map(|path| format!("  {}", path.path)));
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

    /// What people should know of it, and how it was looked at.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.files == 0 && self.finished {
            lines.push("there is no file in it now: is that what should be protected?".to_owned());
        }
        self.in_no_point.lines("were there when the point was made, and are not in it:", &mut lines);
        self.differs.lines("differ from the point, and nothing says that they changed since:", &mut lines);
        self.unreadable.lines("can't be read, or are not there:", &mut lines);
        let hidden = self.hidden.iter().filter(|hidden| hidden.path.bytes > 0 && hidden.why != why(LeftOut::OwnFolder));
        for hidden in hidden.take(SHOWN_MAX) {
            let (path, bytes) = (&hidden.path.path, size(hidden.path.bytes));
            lines.push(format!("{path} ({bytes}) is left out: {}", hidden.why));
        }
        if !self.finished {
            lines.push("there was no time to look at all of it".to_owned());
        }
        lines.push(self.sample());
        lines
    }

    /// How much of the content was compared: names, sizes and times of all, the bytes of some.
    fn sample(&self) -> String {
        let (all, sampled) = (number(self.files, "file"), number(self.sampled_files, "file"));
        let bytes = size(self.sampled_bytes);
        format!(
            "{all} ({}) looked at by name, size and time; of {sampled} ({bytes}), drawn at random among those of at most {}, \
             the content was compared",
            size(self.bytes),
            size(SAMPLE_BYTES / SAMPLE_FILES as u64)
        )
    }

    pub(super) fn people(&self, page: &mut Page) {
        self.lines().into_iter().for_each(|line| page.line(format!("  source: {line}")));
    }
}

//! `engine ls`: what is in a point.

use serde::Serialize;

use super::backup::write_path_problems;
use super::{Align, Page, Report, Table};

use super::PathText;
use super::backup::PathProblem;
use super::text::{as_text_or_null, harmless};
use super::time::as_utc;
use crate::model::{Content, Digest, Entry, Kind, Time};

/// Entries in the point's order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LsReport {
    /// A folder is followed by all below it.
    pub entries: Vec<EntryReport>,
    /// Why the list ends early, if it does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<PathProblem>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryReport {
    /// The source path without the leading slash.
    #[serde(flatten)]
    pub path: PathText,
    /// `file`, `folder`, `symlink`, `hardlink`, `fifo`, `socket` or `device`.
    pub kind: &'static str,
    /// Apparent size of a file; 0 for all else, further names of a file too.
    pub bytes: u64,
    /// As in `0644`.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the content.
    #[serde(serialize_with = "as_utc")]
    pub modified: Time,
    /// BLAKE3 of the content; files only.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text_or_null")]
    pub digest: Option<Digest>,
    /// What a symbolic or hard link leads to, lossy; links only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// It would not hold still while it was read; else absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unstable: bool,
}

impl From<&Entry> for EntryReport {
    fn from(entry: &Entry) -> Self {
        let (meta, file) = (&entry.meta, content(entry));
        let target = match &entry.kind {
            Kind::Symlink(target) => Some(target.as_ref()),
            Kind::Hardlink(first) => Some(first.as_bytes()),
            _ => None,
        };
        Self {
            path: PathText::new(entry.path.as_bytes()),
            kind: entry.kind.as_str(),
            bytes: file.map_or(0, |content| content.bytes),
            mode: format!("{:04o}", meta.mode),
            uid: meta.uid,
            gid: meta.gid,
            modified: meta.modified,
            digest: file.map(|content| content.digest),
            target: target.map(|target| String::from_utf8_lossy(target).into_owned()),
            unstable: file.is_some_and(|content| content.unstable),
        }
    }
}

/// A regular file's content.
pub(super) const fn content(entry: &Entry) -> Option<&Content> {
    match &entry.kind {
        Kind::File(content) => Some(content),
        _ => None,
    }
}

impl Report for LsReport {
    fn people(&self, page: &mut Page) {
        let mut table = Table::new([
            ("MODE", Align::Left),
            ("KIND", Align::Left),
            ("BYTES", Align::Right),
            ("MODIFIED", Align::Left),
            ("PATH", Align::Left),
        ]);
        for entry in &self.entries {
            table.row([
                entry.mode.as_str().into(),
                entry.kind.into(),
                entry.bytes.to_string().into(),
                page.time(entry.modified).into(),
                entry.shown().into(),
            ]);
        }
        table.write(page, 0);
        write_path_problems(page, &self.problems);
    }
}

impl EntryReport {
    /// The path, and where a link leads.
    pub(super) fn shown(&self) -> String {
        match &self.target {
            Some(target) => format!("{} -> {}", self.path, harmless(target)),
            None => self.path.to_string(),
        }
    }
}

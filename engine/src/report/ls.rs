//! `engine ls`: what is in a point.

use serde::Serialize;

use super::backup::{PathProblem, write_path_problems};
use super::stream::{Columns, Lines, Streamed};
use super::text::{as_text_or_null, harmless};
use super::time::as_utc;
use super::{Align, Page, PathText, Table};
use crate::model::{Content, DeviceKind, Digest, Entry, Kind, Time};

/// What is known once all entries were given, in the point's order: a folder is followed by all below it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LsReport {
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<PathProblem>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
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
    /// What a symbolic or hard link leads to, lossy as `path`; links only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Base64 of the target's bytes, where `target` is lossy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_bytes: Option<String>,
    /// `character` or `block`; devices only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<&'static str>,
    /// Devices only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub major: Option<u32>,
    /// Devices only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor: Option<u32>,
    /// It would not hold still while it was read; else absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unstable: bool,
}

impl From<&Entry> for EntryReport {
    fn from(entry: &Entry) -> Self {
        let (meta, file) = (&entry.meta, content(entry));
        let target = match &entry.kind {
            Kind::Symlink(target) => Some(PathText::new(target)),
            Kind::Hardlink(first) => Some(PathText::new(first.as_bytes())),
            _ => None,
        };
        let (target, target_bytes) = target.map(PathText::into_parts).unzip();
        let (device, major, minor) = device(&entry.kind);
        Self {
            path: PathText::new(entry.path.as_bytes()),
            kind: entry.kind.as_str(),
            bytes: file.map_or(0, |content| content.bytes),
            mode: format!("{:04o}", meta.mode),
            uid: meta.uid,
            gid: meta.gid,
            modified: meta.modified,
            digest: file.map(|content| content.digest),
            target,
            target_bytes: target_bytes.flatten(),
            device,
            major,
            minor,
            unstable: file.is_some_and(|content| content.unstable),
        }
    }
}

fn device(kind: &Kind) -> (Option<&'static str>, Option<u32>, Option<u32>) {
    match kind {
        Kind::Device { kind, major, minor } => {
            (Some(if *kind == DeviceKind::Block { "block" } else { "character" }), Some(*major), Some(*minor))
        }
        _ => (None, None, None),
    }
}

/// A regular file's content.
pub(super) const fn content(entry: &Entry) -> Option<&Content> {
    match &entry.kind {
        Kind::File(content) => Some(content),
        _ => None,
    }
}

impl Streamed for LsReport {
    type Row = EntryReport;
    const KEY: &'static str = "entries";

    fn lines() -> Box<dyn Lines<Self>> {
        let table = Table::new([
            ("MODE", Align::Left),
            ("KIND", Align::Left),
            ("BYTES", Align::Right),
            ("MODIFIED", Align::Left),
            ("PATH", Align::Left),
        ]);
        Box::new(Columns::new(table))
    }
}

impl Lines<LsReport> for Columns<5> {
    fn row(&mut self, entry: &EntryReport, page: &mut Page) {
        let row = [
            entry.mode.as_str().into(),
            entry.kind.into(),
            entry.bytes.to_string().into(),
            page.time(entry.modified).into(),
            entry.shown().into(),
        ];
        Columns::row(self, row, page);
    }

    fn flush(&mut self, page: &mut Page) {
        Columns::flush(self, page);
    }

    fn end(&mut self, rest: &LsReport, page: &mut Page) {
        write_path_problems(page, &rest.problems);
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

//! `engine diff`: what is different between two points.

use serde::Serialize;

use super::backup::{PathProblem, write_path_problems};
use super::ls::content;
use super::stream::{Lines, Streamed};
use super::text::as_text;
use super::{Page, PathText, Tone, size};
use crate::browse;
use crate::model::{Entry, PointId};

/// What is known once all that is different was given, in the order of paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffReport {
    /// The first point.
    #[serde(serialize_with = "as_text")]
    pub from: PointId,
    /// The second one.
    #[serde(serialize_with = "as_text")]
    pub to: PointId,
    /// What could not be compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<PathProblem>,
}

/// How an entry is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Only the second point has it.
    Added,
    /// Only the first point has it.
    Removed,
    /// Both have it, and it is not the same.
    Changed,
}

/// One path that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiffEntry {
    /// Where.
    #[serde(flatten)]
    pub path: PathText,
    /// In which way.
    pub change: Change,
    /// What it is; what it became, if that changed.
    pub kind: &'static str,
    /// What of it changed: `kind`, `content`, `meta` (mode, owner, attributes), `modified`.
    pub what: Vec<&'static str>,
    /// Apparent size in the first point; none if it is not a file there.
    pub bytes_before: Option<u64>,
    /// Apparent size in the second point; none if it is not a file there.
    pub bytes_after: Option<u64>,
}

impl From<&browse::Change> for DiffEntry {
    fn from(change: &browse::Change) -> Self {
        use browse::Change as Found;
        let (kind, before, after, aspects) = match change {
            Found::Added(after) => (Change::Added, None, Some(after), None),
            Found::Removed(before) => (Change::Removed, Some(before), None, None),
            Found::Modified { before, after, aspects } => (Change::Changed, Some(before), Some(after), Some(aspects)),
        };
        let bytes = |entry: Option<&Box<Entry>>| entry.and_then(|entry| content(entry)).map(|content| content.bytes);
        Self {
            path: PathText::new(change.path().as_bytes()),
            change: kind,
            kind: after.or(before).map_or("", |entry| entry.kind.as_str()),
            what: aspects.map(|aspects| aspects.words()).unwrap_or_default(),
            bytes_before: bytes(before),
            bytes_after: bytes(after),
        }
    }
}

impl Streamed for DiffReport {
    type Row = DiffEntry;
    const KEY: &'static str = "entries";

    fn lines() -> Box<dyn Lines<Self>> {
        Box::new(Counted::default())
    }
}

/// How many of each there were.
#[derive(Debug, Default)]
struct Counted {
    added: u64,
    removed: u64,
    changed: u64,
}

impl Lines<DiffReport> for Counted {
    fn row(&mut self, entry: &DiffEntry, page: &mut Page) {
        let (sign, tone, count) = match entry.change {
            Change::Added => ('+', Tone::Good, &mut self.added),
            Change::Removed => ('-', Tone::Bad, &mut self.removed),
            Change::Changed => ('~', Tone::Waiting, &mut self.changed),
        };
        *count += 1;
        let line = page.toned(&format!("{sign} {}{}", entry.path, entry.details()), tone);
        page.line(line);
    }

    fn flush(&mut self, _: &mut Page) {}

    fn end(&mut self, rest: &DiffReport, page: &mut Page) {
        page.line(format_args!("{} added, {} removed, {} changed", self.added, self.removed, self.changed));
        write_path_problems(page, &rest.problems);
    }
}

impl DiffEntry {
    fn details(&self) -> String {
        let sizes = match (self.bytes_before, self.bytes_after) {
            (Some(before), Some(after)) if before != after => format!("{} -> {}", size(before), size(after)),
            _ => String::new(),
        };
        let words: Vec<_> = self.what.iter().map(|&what| what.to_owned()).chain(Some(sizes)).collect();
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
    }
}

//! `engine diff`: what is different between two points.

use serde::Serialize;

use super::{Page, Report, Tone, size};

use super::PathText;
use super::backup::{PathProblem, write_path_problems};
use super::ls::content;
use super::text::as_text;
use crate::browse;
use crate::model::{Entry, PointId};

/// What is different, in the order of paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffReport {
    /// The first point.
    #[serde(serialize_with = "as_text")]
    pub from: PointId,
    /// The second one.
    #[serde(serialize_with = "as_text")]
    pub to: PointId,
    /// Each path that is not the same in both.
    pub entries: Vec<DiffEntry>,
    /// Why the comparison ends early, if it does.
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

impl Report for DiffReport {
    fn people(&self, page: &mut Page) {
        for entry in &self.entries {
            let (sign, tone) = match entry.change {
                Change::Added => ('+', Tone::Good),
                Change::Removed => ('-', Tone::Bad),
                Change::Changed => ('~', Tone::Waiting),
            };
            let line = page.toned(&format!("{sign} {}{}", entry.path, entry.details()), tone);
            page.line(line);
        }
        let count = |change| self.entries.iter().filter(|entry| entry.change == change).count();
        let (added, removed, changed) = (count(Change::Added), count(Change::Removed), count(Change::Changed));
        page.line(format_args!("{added} added, {removed} removed, {changed} changed"));
        write_path_problems(page, &self.problems);
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

//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// A place in the file, as editors count: lines and characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// One thing that is wrong. Shown as `offsite.toml:12:5: what is wrong (allowed: what is allowed)`. Never holds a
/// secret, nor a URL that could hold one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What is wrong, one line.
    pub what: String,
    /// What would be right, one line.
    pub allowed: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, what, allowed } = self;
        write!(f, "{}:{line}:{column}: {what} (allowed: {allowed})", file.display())
    }
}

impl std::error::Error for ConfigError {}

/// What is wrong with one value; where is known by whoever holds the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub what: String,
    pub allowed: String,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { what: what.into(), allowed: allowed.into() }
    }
}

/// A value as it may stand in a message: on one line, not endless. Never for what may hold a secret.
pub(super) fn quoted(text: &str) -> String {
    let head: String = text.chars().take(60).collect();
    let more = if head.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", head.escape_debug())
}

//! Commands around a job's runs.

use std::time::Duration;

use super::error::Wrong;
use super::quantity::duration;
use super::reader::Read;
use super::table::{Item, Table};

/// How long a command may take, if nothing else is said.
const TIME_LIMIT: Duration = Duration::from_secs(600);
const ALLOWED: &str = "a list of words, the program first, or a text for the shell";

/// What runs before and after a job's recovery point is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// Before anything is read; if it fails there is no point.
    pub before: Option<Hook>,
    /// After a point was made.
    pub after: Option<Hook>,
    /// After none was made, `before` having failed included.
    pub on_failure: Option<Hook>,
    /// How long each may take.
    pub time_limit: Duration,
}

/// A program and its arguments; one word at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook(pub Vec<String>);

impl Default for Hooks {
    fn default() -> Self {
        Self { before: None, after: None, on_failure: None, time_limit: TIME_LIMIT }
    }
}

/// Reads `before`, `after`, `on-failure` and `hook-time-limit` of a job.
pub(super) fn hooks(table: &mut Table<'_>) -> Read<Hooks> {
    let before = table.optional("before", |item| hook(&item));
    let after = table.optional("after", |item| hook(&item));
    let on_failure = table.optional("on-failure", |item| hook(&item));
    let time_limit = table.or("hook-time-limit", TIME_LIMIT, |item| {
        let limit = item.parse(duration)?;
        if limit.is_zero() {
            item.wrong(Wrong::new("no command can end in no time", "such as \"10m\""))
        } else {
            Ok(limit)
        }
    });
    Ok(Hooks { before: before?, after: after?, on_failure: on_failure?, time_limit: time_limit? })
}

/// Reads a command.
pub(super) fn hook(item: &Item<'_>) -> Read<Hook> {
    if item.is_text() {
        let line = item.parse(word)?;
        return Ok(Hook(["sh", "-c"].map(str::to_owned).into_iter().chain([line]).collect()));
    }
    item.some(ALLOWED, |item| item.parse(word)).map(Hook)
}

fn word(text: &str) -> Result<String, Wrong> {
    let good = !text.is_empty() && !text.contains('\0');
    good.then(|| text.to_owned()).ok_or_else(|| Wrong::new("a word is empty or holds a NUL", ALLOWED))
}

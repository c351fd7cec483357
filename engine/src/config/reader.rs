//! What all parts of one configuration's reading share: the file, its text, and the errors found so far.

use std::cell::RefCell;
use std::path::Path;

use super::error::{ConfigError, Position, Wrong};

/// Errors that are kept; a file with more of them is read again anyway.
const ERRORS_MAX: usize = 50;

/// Proof that an error was reported: only [`Reader::wrong`] makes one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported(());

/// A value, or an error that was reported.
pub(super) type Read<T> = Result<T, Reported>;

/// One reading of one file.
pub(super) struct Reader<'a> {
    pub file: &'a Path,
    /// What relative paths are relative to.
    pub folder: &'a Path,
    /// What `~` stands for.
    pub user_home: Option<&'a Path>,
    lines: Lines<'a>,
    errors: RefCell<Vec<ConfigError>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, file: &'a Path, user_home: Option<&'a Path>) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        Self { file, folder, user_home, lines: Lines::new(text), errors: RefCell::default() }
    }

    /// Reports an error at a byte of the text.
    pub(super) fn wrong(&self, at: usize, what: impl Into<String>, allowed: impl Into<String>) -> Reported {
        self.wrong_at(self.position(at), Wrong::new(what, allowed))
    }

    /// Reports an error at a position.
    pub(super) fn wrong_at(&self, position: Position, Wrong { what, allowed }: Wrong) -> Reported {
        let Position { line, column } = position;
        let mut errors = self.errors.borrow_mut();
        if errors.len() < ERRORS_MAX {
            errors.push(ConfigError { file: self.file.to_owned(), line, column, what, allowed });
        }
        Reported(())
    }

    pub(super) fn position(&self, at: usize) -> Position {
        self.lines.position(at)
    }

    /// The errors, in the order of the file.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| (error.line, error.column));
        errors
    }
}

/// Byte offsets to lines and columns.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    fn position(&self, at: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts[line - 1];
        let before = self.text.as_bytes().get(start..at.min(self.text.len())).unwrap_or_default();
        // Every byte that does not continue a character begins one.
        let column = before.iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1;
        let from_1 = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Position { line: from_1(line), column: from_1(column) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_at_line_feeds() {
        let lines = Lines::new("a\r\nöx = 1\n\nz");
        let at = |offset| (lines.position(offset).line, lines.position(offset).column);
        assert_eq!([at(0), at(3), at(5), at(11), at(12)], [(1, 1), (2, 1), (2, 2), (3, 1), (4, 1)]);
        assert_eq!(at(999), (4, 2));
    }
}

//! Documents whose rows are given while they are found, so that a million of them are never in memory at once.
//!
//! As JSON such a document is one object: the rows under their key, one on a line, then the keys of what is known at the
//! end. Where a command fails after the first row, the rows end there, and `error` with `what`, `why` and `do` follows in
//! place of the rest: it is one valid document all the same. Deliberately absent: writing it (the binary does).

use serde::Serialize;

use super::page::Page;
use super::table::{Cell, Table};

/// What is known at the end of a document, and what its rows are.
pub trait Streamed: Serialize {
    /// One row.
    type Row: Serialize;
    /// The key that the rows stand under.
    const KEY: &'static str;

    /// How people read it.
    fn lines() -> Box<dyn Lines<Self>>;
}

/// Rows as people read them.
pub trait Lines<S: Streamed + ?Sized> {
    /// One more row; it may come onto a page later.
    fn row(&mut self, row: &S::Row, page: &mut Page);
    /// All rows that wait come onto the page: there are no more, or there is no end.
    fn flush(&mut self, page: &mut Page);
    /// What is known at the end, after [`Lines::flush`].
    fn end(&mut self, rest: &S, page: &mut Page);
}

/// Rows that wait until it is known how wide their columns are.
const WAITING_MAX: usize = 500;

/// A table that comes in pieces: the first rows say how wide its columns are; later ones may make them wider.
#[derive(Debug)]
pub(super) struct Columns<const COLUMNS: usize> {
    table: Table<COLUMNS>,
    /// Rows so far.
    pub(super) rows: u64,
}

impl<const COLUMNS: usize> Columns<COLUMNS> {
    pub(super) const fn new(table: Table<COLUMNS>) -> Self {
        Self { table, rows: 0 }
    }

    pub(super) fn row(&mut self, row: [Cell; COLUMNS], page: &mut Page) {
        self.table.row(row);
        self.rows += 1;
        if self.table.waiting() > WAITING_MAX {
            self.flush(page);
        }
    }

    pub(super) fn flush(&mut self, page: &mut Page) {
        self.table.write_waiting(page, 0);
    }
}

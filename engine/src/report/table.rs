//! Columns that line up.

use super::page::{Page, Tone};

/// Which side a column's texts keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One text in a table.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// With a tone.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// Rows under headings.
#[derive(Debug, Clone)]
pub struct Table<const COLUMNS: usize> {
    aligns: [Align; COLUMNS],
    rows: Vec<[Cell; COLUMNS]>,
    /// As wide as what was written so far.
    widths: [usize; COLUMNS],
}

const BETWEEN: &str = "  ";

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// With these headings.
    #[must_use]
    pub fn new(headings: [(&str, Align); COLUMNS]) -> Self {
        let cells = headings.map(|(text, _)| Cell::toned(text, Tone::Heading));
        Self { aligns: headings.map(|(_, align)| align), rows: vec![cells], widths: [0; COLUMNS] }
    }

    /// One more row.
    pub fn row(&mut self, row: [Cell; COLUMNS]) {
        self.rows.push(row);
    }

    /// Onto the page, each line after `indent` spaces.
    pub fn write(&self, page: &mut Page, indent: usize) {
        let widths = self.widths();
        for row in &self.rows {
            page.line(self.line(row, widths, page, indent));
        }
    }

    /// Rows that were not written yet, the headings among them.
    pub(super) fn waiting(&self) -> usize {
        self.rows.len()
    }

    /// The same as [`Table::write`], of rows that were not written yet; they are gone then.
    pub(super) fn write_waiting(&mut self, page: &mut Page, indent: usize) {
        self.widths = self.widths();
        for row in std::mem::take(&mut self.rows) {
            page.line(self.line(&row, self.widths, page, indent));
        }
    }

    fn line(&self, row: &[Cell; COLUMNS], widths: [usize; COLUMNS], page: &Page, indent: usize) -> String {
        let last = COLUMNS.saturating_sub(1);
        let mut line = " ".repeat(indent);
        for (at, cell) in row.iter().enumerate() {
            let fill = " ".repeat(widths[at].saturating_sub(width(&cell.text)));
            let text = page.toned(&cell.text, cell.tone);
            line += &match self.aligns[at] {
                Align::Left if at == last => text,
                Align::Left => format!("{text}{fill}{BETWEEN}"),
                Align::Right => format!("{fill}{text}{BETWEEN}"),
            };
        }
        line
    }

    fn widths(&self) -> [usize; COLUMNS] {
        std::array::from_fn(|at| self.rows.iter().map(|row| width(&row[at].text)).fold(self.widths[at], usize::max))
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

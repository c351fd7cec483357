//! Rows to standard output as they are found: a line of a table, or an element of a JSON document's list.

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use engine::report::{ErrorReport, Lines, Page, Streamed};

/// So much text for people waits before it is given.
const PAGE_BYTES: usize = 64 << 10;

/// A document under way. Nothing is written before the first row or the end.
pub struct Stream<S: Streamed> {
    out: BufWriter<StdoutLock<'static>>,
    form: Form<S>,
    rows: u64,
    /// Whoever read it wants no more: that ends it well.
    pub closed: bool,
}

/// How it is written.
pub enum Form<S: Streamed> {
    /// As text.
    People(Page, Box<dyn Lines<S>>),
    /// As one JSON document.
    Json,
}

impl<S: Streamed> Stream<S> {
    pub fn new(form: Form<S>) -> Self {
        Self { out: BufWriter::new(io::stdout().lock()), form, rows: 0, closed: false }
    }

    /// Were rows given?
    pub const fn is_begun(&self) -> bool {
        self.rows > 0
    }

    /// One more row.
    pub fn row(&mut self, row: &S::Row) -> io::Result<()> {
        let written = match &mut self.form {
            Form::People(page, lines) => {
                lines.row(row, page);
                if page.text().len() < PAGE_BYTES { Ok(()) } else { self.out.write_all(page.take().as_bytes()) }
            }
            Form::Json => {
                let before = if self.rows == 0 { format!("{{\n  \"{}\": [", S::KEY) } else { ",".to_owned() };
                element(&mut self.out, &before, row)
            }
        };
        self.rows += 1;
        self.note(written)
    }

    /// The end: what is known only now.
    pub fn end(&mut self, rest: &S) -> io::Result<()> {
        let written = match &mut self.form {
            Form::People(page, lines) => {
                lines.flush(page);
                lines.end(rest, page);
                self.out.write_all(page.take().as_bytes())
            }
            Form::Json => serde_json::to_value(rest).map_err(io::Error::from).and_then(|rest| self.close(&rest)),
        };
        let written = written.and_then(|()| self.out.flush());
        self.note(written)
    }

    /// There is no end: why takes its place.
    pub fn broke_off(&mut self, error: &ErrorReport) -> io::Result<()> {
        let written = match &mut self.form {
            Form::People(page, lines) => {
                lines.flush(page);
                self.out.write_all(page.take().as_bytes())
            }
            Form::Json => serde_json::to_value(error).map_err(io::Error::from).and_then(|error| self.close(&error)),
        };
        let written = written.and_then(|()| self.out.flush());
        self.note(written)
    }

    /// Ends the list, and gives each key of an object behind it.
    fn close(&mut self, object: &serde_json::Value) -> io::Result<()> {
        if self.rows == 0 {
            write!(self.out, "{{\n  \"{}\": []", S::KEY)?;
        } else {
            write!(self.out, "\n  ]")?;
        }
        for (key, value) in object.as_object().into_iter().flatten() {
            write!(self.out, ",\n  {}: {value}", serde_json::Value::from(key.as_str()))?;
        }
        writeln!(self.out, "\n}}")
    }

    fn note(&mut self, written: io::Result<()>) -> io::Result<()> {
        self.closed |= written.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
        written
    }
}

fn element(out: &mut impl Write, before: &str, row: &impl serde::Serialize) -> io::Result<()> {
    write!(out, "{before}\n    ")?;
    serde_json::to_writer(&mut *out, row).map_err(io::Error::from)
}

//! Text for people as it is put together: whose clock it shows, whether it may be coloured.

use std::fmt::Display;

use jiff::tz::TimeZone;

use super::time::local;
use crate::model::Time;

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// None: a file, a pipe, or `NO_COLOR`.
    #[default]
    Plain,
    /// A terminal's.
    Terminal,
}

/// What a word is, where colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// As any other.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Not yet as it should be.
    Waiting,
    /// Wrong.
    Bad,
    /// A heading.
    Heading,
}

/// Text for people.
#[derive(Debug, Clone)]
pub struct Page {
    zone: TimeZone,
    colour: Colour,
    text: String,
}

impl Page {
    /// An empty page.
    #[must_use]
    pub const fn new(zone: TimeZone, colour: Colour) -> Self {
        Self { zone, colour, text: String::new() }
    }

    /// One line.
    pub fn line(&mut self, line: impl Display) {
        self.text.push_str(line.to_string().trim_end());
        self.text.push('\n');
    }

    /// An empty line, unless the page is empty or ends with one.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A heading, with a gap before it.
    pub fn heading(&mut self, text: &str) {
        self.gap();
        let heading = self.toned(text, Tone::Heading);
        self.line(heading);
    }

    /// A text as it is coloured here.
    #[must_use]
    pub fn toned(&self, text: &str, tone: Tone) -> String {
        let code = match (self.colour, tone) {
            (Colour::Plain, _) | (_, Tone::Plain) => return text.to_owned(),
            (_, Tone::Good) => "32",
            (_, Tone::Waiting) => "33",
            (_, Tone::Bad) => "31",
            (_, Tone::Heading) => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A moment by the reader's clock.
    #[must_use]
    pub fn time(&self, time: Time) -> String {
        local(time, &self.zone)
    }

    /// A moment by the reader's clock, or another word.
    #[must_use]
    pub fn time_or(&self, time: Option<Time>, other: &str) -> String {
        time.map_or_else(|| other.to_owned(), |time| self.time(time))
    }

    /// What was written, which is not on the page any more: a text of many pages is given page by page.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// All that was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

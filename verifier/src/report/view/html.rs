//! HTML by a type that can't be told markup from outside: `raw` takes text of this program only, everything else is
//! escaped. No template crate: a page of some hundred lines needs none, and so there is one rule to keep, held by a
//! type.

use std::fmt::{Display, Write};

use super::shown;

/// A page as it is put together.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup, which stands in this program's text.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, also in an attribute between double quotes.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        for c in shown(&text.to_string()).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// A number as it is, behind what people read of it.
    pub fn data(&mut self, value: impl Display, text: impl Display) -> &mut Self {
        self.raw("<data value=\"").text(value).raw("\">").text(text).raw("</data>")
    }

    /// A coordinate: tenths are fine enough.
    pub fn number(&mut self, value: f64) -> &mut Self {
        // Writing to memory can't fail.
        let _ = write!(self.0, "{value:.1}");
        self
    }

    /// A verdict as a word with its colour.
    pub fn badge(&mut self, word: &'static str) -> &mut Self {
        self.raw("<span class=\"badge ").raw(word).raw("\">").raw(word).raw("</span>")
    }

    /// The beginning of a table with these headings.
    pub fn table(&mut self, headings: &[&'static str]) -> &mut Self {
        self.raw("<table><thead><tr>");
        headings.iter().for_each(|heading| {
            self.raw("<th scope=\"col\">").raw(heading).raw("</th>");
        });
        self.raw("</tr></thead><tbody>\n")
    }

    /// A row of a table of names and values; none where there is no value.
    pub fn pair(&mut self, name: &'static str, value: Option<impl Display>) -> &mut Self {
        match value.map(|value| value.to_string()).filter(|value| !value.is_empty()) {
            Some(value) => {
                self.raw("<tr><th scope=\"row\">").raw(name).raw("</th><td>").text(value).raw("</td></tr>\n")
            }
            None => self,
        }
    }

    /// A list of texts.
    pub fn list<T: Display>(&mut self, texts: impl IntoIterator<Item = T>) -> &mut Self {
        self.raw("<ul>");
        texts.into_iter().for_each(|text| {
            self.raw("<li>").text(text).raw("</li>");
        });
        self.raw("</ul>\n")
    }

    /// The page.
    pub fn finish(self) -> String {
        self.0
    }
}

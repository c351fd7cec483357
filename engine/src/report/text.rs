//! Ids, names and words in JSON: as the text that people see.

use std::fmt::Display;

use serde::Serializer;

/// The text of a value.
pub fn as_text<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// The text of a value, or `null`.
pub fn as_text_or_null<T: Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

/// The texts of several values.
pub fn as_texts<T: Display, S: Serializer>(values: &[T], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(values.iter().map(ToString::to_string))
}

/// The texts of several values, or `null`.
#[expect(clippy::ref_option, reason = "as serde calls it")]
pub fn as_texts_or_null<T: Display, S: Serializer>(values: &Option<Vec<T>>, to: S) -> Result<S::Ok, S::Error> {
    match values {
        Some(values) => as_texts(values, to),
        None => to.serialize_none(),
    }
}

/// One line for a terminal: control characters, which could move its cursor or colour it, are escaped.
pub fn harmless(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}

/// As in `1 point`, `2 points`.
pub(super) fn count(number: u64, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}

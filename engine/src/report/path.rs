//! A path in a report: any bytes, told as they are.

use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::text::harmless;

/// A path, flattened into what it belongs to: `path`, lossy, and beside it `path-bytes` (base64) where it is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PathText {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
}

impl PathText {
    /// The path that these bytes are.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(path) => Self { path: path.to_owned(), path_bytes: None },
            Err(_) => {
                Self { path: String::from_utf8_lossy(bytes).into_owned(), path_bytes: Some(BASE64.encode(bytes)) }
            }
        }
    }

    /// Does it name nothing: is what is told of it about the whole?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.path.is_empty()
    }

    /// The text, and base64 of the bytes where it is lossy.
    pub(super) fn into_parts(self) -> (String, Option<String>) {
        (self.path, self.path_bytes)
    }
}

impl fmt::Display for PathText {
    /// For a terminal: lossy, control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&harmless(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_told_exactly() {
        let json = |bytes: &[u8]| serde_json::to_string(&PathText::new(bytes)).expect("serializes");
        assert_eq!(json("süß".as_bytes()), r#"{"path":"süß"}"#);
        assert_eq!(json(b"caf\xe9"), r#"{"path":"caf�","path-bytes":"Y2Fm6Q=="}"#);
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        assert_eq!(PathText::new(b"a\x1b[2Jb\n").to_string(), "a\\u{1b}[2Jb\\n");
    }
}

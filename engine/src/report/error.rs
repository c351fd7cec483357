//! A command that could do nothing, as JSON.

use serde::Serialize;

/// `{"error": {"what", "why", "do"}}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorReport {
    error: Told,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Told {
    what: String,
    why: String,
    #[serde(rename = "do")]
    advice: String,
}

impl ErrorReport {
    /// What failed, why, and what to do.
    #[must_use]
    pub fn new(what: &str, why: &str, advice: &str) -> Self {
        Self { error: Told { what: what.to_owned(), why: why.to_owned(), advice: advice.to_owned() } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_contracts_document() {
        let json = serde_json::to_string(&ErrorReport::new("a", "b", "c")).expect("serializes");
        assert_eq!(json, r#"{"error":{"what":"a","why":"b","do":"c"}}"#);
    }
}

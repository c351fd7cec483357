//! What a server or a connection said no with, and the kind of error that it is.
//!
//! Deliberately absent: looks at the server that tell a vague answer apart (`store`).

use crate::destination::{ErrorKind, StoreError};

/// A request that did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// The connection is no more; the request may have been carried out or not.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The server answered that it did not.
    #[error("the server answered `{}`", if text.is_empty() { meaning(*code) } else { text })]
    Refused {
        /// `SSH_FX_…`
        code: u32,
        /// In the server's words.
        text: String,
    },
    /// The server answered something else than was asked.
    #[error("the server's answer does not fit the question")]
    Unfit,
    /// We see that something is wrong.
    #[error("{1}")]
    Found(ErrorKind, String),
}

pub(super) const OK: u32 = 0;
pub(super) const END: u32 = 1;
pub(super) const NO_SUCH_FILE: u32 = 2;
pub(super) const GENERAL: u32 = 4;
pub(super) const UNSUPPORTED: u32 = 8;

/// Codes above 8 are of later versions, but some servers send them all the same.
const fn meaning(code: u32) -> &'static str {
    match code {
        0 => "ok",
        1 => "end of file",
        NO_SUCH_FILE | 10 => "no such file",
        3 => "permission denied",
        5 => "bad message",
        6 => "no connection",
        7 => "connection lost",
        UNSUPPORTED => "operation unsupported",
        11 => "file already exists",
        12 => "write protected",
        14 => "no space",
        15 => "quota exceeded",
        _ => "failure",
    }
}

impl Failure {
    /// Whether a retry helps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Broken(_) => ErrorKind::Transient,
            Self::Refused { code, text } => kind_of(*code, text),
            Self::Unfit => ErrorKind::Permanent,
            Self::Found(kind, _) => *kind,
        }
    }

    pub fn is(&self, wanted: u32) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == wanted)
    }

    pub fn at(self, operation: &'static str, path: &str) -> StoreError {
        StoreError::new(self.kind(), operation, path, self.to_string())
    }

    /// The same, where the effect may have happened if the connection broke.
    pub fn ambiguous(self) -> Self {
        let text = self.to_string();
        if matches!(self, Self::Broken(_)) { Self::Found(ErrorKind::Ambiguous, text) } else { self }
    }
}

fn kind_of(code: u32, text: &str) -> ErrorKind {
    match code {
        NO_SUCH_FILE | 10 => ErrorKind::NotFound,
        3 | 12 => ErrorKind::Denied,
        6 | 7 => ErrorKind::Transient,
        11 => ErrorKind::Exists,
        14 | 15 => ErrorKind::Full,
        GENERAL => kind_of_text(&text.to_lowercase()),
        _ => ErrorKind::Permanent,
    }
}

/// Version 3 has no number for a full disk; some servers say it in words.
fn kind_of_text(text: &str) -> ErrorKind {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["no space", "quota", "disk full", "not enough space"]) {
        ErrorKind::Full
    } else if says(&["permission denied", "read-only", "access denied"]) {
        ErrorKind::Denied
    } else if says(&["file exists", "already exists"]) {
        ErrorKind::Exists
    } else if says(&["no such file", "not found"]) {
        ErrorKind::NotFound
    } else {
        ErrorKind::Permanent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_whether_a_retry_helps() {
        for (code, text, kind) in [
            (NO_SUCH_FILE, "", ErrorKind::NotFound),
            (3, "", ErrorKind::Denied),
            (GENERAL, "Failure", ErrorKind::Permanent),
            (GENERAL, "write /a: no space left on device", ErrorKind::Full),
            (GENERAL, "Disk quota exceeded", ErrorKind::Full),
            (GENERAL, "Read-only file system", ErrorKind::Denied),
            (14, "", ErrorKind::Full),
            (7, "", ErrorKind::Transient),
            (UNSUPPORTED, "", ErrorKind::Permanent),
        ] {
            assert_eq!(Failure::Refused { code, text: text.into() }.kind(), kind, "{code} {text}");
        }
        assert_eq!(Failure::Broken(String::new()).ambiguous().kind(), ErrorKind::Ambiguous);
    }
}

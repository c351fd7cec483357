//! What a server or a connection said no with, and the kind of error that it is.
//!
//! Deliberately absent: looks at the server that tell a vague answer apart (`look`).

use std::error::Error;
use std::io;

use rustls::CertificateError;

use crate::destination::{ErrorKind, StoreError};

/// Before the reason why there is no connection.
pub(super) const UNREACHED: &str = "can't connect: ";
/// A request that did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// No answer came, or not all of it; the request may have been carried out or not.
    #[error("{}", at_the_line(.0))]
    Broken(String),
    /// The server answered that it did not.
    #[error("the server answered {method} with {code}{}{note}", meaning(*code))]
    Refused {
        /// The request's.
        method: &'static str,
        /// HTTP's status.
        code: u16,
        /// What else its headers say.
        note: String,
    },
    /// We see that something is wrong.
    #[error("{1}")]
    Found(ErrorKind, String),
}

/// What a status means here, and what to do about it.
const fn meaning(code: u16) -> &'static str {
    match code {
        300..=399 => " (the folder is elsewhere: write the address that the server names)",
        400 => " (bad request: is the port right, and TLS expected on it?)",
        403 => " (forbidden: the user may log in, and not do this; its rights on the server must be changed)",
        404 | 410 => " (not found)",
        405 | 501 => " (not done there: it is read only, or WebDAV is not switched on for it with all of its methods)",
        409 => " (conflict: a folder above it is missing)",
        412 => " (something has this name already)",
        413 => " (too large for a setting of the server: nginx's client_max_body_size, Apache's LimitRequestBody)",
        423 => " (locked by another client of the server)",
        429 => " (too many requests)",
        500 => " (its own error, its log tells why; nginx says so of a full disk, too)",
        502..=504 => " (it is overloaded, or what is behind it does not answer)",
        507 => " (no room, or a quota is reached)",
        _ => "",
    }
}

impl Failure {
    pub fn permanent(why: impl Into<String>) -> Self {
        Self::Found(ErrorKind::Permanent, why.into())
    }

    /// Whether a retry helps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Broken(_) => ErrorKind::Transient,
            Self::Refused { code, .. } => kind_of(*code),
            Self::Found(kind, _) => *kind,
        }
    }

    pub fn code(&self) -> Option<u16> {
        if let Self::Refused { code, .. } = self { Some(*code) } else { None }
    }

    pub fn at(self, operation: &'static str, path: &str) -> StoreError {
        StoreError::new(self.kind(), operation, path, self.to_string())
    }

    /// The same, where the effect may have happened: no answer came, or one by a gateway that may not know.
    pub fn ambiguous(self) -> Self {
        let unknown = matches!(self, Self::Broken(_) | Self::Refused { code: 500 | 502 | 504, .. });
        if unknown { Self::Found(ErrorKind::Ambiguous, self.to_string()) } else { self }
    }
}

/// 413 is not `Full`: room that is made would not help.
const fn kind_of(code: u16) -> ErrorKind {
    match code {
        401 | 403 => ErrorKind::Denied,
        404 | 409 | 410 => ErrorKind::NotFound,
        412 => ErrorKind::Exists,
        408 | 423 | 425 | 429 | 500 | 502..=504 => ErrorKind::Transient,
        507 => ErrorKind::Full,
        _ => ErrorKind::Permanent,
    }
}

/// What went wrong below HTTP.
impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        match tls_cause(&error) {
            Some(rustls::Error::InvalidCertificate(why)) => Self::Found(ErrorKind::Denied, untrusted(why)),
            Some(rustls::Error::InvalidMessage(_)) => Self::permanent("the server does not speak TLS on this port"),
            Some(other) => Self::Broken(other.to_string()),
            None => Self::Broken(innermost(&error)),
        }
    }
}

fn untrusted(why: &CertificateError) -> String {
    let (what, to_do) = match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("has expired", "it must be renewed on the server (or this computer's clock is wrong)")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("is not valid yet", "compare the clocks of both computers")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            ("is for another name", "write the name that the certificate is for in the URL")
        }
        CertificateError::Revoked => ("was revoked", "ask who runs the server"),
        CertificateError::UnknownIssuer => (
            "is of no authority that is trusted here",
            "if it is the right server, give its authority's certificate (PEM) as `ca-file`",
        ),
        _ => return format!("the server's certificate can't be trusted: {why}. To do: ask who runs the server"),
    };
    format!("the server's certificate {what}, nothing was sent to it. To do: {to_do}")
}

/// The error of TLS somewhere below, which I/O errors hold without naming it as their source.
fn tls_cause(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(tls) = current.downcast_ref() {
            return Some(tls);
        }
        let held = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = held.map(|held| held as &(dyn Error + 'static)).or_else(|| current.source());
    }
    None
}

fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    let text = cause.to_string();
    if error.is_connect() { format!("{UNREACHED}{text}") } else { text }
}

/// A server that was never reached did not break off.
fn at_the_line(why: &str) -> String {
    match why.strip_prefix(UNREACHED) {
        Some(why) => format!("the server can't be reached: {why}"),
        None => format!("the connection broke: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_whether_a_retry_helps() {
        for (code, kind) in [
            (301, ErrorKind::Permanent),
            (401, ErrorKind::Denied),
            (403, ErrorKind::Denied),
            (404, ErrorKind::NotFound),
            (405, ErrorKind::Permanent),
            (409, ErrorKind::NotFound),
            (412, ErrorKind::Exists),
            (413, ErrorKind::Permanent),
            (423, ErrorKind::Transient),
            (429, ErrorKind::Transient),
            (503, ErrorKind::Transient),
            (507, ErrorKind::Full),
        ] {
            let refused = Failure::Refused { method: "PUT", code, note: String::new() };
            assert_eq!(refused.kind(), kind, "{code}");
        }
    }

    #[test]
    fn an_answer_that_was_lost_leaves_open_what_happened() {
        assert_eq!(Failure::Broken(String::new()).ambiguous().kind(), ErrorKind::Ambiguous);
        let refused = |code| Failure::Refused { method: "MOVE", code, note: String::new() }.ambiguous().kind();
        assert_eq!((refused(504), refused(412)), (ErrorKind::Ambiguous, ErrorKind::Exists));
    }
}

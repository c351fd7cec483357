//! What a server answered, and what kind of failure that is.
//!
//! In: errors of the FTP client and replies. Out: a [`Failure`], and from it a [`StoreError`] with a text for people.
//! Invariants: nothing here panics on any answer; a reply is shown to people without control characters and cut short.
//! Deliberately absent: asking; whether a 550 means "not there" or "not allowed" where its text does not say (`look`).

use std::io;

use suppaftp::FtpError;

use super::{ErrorKind, StoreError};

/// Longest text of a server that is repeated to a person, in characters.
const SHOWN_MAX: usize = 200;

/// One reply of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// Of its last line; 0 if that is no reply at all.
    pub code: u16,
    /// All of it, as it came.
    pub text: String,
}

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server answered, and said no. The connection is still good, unless it was a 421.
    Refused(Reply),
    /// The connection is of no use any more.
    Lost(io::Error),
}

impl Reply {
    pub fn parse(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let last = text.trim_end().lines().next_back().unwrap_or_default();
        let code = last.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        Self { code, text }
    }

    /// Was it done?
    pub fn is_done(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Does the server not know the command, or not with this argument?
    pub fn is_unknown_command(&self) -> bool {
        match self.code {
            202 | 500 | 502 | 504 => true,
            // Some servers say this of a name that is not there.
            501 | 503 => !self.says_missing() && !self.says_denied(),
            _ => false,
        }
    }

    fn says(&self, words: &[&str]) -> bool {
        let text = self.text.to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    }

    /// Does it refuse because there is no such thing, or because it may not be seen?
    pub fn is_about_name(&self) -> bool {
        matches!(self.code, 450 | 550) || (self.code == 501 && self.says_missing())
    }

    /// Does its text say that there is no such thing?
    pub fn says_missing(&self) -> bool {
        let words = ["no such", "not found", "cannot find", "can't find", "does not exist", "doesn't exist"];
        self.says(&words) && !self.says_denied()
    }

    /// Does its text say that it is there, or may be, and not for us?
    pub fn says_denied(&self) -> bool {
        self.says(&["permission", "denied", "privilege", "not allowed", "read-only", "forbidden", "not authorized"])
    }

    fn says_full(&self) -> bool {
        self.says(&["no space", "quota", "disk full", "disk is full", "insufficient storage", "exceeded storage"])
    }

    /// Does it say that it wants TLS?
    pub fn wants_tls(&self) -> bool {
        matches!(self.code, 522 | 534) || self.says(&["ssl", "tls", "encrypt", "auth first", "secure connection"])
    }

    /// Does it say that there are too many connections? A 530 says that too, beside a wrong password.
    pub fn says_crowded(&self) -> bool {
        let words = ["too many", "maximum", "limit", "max client", "connections", "clients", "users"];
        self.code == 421
            || (matches!(self.code, 500 | 530) && self.says(&words) && !self.says(&["attempt", "password"]))
    }

    /// For people: one line, without control characters, cut short.
    pub fn shown(&self) -> String {
        let line = self.text.trim().replace(['\r', '\n', '\t'], " ");
        line.chars().filter(|c| !c.is_control()).take(SHOWN_MAX).collect()
    }

    /// Whether a retry helps.
    pub fn kind(&self) -> ErrorKind {
        match self.code {
            452 | 552 => ErrorKind::Full,
            430 | 530 | 532 | 534 => ErrorKind::Denied,
            451 | 500..=599 if self.says_full() => ErrorKind::Full,
            451 | 550 | 551 | 553 | 554 if self.says_denied() => ErrorKind::Denied,
            501 | 550 if self.says_missing() => ErrorKind::NotFound,
            550 | 551 | 553 => ErrorKind::Denied,
            400..=499 => ErrorKind::Transient,
            // A data connection whose TLS session was not that of the control connection: a new one has a new session.
            522 => ErrorKind::Transient,
            _ => ErrorKind::Permanent,
        }
    }
}

impl From<FtpError> for Failure {
    fn from(error: FtpError) -> Self {
        match error {
            FtpError::UnexpectedResponse(response) => Self::Refused(Reply::parse(&response.body)),
            FtpError::ConnectionError(error) => Self::Lost(error),
            other => Self::Lost(io::Error::other(other.to_string())),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

impl Failure {
    /// A failure of which only a text is known, after which the connection is not used again.
    pub fn lost(why: impl Into<String>) -> Self {
        Self::Lost(io::Error::other(why.into()))
    }

    /// Must the connection be thrown away?
    pub fn ends_connection(&self) -> bool {
        match self {
            Self::Refused(reply) => reply.code == 421,
            Self::Lost(_) => true,
        }
    }

    /// Was it a connection that the server had closed, rather than one that hangs?
    pub fn is_closed(&self) -> bool {
        let waited = |error: &io::Error| matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
        match self {
            Self::Refused(reply) => reply.code == 421,
            Self::Lost(error) => !waited(error),
        }
    }

    /// Did TLS not come about, for another reason than the server's certificate?
    pub fn is_tls(&self) -> bool {
        let Self::Lost(error) = self else { return false };
        tls_error(error).is_some_and(|error| !matches!(error, rustls::Error::InvalidCertificate(_)))
    }

    /// As the store's error.
    pub fn into_error(self, operation: &'static str, path: impl Into<String>) -> StoreError {
        match self {
            Self::Refused(reply) => {
                let why = format!("the server answered: {}", reply.shown());
                StoreError::new(reply.kind(), operation, path, why)
            }
            Self::Lost(error) => lost(operation, path.into(), error),
        }
    }
}

fn lost(operation: &'static str, path: String, error: io::Error) -> StoreError {
    if let Some(error) = tls_error(&error) {
        let (kind, why) = tls_words(error);
        return StoreError::new(kind, operation, path, why);
    }
    let why = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "the server did not go on for 30 seconds".to_owned(),
        io::ErrorKind::UnexpectedEof => format!("the connection ended early ({error})"),
        _ => format!("the connection broke ({error})"),
    };
    StoreError::new(ErrorKind::Transient, operation, path, why)
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn tls_words(error: &rustls::Error) -> (ErrorKind, String) {
    use rustls::CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else {
        let clear = matches!(error, rustls::Error::InvalidMessage(_));
        let more = if clear { "; does it speak TLS on this port? (`tls = \"implicit\"` is for port 990)" } else { "" };
        return (ErrorKind::Denied, format!("TLS with the server failed ({error}){more}"));
    };
    let advice = match bad {
        Bad::UnknownIssuer => {
            "nobody it trusts signed it: if it is the right server, put its authority's certificate into `ca-file`"
        }
        Bad::Expired | Bad::ExpiredContext { .. } => {
            "it has expired: renew it at the server, or set this computer's clock"
        }
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "it is not valid yet: set this computer's clock, or the server's"
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "it is for another name: use the server's own name in the URL"
        }
        Bad::Revoked => "it was revoked: renew it at the server",
        _ => "it can't be used: let the server have one that an authority signed, and put that one's into `ca-file`",
    };
    (ErrorKind::Denied, format!("the server's certificate is not trusted ({bad}); {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        Reply::parse(text.as_bytes())
    }

    #[test]
    fn each_reply_says_whether_a_retry_helps() {
        for (text, kind) in [
            ("421 Timeout", ErrorKind::Transient),
            ("426 Connection closed; transfer aborted", ErrorKind::Transient),
            ("450 busy", ErrorKind::Transient),
            ("451 x: No space left on device", ErrorKind::Full),
            ("452 Insufficient storage", ErrorKind::Full),
            ("552 Transfer aborted. No space left on device", ErrorKind::Full),
            ("550 Disk quota exceeded", ErrorKind::Full),
            ("530 Login incorrect.", ErrorKind::Denied),
            ("550 a: Permission denied", ErrorKind::Denied),
            ("550 Not enough privileges.", ErrorKind::Denied),
            ("553 Could not create file.", ErrorKind::Denied),
            ("550 a: No such file or directory", ErrorKind::NotFound),
            ("501 No such directory.", ErrorKind::NotFound),
            ("502 Command not implemented", ErrorKind::Permanent),
            ("", ErrorKind::Permanent),
            ("garbage", ErrorKind::Permanent),
        ] {
            assert_eq!(reply(text).kind(), kind, "{text}");
        }
    }

    #[test]
    fn too_many_connections_is_not_a_wrong_password() {
        for text in ["421 There are too many connected users", "530 Sorry, the maximum number of allowed clients (1)"] {
            assert!(reply(text).says_crowded(), "{text}");
        }
        for text in ["530 Login incorrect.", "530 Maximum login attempts exceeded", "550 limit"] {
            assert!(!reply(text).says_crowded(), "{text}");
        }
    }

    #[test]
    fn the_last_line_counts_and_is_shown_tame() {
        let many = reply("220-hello\r\n 500 no\r\n230 \u{1b}[2Jyes\r\n");
        assert_eq!((many.code, many.shown().as_str()), (230, "220-hello   500 no  230 [2Jyes"));
        assert_eq!(reply(&"5".repeat(999)).shown().len(), SHOWN_MAX);
    }
}

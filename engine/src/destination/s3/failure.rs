//! What a server or a connection said no with, and the kind of error that it is.
//!
//! In: a status, a document, the clock of both sides. Out: a kind and a sentence: what, why, what to do.
//! Deliberately absent: looks at the server that tell a vague answer apart.

use std::time::Duration;

use jiff::Timestamp;

use super::xml;
use crate::destination::{ErrorKind, StoreError};

/// Before the reason why there is no connection.
pub(super) const UNREACHED: &str = "can't connect: ";
/// Longest text of a server that is passed on, in characters.
const TEXT_MAX: usize = 300;

/// A request that did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// The connection is no more, or never was; the request may have been carried out or not.
    #[error("{}", at_the_line(.0))]
    Broken(String),
    /// The server answered that it did not.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The server answered something else than was asked.
    #[error("the server's answer does not fit the question: {0}")]
    Unfit(String),
    /// We see that something is wrong.
    #[error("{1}")]
    Found(ErrorKind, String),
}

/// An answer that is a no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    /// The protocol's word for it; made from the status where the server gave none, and from what its message means.
    pub code: String,
    /// In the server's words.
    pub message: String,
    /// How long it wants to be left alone.
    pub retry_after: Option<Duration>,
    /// What the user can do.
    pub advice: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server answered {} {}", self.status, self.code)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if self.advice.is_empty() { Ok(()) } else { write!(f, "; {}", self.advice) }
    }
}

/// What an answer's head tells beside its document.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub status: u16,
    /// Whole seconds are understood, dates are not.
    pub retry_after: Option<String>,
    pub date: Option<String>,
    pub region: Option<String>,
    pub server: Option<String>,
}

impl Refusal {
    /// Reads a refusal. `now` is this computer's time.
    pub fn read(head: &Head, body: &str, now: Timestamp) -> Self {
        let told = if xml::is_error(body) { xml::read::<xml::Told>(body).unwrap_or_default() } else { <_>::default() };
        let code = if told.code.is_empty() { code_of(head.status).to_owned() } else { clean(&told.code) };
        let code = code_meant(&code, &told.message).map_or(code, ToOwned::to_owned);
        let retry_after = head.retry_after.as_ref().and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let region = told.region.as_deref().or(head.region.as_deref());
        let advice = match code.as_str() {
            "RequestTimeTooSkewed" => skew(head.date.as_deref(), now),
            "InternalError" if head.server.as_ref().is_some_and(|name| name.starts_with("SeaweedFS")) => {
                "so it answers also when a bucket's quota is reached or no volume is free".to_owned()
            }
            _ => advice(&code, region),
        };
        Self { status: head.status, code, message: clean(&told.message), retry_after, advice }
    }

    /// Whether a retry helps.
    pub fn kind(&self) -> ErrorKind {
        kind_of_code(&self.code).unwrap_or_else(|| kind_of_status(self.status))
    }

    /// Does the server not know a header, a sub-resource or a method?
    pub fn is_not_offered(&self) -> bool {
        matches!(self.status, 405 | 501) || matches!(self.code.as_str(), "NotImplemented" | "MethodNotAllowed")
    }
}

/// Garage says some things by words only, under a code that covers much else: the protocol's own code for them.
fn code_meant(code: &str, message: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDenied" if message.contains("quota is reached") => "QuotaExceeded",
        "AccessDenied" if message.contains("Forbidden: No such key") => "InvalidAccessKeyId",
        "AccessDenied" if message.contains("Invalid signature") => "SignatureDoesNotMatch",
        "InvalidRequest" if message.contains("Date is too old") => "RequestTimeTooSkewed",
        _ => return None,
    })
}

/// What can be shown of a text from outside.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
}

/// An answer to HEAD has no document.
const fn code_of(status: u16) -> &'static str {
    match status {
        301 | 302 | 307 | 308 => "Redirect",
        401 => "Unauthorized",
        403 => "AccessDenied",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        409 => "OperationAborted",
        412 => "PreconditionFailed",
        413 => "EntityTooLarge",
        416 => "InvalidRange",
        429 => "TooManyRequests",
        500 => "InternalError",
        501 => "NotImplemented",
        503 => "ServiceUnavailable",
        507 => "InsufficientStorage",
        _ => "Error",
    }
}

fn kind_of_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "NoSuchKey" | "NoSuchBucket" | "NoSuchUpload" | "NoSuchVersion" => ErrorKind::NotFound,
        "PreconditionFailed" => ErrorKind::Exists,
        "AccessDenied"
        | "AllAccessDisabled"
        | "AccountProblem"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "RequestTimeTooSkewed"
        | "InvalidObjectState" => ErrorKind::Denied,
        "QuotaExceeded"
        | "QuotaExceededException"
        | "InsufficientStorage"
        | "XMinioStorageFull"
        | "XAmzStorageQuotaExceeded"
        | "XMinioAdminBucketQuotaExceeded" => ErrorKind::Full,
        "ConditionalRequestConflict"
        | "OperationAborted"
        | "SlowDown"
        | "ServiceUnavailable"
        | "InternalError"
        | "RequestTimeout"
        | "TooManyRequests"
        | "BadDigest"
        | "InvalidDigest"
        | "IncompleteBody"
        | "XAmzContentSHA256Mismatch" => ErrorKind::Transient,
        _ => return None,
    })
}

const fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        412 => ErrorKind::Exists,
        507 => ErrorKind::Full,
        408 | 409 | 425 | 429 | 500 | 502..=504 => ErrorKind::Transient,
        _ => ErrorKind::Permanent,
    }
}

fn advice(code: &str, region: Option<&str>) -> String {
    match (code, region) {
        ("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "Unauthorized", _) => {
            "check the access key and its secret".to_owned()
        }
        ("ExpiredToken" | "TokenRefreshRequired", _) => "the credentials have run out: get new ones".to_owned(),
        ("AccessDenied", _) => "the key's policy does not allow it, or the object is locked".to_owned(),
        ("PermanentRedirect" | "Redirect" | "AuthorizationHeaderMalformed" | "TemporaryRedirect", Some(region)) => {
            format!("the bucket is in another region: set `region = \"{}\"`", clean(region))
        }
        ("PermanentRedirect" | "Redirect" | "TemporaryRedirect", None) => "check `endpoint` and `region`".to_owned(),
        ("NoSuchBucket", _) => "make the bucket, or correct its name".to_owned(),
        _ if kind_of_code(code) == Some(ErrorKind::Full) => "there is no room left, or a quota is reached".to_owned(),
        _ => String::new(),
    }
}

fn skew(date: Option<&str>, now: Timestamp) -> String {
    let server = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp());
    let todo = "set this computer's clock (and switch time synchronisation on)";
    match server {
        None => format!("this computer's clock and the server's differ too much: {todo}, or the server's"),
        Some(server) => {
            let seconds = now.as_second().saturating_sub(server.as_second());
            let side = if seconds < 0 { "behind" } else { "ahead of" };
            let much = span(seconds.unsigned_abs());
            format!(
                "this computer's clock is {much} {side} the server's ({now:.0}, there {server:.0}): {todo}, if the server's is right"
            )
        }
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

impl Failure {
    /// Whether a retry helps.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Broken(_) => ErrorKind::Transient,
            Self::Refused(refusal) => refusal.kind(),
            Self::Unfit(_) => ErrorKind::Permanent,
            Self::Found(kind, _) => *kind,
        }
    }

    /// Is it the answer of this code?
    pub fn is(&self, code: &str) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == code)
    }

    pub fn at(self, operation: &'static str, path: &str) -> StoreError {
        StoreError::new(self.kind(), operation, path, self.to_string())
    }

    /// The same for a place that was there when it was opened: without its bucket it is gone.
    pub fn of_open_place(self) -> Self {
        if self.is("NoSuchBucket") { Self::Found(ErrorKind::Gone, self.to_string()) } else { self }
    }

    /// May the effect have happened all the same? A server that broke off in the middle does not know either.
    pub fn leaves_open(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Unfit(_) => true,
            Self::Refused(refusal) => matches!(refusal.status, 500 | 502 | 504) || refusal.code == "InternalError",
            Self::Found(..) => false,
        }
    }
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

    fn refused(status: u16, code: &str) -> Failure {
        let body = format!("<Error><Code>{code}</Code><Message>why</Message></Error>");
        let body = if code.is_empty() { String::new() } else { body };
        let head = Head { status, ..Head::default() };
        Failure::Refused(Box::new(Refusal::read(&head, &body, Timestamp::UNIX_EPOCH)))
    }

    #[test]
    fn an_answer_says_whether_a_retry_helps() {
        for (status, code, kind) in [
            (404, "NoSuchKey", ErrorKind::NotFound),
            (404, "", ErrorKind::NotFound),
            (412, "PreconditionFailed", ErrorKind::Exists),
            (409, "ConditionalRequestConflict", ErrorKind::Transient),
            (403, "SignatureDoesNotMatch", ErrorKind::Denied),
            (403, "", ErrorKind::Denied),
            (403, "RequestTimeTooSkewed", ErrorKind::Denied),
            (403, "QuotaExceeded", ErrorKind::Full),
            (507, "", ErrorKind::Full),
            (503, "SlowDown", ErrorKind::Transient),
            (429, "", ErrorKind::Transient),
            (500, "InternalError", ErrorKind::Transient),
            (400, "BadDigest", ErrorKind::Transient),
            (400, "InvalidArgument", ErrorKind::Permanent),
            (301, "PermanentRedirect", ErrorKind::Permanent),
        ] {
            assert_eq!(refused(status, code).kind(), kind, "{status} {code}");
        }
        assert_eq!(refused(404, "NoSuchBucket").of_open_place().kind(), ErrorKind::Gone);
    }

    #[test]
    fn a_clock_that_differs_is_named_with_how_much_and_what_to_do() {
        let date = Some("Sun, 22 Nov 2026 12:20:20 GMT".to_owned());
        let head = Head { status: 403, date, ..Head::default() };
        let body = "<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>";
        let now = "2026-11-23T13:20:20Z".parse().expect("a time");
        let text = Refusal::read(&head, body, now).to_string();
        assert!(
            text.contains("25 hours ahead of the server's") && text.contains("set this computer's clock"),
            "{text}"
        );
    }

    #[test]
    fn what_garage_says_by_words_has_the_kind_and_the_advice_of_its_code() {
        for (status, code, message, kind, advice) in [
            (
                403,
                "AccessDenied",
                "Forbidden: Bucket size quota is reached, maximum 1",
                ErrorKind::Full,
                "no room left",
            ),
            (403, "AccessDenied", "Forbidden: Object quota is reached, maximum 1", ErrorKind::Full, "no room left"),
            (403, "AccessDenied", "Forbidden: No such key: GK01", ErrorKind::Denied, "check the access key"),
            (403, "AccessDenied", "Forbidden: Invalid signature", ErrorKind::Denied, "check the access key"),
            (400, "InvalidRequest", "Bad request: Date is too old", ErrorKind::Denied, "clock"),
            (403, "AccessDenied", "Forbidden: Operation is not allowed for this key.", ErrorKind::Denied, "policy"),
        ] {
            let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            let refusal = Refusal::read(&Head { status, ..Head::default() }, &body, Timestamp::UNIX_EPOCH);
            assert_eq!(refusal.kind(), kind, "{message}");
            assert!(refusal.advice.contains(advice) && refusal.message == message, "{refusal}");
        }
    }

    #[test]
    fn another_region_is_named() {
        let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
        let refusal = Refusal::read(&Head { status: 400, ..Head::default() }, body, Timestamp::UNIX_EPOCH);
        assert!(refusal.to_string().ends_with("set `region = \"eu-west-1\"`"), "{refusal}");
    }

    #[test]
    fn a_text_from_outside_is_kept_short_and_on_one_line() {
        let body = format!("<Error><Code>A</Code><Message>\u{1b}[31m\n{}</Message></Error>", "x".repeat(9_999));
        let refusal = Refusal::read(&Head { status: 400, ..Head::default() }, &body, Timestamp::UNIX_EPOCH);
        assert!(refusal.message.len() <= TEXT_MAX && !refusal.message.contains(['\n', '\u{1b}']));
    }
}

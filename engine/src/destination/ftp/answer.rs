//! All that is understood of one text of a server, as a value. Pure.
//!
//! In: bytes as they came. Out: what they say as a reply, and as a list of a folder. The fuzz harness judges it: it has
//! no other way to the parsers, which are this backend's own.

use super::features::{Features, sha256};
use super::listing::{Found, Line, facts, listed};
use super::reply::Reply;
use super::{ErrorKind, Failure};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The reply's code; 0 if it is no reply.
    pub code: u16,
    /// What a person is shown of it.
    pub shown: String,
    /// As a refusal.
    pub refusal: ErrorKind,
    /// The SHA-256 in it, in hex.
    pub checksum: Option<String>,
    /// Names of files and folders, and their lengths in bytes, where its lines are those of a list.
    pub entries: Vec<(String, Option<u64>)>,
}

impl Answer {
    /// Reads it in every way.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let reply = Reply::parse(bytes);
        // Its answers are few and of no use here; that they are read at all is.
        let _ = Features::read(&reply).checksum_choice();
        Self {
            code: reply.code,
            shown: reply.shown(),
            checksum: sha256(&reply),
            entries: reply
                .text
                .lines()
                .flat_map(|line| [facts(line), listed(line)])
                .flatten()
                .filter_map(entry)
                .collect(),
            refusal: Failure::Refused(reply).into_error("read", "").kind,
        }
    }
}

fn entry(line: Line) -> Option<(String, Option<u64>)> {
    let Line::Entry(entry) = line else { return None };
    match entry.found {
        Found::File(bytes) => Some((entry.name, bytes)),
        Found::Folder | Found::Absent => Some((entry.name, None)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_read_in_every_way() {
        let text = "213-x\r\n type=file;size=12; a\r\ndrwxr-xr-x 2 0 0 4096 Nov 22 09:15 b\r\n550 c: No such file\r\n";
        let answer = Answer::read(text.as_bytes());
        assert_eq!((answer.code, answer.refusal, answer.checksum), (550, ErrorKind::NotFound, None));
        assert_eq!(answer.entries, [("a".to_owned(), Some(12)), ("b".to_owned(), None)]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_shown_is_tame(
            code in "([0-9]{0,4}[ -]?)?",
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let answer = Answer::read(&[code.as_bytes(), &bytes].concat());
            prop_assert!(answer.shown.chars().count() <= 200 && !answer.shown.contains(char::is_control));
        }
    }
}

//! A view's signature: a comment behind its last line, which both kinds of views may have. Pure.
//!
//! What is signed (Ed25519, as reports are) is `Offsite html view of report <digest>` or `Offsite xml view …`, a line end,
//! and all bytes of the file before the comment. So a view that was edited shows, and so does one of another report. It
//! needs neither this release's page nor the reports that were there then.

use engine::model::Digest;

use crate::report::key::{Key, PublicKey};

const BEFORE: &str = "<!-- signature: ";
const BEHIND: &str = " -->\n";
const DIGITS: usize = 128;

/// A kind of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// The page.
    Html,
    /// JUnit.
    Xml,
}

impl View {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Html, Self::Xml];

    /// How its file's name ends.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Xml => "xml",
        }
    }
}

fn message(kind: View, report: &Digest, body: &[u8]) -> Vec<u8> {
    let head = format!("Offsite {} view of report {report}\n", kind.extension());
    [head.as_bytes(), body].concat()
}

/// The view of that report, signed.
pub(super) fn sign(kind: View, report: &Digest, text: &str, key: &Key) -> String {
    let signature = key.sign(&message(kind, report, text.as_bytes()));
    format!("{text}{BEFORE}{}{BEHIND}", data_encoding::HEXLOWER.encode(&signature))
}

/// Is this the view of that report that this key's owner made?
pub(crate) fn is_signed_by(kind: View, report: &Digest, file: &[u8], key: &PublicKey) -> bool {
    let split = || {
        let rest = file.strip_suffix(BEHIND.as_bytes())?;
        let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
        let signature: [u8; 64] = data_encoding::HEXLOWER.decode(digits).ok()?.try_into().ok()?;
        Some((rest.strip_suffix(BEFORE.as_bytes())?, signature))
    };
    split().is_some_and(|(body, signature)| key.has_signed(&message(kind, report, body), &signature))
}

#[cfg(test)]
mod tests {
    use engine::port::SystemEntropy;

    use super::*;

    #[test]
    fn every_flipped_bit_every_cut_and_another_report_show() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let key = Key::make(state.path(), &SystemEntropy).expect("made");
        let digest = Digest([1; 32]);
        let file = sign(View::Html, &digest, "<p>\n", &key).into_bytes();
        assert!(is_signed_by(View::Html, &digest, &file, &key.public()));
        assert!(!is_signed_by(View::Xml, &digest, &file, &key.public()), "another kind");
        assert!(!is_signed_by(View::Html, &Digest([2; 32]), &file, &key.public()), "another report's");
        assert!(!is_signed_by(View::Html, &digest, &file, &PublicKey([7; 32])));
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 1;
            assert!(!is_signed_by(View::Html, &digest, &bad, &key.public()), "flipped at {at}");
            assert!(!is_signed_by(View::Html, &digest, &file[..at], &key.public()), "cut at {at}");
        }
    }
}

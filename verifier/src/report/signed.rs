//! Where a report's signature stands, and what it signs. Pure.
//!
//! A report's file is UTF-8 text, and these are its last 148 bytes, exactly:
//!
//! ```text
//!   "signature": "<128 lower-case hex digits>"
//! }
//! ```
//!
//! (two spaces first, one line end behind each line). The digits are an Ed25519 signature (RFC 8032, not prehashed, no
//! context) of *all bytes before these 148*, the comma and the line end before them included, by the key whose 64 hex
//! digits are the document's `public-key`. So every byte of the file is either signed or can be only what it is.

use super::key::{Key, PublicKey};

const BEFORE: &[u8] = b"  \"signature\": \"";
const BEHIND: &[u8] = b"\"\n}\n";
const DIGITS: usize = 128;

/// The last bytes of a document of several lines that has no signature yet.
const END: &[u8] = b"\n}";

/// Signs a document: its last line but the bracket becomes the signature.
#[must_use]
pub fn sign(document: &[u8], key: &Key) -> Vec<u8> {
    let mut file = document.strip_suffix(END).unwrap_or(document).to_vec();
    file.extend_from_slice(b",\n");
    let signature = data_encoding::HEXLOWER.encode(&key.sign(&file));
    file.extend_from_slice(&[BEFORE, signature.as_bytes(), BEHIND].concat());
    file
}

/// The bytes that are signed, and the signature; none if the file does not end as a signed one.
#[must_use]
pub fn split(file: &[u8]) -> Option<(&[u8], [u8; 64])> {
    let rest = file.strip_suffix(BEHIND)?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    let signed = rest.strip_suffix(BEFORE)?;
    Some((signed, data_encoding::HEXLOWER.decode(digits).ok()?.try_into().ok()?))
}

/// Is the file signed by that key?
#[must_use]
pub fn is_signed_by(file: &[u8], key: &PublicKey) -> bool {
    split(file).is_some_and(|(signed, signature)| key.has_signed(signed, &signature))
}

#[cfg(test)]
mod tests {
    use engine::port::SystemEntropy;

    use super::*;

    fn key() -> Key {
        let state = tempfile::tempdir().expect("a temporary folder");
        Key::make(state.path(), &SystemEntropy).expect("made")
    }

    #[test]
    fn every_flipped_bit_and_every_cut_shows() {
        let key = key();
        let file = sign(b"{\n  \"a\": 1\n}", &key);
        let value: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
        assert_eq!((&value["a"], value["signature"].as_str().map(str::len)), (&1.into(), Some(DIGITS)));
        assert!(is_signed_by(&file, &key.public()));
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut bad = file.clone();
                bad[at] ^= 1 << bit;
                assert!(!is_signed_by(&bad, &key.public()), "bit {bit} flipped at {at}");
            }
            assert!(!is_signed_by(&file[..at], &key.public()), "cut at {at}");
        }
        assert!(!is_signed_by(&[&file[..], b"\n"].concat(), &key.public()), "a line more");
    }

    #[test]
    fn the_document_says_how_long_the_end_is() {
        assert_eq!(BEFORE.len() + DIGITS + BEHIND.len(), 148);
        let file = sign(b"{\n  \"a\": 1\n}", &key());
        assert_eq!(split(&file).expect("signed").0, b"{\n  \"a\": 1,\n");
    }
}

//! SHA-256 as this protocol writes it. Pure.

use data_encoding::{BASE64, HEXLOWER};

/// The SHA-256 of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        Self(digest)
    }

    /// As the signature has it.
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// As a checksum.
    pub fn base64(&self) -> String {
        BASE64.encode(&self.0)
    }

    /// What a server wrote so.
    pub fn of_base64(text: &str) -> Option<Self> {
        BASE64.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// Several, one after the other.
    pub fn join(several: impl Iterator<Item = Self>) -> String {
        BASE64.encode(&several.flat_map(|one| one.0).collect::<Vec<u8>>())
    }

    /// The same back; none of a text that is no such thing.
    pub fn split(text: &str) -> Vec<Self> {
        let bytes = BASE64.decode(text.as_bytes()).unwrap_or_default();
        bytes.chunks_exact(32).filter_map(|one| one.try_into().ok().map(Self)).collect()
    }

    /// Of an object in parts: the SHA-256 of its parts' SHA-256, and how many they are.
    pub fn composite(parts: &[Self]) -> String {
        let all: Vec<u8> = parts.iter().flat_map(|part| part.0).collect();
        format!("{}-{}", Self::of(&all).base64(), parts.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_come_back_as_they_were() {
        let several = [Digest::of(b"a"), Digest::of(b"b")];
        assert_eq!(Digest::split(&Digest::join(several.into_iter())), several);
        assert_eq!(Digest::split("no such thing"), []);
    }

    #[test]
    fn an_object_in_parts_has_the_checksum_that_servers_tell() {
        // Two parts of 5 MiB of `a`; as a server answered.
        let part = Digest::of(&vec![b'a'; 5 << 20]);
        assert_eq!(part.base64(), "oplo+tLngqqfIECjXwWtuX7Yl56x9XLIyOp4Y34nXzw=");
        assert_eq!(Digest::composite(&[part, part]), "BJySM8UeCcV1CRVZN3HWRBTh8sKqcotsAQsr38aKGBI=-2");
    }
}

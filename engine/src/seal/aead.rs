//! AES-256-GCM, and a box that carries its own nonce.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Plain bytes that are wiped when dropped.
pub type Opened = Zeroizing<Vec<u8>>;

/// Sealed bytes that do not open: altered, truncated, in another place, or under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not hold: the bytes were altered, or belong elsewhere")]
pub struct SealError;

const TAG_BYTES: usize = 16;

/// Seals `plain`: its bytes and a tag of 16.
pub(super) fn seal(key: &[u8; 32], nonce: [u8; NONCE_LEN], aad: &[u8], mut plain: Vec<u8>) -> Vec<u8> {
    let sealed = cipher(key).seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut plain);
    sealed.expect("64 MiB are far below AES-GCM's limit");
    plain
}

/// Opens what [`seal`] made.
pub(super) fn open(key: &[u8; 32], nonce: [u8; NONCE_LEN], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut bytes = sealed.to_vec();
    let plain = cipher(key).open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut bytes);
    let length = plain.map_err(|_| SealError)?.len();
    bytes.truncate(length);
    Ok(bytes)
}

/// Nonce, sealed bytes, tag. The nonce is derived from the plain bytes by `nonce_key`, so that a salt that comes
/// twice (a virtual machine set back) does not bring one nonce to two texts.
#[must_use]
pub fn seal_box(key: &[u8; 32], nonce_key: &[u8; 32], aad: &[u8], plain: Vec<u8>) -> Vec<u8> {
    let nonce = short_hash(nonce_key, &plain);
    [&nonce[..], &seal(key, nonce, aad, plain)].concat()
}

/// Opens what [`seal_box`] made.
///
/// # Errors
/// [`SealError`] if it was altered, or another key or other associated data belong to it.
pub fn open_box(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Opened, SealError> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError)?;
    if rest.len() < TAG_BYTES {
        return Err(SealError);
    }
    open(key, *nonce, aad, rest).map(Zeroizing::new)
}

/// The first twelve bytes of a keyed BLAKE3.
pub(super) fn short_hash(key: &[u8; 32], bytes: &[u8]) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&blake3::keyed_hash(key, bytes).as_bytes()[..NONCE_LEN]);
    nonce
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes are an AES-256 key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_opens_only_whole_under_its_key_and_data() {
        let sealed = seal_box(&[1; 32], &[2; 32], b"data", b"plain".to_vec());
        assert_eq!(open_box(&[1; 32], b"data", &sealed).as_deref(), Ok(&b"plain".to_vec()));
        assert!(open_box(&[3; 32], b"data", &sealed).is_err());
        assert!(open_box(&[1; 32], b"date", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 0x80;
            assert!(open_box(&[1; 32], b"data", &bad).is_err(), "bit flipped at {at}");
            assert!(open_box(&[1; 32], b"data", &sealed[..at]).is_err(), "cut at {at}");
        }
    }
}

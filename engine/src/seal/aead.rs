//! AES-256-GCM in a box that carries its own nonce: the one way in which anything is sealed.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Plain bytes that are wiped when dropped.
pub type Opened = Zeroizing<Vec<u8>>;

/// Sealed bytes that do not open: altered, truncated, in another place, or under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not hold: the bytes were altered, or belong elsewhere")]
pub struct SealError;

const TAG_BYTES: usize = 16;

/// Bytes that a box is longer than what it seals: nonce and tag.
pub const BOX_OVERHEAD: usize = NONCE_LEN + TAG_BYTES;

/// Nonce, sealed bytes, tag. The nonce is derived by `nonce_key` from all that the seal covers, so that a key that
/// comes twice (a virtual machine set back) does not bring one nonce to two texts, nor to one text in two places.
#[must_use]
pub fn seal_box(key: &[u8; 32], nonce_key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce = nonce_of(nonce_key, aad, plain);
    let mut sealed = Vec::with_capacity(plain.len() + BOX_OVERHEAD);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let bytes = &mut sealed[NONCE_LEN..];
    let tag = cipher(key).seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), bytes);
    sealed.extend_from_slice(tag.expect("1 GiB is far below AES-GCM's limit").as_ref());
    sealed
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
    let mut bytes = Zeroizing::new(rest.to_vec());
    let plain = cipher(key).open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut bytes);
    let length = plain.map_err(|_| SealError)?.len();
    bytes.truncate(length);
    Ok(bytes)
}

/// The first twelve bytes of a keyed BLAKE3 of the data's length (8 bytes), the data, and the plain bytes.
fn nonce_of(key: &[u8; 32], aad: &[u8], plain: &[u8]) -> [u8; NONCE_LEN] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&(aad.len() as u64).to_be_bytes()).update(aad).update(plain);
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&hasher.finalize().as_bytes()[..NONCE_LEN]);
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
        let sealed = seal_box(&[1; 32], &[2; 32], b"data", b"plain");
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

    #[test]
    fn one_text_in_two_places_gets_two_nonces() {
        let nonce = |aad: &[u8], plain| seal_box(&[1; 32], &[2; 32], aad, plain)[..NONCE_LEN].to_vec();
        assert_ne!(nonce(b"here", b"plain"), nonce(b"there", b"plain"));
        assert_ne!(nonce(b"data", b"plain"), nonce(b"data", b"plaim"));
        assert_ne!(nonce(b"da", b"taplain"), nonce(b"data", b"plain"), "the border counts");
    }
}

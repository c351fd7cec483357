//! A chunk's encoded form: one byte that names the codec, then its bytes. Pure.

use super::error::VaultError;
use crate::format::FormatError;

const RAW: u8 = 0;
const ZSTD: u8 = 1;
const LEVEL: i32 = 3;
/// Chunks above this are tried on a sample first.
const SAMPLE_FROM: usize = 128 << 10;
const SAMPLE: usize = 16 << 10;

/// Codec and bytes, whichever is shorter; data that does not compress is not tried in whole.
#[must_use]
pub fn encode_chunk(plain: &[u8]) -> Vec<u8> {
    let packed = if looks_compressible(plain) { zstd::bulk::compress(plain, LEVEL).ok() } else { None };
    match packed {
        Some(packed) if packed.len() < plain.len() => [&[ZSTD], &packed[..]].concat(),
        _ => [&[RAW], plain].concat(),
    }
}

/// The plain bytes, which must be `plain` many: a bomb is refused before it unpacks.
///
/// # Errors
/// If the codec is unknown or the length differs.
pub fn decode_chunk(encoded: &[u8], plain: u32) -> Result<Vec<u8>, VaultError> {
    let wrong = |why: &str| FormatError::damaged("the chunk", why);
    let (codec, bytes) = encoded.split_first().ok_or_else(|| wrong("it is empty"))?;
    let length = plain as usize;
    let decoded = match *codec {
        RAW => bytes.to_vec(),
        ZSTD => zstd::bulk::decompress(bytes, length).map_err(|_| wrong("it does not unpack"))?,
        _ => return Err(wrong("its codec is unknown").into()),
    };
    if decoded.len() == length { Ok(decoded) } else { Err(wrong("its length differs").into()) }
}

fn looks_compressible(plain: &[u8]) -> bool {
    if plain.len() < SAMPLE_FROM {
        return true;
    }
    let middle = plain.len() / 2;
    [0, middle, plain.len() - SAMPLE].iter().any(|&at| {
        let sample = &plain[at..at + SAMPLE];
        zstd::bulk::compress(sample, 1).is_ok_and(|packed| packed.len() * 100 < sample.len() * 95)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_read_back_and_text_gets_shorter() {
        let text = b"the same words again and again ".repeat(20_000);
        let encoded = encode_chunk(&text);
        assert!(encoded.len() < text.len() / 10);
        assert_eq!(decode_chunk(&encoded, u32::try_from(text.len()).expect("small")).expect("reads"), text);
        assert_eq!(decode_chunk(&encode_chunk(b"x"), 1).expect("reads"), b"x");
    }

    #[test]
    fn wrong_lengths_and_codecs_are_refused() {
        let encoded = encode_chunk(&[7; 1000]);
        assert!(decode_chunk(&encoded, 999).is_err());
        assert!(decode_chunk(&encoded, 1001).is_err());
        assert!(decode_chunk(&[9, 1], 1).is_err());
        assert!(decode_chunk(&[], 0).is_err());
    }
}

//! A chunk's encoded form: one byte that names the codec, then its bytes. Pure.

use std::cell::RefCell;

use zstd::zstd_safe::{CCtx, DCtx, compress_bound};

use super::error::VaultError;
use crate::format::FormatError;

const RAW: u8 = 0;
const ZSTD: u8 = 1;
const LEVEL: i32 = 3;
/// How a zstd frame begins (RFC 8878, 3.1.1); skippable frames begin otherwise.
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Chunks above this are tried on a sample first.
const SAMPLE_FROM: usize = 128 << 10;
const SAMPLE: usize = 16 << 10;

thread_local! {
    /// Made once a thread: for a small file, making them costs more than using them.
    static PACKING: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static UNPACKING: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// Codec and bytes, whichever is shorter; data that does not compress is not tried in whole.
#[must_use]
pub fn encode_chunk(plain: &[u8]) -> Vec<u8> {
    let packed = if looks_compressible(plain) { pack(plain, LEVEL) } else { None };
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
        ZSTD => {
            require_one_frame(bytes, plain)?;
            unpack(bytes, length).ok_or_else(|| wrong("it does not unpack"))?
        }
        _ => return Err(wrong("its codec is unknown").into()),
    };
    if decoded.len() == length { Ok(decoded) } else { Err(wrong("its length differs").into()) }
}

/// One zstd frame that says how much it holds, and nothing behind it: each chunk has one form in a codec.
fn require_one_frame(bytes: &[u8], plain: u32) -> Result<(), FormatError> {
    let wrong = |why: &str| FormatError::damaged("the chunk", why);
    if !bytes.starts_with(&FRAME) {
        return Err(wrong("it does not begin with a zstd frame"));
    }
    if !matches!(zstd::zstd_safe::get_frame_content_size(bytes), Ok(Some(size)) if size == u64::from(plain)) {
        return Err(wrong("its frame tells another length"));
    }
    match zstd::zstd_safe::find_frame_compressed_size(bytes) {
        Ok(length) if length == bytes.len() => Ok(()),
        _ => Err(wrong("it is not exactly one zstd frame")),
    }
}

fn looks_compressible(plain: &[u8]) -> bool {
    if plain.len() < SAMPLE_FROM {
        return true;
    }
    let middle = plain.len() / 2;
    [0, middle, plain.len() - SAMPLE].iter().any(|&at| {
        let sample = &plain[at..at + SAMPLE];
        pack(sample, 1).is_some_and(|packed| packed.len() * 100 < sample.len() * 95)
    })
}

fn pack(plain: &[u8], level: i32) -> Option<Vec<u8>> {
    let mut packed = Vec::with_capacity(compress_bound(plain.len()));
    PACKING.with_borrow_mut(|context| context.compress(&mut packed, plain, level)).ok().map(|_| packed)
}

fn unpack(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(length);
    UNPACKING.with_borrow_mut(|context| context.decompress(&mut plain, packed)).ok().map(|_| plain)
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
    fn only_one_frame_that_tells_its_length_unpacks() {
        let text = b"the same words again and again ".repeat(100);
        let plain = u32::try_from(text.len()).expect("small");
        let whole = encode_chunk(&text);
        assert_eq!(whole[0], ZSTD);
        assert!(decode_chunk(&whole, plain).is_ok());
        assert!(decode_chunk(&[&whole[..], &[0]].concat(), plain).is_err(), "a byte behind it");
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
        assert!(decode_chunk(&[&whole[..], &skippable].concat(), plain).is_err(), "a skippable frame behind it");
        assert!(decode_chunk(&[&[ZSTD], &skippable[..], &whole[1..]].concat(), plain).is_err(), "or before");
        let half = |part: &[u8]| zstd::bulk::compress(part, LEVEL).expect("packs");
        let two = [&[ZSTD], &half(&text[..50])[..], &half(&text[50..])[..]].concat();
        assert!(decode_chunk(&two, plain).is_err(), "two frames");
        let mut silent = zstd::bulk::Compressor::new(LEVEL).expect("a compressor");
        silent.include_contentsize(false).expect("a flag");
        let silent = [&[ZSTD], &silent.compress(&text).expect("packs")[..]].concat();
        assert!(decode_chunk(&silent, plain).is_err(), "it does not tell its length");
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

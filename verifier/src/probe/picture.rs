//! PNG and JPEG: every pixel decoded.
//!
//! PNG's checksums cover all of it. JPEG has none: what is cut, or makes no sense, is noticed; a flipped bit that gives
//! other pixels is not.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::budget::Budget;
use super::{Answer, Finding, broken, unable};

/// Memory for one picture.
const MEMORY_MAX: usize = 256 << 20;
/// The largest side of a JPEG.
const SIDE_MAX: usize = 65_535;

pub(super) fn probe_png(file: File, budget: &Budget) -> Answer {
    let mut decoder = png::Decoder::new(BufReader::with_capacity(1 << 16, file));
    decoder.set_limits(png::Limits { bytes: MEMORY_MAX });
    let mut reader = decoder.read_info().map_err(of_png)?;
    let (width, height) = reader.info().size();
    while let Some(row) = reader.next_row().map_err(of_png)? {
        if !budget.spend(row.data().len() as u64) {
            return Err(unable(budget.overrun().unwrap_or_default()));
        }
    }
    reader.finish().map_err(of_png)?;
    Ok(format!("{width} x {height} pixels, checksums hold"))
}

fn of_png(error: png::DecodingError) -> Finding {
    match error {
        png::DecodingError::LimitsExceeded => unable(too_large()),
        error => broken(error),
    }
}

fn too_large() -> String {
    format!("it takes more than {} MiB of memory to decode", MEMORY_MAX >> 20)
}

pub(super) fn probe_jpeg(file: File, budget: &Budget) -> Answer {
    let unread = |error: std::io::Error| unable(format!("it can't be read: {error}"));
    if file.metadata().map_err(unread)?.len() > MEMORY_MAX as u64 {
        return Err(unable(too_large()));
    }
    let mut bytes = Vec::new();
    budget.meter(file).take(MEMORY_MAX as u64).read_to_end(&mut bytes).map_err(unread)?;
    if !ends(&bytes) {
        return Err(Finding::Broken("it has no mark at its end".to_owned()));
    }
    let options = DecoderOptions::new_safe().set_strict_mode(true).set_max_width(SIDE_MAX).set_max_height(SIDE_MAX);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    decoder.decode_headers().map_err(of_jpeg)?;
    if decoder.output_buffer_size().is_none_or(|bytes| bytes > MEMORY_MAX) {
        return Err(unable(too_large()));
    }
    let pixels = decoder.decode().map_err(of_jpeg)?;
    if !budget.spend(pixels.len() as u64) {
        return Err(unable(budget.overrun().unwrap_or_default()));
    }
    let (width, height) = decoder.info().map_or((0, 0), |info| (info.width, info.height));
    Ok(format!("{width} x {height} pixels decoded"))
}

/// Does a walk from mark to mark come to the end of the picture? What telephones put behind it (a film, say) is no part of
/// it. (ITU T.81 B.1.1: segments tell their length; within coded data a mark's first byte is followed by 0 or a restart.)
fn ends(bytes: &[u8]) -> bool {
    let mut at = 0;
    loop {
        let Some(mark) = bytes.get(at..).and_then(mark) else { return false };
        at += mark.at + 1;
        match mark.kind {
            0xd9 => return true,
            0x01 | 0xd0..=0xd8 => {}
            _ => match bytes.get(at..at + 2) {
                Some(length) => at += usize::from(u16::from_be_bytes([length[0], length[1]])),
                None => return false,
            },
        }
    }
}

/// A mark, and where the byte that tells which one stands.
struct Mark {
    kind: u8,
    at: usize,
}

/// The next mark that is not part of coded data.
fn mark(bytes: &[u8]) -> Option<Mark> {
    let is_mark = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
    let at = bytes.windows(2).position(is_mark)? + 1;
    Some(Mark { kind: bytes[at], at })
}

fn of_jpeg(error: DecodeErrors) -> Finding {
    match error {
        DecodeErrors::Unsupported(scheme) => unable(format!("a kind of JPEG that is not known here: {scheme:?}")),
        error => Finding::Broken(format!("{error:?}")),
    }
}

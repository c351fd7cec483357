//! PDF: every object parsed, the pages found, every packed stream unpacked with its checksum compared.
//!
//! A reader that forgives opens much that is damaged. So it is read by the rules first; a file that only a forgiving
//! reader opens is `skipped` if it is whole at its end, for many programs write such files, and fails if not.

use std::fs::File;
use std::io::{self, Read};

use lopdf::{Document, LoadOptions, Object, Stream};

use super::budget::Budget;
use super::{Answer, Finding, broken, unable};

/// Files are read into memory.
const BYTES_MAX: u64 = 256 << 20;
/// Of one stream, while the document is loaded.
const STREAM_MAX: usize = 256 << 20;
/// Where the mark at the end stands (ISO 32000-1, Annex H, note 18).
const END_BYTES: usize = 1024;

pub(super) fn probe(file: File, budget: &Budget) -> Answer {
    let unread = |error: io::Error| unable(format!("it can't be read: {error}"));
    if file.metadata().map_err(unread)?.len() > BYTES_MAX {
        return Err(unable(format!("it is larger than {} MiB", BYTES_MAX >> 20)));
    }
    let mut bytes = Vec::new();
    budget.meter(file).take(BYTES_MAX).read_to_end(&mut bytes).map_err(unread)?;
    let tail = &bytes[bytes.len().saturating_sub(END_BYTES)..];
    if !tail.windows(5).any(|part| part == b"%%EOF") {
        return Err(Finding::Broken("it has no mark at its end".to_owned()));
    }
    let document = load(&bytes)?;
    if document.is_encrypted() || document.was_encrypted() {
        return Err(unable("it is encrypted"));
    }
    let pages = document.get_pages().len();
    let mut streams = 0_u64;
    for (id, object) in &document.objects {
        if let Object::Stream(stream) = object {
            streams += u64::from(unpack(stream, budget).map_err(|finding| of_object(*id, finding))?);
        }
    }
    match pages {
        0 => Err(Finding::Broken("it has no page".to_owned())),
        _ => Ok(format!("{pages} pages, {} objects, {streams} streams unpacked", document.objects.len())),
    }
}

fn of_object((number, _): (u32, u16), finding: Finding) -> Finding {
    match finding {
        Finding::Broken(why) => Finding::Broken(format!("object {number}: {why}")),
        finding => finding,
    }
}

fn load(bytes: &[u8]) -> Result<Document, Finding> {
    let options = |strict| LoadOptions { strict, max_decompressed_size: Some(STREAM_MAX), ..LoadOptions::default() };
    let by_the_rules = match Document::load_mem_with_options(bytes, options(true)) {
        Ok(document) => return Ok(document),
        Err(error) => error,
    };
    match Document::load_mem_with_options(bytes, options(false)) {
        Ok(document) if document.is_encrypted() => Ok(document),
        Ok(document) if document.xref_recovery.is_none() && !document.get_pages().is_empty() => {
            Err(unable(format!("only a reader that forgives opens it: {by_the_rules}")))
        }
        Ok(_) => Err(broken(by_the_rules)),
        Err(error) => Err(broken(error)),
    }
}

/// Unpacks what is packed by Flate alone, the usual way; true if it was.
fn unpack(stream: &Stream, budget: &Budget) -> Result<bool, Finding> {
    if stream.filters().ok().is_none_or(|filters| filters != [b"FlateDecode"]) {
        return Ok(false);
    }
    let mut plain = budget.meter(flate2::read::ZlibDecoder::new(stream.content.as_slice()));
    match io::copy(&mut plain, &mut io::sink()) {
        Ok(_) => Ok(true),
        Err(error) => Err(budget.overrun().map_or_else(|| broken(error), Finding::Unable)),
    }
}

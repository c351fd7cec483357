//! Documents that are a zip: which kind, and whether every part that is XML is well-formed to its end.

use std::io::{BufReader, Read, Seek};

use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;

use super::budget::Budget;
use super::{Answer, Finding};

/// A larger part of XML is not read: one text in it would have to be held in memory.
const XML_MAX: u64 = 256 << 20;

/// What kind of document the archive is; nothing if it is none.
pub(super) fn kind<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Option<&'static str> {
    if archive.index_for_name("[Content_Types].xml").is_some() {
        return Some("OOXML");
    }
    let mut kind = String::new();
    archive.by_name("mimetype").ok()?.take(100).read_to_string(&mut kind).ok()?;
    kind.starts_with("application/vnd.oasis.opendocument.").then_some("ODF")
}

/// Reads every part of XML.
pub(super) fn parts<R: Read + Seek>(archive: &mut ZipArchive<R>, kind: &str, budget: &Budget) -> Answer {
    let mut parts = 0_u64;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(super::broken)?;
        let name = String::from_utf8_lossy(member.name_raw()).into_owned();
        if !name.ends_with(".xml") && !name.ends_with(".rels") {
            continue;
        }
        let shown = super::shown(&name);
        if member.size() > XML_MAX {
            return Err(Finding::Unable(format!("{shown} is larger than {} MiB", XML_MAX >> 20)));
        }
        // Some parts that are there for form's sake are empty.
        if member.size() > 0 {
            well_formed(budget.meter(member)).map_err(|why| Finding::Broken(format!("{shown}: {why}")))?;
        }
        parts += 1;
    }
    Ok(format!("{kind}, {parts} parts of XML are well-formed"))
}

fn well_formed(text: impl Read) -> Result<(), String> {
    let mut reader = Reader::from_reader(BufReader::new(text));
    let (mut event, mut depth, mut roots) = (Vec::new(), 0_u64, 0_u64);
    loop {
        event.clear();
        let read = reader.read_event_into(&mut event).map(Event::into_owned);
        match read.map_err(|_| format!("it is not well-formed at byte {}", reader.error_position()))? {
            Event::Start(_) => {
                roots += u64::from(depth == 0);
                depth += 1;
            }
            Event::Empty(_) => roots += u64::from(depth == 0),
            // The reader itself sees to it that each end has its beginning.
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof => break,
            _ => {}
        }
    }
    match (depth, roots) {
        (0, 1) => Ok(()),
        (0, _) => Err(format!("it has {roots} roots")),
        _ => Err("it ends in the middle".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_well_formed_is_told() {
        assert_eq!(well_formed(&b"<?xml version=\"1.0\"?><a><b x=\"1\"/>text</a>"[..]), Ok(()));
        for wrong in ["<a><b></a>", "<a><b>", "<a/><b/>", "", "text", "<a", "<a></b>"] {
            assert!(well_formed(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}

//! The answer of a PROPFIND: bytes → what each resource is (RFC 4918, sections 13 and 14). Pure.
//!
//! Invariants: whole or an error, as a list that was cut off is no shorter list; whatever the server writes, no panic;
//! names count by their namespace, not by their prefix; properties count only where their status says that they do.
//!
//! Deliberately absent: document types and entities of the server's own (refused); what paths mean (`href`).

use quick_xml::NsReader;
use quick_xml::events::{BytesRef, Event};
use quick_xml::name::{Namespace, ResolveResult};

/// Deeper than any answer of these properties.
const DEPTH_MAX: usize = 64;
/// Longer than any path or number.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// One resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resource {
    /// As the server wrote it, entities resolved.
    pub href: String,
    /// Where the server says of the whole resource that it can't tell: HTTP's status.
    pub status: Option<u16>,
    pub properties: Properties,
}

/// What was asked for, as far as it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Properties {
    pub folder: bool,
    pub bytes: Option<u64>,
    /// RFC 4331.
    pub available: Option<u64>,
    pub used: Option<u64>,
}

/// Why bytes are no such answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the server's answer is no XML that can be read: {0}")]
    Xml(String),
    #[error("the server's answer is cut off")]
    CutOff,
    #[error("the server's answer is no WebDAV multistatus")]
    Other,
    #[error("the server's answer holds `{0}` where a number should be")]
    Number(String),
    #[error("the server's answer is deeper or longer than any of its kind")]
    TooMuch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Multistatus,
    Response,
    Href,
    /// Of a response as a whole.
    Status,
    Propstat,
    PropstatStatus,
    Prop,
    ResourceType,
    Collection,
    Length,
    Available,
    Used,
    Other,
}

/// What a name means below its parent.
fn element(parent: Option<Element>, name: &str) -> Element {
    use Element as E;
    match (parent, name) {
        (None, "multistatus") => E::Multistatus,
        (Some(E::Multistatus), "response") => E::Response,
        (Some(E::Response), "href") => E::Href,
        (Some(E::Response), "status") => E::Status,
        (Some(E::Response), "propstat") => E::Propstat,
        (Some(E::Propstat), "status") => E::PropstatStatus,
        (Some(E::Propstat), "prop") => E::Prop,
        (Some(E::Prop), "resourcetype") => E::ResourceType,
        (Some(E::ResourceType), "collection") => E::Collection,
        (Some(E::Prop), "getcontentlength") => E::Length,
        (Some(E::Prop), "quota-available-bytes") => E::Available,
        (Some(E::Prop), "quota-used-bytes") => E::Used,
        _ => E::Other,
    }
}

#[derive(Default)]
struct Parser {
    open: Vec<Element>,
    text: String,
    resource: Resource,
    /// Of the propstat that is open, which may turn out not to count.
    properties: Properties,
    number: Option<String>,
    counts: bool,
    all: Vec<Resource>,
    ended: bool,
}

/// See the module.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Resource>, Malformed> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| Malformed::Xml(error.to_string()))?;
    let mut reader = NsReader::from_str(text);
    let mut parser = Parser::default();
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(|error| Malformed::Xml(error.to_string()))?;
        let dav = matches!(namespace, ResolveResult::Bound(Namespace("DAV:")));
        match event {
            Event::Start(tag) => parser.begin(dav, tag.local_name().as_ref())?,
            Event::Empty(tag) => {
                parser.begin(dav, tag.local_name().as_ref())?;
                parser.end()?;
            }
            Event::End(_) => parser.end()?,
            Event::Text(text) => parser.add(&text)?,
            Event::CData(text) => parser.add(&text)?,
            Event::GeneralRef(name) => parser.add(&resolved(&name)?)?,
            Event::DocType(_) => return Err(Malformed::Xml("it has a document type".to_owned())),
            Event::Eof => return if parser.ended { Ok(parser.all) } else { Err(Malformed::CutOff) },
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

fn resolved(name: &BytesRef<'_>) -> Result<String, Malformed> {
    let bad = |error: String| Malformed::Xml(error);
    if let Some(character) = name.resolve_char_ref().map_err(|error| bad(error.to_string()))? {
        return Ok(character.to_string());
    }
    let known = quick_xml::escape::resolve_predefined_entity(name);
    known.map(str::to_owned).ok_or_else(|| bad(format!("it names the entity `{}`", &**name)))
}

impl Parser {
    fn begin(&mut self, dav: bool, name: &str) -> Result<(), Malformed> {
        let element = if dav { element(self.open.last().copied(), name) } else { Element::Other };
        match element {
            Element::Other if self.open.is_empty() => return Err(Malformed::Other),
            Element::Multistatus if self.ended => return Err(Malformed::Other),
            Element::Response => self.resource = Resource::default(),
            // Where no status is told, they count.
            Element::Propstat => (self.properties, self.number, self.counts) = (Properties::default(), None, true),
            Element::Collection => self.properties.folder = true,
            _ => {}
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Malformed::TooMuch);
        }
        self.text.clear();
        self.open.push(element);
        Ok(())
    }

    fn add(&mut self, text: &str) -> Result<(), Malformed> {
        if matches!(self.open.last(), None | Some(Element::Other)) {
            return Ok(());
        }
        self.text.push_str(text);
        if self.text.len() > TEXT_BYTES_MAX { Err(Malformed::TooMuch) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), Malformed> {
        let text = std::mem::take(&mut self.text);
        match self.open.pop() {
            Some(Element::Href) => self.resource.href = text.trim().to_owned(),
            Some(Element::Status) => self.resource.status = status(&text),
            Some(Element::PropstatStatus) => self.counts = matches!(status(&text), Some(200..=299)),
            Some(Element::Length) => self.properties.bytes = self.count(&text),
            Some(Element::Available) => self.properties.available = self.count(&text),
            Some(Element::Used) => self.properties.used = self.count(&text),
            Some(Element::Propstat) => self.end_propstat()?,
            Some(Element::Response) => self.all.push(std::mem::take(&mut self.resource)),
            Some(Element::Multistatus) => self.ended = true,
            _ => {}
        }
        Ok(())
    }

    /// A number, or none where it is empty; what is neither is remembered until it is known whether it counts.
    fn count(&mut self, text: &str) -> Option<u64> {
        let text = text.trim();
        let count = text.parse().ok();
        if count.is_none() && !text.is_empty() {
            self.number = Some(text.chars().take(40).collect());
        }
        count
    }

    fn end_propstat(&mut self) -> Result<(), Malformed> {
        if !self.counts {
            return Ok(());
        }
        if let Some(bad) = self.number.take() {
            return Err(Malformed::Number(bad));
        }
        let (new, old) = (std::mem::take(&mut self.properties), &mut self.resource.properties);
        old.folder |= new.folder;
        old.bytes = new.bytes.or(old.bytes);
        old.available = new.available.or(old.available);
        old.used = new.used.or(old.used);
        Ok(())
    }
}

/// `HTTP/1.1 200 OK`
fn status(text: &str) -> Option<u16> {
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests;

//! SFTP version 3 on the wire: requests to bytes, bytes to answers. Pure.
//!
//! In: numbers, texts and bytes of ours; whatever a server sent. Out: whole packets; answers, or that it is none.
//! Invariant: nothing a server sends makes this panic or reserve memory that it did not send.
//! Layout: draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL for the extensions.
//!
//! Deliberately absent: versions above 3 (OpenSSH speaks none); handles and names as text: both are bytes.

pub(super) const OPEN: u8 = 3;
pub(super) const CLOSE: u8 = 4;
pub(super) const READ: u8 = 5;
pub(super) const WRITE: u8 = 6;
pub(super) const LSTAT: u8 = 7;
pub(super) const FSTAT: u8 = 8;
pub(super) const FSETSTAT: u8 = 10;
pub(super) const OPENDIR: u8 = 11;
pub(super) const READDIR: u8 = 12;
pub(super) const REMOVE: u8 = 13;
pub(super) const MKDIR: u8 = 14;
pub(super) const STAT: u8 = 17;
pub(super) const RENAME: u8 = 18;
pub(super) const EXTENDED: u8 = 200;

/// How a file is opened.
pub(super) const FOR_READING: u32 = 1;
pub(super) const FOR_WRITING: u32 = 2;
pub(super) const MAKE: u32 = 8;
pub(super) const ONLY_NEW: u32 = 0x20;

/// Longest packet taken from a server: folders come in packets as long as the server likes.
const PACKET_BYTES_MAX: usize = 4 << 20;
const WITH_SIZE: u32 = 1;
const WITH_OWNER: u32 = 2;
const WITH_MODE: u32 = 4;
const WITH_TIMES: u32 = 8;
const WITH_MORE: u32 = 0x8000_0000;

/// A request being put together.
pub(super) struct Request(Vec<u8>);

impl Request {
    /// Of that kind; `id` is what its answer will carry.
    pub fn new(kind: u8, id: u32) -> Self {
        let mut bytes = vec![0, 0, 0, 0, kind];
        bytes.extend_from_slice(&id.to_be_bytes());
        Self(bytes)
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.reserve(bytes.len().saturating_add(4));
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub fn number(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub fn long(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Attributes that say nothing.
    pub fn no_attributes(self) -> Self {
        self.number(0)
    }

    /// Attributes that say the length only.
    pub fn size(self, bytes: u64) -> Self {
        self.number(WITH_SIZE).long(bytes)
    }

    /// The whole packet, its length in front.
    pub fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len().saturating_sub(4)).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

/// The first packet of a session.
pub(super) fn hello() -> Vec<u8> {
    vec![0, 0, 0, 5, 1, 0, 0, 0, 3]
}

/// What a server says a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Attributes {
    pub size: Option<u64>,
    pub mode: Option<u32>,
}

/// What lies under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Other,
}

impl Attributes {
    /// Read off the mode; nothing where the server told none.
    pub fn kind(&self) -> Option<Kind> {
        self.mode.map(|mode| match mode & 0o170_000 {
            0o100_000 => Kind::File,
            0o040_000 => Kind::Folder,
            _ => Kind::Other,
        })
    }
}

/// One name of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub name: Vec<u8>,
    pub attributes: Attributes,
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Status { code: u32, text: String },
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<Name>),
    Attributes(Attributes),
    Extended(Vec<u8>),
}

/// Bytes that are no packet of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what the server sent is not SFTP; it began with {}", .0.escape_ascii())]
pub(super) struct Strange(pub Vec<u8>);

/// Puts packets together from the pieces that a channel gives.
#[derive(Default)]
pub(super) struct Assembly(Vec<u8>);

impl Assembly {
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next whole packet without its length, if it is there.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, Strange> {
        let Some(length) = self.0.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)) else { return Ok(None) };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length == 0 || length > PACKET_BYTES_MAX {
            return Err(strange(&self.0));
        }
        let end = length.saturating_add(4);
        if self.0.len() < end {
            return Ok(None);
        }
        let rest = self.0.split_off(end);
        let whole = std::mem::replace(&mut self.0, rest);
        Ok(Some(whole.get(4..).unwrap_or_default().to_vec()))
    }
}

fn strange(bytes: &[u8]) -> Strange {
    Strange(bytes.iter().take(60).copied().collect())
}

/// An extension's name and what is said of it.
pub(super) type Extension = (Vec<u8>, Vec<u8>);

/// The answer to `hello`: the version, and what the server offers beside it.
pub(super) fn decode_version(packet: &[u8]) -> Result<(u32, Vec<Extension>), Strange> {
    let mut rest = Rest(packet);
    let (Some(2), Some(version)) = (rest.byte(), rest.number()) else { return Err(strange(packet)) };
    let mut offers = Vec::new();
    while let (Some(name), Some(data)) = (rest.bytes(), rest.bytes()) {
        offers.push((name.to_vec(), data.to_vec()));
    }
    Ok((version, offers))
}

/// An answer and the id of the request that it answers.
pub(super) fn decode(packet: &[u8]) -> Result<(u32, Answer), Strange> {
    let mut rest = Rest(packet);
    let decoded = rest.byte().and_then(|kind| Some((rest.number()?, answer(kind, &mut rest)?)));
    decoded.ok_or_else(|| strange(packet))
}

fn answer(kind: u8, rest: &mut Rest<'_>) -> Option<Answer> {
    Some(match kind {
        101 => {
            let code = rest.number()?;
            // Some servers leave the text out.
            let text = rest.bytes().unwrap_or_default();
            Answer::Status { code, text: String::from_utf8_lossy(text.get(..300).unwrap_or(text)).into_owned() }
        }
        102 => Answer::Handle(rest.bytes()?.to_vec()),
        103 => Answer::Data(rest.bytes()?.to_vec()),
        104 => Answer::Names(names(rest)?),
        105 => Answer::Attributes(attributes(rest)?),
        201 => Answer::Extended(rest.0.to_vec()),
        _ => return None,
    })
}

fn names(rest: &mut Rest<'_>) -> Option<Vec<Name>> {
    let count = rest.number()?;
    let mut names = Vec::new();
    for _ in 0..count {
        let name = rest.bytes()?.to_vec();
        let long = rest.bytes()?;
        let mut attributes = attributes(rest)?;
        attributes.mode = attributes.mode.or_else(|| mode_of_line(long));
        names.push(Name { name, attributes });
    }
    Some(names)
}

/// A server that gives no modes still gives lines as `ls -l` does.
fn mode_of_line(line: &[u8]) -> Option<u32> {
    match line.first() {
        Some(b'-') => Some(0o100_000),
        Some(b'd') => Some(0o040_000),
        Some(b'l' | b'p' | b's' | b'b' | b'c') => Some(0),
        _ => None,
    }
}

fn attributes(rest: &mut Rest<'_>) -> Option<Attributes> {
    let flags = rest.number()?;
    let size = if flags & WITH_SIZE == 0 { None } else { Some(rest.long()?) };
    if flags & WITH_OWNER != 0 {
        rest.long()?;
    }
    let mode = if flags & WITH_MODE == 0 { None } else { Some(rest.number()?) };
    if flags & WITH_TIMES != 0 {
        rest.long()?;
    }
    if flags & WITH_MORE != 0 {
        for _ in 0..rest.number()? {
            rest.bytes()?;
            rest.bytes()?;
        }
    }
    Some(Attributes { size, mode })
}

/// What is left of a packet.
pub(super) struct Rest<'a>(pub &'a [u8]);

impl<'a> Rest<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn number(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*first))
    }

    pub fn long(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*first))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_length_in_front() {
        let packet = Request::new(READ, 7).bytes(b"h").long(9).number(5).finish();
        assert_eq!(
            packet,
            [&[0, 0, 0, 22, 5, 0, 0, 0, 7, 0, 0, 0, 1, b'h'][..], &9u64.to_be_bytes(), &[0, 0, 0, 5]].concat()
        );
    }

    #[test]
    fn packets_come_in_any_pieces() {
        let stream = [&[0, 0, 0, 5, 101, 0, 0, 0, 1][..], &[0, 0, 0, 2, 9, 9]].concat();
        for cut in 0..stream.len() {
            let mut assembly = Assembly::default();
            let mut packets = Vec::new();
            for piece in [&stream[..cut], &stream[cut..]] {
                assembly.push(piece);
                while let Some(packet) = assembly.next().expect("packets") {
                    packets.push(packet);
                }
            }
            assert_eq!(packets, [vec![101, 0, 0, 0, 1], vec![9, 9]], "{cut}");
        }
    }

    #[test]
    fn a_shell_that_greets_is_shown() {
        let mut assembly = Assembly::default();
        assembly.push(b"Welcome, ann!\n");
        assert_eq!(assembly.next().expect_err("no packet").to_string().matches("Welcome, ann!").count(), 1);
    }

    #[test]
    fn no_bytes_of_a_server_panic() {
        let good = [
            &[104, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, b'a', 0, 0, 0, 1, b'-', 0x80, 0, 0, 15][..],
            &[0; 8],
            &[0; 8],
            &[0, 0, 0x81, 0xa4],
            &[0; 8],
            &[0; 4],
        ]
        .concat();
        assert!(
            matches!(decode(&good), Ok((1, Answer::Names(names))) if names[0].attributes.kind() == Some(Kind::File))
        );
        for end in 0..good.len() {
            assert!(decode(&good[..end]).is_err(), "{end}");
            for byte in [0, 0xff] {
                let mut bad = good.clone();
                bad[end] = byte;
                let _ = (decode(&bad), decode_version(&bad));
            }
        }
    }

    #[test]
    fn a_mode_is_read_off_the_line_where_there_is_none() {
        for (line, kind) in [("-rw", Kind::File), ("drw", Kind::Folder), ("lrw", Kind::Other)] {
            let mode = mode_of_line(line.as_bytes());
            assert_eq!(Attributes { size: None, mode }.kind(), Some(kind));
        }
        assert_eq!(mode_of_line(b"a.txt"), None);
    }
}

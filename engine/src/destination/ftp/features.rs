//! What a server says it can do (FEAT, RFC 2389). Pure.
//!
//! In: the reply to FEAT. Out: the few answers that requests depend on. A server may be wrong about itself: `look` and
//! `transfer` take back what turns out not to be so.

use super::reply::Reply;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each is one line of the reply
pub(super) struct Features {
    /// MLST and MLSD.
    pub facts: bool,
    /// MLST was seen to refuse a name without saying whether it is free.
    pub vague_facts: bool,
    /// SIZE; asked even where it is not announced, until it is refused.
    pub size: bool,
    /// EPSV.
    pub epsv: bool,
    /// OPTS UTF8 ON.
    pub utf8: bool,
    /// `LIST -a`, which shows names that begin with a dot; tried until it is refused.
    pub list_all: bool,
    /// How a whole object's SHA-256 is asked for.
    pub checksum: Option<Checksum>,
    /// Requests that were sent before the reply to the last one was read were seen to be answered, each in turn.
    pub ahead: bool,
}

/// A request that answers with the SHA-256 of a whole object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checksum {
    /// `HASH`, for which SHA-256 is, or must first be, chosen.
    Hash {
        /// Is it what the server takes by itself?
        chosen: bool,
    },
    /// `XSHA256`
    XSha256,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            facts: false,
            vague_facts: false,
            size: true,
            epsv: false,
            utf8: false,
            list_all: true,
            checksum: None,
            ahead: false,
        }
    }
}

impl Features {
    /// Reads the reply to FEAT; a refusal means that nothing is announced.
    pub fn read(reply: &Reply) -> Self {
        let mut all = Self::default();
        if reply.is_done() {
            reply.text.lines().map(|line| line.trim().to_ascii_uppercase()).for_each(|line| all.add(&line));
        }
        all
    }

    fn add(&mut self, line: &str) {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        match name {
            // Without them a folder looks like a file, and an object like one without a length.
            "MLST" | "MLSD" => self.facts = ["TYPE", "SIZE"].into_iter().all(|fact| has_fact(rest, fact)),
            "EPSV" => self.epsv = true,
            "UTF8" => self.utf8 = true,
            "HASH" => self.checksum = hash(rest).or(self.checksum),
            "XSHA256" => self.checksum = self.checksum.or(Some(Checksum::XSha256)),
            _ => {}
        }
    }

    /// What must be sent once so that [`Checksum::Hash`] answers with SHA-256.
    pub fn checksum_choice(&self) -> Option<&'static str> {
        (self.checksum == Some(Checksum::Hash { chosen: false })).then_some("OPTS HASH SHA-256")
    }
}

fn has_fact(list: &str, fact: &str) -> bool {
    list.split(';').any(|one| one.trim().trim_end_matches('*') == fact)
}

fn hash(list: &str) -> Option<Checksum> {
    let mut ways = list.split(';').map(str::trim);
    ways.find_map(|way| match way {
        "SHA-256" => Some(Checksum::Hash { chosen: false }),
        "SHA-256*" => Some(Checksum::Hash { chosen: true }),
        _ => None,
    })
}

/// The SHA-256 in a reply to `HASH` or `XSHA256`: the one word of 64 hex digits.
pub(super) fn sha256(reply: &Reply) -> Option<String> {
    let words = reply.text.split_ascii_whitespace();
    let mut digests = words.filter(|word| word.len() == 64 && word.bytes().all(|c| c.is_ascii_hexdigit()));
    let digest = digests.next()?.to_ascii_lowercase();
    (reply.is_done() && digests.next().is_none()).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_from_any_reply() {
        let reply = |text: &str| Features::read(&Reply::parse(text.as_bytes()));
        assert_eq!(reply("502 no"), Features::default());
        assert_eq!(reply("211 no features"), Features::default());
        assert_eq!(reply(""), Features::default());
        let rich =
            reply("211-Features:\r\n MLST type*;modify*;size*;\r\n EPSV\r\n utf8\r\n HASH MD5;SHA-256*\r\n211 End\r\n");
        let hash = Some(Checksum::Hash { chosen: true });
        assert_eq!(rich, Features { facts: true, epsv: true, utf8: true, checksum: hash, ..Features::default() });
        assert!(!reply("211-F\r\n MLST modify*;size*;\r\n211 E").facts, "no word of what is a folder");
        assert_eq!(reply("211-F\r\n XSHA256\r\n211 E").checksum, Some(Checksum::XSha256));
        assert_eq!(reply("211-F\r\n HASH SHA-1*;SHA-256\r\n211 E").checksum_choice(), Some("OPTS HASH SHA-256"));
        assert_eq!(reply("211-F\r\n HASH SHA-1*\r\n XCRC\r\n211 E").checksum, None);
    }

    #[test]
    fn only_a_whole_digest_counts() {
        let digest = "AB".repeat(32);
        let read = |text: String| sha256(&Reply::parse(text.as_bytes()));
        assert_eq!(read(format!("213 SHA-256 0-49 {digest} a")), Some("ab".repeat(32)));
        assert_eq!(read(format!("250 {digest}")), Some("ab".repeat(32)));
        assert_eq!(read(format!("550 {digest}")), None);
        assert_eq!(read(format!("213 {digest} {digest}")), None);
        assert_eq!(read("213 SHA-1 0-49 abcdef a".into()), None);
    }
}

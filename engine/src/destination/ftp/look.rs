//! What lies where: one name, one folder, answered for certain or not at all.
//!
//! In: a session and a path below the vault's folder. Out: what lies there, or a failure.
//!
//! A 550 means that nothing is there, or that we may not see it. Its text is believed where it says which; else the
//! folder's list decides, and above it the list of the folder that holds it. So "nothing is there" is never said of
//! what may be there behind a permission that was lost. Commands that the server turns out not to know are not asked
//! again on this connection.
//!
//! `LIST` gets `-a`, as some servers hide names that begin with a dot; where they refuse that, it goes without.
//! Deliberately absent: caches of what lies where.

use super::listing::{Entry, Found, Line, facts, listed};
use super::reply::{Failure, Reply};
use super::session::Session;

/// How many bytes a file has, by the reply to a look.
type BytesIn = fn(&Reply) -> Option<u64>;

/// A folder's content.
struct Content {
    entries: Vec<Entry>,
    /// Did the list name the folder itself?
    itself: bool,
}

/// The folder that holds `path`, and its last name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

impl Session {
    /// What lies at `path`, which is not the vault's folder itself.
    pub fn look(&mut self, path: &str) -> Result<Found, Failure> {
        if self.features.facts {
            let reply = self.ask(&format!("MLST {path}"))?;
            match reply.code {
                250 => match fact_of(&reply) {
                    Some(Found::File(None)) | None => {}
                    Some(found) => return Ok(found),
                },
                _ if reply.is_unknown_command() => self.features.facts = false,
                _ if !reply.is_about_name() => return Err(Failure::Refused(reply)),
                _ if reply.says_missing() => return Ok(Found::Absent),
                // Some servers say no more here; SIZE often does.
                _ => self.features.vague_facts = !reply.says_denied(),
            }
        }
        self.size(path)
    }

    /// The same, where nothing is expected: what this server says that most clearly with is asked first.
    pub fn look_for_nothing(&mut self, path: &str) -> Result<Found, Failure> {
        if self.features.vague_facts && self.features.size {
            let reply = self.ask(&format!("SIZE {path}"))?;
            if reply.is_about_name() && reply.says_missing() {
                return Ok(Found::Absent);
            }
        }
        self.look(path)
    }

    /// The request whose reply says by itself how long a file is, and how it is read; none where there is none.
    pub fn look_at_file(&self, path: &str) -> Option<(String, BytesIn)> {
        match (self.features.facts, self.features.size) {
            (true, _) => Some((format!("MLST {path}"), fact_bytes)),
            (false, true) => Some((format!("SIZE {path}"), size_bytes)),
            (false, false) => None,
        }
    }

    /// The request whose reply, if it says so, is clear about a name that is free.
    pub fn look_for_free_name(&self, path: &str) -> Option<String> {
        match (self.features.facts && !self.features.vague_facts, self.features.size) {
            (true, _) => Some(format!("MLST {path}")),
            (false, true) => Some(format!("SIZE {path}")),
            (false, false) => None,
        }
    }

    fn size(&mut self, path: &str) -> Result<Found, Failure> {
        if self.features.size {
            let reply = self.ask(&format!("SIZE {path}"))?;
            match size_bytes(&reply) {
                Some(bytes) => return Ok(Found::File(Some(bytes))),
                None if reply.is_unknown_command() => self.features.size = false,
                None => return self.missing(path, reply),
            }
        }
        self.find(path)
    }

    /// What a refusal to tell of `path` means.
    fn missing(&mut self, path: &str, reply: Reply) -> Result<Found, Failure> {
        if reply.is_about_name() && reply.says_missing() {
            return Ok(Found::Absent);
        }
        if !reply.is_about_name() {
            return Err(Failure::Refused(reply));
        }
        // What it may not tell, its folder's list may. Where that is refused too, this is an error.
        self.find(path)
    }

    /// What the list of its folder says of `path`.
    fn find(&mut self, path: &str) -> Result<Found, Failure> {
        let (folder, name) = split(path);
        let entries = self.list(folder)?.unwrap_or_default();
        Ok(entries.into_iter().find(|entry| entry.name == name).map_or(Found::Absent, |entry| entry.found))
    }

    /// All that lies in `folder`; none if there is no such folder.
    pub fn list(&mut self, folder: &str) -> Result<Option<Vec<Entry>>, Failure> {
        match self.content(folder) {
            Ok(content) if content.itself || !content.entries.is_empty() || folder.is_empty() => {
                Ok(Some(content.entries))
            }
            // Some servers give an empty list of what is not there, or may not be read.
            Ok(_) => self.is_empty_folder(folder),
            Err(Failure::Refused(reply)) if reply.is_about_name() => self.no_list(folder, reply),
            Err(failure) => Err(failure),
        }
    }

    fn no_list(&mut self, folder: &str, reply: Reply) -> Result<Option<Vec<Entry>>, Failure> {
        if reply.says_missing() {
            return Ok(None);
        }
        if folder.is_empty() || reply.says_denied() || self.find(folder)? != Found::Absent {
            return Err(Failure::Refused(reply));
        }
        Ok(None)
    }

    fn is_empty_folder(&mut self, folder: &str) -> Result<Option<Vec<Entry>>, Failure> {
        let (above, name) = split(folder);
        let above = match self.content(above) {
            Err(Failure::Refused(reply)) if reply.says_missing() => return Ok(None),
            above => above?,
        };
        let there = above.entries.iter().any(|entry| entry.name == name && entry.found == Found::Folder);
        match (there, above.itself) {
            (true, true) => {
                let text =
                    "550 the list of a folder that is there is not even that of an empty one: permission denied?";
                Err(Failure::Refused(Reply::parse(text.as_bytes())))
            }
            (true, false) => Ok(Some(Vec::new())),
            (false, _) => Ok(None),
        }
    }

    fn content(&mut self, folder: &str) -> Result<Content, Failure> {
        if self.features.facts {
            match self.lines("MLSD", folder) {
                Err(Failure::Refused(reply)) if reply.is_unknown_command() => self.features.facts = false,
                // An MLSD that succeeds is that of a folder, even if it does not name it.
                lines => return parse(&lines?, facts).map(|content| Content { itself: true, ..content }),
            }
        }
        // With the slash it can't be taken for the name of one thing, whose own line would be the whole list.
        let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        if self.features.list_all {
            match self.lines("LIST -a", &folder) {
                Err(Failure::Refused(reply)) if reply.code >= 500 && !reply.says_denied() => {
                    self.features.list_all = false
                }
                lines => return parse(&lines?, listed),
            }
        }
        parse(&self.lines("LIST", &folder)?, listed)
    }
}

fn parse(lines: &[String], line: fn(&str) -> Option<Line>) -> Result<Content, Failure> {
    let mut content = Content { entries: Vec::new(), itself: false };
    for text in lines.iter().filter(|text| !text.trim().is_empty()) {
        match line(text) {
            Some(Line::Entry(entry)) => content.entries.push(entry),
            Some(Line::Itself) => content.itself = true,
            Some(Line::Other) => {}
            None => return Err(Failure::Refused(Reply::parse(b"504 its list of the folder can't be understood"))),
        }
    }
    Ok(content)
}

fn size_bytes(reply: &Reply) -> Option<u64> {
    let bytes = reply.text.split_ascii_whitespace().nth(1).filter(|_| reply.code == 213);
    bytes.and_then(|word| word.parse().ok())
}

fn fact_bytes(reply: &Reply) -> Option<u64> {
    match fact_of(reply).filter(|_| reply.code == 250) {
        Some(Found::File(bytes)) => bytes,
        _ => None,
    }
}

/// The fact in a reply to MLST: its second line.
fn fact_of(reply: &Reply) -> Option<Found> {
    match facts(reply.text.lines().nth(1)?)? {
        Line::Entry(entry) => Some(entry.found),
        Line::Itself => Some(Found::Folder),
        Line::Other => Some(Found::Absent),
    }
}

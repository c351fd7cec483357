//! Views of a report: JUnit XML and an HTML page, made of the document's bytes alone, each with their digest.
//!
//! In: the file of a report, and what a plot needs of those before it. Out: text. The JSON is the truth: a view says
//! nothing that it does not, and may be made again. Invariant: no text from outside is markup (`html::Html`,
//! quick-xml).

mod beside;
mod html;
mod junit;
mod page;
mod plot;
mod sealed;

use std::path::Path;

use engine::model::Digest;

use super::entry::{self, Brief};
use super::file::write_over;
use super::key::Key;
use super::record::ReportFile;
use crate::verdict::{ControlVerdict, ProbeVerdict, Verdict};

pub(crate) use self::sealed::{View, is_signed_by};

/// A report, and the digest of the bytes that it was read from.
pub(super) struct Seen<'r> {
    pub report: &'r ReportFile,
    pub digest: Digest,
    pub past: &'r [Brief],
}

/// Writes the views of the report at `path` beside it, signed; gives what could not be written.
pub(super) fn write(path: &Path, file: &[u8], past: &[Brief], key: &Key) -> Vec<String> {
    let (report, brief) = match (entry::parse(file), serde_json::from_slice::<Brief>(file)) {
        (Ok(report), Ok(brief)) => (report, brief),
        (Err(why), _) => return vec![why],
        (_, Err(why)) => return vec![why.to_string()],
    };
    let past: Vec<Brief> = past.iter().cloned().chain([brief]).collect();
    let seen = Seen { report: &report, digest: entry::digest_of(file), past: &past };
    let views = [(View::Xml, junit::junit(&seen)), (View::Html, Ok(page::page(&seen)))];
    let written = views.into_iter().map(|(kind, text)| {
        let path = path.with_extension(kind.extension());
        let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
        let signed = sealed::sign(kind, &seen.digest, &text, key);
        write_over(&path, signed.as_bytes()).map_err(|error| format!("{} can't be written: {error}", path.display()))
    });
    written.filter_map(Result::err).collect()
}

/// Text as it may stand in a page: what drives a terminal, hides or turns text, or XML can't hold, is shown as an
/// escape.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() || is_unseen(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Marks that turn or hide text, and what is no character.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || (c as u32) & 0xfffe == 0xfffe
}

const fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Incomplete => "incomplete",
        Verdict::Fail => "fail",
    }
}

const fn probe_word(verdict: ProbeVerdict) -> &'static str {
    match verdict {
        ProbeVerdict::Pass => "pass",
        ProbeVerdict::Skipped => "skipped",
        ProbeVerdict::Fail => "fail",
    }
}

const fn control_word(verdict: ControlVerdict) -> &'static str {
    match verdict {
        ControlVerdict::Pass => "pass",
        ControlVerdict::Skipped => "skipped",
        ControlVerdict::Fail => "fail",
    }
}

#[cfg(test)]
mod tests;

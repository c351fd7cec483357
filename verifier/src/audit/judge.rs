//! Is a ledger what was written? Pure: entries and heads in, findings out.
//!
//! What it shows: a report that was edited, replaced, removed in the middle, or, where a head tells of it, removed at
//! the end; a key or an id that changed. What it can't: reports removed that no head tells of; anything done by who
//! has the key and can write to every place.

use engine::format::DrillHead;
use engine::model::VerifierId;

use crate::report::entry::{Brief, Entry, Seal};
use crate::report::{Finding, PublicKey};

/// What the state folder says of this installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// `verifier-id`, if it is there.
    pub verifier: Option<String>,
    /// `verifier-key`, if it is there; or why it can't be read.
    pub key: Option<Result<PublicKey, String>>,
}

/// A head of this ledger at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenHead {
    /// Where it lies in the vault.
    pub path: String,
    /// What it says, once its signature held; or what is wrong with it.
    pub body: Result<DrillHead, String>,
}

/// All heads at a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenHeads {
    /// Of this ledger.
    pub heads: Vec<SeenHead>,
    /// Of other verifiers, and the newest number that their names tell.
    pub others: Vec<(VerifierId, u64)>,
    /// Of this ledger, written by a newer release.
    pub unread: Vec<String>,
}

fn about(entry: &Entry, problem: impl Into<String>) -> Finding {
    Finding { report: Some(entry.number), file: Some(entry.file()), destination: None, problem: problem.into() }
}

/// One report by itself.
#[must_use]
pub fn alone(entry: &Entry) -> Vec<Finding> {
    let mut found = Vec::new();
    match (&entry.brief, &entry.seal) {
        (Err(why), _) | (Ok(_), Seal::Broken(why)) => found.push(about(entry, why.as_str())),
        (Ok(_), Seal::Unsigned | Seal::Signed(_)) => {}
    }
    if let Ok(brief) = &entry.brief
        && brief.name() != entry.file()
    {
        found.push(about(entry, format!("its name is not what it says: by that it is {}", brief.name())));
    }
    found
}

/// All reports of a folder, in the order of their numbers.
#[must_use]
pub fn chained(entries: &[Entry], own: Option<&Own>) -> Vec<Finding> {
    let mut found: Vec<Finding> = entries.iter().flat_map(alone).collect();
    if let Some(first) = entries.first() {
        found.extend(missing(1, first.number));
        if first.number == 1 && first.brief.as_ref().is_ok_and(|brief| brief.previous.is_some()) {
            found.push(about(first, "it is the first, and says that it follows another one"));
        }
    }
    for pair in entries.windows(2) {
        found.extend(missing(pair[0].number.saturating_add(1), pair[1].number));
        if pair[0].number == pair[1].number {
            found.push(about(&pair[1], format!("{} has the same number", pair[0].file())));
        } else if pair[0].number.checked_add(1) == Some(pair[1].number) {
            found.extend(follows(&pair[0], &pair[1]));
        }
    }
    found.extend(keys(entries));
    found.extend(own.into_iter().flat_map(|own| own_key(entries, own)));
    found
}

/// Numbers from `first` on that are not there, up to the one before `next`.
fn missing(first: u64, next: u64) -> Option<Finding> {
    let last = next.checked_sub(1).filter(|last| first <= *last)?;
    let problem = if first == last {
        format!("report {first} is not there")
    } else {
        format!("reports {first} to {last} are not there")
    };
    Some(Finding { report: Some(first), file: None, destination: None, problem })
}

fn follows(before: &Entry, entry: &Entry) -> Option<Finding> {
    let brief = entry.brief.as_ref().ok()?;
    let digest = before.digest?.to_string();
    (brief.previous.as_ref() != Some(&digest)).then(|| {
        let number = before.number;
        about(entry, format!("it does not follow report {number} as that one is now: one of them was changed"))
    })
}

/// Who signs, from report to report.
fn keys(entries: &[Entry]) -> Vec<Finding> {
    let mut found = Vec::new();
    let (mut key, mut verifier): (Option<PublicKey>, Option<&str>) = (None, None);
    for entry in entries {
        let Ok(Brief { verifier: named, .. }) = &entry.brief else { continue };
        if verifier.is_some_and(|known| known != named) {
            found.push(about(entry, format!("it is of another verifier than those before it: {named}")));
        }
        verifier = Some(named);
        match (&entry.seal, key) {
            (Seal::Unsigned, Some(_)) => found.push(about(entry, "it is not signed, and those before it are")),
            (Seal::Signed(now), Some(known)) if *now != known => {
                found.push(about(entry, format!("it is signed by another key than those before it: {now}")));
            }
            _ => {}
        }
        if let Seal::Signed(now) = entry.seal {
            key = Some(now);
        }
    }
    found
}

/// The key and the id in the state folder against those of the newest signed report.
fn own_key(entries: &[Entry], own: &Own) -> Vec<Finding> {
    let signed = entries.iter().rev().find_map(|entry| match entry.seal {
        Seal::Signed(key) => Some((entry, key)),
        _ => None,
    });
    let Some((newest, key)) = signed else { return Vec::new() };
    let mut found = Vec::new();
    match &own.key {
        None => found.push(about(newest, "the key that signed it is not in the state folder any more")),
        Some(Err(why)) => found.push(about(newest, format!("the key in the state folder can't be read: {why}"))),
        Some(Ok(own)) if *own != key => {
            found.push(about(newest, "the key in the state folder is another one than that which signed it"));
        }
        Some(Ok(_)) => {}
    }
    if newest.brief.as_ref().is_ok_and(|brief| own.verifier.as_deref() != Some(&brief.verifier)) {
        found.push(about(newest, "it is of another verifier than the state folder names"));
    }
    found
}

/// Reports against the heads at a place.
#[must_use]
pub fn compared(entries: &[Entry], destination: &str, heads: &[SeenHead]) -> Vec<Finding> {
    heads
        .iter()
        .filter_map(|seen| Some((seen, wrong(entries, seen)?)))
        .map(|(seen, (report, problem))| Finding {
            report,
            file: Some(seen.path.clone()),
            destination: Some(destination.to_owned()),
            problem,
        })
        .collect()
}

fn wrong(entries: &[Entry], seen: &SeenHead) -> Option<(Option<u64>, String)> {
    let head = match &seen.body {
        Ok(head) => head,
        Err(why) => return Some((None, format!("this head of the ledger can't be used: {why}"))),
    };
    let number = head.sequence;
    let mut named = entries.iter().filter(|entry| entry.number == number).peekable();
    let problem = if named.peek().is_none() {
        let newest = entries.last().map_or(0, |entry| entry.number);
        let what = if number > newest { format!("the newest that is there is {newest}") } else { "it is a gap".into() };
        format!("report {number}, which this head names, is not there: {what}")
    } else if let Some(entry) = named.find(|entry| entry.digest == Some(head.report)) {
        match entry.seal {
            Seal::Signed(key) if key.0 == head.public_key => return None,
            _ => format!("this head of report {number} is signed by another key than the report"),
        }
    } else {
        format!("report {number} is not the one that was written: this head names another digest")
    };
    Some((Some(number), problem))
}

#[cfg(test)]
mod tests;

//! Reads back what lies at a medium beside packs and manifests: identity twice, key slots, heads, the text for people.
//!
//! In: a place and what it should hold. Out: flaws. A file that a newer release wrote is told, and no damage.
//! Deliberately absent: repair; `drills/` and `seeds/`, which others write.

use std::collections::BTreeSet;

use super::error::CopyError;
use super::evidence::is_bad_sector;
use super::inspect::{Flaw, Inspected, Inspection, say};
use crate::catalog::Finding;
use crate::destination::ErrorKind;
use crate::format::{FormatError, Identity, KeysName, SlotSet};
use crate::model::{KeyEpoch, Time, VaultPath, chain};
use crate::seal::is_authentic;
use crate::vault::{RESTORE_PATH, VaultError, list_heads, read_whole_medium, restore_text};

/// What a file holds.
enum Content {
    Bytes(Vec<u8>),
    Missing,
    Damaged(String),
    /// The place refuses it, and that is told.
    Unread,
}

/// Looks at all of them. Do it before a session is opened there: that would add a head.
///
/// # Errors
/// If the place can't be asked.
pub fn inspect_files(at: &Inspected<'_>, found: &mut Inspection) -> Result<(), CopyError> {
    for name in ["VAULT", "VAULT.copy"] {
        let path = path(name);
        match content(at, &path, found)? {
            Content::Bytes(bytes) => identity(at, path, &bytes, found),
            bad => flaw(path, bad, found),
        }
    }
    let restore = path(RESTORE_PATH);
    match content(at, &restore, found)? {
        Content::Bytes(bytes) if is_our_text(at, &bytes) => {}
        Content::Bytes(_) => {
            found.flaws.push(Flaw::new(restore, Finding::Damaged, "damaged: it is not the text that was written"));
        }
        bad => flaw(restore, bad, found),
    }
    keys(at, found)?;
    heads(at, found)
}

/// The text for people has been the same in every release so far; an older one of the family would be as good.
fn is_our_text(at: &Inspected<'_>, bytes: &[u8]) -> bool {
    let family = at.tools.keyring.family();
    bytes == restore_text(&Identity { family, vault: at.medium, created: Time::default() }, at.store).as_bytes()
}

fn identity(at: &Inspected<'_>, path: VaultPath, bytes: &[u8], found: &mut Inspection) {
    let wrong = match Identity::decode(bytes) {
        Ok(identity) if (identity.vault, identity.family) == (at.medium, at.tools.keyring.family()) => return,
        Ok(_) => "it tells of another vault".to_owned(),
        Err(error @ FormatError::Newer { .. }) => return say(at, &error.to_string()),
        Err(error) => error.to_string(),
    };
    found.flaws.push(Flaw::new(path, Finding::Damaged, format!("damaged: {wrong}")));
}

/// Every file of key slots is what its name says, and the newest set of the family is there.
fn keys(at: &Inspected<'_>, found: &mut Inspection) -> Result<(), CopyError> {
    let wanted = at.keys.map(|keys| keys.set.name());
    let (mut good, first) = (BTreeSet::new(), found.flaws.len());
    let listed = match at.store.list(&path("keys")) {
        Ok(listed) => listed,
        Err(error) => return found.refused(at, path("keys"), error.into()),
    };
    let (unread, mut later) = (found.unread.len(), None);
    for listed in listed {
        let Ok(name) = listed.path.file_name().parse::<KeysName>() else { continue };
        match content(at, &listed.path, found)? {
            Content::Bytes(bytes) => match slots(at, name, &bytes) {
                Ok(epoch) => {
                    good.insert(name);
                    later = later.max(Some(epoch.0).filter(|epoch| *epoch > at.tools.keyring.epoch().0));
                }
                Err(error @ FormatError::Newer { .. }) => say(at, &error.to_string()),
                Err(error) => found.flaws.push(Flaw::new(listed.path, Finding::Damaged, error.to_string())),
            },
            bad => flaw(listed.path, bad, found),
        }
    }
    if found.unread.len() > unread {
        // What is missing can't be told from what is refused.
        return Ok(());
    }
    if let Some(wanted) = wanted.filter(|wanted| !good.contains(wanted)) {
        let wanted = path(&format!("keys/{wanted}"));
        if !found.flaws.iter().any(|flaw| flaw.path == wanted) {
            // Whether those of a later epoch are ours only their secret tells.
            let later = later.map(|epoch| {
                format!("; others of key epoch {epoch} lie there, which are not known here: `engine key list` looks for them")
            });
            let problem = format!("missing: the family's newest key slots{}", later.unwrap_or_default());
            found.flaws.push(Flaw::new(wanted, Finding::Missing, problem));
        }
    }
    if good.is_empty() {
        // Without any slots nothing that lies there opens.
        let there = at.tools.catalog.placements_at(at.medium)?;
        let needing: BTreeSet<_> =
            there.into_iter().filter(|(_, row)| row.state.is_there()).map(|(order, _)| order).collect();
        found.flaws[first..].iter_mut().for_each(|flaw| flaw.points.clone_from(&needing));
    }
    Ok(())
}

/// The key epoch of slots that are what they should be.
fn slots(at: &Inspected<'_>, name: KeysName, bytes: &[u8]) -> Result<KeyEpoch, FormatError> {
    let damaged = |why: &str| FormatError::damaged("the key slots' file", why);
    if KeysName::digest_of(bytes) != name.digest {
        return Err(damaged("it is not what its name says"));
    }
    let set = SlotSet::decode(bytes)?;
    if set.sequence != name.sequence {
        return Err(damaged("it tells another sequence"));
    }
    let is_newest = set.epoch == at.tools.keyring.epoch();
    if set.family != at.tools.keyring.family() || (is_newest && !is_authentic(&set, at.tools.keyring)) {
        return Err(damaged("it was not made with the family's keys"));
    }
    Ok(set.epoch)
}

/// Every head opens, and that of our last session there is among them.
fn heads(at: &Inspected<'_>, found: &mut Inspection) -> Result<(), CopyError> {
    let heads = match list_heads(at.store, at.medium, at.tools.keyring) {
        Ok(heads) => heads,
        Err(error) => return found.refused(at, path("heads"), error.into()),
    };
    let last = at.tools.catalog.medium(at.medium)?.and_then(|row| row.head);
    // A later one that can be read is ours too, and has pushed it out: this computer was set back.
    let there = |epoch, session| {
        heads.iter().any(|head| {
            let found = (head.name.epoch, head.name.session);
            found == (epoch, session) || head.body.is_ok() && found > (epoch, session)
        })
    };
    if let Some(last) = last.filter(|last| !there(last.epoch, last.session)) {
        let path = path(&format!("heads/{:08}-{:012}", last.epoch, last.session));
        let problem = "missing: the head of the last session there; the place was set back, or lost it";
        found.flaws.push(Flaw::new(path, Finding::Missing, problem));
    }
    for head in heads {
        match head.body {
            Ok(_) => found.objects += 1,
            Err(error) if error.is_damage() => {
                found.flaws.push(Flaw::new(head.path, Finding::Damaged, format!("damaged: {}", chain(&error))));
            }
            Err(VaultError::Store(error)) if error.kind == ErrorKind::Denied => {
                found.refused(at, head.path, error.into())?;
            }
            Err(VaultError::Store(error)) => {
                at.store.still_there()?;
                let problem = format!("it can't be read: {}", chain(&error));
                found.flaws.push(Flaw::new(head.path, Finding::Damaged, problem));
            }
            Err(error) => say(at, &chain(&error)),
        }
    }
    Ok(())
}

/// A file's bytes, from the medium.
fn content(at: &Inspected<'_>, path: &VaultPath, found: &mut Inspection) -> Result<Content, CopyError> {
    match read_whole_medium(at.store, path) {
        Ok(bytes) => {
            found.objects += 1;
            found.bytes = found.bytes.saturating_add(bytes.len() as u64);
            Ok(Content::Bytes(bytes))
        }
        Err(VaultError::Store(error)) if error.kind == ErrorKind::NotFound => {
            at.store.still_there()?;
            Ok(Content::Missing)
        }
        Err(VaultError::Store(error)) if is_bad_sector(at.store, &error) => Ok(Content::Damaged(chain(&error))),
        Err(error) if error.is_damage() => Ok(Content::Damaged(chain(&error))),
        Err(error) => found.refused(at, path.clone(), error.into()).map(|()| Content::Unread),
    }
}

fn flaw(path: VaultPath, content: Content, found: &mut Inspection) {
    let (finding, problem) = match content {
        Content::Missing => (Finding::Missing, "missing".to_owned()),
        Content::Damaged(why) => (Finding::Damaged, format!("damaged: {why}")),
        Content::Bytes(_) | Content::Unread => return,
    };
    found.flaws.push(Flaw::new(path, finding, problem));
}

fn path(text: &str) -> VaultPath {
    VaultPath::parse(text).expect("a name of ours")
}

//! As whom and under which number a session begins: the heads there against what the catalog knows.
//!
//! In: heads, the medium's row. Out: the session's number, or that another writer has taken over.
//! Deliberately absent: writing a head (`session`), the judgement itself (`fence`).

use super::Tools;
use super::error::CopyError;
use super::fence::{Fence, HeadSeen, Known, judge};
use crate::catalog::{self, Catalog, MediumRow, MetaRow};
use crate::destination::ReadStore;
use crate::format::HeadName;
use crate::model::{PointOrder, VaultId};
use crate::vault::{FoundHead, VaultError, head_named, list_heads};

/// The name under which a medium remembers a session whose head may lie there although it is not recorded.
pub(super) const INTENDED: &str = "session-intended";
/// The name under which a medium remembers the last head that we left there.
pub(super) const HEAD: &str = "session-head";
/// The name under which a medium remembers that a session there did not end.
pub(super) const OPEN: &str = "session-open";
/// The name under which a medium remembers that the writer before us there may still be at work.
pub(super) const SUCCEEDS: &str = "succeeds";

pub(super) fn medium_row(catalog: &Catalog, medium: VaultId) -> Result<MediumRow, CopyError> {
    let unknown = || VaultError::Foreign(format!("the vault {medium} is not in the catalog"));
    Ok(catalog.medium(medium)?.ok_or_else(unknown)?)
}

/// The heads there. The last one of ours is read by its name where the list lacks it: a list that is late shows no medium
/// that was set back.
pub(super) fn heads_there(
    tools: &Tools<'_>,
    store: &dyn ReadStore,
    medium: VaultId,
) -> Result<Vec<FoundHead>, CopyError> {
    let mut heads = list_heads(store, medium, tools.keyring)?;
    let row = medium_row(tools.catalog, medium)?;
    let last: Option<HeadName> = mark(&row, HEAD).and_then(|name| name.parse().ok());
    if let Some(last) = last.filter(|last| heads.iter().all(|head| head.name != *last)) {
        heads.extend(head_named(store, medium, tools.keyring, last)?);
        heads.sort_unstable_by_key(|head| head.name);
    }
    Ok(heads)
}

/// The next session there that may delete looks for packs and temporary files that nobody needs, as after one that broke off.
///
/// # Errors
/// As the catalog answers.
pub(crate) fn expect_litter(catalog: &Catalog, medium: VaultId) -> catalog::Result<()> {
    catalog.update_medium(medium, &|row| {
        if mark(row, OPEN).is_none() {
            row.marks.push(catalog::Mark { name: OPEN.to_owned(), value: String::new() });
        }
    })?;
    Ok(())
}

fn seen(heads: &[FoundHead]) -> Vec<HeadSeen> {
    let seen = |head: &FoundHead| HeadSeen {
        epoch: head.name.epoch,
        session: head.name.session,
        digest: head.name.digest,
        writer: head.body.as_ref().ok().map(|body| body.writer),
        newest: head.body.as_ref().ok().and_then(|body| body.newest),
    };
    heads.iter().map(seen).collect()
}

/// As whom and under which number a session begins.
pub(super) struct Begun {
    pub row: MediumRow,
    pub meta: MetaRow,
    pub number: u64,
    /// Why nothing that the catalog says of the medium is believed, if so.
    pub distrusted: Option<String>,
}

/// Judges the heads. Where they show that this computer was set back, it takes a new epoch first (FORMAT 12.2).
pub(super) fn begin(tools: &Tools<'_>, medium: VaultId, heads: &[FoundHead]) -> Result<Begun, CopyError> {
    let fenced = |why| CopyError::Fenced { medium, why };
    let mut shown = None;
    loop {
        let row = medium_row(tools.catalog, medium)?;
        let meta = tools.catalog.meta()?;
        match judge(&seen(heads), &known(&row, &meta)) {
            Fence::Free { next } => return Ok(Begun { row, meta, number: next, distrusted: shown }),
            Fence::Distrust { next, why } => {
                return Ok(Begun { row, meta, number: next, distrusted: shown.or(Some(why)) });
            }
            Fence::SetBack { above, why } => {
                let next = above.checked_add(1).ok_or_else(|| fenced("no epoch is left".to_owned()))?;
                tools.catalog.take_epoch(next)?;
                shown = Some(why);
            }
            Fence::Fenced { why } => {
                if let Some(epoch) = rival(heads, &meta) {
                    tools.catalog.note_fence(medium, Some(epoch))?;
                }
                return Err(fenced(why));
            }
        }
    }
}

/// The epoch of another writer that has taken over, as one of its own heads says; none if only names say so.
fn rival(heads: &[FoundHead], meta: &MetaRow) -> Option<u32> {
    let bodies = heads.iter().filter_map(|head| head.body.as_ref().ok());
    let rivals = bodies.filter(|head| head.epoch >= meta.epoch && head.writer != meta.writer);
    rivals.map(|head| head.epoch).max()
}

/// Is this the first session of our epoch where another one was before, or was that one's end not waited for?
pub(super) fn succeeds(row: &MediumRow, heads: &[FoundHead], epoch: u32) -> bool {
    let is_first = row.head.is_none_or(|head| head.epoch != epoch);
    mark(row, SUCCEEDS).is_some() || is_first && heads.iter().any(|head| head.name.epoch < epoch)
}

/// What the catalog knows of its sessions at a medium.
pub(crate) fn known(row: &MediumRow, meta: &MetaRow) -> Known {
    let (earlier, session) = match row.head {
        Some(head) if head.epoch == meta.epoch => (None, head.session),
        other => (other.map(|head| (head.epoch, head.session)), 0),
    };
    let next = PointOrder { epoch: meta.epoch, sequence: meta.next_sequence };
    Known { writer: meta.writer, epoch: meta.epoch, session, intended: intended(row), earlier, next }
}

/// Does a head's name tell of a session there that the catalog does not know?
pub(crate) fn is_ahead(head: &HeadName, row: &MediumRow, meta: &MetaRow) -> bool {
    let known = known(row, meta);
    (head.epoch, head.session) > (meta.epoch, known.session.max(known.intended.unwrap_or(0)))
}

pub(super) fn intended(row: &MediumRow) -> Option<u64> {
    mark(row, INTENDED).and_then(|value| value.parse().ok())
}

pub(super) fn mark<'r>(row: &'r MediumRow, name: &str) -> Option<&'r str> {
    row.marks.iter().find(|mark| mark.name == name).map(|mark| mark.value.as_str())
}

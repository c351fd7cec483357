//! Before a point takes its place in the order: does a medium that is there show that this computer was set back? Then
//! places may have been given already, and a session there takes a new epoch first (FORMAT.md 12.2). Home's own session,
//! which every capture begins with, does so by itself.
//!
//! Only names of heads are looked at here; the session judges. Deliberately absent: media that are away. What they would
//! show is seen when they are there again, and points of one place are told apart by their ids then.

use std::sync::Arc;

use crate::catalog::{MediumRow, MetaRow};
use crate::command::publish::publish_at;
use crate::command::round::looks_to_tell;
use crate::command::{Context, Failure};
use crate::copy::is_ahead;
use crate::installation::{Look, Opened};

/// Leaves a head at each medium that has heads which the catalog does not know.
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn meet(context: &Arc<Context>) -> Result<(), Failure> {
    let catalog = &context.installation.catalog;
    if catalog.fenced()?.is_some() {
        return Ok(());
    }
    let looks = looks_to_tell(context)?;
    // Read after the looks: what a session wrote that is at work there now is known.
    let (media, meta) = (catalog.media()?, catalog.meta()?);
    let ahead: Vec<_> = looks.into_iter().filter(|(_, look)| shows(look, &media, &meta)).collect();
    if ahead.is_empty() { Ok(()) } else { publish_at(context, ahead) }
}

fn shows(look: &Look, media: &[MediumRow], meta: &MetaRow) -> bool {
    let Look::Here(Opened { medium, sight: Some(sight), .. }) = look else { return false };
    let row = media.iter().find(|row| row.vault == *medium && row.retired.is_none());
    let heads = sight.heads.as_deref().unwrap_or_default();
    row.is_some_and(|row| heads.iter().any(|head| is_ahead(head, row, meta)))
}

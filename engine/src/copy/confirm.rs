//! After a rebuild, or once this computer was seen to be set back, nothing is removed until a head at least as new as the
//! newest point was read (DESIGN 5.8): then what only heads tell is known.

use super::error::CopyError;
use super::session::Session;
use crate::format::Head;
use crate::plan::Deletions;
use crate::vault::FoundHead;

/// Lets removals go on if these heads, which were heeded, are as new as all that was made before our epoch. Our own heads
/// of this epoch say no more than the catalog does. By the clock too: two points may have one place in the order.
///
/// # Errors
/// As the catalog answers.
pub(super) fn confirm(session: &Session<'_>, heads: &[FoundHead]) -> Result<(), CopyError> {
    let catalog = session.tools.catalog;
    let meta = catalog.meta()?;
    if !meta.unconfirmed || session.deletions != Deletions::Allowed {
        return Ok(());
    }
    let points = catalog.points()?;
    let before: Vec<_> = points.iter().filter(|point| point.order.epoch < meta.epoch).collect();
    let newest = before.last().map(|point| point.order);
    let created = before.iter().map(|point| point.created).max();
    let is_as_new = |head: &&Head| head.newest >= newest && Some(head.created) >= created;
    let bodies = heads.iter().filter_map(|head| head.body.as_ref().ok());
    if bodies.filter(|head| head.epoch < meta.epoch).any(|head| is_as_new(&head)) {
        catalog.confirm()?;
    }
    Ok(())
}

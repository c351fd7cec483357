//! A copy that broke off keeps its point reserved where it comes from, for whoever takes it up again (D-9). Here it is
//! given up instead. Whoever copies to a medium holds its lock: with that in hand, nobody does.
//!
//! What lies there of it stays until the next session at that medium, which reads in a manifest if there is one.

use super::{Context, Failure};
use crate::catalog::locks::LockName;
use crate::catalog::{Leftover, MediumRow};
use crate::model::{PointOrder, State};

/// Why it is pending again, should nothing come of what it was given up for.
const GIVEN_UP: &str = "its copy had broken off and was given up";

/// Gives up the copy of one point, or of all, to a medium; a process that is at work there is waited for.
///
/// # Errors
/// Exit 1 with `--no-wait` while another process is at work there; as the catalog answers.
pub(super) fn give_up_copies(context: &Context, medium: &MediumRow, only: Option<PointOrder>) -> Result<(), Failure> {
    let catalog = &context.installation.catalog;
    let is_one = |order: PointOrder| only.is_none_or(|only| only == order);
    let placed = catalog.placements_at(medium.vault)?.into_iter();
    let copying: Vec<PointOrder> =
        placed.filter(|(order, row)| row.state == State::Copying && is_one(*order)).map(|(order, _)| order).collect();
    if copying.is_empty() {
        return Ok(());
    }
    let what = format!("the destination {}", medium.destination);
    let _lock = context.lock(&LockName::Medium(medium.vault), &what)?;
    for point in copying {
        // One that was finished meanwhile stays as it is.
        catalog.fail_copy(medium.vault, point, Leftover::NoManifest, (GIVEN_UP, context.call.clock.now()))?;
    }
    Ok(())
}

//! Points of spools that lack packs at home which lie offsite, and that nobody lends to: the catalog was rebuilt, or
//! the lender was away when it was read (DESIGN 5.8).

use super::Failure;
use crate::catalog::Catalog;
use crate::config::{Config, Layout};
use crate::copy::Lists;
use crate::destination::ReadStore;
use crate::model::{DestinationName, State, Time, VaultId};
use crate::seal::Keyring;

/// Finds lenders for them among the media of their jobs. What home's own list does not tell is left as it is.
///
/// # Errors
/// If the catalog can't be read or written.
pub(super) fn lend_again(
    catalog: &Catalog,
    config: &Config,
    keyring: &Keyring,
    (home, store): (VaultId, &dyn ReadStore),
    now: Time,
) -> Result<(), Failure> {
    let lists = Lists::new(keyring, [(home, store)]);
    for job in config.jobs.iter().filter(|job| !job.home) {
        let Some(row) = catalog.job_named(&job.name)? else { continue };
        let is_vault = |name: &DestinationName| {
            config.destination(name).is_some_and(|destination| destination.layout == Layout::Vault)
        };
        let media = catalog.media()?.into_iter();
        let media = media.filter(|row| job.offsite.contains(&row.destination) && is_vault(&row.destination));
        let media: Vec<VaultId> = media.map(|row| row.vault).collect();
        for (order, placed) in catalog.placements_at(home)? {
            let point = catalog.point(order)?.filter(|point| point.job == row.id);
            let Some(point) = point.filter(|_| placed.state == State::Damaged) else { continue };
            let listing = lists.named(store, point.job, point.name()).ok().flatten();
            if let Some(listing) = listing.filter(|listing| listing.is_whole()) {
                catalog.lend_again(order, &catalog.pack_numbers(&listing.packs)?, &media, now)?;
            }
        }
    }
    Ok(())
}

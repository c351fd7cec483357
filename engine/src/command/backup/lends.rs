//! The places that may lend a spool's next point what left home before (DESIGN 5.8), as they are now.

use std::sync::Arc;

use crate::capture::{self, Lender};
use crate::command::{Context, Failure};
use crate::config::{Copies, Job, Layout};
use crate::destination::WriteStore;
use crate::installation::Look;
use crate::model::{DestinationName, JobId, State, VaultId};

/// Places that lend, the best first.
#[derive(Default)]
pub(super) struct Lends(Vec<(VaultId, Arc<dyn WriteStore>)>);

impl Lends {
    /// Looks at the destinations, each at most ten seconds, if the job's points pass through home and one of them may
    /// lend.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub(super) fn look(context: &Context, job: &Job, id: JobId) -> Result<Self, Failure> {
        let installation = &context.installation;
        let catalog = &installation.catalog;
        let is_vault = |name: &DestinationName| {
            installation.config.destination(name).is_some_and(|destination| destination.layout == Layout::Vault)
        };
        let is_its = |name: &DestinationName| job.offsite.contains(name) && is_vault(name);
        let mut has_point = false;
        for row in catalog.media()?.iter().filter(|row| !job.home && is_its(&row.destination)) {
            has_point |= catalog.placements_at(row.vault)?.iter().any(|(_, row)| row.state == State::Complete);
        }
        if !has_point {
            return Ok(Self::default());
        }
        let rank = |name: &DestinationName| job.offsite.iter().position(|it| it == name);
        let mut here = Vec::new();
        for (name, look) in installation.looks()?.into_iter().filter(|(name, _)| is_its(name)) {
            if let Look::Here(opened) = look {
                here.push((rank(&name), opened.medium, context.patient(&name, opened.store)));
            }
        }
        here.sort_by_key(|(rank, ..)| *rank);
        if job.copies == Copies::First {
            here.truncate(1);
        }
        let media: Vec<VaultId> = here.iter().map(|(_, medium, _)| *medium).collect();
        let lenders = capture::lenders(catalog, id, &media)?;
        let store = |id: &VaultId| here.iter().find(|(_, medium, _)| medium == id).map(|(.., store)| Arc::clone(store));
        Ok(Self(lenders.into_iter().filter_map(|id| Some((id, store(&id)?))).collect()))
    }

    pub(super) fn lenders(&self) -> Vec<Lender<'_>> {
        self.0.iter().map(|(medium, store)| Lender { medium: *medium, store: &**store }).collect()
    }
}

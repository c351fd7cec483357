//! The places that a point can be read from: home, then the destinations in the configuration's order.

use std::sync::Arc;

use crate::catalog::{Catalog, PointRow};
use crate::command::{Context, Exit, Failure};
use crate::destination::ReadStore;
use crate::installation::{Look, look_all};
use crate::model::{DestinationName, PointName, VaultId, chain};
use crate::restore::{Fallover, Opened, Place};

/// What is there now, and what is not.
pub struct Sources {
    here: Vec<Here>,
    /// Places that are away, and why.
    pub away: Vec<(DestinationName, String)>,
}

struct Here {
    name: DestinationName,
    medium: VaultId,
    store: Arc<dyn ReadStore>,
}

impl Sources {
    /// Looks at home and all destinations, each at most ten seconds. A missing home vault is one that is away.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub fn look(context: &Context) -> Result<Self, Failure> {
        let installation = &context.installation;
        let mut sources = Self { here: Vec::new(), away: Vec::new() };
        match installation.home().and_then(|store| Ok((installation.home_id()?, store))) {
            Ok((medium, store)) => sources.here.push(Here { name: DestinationName::home(), medium, store }),
            Err(error) => sources.away.push((DestinationName::home(), chain(&error))),
        }
        let media = Arc::new(installation.catalog.media()?);
        let destinations = &installation.config.destinations;
        for (destination, look) in destinations.iter().zip(look_all(destinations, &media)) {
            let name = destination.name.clone();
            match look {
                Look::Here(opened) => sources.here.push(Here { name, medium: opened.medium, store: opened.store }),
                Look::Away(why) => sources.away.push((name, why)),
            }
        }
        Ok(sources)
    }

    /// Of what is there, the places that should have the point.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub fn places(&self, catalog: &Catalog, point: &PointRow) -> Result<Vec<Place<'_>>, Failure> {
        let placements = catalog.placements_of(point.order)?;
        let has =
            |here: &&Here| placements.iter().any(|(medium, row)| medium.vault == here.medium && row.state.is_there());
        Ok(self.here.iter().filter(has).map(|here| Place { name: here.name.clone(), store: &*here.store }).collect())
    }

    /// The point's manifest from the first place that has it whole.
    ///
    /// # Errors
    /// Exit 4 if damage keeps it from being read, exit 1 if no place that has it is there.
    pub fn open(&self, fallover: &Fallover<'_>, point: &PointRow) -> Result<Opened, Failure> {
        let name = PointName { order: point.order, id: point.id };
        fallover.manifest(point.job, name).map_err(|tried| {
            let tried = tried.iter().map(|absent| format!("{}: {}", absent.place, absent.why));
            let away = self.away.iter().map(|(name, why)| format!("{name}: {why}"));
            let why: Vec<_> = tried.chain(away).collect();
            let exit = if fallover.damage().is_empty() { Exit::Failed } else { Exit::Damage };
            let why = if why.is_empty() { "no place has it any more".to_owned() } else { why.join("\n") };
            let advice = format!("`engine explain {}` tells where it is", point.id);
            Failure::new(format!("can't read the point {}", point.id), why, advice).with_exit(exit)
        })
    }
}

/// Tells of what was met on the way, and routed around.
pub(super) fn tell_findings(context: &Context, fallover: &Fallover<'_>) {
    for damage in fallover.damage() {
        let text = format!("{} at {} is not as it should be: {}", damage.object, damage.place, damage.why);
        context.call.voice.warn(&format!("{text}; `engine verify {} --repair` heals what can be healed", damage.place));
    }
    for absent in fallover.absent() {
        context.call.voice.warn(&format!("{} could not be read to the end: {}", absent.place, absent.why));
    }
}

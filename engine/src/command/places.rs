//! Home and the destinations as they are now, for commands that read from all of them or write to one.

use std::sync::Arc;

use super::{Context, Failure};
use crate::copy::Origin;
use crate::destination::WriteStore;
use crate::installation::{Look, look_all};
use crate::model::{DestinationName, VaultId, chain};

/// A place that is there.
pub(super) struct Here {
    pub name: DestinationName,
    pub medium: VaultId,
    pub store: Arc<dyn WriteStore>,
}

/// What is there, home first, then in the configuration's order; and what is not.
pub(super) struct Places {
    pub here: Vec<Here>,
    /// Media that are there and were retired: what they hold is good to read from, and nothing else is done there. They
    /// are away, too.
    pub retired: Vec<Here>,
    /// Why not.
    pub away: Vec<(DestinationName, String)>,
}

impl Places {
    /// Looks at all of them, each at most ten seconds. A missing home vault is a place that is away.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub fn look(context: &Context) -> Result<Self, Failure> {
        let installation = &context.installation;
        let mut places = Self { here: Vec::new(), retired: Vec::new(), away: Vec::new() };
        let name = DestinationName::home();
        match installation.home().and_then(|store| Ok((installation.home_id()?, store))) {
            Ok((medium, store)) => places.here.push(Here { name, medium, store }),
            Err(error) => places.away.push((name, format!("{}; {}", chain(&error), error.advice()))),
        }
        let mut media = installation.catalog.media()?;
        let retired: Vec<VaultId> = media.iter().filter(|row| row.retired.is_some()).map(|row| row.vault).collect();
        media.iter_mut().for_each(|row| row.retired = None);
        let media = Arc::new(media);
        let destinations = &installation.config.destinations;
        for (destination, look) in
            destinations.iter().zip(look_all(destinations, &media, &installation.config.home.path))
        {
            let name = destination.name.clone();
            match look {
                Look::Here(opened) if retired.contains(&opened.medium) => {
                    let store = context.patient(&name, opened.store);
                    places.away.push((name.clone(), format!("the medium {} that is there was retired", opened.medium)));
                    places.retired.push(Here { name, medium: opened.medium, store });
                }
                Look::Here(opened) => {
                    let store = context.patient(&name, opened.store);
                    places.here.push(Here { name, medium: opened.medium, store });
                }
                Look::Away(why) | Look::Refused(why) | Look::Emptied(why) => places.away.push((name, why)),
            }
        }
        Ok(places)
    }

    /// The place of that name, or why it is not there.
    pub fn named(&self, name: &DestinationName) -> Result<&Here, String> {
        let why = || self.away.iter().find(|(away, _)| away == name).map(|(_, why)| why.clone());
        let here = self.here.iter().find(|here| here.name == *name);
        here.ok_or_else(|| why().unwrap_or_else(|| "it is not configured".to_owned()))
    }

    /// All but one, as places that objects come from.
    pub fn origins(&self, but: VaultId) -> Vec<Origin<'_>> {
        let others = self.here.iter().filter(|here| here.medium != but);
        others.map(|here| Origin { medium: here.medium, destination: here.name.clone(), store: &*here.store }).collect()
    }
}

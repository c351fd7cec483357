//! A head of the ledger at every place that is there, once the reports of a call are written. One that can't be written
//! is a note: the drill is what it is.

use std::sync::Arc;

use engine::config::Place;
use engine::destination::{FileStore, Privacy, WriteStore};
use engine::model::{DestinationName, chain};

use super::place::{Opened, Reached};
use super::{Done, Session};
use crate::audit::heads;
use crate::report::Written;
use crate::survey::Closed;

impl Session<'_> {
    /// Tells every destination and home of the newest report of this call; gives where that could not be done, and why.
    /// Nothing is begun once it was told to stop: the next call's heads name these reports too.
    pub(super) fn leave_heads<'r>(&self, reached: impl Iterator<Item = &'r Reached>, done: &[Done]) -> Vec<String> {
        let newest = done.iter().filter_map(|done| done.report.as_ref()).max_by_key(|report| report.sequence);
        let Some(newest) = newest else { return Vec::new() };
        let _held = match self.ledger.hold_heads() {
            Ok(held) => held,
            Err(error) => return vec![format!("no head of the ledger was left anywhere: {error}")],
        };
        let (mut notes, places) = (Vec::new(), self.places_of_heads());
        for at in reached {
            if (self.ports.stop)() {
                break;
            }
            let name = &at.name;
            let Some((_, place)) = places.iter().find(|(known, _)| known == name) else { continue };
            match self.leave_at(at, place, newest) {
                Ok(()) => self.ports.voice.say(&format!("a head of report {} lies at {name}", newest.sequence)),
                Err(why) => notes.push(format!("no head of report {} at {name}: {why}", newest.sequence)),
            }
        }
        notes
    }

    /// Every destination, and home where it is.
    pub(super) fn places_of_heads(&self) -> Vec<(DestinationName, Place)> {
        let home = &self.config.home.path;
        let home = home.exists().then(|| (DestinationName::home(), Place::File(home.clone())));
        let destinations = self.config.destinations.iter().map(|it| (it.name.clone(), it.place.clone()));
        destinations.chain(home).collect()
    }

    fn leave_at(&self, at: &Reached, place: &Place, newest: &Written) -> Result<(), String> {
        let store = match &at.opened {
            Ok(Opened { store, .. }) => Arc::clone(store),
            Err(Closed::Away(why) | Closed::Refused(why) | Closed::Foreign(why) | Closed::Damaged(why)) => {
                return Err(why.clone());
            }
        };
        let (head, file) = self.ledger.head(newest, self.ports.clock.now());
        match place {
            // At home, folders are 0700 and files 0600.
            Place::File(path) if at.name.is_home() => {
                let home = FileStore::open(path, Privacy::Private).map_err(|error| chain(&error))?;
                heads::leave(&home as &dyn WriteStore, &head, &file)
            }
            _ => heads::leave(&*store, &head, &file),
        }
    }
}

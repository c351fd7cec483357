//! The ledger before a call writes to it: the chain that is here, and the heads at every place that can be reached.

use engine::model::{DestinationName, VerifierId, chain};

use super::Session;
use super::place::Reached;
use crate::audit::{AtPlace, Own, SeenHeads, before, heads};
use crate::report::LedgerBefore;
use crate::report::entry::entries;
use crate::survey::Closed;

impl Session<'_> {
    /// Places with heads that no drill asked for: home, and every other destination.
    pub(super) fn beside(&self) -> Vec<Reached> {
        let asked = |name: &DestinationName| self.destinations.iter().any(|(known, _)| known == name);
        let places = self.places_of_heads().into_iter().filter(|(name, _)| !asked(name));
        places.map(|(name, place)| self.reach(&name, &place)).collect()
    }

    /// What is wrong with the ledger, which is told; the next report gets a number that none ever had.
    pub(super) fn look_back<'r>(&mut self, reached: impl Iterator<Item = &'r Reached>) {
        let (verifier, key) = self.ledger.whose();
        let places: Vec<AtPlace> = reached.map(|place| (place.name.to_string(), seen(place, verifier))).collect();
        // After the heads: one that another drill leaves meanwhile tells of no report that is not read here.
        self.before = match entries(self.ledger.folder()) {
            Ok(entries) => {
                let own = Own { verifier: Some(verifier.to_string()), key: Some(Ok(key)) };
                before(&entries, &own, &places)
            }
            Err(error) => {
                LedgerBefore::of(Vec::new(), None, vec![format!("the reports can't be listed: {}", chain(&error))])
            }
        };
        self.ledger.go_on_above(self.before.highest);
        if let Some(sentence) = self.before.sentence() {
            self.ports.voice.warn(&format!("{sentence}; `verifier report check` tells all"));
        }
    }
}

fn seen(place: &Reached, verifier: VerifierId) -> Result<SeenHeads, String> {
    match &place.opened {
        Ok(opened) => heads::seen(&*opened.store, &[verifier]).map_err(|error| chain(&error)),
        Err(Closed::Away(why) | Closed::Refused(why) | Closed::Foreign(why) | Closed::Damaged(why)) => Err(why.clone()),
    }
}

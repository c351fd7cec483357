//! Which servers did not let us in lately: asking again soon changes nothing, and servers lock out who goes on.
//!
//! In: looks. Out: what was said then, for a quarter of an hour. For this process only: who starts a command asks anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::look::Look;
use crate::model::DestinationName;

/// As the service waits before it looks again.
const LATELY: Duration = Duration::from_secs(900);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeMap<DestinationName, (Instant, String)>>);

impl Refusals {
    fn said(&self) -> MutexGuard<'_, BTreeMap<DestinationName, (Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a server said that refused us lately.
    pub fn lately(&self, name: &DestinationName) -> Option<String> {
        let said = self.said();
        said.get(name).filter(|(at, _)| at.elapsed() < LATELY).map(|(_, why)| why.clone())
    }

    /// It was asked just now.
    pub fn note(&self, name: &DestinationName, look: &Look) {
        match look {
            Look::Refused(why) => drop(self.said().insert(name.clone(), (Instant::now(), why.clone()))),
            Look::Here(_) | Look::Away(_) | Look::Emptied(_) => drop(self.said().remove(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_stands_until_another_answer() {
        let (refusals, name) = (Refusals::default(), "office".parse().expect("a name"));
        assert_eq!(refusals.lately(&name), None);
        refusals.note(&name, &Look::Refused("wrong password".to_owned()));
        assert_eq!(refusals.lately(&name).as_deref(), Some("wrong password"));
        refusals.note(&name, &Look::Away("it is not there".to_owned()));
        assert_eq!(refusals.lately(&name), None);
    }
}

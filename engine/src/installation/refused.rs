//! Which servers did not let us in lately: asking again soon changes nothing, and servers lock out who goes on.
//!
//! In: looks. Out: what was said then, for a quarter of an hour. Within a process it stands for whatever that does. The
//! catalog keeps it too, for those that only tell: who is to do something there asks anew. Another address, key file or
//! secret's file is another question. Deliberately absent: the secret itself, in whatever form; so one that comes from the
//! environment or a command is not seen to have changed.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::look::Look;
use crate::catalog::{self, Catalog};
use crate::config::Destination;
use crate::model::{DestinationName, Time};

/// As the service waits before it looks again.
const LATELY: Duration = Duration::from_secs(900);

/// What a server said that refused us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: Time,
    /// When it is asked again by who only tells.
    pub until: Time,
    /// What it said, for people.
    pub why: String,
}

/// See the module: those of this process.
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

/// Keeps in the catalog what a look at a destination found.
///
/// # Errors
/// As the catalog answers.
pub(super) fn keep(catalog: &Catalog, destination: &Destination, look: &Look, now: Time) -> catalog::Result<()> {
    let (memo, asked) = (memo(&destination.name), asked(destination));
    match look {
        Look::Refused(why) => catalog.set_memo(&memo, &Kept { at: now, asked, why: why.clone() }.to_string()),
        // Whether it would let us in is not known of a server that is away.
        Look::Away(_) => Ok(()),
        Look::Here(_) | Look::Emptied(_) if catalog.memo(&memo)?.is_some() => catalog.set_memo(&memo, ""),
        Look::Here(_) | Look::Emptied(_) => Ok(()),
    }
}

/// The refusal that stands: the same was asked lately, by whatever process. A clock that went back makes it an old one.
///
/// # Errors
/// As the catalog answers.
pub(super) fn stands(catalog: &Catalog, destination: &Destination, now: Time) -> catalog::Result<Option<Refusal>> {
    let kept = catalog.memo(&memo(&destination.name))?.and_then(|text| text.parse::<Kept>().ok());
    let stands = kept.filter(|kept| kept.asked == asked(destination) && kept.at <= now);
    let refusal = stands.map(|Kept { at, why, .. }| Refusal { at, until: at.plus(LATELY), why });
    Ok(refusal.filter(|refusal| now < refusal.until))
}

fn memo(name: &DestinationName) -> String {
    format!("refused-{name}")
}

/// Whom we asked and by what: the address, and the files that say who we are and whom we trust.
fn asked(destination: &Destination) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{:?}", destination.place).hash(&mut hasher);
    for file in destination.place.files() {
        let seen = file.metadata().ok();
        let changed = seen.as_ref().and_then(|seen| seen.modified().ok());
        (file, seen.map(|seen| seen.len()), changed).hash(&mut hasher);
    }
    hasher.finish()
}

/// `SECONDS ASKED WHY`
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    at: Time,
    asked: u64,
    why: String,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.at.seconds, self.asked, self.why)
    }
}

impl FromStr for Kept {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (asked, why) = rest.split_once(' ').unwrap_or((rest, ""));
        Ok(Self { at: Time::from_seconds(at.parse()?), asked: asked.parse()?, why: why.to_owned() })
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

    #[test]
    fn a_refusal_reads_back_as_it_was_kept() {
        let kept = Kept { at: Time::from_seconds(-7), asked: u64::MAX, why: "no: that is wrong".to_owned() };
        assert_eq!(kept.to_string().parse(), Ok(kept));
        for text in ["", "7", "x 7 y", "7 x y"] {
            assert!(text.parse::<Kept>().is_err(), "{text}");
        }
    }
}

//! Jobs that should have a point at a destination and gave nothing to drill: each is a drill too, which says why.

use std::collections::BTreeSet;

use engine::config::{Config, Copies, Job};
use engine::model::{DestinationName, Time};

use super::Asked;
use super::outcome::Done;
use crate::choose::Wish;
use crate::drill::Drill;
use crate::mismatch::Mismatch;
use crate::survey::Closed;
use crate::verdict::Verdict;

/// What was seen of each destination.
pub(super) struct Absences<'c> {
    config: &'c Config,
    asked: &'c Asked,
    seen: Vec<Seen>,
}

struct Seen {
    name: DestinationName,
    address: String,
    closed: Option<Closed>,
}

impl<'c> Absences<'c> {
    pub(super) const fn new(config: &'c Config, asked: &'c Asked) -> Self {
        Self { config, asked, seen: Vec::new() }
    }

    pub(super) fn closed(&mut self, name: &DestinationName, address: &str, closed: Closed) {
        self.seen.push(Seen { name: name.clone(), address: address.to_owned(), closed: Some(closed) });
    }

    pub(super) fn opened(&mut self, name: &DestinationName, address: &str) {
        self.seen.push(Seen { name: name.clone(), address: address.to_owned(), closed: None });
    }

    /// A drill for each job and destination that gave nothing, with the destination's address.
    pub(super) fn drills(&self, done: &[Done], now: Time) -> Vec<(Drill, String)> {
        let drilled: BTreeSet<(&str, &str)> =
            done.iter().map(|done| (done.drill.job.as_str(), done.drill.destination.as_str())).collect();
        let somewhere: BTreeSet<&str> = drilled.iter().map(|(job, _)| *job).collect();
        let mut drills = Vec::new();
        for seen in &self.seen {
            let before = drills.len();
            for job in self.config.jobs.iter().filter(|job| self.concerns(job, &seen.name)) {
                let name = job.name.as_str();
                let satisfied = job.copies == Copies::First && somewhere.contains(name);
                if !drilled.contains(&(name, seen.name.as_str())) && !satisfied {
                    drills.extend(self.drill(name, seen, now));
                }
            }
            // One that no job names is told too: it was asked for, and it is not fine.
            if drills.len() == before && self.is_unnamed(&seen.name) {
                drills.extend(seen.closed.as_ref().and_then(|_| self.drill("", seen, now)));
            }
        }
        drills
    }

    fn concerns(&self, job: &Job, destination: &DestinationName) -> bool {
        let asked = self.asked.job.as_ref().is_none_or(|only| *only == job.name);
        let there = job.offsite.contains(destination) || (destination.is_home() && job.home);
        asked && there
    }

    fn is_unnamed(&self, destination: &DestinationName) -> bool {
        !self.config.jobs.iter().any(|job| self.concerns(job, destination))
    }

    fn drill(&self, job: &str, seen: &Seen, now: Time) -> Option<(Drill, String)> {
        let mut drill = Drill::begin(job, &seen.name, now);
        match &seen.closed {
            Some(Closed::Away(why)) => drill.leave(why.clone()),
            Some(Closed::Refused(why) | Closed::Foreign(why)) => drill.refuse(why.clone()),
            Some(Closed::Damaged(why)) => {
                drill.verdict = Verdict::Fail;
                drill.mismatches.add(Mismatch::new(b"", why.clone()));
            }
            // A point that was asked for by name needs not be everywhere.
            None if matches!(self.asked.wish, Wish::Named(_)) => return None,
            None => drill.leave("no recovery point of this job was ever seen here".to_owned()),
        }
        Some((drill, seen.address.clone()))
    }
}

//! Jobs that should have a point at a destination and gave nothing to drill: each is a drill too, which says why.

use std::collections::BTreeSet;

use engine::config::{Config, Copies, Job};
use engine::model::{DestinationName, Time};

use super::Asked;
use super::place::Reached;
use crate::choose::Wish;
use crate::drill::Drill;
use crate::mismatch::Mismatch;
use crate::survey::Closed;
use crate::verdict::Verdict;

/// What was seen of each destination.
pub(super) struct Absences<'c> {
    config: &'c Config,
    asked: &'c Asked,
    reached: &'c [Reached],
}

impl<'c> Absences<'c> {
    pub(super) const fn new(config: &'c Config, asked: &'c Asked, reached: &'c [Reached]) -> Self {
        Self { config, asked, reached }
    }

    /// A drill for each job and destination that has no point that could be drilled (`there` names those that have), with
    /// the destination's address.
    pub(super) fn drills(&self, there: &BTreeSet<(String, DestinationName)>, now: Time) -> Vec<(Drill, String)> {
        let somewhere: BTreeSet<&str> = there.iter().map(|(job, _)| job.as_str()).collect();
        let mut drills = Vec::new();
        for place in self.reached {
            let before = drills.len();
            for job in self.config.jobs.iter().filter(|job| self.concerns(job, &place.name)) {
                let name = job.name.as_str();
                let satisfied = job.copies == Copies::First && somewhere.contains(name);
                if !there.contains(&(name.to_owned(), place.name.clone())) && !satisfied {
                    drills.extend(self.drill(name, place, now));
                }
            }
            // One that no job names is told too: it was asked for, and it is not fine.
            if drills.len() == before && self.is_unnamed(&place.name) && place.opened.is_err() {
                drills.extend(self.drill("", place, now));
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

    fn drill(&self, job: &str, place: &Reached, now: Time) -> Option<(Drill, String)> {
        let mut drill = Drill::begin(job, &place.name, now);
        match &place.opened {
            Err(Closed::Away(why)) => drill.leave(why.clone()),
            Err(Closed::Refused(why) | Closed::Foreign(why)) => drill.refuse(why.clone()),
            Err(Closed::Damaged(why)) => {
                drill.verdict = Verdict::Fail;
                drill.mismatches.add(Mismatch::new(b"", why.clone()));
            }
            // A point that was asked for by name needs not be everywhere.
            Ok(_) if matches!(self.asked.wish, Wish::Named(_)) => return None,
            Ok(_) => drill.leave("no recovery point of this job was ever seen here".to_owned()),
        }
        Some((drill, place.address.clone()))
    }
}

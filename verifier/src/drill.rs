//! One drill of one point: read every object, restore, compare, probe, and show that the checks can fail.
//!
//! A point that is built on others is drilled with all of them, the oldest first: without them it is worth nothing.
//!
//! In: a surveyed vault and a chosen point. Out: a [`Drill`], always; what went wrong is in it. Steps that were not
//! reached leave the drill `incomplete` or `fail`, never `pass`.

mod canaries;
mod chain;
mod own;
mod result;
mod steps;

pub use result::{CleanUp, Counts, Drill, PROBES_MAX, Probed};

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use engine::command::Voice;
use engine::config::JobProbe;
use engine::destination::ReadStore;
use engine::model::{DestinationName, EntryPath, ObjectName};
use engine::port::{Clock, Entropy};
use engine::vault::list_heads;

use crate::choose::Chosen;
use crate::expect::Expectation;
use crate::mismatch::Mismatch;
use crate::probe::Limits;
use crate::run::StopAsked;
use crate::scratch::Scratch;
use crate::survey::Survey;
use crate::verdict::{self, Verdict};

/// What becomes of the scratch folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// It is removed.
    Nothing,
    /// It stays: `--keep-scratch`.
    Everything,
}

/// What drills at one destination work with.
pub struct Bench<'b> {
    /// The destination's name.
    pub name: &'b DestinationName,
    /// Its store.
    pub store: &'b dyn ReadStore,
    /// What lies there.
    pub survey: &'b Survey,
    /// Where is restored to.
    pub scratch: &'b Scratch,
    /// What should lie there.
    pub expected: &'b Expectation<'b>,
    /// The time.
    pub clock: &'b Arc<dyn Clock>,
    /// Randomness.
    pub entropy: &'b dyn Entropy,
    /// For each probe.
    pub limits: Limits,
    /// The job's own ones.
    pub probes: &'b [JobProbe],
    /// Where the job plants canaries, if its configuration is known.
    pub canaries: Option<&'b [EntryPath]>,
    /// What stays.
    pub leaving: Leaving,
    /// Told what programs said, which may hold what lies in files, and stands in no report.
    pub voice: &'b dyn Voice,
    /// Told of each step, with bytes done and in all (0 where not known).
    pub tell: &'b dyn Fn(&str, u64, u64),
    /// Asked all the time: stop?
    pub stop: &'b StopAsked,
}

impl Bench<'_> {
    /// # Errors
    /// Once it was told to stop.
    fn go_on(&self) -> Result<(), Stop> {
        if (self.stop)() { Err(Stop::Incomplete("told to stop before it was done".to_owned())) } else { Ok(()) }
    }
}

/// Why a drill ends before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stop {
    /// It can't be tried, or not to the end, and that is not the point's fault.
    Incomplete(String),
    /// It was refused before anything was done.
    Refused(String),
    /// The point can't be restored.
    Failed(Mismatch),
}

/// Drills a point.
#[must_use]
pub fn drill(bench: &Bench<'_>, chosen: &Chosen) -> Drill {
    let mut drill = Drill::begin(&chosen.job_name, bench.name, bench.clock.now());
    drill.vault = Some(bench.survey.vault());
    drill.opened_by = Some(bench.survey.opened_by);
    drill.point = Some(chosen.point);
    drill.notes.clone_from(&bench.survey.notes);
    // A defect of ours must not end all drills, and even less be taken for a pass.
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| steps::all(bench, chosen, &mut drill)));
    let broke_off =
        || Err(Stop::Incomplete("the drill itself broke off: this is a defect, please report it".to_owned()));
    conclude(bench, chosen, &mut drill, outcome.unwrap_or_else(|_| broke_off()).err());
    drill.finished = bench.clock.now();
    drill
}

fn conclude(bench: &Bench<'_>, chosen: &Chosen, drill: &mut Drill, stop: Option<Stop>) {
    match stop {
        Some(Stop::Failed(mismatch)) => drill.mismatches.add(mismatch),
        Some(Stop::Refused(why)) => return drill.refuse(why),
        // What was found until then was found.
        Some(Stop::Incomplete(why)) if drill.mismatches.count() > 0 => drill.mismatches.add(Mismatch::new(b"", why)),
        Some(Stop::Incomplete(why)) => return drill.leave(why),
        None => {}
    }
    // It restores all the same; but what guards the vault is damaged, and is to be repaired before it is needed.
    bench.survey.flaws.iter().for_each(|flaw| drill.mismatches.add(flaw.clone()));
    drill.flaws = bench.survey.flaws.iter().map(|flaw| flaw.path.clone()).collect();
    let probes = drill.probes.iter().map(|probed| probed.verdict);
    drill.verdict = verdict::of_drill(drill.mismatches.count(), probes, drill.control);
    // What failed may have failed because it is not there any more, on purpose or with the whole place.
    if drill.mismatches.count() > 0 {
        if let Err(error) = bench.store.still_there() {
            drill.leave(format!("the destination went away: {}", engine::model::chain(&error)));
        } else if was_removed(bench, chosen) {
            drill.leave("the point was removed meanwhile".to_owned());
        }
    }
}

/// Is the manifest gone, with nothing that says it should be there, as it is known now?
fn was_removed(bench: &Bench<'_>, chosen: &Chosen) -> bool {
    let path = ObjectName::Point(chosen.job, chosen.point).path();
    if !matches!(bench.store.stat(&path), Ok(None)) {
        return false;
    }
    let Survey { identity, keyring, heads, .. } = bench.survey;
    let now = list_heads(bench.store, identity.vault, keyring);
    !bench.expected.holds(chosen, now.as_ref().unwrap_or(heads))
}

impl Drill {
    /// It could not be tried, or not to its end.
    pub fn leave(&mut self, why: String) {
        self.verdict = Verdict::Incomplete;
        self.mismatches.add(Mismatch::new(b"", why));
    }

    /// It was refused before it began.
    pub fn refuse(&mut self, why: String) {
        self.refused = true;
        self.leave(why);
    }
}

#[cfg(test)]
mod broken_off_tests;
#[cfg(test)]
mod tests;

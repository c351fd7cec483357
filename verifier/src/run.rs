//! `verifier restore-drill` from its arguments to its outcome: every destination surveyed, every chosen point drilled.
//!
//! In: a configuration and what was asked. Out: all drills with their reports and an exit code, or a [`Failure`] where
//! nothing could be begun. Of the configuration only names, addresses, the secret's source and the scratch folder are
//! believed.

mod absent;
mod place;
mod prepare;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::catalog::Catalog;
use engine::command::{Exit, Failure, Voice};
use engine::config::{Config, Destination};
use engine::model::{DestinationName, JobName, PointId, Proof, chain};
use engine::port::{Clock, Entropy};

pub use self::prepare::configuration;

use self::absent::Absences;
use self::place::Opened;
use crate::choose::{Chosen, Wish, choose};
use crate::drill::{Bench, Drill, Leaving, drill};
use crate::local::{self, Expected, Nothing, Reservation};
use crate::probe::Limits;
use crate::report::{DrillReport, Ledger, Summary};
use crate::scratch::Scratch;
use crate::verdict::{self, Effort, ProbeSummary, Strictness, Verdict};

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `--job`
    pub job: Option<JobName>,
    /// `--destination`
    pub destination: Option<DestinationName>,
    /// `--point`, `--all` or neither.
    pub wish: Wish,
    /// `--scratch`
    pub scratch: Option<PathBuf>,
    /// `--keep-scratch`
    pub leaving: Leaving,
    /// `--strict`
    pub strictness: Strictness,
}

/// What a call works with.
#[derive(Clone, Copy)]
pub struct Ports<'p> {
    /// The time.
    pub clock: &'p Arc<dyn Clock>,
    /// Randomness.
    pub entropy: &'p dyn Entropy,
    /// Whom to tell.
    pub voice: &'p dyn Voice,
    /// For each probe.
    pub limits: Limits,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What to print.
    pub summary: Summary,
    /// The exit code.
    pub exit: Exit,
    /// Why nothing was done, where that is so.
    pub failure: Option<Failure>,
}

/// Drills.
///
/// # Errors
/// [`Failure`] if nothing could be begun.
pub fn run(config: &Config, asked: &Asked, ports: &Ports<'_>) -> Result<Outcome, Failure> {
    let session = prepare::session(config, asked, ports)?;
    let mut drills = Vec::new();
    let mut absences = Absences::new(config, asked);
    for destination in &session.destinations {
        session.at(destination, &mut drills, &mut absences)?;
    }
    drills.extend(session.write_all(absences.drills(&drills, ports.clock.now())));
    session.outcome(drills)
}

/// A drill and where its report is.
struct Done {
    drill: Drill,
    report: Option<PathBuf>,
}

struct Session<'s> {
    config: &'s Config,
    asked: &'s Asked,
    ports: &'s Ports<'s>,
    scratch: Scratch,
    ledger: Ledger,
    secret: engine::config::Secret,
    catalog: Option<Catalog>,
    destinations: Vec<(DestinationName, engine::config::Place)>,
}

impl Session<'_> {
    fn at(
        &self,
        (name, place): &(DestinationName, engine::config::Place),
        drills: &mut Vec<Done>,
        absences: &mut Absences<'_>,
    ) -> Result<(), Failure> {
        let address = place::address(place);
        self.ports.voice.say(&format!("looking at {name}, {address}"));
        let opened = place::open(place, &address, &self.secret.bytes);
        let opened = match opened {
            Ok(opened) => opened,
            Err(closed) => {
                absences.closed(name, &address, closed);
                return Ok(());
            }
        };
        for chosen in self.choose(&opened)? {
            let drill = self.drill(name, &opened, &chosen);
            drills.extend(self.write_all(vec![(drill, address.clone())]));
        }
        absences.opened(name, &address);
        Ok(())
    }

    fn choose(&self, opened: &Opened) -> Result<Vec<Chosen>, Failure> {
        let expected = self.expected().points_at(opened.survey.vault()).unwrap_or_else(|why| {
            self.ports.voice.warn(&format!("the catalog does not tell what should be here: {why}"));
            Vec::new()
        });
        choose(&opened.survey.listings, &expected, &self.asked.wish, self.asked.job.as_ref())
            .map_err(|error| Failure::usage("no point can be chosen", error.to_string(), "give the whole id"))
    }

    fn expected(&self) -> &dyn Expected {
        self.catalog.as_ref().map_or(&Nothing, |catalog| catalog)
    }

    fn drill(&self, name: &DestinationName, opened: &Opened, chosen: &Chosen) -> Drill {
        let Ports { clock, entropy, voice, limits } = *self.ports;
        let what = format!("{} ({}) from {name}", chosen.job_name, chosen.point.id);
        voice.say(&format!("drilling {what}"));
        let reservation = self.reserve(opened, chosen);
        let tell = |step: &str, done: u64, total: u64| voice.progress(&format!("{what}: {step}"), done, total);
        let bench = Bench {
            name,
            store: &*opened.store,
            survey: &opened.survey,
            scratch: &self.scratch,
            expected: self.expected(),
            clock,
            entropy,
            limits,
            leaving: self.asked.leaving,
            tell: &tell,
        };
        let mut drill = drill(&bench, chosen);
        voice.progress_done(&what);
        drill.notes.extend(self.prove(opened, chosen, &drill).err());
        drop(reservation);
        drill
    }

    /// D-2. A drill goes on without: what is removed meanwhile makes it incomplete, never wrong.
    fn reserve(&self, opened: &Opened, chosen: &Chosen) -> Option<Reservation<'_>> {
        let catalog = self.catalog.as_ref()?;
        let lock = lock_name(self.ports.entropy, chosen.point.id)?;
        let at = (opened.survey.vault(), chosen.point.order);
        let begun = Reservation::begin(catalog, &self.config.state, &lock, at);
        begun.unwrap_or_else(|why| {
            self.ports.voice.warn(&format!("the point is not reserved while it is drilled: {why}"));
            None
        })
    }

    fn prove(&self, opened: &Opened, chosen: &Chosen, drill: &Drill) -> Result<(), String> {
        let (Some(catalog), Verdict::Pass) = (&self.catalog, drill.verdict) else { return Ok(()) };
        let probes = ProbeSummary::of(drill.probes.iter().map(|probed| probed.verdict));
        let proof = if probes == ProbeSummary::AllPassed { Proof::Opened } else { Proof::Restored };
        local::prove(catalog, opened.survey.vault(), chosen.point.order, proof, drill.finished)
            .map_err(|why| format!("the catalog did not take note of the proof: {why}"))
    }

    fn write_all(&self, drills: Vec<(Drill, String)>) -> Vec<Done> {
        let write = |(drill, address): (Drill, String)| {
            let report = self.ledger.write(&drill, &address);
            let report = report.map_err(|error| self.ports.voice.warn(&chain(&error))).ok();
            Done { drill, report }
        };
        drills.into_iter().map(write).collect()
    }

    fn outcome(&self, drills: Vec<Done>) -> Result<Outcome, Failure> {
        if drills.is_empty() {
            return Err(self.nothing());
        }
        let verdict = verdict::of_all(drills.iter().map(|done| done.drill.verdict));
        let skipped = drills.iter().map(|done| done.drill.skipped()).sum();
        let refused = drills.iter().all(|done| done.drill.refused);
        let effort = if refused { Effort::Refused } else { Effort::Tried };
        let mut exit = verdict::exit(verdict, skipped, self.asked.strictness, effort);
        if drills.iter().any(|done| done.report.is_none()) {
            exit = exit.and(Exit::Partial);
        }
        let failure = (exit == Exit::Failed).then(|| refused_failure(&drills));
        let reports = drills.iter().map(|done| self.report(done)).collect();
        Ok(Outcome { summary: Summary { verdict, drills: reports }, exit, failure })
    }

    fn report(&self, done: &Done) -> DrillReport {
        let relative = |path: &Path| path.strip_prefix(&self.config.folder).unwrap_or(path).display().to_string();
        DrillReport::of(&done.drill).written_to(done.report.as_deref().map(relative))
    }

    fn nothing(&self) -> Failure {
        let why = match &self.asked.wish {
            Wish::Named(point) => format!("no destination that is there has a point `{point}`"),
            Wish::Newest | Wish::All => "no destination has a recovery point, and none is expected".to_owned(),
        };
        Failure::new("there is nothing to drill", why, "`engine points` tells what is where")
    }
}

fn lock_name(entropy: &dyn Entropy, point: PointId) -> Option<String> {
    let mut random = [0; 8];
    entropy.fill(&mut random).ok()?;
    Some(format!("drill-{point}-{}", data_encoding::HEXLOWER.encode(&random)))
}

fn refused_failure(drills: &[Done]) -> Failure {
    let reasons = drills.iter().filter_map(|done| done.drill.mismatches.kept().first());
    let mut reasons: Vec<String> = reasons.map(|mismatch| mismatch.problem.clone()).collect();
    reasons.dedup();
    Failure::new(
        "no drill could be tried",
        reasons.join("; "),
        "give another folder with --scratch, or see the reasons",
    )
}

/// The destination of that name, home included.
fn place_of(config: &Config, name: &DestinationName) -> Option<engine::config::Place> {
    if name.is_home() {
        return Some(engine::config::Place::File(config.home.path.clone()));
    }
    config.destination(name).map(|Destination { place, .. }| place.clone())
}

//! `verifier restore-drill` from its arguments to its outcome: every destination surveyed, every chosen point drilled.
//!
//! In: a configuration and what was asked. Out: all drills with their reports and an exit code, or a [`Failure`] where
//! nothing could be begun. Of the configuration only names, addresses, the secret's source and the scratch folder are
//! believed.

mod absent;
mod before;
mod beside;
mod heads;
mod place;
mod prepare;
mod turn;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::catalog::Catalog;
use engine::catalog::locks::LockName;
use engine::command::{Exit, Failure, Voice, Wait};
use engine::config::{Config, Destination, JobProbe};
use engine::format::Head;
use engine::model::{DestinationName, JobName, Proof, chain};
use engine::port::{Clock, Entropy};

pub use self::prepare::configuration;

use self::absent::Absences;
use self::beside::LookedAt;
use self::place::{Means, Opened, Reached, reach};
use crate::choose::{Chosen, Wish, choose};
use crate::drill::{Bench, Drill, Leaving, drill};
use crate::expect::Expectation;
use crate::local::{self, Damaged, Reservation};
use crate::probe::Limits;
use crate::report::{DrillReport, Ledger, LedgerBefore, NotBackedUp, Setting, Summary, Written, healing};
use crate::scratch::Scratch;
use crate::survey::Closed;
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
    /// `--sheet`: opens the destinations, in the configured passphrase's place.
    pub sheet: Option<PathBuf>,
    /// `--scratch`
    pub scratch: Option<PathBuf>,
    /// `--keep-scratch`
    pub leaving: Leaving,
    /// `--strict`
    pub strictness: Strictness,
    /// `--no-wait`
    pub wait: Wait,
}

/// Tells whether a stop was asked for. Drills end soon then, clean up, and are incomplete.
pub type StopAsked = Arc<dyn Fn() -> bool + Send + Sync>;

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
    /// Asked all the time.
    pub stop: &'p StopAsked,
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
    let mut session = prepare::session(config, asked, ports)?;
    let mut drills = Vec::new();
    let mut absences = Absences::new(config, asked);
    let reached: Vec<Reached> = session.destinations.iter().map(|(name, place)| session.reach(name, place)).collect();
    let beside = session.beside();
    session.look_back(reached.iter().chain(&beside));
    session.outside = beside::not_backed_up(config, asked, ports);
    let home = session.home_heads(&beside);
    for (at, place) in reached.iter().enumerate() {
        let others = reached.iter().enumerate().filter(|(other, _)| *other != at).flat_map(|(_, other)| other.heads());
        let elsewhere: Vec<Head> = home.iter().cloned().chain(others).collect();
        session.at(place, &elsewhere, &mut drills, &mut absences)?;
    }
    drills.extend(session.write_all(absences.drills(&drills, ports.clock.now())));
    let notes = session.leave_heads(reached.iter().chain(&beside), &drills);
    session.outcome(drills, notes)
}

/// A drill and where its report is.
struct Done {
    drill: Drill,
    report: Option<Written>,
}

struct Session<'s> {
    config: &'s Config,
    asked: &'s Asked,
    ports: &'s Ports<'s>,
    scratch: Scratch,
    ledger: Ledger,
    secret: prepare::Secret,
    catalog: Option<Catalog>,
    destinations: Vec<(DestinationName, engine::config::Place)>,
    /// The ledger as it was found.
    before: LedgerBefore,
    /// What no job has.
    outside: NotBackedUp,
    /// Live sources that were looked at.
    looked_at: RefCell<LookedAt>,
    _turn: turn::Turn,
}

impl Session<'_> {
    fn reach(&self, name: &DestinationName, place: &engine::config::Place) -> Reached {
        let address = place::address(place);
        if (self.ports.stop)() {
            let closed = Closed::Away("told to stop before it was looked at".to_owned());
            return Reached { name: name.clone(), address, opened: Err(closed) };
        }
        self.ports.voice.say(&format!("looking at {name}, {address}"));
        let (catalog, clock) = (self.catalog.as_ref(), self.ports.clock);
        reach(name, place, &Means { opener: self.secret.opener(), catalog, clock })
    }

    /// Home's heads may know what should lie elsewhere, where the catalog that knows more is lost.
    fn home_heads(&self, beside: &[Reached]) -> Vec<Head> {
        let home = beside.iter().filter(|place| place.name.is_home() && self.catalog.is_none());
        home.flat_map(Reached::heads).collect()
    }

    fn at(
        &self,
        place: &Reached,
        elsewhere: &[Head],
        drills: &mut Vec<Done>,
        absences: &mut Absences<'_>,
    ) -> Result<(), Failure> {
        let Reached { name, address, opened } = place;
        let opened = match opened {
            Ok(opened) => opened,
            Err(closed) => {
                absences.closed(name, address, closed.clone());
                return Ok(());
            }
        };
        let expected = Expectation { survey: &opened.survey, elsewhere, catalog: self.catalog.as_ref() };
        for chosen in self.choose(&expected)? {
            let mut drill = self.drill(name, opened, &expected, &chosen);
            drill.live = self.live(opened, &chosen, &drill);
            drills.extend(self.write_all(vec![(drill, address.clone())]));
        }
        absences.opened(name, address);
        Ok(())
    }

    fn choose(&self, expected: &Expectation<'_>) -> Result<Vec<Chosen>, Failure> {
        let told = expected.told(&expected.survey.heads);
        if let Some(why) = &told.unasked {
            self.ports.voice.warn(&format!("the catalog does not tell what should be here: {why}"));
        }
        choose(&expected.survey.listings, &told.points, &self.asked.wish, self.asked.job.as_ref())
            .map_err(|error| Failure::usage("no point can be chosen", error.to_string(), "give the whole id"))
    }

    fn drill(&self, name: &DestinationName, opened: &Opened, expected: &Expectation<'_>, chosen: &Chosen) -> Drill {
        let Ports { clock, entropy, voice, limits, stop } = *self.ports;
        let what = format!("{} ({}) from {name}", chosen.job_name, chosen.point.id);
        voice.say(&format!("drilling {what}"));
        let reservation = expected.catalog.and_then(|catalog| self.reserve(catalog, opened, chosen));
        let tell = |step: &str, done: u64, total: u64| voice.progress(&format!("{what}: {step}"), done, total);
        let bench = Bench {
            name,
            store: &*opened.store,
            survey: &opened.survey,
            scratch: &self.scratch,
            expected,
            clock,
            entropy,
            limits,
            probe: self.probe_of(&chosen.job_name),
            leaving: self.asked.leaving,
            tell: &tell,
            stop,
        };
        let mut drill = drill(&bench, chosen);
        voice.progress_done(&what);
        let nowhere_else = |catalog| local::nowhere_else(catalog, opened.survey.vault(), &drill.damaged);
        drill.nowhere_else = expected.catalog.map_or(0, nowhere_else);
        if let Some(reservation) = &reservation {
            drill.notes.extend(self.record(reservation, (name, opened, chosen), &drill));
        }
        drill.notes.extend(expected.catalog.and_then(|catalog| prove(catalog, opened, chosen, &drill).err()));
        drop(reservation);
        drill
    }

    /// As it is configured now, for a job of that name.
    fn probe_of(&self, job: &str) -> Option<&JobProbe> {
        self.config.jobs.iter().find(|known| known.name.as_str() == job)?.probe.as_ref()
    }

    /// What the catalog takes note of, for people.
    fn record(
        &self,
        reservation: &Reservation<'_>,
        (name, opened, chosen): (&DestinationName, &Opened, &Chosen),
        drill: &Drill,
    ) -> Option<String> {
        let Opened { survey, store } = opened;
        let (medium, keyring) = (survey.vault(), &survey.keyring);
        let damaged = Damaged { medium, store: &**store, keyring, job: chosen.job, objects: &drill.damaged };
        match reservation.record(&damaged, drill.finished) {
            Ok(0) => None,
            Ok(points) => {
                let are = if points == 1 { "1 point is".to_owned() } else { format!("{points} points are") };
                let advice = healing(drill).join("; ");
                Some(format!("{are} marked as damaged at {name}: {advice}"))
            }
            Err(why) => Some(format!("the catalog did not take note of the damage: {why}")),
        }
    }

    /// D-2. A drill goes on without: what is removed meanwhile makes it incomplete, never wrong.
    fn reserve<'c>(&self, catalog: &'c Catalog, opened: &Opened, chosen: &Chosen) -> Option<Reservation<'c>> {
        let lock = lock_name(self.ports.entropy)?;
        let at = (opened.survey.vault(), chosen.point);
        let begun = Reservation::begin(catalog, &self.config.state, &lock, at);
        begun.unwrap_or_else(|why| {
            self.ports.voice.warn(&format!("the point is not reserved while it is drilled: {why}"));
            None
        })
    }

    fn write_all(&self, drills: Vec<(Drill, String)>) -> Vec<Done> {
        let write = |(mut drill, address): (Drill, String)| {
            let setting = self.setting(&drill, address);
            let report = self.ledger.write(&mut drill, &setting);
            let report = report.map_err(|error| self.ports.voice.warn(&chain(&error))).ok();
            report.iter().flat_map(|report| &report.problems).for_each(|problem| self.ports.voice.warn(problem));
            Done { drill, report }
        };
        drills.into_iter().map(write).collect()
    }

    /// What a report says beside the drill.
    fn setting(&self, drill: &Drill, address: String) -> Setting {
        let job = self.config.jobs.iter().find(|job| job.name.as_str() == drill.job);
        Setting {
            address,
            method: job.map(|job| job.source.kind().to_owned()),
            expect: job.and_then(|job| job.expect),
            restored_to: Some(self.scratch.path().display().to_string()),
            ledger_before: self.before.clone(),
            outside: self.outside.clone(),
        }
    }

    /// `notes` are about what was done after the last report was written.
    fn outcome(&self, drills: Vec<Done>, notes: Vec<String>) -> Result<Outcome, Failure> {
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
        let mut reports: Vec<DrillReport> = drills.iter().map(|done| self.report(done)).collect();
        reports.last_mut().into_iter().for_each(|last| last.notes.extend(notes.iter().cloned()));
        let outside = self.outside.clone();
        let ledger_before = self.before.clone();
        Ok(Outcome { summary: Summary { verdict, drills: reports, outside, ledger_before }, exit, failure })
    }

    fn report(&self, done: &Done) -> DrillReport {
        let relative = |path: &Path| path.strip_prefix(&self.config.folder).unwrap_or(path).display().to_string();
        DrillReport::of(&done.drill).written_to(done.report.as_ref().map(|report| relative(&report.path)))
    }

    fn nothing(&self) -> Failure {
        let why = match &self.asked.wish {
            Wish::Named(point) => format!("no destination that is there has a point `{point}`"),
            Wish::Newest | Wish::All => "no destination has a recovery point, and none is expected".to_owned(),
        };
        Failure::new("there is nothing to drill", why, "`engine points` tells what is where")
    }
}

fn prove(catalog: &Catalog, opened: &Opened, chosen: &Chosen, drill: &Drill) -> Result<(), String> {
    if drill.verdict != Verdict::Pass {
        return Ok(());
    }
    let probes = ProbeSummary::of(drill.probes.iter().map(|probed| probed.verdict));
    let proof = if probes == ProbeSummary::AllPassed { Proof::Opened } else { Proof::Restored };
    for point in drill.built_on.iter().chain([&chosen.point]) {
        local::prove(catalog, opened.survey.vault(), *point, proof, drill.finished)
            .map_err(|why| format!("the catalog did not take note of the proof: {why}"))?;
    }
    Ok(())
}

/// A name that the engine knows as a restore's: what a killed drill leaves goes with the next command.
fn lock_name(entropy: &dyn Entropy) -> Option<String> {
    let mut random = [0; 8];
    entropy.fill(&mut random).ok()?;
    Some(LockName::Restore(u64::from_be_bytes(random)).to_string())
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

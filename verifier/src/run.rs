//! `verifier restore-drill` from its arguments to its outcome: every destination surveyed, every chosen point drilled.
//!
//! In: a configuration and what was asked. Out: all drills with their reports and an exit code, or a [`Failure`] where
//! nothing could be begun. Of the configuration only names, addresses, the secret's source and the scratch folder are
//! believed.

mod absent;
mod alone;
mod before;
mod beside;
mod cold;
mod heads;
mod outcome;
mod place;
mod prepare;
mod queue;
mod turn;

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use engine::catalog::Catalog;
use engine::catalog::locks::LockName;
use engine::command::{Exit, Failure, VaultSecret, Voice, Wait};
use engine::config::{Config, Destination, DrillBudget, Job};
use engine::format::Head;
use engine::model::{DestinationName, JobName, chain};
use engine::port::{Clock, Entropy};

pub use self::alone::{Alone, alone};
pub use self::prepare::configuration;

use self::absent::Absences;
use self::beside::LookedAt;
use self::outcome::{Beside, Done, outcome};
use self::place::{Means, Opened, Reached, reach};
use self::queue::sites;
use crate::choose::{Chosen, Wish, choose};
use crate::drill::{Bench, Drill, Leaving, drill};
use crate::expect::Expectation;
use crate::local::{self, Damaged, Reservation};
use crate::probe::Limits;
use crate::report::{Ledger, LedgerBefore, LedgerError, NotBackedUp, Setting, Summary, Written, healing};
use crate::scratch::Scratch;
use crate::survey::{Closed, Opener};
use crate::verdict::Strictness;
pub use crate::verdict::Warmth;

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
    /// `--budget`, or not.
    pub extent: Extent,
    /// `--cold`
    pub warmth: Warmth,
    /// `--no-wait`
    pub wait: Wait,
}

/// How much is drilled of what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Wish,
    /// As much as the configured budget allows, the most doubtful first.
    Budget,
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
    if asked.extent == Extent::Budget && config.drill.budget.is_none_or(|it| it == DrillBudget::default()) {
        let why = "`--budget` is given and `[drill] budget` is not, or bounds nothing";
        let advice = "such as budget = { minutes = 30 }, or leave out --budget";
        return Err(Failure::usage("there is no budget", why, advice));
    }
    let mut session = prepare::session(config, asked, ports)?;
    let mut drills = Vec::new();
    let reached: Vec<Reached> = session.destinations.iter().map(|(name, place)| session.reach(name, place)).collect();
    let beside = session.beside();
    session.look_back(reached.iter().chain(&beside));
    session.outside = beside::not_backed_up(config, asked, ports);
    let home = session.home_heads(&beside);
    let sites = sites(&reached, &home);
    let wanted = session.wanted(&sites)?;
    let left = session.drill_all(&sites, &wanted, &mut drills);
    let seen = wanted.iter().map(|it| (it.chosen.job_name.clone(), sites[it.site].name.clone())).collect();
    let absences = Absences::new(config, asked, &reached);
    drills.extend(session.write_all(absences.drills(&seen, ports.clock.now())));
    let notes = session.leave_heads(reached.iter().chain(&beside), &drills);
    let Asked { wish, strictness, .. } = asked;
    let (outside, ledger_before) = (session.outside.clone(), session.before.clone());
    outcome(
        drills,
        Beside { wish, strictness: *strictness, folder: &config.folder, outside, ledger_before, left, notes },
    )
}

struct Session<'s> {
    config: &'s Config,
    asked: &'s Asked,
    ports: &'s Ports<'s>,
    scratch: Scratch,
    ledger: Ledger,
    secret: VaultSecret,
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
        let opener = Opener { kind: self.secret.0, secret: &self.secret.1 };
        reach(name, place, &Means { opener, catalog, clock })
    }

    /// Home's heads may know what should lie elsewhere, where the catalog that knows more is lost.
    fn home_heads(&self, beside: &[Reached]) -> Vec<Head> {
        let home = beside.iter().filter(|place| place.name.is_home() && self.catalog.is_none());
        home.flat_map(Reached::heads).collect()
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
        let canaries = self.job(&chosen.job_name).map(Job::canaries);
        let bench = Bench {
            name,
            store: &*opened.store,
            survey: &opened.survey,
            scratch: &self.scratch,
            expected,
            clock,
            entropy,
            limits,
            probes: self.job(&chosen.job_name).map_or(&[], |job| &job.probes),
            canaries: canaries.as_deref(),
            leaving: self.asked.leaving,
            voice,
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
    fn job(&self, name: &str) -> Option<&Job> {
        self.config.jobs.iter().find(|known| known.name.as_str() == name)
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
        let write = |(drill, address): (Drill, String)| {
            let setting = self.setting(&drill.job, address);
            self.write_one(drill, &setting)
        };
        drills.into_iter().map(write).collect()
    }

    fn write_one(&self, mut drill: Drill, setting: &Setting) -> Done {
        let written = self.written(self.ledger.write(&mut drill, setting));
        Done::of(&drill, written)
    }

    fn written(&self, written: Result<Written, LedgerError>) -> Option<Written> {
        let written = written.map_err(|error| self.ports.voice.warn(&chain(&error))).ok();
        written.iter().flat_map(|report| &report.problems).for_each(|problem| self.ports.voice.warn(problem));
        written
    }

    /// What a report says beside the drill.
    fn setting(&self, job: &str, address: String) -> Setting {
        let job = self.job(job);
        Setting {
            address,
            method: job.map(|job| job.source.kind().to_owned()),
            expect: job.and_then(|job| job.expect),
            rto: job.and_then(|job| job.rto),
            restored_to: Some(self.scratch.path().display().to_string()),
            ledger_before: self.before.clone(),
            outside: self.outside.clone(),
        }
    }
}

fn prove(catalog: &Catalog, opened: &Opened, chosen: &Chosen, drill: &Drill) -> Result<(), String> {
    let Some(proof) = drill.proof() else { return Ok(()) };
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

/// The destination of that name, home included.
fn place_of(config: &Config, name: &DestinationName) -> Option<engine::config::Place> {
    if name.is_home() {
        return Some(engine::config::Place::File(config.home.path.clone()));
    }
    config.destination(name).map(|Destination { place, .. }| place.clone())
}

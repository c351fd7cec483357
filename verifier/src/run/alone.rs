//! A cold drill: this process has an address and one secret, as a person has after a fire. No configuration, no catalog,
//! no environment, no cache; the reports are a ledger of their own, whose key is gone when the process ends.

use std::path::{Path, PathBuf};

use engine::command::{Failure, VaultSecret};
use engine::config::{Keys, Place, place_given};
use engine::model::{DestinationName, JobName, chain};

use super::outcome::{Beside, Done, outcome};
use super::place::{Means, Opened, address, reach};
use super::{Outcome, Ports};
use crate::choose::{Chosen, Wish, choose};
use crate::drill::{Bench, Drill, Leaving, drill};
use crate::expect::Expectation;
use crate::mismatch::Mismatch;
use crate::report::{Cold, Ledger, LedgerBefore, NotBackedUp, Setting};
use crate::scratch::{Forbidden, Scratch};
use crate::survey::{Closed, Opener};
use crate::verdict::{Strictness, Verdict};

/// What a cold drill is given: all that it knows.
pub struct Alone {
    /// The destination's URL.
    pub from: String,
    /// The keys beside it.
    pub keys: Keys,
    /// What opens the vault.
    pub secret: VaultSecret,
    /// What reports call the destination.
    pub name: DestinationName,
    /// `--job`
    pub job: Option<JobName>,
    /// `--point`, `--all` or neither.
    pub wish: Wish,
    /// Where is restored to.
    pub scratch: PathBuf,
    /// The folder below which reports are written.
    pub reports: PathBuf,
    /// `--keep-scratch`
    pub leaving: Leaving,
    /// `--strict`
    pub strictness: Strictness,
}

/// Drills.
///
/// # Errors
/// [`Failure`] if nothing could be begun.
pub fn alone(asked: &Alone, ports: &Ports<'_>) -> Result<Outcome, Failure> {
    let place = place_given(&asked.from, &asked.keys)
        .map_err(|why| Failure::usage("can't drill what --from names", why, "give --from URL, as in `--help`"))?;
    place.secret_notes().iter().for_each(|note| ports.voice.warn(note));
    let scratch = scratch(asked, &place)?;
    scratch.sweep().iter().for_each(|left| ports.voice.warn(left));
    let advice = "name a folder that can be written with --reports";
    let ledger = Ledger::ephemeral(&asked.reports, ports.entropy)
        .map_err(|error| Failure::of("no report could be kept", &error, advice))?;
    let cold = Cold::default();
    let call = Call { asked, ports, scratch, ledger, address: address(&place), cold };
    let done = call.drills(&place)?;
    let outside = NotBackedUp { not_backed_up: None, not_backed_up_reason: Some(NOTHING_ELSE.to_owned()) };
    let Alone { wish, strictness, .. } = asked;
    let ledger_before = LedgerBefore::default();
    outcome(
        done,
        Beside { wish, strictness: *strictness, folder: Path::new(""), outside, ledger_before, left: 0, notes: vec![] },
    )
}

pub(super) const NOTHING_ELSE: &str = "a cold drill knows nothing but the destination";

fn scratch(asked: &Alone, place: &Place) -> Result<Scratch, Failure> {
    let forbidden = match place {
        Place::File(path) => vec![Forbidden { what: "the destination".to_owned(), path: path.clone() }],
        _ => Vec::new(),
    };
    Scratch::open(&asked.scratch, &forbidden).map_err(|error| {
        Failure::of("nothing can be restored", &error, "make the folder, or name another one with --scratch")
    })
}

struct Call<'c> {
    asked: &'c Alone,
    ports: &'c Ports<'c>,
    scratch: Scratch,
    ledger: Ledger,
    address: String,
    cold: Cold,
}

impl Call<'_> {
    fn drills(&self, place: &Place) -> Result<Vec<Done>, Failure> {
        let Alone { name, secret, job, wish, .. } = self.asked;
        self.ports.voice.say(&format!("looking at {name}, {}", self.address));
        let means =
            Means { opener: Opener { kind: secret.0, secret: &secret.1 }, catalog: None, clock: self.ports.clock };
        let opened = match reach(name, place, &means).opened {
            Ok(opened) => opened,
            Err(closed) => return Ok(vec![self.write(self.closed(closed))]),
        };
        let expected = Expectation { survey: &opened.survey, elsewhere: &[], catalog: None };
        let told = expected.told(&opened.survey.heads);
        let chosen = choose(&opened.survey.listings, &told.points, wish, job.as_ref())
            .map_err(|error| Failure::usage("no point can be chosen", error.to_string(), "give the whole id"))?;
        Ok(chosen.iter().map(|chosen| self.write(self.drill(&opened, &expected, chosen))).collect())
    }

    fn closed(&self, closed: Closed) -> Drill {
        let mut drill = Drill::begin("", &self.asked.name, self.ports.clock.now());
        match closed {
            Closed::Away(why) => drill.leave(why),
            Closed::Refused(why) | Closed::Foreign(why) => drill.refuse(why),
            Closed::Damaged(why) => {
                drill.verdict = Verdict::Fail;
                drill.mismatches.add(Mismatch::new(b"", why));
            }
        }
        drill
    }

    fn drill(&self, opened: &Opened, expected: &Expectation<'_>, chosen: &Chosen) -> Drill {
        let Ports { clock, entropy, voice, limits, stop } = *self.ports;
        let what = format!("{} ({}) from {}, cold", chosen.job_name, chosen.point.id, self.asked.name);
        voice.say(&format!("drilling {what}"));
        let tell = |step: &str, done: u64, total: u64| voice.progress(&format!("{what}: {step}"), done, total);
        let bench = Bench {
            name: &self.asked.name,
            store: &*opened.store,
            survey: &opened.survey,
            scratch: &self.scratch,
            expected,
            clock,
            entropy,
            limits,
            probes: &[],
            canaries: None,
            leaving: self.asked.leaving,
            voice,
            tell: &tell,
            stop,
        };
        let mut drill = drill(&bench, chosen);
        voice.progress_done(&what);
        drill.live = Err(NOTHING_ELSE.to_owned());
        drill
    }

    fn write(&self, mut drill: Drill) -> Done {
        drill.cold = Some(self.cold.clone());
        let setting = Setting {
            address: self.address.clone(),
            restored_to: Some(self.scratch.path().display().to_string()),
            outside: NotBackedUp { not_backed_up: None, not_backed_up_reason: Some(NOTHING_ELSE.to_owned()) },
            ..Setting::default()
        };
        let written = self.ledger.write(&mut drill, &setting);
        let written = written.map_err(|error| self.ports.voice.warn(&chain(&error))).ok();
        written.iter().flat_map(|report| &report.problems).for_each(|problem| self.ports.voice.warn(problem));
        Done::of(&drill, written)
    }
}

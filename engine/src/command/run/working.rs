//! What the loop begins, each in a thread of its own, and what it makes of the answers.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::{Loop, Visiting};
use crate::capture::Reading;
use crate::command::backup::backup_jobs;
use crate::command::round::Wanted;
use crate::command::visit::{Visited, Visits};
use crate::command::{DryRun, Exit, Failure};
use crate::copy::{CopyError, Outcome};
use crate::installation::{Look, open_now};
use crate::model::{DestinationName, JobName, VaultId};
use crate::report::{BackupReport, size};
use crate::service::{DrillMark, Ended, Missing};

/// How often drives are looked for where the system does not tell of them.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// What of a watched folder was not finished is asked for again so long after.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// What the loop hears.
pub(super) enum Event {
    /// A stop was asked for.
    Stop,
    /// Something was mounted or unmounted, or may have been.
    Mounts,
    /// Something came for a job that is watched.
    Appeared(JobName),
    /// A look ended.
    Looked(DestinationName, Look),
    /// A visit ended.
    Visited(DestinationName, Outcome),
    /// A job's run ended.
    Made(JobName, Result<(BackupReport, Exit), Failure>),
    /// Home was tidied.
    Tidied(Outcome),
    /// A drill ended; none if it was stopped and is due again.
    Drilled(Option<DrillMark>),
}

/// An answer that is given in any case: a thread that breaks off gives the one that it began with.
pub(super) struct Reply {
    events: Sender<Event>,
    lost: Option<Event>,
}

impl Reply {
    pub(super) fn new(events: &Sender<Event>, lost: Event) -> Self {
        Self { events: events.clone(), lost: Some(lost) }
    }

    pub(super) fn give(mut self, event: Event) {
        self.lost = Some(event);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(event) = self.lost.take() {
            // Nobody listens any more only when the process ends.
            let _ = self.events.send(event);
        }
    }
}

fn broke_off() -> Outcome {
    Outcome { failures: vec!["its thread broke off".to_owned()], ..Outcome::default() }
}

impl Loop {
    /// Begins work in a thread of idle priority.
    pub(super) fn spawn(&self, name: String, reply: Reply, work: impl FnOnce(Reply) + Send + 'static) {
        let context = Arc::clone(&self.context);
        let thread = std::thread::Builder::new().name(name.clone());
        let spawned = thread.spawn(move || {
            context.be_quiet();
            work(reply);
        });
        // The reply went with the thread that could not begin: it has been given.
        if let Err(error) = spawned {
            self.warn_of(&format!("no thread for {name}"), &error);
        }
    }

    pub(super) fn begin_look(&mut self, name: &DestinationName) {
        let installation = &self.context.installation;
        let (Some(place), Some(destination)) = (self.places.get_mut(name), installation.config.destination(name))
        else {
            return;
        };
        let Ok(media) = installation.catalog.media() else { return };
        place.look_began();
        let (name, destination) = (name.clone(), destination.clone());
        let home = installation.config.home.path.clone();
        let lost = Event::Looked(name.clone(), Look::Away("the look at it broke off".into()));
        let reply = Reply::new(&self.events, lost);
        self.spawn(format!("look-{name}"), reply, move |reply| {
            reply.give(Event::Looked(name, open_now(&destination, &media, &home)));
        });
    }

    pub(super) fn looked(&mut self, name: DestinationName, look: Look) {
        let (now, dice) = (self.context.call.clock.monotonic(), self.dice());
        self.context.installation.note(&name, &look, self.context.call.clock.now());
        let found = medium_of(&look);
        let Some(place) = self.places.get_mut(&name) else { return };
        let was_here = place.is_here();
        let appeared = place.looked(found, now, dice);
        match &look {
            Look::Here(opened) => {
                if appeared {
                    self.say(&format!("{name} is there"));
                }
                // Only for people: a medium that is there is known to be.
                let _ = self.context.installation.catalog.seen(opened.medium, self.context.call.clock.now());
            }
            Look::Away(why) | Look::Emptied(why) if was_here => {
                self.say(&format!("{name} is not there any more: {why}"))
            }
            Look::Refused(why) if !matches!(self.looks.get(&name), Some(Look::Refused(before)) if before == why) => {
                self.context.call.voice.warn(&format!("{name}: {why}; it is asked again after a quarter of an hour"));
            }
            Look::Emptied(why) if !matches!(self.looks.get(&name), Some(Look::Emptied(_))) => {
                self.context.call.voice.warn(&format!("{name}: {why}"));
            }
            Look::Away(_) | Look::Refused(_) | Look::Emptied(_) => {}
        }
        self.looks.insert(name, look);
    }

    pub(super) fn begin_visit(&mut self, name: &DestinationName) {
        let Some(Look::Here(opened)) = self.looks.get(name).cloned() else { return };
        let reply = Reply::new(&self.events, Event::Visited(name.clone(), broke_off()));
        let visits = match Visits::new(&self.context, self.looks_now(), Wanted::everything()) {
            Ok(visits) => Arc::new(visits),
            Err(failure) => {
                self.context.call.voice.warn(&failure.to_string());
                return;
            }
        };
        let done = {
            let name = name.clone();
            move |outcome| reply.give(Event::Visited(name, outcome))
        };
        if let Some(place) = self.places.get_mut(name) {
            place.visit_began();
        }
        match visits.begin(name, opened, done) {
            Ok(pulse) => drop(self.visits.insert(name.clone(), Visiting { pulse, told: false })),
            Err(error) => self.warn_of(&format!("no thread for {name}"), &error),
        }
    }

    /// Every place as the visits see it: one that does not answer is as good as away.
    fn looks_now(&self) -> Vec<(DestinationName, Look)> {
        let look = |name: &DestinationName, look: &Look| match self.visits.get(name) {
            Some(visiting) if visiting.told => Look::Away("it does not answer".into()),
            _ => look.clone(),
        };
        let destinations = self.context.installation.config.destinations.iter();
        destinations.filter_map(|it| Some((it.name.clone(), look(&it.name, self.looks.get(&it.name)?)))).collect()
    }

    pub(super) fn visited(&mut self, name: &DestinationName, outcome: Outcome) {
        self.visits.remove(name);
        self.home_untidy |= !outcome.copied.is_empty() || !outcome.removed.is_empty();
        self.tell(name, &outcome);
        let stopped = matches!(outcome.ended, Some(CopyError::Stopped));
        let well = stopped || (outcome.failures.is_empty() && outcome.ended.is_none());
        let owed = self.owed_now(name);
        let (now, dice) = (self.context.call.clock.monotonic(), self.dice());
        if let Some(place) = self.places.get_mut(name) {
            place.visited(if well { Ended::Well } else { Ended::Badly }, owed, now, dice);
        }
    }

    fn owed_now(&mut self, name: &DestinationName) -> u64 {
        self.generation = None;
        if let Err(failure) = self.refresh() {
            self.context.call.voice.warn(&failure.to_string());
        }
        self.owed.get(name).copied().unwrap_or(0)
    }

    fn tell(&self, name: &DestinationName, outcome: &Outcome) {
        for copy in &outcome.copied {
            let id = self.id_of(copy.point);
            let (bytes, seconds) = (size(copy.bytes), copy.took.as_secs());
            self.say(&format!("{name}: point {id} is {}: {bytes} in {seconds} s: {}", copy.state, copy.reason));
        }
        for removed in &outcome.removed {
            let id = self.id_of(removed.point);
            self.say(&format!("{name}: point {id} was removed, {} freed: {}", size(removed.bytes), removed.reason));
        }
        // Steps that failed were told when they did; what kept a session from beginning was not.
        let told = format!("{name}: ");
        for failure in outcome.failures.iter().filter(|failure| !failure.starts_with(&told)) {
            self.context.call.voice.warn(&format!("{name}: {failure}"));
        }
    }

    fn id_of(&self, point: crate::model::PointOrder) -> String {
        let row = self.context.installation.catalog.point(point).ok().flatten();
        row.map_or_else(|| point.to_string(), |row| row.id.to_string())
    }

    pub(super) fn begin_backup(&mut self, name: &JobName) {
        let Some(job) = self.context.installation.config.job(name).cloned() else { return };
        self.home_busy = true;
        self.jobs.began(name);
        self.say(&format!("{name}: a recovery point is due"));
        let (name, context) = (name.clone(), Arc::clone(&self.context));
        let lost = Failure::new(format!("no recovery point of {name}"), "its thread broke off", "");
        let reply = Reply::new(&self.events, Event::Made(name.clone(), Err(lost)));
        self.spawn(format!("backup-{name}"), reply, move |reply| {
            let made = backup_jobs(&context, &[job], Reading::Changed, DryRun::No);
            reply.give(Event::Made(name, made));
        });
    }

    pub(super) fn made(&mut self, name: &JobName, made: Result<(BackupReport, Exit), Failure>) {
        self.home_busy = false;
        self.home_untidy = true;
        let well = match &made {
            Ok((report, _)) => {
                for point in &report.points {
                    let id = point.id.map_or_else(String::new, |id| id.to_string());
                    let (bytes, new) = (size(point.bytes), size(point.new_bytes));
                    self.say(&format!("{name}: point {id}: {} files, {bytes}, {new} new", point.files));
                }
                if !report.later.is_empty() {
                    self.jobs.ask_again(name, self.context.call.clock.now().plus(ASK_AGAIN));
                }
                !report.points.is_empty() || report.failed.is_empty()
            }
            Err(failure) => {
                self.context.call.voice.warn(&failure.to_string());
                false
            }
        };
        let (now, dice) = (self.context.call.clock.monotonic(), self.dice());
        self.jobs.ended(name, well || (self.context.call.stop)(), now, dice);
    }

    pub(super) fn begin_tidying(&mut self) {
        (self.home_busy, self.home_untidy) = (true, false);
        let (context, looks) = (Arc::clone(&self.context), self.looks_now());
        let reply = Reply::new(&self.events, Event::Tidied(broke_off()));
        self.spawn("tidy-home".to_owned(), reply, move |reply| {
            let visited = Visits::new(&context, looks, Wanted::everything()).map(|visits| visits.visit_home());
            let outcome = match visited {
                Ok(visited) => visited.map(|Visited { outcome, .. }| outcome).unwrap_or_default(),
                Err(failure) => Outcome { failures: vec![failure.to_string()], ..Outcome::default() },
            };
            reply.give(Event::Tidied(outcome));
        });
    }

    pub(super) fn tidied(&mut self, outcome: Outcome) {
        self.home_busy = false;
        self.tell(&DestinationName::home(), &outcome);
    }
}

fn medium_of(look: &Look) -> Result<VaultId, Missing> {
    match look {
        Look::Here(opened) => Ok(opened.medium),
        Look::Away(_) => Err(Missing::Away),
        Look::Refused(_) => Err(Missing::Refused),
        Look::Emptied(_) => Err(Missing::Away),
    }
}

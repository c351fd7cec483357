//! `engine run`: the service. Carries out what [`crate::service::agenda`] says, until it is told to stop.
//!
//! One thread decides and never touches a place; looks, visits, points and drills have threads of their own, of idle
//! priority, that nobody has to join: what the kernel holds, holds nobody else. A point being made and a place that hangs
//! hold up no copy elsewhere. The configuration is the one that the service began with; that it changed is said.

mod drilling;
mod ears;
mod jobs;
mod log;
mod watching;
mod working;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use jiff::tz::TimeZone;

use super::backup::check_readable;
use super::hours::opens_in;
use super::owed::fingerprints;
use super::round::LOST_AFTER;
use super::{Call, Context, Exit, Failure, Manner, Wait};
use crate::catalog::Generation;
use crate::catalog::locks::{LockName, Wait as LockWait, Waiting, WorkLock};
use crate::destination::watch::Pulse;
use crate::installation::Look;
use crate::model::{DestinationName, chain};
use crate::platform::StopSignal;
use crate::service::{Action, Place, View, agenda};
use drilling::Drilling;
use jobs::Jobs;
use working::Event;

/// What is asked to stop is waited for so long: five seconds in all, with room for the way out.
const WIND_DOWN: Duration = Duration::from_secs(4);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// Exit 2 for the configuration; exit 1 if another service runs, or keys, home or catalog can't be used at the start.
pub fn run(call: &Call) -> Result<Exit, Failure> {
    let signal = StopSignal::listen().map_err(|error| Failure::of("can't listen for signals", &error, ""))?;
    let asked = Arc::clone(&call.stop);
    let call = Call {
        voice: Arc::new(log::Timed::new(call)),
        stop: Arc::new(move || asked() || signal.is_set()),
        wait: Wait::Yes,
        ..call.clone()
    };
    let context = Context::open_for(&call, Manner::Background)?;
    check_readable(&context.installation.config, &context.installation.config.jobs)?;
    let _alone = alone(&context)?;
    context.tell_notes();
    context.installation.keyring()?;
    context.installation.home()?;
    let (send, receive) = unbounded();
    ears::listen(signal, send.clone()).map_err(|error| Failure::of("can't listen for drives", &error, ""))?;
    watching::watch(&context, &send);
    Loop::new(context, send)?.run(&receive);
    Ok(Exit::Done)
}

/// One service for each installation. A look at the lock, by `status` say, is no service and is waited for.
fn alone(context: &Context) -> Result<WorkLock, Failure> {
    let mut on_wait = |waiting: &Waiting| {
        if waiting.waited > Duration::from_secs(1) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    WorkLock::acquire(&context.locks(), &LockName::Service, LockWait::Yes(&mut on_wait)).map_err(|error| {
        Failure::of("the service can't begin", &error, "one service is enough; stop the other one first, or let it run")
    })
}

/// A visit under way.
struct Visiting {
    pulse: Pulse,
    told: bool,
}

/// All that the loop keeps in mind.
struct Loop {
    context: Arc<Context>,
    events: Sender<Event>,
    zone: TimeZone,
    jobs: Jobs,
    places: BTreeMap<DestinationName, Place>,
    looks: BTreeMap<DestinationName, Look>,
    visits: BTreeMap<DestinationName, Visiting>,
    owed: BTreeMap<DestinationName, u64>,
    generation: Option<Generation>,
    home_busy: bool,
    home_untidy: bool,
    drilling: Drilling,
    config: log::ConfigWatch,
}

impl Loop {
    fn new(context: Arc<Context>, events: Sender<Event>) -> Result<Self, Failure> {
        let config = &context.installation.config;
        let names = || config.destinations.iter().map(|destination| destination.name.clone());
        Ok(Self {
            zone: TimeZone::system(),
            jobs: Jobs::of(config),
            places: config.destinations.iter().map(|it| (it.name.clone(), Place::new(it.place.distance()))).collect(),
            looks: names().map(|name| (name, Look::Away("it was not looked at yet".into()))).collect(),
            visits: BTreeMap::new(),
            owed: BTreeMap::new(),
            generation: None,
            home_busy: false,
            home_untidy: false,
            drilling: Drilling::of(&context)?,
            config: log::ConfigWatch::of(config, context.call.clock.monotonic()),
            events,
            context,
        })
    }

    fn run(mut self, events: &Receiver<Event>) {
        let config = &self.context.installation.config;
        let (jobs, places) = (config.jobs.len(), config.destinations.len());
        self.say(&format!("the service runs: {jobs} jobs, {places} destinations"));
        while !(self.context.call.stop)() {
            if let Err(failure) = self.refresh() {
                self.context.call.voice.warn(&failure.to_string());
            }
            let wake = self.act();
            match events.recv_timeout(wake) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            events.try_iter().collect::<Vec<_>>().into_iter().for_each(|event| self.take(event));
            self.tell_hung();
            self.config.look(&self.context.call);
        }
        self.wind_down(events);
    }

    /// What other processes may have changed too: runs, points, what is owed.
    fn refresh(&mut self) -> Result<(), Failure> {
        self.jobs.refresh(&self.context)?;
        self.drilling.refresh(self.context.call.clock.now());
        let generation = self.context.installation.catalog.generation()?;
        if self.generation != Some(generation) {
            self.owed = fingerprints(&self.context)?;
            self.generation = Some(generation);
            for (name, place) in &mut self.places {
                place.owes(self.owed.get(name).copied().unwrap_or(0));
            }
        }
        Ok(())
    }

    /// Begins what is due; gives how long there is nothing more to begin.
    fn act(&mut self) -> Duration {
        self.keep_hours();
        let clock = &self.context.call.clock;
        let next = agenda(&View {
            now: clock.now(),
            monotonic: clock.monotonic(),
            zone: &self.zone,
            jobs: self.jobs.due(),
            places: &self.places,
            home_busy: self.home_busy,
            home_untidy: self.home_untidy,
            drill: self.drilling.due(),
        });
        for action in next.actions {
            match action {
                Action::Backup(job) => self.begin_backup(&job),
                Action::TidyHome => self.begin_tidying(),
                Action::Look(name) => self.begin_look(&name),
                Action::Visit(name) => self.begin_visit(&name),
                Action::Drill => self.begin_drill(),
            }
        }
        next.wake
    }

    fn keep_hours(&mut self) {
        let (clock, config) = (&self.context.call.clock, &self.context.installation.config);
        let (now, monotonic) = (clock.now(), clock.monotonic());
        for destination in &config.destinations {
            let opens = destination.window.and_then(|window| opens_in(window, now, &self.zone));
            let place = self.places.get_mut(&destination.name);
            place.into_iter().for_each(|place| place.shut_until(opens.map(|after| monotonic.saturating_add(after))));
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Stop => {}
            Event::Mounts => {
                let now = self.context.call.clock.monotonic();
                self.places.values_mut().for_each(|place| place.mounts_changed(now));
            }
            Event::Appeared(job) => {
                let now = self.context.call.clock.now();
                self.say(&format!("{job}: something came"));
                self.jobs.ask(&job, now);
            }
            Event::Looked(name, look) => self.looked(name, look),
            Event::Visited(name, outcome) => self.visited(&name, outcome),
            Event::Made(job, made) => self.made(&job, made),
            Event::Tidied(outcome) => self.tidied(outcome),
            Event::Drilled(mark) => self.drilled(mark),
        }
    }

    /// A place that does not answer is told of once, and tried again when its request has come back.
    fn tell_hung(&mut self) {
        for (name, visiting) in &mut self.visits {
            if !visiting.told && visiting.pulse.waits() > LOST_AFTER {
                visiting.told = true;
                let text = format!("{name} has not answered for {} s; it goes on when it does", LOST_AFTER.as_secs());
                self.context.call.voice.warn(&text);
            }
        }
    }

    /// Whoever is at work finishes or checkpoints the block in hand; who can't is left to the kernel.
    fn wind_down(&mut self, events: &Receiver<Event>) {
        let clock = Arc::clone(&self.context.call.clock);
        let end = clock.monotonic() + WIND_DOWN;
        while self.is_busy() {
            let left = end.saturating_sub(clock.monotonic());
            match events.recv_timeout(left) {
                Ok(event) => self.take(event),
                Err(_) => {
                    self.context
                        .call
                        .voice
                        .warn("stopped before all that was in hand could end; it goes on where it was");
                    return;
                }
            }
        }
        self.say("stopped");
    }

    fn is_busy(&self) -> bool {
        self.home_busy || self.drilling.is_running() || !self.visits.is_empty()
    }

    fn say(&self, text: &str) {
        self.context.call.voice.say(text);
    }

    /// A random number, for jitter only.
    fn dice(&self) -> u64 {
        self.context.random().map_or(0, u64::from_be_bytes)
    }

    fn warn_of(&self, what: &str, error: &dyn std::error::Error) {
        self.context.call.voice.warn(&format!("{what}: {}", chain(error)));
    }
}

//! What to do now, and when to look again.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::{LastRun, Noticed, Pause, Place, due_at};
use crate::model::{DestinationName, JobName, Time};
use crate::schedule::Schedule;

/// Never sleeps longer: the wall clock may be set, and the computer may sleep, without a word.
const WAKE_MAX: Duration = Duration::from_secs(60);
const WAKE_MIN: Duration = Duration::from_millis(100);

/// One job.
#[derive(Debug, Clone)]
pub struct JobDue {
    /// Its name.
    pub name: JobName,
    /// Its schedule; none if it is due only when it is asked for.
    pub schedule: Option<Schedule>,
    /// Since when something waits for it, whatever the schedule says.
    pub asked: Option<Time>,
    /// Is its source watched?
    pub is_watched: bool,
    /// When it ran last.
    pub last: LastRun,
    /// Was it told by a wrong clock?
    pub noticed: Option<Noticed>,
    /// A run that failed is tried again after it.
    pub retry: Pause,
}

/// The drill.
#[derive(Debug, Clone)]
pub struct DrillDue {
    /// Its schedule.
    pub schedule: Schedule,
    /// When one began last, or this installation was made.
    pub last: Time,
    /// Was that told by a wrong clock?
    pub noticed: Option<Noticed>,
    /// Is one under way?
    pub running: bool,
}

/// All that the next steps depend on.
#[derive(Debug)]
pub struct View<'v> {
    /// By the wall.
    pub now: Time,
    /// By the clock that never goes back.
    pub monotonic: Duration,
    /// In which schedules count.
    pub zone: &'v TimeZone,
    /// Jobs with a schedule, in the configuration's order.
    pub jobs: &'v [JobDue],
    /// Destinations.
    pub places: &'v BTreeMap<DestinationName, Place>,
    /// Is a point made, or home tidied?
    pub home_busy: bool,
    /// May something have become superfluous at home?
    pub home_untidy: bool,
    /// The drill, if it has a schedule.
    pub drill: Option<&'v DrillDue>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A point of this job is due.
    Backup(JobName),
    /// Remove what no rule keeps at home.
    TidyHome,
    /// See whether the destination is there.
    Look(DestinationName),
    /// Copy what is owed there.
    Visit(DestinationName),
    /// Begin a drill.
    Drill,
}

/// What to do now, and when to ask again at the latest, unless something happens before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agenda {
    /// All of it at once.
    pub actions: Vec<Action>,
    /// From now.
    pub wake: Duration,
}

/// Decides. The same view gives the same agenda.
#[must_use]
pub fn agenda(view: &View<'_>) -> Agenda {
    let mut draft = Draft { view, actions: Vec::new(), wake: WAKE_MAX };
    draft.home();
    draft.places();
    draft.drill();
    Agenda { actions: draft.actions, wake: draft.wake.max(WAKE_MIN) }
}

struct Draft<'d> {
    view: &'d View<'d>,
    actions: Vec<Action>,
    wake: Duration,
}

impl Draft<'_> {
    /// One thing at a time: the job that is due the longest, else tidying.
    fn home(&mut self) {
        let due = |job: &JobDue| {
            let view = self.view;
            let scheduled = job.schedule.as_ref();
            let scheduled = scheduled.and_then(|it| due_at(it, job.last, job.noticed, view.now, view.zone));
            let retry = job.retry.is_failing().then(|| self.wall(job.retry.until()));
            [scheduled, retry.or(job.asked)].into_iter().flatten().min()
        };
        let due: Vec<(Time, &JobDue)> = self.view.jobs.iter().filter_map(|job| Some((due(job)?, job))).collect();
        let first = due.iter().filter(|(at, _)| *at <= self.view.now).min_by_key(|(at, _)| *at);
        match first {
            Some((_, job)) if !self.view.home_busy => self.actions.push(Action::Backup(job.name.clone())),
            None if self.view.home_untidy && !self.view.home_busy => self.actions.push(Action::TidyHome),
            _ => {}
        }
        due.iter().for_each(|(at, _)| self.wake_at(*at));
    }

    fn places(&mut self) {
        for (name, place) in self.view.places {
            let now = self.view.monotonic;
            for (at, action) in
                [(place.look_due(), Action::Look(name.clone())), (place.visit_due(), Action::Visit(name.clone()))]
            {
                match at {
                    Some(at) if at <= now => self.actions.push(action),
                    Some(at) => self.wake = self.wake.min(at - now),
                    None => {}
                }
            }
        }
    }

    fn drill(&mut self) {
        let Some(drill) = self.view.drill.filter(|drill| !drill.running) else { return };
        let last = LastRun::Began(drill.last);
        match due_at(&drill.schedule, last, drill.noticed, self.view.now, self.view.zone) {
            Some(at) if at <= self.view.now => self.actions.push(Action::Drill),
            Some(at) => self.wake_at(at),
            None => {}
        }
    }

    fn wake_at(&mut self, at: Time) {
        if at > self.view.now {
            self.wake = self.wake.min(at.since(self.view.now));
        }
    }

    /// A moment of the clock that never goes back, by the wall as it is now.
    fn wall(&self, at: Duration) -> Time {
        self.view.now.plus(at.saturating_sub(self.view.monotonic))
    }
}

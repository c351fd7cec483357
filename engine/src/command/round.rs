//! One round of offsite work: each medium that is there gets a session of its own, in a thread of its own, plans for
//! itself and carries out its steps; home comes last. A place that blocks holds up nobody else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use jiff::tz::TimeZone;

use super::hours::Hours;
use super::visit::{Visited, Visits};
use super::{Context, Failure};
use crate::config::Window;
use crate::copy::Outcome;
use crate::destination::watch::Pulse;
use crate::installation::{Asking, Look, Refusal};
use crate::model::{DestinationName, JobId, PointOrder, chain};
use crate::plan::{self, State, propose};
use crate::report::local;

/// A request that has not come back for so long is given up (CONTRACT: `copy`).
pub(super) const LOST_AFTER: Duration = Duration::from_secs(60);

/// What a round is for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Only points of these jobs are copied; all if none.
    pub jobs: Option<Vec<JobId>>,
    /// Only these destinations; all if none.
    pub destinations: Option<Vec<DestinationName>>,
    /// Which plan is carried out.
    pub task: Task,
    /// Is home visited too, last?
    pub home: Home,
    /// Are the destinations' hours kept?
    pub hours: Hours,
}

/// Whether a round ends with home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// It does.
    Too,
    /// It does, unless another one is at work there: home is a spool, and what is offsite now leaves it.
    Spool,
    /// It leaves it alone.
    Not,
}

/// Which plan a round carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// What is owed; nothing goes but for the room that it needs.
    Copies,
    /// What is owed, and what `keep` no longer wants goes, at home too.
    Everything,
    /// Only what `keep` no longer wants of these jobs goes, of all if none.
    Forget(BTreeSet<JobId>),
    /// What came by post counts: receipts are looked into, and the manifests that waited for them are written.
    Seeds,
    /// One point goes, from every place that is there.
    ForgetPoint(PointOrder),
}

impl Wanted {
    /// All that is to be done anywhere.
    pub(super) const fn everything() -> Self {
        Self { jobs: None, destinations: None, task: Task::Everything, home: Home::Too, hours: Hours::Kept }
    }
}

/// Every destination as it is now, in the configuration's order.
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn looks(context: &Context) -> Result<Vec<(DestinationName, Look)>, Failure> {
    Ok(context.installation.looks(Asking::Anew, context.call.clock.now())?)
}

/// The same where nothing is to be done but to tell: a server that refused us lately is not asked again.
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn looks_to_tell(context: &Context) -> Result<Vec<(DestinationName, Look)>, Failure> {
    let zone = TimeZone::system();
    let words = |refusal: &Refusal| {
        let (at, until) = (local(refusal.at, &zone), local(refusal.until, &zone));
        format!(
            "{}; that was at {at}: so that it does not lock us out, it is not asked again before {until}, unless the \
             login is changed or by `engine copy`",
            refusal.why
        )
    };
    Ok(context.installation.looks(Asking::UnlessRefused(&words), context.call.clock.now())?)
}

/// Makes a round; gives what was done at each destination, home last.
///
/// # Errors
/// What concerns all: keys, catalog.
pub(super) fn round(context: &Arc<Context>, wanted: &Wanted) -> Result<Vec<Visited>, Failure> {
    context.installation.keyring()?;
    let looks = looks(context)?;
    let visits = Arc::new(Visits::new(context, looks, wanted.clone())?);
    let mut visited = visit_offsite(&visits);
    if wanted.home != Home::Not {
        let is_missed = |home: &Visited| wanted.home == Home::Spool && home.outcome.busy;
        visited.extend(visits.visit_home().filter(|home| !is_missed(home)));
    }
    Ok(visited)
}

/// What would be done: the plan of a state as it is now, and that state.
///
/// # Errors
/// As [`round`].
pub(super) fn preview(context: &Arc<Context>) -> Result<(State, plan::Plan), Failure> {
    let state = state_now(context, looks_to_tell(context)?)?;
    let plan = propose(&state);
    Ok((state, plan))
}

/// The state that a plan made now would be made from.
///
/// # Errors
/// As [`round`].
pub(super) fn state_now(context: &Arc<Context>, looks: Vec<(DestinationName, Look)>) -> Result<State, Failure> {
    context.installation.keyring()?;
    Visits::new(context, looks, Wanted::everything())?.state()
}

fn visit_offsite(visits: &Arc<Visits>) -> Vec<Visited> {
    let wanted = visits.looks.iter().filter(|(name, _)| visits.is_wanted(name));
    let begun: Vec<_> = wanted.map(|(name, look)| begin(visits, name, look)).collect();
    begun.into_iter().map(Begun::wait).collect()
}

/// A visit under way, or why there is none.
struct Begun {
    destination: DestinationName,
    visit: Result<(Receiver<Outcome>, Pulse), String>,
    shut: Option<Window>,
    failed: bool,
}

fn begin(visits: &Arc<Visits>, name: &DestinationName, look: &Look) -> Begun {
    let opened = match look {
        Look::Here(_) if let Some(window) = visits.shut(name) => {
            let why = format!("it is copied to by itself in its hours only, {window}");
            return Begun { shut: Some(window), ..Begun::not(name, why) };
        }
        Look::Here(opened) => opened.clone(),
        Look::Away(why) | Look::Refused(why) => return Begun::not(name, why.clone()),
        // What the catalog says is there is not: that is a failure, whether anything is owed or not.
        Look::Emptied(why) => {
            visits.warn(&format!("{name}: {why}"));
            return Begun { failed: true, ..Begun::not(name, why.clone()) };
        }
    };
    let (send, receive) = crossbeam_channel::bounded(1);
    let pulse = visits.begin(name, opened, move |outcome| drop(send.send(outcome)));
    let visit = pulse.map(|pulse| (receive, pulse)).map_err(|error| format!("no thread for it: {error}"));
    Begun { visit, ..Begun::not(name, String::new()) }
}

impl Begun {
    fn not(name: &DestinationName, why: String) -> Self {
        Self { destination: name.clone(), visit: Err(why), shut: None, failed: false }
    }

    /// Waits for the visit, unless a request of it does not come back.
    fn wait(self) -> Visited {
        let (outcome, away) = match &self.visit {
            Ok((receive, pulse)) => wait(receive, pulse),
            Err(why) => {
                let failures = self.failed.then(|| format!("{}: {why}", self.destination)).into_iter().collect();
                (Outcome { failures, ..Outcome::default() }, Some(why.clone()))
            }
        };
        Visited { destination: self.destination, outcome, away, shut: self.shut }
    }
}

fn wait(receive: &Receiver<Outcome>, pulse: &Pulse) -> (Outcome, Option<String>) {
    loop {
        match receive.recv_timeout(Duration::from_millis(500)) {
            Ok(outcome) => {
                let away = outcome.ended.as_ref().map(|error| chain(error));
                return (outcome, away);
            }
            Err(RecvTimeoutError::Disconnected) => {
                return (Outcome::default(), Some("its thread broke off".to_owned()));
            }
            Err(RecvTimeoutError::Timeout) if pulse.waits() > LOST_AFTER => {
                let away = format!("it has not answered for {} s: given up for now", LOST_AFTER.as_secs());
                return (Outcome::default(), Some(away));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

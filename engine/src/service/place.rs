//! One destination as the loop follows it: looked at, there or not, visited, waited for.
//!
//! Times are by the clock that never goes back; `owed` is a fingerprint of what is owed there, 0 for nothing.

use std::time::Duration;

use super::Pause;
use crate::model::{Distance, VaultId};

/// A place that is away is looked at so often where the system sends no word of it: a folder that appears is not a mount.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A server that does not answer is looked at so soon, then twice as late each time, up to [`LONGEST_PAUSE`].
const LOOK_AT_SERVER: Duration = Duration::from_secs(40);
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// What is being done with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Nothing.
    Nothing,
    /// A look at it is under way.
    Look,
    /// A visit is.
    Visit,
}

/// Why a look found no medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is not there, or none that is expected.
    Away,
    /// A server lets us not in.
    Refused,
}

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All that could be done was.
    Well,
    /// Something failed.
    Badly,
}

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    distance: Distance,
    doing: Doing,
    /// The medium that the last look found; none if it found none.
    here: Option<VaultId>,
    /// The medium that was visited last; none if it was not, or a look has found it gone since.
    known: Option<VaultId>,
    look_at: Duration,
    looked_since_visit: bool,
    /// What was owed when the last visit ended well.
    served: Option<u64>,
    owed: u64,
    /// The same when the visit under way began.
    begun: u64,
    pause: Pause,
    /// Between looks at a server that is away.
    absence: Pause,
    /// When its hours begin, if it is not copied to now.
    shut_until: Option<Duration>,
}

impl Place {
    /// One that was not looked at yet.
    #[must_use]
    pub const fn new(distance: Distance) -> Self {
        Self {
            distance,
            doing: Doing::Nothing,
            here: None,
            known: None,
            look_at: Duration::ZERO,
            looked_since_visit: false,
            served: None,
            owed: 0,
            begun: 0,
            pause: Pause::new(FIRST_PAUSE, LONGEST_PAUSE),
            absence: Pause::new(LOOK_AT_SERVER, LONGEST_PAUSE),
            shut_until: None,
        }
    }

    /// What is being done with it.
    #[must_use]
    pub const fn doing(&self) -> Doing {
        self.doing
    }

    /// Was a medium found there?
    #[must_use]
    pub const fn is_here(&self) -> bool {
        self.here.is_some()
    }

    /// Something was mounted or unmounted somewhere: a place on this computer is looked at, there or not.
    pub fn mounts_changed(&mut self, now: Duration) {
        if self.distance == Distance::Local {
            self.look_at = now;
            self.looked_since_visit = false;
        }
    }

    /// That much is owed there now.
    pub fn owes(&mut self, owed: u64) {
        self.owed = owed;
    }

    /// Its hours are over until then, or it is copied to now.
    pub fn shut_until(&mut self, opens: Option<Duration>) {
        self.shut_until = opens;
    }

    /// A look begins.
    pub fn look_began(&mut self) {
        self.doing = Doing::Look;
    }

    /// A look ended. Tells whether a medium appeared that was not there before.
    pub fn looked(&mut self, found: Result<VaultId, Missing>, now: Duration, dice: u64) -> bool {
        self.doing = Doing::Nothing;
        self.looked_since_visit = true;
        self.look_at = self.next_look(found, now, dice);
        let found = found.ok();
        let appeared = found.is_some() && found != self.known;
        if found.is_none() {
            self.known = None;
        }
        if appeared {
            self.pause.reset();
            self.served = None;
            self.known = found;
        }
        self.here = found;
        appeared
    }

    fn next_look(&mut self, found: Result<VaultId, Missing>, now: Duration, dice: u64) -> Duration {
        match (self.distance, found) {
            (Distance::Server, Err(Missing::Refused)) => now.saturating_add(LONGEST_PAUSE),
            (Distance::Server, Err(Missing::Away)) => {
                self.absence.failed(now, dice);
                self.absence.until()
            }
            _ => {
                self.absence.reset();
                now.saturating_add(LOOK_EVERY)
            }
        }
    }

    /// A visit begins.
    pub fn visit_began(&mut self) {
        self.doing = Doing::Visit;
        self.begun = self.owed;
    }

    /// A visit ended; so much is still owed there.
    pub fn visited(&mut self, ended: Ended, owed: u64, now: Duration, dice: u64) {
        self.doing = Doing::Nothing;
        self.owed = owed;
        self.looked_since_visit = false;
        // What is owed now was not owed when the visit began: it came meanwhile, and is served at once.
        let came_meanwhile = ended == Ended::Well && owed != 0 && owed != self.begun;
        self.served = (ended == Ended::Well && !came_meanwhile).then_some(owed);
        if ended == Ended::Well && (owed == 0 || came_meanwhile) {
            self.pause.reset();
        } else {
            self.pause.failed(now, dice);
        }
    }

    /// When it is to be looked at; none if it need not be.
    pub(super) fn look_due(&self) -> Option<Duration> {
        match (self.doing, self.here) {
            (Doing::Look | Doing::Visit, _) => None,
            (Doing::Nothing, None) => Some(self.look_at),
            // A medium that was there is looked at again after a visit that failed, and when mounts have changed.
            (Doing::Nothing, Some(_)) if self.looked_since_visit => None,
            (Doing::Nothing, Some(_)) if self.pause.is_failing() => self.visit_wanted().map(|at| at.max(self.look_at)),
            (Doing::Nothing, Some(_)) => Some(self.visit_wanted().map_or(self.look_at, |at| at.min(self.look_at))),
        }
    }

    /// When it is to be visited; none if there is nothing to do or it has to be looked at first.
    pub(super) fn visit_due(&self) -> Option<Duration> {
        let ready = self.doing == Doing::Nothing && self.here.is_some() && self.looked_since_visit;
        if ready { self.visit_wanted() } else { None }
    }

    fn visit_wanted(&self) -> Option<Duration> {
        let opens = self.shut_until.unwrap_or(Duration::ZERO);
        self.visit_owed().map(|at| at.max(opens))
    }

    fn visit_owed(&self) -> Option<Duration> {
        match self.served {
            None => Some(self.pause.until()),
            Some(_) if self.owed == 0 => None,
            Some(served) if served == self.owed => Some(self.pause.until()),
            Some(_) => Some(Duration::ZERO),
        }
    }
}

//! The restore itself: the same code as `engine restore`, from this one place only.
//!
//! In: a vault, a point, an empty target. Out: how long it took and what the restore itself says went wrong. What came
//! back is judged by `compare`, which shares no code with it.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use engine::destination::ReadStore;
use engine::model::{DestinationName, JobId, PointName, chain};
use engine::port::Clock;
use engine::restore::{self, Doing, Existing, Owners, Place, Progress, Request, RestoreError, Restored, TreeOptions};
use engine::seal::Keyring;

/// What is restored, and from where.
#[derive(Clone, Copy)]
pub struct Restoring<'r> {
    /// The destination's name.
    pub name: &'r DestinationName,
    /// Its store.
    pub store: &'r dyn ReadStore,
    /// The family's keys.
    pub keyring: &'r Keyring,
    /// Whose point.
    pub job: JobId,
    /// Which.
    pub point: PointName,
}

/// What the restore said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How long it took.
    pub took: Duration,
    /// How long until the first content was there again, if any was.
    pub first: Option<Duration>,
    /// Paths and what was wrong with them; an empty path for the whole.
    pub problems: Vec<(Vec<u8>, String)>,
    /// Why it could not be done here, if that is not the vault's fault.
    pub stopped: Option<String>,
}

/// Restores the point to `target`.
pub fn restore(
    what: &Restoring<'_>,
    target: &Path,
    clock: &dyn Clock,
    stop: &(dyn Fn() -> bool + Sync),
    progress: &dyn Fn(&Progress),
) -> Told {
    let places = [Place { name: what.name.clone(), store: what.store }];
    let owners = if rustix::process::geteuid().is_root() { Owners::Recorded } else { Owners::Restorer };
    let (started, first) = (clock.monotonic(), Cell::new(None));
    let progress = &|at: &Progress| {
        if at.bytes > 0 && first.get().is_none() {
            first.set(Some(clock.monotonic().saturating_sub(started)));
        }
        progress(at);
    };
    let request = Request {
        keyring: what.keyring,
        job: what.job,
        point: what.point,
        places: &places,
        target,
        paths: &[],
        options: TreeOptions { existing: Existing::Keep, owners },
        doing: Doing::Write,
        stop,
        progress,
    };
    let outcome = restore::restore(&request);
    let took = clock.monotonic().saturating_sub(started);
    let (problems, stopped) = match outcome {
        Ok(done) => (problems(&done), None),
        Err(RestoreError::Full { path, source, done }) => {
            (problems(&done), Some(format!("scratch was full at {path}: {source}")))
        }
        Err(RestoreError::Stopped { done }) => (problems(&done), Some("told to stop before it was done".to_owned())),
        Err(error @ RestoreError::NoSpace { .. }) => (Vec::new(), Some(chain(&error))),
        Err(error) => (vec![(Vec::new(), chain(&error))], None),
    };
    Told { took, first: first.get(), problems, stopped }
}

fn problems(done: &Restored) -> Vec<(Vec<u8>, String)> {
    let set = done.problems.iter().map(|problem| (problem.path.to_vec(), problem.problem.clone()));
    let lost = done.lost.iter().map(|lost| (lost.path.as_bytes().to_vec(), lost.why.clone()));
    let gaps = done.gaps.iter().map(|gap| (Vec::new(), gap.to_string()));
    set.chain(lost).chain(gaps).collect()
}

//! Jobs with a schedule, or whose folder is watched, as the loop follows them: when each ran last, and whether its failed run waits.

use std::time::Duration;

use super::Context;
use crate::catalog::RunMark;
use crate::catalog::locks::{LockName, is_held};
use crate::command::Failure;
use crate::config::{Config, Source};
use crate::model::{JobName, Time};
use crate::service::{JobDue, LastRun, Pause, noticed};

/// A run that failed is tried again after five minutes, later after an hour at most, or at its next time.
const FIRST: Duration = Duration::from_secs(300);
const MOST: Duration = Duration::from_secs(3600);

/// All of them.
pub(super) struct Jobs {
    due: Vec<JobDue>,
}

impl Jobs {
    pub(super) fn of(config: &Config) -> Self {
        let due = config.jobs.iter().filter_map(|job| {
            let is_watched = matches!(&job.source, Source::RecoveryPoints(points) if points.watch);
            let (name, schedule) = (job.name.clone(), job.schedule.clone());
            (schedule.is_some() || is_watched).then(|| JobDue {
                name,
                schedule,
                asked: None,
                is_watched,
                last: LastRun::Never,
                noticed: None,
                retry: Pause::new(FIRST, MOST),
            })
        });
        Self { due: due.collect() }
    }

    pub(super) fn due(&self) -> &[JobDue] {
        &self.due
    }

    /// When each ran last, by whichever process.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub(super) fn refresh(&mut self, context: &Context) -> Result<(), Failure> {
        let now = context.call.clock.now();
        for job in &mut self.due {
            let run = context.installation.catalog.job_named(&job.name)?.and_then(|row| row.last_run);
            job.last = run.map_or(LastRun::Never, |run| last_run(context, &job.name, &run));
            job.noticed = match job.last {
                LastRun::Never => None,
                LastRun::Began(last) | LastRun::Died(last) => noticed(job.noticed, last, now),
            };
        }
        Ok(())
    }

    /// Something waits for a job's run.
    pub(super) fn ask(&mut self, name: &JobName, now: Time) {
        for job in self.due.iter_mut().filter(|job| job.name == *name) {
            job.asked.get_or_insert(now);
        }
    }

    /// The same after a while, for a job whose folder is watched: what is not finished may give no word when it is.
    pub(super) fn ask_again(&mut self, name: &JobName, at: Time) {
        for job in self.due.iter_mut().filter(|job| job.name == *name && job.is_watched) {
            job.asked.get_or_insert(at);
        }
    }

    /// A run began: what is asked for from now on is not in it.
    pub(super) fn began(&mut self, name: &JobName) {
        self.due.iter_mut().filter(|job| job.name == *name).for_each(|job| job.asked = None);
    }

    /// A run ended, well or not.
    pub(super) fn ended(&mut self, name: &JobName, well: bool, now: Duration, dice: u64) {
        let job = self.due.iter_mut().find(|job| job.name == *name);
        match job {
            Some(job) if well => job.retry.reset(),
            Some(job) => job.retry.failed(now, dice),
            None => {}
        }
    }
}

fn last_run(context: &Context, name: &JobName, run: &RunMark) -> LastRun {
    let runs = || is_held(&context.locks(), &LockName::Job(name.clone()).to_string());
    if run.finished.is_none() && !runs() { LastRun::Died(run.started) } else { LastRun::Began(run.started) }
}

//! Jobs with a schedule as the loop follows them: when each ran last, and whether its failed run waits.

use std::time::Duration;

use super::Context;
use crate::catalog::RunMark;
use crate::catalog::locks::{LockName, is_held};
use crate::command::Failure;
use crate::config::Config;
use crate::model::JobName;
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
            let (name, schedule) = (job.name.clone(), job.schedule.clone()?);
            Some(JobDue { name, schedule, last: LastRun::Never, noticed: None, retry: Pause::new(FIRST, MOST) })
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

//! Folders of other programs' recovery points, watched by the service: a job with `watch = true` is due once what came has
//! held still.
//!
//! Each has a thread that nobody joins. Where the system tells of changes it is asked; every folder is looked at now and
//! then all the same, for nobody tells what another computer does on a share.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::Context;
use super::working::Event;
use crate::config::{Job, RecoveryPoints, Source};
use crate::model::chain;
use crate::platform::FolderWatch;
use crate::source::adopted::{SeenFile, look};

/// How often a folder is looked at without a word of a change.
const LOOK_EVERY: Duration = if cfg!(target_os = "linux") { Duration::from_secs(60) } else { Duration::from_secs(10) };
/// What a file must hold still at least: writers pause.
const QUIET_MIN: Duration = Duration::from_secs(1);

/// Watches from now on for all jobs that ask for it. What came while nobody watched is noticed at once.
pub(super) fn watch(context: &Arc<Context>, events: &Sender<Event>) {
    for job in &context.installation.config.jobs {
        let Source::RecoveryPoints(points) = &job.source else { continue };
        if !points.watch {
            continue;
        }
        let watching = Watching { context: Arc::clone(context), job: job.clone(), points: points.clone() };
        let events = events.clone();
        let begun =
            std::thread::Builder::new().name(format!("watch-{}", job.name)).spawn(move || watching.run(&events));
        if let Err(error) = begun {
            context.call.voice.warn(&format!("{}: its folder can't be watched: {error}", job.name));
        }
    }
}

struct Watching {
    context: Arc<Context>,
    job: Job,
    points: RecoveryPoints,
}

impl Watching {
    fn run(&self, events: &Sender<Event>) {
        let watch = FolderWatch::new().inspect_err(|error| self.deaf(error)).ok();
        // Before the first look: what comes in between is heard.
        let _ = watch.as_ref().map(|watch| watch.listen(&self.points.folder));
        let mut told = None;
        loop {
            let now = self.seen();
            if now != told && now.is_some() {
                // What is being written holds still first, so that the run need not wait for it.
                if !self.holds_still(watch.as_ref(), now.as_ref()) {
                    continue;
                }
                told = now;
                if events.send(Event::Appeared(self.job.name.clone())).is_err() {
                    return;
                }
            }
            self.wait(watch.as_ref(), LOOK_EVERY);
            if (self.context.call.stop)() {
                return;
            }
        }
    }

    /// What lies there; none if it can't be looked at now.
    fn seen(&self) -> Option<Vec<SeenFile>> {
        look(&self.points.folder, &self.context.installation.own_folders()).ok().map(|sight| sight.files)
    }

    /// Did it stay so for the job's `settle`?
    fn holds_still(&self, watch: Option<&FolderWatch>, seen: Option<&Vec<SeenFile>>) -> bool {
        let heard = self.wait(watch, self.points.settle.max(QUIET_MIN));
        !heard && self.seen().as_ref() == seen
    }

    /// Waits for a word; true if one came.
    fn wait(&self, watch: Option<&FolderWatch>, most: Duration) -> bool {
        let heard = watch.map(|watch| {
            // Folders that came are listened to as well.
            let listening = watch.listen(&self.points.folder);
            if listening.is_ok() { watch.wait(most) } else { listening.map(|()| false) }
        });
        match heard {
            Some(Ok(heard)) => heard,
            Some(Err(_)) | None => {
                std::thread::sleep(most);
                false
            }
        }
    }

    fn deaf(&self, error: &std::io::Error) {
        let text = format!("{}: its folder is looked at every {} s only", self.job.name, LOOK_EVERY.as_secs());
        self.context.call.voice.warn(&format!("{text}: {}", chain(error)));
    }
}

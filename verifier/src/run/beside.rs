//! What a call looks at beside the points: the live source of each job's newest one, and what no job protects.

use std::time::Duration;

use engine::config::{Config, Place, Source};
use engine::port::Clock;
use engine::vault::{EntryStream, VaultReader};

use super::place::Opened;
use super::{Asked, Ports, Session};
use crate::choose::{Chosen, Wish};
use crate::drill::Drill;
use crate::live::{self, Known, Live};
use crate::outside::{Around, Outside, homes, outside};
use crate::verdict::Verdict;

/// Longest look at one job's source.
const LIVE_MAX: Duration = Duration::from_secs(600);
/// Longest look at people's home folders.
const OUTSIDE_MAX: Duration = Duration::from_secs(60);

impl Session<'_> {
    /// The job's folders beside its newest point, once in a call; none for other sources and other points.
    pub(super) fn live(&self, opened: &Opened, chosen: &Chosen, drill: &Drill) -> Option<Live> {
        let job = self.config.jobs.iter().find(|known| known.name.as_str() == chosen.job_name)?;
        let Source::Folders(folders) = &job.source else { return None };
        let newest = !matches!(self.asked.wish, Wish::Named(_)) && drill.verdict != Verdict::Incomplete;
        let created = drill.created.filter(|_| newest)?;
        if !self.looked_at.borrow_mut().insert(chosen.job_name.clone()) {
            return None;
        }
        self.ports.voice.say(&format!("looking at what {} protects now", job.name));
        let mut seed = [0; 8];
        self.ports.entropy.fill(&mut seed).ok()?;
        let (known, created) = (known(opened, chosen)?, created);
        let stop = until(self.ports, LIVE_MAX);
        let asked =
            live::Asked { folders, own: own(self.config), created, seed: u64::from_le_bytes(seed), stop: &stop };
        live::look(&asked, &known).map_err(|why| self.ports.voice.warn(&format!("{}: {why}", job.name))).ok()
    }
}

/// None if it can't be read to the end: then the drill has told so, and nothing can be compared.
fn known(opened: &Opened, chosen: &Chosen) -> Option<Known> {
    let reader = VaultReader::new(&*opened.store, &opened.survey.keyring);
    let (manifest, ..) = reader.manifest(chosen.job, chosen.point).ok()?;
    let mut known = Known::default();
    for entry in EntryStream::new(&manifest, &reader) {
        known.add(&entry.ok()?);
    }
    Some(known)
}

/// Folders in people's homes that no job has; none where only a part of all was asked for.
pub(super) fn not_backed_up(config: &Config, asked: &Asked, ports: &Ports<'_>) -> Vec<Outside> {
    if asked.job.is_some() || asked.destination.is_some() || matches!(asked.wish, Wish::Named(_)) {
        return Vec::new();
    }
    let protected = config.jobs.iter().flat_map(|job| match &job.source {
        Source::Folders(folders) => folders.paths.clone(),
        Source::RecoveryPoints(points) => vec![points.folder.clone()],
        _ => Vec::new(),
    });
    let known: Vec<_> = own(config).into_iter().chain(protected).collect();
    let stop = until(ports, OUTSIDE_MAX);
    outside(&Around { homes: &homes(), known: &known, now: ports.clock.now(), stop: &stop })
}

/// Told to stop, or out of time?
fn until<'p>(ports: &'p Ports<'_>, most: Duration) -> impl Fn() -> bool + 'p {
    let clock: &dyn Clock = &**ports.clock;
    let end = clock.monotonic() + most;
    move || (ports.stop)() || clock.monotonic() > end
}

/// The engine's own folders.
fn own(config: &Config) -> Vec<std::path::PathBuf> {
    let places = config.destinations.iter().filter_map(|destination| match &destination.place {
        Place::File(path) => Some(path.clone()),
        _ => None,
    });
    [config.home.path.clone(), config.state.clone()].into_iter().chain(places).collect()
}

//! What a call looks at beside the points: the live source of each job's newest one, and what no job protects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use engine::config::{Config, Folders, Place, Source};
use engine::model::{DestinationName, PointId, Time};
use engine::port::Clock;
use engine::vault::{EntryStream, VaultReader};

use super::place::Opened;
use super::{Asked, Ports, Session};
use crate::choose::{Chosen, Wish};
use crate::drill::Drill;
use crate::live::{self, Known, Live};
use crate::outside::{Around, homes, outside};
use crate::report::{NotBackedUp, OutsideReport};
use crate::verdict::Verdict;

/// Longest look at one job's source.
const LIVE_MAX: Duration = Duration::from_secs(600);
/// Longest look at people's home folders.
const OUTSIDE_MAX: Duration = Duration::from_secs(60);

/// Looks at live sources in one call: one for each job and point, which serves all destinations.
#[derive(Default)]
pub(super) struct LookedAt {
    looks: BTreeMap<(String, PointId), Result<Live, String>>,
    /// Jobs whose newest point at a destination was met.
    newest: BTreeSet<(String, DestinationName)>,
}

impl Session<'_> {
    /// The job's folders beside its newest point at that destination, or why not.
    pub(super) fn live(&self, opened: &Opened, chosen: &Chosen, drill: &Drill) -> Result<Live, String> {
        let job = self.config.jobs.iter().find(|known| known.name.as_str() == chosen.job_name);
        let job = job.ok_or("the job is not configured any more")?;
        let Source::Folders(folders) = &job.source else { return Err("the job's source is no folder".to_owned()) };
        if matches!(self.asked.wish, Wish::Named(_)) {
            return Err("a certain point was asked for".to_owned());
        }
        let at = (chosen.job_name.clone(), drill.destination.clone());
        if !self.looked_at.borrow_mut().newest.insert(at) {
            return Err("it is compared with the job's newest point".to_owned());
        }
        let created = drill.created.filter(|_| drill.verdict != Verdict::Incomplete);
        let created = created.ok_or("the drill did not come to its end, or the point could not be read")?;
        let key = (chosen.job_name.clone(), chosen.point.id);
        if let Some(looked) = self.looked_at.borrow().looks.get(&key) {
            return looked.clone();
        }
        self.ports.voice.say(&format!("looking at what {} protects now", job.name));
        let looked = self.look(folders, created, (opened, chosen));
        self.looked_at.borrow_mut().looks.insert(key, looked.clone());
        looked
    }

    fn look(&self, folders: &Folders, created: Time, (opened, chosen): (&Opened, &Chosen)) -> Result<Live, String> {
        let mut seed = [0; 8];
        self.ports.entropy.fill(&mut seed).map_err(|error| error.to_string())?;
        let known = known(opened, chosen).ok_or("the point's list of files can't be read to its end here")?;
        let (own, seed, stop) = (own(self.config), u64::from_le_bytes(seed), until(self.ports, LIVE_MAX));
        live::look(&live::Asked { folders, own, created, seed, stop: &stop }, &known)
            .inspect_err(|why| self.ports.voice.warn(&format!("{}: {why}", chosen.job_name)))
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

/// Folders in people's homes that no job has; not looked for where only a part of all was asked for.
pub(super) fn not_backed_up(config: &Config, asked: &Asked, ports: &Ports<'_>) -> NotBackedUp {
    let none = |why: &str| NotBackedUp { not_backed_up: None, not_backed_up_reason: Some(why.to_owned()) };
    if asked.job.is_some() || asked.destination.is_some() || matches!(asked.wish, Wish::Named(_)) {
        return none("only a part of all drills was asked for");
    }
    let homes = homes();
    if homes.is_empty() {
        return none("no home folder is known to whoever drills: HOME is not set");
    }
    let protected = config.jobs.iter().flat_map(|job| match &job.source {
        Source::Folders(folders) => folders.paths.clone(),
        Source::RecoveryPoints(points) => vec![points.folder.clone()],
        Source::Drive(drive) if drive.path.is_dir() => vec![drive.path.clone()],
        _ => Vec::new(),
    });
    let known: Vec<_> = own(config).into_iter().chain(protected).collect();
    ports.voice.say("looking for what no job has");
    let stop = until(ports, OUTSIDE_MAX);
    let (found, finished) = outside(&Around { homes: &homes, known: &known, now: ports.clock.now(), stop: &stop });
    if (ports.stop)() {
        return none("told to stop before it was done");
    }
    let late = (!finished).then(|| format!("there was no time for all of it in {} s", OUTSIDE_MAX.as_secs()));
    let told = found.iter().map(OutsideReport::of).collect();
    NotBackedUp { not_backed_up: Some(told), not_backed_up_reason: late }
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

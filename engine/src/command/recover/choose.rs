//! Which points a vault holds, and which of them a person means, with no catalog to ask.

use std::collections::BTreeMap;

use crate::command::Failure;
use crate::copy::{CopyError, list_points};
use crate::destination::ReadStore;
use crate::format::Manifest;
use crate::model::{JobId, JobName, PointId, PointName, PointOrder, Time, VaultId, chain};
use crate::seal::Keyring;
use crate::vault::{VaultReader, list_heads, newest_told};

/// So few digits of an id are enough.
const DIGITS_MIN: usize = 4;

/// A manifest that lies there, or should.
pub(super) struct Found {
    pub name: PointName,
    pub job_id: JobId,
    /// The job's name, if a head or any manifest tells it.
    pub job: Option<JobName>,
    /// What it says, or why it can't be read.
    pub manifest: Result<Manifest, String>,
}

impl Found {
    /// For people.
    pub fn problem(&self) -> Option<String> {
        let why = self.manifest.as_ref().err()?;
        Some(format!("the point {} of {} can't be read: {why}", self.name.id, self.job_text()))
    }

    /// The job's name; for one that nobody tells, its id.
    pub fn job_text(&self) -> JobName {
        self.job.clone().unwrap_or_else(|| self.job_id.to_string().parse().expect("16 hex digits are a name"))
    }

    /// Later is newer. Two points may have one place in the order, where a computer was set back: then the one that was
    /// made later is the newer one, and one that can't be read may be that.
    fn age(&self) -> (PointOrder, bool, Time, PointId) {
        (self.name.order, self.manifest.is_err(), self.created(), self.name.id)
    }

    /// When it was made, as far as that can be read.
    pub fn created(&self) -> Time {
        self.manifest.as_ref().map_or(Time::from_seconds(0), |manifest| manifest.created)
    }
}

/// A point, and the place in the order of what it is built on and that is not there.
pub(super) type Baseless<'f> = (&'f Found, PointOrder);

/// These points with all that they are built on, the oldest first, each once.
pub(super) fn with_bases<'f>(points: &[&'f Found], all: &'f [Found]) -> (Vec<&'f Found>, Vec<Baseless<'f>>) {
    let (mut whole, mut absent): (Vec<&Found>, Vec<Baseless<'f>>) = (points.to_vec(), Vec::new());
    let mut at = 0;
    while let Some(point) = whole.get(at).copied() {
        at += 1;
        let Some(base) = point.manifest.as_ref().ok().and_then(|manifest| manifest.base) else { continue };
        match all.iter().find(|other| other.job_id == point.job_id && other.name.order == base) {
            Some(found) if whole.iter().all(|known| known.name != found.name) => whole.push(found),
            Some(_) => {}
            None => absent.push((point, base)),
        }
    }
    if whole.len() > points.len() {
        whole.sort_by_key(|found| found.age());
    }
    (whole, absent)
}

/// All points there, newest first, and those that should be there and are not.
///
/// # Errors
/// If they can't be listed; one that can't be read is among them.
pub(super) fn found(store: &dyn ReadStore, vault: VaultId, keyring: &Keyring) -> Result<Vec<Found>, CopyError> {
    let reader = VaultReader::new(store, keyring);
    let mut names: BTreeMap<JobId, JobName> = BTreeMap::new();
    let heads = list_heads(store, vault, keyring)?;
    for head in heads.iter().filter_map(|head| head.body.as_ref().ok()) {
        names.extend(head.jobs.iter().map(|job| (job.id, job.name.clone())));
    }
    let mut all: Vec<Found> = Vec::new();
    for (name, job_id) in list_points(store)? {
        let manifest = reader.manifest(job_id, name).map(|(manifest, ..)| manifest).map_err(|error| chain(&error));
        if let Ok(manifest) = &manifest {
            names.insert(job_id, manifest.job_name.clone());
        }
        all.push(Found { name, job_id, job: None, manifest });
    }
    for told in newest_told(vault, &heads, &[]) {
        if !all.iter().any(|point| (point.name, point.job_id) == (told.point, told.job)) {
            let why = "the newest head says that it lies here, and it does not".to_owned();
            all.push(Found { name: told.point, job_id: told.job, job: None, manifest: Err(why) });
        }
    }
    for point in &mut all {
        point.job = names.get(&point.job_id).cloned();
    }
    all.sort_by_key(|point| std::cmp::Reverse(point.age()));
    Ok(all)
}

/// The points that are meant: a job's name, `JOB~1`, the first digits of an id; with no text the newest of each job.
/// Those that can't be read count: an older good one never hides a newer bad one.
///
/// # Errors
/// Exit 2 if the text names nothing, or more than one.
pub(super) fn chosen<'f>(found: &'f [Found], text: Option<&str>) -> Result<Vec<&'f Found>, Failure> {
    let Some(text) = text else {
        let mut newest: BTreeMap<JobId, &Found> = BTreeMap::new();
        for point in found {
            newest.entry(point.job_id).or_insert(point);
        }
        let mut newest: Vec<_> = newest.into_values().collect();
        newest.sort_by_key(|point| (point.created(), point.name));
        return Ok(newest);
    };
    let (job, back) = match text.rsplit_once('~') {
        Some((job, back)) => (job, back.parse::<usize>().ok()),
        None => (text, Some(0)),
    };
    let of_job: Vec<_> =
        found.iter().filter(|point| point.job.as_ref().is_some_and(|name| name.as_str() == job)).collect();
    if let Some(point) = back.and_then(|back| of_job.get(back)) {
        return Ok(vec![point]);
    }
    let digits = text.to_ascii_lowercase();
    let fits = |point: &&Found| digits.len() >= DIGITS_MIN && point.name.id.to_string().starts_with(&digits);
    let by_id: Vec<_> = found.iter().filter(fits).collect();
    match by_id.len() {
        1 => Ok(by_id),
        0 => Err(unknown(text)),
        count => {
            let why = format!("{count} points begin with these digits");
            Err(Failure::usage(format!("`{text}` names more than one point"), why, "give more digits"))
        }
    }
}

fn unknown(text: &str) -> Failure {
    Failure::usage(
        format!("there is no point `{text}`"),
        "a point is a job's name, JOB~1 for the one before its newest, or an id's first 4 to 16 hex digits",
        "without --point and --to all are listed",
    )
}

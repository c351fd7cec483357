//! A job that adopts what another program makes: each finished recovery point of it that is new becomes one of ours, with
//! its base before it.
//!
//! In: what lies in the job's folder, what the catalog knows of it. Out: points, oldest first, and what is broken.
//! Invariants: a point with a missing member, or on a base that is none of ours, is told of and not adopted; what was
//! adopted stays, whatever becomes of the files.
//! Deliberately absent: how files are grouped and when they are finished (`source::adopted`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::relearn::relearned;
use super::{Capturing, Former, made};
use crate::capture::Adopts;
use crate::catalog::{AdoptedFile, AdoptedRow, EventKind, EventRow, JobRow};
use crate::command::{Context, Failure};
use crate::config::{Job, RecoveryPoints};
use crate::model::{EntryPath, JobId, PointOrder, Problem};
use crate::report::{BackupPoint, BrokenPoint, FailedJob, PathProblem, PathText};
use crate::source::adopted::{
    AdoptedPoint, Foreign, Rewritten, SeenFile, Settling, Unfinished, group, look, unfinished,
};

/// How often files that do not hold still are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many names are told of files that are in no point.
const NAMES_TOLD: usize = 3;

/// What became of the other program's points.
#[derive(Default)]
pub(super) struct Adopted {
    pub points: Vec<BackupPoint>,
    pub broken: Vec<BrokenPoint>,
    pub failed: Vec<FailedJob>,
    /// What is not finished yet.
    pub later: Vec<BrokenPoint>,
}

/// What lies there, and how long its files held still.
pub(super) struct Found {
    folder: PathBuf,
    pub(super) points: BTreeMap<String, Foreign>,
    files: BTreeSet<EntryPath>,
    /// What could not be looked at.
    problems: Vec<Problem>,
    settling: Settling,
}

/// Looks, and waits for files that changed a moment ago: as long as `settle` says, and not for ever for those that go on
/// changing.
///
/// # Errors
/// If the folder can't be looked at.
pub(super) fn found(context: &Context, job: &Job, config: &RecoveryPoints) -> Result<Found, Failure> {
    let clock = &context.call.clock;
    let known: BTreeMap<String, AdoptedRow> = match context.installation.catalog.job_named(&job.name)? {
        Some(row) => context.installation.catalog.adopted(row.id)?.into_iter().collect(),
        None => BTreeMap::new(),
    };
    let (mut settling, begun) = (Settling::new(config.settle), clock.monotonic());
    loop {
        let found = looked(context, job, config, &mut settling)?;
        let is_new = |foreign: &&Foreign| known.get(&foreign.name).is_none_or(|row| row.files != files_of(foreign));
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let left = |file: &SeenFile| settling.left(file, now, monotonic);
        let longest = found.points.values().filter(is_new).flat_map(Foreign::all_files).map(left).max();
        let waited = monotonic.saturating_sub(begun);
        match longest.filter(|left| !left.is_zero()) {
            Some(left) if waited < config.settle * 2 && !(context.call.stop)() => {
                if waited.is_zero() {
                    context.call.voice.warn(&format!("{}: waits for files that changed a moment ago", job.name));
                }
                clock.sleep(left.min(LOOK_EVERY));
            }
            _ => {
                tell_others(context, job, &found.others);
                let Looked { folder, points, files, problems, .. } = found;
                return Ok(Found { folder, points, files, problems, settling });
            }
        }
    }
}

/// One look.
struct Looked {
    folder: PathBuf,
    points: BTreeMap<String, Foreign>,
    files: BTreeSet<EntryPath>,
    others: Vec<SeenFile>,
    problems: Vec<Problem>,
}

fn looked(context: &Context, job: &Job, config: &RecoveryPoints, settling: &mut Settling) -> Result<Looked, Failure> {
    let failed = |why: String, advice: &str| Failure::new(format!("no recovery point of {}", job.name), why, advice);
    let folder = std::fs::canonicalize(&config.folder).map_err(|error| {
        failed(format!("{}: {error}", config.folder.display()), "check the path; is a drive not mounted?")
    })?;
    let sight =
        look(&folder, &context.installation.own_folders()).map_err(|error| failed(error.why.clone(), &error.advice))?;
    settling.saw(&sight.files, context.call.clock.monotonic());
    let files = sight.files.iter().map(|file| file.path.clone()).collect();
    let grouped = group(&config.grouping, sight.files, config.marker.as_deref())
        .map_err(|why| failed(why, "correct the pattern"))?;
    let (mut points, mut others) = (BTreeMap::new(), grouped.others);
    for point in grouped.points {
        if let Some(same) = points.insert(point.name.clone(), point) {
            others.extend(same.files);
        }
    }
    Ok(Looked { folder, points, files, others, problems: sight.problems })
}

fn tell_others(context: &Context, job: &Job, others: &[SeenFile]) {
    if others.is_empty() {
        return;
    }
    let names: Vec<String> = others.iter().take(NAMES_TOLD).map(|file| file.path.to_string()).collect();
    let more = if others.len() > NAMES_TOLD { ", …" } else { "" };
    let (names, count) = (names.join(", "), others.len());
    context
        .call
        .voice
        .warn(&format!("{}: in no recovery point by their names: {count} files ({names}{more})", job.name));
}

/// Adopts all that is new. The caller holds the locks of a capture.
///
/// # Errors
/// What concerns all of them: the catalog, home.
pub(super) fn adopt(
    capturing: &Capturing<'_>,
    config: &RecoveryPoints,
    found: &Found,
    row: &JobRow,
) -> Result<Adopted, Failure> {
    let catalog = &capturing.context.installation.catalog;
    let mut known: BTreeMap<String, AdoptedRow> = catalog.adopted(row.id)?.into_iter().collect();
    if known.is_empty() {
        known = relearned(capturing.context, row.id, found)?;
    }
    tell_gone(capturing, row.id, found, &known)?;
    let mut adoption =
        Adoption { capturing, config, found, job: row.id, known, stands: BTreeMap::new(), adopted: Adopted::default() };
    adoption.tell_unseen();
    let mut by_time: Vec<&Foreign> = found.points.values().collect();
    by_time.sort_by_key(|foreign| (foreign.written(), foreign.name.as_str()));
    for foreign in by_time {
        if (capturing.context.call.stop)() {
            break;
        }
        adoption.consider(foreign)?;
    }
    Ok(adoption.adopted)
}

/// What `adopt` would make now: nothing is read, and nothing waited for.
///
/// # Errors
/// If the folder can't be looked at.
pub(super) fn would_be(context: &Context, job: &Job, config: &RecoveryPoints) -> Result<Adopted, Failure> {
    let catalog = &context.installation.catalog;
    let known: BTreeMap<String, AdoptedRow> = match catalog.job_named(&job.name)? {
        Some(row) => catalog.adopted(row.id)?.into_iter().collect(),
        None => BTreeMap::new(),
    };
    let Looked { points, others, .. } = looked(context, job, config, &mut Settling::new(config.settle))?;
    tell_others(context, job, &others);
    let is_new = |foreign: &&Foreign| known.get(&foreign.name).is_none_or(|row| row.files != files_of(foreign));
    let mut adopted = Adopted::default();
    for foreign in points.values().filter(is_new) {
        let is_known = |base: &String| points.contains_key(base) || known.contains_key(base);
        let absent = foreign.base.iter().filter(|base| !is_known(base)).cloned();
        let missing: Vec<String> = foreign.missing.iter().cloned().chain(absent).collect();
        if missing.is_empty() {
            adopted.points.push(planned(job, foreign));
        } else {
            let problem = format!("{} is missing", missing.join(", "));
            adopted.broken.push(BrokenPoint { job: job.name.clone(), point: foreign.name.clone(), problem });
        }
    }
    Ok(adopted)
}

fn planned(job: &Job, foreign: &Foreign) -> BackupPoint {
    let bytes = foreign.files.iter().map(|file| file.bytes).sum();
    BackupPoint {
        id: None,
        job: job.name.clone(),
        created: foreign.written(),
        files: foreign.files.len() as u64,
        bytes,
        new_bytes: bytes,
        rewritten_bytes: 0,
        stored_bytes: 0,
        seconds: 0.0,
        problems: Vec::new(),
        warnings: Vec::new(),
        left_out: Vec::new(),
        adopted: Some(foreign.name.clone()),
    }
}

/// How a point of the other program stands.
#[derive(Clone, PartialEq, Eq)]
enum Stands {
    Adopted(PointOrder),
    /// Something is missing that it can't do without.
    Broken,
    /// It comes with a later run.
    Later,
}

struct Adoption<'a> {
    capturing: &'a Capturing<'a>,
    config: &'a RecoveryPoints,
    found: &'a Found,
    job: JobId,
    known: BTreeMap<String, AdoptedRow>,
    stands: BTreeMap<String, Stands>,
    adopted: Adopted,
}

impl Adoption<'_> {
    /// What could not be looked at: it may be a point of its own, or a part of one.
    fn tell_unseen(&mut self) {
        for problem in &self.found.problems {
            let job = self.capturing.job.name.clone();
            self.capturing.context.call.voice.warn(&format!("{job}: {}", super::told::line(problem)));
            let point = String::from_utf8_lossy(&problem.path).into_owned();
            self.adopted.broken.push(BrokenPoint { job, point, problem: problem.problem.clone() });
        }
    }

    /// Is a folder that is a point not all to be seen?
    fn is_hidden(&self, foreign: &Foreign) -> bool {
        let Some(folder) = &foreign.folder else { return false };
        let whole = [self.found.folder.as_os_str().as_encoded_bytes(), b"/", folder.as_bytes()].concat();
        let whole = whole.strip_prefix(b"/").unwrap_or(&whole);
        self.found.problems.iter().any(|problem| problem.path.starts_with(whole))
    }

    /// Its base first, then itself.
    fn consider(&mut self, foreign: &Foreign) -> Result<(), Failure> {
        let is_new = self.known.get(&foreign.name).is_none_or(|row| row.files != files_of(foreign));
        let mut chain = vec![foreign];
        let mut names = BTreeSet::from([foreign.name.as_str()]);
        while let Some(base) = chain.last().and_then(|last| self.found.points.get(last.base.as_ref()?)) {
            if !names.insert(&base.name) {
                break;
            }
            chain.push(base);
        }
        let last = foreign.name.clone();
        for foreign in chain.into_iter().rev() {
            let needed = is_new && foreign.name != last;
            let stands = self.stands.get(&foreign.name);
            let is_settled = match stands {
                Some(Stands::Adopted(order)) => !needed || self.is_whole(*order)?,
                other => other.is_some(),
            };
            if !is_settled {
                let stands = self.settle(foreign, needed)?;
                self.stands.insert(foreign.name.clone(), stands);
            }
        }
        Ok(())
    }

    /// `needed`: a point that comes now is built on it.
    fn settle(&mut self, foreign: &Foreign, needed: bool) -> Result<Stands, Failure> {
        let files = files_of(foreign);
        let before = self.known.get(&foreign.name).cloned();
        let base = foreign.base.as_ref().map(|name| Ok::<_, Failure>((name, self.base(name)?))).transpose()?;
        let order = match &base {
            Some((_, Stands::Adopted(order))) => Some(*order),
            _ => None,
        };
        if let Some(row) = &before {
            let is_part = is_part(&files, &row.files);
            // What it was made on is told by its row as long as nothing better is known.
            let is_same = row.files == files && (order == row.base || order.is_none());
            if is_part {
                self.tell_part(foreign, row)?;
            }
            match row.point {
                Some(point) if (is_same || is_part) && (!needed || self.is_whole(point)?) => {
                    return Ok(Stands::Adopted(point));
                }
                None if is_same => return Ok(Stands::Broken),
                Some(_) if is_part => {
                    return Ok(self.broken(foreign, "files of it are gone, and so is what was adopted".to_owned()));
                }
                _ => {}
            }
        }
        if self.is_hidden(foreign) {
            return Ok(self.broken(foreign, "not all of it can be read".to_owned()));
        }
        if !foreign.missing.is_empty() {
            return Ok(self.broken(foreign, format!("{} is missing", foreign.missing.join(", "))));
        }
        match base {
            None | Some((_, Stands::Adopted(_))) => {}
            Some((base, Stands::Broken)) => {
                let is_there = self.found.points.contains_key(base);
                let why = if is_there { "is broken" } else { "is missing" };
                return Ok(self.broken(foreign, format!("what it is built on {why}: {base}")));
            }
            Some((base, Stands::Later)) => {
                return Ok(self.later(foreign, &format!("what it is built on waits: {base}")));
            }
        }
        if let Some(why) = self.unfinished(foreign) {
            return Ok(self.later(foreign, &why.to_string()));
        }
        if before.is_none() && foreign.base.is_none() && self.is_late(foreign) {
            let why = "it was written before what was adopted last, and `keep` would take it for newer than that";
            return Ok(self.broken(foreign, why.to_owned()));
        }
        let is_other = before.is_some_and(|row| row.files != files);
        self.make(foreign, order, AdoptsFrom { files, rewritten: is_other })
    }

    /// How what a point is built on stands. One that is gone from the folder is ours if it was adopted, and if all that it
    /// is built on is what it was.
    fn base(&self, name: &str) -> Result<Stands, Failure> {
        if let Some(stands) = self.stands.get(name) {
            return Ok(stands.clone());
        }
        let Some(mut order) = self.known.get(name).and_then(|row| row.point) else { return Ok(Stands::Broken) };
        let (adopted, catalog) = (order, &self.capturing.context.installation.catalog);
        loop {
            if !self.is_whole(order)? {
                return Ok(Stands::Broken);
            }
            let Some(base) = catalog.point(order)?.and_then(|point| point.base) else {
                return Ok(Stands::Adopted(adopted));
            };
            let is_current = |(name, row): (&String, &AdoptedRow)| {
                let there = self.found.points.get(name);
                row.point == Some(base) && there.is_none_or(|foreign| files_of(foreign) == row.files)
            };
            if !self.known.iter().any(is_current) {
                // The chain that it belongs to was replaced.
                return Ok(Stands::Broken);
            }
            order = base;
        }
    }

    /// Is the point still to be had anywhere?
    fn is_whole(&self, order: PointOrder) -> Result<bool, Failure> {
        let catalog = &self.capturing.context.installation.catalog;
        let is_kept = catalog.point(order)?.is_some_and(|point| point.removed.is_none());
        Ok(is_kept && catalog.placements_of(order)?.iter().any(|(_, row)| row.state.is_there()))
    }

    /// Would `keep` count it as newer than one of its row that was written after it?
    fn is_late(&self, foreign: &Foreign) -> bool {
        let has_rule =
            self.capturing.job.keep.is_some() || self.capturing.context.installation.config.home.keep.is_some();
        let written = |row: &AdoptedRow| row.files.iter().map(|file| file.modified).max();
        let of_row = self.known.values().filter(|row| row.series == foreign.series && row.point.is_some());
        has_rule && of_row.filter_map(written).max().is_some_and(|newest| foreign.written() < newest)
    }

    /// Both versions are kept; what was finished and changed all the same is a problem.
    fn tell_rewritten(&self, foreign: &Foreign, point: &mut BackupPoint) {
        let text = format!("{} was adopted before and has changed: both versions are kept", foreign.name);
        self.capturing.context.call.voice.warn(&format!("{}: {text}", point.job));
        match foreign.rewritten {
            Rewritten::NewVersion => point.warnings.push(text),
            Rewritten::Finding => point
                .problems
                .push(PathProblem { path: PathText::new(foreign.files[0].path.as_bytes()), problem: text }),
        }
    }

    fn tell_part(&mut self, foreign: &Foreign, row: &AdoptedRow) -> Result<(), Failure> {
        if row.gone {
            return Ok(());
        }
        let catalog = &self.capturing.context.installation.catalog;
        catalog.note_adopted(self.job, &foreign.name, &AdoptedRow { gone: true, ..row.clone() })?;
        let (job, lost) = (&self.capturing.job.name, row.files.len() - foreign.files.len());
        let text = format!("{job}: {lost} files of {} are gone; its copies stay as they are", foreign.name);
        self.capturing.context.call.voice.warn(&text);
        Ok(())
    }

    fn unfinished(&self, foreign: &Foreign) -> Option<Unfinished> {
        let clock = &self.capturing.context.call.clock;
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let left = |file: &SeenFile| self.found.settling.left(file, now, monotonic);
        unfinished(foreign, &self.found.folder, (self.config.marker.as_deref(), &self.found.files), left)
    }

    fn broken(&mut self, foreign: &Foreign, why: String) -> Stands {
        let job = self.capturing.job.name.clone();
        self.capturing.context.call.voice.warn(&format!("{job}: {} is broken: {why}", foreign.name));
        self.adopted.broken.push(BrokenPoint { job, point: foreign.name.clone(), problem: why });
        Stands::Broken
    }

    fn later(&self, foreign: &Foreign, why: &str) -> Stands {
        let job = &self.capturing.job.name;
        self.capturing
            .context
            .call
            .voice
            .warn(&format!("{job}: {} is not finished: {why}; it comes later", foreign.name));
        Stands::Later
    }

    fn make(&mut self, foreign: &Foreign, base: Option<PointOrder>, from: AdoptsFrom) -> Result<Stands, Failure> {
        let mut source = AdoptedPoint::new(self.found.folder.clone(), foreign);
        let (name, series) = (foreign.name.clone(), foreign.series.clone());
        let row = AdoptedRow { point: None, files: from.files.clone(), base, series: series.clone(), gone: false };
        let adopts = Adopts { name, files: from.files, written: foreign.written(), base, series };
        match made(self.capturing, &mut source, Former::default(), Some(adopts)) {
            Ok((name, mut point)) => {
                point.adopted = Some(foreign.name.clone());
                if from.rewritten {
                    self.tell_rewritten(foreign, &mut point);
                }
                self.adopted.points.push(point);
                self.known.insert(foreign.name.clone(), AdoptedRow { point: Some(name.order), ..row });
                Ok(Stands::Adopted(name.order))
            }
            Err(failure) if (self.capturing.context.call.stop)() => Err(failure),
            Err(failure) => {
                let job = self.capturing.job.name.clone();
                self.capturing.context.call.voice.warn(&format!("{job}: {}: {failure}", foreign.name));
                let what = format!("{} from {}", failure.what, foreign.name);
                self.adopted.failed.push(FailedJob { job, what, why: failure.why, advice: failure.advice });
                Ok(Stands::Later)
            }
        }
    }
}

/// What a point is made of, and whether it was another before.
struct AdoptsFrom {
    files: Vec<AdoptedFile>,
    rewritten: bool,
}

/// The files that a point is known by.
pub(super) fn files_of(foreign: &Foreign) -> Vec<AdoptedFile> {
    let file = |file: &SeenFile| AdoptedFile {
        path: file.path.as_bytes().to_vec(),
        bytes: file.bytes,
        modified: file.modified,
    };
    foreign.files.iter().map(file).collect()
}

/// What was adopted and is not there any more: told once; the copies stay.
fn tell_gone(
    capturing: &Capturing<'_>,
    job: JobId,
    found: &Found,
    known: &BTreeMap<String, AdoptedRow>,
) -> Result<(), Failure> {
    let (catalog, call) = (&capturing.context.installation.catalog, &capturing.context.call);
    for (name, row) in known {
        let gone = !found.points.contains_key(name);
        // That files of one are gone which is still there is told elsewhere.
        let Some(point) = row.point.filter(|_| gone && !row.gone) else { continue };
        catalog.note_adopted(job, name, &AdoptedRow { gone, ..row.clone() })?;
        let reason = format!("{name} is not in {} any more; its copies stay", found.folder.display());
        call.voice.warn(&format!("{}: {reason}", capturing.job.name));
        let (time, kind, point) = (call.clock.now(), EventKind::Noted, Some(point));
        catalog.note_event(&EventRow { time, kind, job: Some(job), point, medium: None, bytes: 0, reason })?;
    }
    Ok(())
}

/// Is it what is left of those, none of them changed?
fn is_part(files: &[AdoptedFile], of: &[AdoptedFile]) -> bool {
    files.len() < of.len() && files.iter().all(|file| of.contains(file))
}

//! One restore from its beginning to its end: look, survey, then read and write side by side.

use std::collections::BTreeSet;

use super::error::RestoreError;
use super::fallover::{Fallover, Lane, Opened};
use super::feed::{BATCHES, Feed, First, Links};
use super::outcome::{Cause, Damage, DamageKind, Lost, Restored, in_words};
use super::request::{Doing, Progress, Request};
use super::room::{Found, free_at, lies_there, look_at};
use super::selection::Selection;
use super::survey::{StopAsked, Survey, survey};
use super::tree::{Existing, TreeError, TreeWriter};
use super::writing::{Early, Reports, Tally, write};
use crate::model::{Entry, EntryPath, ObjectName, Problem};
use crate::vault::PackNames;

/// Restores a point, or a part of it.
///
/// What can't be had from any place is lost and told, all else is restored.
///
/// # Errors
/// [`RestoreError`]: before anything is written, or where it had to stop.
pub fn restore(request: &Request<'_>) -> Result<Restored, RestoreError> {
    let unusable = |source| TreeError::Target { path: request.target.to_owned(), source };
    let found = look_at(request.target).map_err(unusable)?;
    if found == Found::Filled && request.options.existing == Existing::Keep {
        return Err(RestoreError::NotEmpty(request.target.to_owned()));
    }
    let fallover = Fallover::new(request.places, request.keyring);
    let opened = fallover.manifest(request.job, request.point).map_err(|tried| RestoreError::NoPlace {
        point: request.point,
        tried,
        damage: fallover.damage(),
    })?;
    let mut run = Run { request, fallover: &fallover, opened: &opened, done: Restored::default() };
    let free = free_at(request.target).map_err(unusable)?;
    let survey = run.survey(free)?;
    run.begin(survey)
}

struct Run<'r> {
    request: &'r Request<'r>,
    fallover: &'r Fallover<'r>,
    opened: &'r Opened,
    done: Restored,
}

impl Run<'_> {
    /// What is to be restored; without a look at the entries where the manifest alone tells enough.
    fn survey(&mut self, free: u64) -> Result<Survey, RestoreError> {
        let (request, stats) = (self.request, self.opened.manifest.stats);
        let fits = stats.bytes <= free;
        if request.paths.is_empty() && request.doing == Doing::Write && fits {
            let (files, bytes, entries) = (stats.files, stats.bytes, stats.entries);
            return Ok(Survey { files, bytes, entries, data_bytes: bytes, ..Survey::default() });
        }
        let mut given_back = 0_u64;
        let mut seen = |entry: &Entry| {
            if !fits && request.options.existing == Existing::Replace {
                given_back = given_back.saturating_add(lies_there(request.target, &entry.path));
            }
        };
        let tree = self.fallover.lane(Lane::Tree);
        let found = survey(&self.opened.manifest, &tree, request.paths, request.stop, &mut seen)
            .map_err(|StopAsked| self.stopped())?;
        let room = free.saturating_add(given_back);
        if found.data_bytes > room {
            return Err(RestoreError::NoSpace { needed: found.data_bytes, free });
        }
        Ok(found)
    }

    fn begin(mut self, survey: Survey) -> Result<Restored, RestoreError> {
        let request = self.request;
        self.tell_missed(&survey)?;
        let wanted =
            if request.paths.is_empty() { Selection::All } else { Selection::of(survey.matched.iter().cloned()) };
        if request.doing == Doing::Count {
            (self.done.files, self.done.bytes, self.done.entries) = (survey.files, survey.bytes, survey.entries);
            self.done.gaps = survey.gaps.into_iter().filter(|gap| wanted.touches(&gap.between)).collect();
            return Ok(self.finish());
        }
        let mut tree = TreeWriter::begin(request.target, request.options)?;
        let names = self.fallover.pack_names(&self.opened.manifest);
        let names = names.map_err(|error| (Cause::of(&error), in_words(&error)));
        let at = Progress { entries_total: survey.entries, bytes_total: survey.bytes, ..Progress::default() };
        let mut reports = Reports { stop: request.stop, progress: request.progress, at };
        let firsts = survey.firsts;
        let (tally, ended) = self.pass(&mut tree, &names, &wanted, (Links::Made, firsts), &mut reports);
        self.end(tree);
        let unlinked = self.add(tally, Counted::Everything);
        let ended = match ended {
            Ok(()) if !unlinked.is_empty() => self.copy_unlinked(&unlinked, &names, &mut reports),
            ended => Ok(ended),
        }?;
        match ended {
            Ok(()) => Ok(self.finish()),
            Err(Early::Stopped) => Err(self.stopped()),
            Err(Early::Full(path, source)) => Err(RestoreError::Full { path, source, done: Box::new(self.finish()) }),
        }
    }

    /// Paths that were asked for and did not come by: not in the point, or where it can't be read.
    fn tell_missed(&mut self, survey: &Survey) -> Result<(), RestoreError> {
        let gap_at = |path: &EntryPath| survey.gaps.iter().find(|gap| gap.between.touches(path));
        if !self.request.paths.is_empty()
            && survey.matched.is_empty()
            && !survey.missed.iter().any(|path| gap_at(path).is_some())
        {
            return Err(RestoreError::NothingMatched(survey.missed.clone()));
        }
        for path in &survey.missed {
            match gap_at(path) {
                Some(gap) => self.done.lost.push(Lost { path: path.clone(), cause: gap.cause, why: gap.to_string() }),
                None => self.done.problems.push(Problem::new(path.as_bytes(), "it is not in the point")),
            }
        }
        Ok(())
    }

    /// Once more through the entries, for further names that the target could not link: by their content.
    fn copy_unlinked(
        &mut self,
        paths: &[EntryPath],
        names: &Result<PackNames, (Cause, String)>,
        reports: &mut Reports<'_>,
    ) -> Result<Result<(), Early>, RestoreError> {
        let request = self.request;
        let tree = self.fallover.lane(Lane::Tree);
        let found = survey(&self.opened.manifest, &tree, paths, request.stop, &mut |_| {})
            .map_err(|StopAsked| self.stopped())?;
        let mut tree = TreeWriter::begin(request.target, request.options)?;
        let selection = Selection::of(paths.iter().cloned());
        let (tally, ended) = self.pass(&mut tree, names, &selection, (Links::Copied, found.firsts), reports);
        self.end(tree);
        self.add(tally, Counted::Files);
        Ok(ended)
    }

    /// One pass: reads in a thread of its own, writes in this one.
    fn pass(
        &self,
        tree: &mut TreeWriter,
        names: &Result<PackNames, (Cause, String)>,
        selection: &Selection,
        (links, firsts): (Links, BTreeSet<EntryPath>),
        reports: &mut Reports<'_>,
    ) -> (Tally, Result<(), Early>) {
        let firsts = firsts.into_iter().map(|path| (path, First::default())).collect();
        let feed = Feed {
            fallover: self.fallover,
            manifest: &self.opened.manifest,
            names,
            selection,
            links,
            firsts,
            gaps: Vec::new(),
        };
        let (sender, receiver) = crossbeam_channel::bounded(BATCHES);
        std::thread::scope(|scope| {
            scope.spawn(move || feed.run(sender));
            write(tree, receiver, reports)
        })
    }

    /// Takes a pass into account; gives what it could not link.
    fn add(&mut self, tally: Tally, counted: Counted) -> Vec<EntryPath> {
        let done = &mut self.done;
        done.files += tally.files;
        done.bytes = done.bytes.saturating_add(if counted == Counted::Everything { tally.bytes } else { 0 });
        done.entries += if counted == Counted::Everything { tally.entries } else { tally.files };
        done.problems.extend(tally.problems);
        if tally.more_problems > 0 {
            done.problems.push(Problem::new(b"", format!("and {} more problems", tally.more_problems)));
        }
        done.lost.extend(tally.lost);
        done.more_lost += tally.more_lost;
        if counted == Counted::Everything {
            done.gaps = tally.gaps;
        }
        if let Some(path) = tally.unequal.first() {
            let why = format!("{path} is not what its digest says, and {} more", tally.unequal.len() - 1);
            let object = ObjectName::Point(self.request.job, self.request.point);
            let place = self.opened.place.clone();
            done.damage.push(Damage { place, object, kind: DamageKind::Damaged, why });
        }
        tally.unlinked
    }

    fn end(&mut self, tree: TreeWriter) {
        let ended = tree.end();
        self.done.problems.extend(ended.problems);
        self.done.kept_by_restorer += ended.kept;
    }

    fn stopped(&mut self) -> RestoreError {
        RestoreError::Stopped { done: Box::new(self.finish()) }
    }

    fn finish(&mut self) -> Restored {
        let mut done = std::mem::take(&mut self.done);
        done.from = self.fallover.served();
        done.absent = self.fallover.absent();
        done.damage.extend(self.fallover.damage());
        done
    }
}

/// What of a pass is new to the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Everything,
    /// Folders were counted before, and bytes of further names never are.
    Files,
}

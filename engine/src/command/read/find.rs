//! `engine find`.

use super::ls::exit_of;
use super::names::Names;
use super::placements::Placements;
use super::rows::{Give, give};
use super::sources::{Looking, Sources};
use crate::browse::{Pattern, list};
use crate::catalog::PointRow;
use crate::command::{Call, Context, Exit, Failure};
use crate::format::Manifest;
use crate::model::{DestinationName, JobName, chain};
use crate::report::{EntryReport, FindReport, FoundEntry, NotSearched, PlaceNotThere};
use crate::restore::{Cause, Fallover, Lane};

/// What fits a pattern, in every point that is there, newest first: each find is given as it is found.
///
/// # Errors
/// Exit 2 for a text that is no pattern; exit 1 if keys or catalog can't be used; whatever `rows` fails with. A point
/// that can't be read is in the report.
pub fn find(call: &Call, pattern: &str, rows: Give<'_, FoundEntry>) -> Result<(FindReport, Exit), Failure> {
    let advice = "as in `*.odt`, or `Documents/*/tax*` for whole paths";
    let pattern = Pattern::parse(pattern)
        .map_err(|error| Failure::of("that pattern can't be used", &error, advice).with_exit(Exit::Usage))?;
    let context = Context::open(call)?;
    let installation = &context.installation;
    let (names, placements) =
        (Names::of(&installation.catalog)?, Placements::of(&installation.catalog, &installation.config)?);
    let should_be_there = |point: &&PointRow| placements.rows(point.order).any(|(_, row)| row.state.is_there());
    let points: Vec<&PointRow> = names.points().rev().filter(should_be_there).collect();
    installation.keyring()?;
    let sources = Sources::look(&context)?;
    let looking = sources.begin(&points)?;
    let (report, exit) = (FindReport::default(), Exit::Done);
    let mut search = Search { call, looking: &looking, pattern: &pattern, rows, report, exit };
    for point in points {
        if (call.stop)() {
            search.give_up(point, "it was stopped".to_owned(), Exit::Partial);
            break;
        }
        search.point(point, &names.job(point.job)?)?;
    }
    let not_there = |(name, why): &(_, String)| PlaceNotThere { destination: Clone::clone(name), reason: why.clone() };
    // A destination that was never there holds nothing that could have been found.
    let ever = |name: &DestinationName| placements.media().iter().any(|medium| medium.destination == *name);
    search.report.not_there = sources.away().iter().filter(|(name, _)| ever(name)).map(not_there).collect();
    Ok((search.report, search.exit))
}

struct Search<'s> {
    call: &'s Call,
    looking: &'s Looking<'s>,
    pattern: &'s Pattern,
    rows: Give<'s, FoundEntry>,
    report: FindReport,
    exit: Exit,
}

impl Search<'_> {
    fn point(&mut self, point: &PointRow, job: &JobName) -> Result<(), Failure> {
        let fallover = self.looking.source(point)?;
        match self.looking.open(&fallover, point) {
            Ok(opened) => {
                self.entries(&fallover, &opened.manifest, point, job)?;
                self.looking.end(&fallover, point)
            }
            Err(failure) => {
                let exit = if failure.exit == Exit::Damage { Exit::Damage } else { Exit::Partial };
                self.give_up(point, failure.why, exit);
                Ok(())
            }
        }
    }

    fn entries(
        &mut self,
        fallover: &Fallover<'_>,
        manifest: &Manifest,
        point: &PointRow,
        job: &JobName,
    ) -> Result<(), Failure> {
        for entry in list(&fallover.lane(Lane::Tree), manifest, None) {
            match entry {
                Ok(entry) if self.pattern.fits(&entry.path) => {
                    let (point, created, entry) = (point.id, point.created, EntryReport::from(&entry));
                    give(self.call, self.rows, &FoundEntry { point, job: job.clone(), created, entry })?;
                }
                Ok(_) => {}
                Err(error) => self.give_up(point, chain(&error), exit_of(Cause::of(&error.source))),
            }
        }
        Ok(())
    }

    fn give_up(&mut self, point: &PointRow, reason: String, exit: Exit) {
        self.report.not_searched.push(NotSearched { point: point.id, reason });
        self.exit = self.exit.and(exit);
    }
}

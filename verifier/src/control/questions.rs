//! What a job may ask of a database, asked of a small one: a good answer passes; a stale row, a missing table, column
//! or file, and a wrong or writing query do not. And what this job does ask, of a broken copy of what answered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::config::{Databases, JobProbe, NewestProbe, QueryProbe, Reply};
use engine::model::Time;
use jiff::tz::TimeZone;

use super::Control;
use crate::probe::question::{Questions, Tally};
use crate::probe::{Budget, Limits, ProbeKind};
use crate::verdict::ProbeVerdict;

/// The time in the sample's one row, and that of the point which it is in, an hour later.
const ROW: &str = "2026-01-01 12:00:00";
const POINT: Time = Time::from_seconds(1_767_272_400);
const TIME_LIMIT: Duration = Duration::from_secs(600);

pub(super) fn run(control: &Control<'_>) -> Result<Vec<String>, String> {
    let file = control.folder.join("asked.db");
    write(&file).map_err(|error| error.to_string())?;
    let mut missed = Vec::new();
    for (what, probe) in [
        ("newest", newest("moment", "at", 2)),
        ("query", query("select count(*) = 1 from moment", Reply::True)),
        ("number of rows", query("select at from moment", Reply::Rows { min: 1, max: Some(1) })),
    ] {
        if !is(control, &probe, Some(&file), ProbeVerdict::Pass) {
            missed.push(format!("a good {what} does not pass"));
        }
    }
    for (what, probe, file) in [
        ("a stale newest row", newest("moment", "at", 0), Some(&file)),
        ("a missing table", newest("other", "at", 2), Some(&file)),
        ("a missing column", newest("moment", "other", 2), Some(&file)),
        ("a missing database", newest("moment", "at", 2), None),
        ("a query that is not true", query("select count(*) = 2 from moment", Reply::True), Some(&file)),
        ("a missing row", query("select at from moment", Reply::Rows { min: 2, max: None }), Some(&file)),
        ("a query of a missing table", query("select 1 from other", Reply::True), Some(&file)),
        ("a query that writes", query("insert into moment values (1) returning 1", Reply::True), Some(&file)),
        ("a query of a missing database", query("select count(*) = 1 from moment", Reply::True), None),
    ] {
        if !is(control, &probe, file, ProbeVerdict::Fail) {
            missed.push(format!("{what} was not noticed"));
        }
    }
    Ok(missed)
}

/// Does all that the job asks of this kind fail, with a broken copy in the place of the file that answered?
pub(super) fn fail(control: &Control<'_>, asked: ProbeKind, (kind, path): (ProbeKind, &[u8]), copy: &Path) -> bool {
    let probes = control.probes.iter().filter(|probe| probe.kind() == asked.as_str());
    let probes: Vec<JobProbe> = probes.cloned().collect();
    let questions = Questions { probes: &probes, created: control.created, path };
    come_to(control, questions, Some((kind, copy)), ProbeVerdict::Fail)
}

/// Does a drill of that database, or of none, come to that?
fn is(control: &Control<'_>, probe: &JobProbe, file: Option<&PathBuf>, verdict: ProbeVerdict) -> bool {
    let questions = Questions { probes: std::slice::from_ref(probe), created: POINT, path: b"asked.db" };
    come_to(control, questions, file.map(|file| (ProbeKind::Sqlite, file.as_path())), verdict)
}

fn come_to(
    control: &Control<'_>,
    questions: Questions<'_>,
    file: Option<(ProbeKind, &Path)>,
    verdict: ProbeVerdict,
) -> bool {
    let mut tally = Tally::new(questions.probes);
    let mut responses = Vec::new();
    if let Some((kind, file)) = file {
        let budget = Budget::start(control.clock, Limits::default());
        let (outcome, answers) = (control.checks.ask)(&questions, kind, file, control.work, &budget);
        tally.take(questions.path, kind, outcome.verdict, &answers);
        responses = answers;
    }
    responses.extend(tally.unanswered());
    !responses.is_empty() && responses.iter().all(|response| response.outcome.verdict == verdict)
}

fn write(file: &Path) -> rusqlite::Result<()> {
    let connection = rusqlite::Connection::open(file)?;
    connection.execute_batch(&format!("create table moment (at text); insert into moment values ('{ROW}');"))?;
    connection.close().map_err(|(_, error)| error)
}

/// `hours` before the point at most.
fn newest(table: &str, column: &str, hours: u64) -> JobProbe {
    let (table, column, within) = (table.to_owned(), column.to_owned(), Duration::from_secs(hours * 3600 + 1));
    let (zone, of, time_limit) = (TimeZone::UTC, Databases::All, TIME_LIMIT);
    JobProbe::Newest(NewestProbe { table, column, within: Some(within), zone, of, time_limit })
}

fn query(query: &str, expect: Reply) -> JobProbe {
    JobProbe::Query(QueryProbe { query: query.to_owned(), expect, of: Databases::All, time_limit: TIME_LIMIT })
}

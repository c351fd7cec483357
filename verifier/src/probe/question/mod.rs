//! What a job asks of the databases that a drill opens: when the newest row of a table was written, and queries.
//!
//! In: what is configured, the point's time, and databases that are open and were found good. Out: a [`Response`] of
//! each database that knows what is named, and one for each question that none of a point's databases could answer.
//! Invariants: nothing of rows stands in a report but the newest one's time; a question that nothing answers never
//! passes; a database is only read; times are compared with the point's, so that a drill of the same point always ends
//! the same.

mod moment;

use engine::config::{Databases, JobProbe, NewestProbe, QueryProbe, Reply};
use engine::model::Time;

use super::budget::Budget;
use super::{Answer, Finding, Outcome, ProbeKind, broken, shown, unable};
use crate::report::{moment as day_and_time, number, span};
use crate::verdict::ProbeVerdict;

/// Rows that are looked at of a query that is to give one value.
pub(super) const VALUES: usize = 2;
/// So much of a query is told.
const QUERY_CHARS: usize = 120;
/// So long after the point a row may be, if `within` is less: the capture took its time, and clocks differ.
const AHEAD_SECONDS: u64 = 86_400;

/// What is asked of one file.
#[derive(Debug, Clone, Copy)]
pub struct Questions<'q> {
    /// All that the job asks; commands are not asked here.
    pub probes: &'q [JobProbe],
    /// As of when the point is.
    pub created: Time,
    /// The file's path in the point.
    pub path: &'q [u8],
}

impl Questions<'_> {
    /// Nothing.
    pub const NONE: Questions<'static> = Questions { probes: &[], created: Time { seconds: 0, nanos: 0 }, path: b"" };
}

/// What came of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Which of the job's probes it was.
    pub number: usize,
    /// What it was.
    pub kind: ProbeKind,
    /// Is it as it should be?
    pub outcome: Outcome,
}

/// What a file is, and what came of the questions about it.
pub type Looked = (Outcome, Vec<Response>);

/// A table or view that has the name.
pub(super) struct Table {
    /// Quoted, with what it is in.
    pub name: String,
    /// Quoted; none if it has no such column.
    pub column: Option<String>,
    /// What its times mean, and do not say.
    pub zone: &'static str,
}

/// What a query gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// The first [`VALUES`] rows.
    Values(Vec<String>),
    /// So many rows.
    Rows(u64),
}

/// A database that is open. It is never written to.
pub(super) trait Database {
    /// Its name, if the file may hold several.
    fn name(&self) -> Option<&str>;
    /// Every table and view of that name.
    fn tables(&mut self, probe: &NewestProbe, budget: &Budget) -> Result<Vec<Table>, Finding>;
    /// The greatest value of a column, as text; none if all are null.
    fn greatest(&mut self, table: &str, column: &str, budget: &Budget) -> Result<Option<String>, Finding>;
    /// What a query gives; none if it names a table that is not here.
    fn given(&mut self, query: &str, expect: Reply, budget: &Budget) -> Result<Option<Given>, Finding>;
}

/// Asks a database all that it is to be asked.
pub(super) fn ask(questions: &Questions<'_>, database: &mut dyn Database, budget: &Budget) -> Vec<Response> {
    let mut responses = Vec::new();
    for (number, probe) in questions.probes.iter().enumerate() {
        let (kind, time_limit) = match probe {
            JobProbe::Newest(newest) => (ProbeKind::Newest, newest.time_limit),
            JobProbe::Query(query) => (ProbeKind::Query, query.time_limit),
            JobProbe::Command(_) => continue,
        };
        if !of(probe).has(questions.path) {
            continue;
        }
        let budget = budget.part(time_limit);
        let answers = match probe {
            JobProbe::Newest(newest) => ask_newest(newest, questions.created, database, &budget),
            JobProbe::Query(query) => ask_query(query, database, &budget).into_iter().collect(),
            JobProbe::Command(_) => Vec::new(),
        };
        let name = database.name().map_or_else(String::new, |name| format!("database {}: ", shown(name)));
        for answer in answers {
            let outcome: Outcome = within_time(answer, &budget, time_limit.as_secs()).into();
            let detail = format!("{name}{}: {}", what(probe), outcome.detail);
            responses.push(Response { number, kind, outcome: Outcome { detail, words: budget.heard(), ..outcome } });
        }
    }
    responses
}

fn within_time(answer: Answer, budget: &Budget, limit: u64) -> Answer {
    match budget.overrun() {
        Some(why) if why.contains("told to stop") => Err(unable(why)),
        Some(_) => Err(unable(format!("it took longer than {limit} s and was ended"))),
        None => answer,
    }
}

fn of(probe: &JobProbe) -> &Databases {
    match probe {
        JobProbe::Newest(NewestProbe { of, .. }) | JobProbe::Query(QueryProbe { of, .. }) => of,
        JobProbe::Command(_) => &Databases::All,
    }
}

/// What was asked, as reports have it.
fn what(probe: &JobProbe) -> String {
    match probe {
        JobProbe::Newest(NewestProbe { table, column, .. }) => {
            format!("newest row of {}.{}", shown(table), shown(column))
        }
        JobProbe::Query(QueryProbe { query, .. }) => {
            let line: String = query.split_whitespace().collect::<Vec<_>>().join(" ");
            let head: String = line.chars().filter(|one| !one.is_control()).take(QUERY_CHARS).collect();
            let more = if head.len() < line.len() { "…" } else { "" };
            format!("`{head}{more}`")
        }
        JobProbe::Command(_) => "a command".to_owned(),
    }
}

fn ask_newest(probe: &NewestProbe, created: Time, database: &mut dyn Database, budget: &Budget) -> Vec<Answer> {
    let tables = match database.tables(probe, budget) {
        Ok(tables) => tables,
        Err(finding) => return vec![Err(finding)],
    };
    let ask = |Table { name, column, zone }: Table| {
        let column = column.ok_or_else(|| broken("the table has no such column"))?;
        let text = database.greatest(&name, &column, budget)?;
        judge_newest(probe, text.map(|text| text + zone).as_deref(), created, budget)
    };
    tables.into_iter().map(ask).collect()
}

fn judge_newest(probe: &NewestProbe, text: Option<&str>, created: Time, budget: &Budget) -> Answer {
    let text = text.ok_or_else(|| broken("no row has a time"))?;
    let at = moment::read(text, &probe.zone).ok_or_else(|| {
        // It may be anything that lies in a row: for a terminal.
        budget.hear("newest", &super::sandbox::last_words(text));
        broken("the greatest that the column holds is no time")
    })?;
    let (before, after) = (created.since(at), at.since(created));
    let (apart, way) = if after.is_zero() { (before, "before") } else { (after, "after") };
    let told = format!("{} ({} {way} the point)", day_and_time(&at.text()), span(apart.as_secs()));
    match probe.within {
        Some(within) if before > within => Err(broken(format!("{told}, expected: within {}", span(within.as_secs())))),
        Some(within) if after.as_secs() > AHEAD_SECONDS.max(within.as_secs()) => {
            Err(broken(format!("{told}: a time to come shows nothing, name a column of when rows are written")))
        }
        _ => Ok(told),
    }
}

fn ask_query(probe: &QueryProbe, database: &mut dyn Database, budget: &Budget) -> Option<Answer> {
    let given = database.given(&probe.query, probe.expect, budget).transpose()?;
    Some(given.and_then(|given| judge_query(probe.expect, &given, budget)))
}

fn judge_query(expect: Reply, given: &Given, budget: &Budget) -> Answer {
    let unlike = |expected: String| Err(broken(format!("not as expected: {expected}")));
    match (expect, given) {
        (Reply::True, Given::Values(values)) => {
            budget.hear("query", &super::sandbox::last_words(&values.join("\n")));
            match &values[..] {
                [value] if is_true(value) => Ok("as expected: true".to_owned()),
                [_] => unlike("true".to_owned()),
                [] => unlike("one row, and there was none".to_owned()),
                _ => unlike("one row, and there were more".to_owned()),
            }
        }
        (Reply::Rows { min, max }, Given::Rows(rows)) => {
            budget.hear("query", &number(*rows, "row"));
            let expected = match max {
                Some(max) if max == min => number(max, "row"),
                Some(max) => format!("{min} to {}", number(max, "row")),
                None => format!("{} or more", number(min, "row")),
            };
            if expect.has(*rows) { Ok(format!("as expected: {expected}")) } else { unlike(expected) }
        }
        _ => Err(unable("this reply is not understood: this is a defect")),
    }
}

/// As databases write it, or a number that is not 0.
fn is_true(value: &str) -> bool {
    let value = value.trim().trim_matches(['<', '>']).to_ascii_lowercase();
    let is_number = |number: f64| number.is_finite() && number != 0.0;
    matches!(value.as_str(), "t" | "true") || value.parse().is_ok_and(is_number)
}

/// Which questions were answered by the databases of a point, and by how many of them not.
#[derive(Debug)]
pub struct Tally<'q> {
    probes: &'q [JobProbe],
    counts: Vec<Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    answers: u64,
    opened: u64,
    /// Nobody could say whether they open.
    skipped: u64,
}

impl<'q> Tally<'q> {
    /// No database yet.
    #[must_use]
    pub fn new(probes: &'q [JobProbe]) -> Self {
        Self { probes, counts: vec![Counts::default(); probes.len()] }
    }

    /// What is to be asked of a file.
    #[must_use]
    pub const fn questions<'p>(&self, path: &'p [u8], created: Time) -> Questions<'p>
    where
        'q: 'p,
    {
        Questions { probes: self.probes, created, path }
    }

    /// Takes note of a file.
    pub fn take(&mut self, path: &[u8], kind: ProbeKind, verdict: ProbeVerdict, responses: &[Response]) {
        for (number, counts) in self.counts.iter_mut().enumerate() {
            if kind.is_database() && of(&self.probes[number]).has(path) {
                counts.opened += u64::from(verdict == ProbeVerdict::Pass);
                counts.skipped += u64::from(verdict == ProbeVerdict::Skipped);
                counts.answers += responses.iter().filter(|response| response.number == number).count() as u64;
            }
        }
    }

    /// Questions that no database answered: they fail, or are skipped where a database could not be opened here.
    #[must_use]
    pub fn unanswered(&self) -> Vec<Response> {
        let of = |(number, counts): (usize, &Counts)| {
            let probe = &self.probes[number];
            let (kind, lacks) = match probe {
                JobProbe::Newest(_) => (ProbeKind::Newest, "no such table"),
                JobProbe::Query(_) => (ProbeKind::Query, "what it names is not"),
                JobProbe::Command(_) => return None,
            };
            (counts.answers == 0).then(|| Response { number, kind, outcome: no_answer(probe, *counts, lacks).into() })
        };
        self.counts.iter().enumerate().filter_map(of).collect()
    }
}

fn no_answer(probe: &JobProbe, counts: Counts, lacks: &str) -> Answer {
    let Counts { opened, skipped, .. } = counts;
    let within = match of(probe) {
        Databases::All => String::new(),
        Databases::In(file) => format!(" in `{}`", shown(file)),
    };
    let what = what(probe);
    let told = match opened {
        0 => format!("{what}: no database{within} opened"),
        _ => format!("{what}: {lacks} in {}{within} that opened", number(opened, "database")),
    };
    match skipped {
        0 => Err(broken(told)),
        _ => Err(unable(format!("{told}, and {skipped} could not be tried"))),
    }
}

#[cfg(test)]
mod tests;

//! What tells whether that which a drill restored is good: a command, the newest row of a table, a query.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::error::{Wrong, quoted};
use super::hooks::{Hook, hook};
use super::quantity::duration;
use super::reader::Read;
use super::table::{Item, Table};

/// How long one may take, if nothing else is said.
const TIME_LIMIT: Duration = Duration::from_secs(600);
/// Of these each probe has one.
const KINDS: [&str; 3] = ["command", "newest", "query"];
const ALLOWED: &str = "a table with `command`, `newest` or `query`, or a list of such tables";
const REPLIES: &str = "\"true\", or a number of rows such as \"rows 1..\", \"rows 3\" or \"rows 0..10\"";

/// What a drill asks of what it restored a point of the job into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobProbe {
    /// A program in the folder.
    Command(CommandProbe),
    /// When the newest row was written, of each database that has the table.
    Newest(NewestProbe),
    /// A query to each database that knows what it names.
    Query(QueryProbe),
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandProbe {
    /// With its arguments.
    pub command: Hook,
    /// The exit status that means good.
    pub expect: u8,
    /// How long it may take.
    pub time_limit: Duration,
}

/// The newest row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestProbe {
    /// The table, or view.
    pub table: String,
    /// Its column of times.
    pub column: String,
    /// So long before the point at most; only told if none.
    pub within: Option<Duration>,
    /// The zone of times that name none.
    pub zone: TimeZone,
    /// Which databases are asked.
    pub of: Databases,
    /// How long it may take.
    pub time_limit: Duration,
}

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryProbe {
    /// One statement.
    pub query: String,
    /// The reply that means good.
    pub expect: Reply,
    /// Which databases are asked.
    pub of: Databases,
    /// How long it may take.
    pub time_limit: Duration,
}

/// Which of a point's databases are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Databases {
    /// All that a drill opens.
    All,
    /// Those in files whose path in the point has this in it, from name to name.
    In(String),
}

/// What a query is to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// One value that is true, or a number that is not 0.
    True,
    /// So many rows.
    Rows {
        /// At least.
        min: u64,
        /// At most; no bound if none.
        max: Option<u64>,
    },
}

impl JobProbe {
    /// As the configuration names it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Command(_) => KINDS[0],
            Self::Newest(_) => KINDS[1],
            Self::Query(_) => KINDS[2],
        }
    }
}

impl Databases {
    /// Is the database in that file one of them?
    #[must_use]
    pub fn has(&self, path: &[u8]) -> bool {
        let Self::In(file) = self else { return true };
        let names = |path: &[u8]| [b"/", path, b"/"].concat();
        let wanted = names(file.as_bytes());
        names(path).windows(wanted.len()).any(|part| part == wanted)
    }
}

impl Reply {
    /// Is that number of rows good?
    #[must_use]
    pub fn has(self, rows: u64) -> bool {
        matches!(self, Self::Rows { min, max } if rows >= min && max.is_none_or(|max| rows <= max))
    }
}

/// Reads `probe` of a job: one table, or a list of them.
pub(super) fn probes(item: &Item<'_>) -> Read<Vec<JobProbe>> {
    if item.is_list() { item.some(ALLOWED, |item| probe(&item)) } else { probe(item).map(|probe| vec![probe]) }
}

fn probe(item: &Item<'_>) -> Read<JobProbe> {
    let mut table = item.table("`probe`")?;
    let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| table.has(kind)).collect();
    let probe = match kinds[..] {
        ["command"] => command(&mut table).map(JobProbe::Command),
        ["newest"] => newest(&mut table).map(JobProbe::Newest),
        [_] => query(&mut table).map(JobProbe::Query),
        [] => return nothing(item, table),
        [first, second, ..] => {
            let what = format!("`probe` has both `{first}` and `{second}`");
            return item.wrong(Wrong::new(what, "one of them in each table; several probes are a list of tables"));
        }
    };
    table.finish()?;
    probe
}

/// A key that nobody knows is likely to be one of the three, misspelt.
fn nothing(item: &Item<'_>, mut table: Table<'_>) -> Read<JobProbe> {
    KINDS.into_iter().for_each(|kind| drop(table.take(kind)));
    table.finish()?;
    item.wrong(Wrong::new("`probe` has no `command`, `newest` or `query`", ALLOWED))
}

fn command(table: &mut Table<'_>) -> Read<CommandProbe> {
    let command = table.required("command", "command = [\"/usr/local/bin/check\", \".\"]", |item| hook(&item));
    let expect = table.or("expect", 0, |item| item.parse(status));
    let time_limit = time_limit(table);
    Ok(CommandProbe { command: command?, expect: expect?, time_limit: time_limit? })
}

fn newest(table: &mut Table<'_>) -> Read<NewestProbe> {
    let example = "newest = { table = \"orders\", column = \"created_at\", within = \"1d\" }";
    let row = table.required("newest", example, |item| {
        let mut row = item.table("`newest`")?;
        let table = row.required("table", "table = \"orders\"", |item| item.parse(words));
        let column = row.required("column", "column = \"created_at\"", |item| item.parse(words));
        let within = row.optional("within", |item| some_time(&item, "no row is so new"));
        let zone = row.or("time-zone", TimeZone::UTC, |item| item.parse(zone));
        row.finish()?;
        Ok((table?, column?, within?, zone?))
    });
    let (of, time_limit) = (databases(table), time_limit(table));
    let (table, column, within, zone) = row?;
    Ok(NewestProbe { table, column, within, zone, of: of?, time_limit: time_limit? })
}

fn query(table: &mut Table<'_>) -> Read<QueryProbe> {
    let example = "query = \"select count(*) > 1000 from orders\"";
    let query = table.required("query", example, |item| item.parse(words));
    let expect = table.or("expect", Reply::True, |item| item.parse(reply));
    let (of, time_limit) = (databases(table), time_limit(table));
    Ok(QueryProbe { query: query?, expect: expect?, of: of?, time_limit: time_limit? })
}

fn databases(table: &mut Table<'_>) -> Read<Databases> {
    table.or("in", Databases::All, |item| {
        let path = item.parse(words)?.trim_matches('/').to_owned();
        let nothing =
            || Wrong::new("`in` names nothing", "a path in the point, or a part of it, such as \"app/ledger.db\"");
        if path.is_empty() { item.wrong(nothing()) } else { Ok(Databases::In(path)) }
    })
}

fn time_limit(table: &mut Table<'_>) -> Read<Duration> {
    table.or("time-limit", TIME_LIMIT, |item| some_time(&item, "no command can end in no time"))
}

fn some_time(item: &Item<'_>, none: &str) -> Read<Duration> {
    let span = item.parse(duration)?;
    if span.is_zero() { item.wrong(Wrong::new(none, "such as \"10m\"")) } else { Ok(span) }
}

fn words(text: &str) -> Result<String, Wrong> {
    let good = !text.trim().is_empty() && !text.contains('\0');
    good.then(|| text.to_owned()).ok_or_else(|| Wrong::new("it is empty or holds a NUL", "some text"))
}

fn zone(text: &str) -> Result<TimeZone, Wrong> {
    let wrong =
        |_| Wrong::new(format!("{} is no time zone", quoted(text)), "a name such as \"Europe/Berlin\" or \"UTC\"");
    TimeZone::get(text).map_err(wrong)
}

fn status(text: &str) -> Result<u8, Wrong> {
    let status = text.strip_prefix("exit ").and_then(|number| number.parse().ok());
    let wrong = || Wrong::new(format!("{} can't be expected", quoted(text)), "\"exit 0\", or another status up to 255");
    status.ok_or_else(wrong)
}

fn reply(text: &str) -> Result<Reply, Wrong> {
    let rows = |text: &str| {
        let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
        let (min, max) = match text.split_once("..") {
            None => (number(text)?, Some(number(text)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (if min.is_empty() { 0 } else { number(min)? }, Some(number(max)?)),
        };
        max.is_none_or(|max| min <= max).then_some(Reply::Rows { min, max })
    };
    let reply = if text == "true" { Some(Reply::True) } else { text.strip_prefix("rows ").and_then(rows) };
    reply.ok_or_else(|| Wrong::new(format!("{} can't be expected", quoted(text)), REPLIES))
}

//! What a job asks of a database, which is made one that can't be written first.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use engine::config::{NewestProbe, Reply};

use super::super::budget::Budget;
use super::super::question::{Database, Given, Table, VALUES};
use super::super::sandbox::{Sandbox, at};
use super::super::{Asked, Finding, broken, unable};
use super::{USER, isql};

/// How `isql` begins to tell an error; behind it stands the SQLSTATE.
const FAILED: &str = "Statement failed, SQLSTATE = ";
/// That of a table that is not there (Firebird, appendix B).
const NO_TABLE: &str = "42S02";
/// How it says that a database can't be written (`isc_read_only_database`).
const WRITES: &str = "read-only database";
/// How it ends to tell how many rows there were.
const ROWS: &str = "Records affected: ";

pub(super) fn ask_all(
    sandbox: &Sandbox<'_>,
    gfix: &Path,
    budget: &Budget,
    asked: &mut Asked<'_>,
) -> Result<(), Finding> {
    if !asked.is_wanted() {
        return Ok(());
    }
    let words = ["-mode", "read_only"];
    let made = sandbox.call(gfix).words(words).words(USER).words([at(sandbox, "restored.fdb")]).run()?;
    let ready = match made.is_good() && made.words().is_empty() {
        true => isql(),
        false => Err(unable(format!("it can't be made read-only: gfix: {}", made.how()))),
    };
    asked.ask(&mut Held { sandbox, ready }, budget);
    Ok(())
}

struct Held<'s> {
    sandbox: &'s Sandbox<'s>,
    /// What it is asked with.
    ready: Result<PathBuf, Finding>,
}

impl Held<'_> {
    /// What a query prints, without empty lines; none if it names a table that is not here.
    fn ask(&self, query: &str, budget: &Budget) -> Result<Option<Vec<String>>, Finding> {
        let call = self.sandbox.call(self.ready.as_ref().map_err(Clone::clone)?);
        let call = call.words(["-q", "-b", "-ch", "UTF8"]).words(USER).words([at(self.sandbox, "restored.fdb")]);
        let said = call.by(budget).text(&format!("set heading off;\n{query}\n;\n"))?.run()?;
        let state = said.errors.lines().find_map(|line| line.strip_prefix(FAILED));
        match state {
            None if said.is_good() => {
                let lines = said.out.lines().map(str::trim).filter(|line| !line.is_empty());
                Ok(Some(lines.map(str::to_owned).collect()))
            }
            None => Err(Finding::Broken(format!("isql: {}", said.how()))),
            Some(NO_TABLE) => Ok(None),
            Some(_) if said.errors.lines().any(|line| line.trim_end().ends_with(WRITES)) => {
                Err(broken("it does more than read"))
            }
            Some(state) => {
                let state: String = state.chars().filter(char::is_ascii_alphanumeric).take(5).collect();
                Err(Finding::Broken(format!("isql: SQLSTATE {state}")))
            }
        }
    }
}

impl Database for Held<'_> {
    fn name(&self) -> Option<&str> {
        None
    }

    /// As it is written, or else as the server folds what is not quoted.
    fn tables(&mut self, probe: &NewestProbe, budget: &Budget) -> Result<Vec<Table>, Finding> {
        let [table, column] = [&probe.table, &probe.column].map(|name| (literal(name), literal(&folded(name))));
        let query = format!(
            "select first 1 iif(trim(r.rdb$relation_name) = {0}, 'exact', 'folded') || ' ' || coalesce((\
             select first 1 iif(trim(f.rdb$field_name) = {2}, 'exact', 'folded') from rdb$relation_fields f \
             where f.rdb$relation_name = r.rdb$relation_name and f.rdb$field_name in ({2}, {3}) \
             order by iif(trim(f.rdb$field_name) = {2}, 0, 1)), 'none') from rdb$relations r \
             where r.rdb$relation_name in ({0}, {1}) and coalesce(r.rdb$system_flag, 0) = 0 \
             order by iif(trim(r.rdb$relation_name) = {0}, 0, 1)",
            table.0, table.1, column.0, column.1
        );
        let name = |is: &str, name: &str| match is {
            "exact" => Some(quoted(name)),
            "folded" => Some(quoted(&folded(name))),
            _ => None,
        };
        let of = |line: &String| {
            let (table, column) = line.split_once(' ')?;
            Some(Table { name: name(table, &probe.table)?, column: name(column.trim(), &probe.column), zone: "" })
        };
        Ok(self.ask(&query, budget)?.unwrap_or_default().iter().filter_map(of).collect())
    }

    fn greatest(&mut self, table: &str, column: &str, budget: &Budget) -> Result<Option<String>, Finding> {
        let query = format!("select cast(max({column}) as varchar(200)) from {table}");
        let lines = self.ask(&query, budget)?.unwrap_or_default();
        Ok(Some(lines.join("\n")).filter(|value| value != "<null>"))
    }

    fn given(&mut self, query: &str, expect: Reply, budget: &Budget) -> Result<Option<Given>, Finding> {
        let query = query.trim_end_matches(|one: char| one.is_whitespace() || one == ';');
        if expect == Reply::True {
            let lines = self.ask(query, budget)?;
            return Ok(lines.map(|lines| Given::Values(lines.into_iter().take(VALUES).collect())));
        }
        let Some(lines) = self.ask(&format!("set count on;\n{query}"), budget)? else { return Ok(None) };
        let rows = lines.last().and_then(|line| line.strip_prefix(ROWS)?.parse().ok());
        rows.map(|rows| Some(Given::Rows(rows))).ok_or_else(|| broken("it is no single query"))
    }
}

fn folded(name: &str) -> String {
    name.to_ascii_uppercase()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("_utf8 x'{}'", HEXLOWER.encode(text.as_bytes()))
}

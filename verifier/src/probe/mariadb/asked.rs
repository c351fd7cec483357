//! What a job asks of the databases of a server, each in a session that can't write.

use data_encoding::{HEXLOWER, HEXUPPER};
use engine::config::{NewestProbe, Reply};

use super::super::budget::Budget;
use super::super::question::{Database, Given, Table, VALUES};
use super::super::{Asked, Finding, broken};
use super::{OWN, RESTORED, Server, finding, of_line};

/// A table that is not there, and what can't be done in a transaction that only reads (MariaDB error codes).
const NO_TABLE: u32 = 1146;
const WRITES: u32 = 1792;
/// What every question begins with.
const FIRST: &str = "set session transaction read only;\nset time_zone = '+00:00';\nstart transaction read only;\n";

impl Server<'_, '_> {
    /// Asks each database that holds anything.
    pub(super) fn ask_all(&self, budget: &Budget, asked: &mut Asked<'_>) -> Result<(), Finding> {
        if !asked.is_wanted() {
            return Ok(());
        }
        let held = "select distinct hex(table_schema) from information_schema.tables where table_schema not in";
        for name in self.ask(&format!("{held} ({OWN}) order by 1;"))? {
            let database = plain(&name).ok_or_else(|| broken("a database without a name that can be read"))?;
            asked.ask(&mut Held { server: self, database }, budget);
        }
        Ok(())
    }
}

struct Held<'s> {
    server: &'s Server<'s, 's>,
    database: String,
}

impl Held<'_> {
    /// What queries print; none if they name a table that is not here.
    fn ask(&self, queries: &str, budget: &Budget) -> Result<Option<Vec<String>>, Finding> {
        let call = self.server.client("mariadb")?.words(["-N", "-B", "--binary-mode", "--loose-sandbox"]);
        let call = call.words([format!("--database={}", self.database)]);
        let said = call.by(budget).text(&format!("{FIRST}{queries}\n;\n"))?.run()?;
        if said.is_good() {
            return Ok(Some(said.out.lines().map(str::to_owned).collect()));
        }
        match said.errors.lines().find_map(of_line) {
            Some((NO_TABLE, ..)) => Ok(None),
            Some((WRITES, ..)) => Err(broken("it does more than read")),
            _ => Err(finding("the server", &said)),
        }
    }
}

impl Database for Held<'_> {
    fn name(&self) -> Option<&str> {
        Some(self.database.as_str()).filter(|name| *name != RESTORED)
    }

    fn tables(&mut self, probe: &NewestProbe, budget: &Budget) -> Result<Vec<Table>, Finding> {
        let query = format!(
            "select hex(t.table_name), coalesce(hex(c.column_name), ''), coalesce(c.data_type, '') \
             from information_schema.tables t left join information_schema.columns c \
             on c.table_schema = t.table_schema and c.table_name = t.table_name and c.column_name = {} \
             where t.table_schema = {} and t.table_name = {}",
            literal(&probe.column),
            literal(&self.database),
            literal(&probe.table),
        );
        let lines = self.ask(&query, budget)?.unwrap_or_default();
        let mut found: Vec<_> = lines.iter().filter_map(|line| of_columns(line)).collect();
        // Names differ by case alone where the server's own files do.
        found.sort_by_key(|(table, _, _)| *table != probe.table);
        let of = |(table, column, kind): (String, Option<String>, String)| Table {
            name: format!("{}.{}", quoted(&self.database), quoted(&table)),
            column: column.as_deref().map(quoted),
            zone: if kind.eq_ignore_ascii_case("timestamp") { "+00:00" } else { "" },
        };
        Ok(found.into_iter().take(1).map(of).collect())
    }

    fn greatest(&mut self, table: &str, column: &str, budget: &Budget) -> Result<Option<String>, Finding> {
        let query = format!("select max({column}) is null, max({column}) from {table}");
        let lines = self.ask(&query, budget)?.unwrap_or_default();
        let value = lines.first().and_then(|line| line.strip_prefix("0\t"));
        Ok(value.map(str::to_owned))
    }

    fn given(&mut self, query: &str, expect: Reply, budget: &Budget) -> Result<Option<Given>, Finding> {
        let query = query.trim_end_matches(|one: char| one.is_whitespace() || one == ';');
        if expect == Reply::True {
            let lines = self.ask(query, budget)?;
            return Ok(lines.map(|lines| Given::Values(lines.into_iter().take(VALUES).collect())));
        }
        let Some(lines) = self.ask(&format!("{query}\n;\nselect found_rows()"), budget)? else { return Ok(None) };
        let rows = lines.last().and_then(|line| line.parse().ok());
        rows.map(|rows| Some(Given::Rows(rows))).ok_or_else(|| broken("it is no single query"))
    }
}

/// A table's name, its column's and that one's type.
fn of_columns(line: &str) -> Option<(String, Option<String>, String)> {
    let mut parts = line.split('\t');
    let (table, column) = (plain(parts.next()?)?, parts.next()?);
    let column = if column.is_empty() { None } else { Some(plain(column)?) };
    Some((table, column, parts.next()?.to_owned()))
}

fn plain(hex: &str) -> Option<String> {
    HEXUPPER.decode(hex.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text that no mode of the server reads in another way.
fn literal(text: &str) -> String {
    format!("_utf8 x'{}'", HEXLOWER.encode(text.as_bytes()))
}
